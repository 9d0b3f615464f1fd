package config

import (
	"errors"
	"math"
	"strconv"
	"strings"
)

// Size is a number of bytes, written with a unit (KiB, MiB, GiB, TiB, or KB, MB, GB, TB for powers of ten) or without.
type Size int64

var units = []struct {
	name  string
	bytes float64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
	{"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1}, {"", 1},
}

// Decode reads a size for envconfig.
func (s *Size) Decode(value string) error {
	value = strings.TrimSpace(value)
	for _, u := range units {
		number, found := strings.CutSuffix(value, u.name)
		if !found {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if err != nil || math.IsNaN(n) || n < 0 || n*u.bytes >= math.MaxInt64 {
			break
		}
		*s = Size(n * u.bytes)
		return nil
	}
	return errors.New("not a size")
}

func (s Size) String() string { return strconv.FormatInt(int64(s), 10) }
