package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"metaflows/docker/pbx"
	"metaflows/docker/program"
	"metaflows/flows/calls"
)

// labOptions are the lab's flags.
type labOptions struct {
	binary string // metaflows; empty: it is built
	folder string // what outlives the lab: documents, logins, recordings, logs
	addr   string // where phones reach it; empty: 127.0.0.1
}

// The ports that a lab takes where they are free: those that people know by heart.
const (
	sipPort  = 5060
	apiPort  = 8000
	natsPort = 4222
)

// runLab starts Asterisk and metaflows, says to out how they are used, tells what happens, and stops everything when ctx
// ends. An error is why it could not start, or which part ended by itself.
func runLab(ctx context.Context, out io.Writer, options labOptions) (err error) {
	lock, err := lockFolder(options.folder)
	if err != nil {
		return err
	}
	defer lock.Close()
	wanted, err := pbxOptions(options)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "starting Asterisk and metaflows\n")
	line := newTimeline(out, paintFor(out))
	s, life, err := startSystem(ctx, wanted, program.Options{
		Binary: options.binary, Data: options.folder, LogPath: filepath.Join(options.folder, "metaflows.log"),
		API: apiPort, NATS: natsPort, Env: userEnv(os.Environ()),
	}, line, func(string, ...any) {})
	if err != nil {
		return err
	}
	l := &lab{system: s, folder: options.folder}
	defer func() { err = errors.Join(err, l.end(out, err)) }()
	if err := l.open(life, out); err != nil {
		return err
	}
	<-life.Done()
	if ctx.Err() == nil {
		return context.Cause(life)
	}
	return nil
}

// lab is a system for people to try.
type lab struct {
	*system
	folder   string
	standIns *standIns
}

// open stores the codes if there are none, lets the phones that answer by themselves register, and prints the guide.
func (l *lab) open(ctx context.Context, out io.Writer) error {
	codes, err := l.codes(ctx)
	if err != nil {
		return err
	}
	if l.standIns, err = startStandIns(ctx, l.system); err != nil {
		return err
	}
	if err := l.guide(out, codes); err != nil {
		return err
	}
	l.line.begin(layout{
		clock: func(at time.Time) string { return at.Local().Format("15:04:05.000") },
		time:  12, who: 8, cells: [places]int{20, 34, 30},
	})
	go l.collect(ctx)
	return nil
}

// collect copies each recording when it is stored.
func (l *lab) collect(ctx context.Context) {
	for next := 0; ; {
		n, after, err := l.auditor.Await(ctx, next, func(n calls.Notice) bool { return n.Type == "recording.stored" })
		if err != nil {
			return
		}
		next = after
		to, err := copyFile(filepath.Join(l.Asterisk.RecordingDir, filepath.FromSlash(n.Recording)+".wav"), l.recordings(), n.Recording+".wav")
		if err != nil {
			to = err.Error()
		}
		l.line.remark(n.Time, "the recording: "+to)
	}
}

func (l *lab) recordings() string { return filepath.Join(l.folder, "recordings") }

// end stops everything and keeps the logs, and the recordings that were not copied yet.
func (l *lab) end(out io.Writer, failed error) error {
	fmt.Fprintln(out, "\nstopping")
	if l.standIns != nil {
		l.standIns.close()
	}
	err := l.saveRecordings()
	_, logErr := copyFile(l.Asterisk.LogPath, l.folder, "asterisk.log")
	err = errors.Join(err, logErr, l.stop())
	l.line.close()
	if err == nil && failed == nil {
		fmt.Fprintf(out, "all is stopped; documents, recordings and logs are in %s\n", l.folder)
	}
	return err
}

func (l *lab) saveRecordings() error {
	root := l.Asterisk.RecordingDir
	return filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err == nil {
			_, err = copyFile(path, l.recordings(), name)
		}
		return err
	})
}

// lockFolder makes the folder and keeps other labs out of it until the file is closed, or the process ends.
func lockFolder(folder string) (*os.File, error) {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(filepath.Join(folder, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		lock.Close()
		return nil, fmt.Errorf("another lab is running with the folder %s: end it, or choose another folder with -dir", folder)
	}
	return lock, nil
}

// pbxOptions are where phones reach Asterisk, and their passwords.
func pbxOptions(options labOptions) (pbx.Options, error) {
	wanted := pbx.Options{BindAddr: "127.0.0.1"}
	if options.addr != "" {
		if err := ownAddress(options.addr); err != nil {
			return wanted, err
		}
		wanted.BindAddr = options.addr
	}
	if !net.ParseIP(wanted.BindAddr).IsLoopback() {
		passwords, err := keptPasswords(filepath.Join(options.folder, "phones.json"))
		if err != nil {
			return wanted, err
		}
		wanted.Passwords = passwords
	}
	if sipFree(wanted.BindAddr) {
		wanted.SIPPort = sipPort
	}
	return wanted, nil
}

// ownAddress is an error unless addr is an IPv4 address of this machine.
func ownAddress(addr string) error {
	ip := net.ParseIP(addr)
	all, err := net.InterfaceAddrs()
	if err != nil {
		return err
	}
	var ours []string
	for _, a := range all {
		network, ok := a.(*net.IPNet)
		if !ok || network.IP.To4() == nil {
			continue
		}
		if ip != nil && (network.IP.Equal(ip) || ip.To4() != nil && ip.IsLoopback()) {
			return nil
		}
		ours = append(ours, network.IP.String())
	}
	return fmt.Errorf("%q is no IPv4 address of this machine; phones can reach it at %s", addr, strings.Join(ours, " or "))
}

func sipFree(addr string) bool {
	place := net.JoinHostPort(addr, fmt.Sprint(sipPort))
	listener, err := net.Listen("tcp", place)
	if err != nil {
		return false
	}
	defer listener.Close()
	conn, err := net.ListenPacket("udp", place)
	if err != nil {
		return false
	}
	return conn.Close() == nil
}
