package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"metaflows/docker/phone"
)

// recording is a wav file as Asterisk writes it: mono, 16 bits.
type recording struct {
	samples []int16
	rate    int
}

var errNoWav = errors.New("no wav file of one channel with 16 bits")

// readRecording reads a wav file by its chunks.
func readRecording(path string) (recording, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return recording{}, err
	}
	if len(raw) < 12 || string(raw[:4]) != "RIFF" || string(raw[8:12]) != "WAVE" {
		return recording{}, fmt.Errorf("%s: %w", path, errNoWav)
	}
	var r recording
	for rest := raw[12:]; len(rest) >= 8; {
		kind, size := string(rest[:4]), int(binary.LittleEndian.Uint32(rest[4:8]))
		rest = rest[8:]
		size = min(size, len(rest))
		switch {
		case kind == "fmt " && size >= 16 && binary.LittleEndian.Uint16(rest[2:]) == 1 && binary.LittleEndian.Uint16(rest[14:]) == 16:
			r.rate = int(binary.LittleEndian.Uint32(rest[4:]))
		case kind == "data":
			r.samples = make([]int16, size/2)
			for n := range r.samples {
				r.samples[n] = int16(binary.LittleEndian.Uint16(rest[2*n:]))
			}
		}
		rest = rest[min(size+size%2, len(rest)):]
	}
	if r.rate == 0 {
		return recording{}, fmt.Errorf("%s: %w", path, errNoWav)
	}
	return r, nil
}

func (r recording) length() time.Duration {
	return time.Duration(len(r.samples)) * time.Second / time.Duration(r.rate)
}

// holds says whether a tone, in Hz, is heard in at least half of it.
func (r recording) holds(tone float64) bool {
	window := r.rate / 5
	heard, all := 0, 0
	for at := 0; at+window <= len(r.samples); at += window {
		all++
		if phone.ToneLevel(r.samples[at:at+window], r.rate, tone) >= phone.HearingThreshold {
			heard++
		}
	}
	return all > 0 && 2*heard >= all
}

// copyFile copies a file into a folder, which is made where it is missing; name may have folders of its own.
func copyFile(from, folder, name string) (to string, err error) {
	source, err := os.Open(from)
	if err != nil {
		return "", err
	}
	defer source.Close()
	to = filepath.Join(folder, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return "", err
	}
	target, err := os.Create(to)
	if err != nil {
		return "", err
	}
	_, err = io.Copy(target, source)
	return to, errors.Join(err, target.Close())
}
