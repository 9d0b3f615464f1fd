package main

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	asteriskconf "metaflows/asterisk-conf"
)

// keptPasswords are the phones' passwords, by name, of a file that is made at the first time.
func keptPasswords(path string) (map[string]string, error) {
	passwords := map[string]string{}
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, err
	default:
		if err := json.Unmarshal(text, &passwords); err != nil {
			return nil, fmt.Errorf("%s: %w; remove it to get new passwords", path, err)
		}
	}
	for _, p := range asteriskconf.Phones() {
		if passwords[p.Name] == "" {
			passwords[p.Name] = strings.ToLower(rand.Text()[:16]) // 80 bits
		}
	}
	text, err = json.MarshalIndent(passwords, "", "  ")
	if err != nil {
		return nil, err
	}
	return passwords, os.WriteFile(path, append(text, '\n'), 0o600)
}

// userSettings are the variables of metaflows that the lab's user may set; all others are the lab's.
var userSettings = []string{
	"METAFLOWS_ABSORB", "METAFLOWS_DIGIT_TIMEOUT", "METAFLOWS_LOG_LEVEL", "METAFLOWS_PATTERN_SEARCH",
	"METAFLOWS_PRECEDENCE", "METAFLOWS_RECORDING_MAX",
}

// userEnv is what of an environment the lab's user may set.
func userEnv(all []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(e string) bool {
		name, _, _ := strings.Cut(e, "=")
		return !slices.Contains(userSettings, name)
	})
}
