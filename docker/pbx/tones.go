package pbx

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
)

// What the music on hold consists of, in Hz, by class. Whole numbers, so that a file of
// whole seconds repeats without a jump.
const (
	ToneLab     = 523 // extension 1234
	ToneDefault = 330 // everything else on hold
)

const (
	sampleRate  = 8000
	toneSeconds = 30
	toneLevel   = 8000 // of 32767
)

// WriteTones makes one folder with one tone for each class of music on hold.
func WriteTones(dir string) error {
	for class, hertz := range map[string]int{"lab": ToneLab, "default": ToneDefault} {
		folder := filepath.Join(dir, class)
		if err := os.MkdirAll(folder, 0o750); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(folder, "tone.sln"), tone(hertz), 0o640); err != nil {
			return err
		}
	}
	return nil
}

// tone is a sine as signed linear, 16 bit, little endian.
func tone(hertz int) []byte {
	second := make([]byte, 0, 2*sampleRate)
	for n := range sampleRate {
		value := toneLevel * math.Sin(2*math.Pi*float64(hertz)*float64(n)/sampleRate)
		second = binary.LittleEndian.AppendUint16(second, uint16(int16(math.Round(value))))
	}
	samples := make([]byte, 0, toneSeconds*len(second))
	for range toneSeconds {
		samples = append(samples, second...)
	}
	return samples
}
