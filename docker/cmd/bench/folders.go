package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// folders says when files appear in folders and those that are made in them, by inotify.
type folders struct {
	file  *os.File
	paths map[int32]string // by watch
	seen  chan appeared
}

// appeared is a new file.
type appeared struct {
	path string
	at   time.Time
}

func watchFolders(paths ...string) (*folders, error) {
	fd, err := syscall.InotifyInit1(syscall.IN_NONBLOCK | syscall.IN_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("inotify: %w", err)
	}
	f := &folders{file: os.NewFile(uintptr(fd), "inotify"), paths: map[int32]string{}, seen: make(chan appeared, 1024)}
	for _, path := range paths {
		if err := f.add(path); err != nil {
			return nil, errors.Join(err, f.file.Close())
		}
	}
	go f.read()
	return f, nil
}

func (f *folders) close() { _ = f.file.Close() }

// add watches a folder, and those in it.
func (f *folders) add(path string) error {
	raw, err := f.file.SyscallConn()
	if err != nil {
		return err
	}
	var watch int
	if e := raw.Control(func(fd uintptr) {
		watch, err = syscall.InotifyAddWatch(int(fd), path, syscall.IN_CREATE|syscall.IN_ONLYDIR)
	}); e != nil {
		return e
	}
	if err != nil {
		return fmt.Errorf("watch %s: %w", path, err)
	}
	f.paths[int32(watch)] = path
	// What was made before the folder was watched.
	entries, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	for _, e := range entries {
		f.found(filepath.Join(path, e.Name()), e.IsDir())
	}
	return nil
}

func (f *folders) found(path string, folder bool) {
	if folder {
		_ = f.add(path) // gone again: nothing will come in it
		return
	}
	select {
	case f.seen <- appeared{path, time.Now()}:
	default: // nobody is interested
	}
}

// read ends when the file is closed.
func (f *folders) read() {
	buffer := make([]byte, 1<<16)
	for {
		n, err := f.file.Read(buffer)
		if err != nil {
			return
		}
		for rest := buffer[:n]; len(rest) >= syscall.SizeofInotifyEvent; {
			watch := int32(binary.NativeEndian.Uint32(rest))
			mask := binary.NativeEndian.Uint32(rest[4:])
			length := int(binary.NativeEndian.Uint32(rest[12:]))
			name := rest[syscall.SizeofInotifyEvent:][:length]
			rest = rest[syscall.SizeofInotifyEvent+length:]
			if mask&syscall.IN_CREATE != 0 {
				f.found(filepath.Join(f.paths[watch], string(bytes.TrimRight(name, "\x00"))), mask&syscall.IN_ISDIR != 0)
			}
		}
	}
}

// forget drops what was seen so far.
func (f *folders) forget() {
	for {
		select {
		case <-f.seen:
		default:
			return
		}
	}
}
