package pbx

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	asteriskconf "metaflows/asterisk-conf"
)

// instance is the folder of one running Asterisk: its configuration and everything that
// it writes. Whoever holds the lock on the file "lock" in it uses it; the kernel lets go
// of the lock when that process ends.
type instance struct {
	install *Install
	inside  string // as Asterisk sees it
	dir     string // as this machine sees it
	lock    *os.File
}

// What is in an instance folder.
const (
	etcFolder   = "etc"
	logFolder   = "log"
	runFolder   = "run"
	spoolFolder = "spool"
	stateFolder = "state"
	tonesFolder = "tones"
	lockFile    = "lock"
	keepFile    = "keep"
)

// newInstance makes a folder: parent (inside the root folder if there is one), or if that is empty
// the folder "lab" of the root folder, or this machine's folder for temporary files.
func newInstance(install *Install, parent string) (*instance, error) {
	switch {
	case parent == "" && install.Root != "":
		parent = filepath.Join(install.Root, "lab")
	case parent == "":
		parent = os.TempDir()
	case install.Root != "" && !strings.HasPrefix(filepath.Clean(parent)+"/", install.Root+"/"):
		return nil, fmt.Errorf("folder %s: this Asterisk only sees what is inside %s", parent, install.Root)
	}
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return nil, err
	}
	sweep(parent)
	dir, err := os.MkdirTemp(parent, "metaflows-pbx-")
	if err != nil {
		return nil, err
	}
	i := &instance{install: install, dir: dir, inside: strings.TrimPrefix(dir, install.Root)}
	if err := i.furnish(); err != nil {
		return nil, errors.Join(err, i.remove())
	}
	return i, nil
}

func (i *instance) furnish() error {
	lock, err := lockFolder(i.dir, os.O_CREATE)
	if err != nil {
		return err
	}
	i.lock = lock
	for _, name := range []string{etcFolder, logFolder, logFolder + "/cdr-csv", runFolder, spoolFolder, spoolFolder + "/recording", spoolFolder + "/monitor", spoolFolder + "/tmp", stateFolder} {
		if err := os.Mkdir(filepath.Join(i.dir, name), 0o750); err != nil {
			return err
		}
	}
	return WriteTones(filepath.Join(i.dir, tonesFolder))
}

// configure writes the configuration; add is text for the ends of single files.
func (i *instance) configure(values asteriskconf.Values, add map[string]string) error {
	values.EtcDir = filepath.Join(i.inside, etcFolder)
	values.LogDir = filepath.Join(i.inside, logFolder)
	values.RunDir = filepath.Join(i.inside, runFolder)
	values.SpoolDir = filepath.Join(i.inside, spoolFolder)
	values.StateDir = filepath.Join(i.inside, stateFolder)
	values.TonesDir = filepath.Join(i.inside, tonesFolder)
	values.ModDir, values.DataDir = i.install.modDir, i.install.dataDir
	if err := asteriskconf.Render(i.path(etcFolder), values); err != nil {
		return err
	}
	for name, text := range add {
		file, err := os.OpenFile(i.path(etcFolder, name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o640)
		if err != nil {
			return err
		}
		_, err = file.WriteString("\n" + text + "\n")
		if err = errors.Join(err, file.Close()); err != nil {
			return err
		}
	}
	return i.own()
}

// own gives everything to the user that Asterisk runs as.
func (i *instance) own() error {
	if !i.install.drop {
		return nil
	}
	return filepath.WalkDir(i.dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, int(i.install.uid), int(i.install.gid))
	})
}

func (i *instance) path(elements ...string) string {
	return filepath.Join(append([]string{i.dir}, elements...)...)
}

// keep lets the folder stay when nobody uses it any more.
func (i *instance) keep() error {
	return errors.Join(os.WriteFile(i.path(keepFile), nil, 0o640), i.lock.Close())
}

func (i *instance) remove() error {
	err := os.RemoveAll(i.dir)
	if i.lock != nil {
		err = errors.Join(err, i.lock.Close())
	}
	return err
}

// sweep removes the instances of processes that ended without doing it themselves.
func sweep(parent string) {
	dirs, _ := filepath.Glob(filepath.Join(parent, "metaflows-pbx-*"))
	for _, dir := range dirs {
		if _, err := os.Stat(filepath.Join(dir, keepFile)); err == nil {
			continue
		}
		lock, err := lockFolder(dir, 0)
		switch {
		case err == nil:
			_ = os.RemoveAll(dir)
			_ = lock.Close()
		case errors.Is(err, fs.ErrNotExist): // perhaps being made right now
			if info, err := os.Stat(dir); err == nil && time.Since(info.ModTime()) > time.Minute {
				_ = os.RemoveAll(dir)
			}
		}
	}
}

func lockFolder(dir string, flag int) (*os.File, error) {
	file, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_RDWR|flag, 0o640)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		file.Close()
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	return file, nil
}
