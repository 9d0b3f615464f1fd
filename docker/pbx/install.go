package pbx

import (
	"bufio"
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

//go:embed get-asterisk.sh
var script string

// Install is an Asterisk that can be run.
type Install struct {
	Root   string // root folder of its own to run it in; empty: it is installed in this system
	Binary string // the program, as seen inside Root

	modDir, dataDir string // as seen inside Root
	uid, gid        uint32 // whom to run it as; only where drop is true
	drop            bool   // we are root and must become somebody else
}

var found struct {
	sync.Mutex
	install *Install
}

// Find gets an Asterisk >= 22, which takes about half a minute the first time on a machine
// without one, and milliseconds afterwards. Where that takes root and we are not root, the
// error has the command to type. Progress goes to standard error. It may be called
// from several goroutines and processes at once; one does the work, the others wait.
func Find(ctx context.Context) (*Install, error) {
	found.Lock()
	defer found.Unlock()
	if found.install != nil {
		return found.install, nil
	}
	var out, said bytes.Buffer
	cmd := exec.CommandContext(ctx, "sh", "-c", script, "get-asterisk.sh")
	cmd.Stdout = &out
	cmd.Stderr = &tee{kept: &said}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) } // its children too
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("no Asterisk to run: %w\n%s", errors.Join(err, ctx.Err()), strings.TrimSpace(said.String()))
	}
	kind, place, _ := strings.Cut(strings.TrimSpace(out.String()), " ")
	install := &Install{Binary: place}
	if kind == "root" {
		install.Root, install.Binary = place, "/usr/sbin/asterisk"
	}
	if err := install.locate(); err != nil {
		return nil, err
	}
	if err := install.choose(); err != nil {
		return nil, err
	}
	found.install = install
	return install, nil
}

// tee shows progress while it is made and keeps it for the error.
type tee struct{ kept *bytes.Buffer }

func (t *tee) Write(p []byte) (int, error) {
	t.kept.Write(p)
	return os.Stderr.Write(p)
}

// locate finds the folders that differ between systems.
func (i *Install) locate() error {
	prefix := filepath.Dir(filepath.Dir(i.Binary))
	var err error
	if i.modDir, err = i.first("bridge_simple.so",
		prefix+"/lib/*/asterisk/modules", prefix+"/lib/asterisk/modules", prefix+"/lib64/asterisk/modules"); err != nil {
		return err
	}
	i.dataDir, err = i.first("documentation/core-*.xml",
		prefix+"/share/asterisk", "/var/lib/asterisk", prefix+"/var/lib/asterisk")
	return err
}

func (i *Install) first(holds string, patterns ...string) (string, error) {
	for _, pattern := range patterns {
		hits, err := filepath.Glob(filepath.Join(i.Root, pattern, holds))
		if err != nil || len(hits) == 0 {
			continue
		}
		return strings.TrimPrefix(folderOf(hits[0], holds), i.Root), nil
	}
	return "", fmt.Errorf("asterisk %s: %s is in none of %s", i.Binary, holds, strings.Join(patterns, " "))
}

// folderOf takes as many elements off file as holds has.
func folderOf(file, holds string) string {
	for range strings.SplitSeq(holds, "/") {
		file = filepath.Dir(file)
	}
	return file
}

// choose says whom Asterisk runs as: ourselves, or if that is root, somebody else.
func (i *Install) choose() error {
	if os.Geteuid() != 0 {
		if i.Root != "" {
			return fmt.Errorf("the Asterisk in %s can only be run by root, since only root may change into a root folder. Type: sudo -E env \"PATH=$PATH\" <the same command>, or install Asterisk 22 and put it on PATH", i.Root)
		}
		return nil
	}
	i.drop = true
	for _, name := range []string{"asterisk", "nobody"} {
		uid, gid, err := i.lookup(name)
		if err == nil && uid != 0 {
			i.uid, i.gid = uid, gid
			return nil
		}
	}
	return errors.New("neither a user asterisk nor a user nobody is here to run Asterisk as")
}

func (i *Install) lookup(name string) (uid, gid uint32, err error) {
	if i.Root == "" {
		account, err := user.Lookup(name)
		if err != nil {
			return 0, 0, err
		}
		return ids(account.Uid, account.Gid)
	}
	file, err := os.Open(filepath.Join(i.Root, "etc/passwd"))
	if err != nil {
		return 0, 0, err
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		fields := strings.Split(lines.Text(), ":")
		if len(fields) > 3 && fields[0] == name {
			return ids(fields[2], fields[3])
		}
	}
	return 0, 0, fmt.Errorf("no user %s in %s", name, file.Name())
}

func ids(uid, gid string) (uint32, uint32, error) {
	u, err := strconv.ParseUint(uid, 10, 32)
	if err != nil {
		return 0, 0, err
	}
	g, err := strconv.ParseUint(gid, 10, 32)
	return uint32(u), uint32(g), err
}
