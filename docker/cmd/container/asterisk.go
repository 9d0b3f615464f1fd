package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	asteriskconf "metaflows/asterisk-conf"
	"metaflows/docker/pbx"
)

// Folders of the container, as docker/Dockerfile and compose.yaml make them.
const (
	asteriskBinary = "/usr/sbin/asterisk"
	asteriskFolder = "/run/asterisk"       // in memory: configuration, sockets, registrations, call records
	spoolFolder    = "/var/spool/asterisk" // holds the recordings
)

// ariPort is in the container's networks only.
const ariPort = 8088

// keepAlive is how often phones are asked whether they are there, in seconds: often enough for the proxy by which an engine
// publishes ports, which forgets a phone's port after 90.
const keepAlive = 30

// asteriskCommand writes the configuration and becomes Asterisk, so that signals reach it.
var asteriskCommand = plain(func(_ context.Context, _ io.Writer, s settings) error {
	values, err := s.asterisk(asteriskFolder)
	if err != nil {
		return err
	}
	if err := configure(values); err != nil {
		return fmt.Errorf("configure Asterisk: %w", err)
	}
	env := []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", "HOME=" + values.StateDir}
	err = syscall.Exec(asteriskBinary, []string{"asterisk", "-f", "-C", filepath.Join(values.EtcDir, "asterisk.conf")}, env)
	return fmt.Errorf("run %s: %w", asteriskBinary, err)
})

// asterisk are the values of asterisk-conf's templates.
func (s settings) asterisk(folder string) (v asteriskconf.Values, err error) {
	v = asteriskconf.Values{
		EtcDir: filepath.Join(folder, "etc"), RunDir: filepath.Join(folder, "run"), StateDir: filepath.Join(folder, "state"),
		LogDir: filepath.Join(folder, "log"), TonesDir: filepath.Join(folder, "tones"), SpoolDir: spoolFolder, DataDir: "/usr/share/asterisk",
		BindAddr: "0.0.0.0", ExternalAddr: s.Addr, LocalNet: s.LocalNet, SIPPort: s.SIPPort, HTTPPort: ariPort,
		Network: true, Qualify: keepAlive, Phones: asteriskconf.Phones(),
	}
	if v.RTPStart, v.RTPEnd, err = portRange(s.RTPPorts); err != nil {
		return v, fmt.Errorf("RTP_PORTS=%q: %w", s.RTPPorts, err)
	}
	if v.ARIPassword, err = s.Logins.read(ariPassword); err != nil {
		return v, fmt.Errorf("the ARI password: %w", err)
	}
	passwords, err := s.Logins.phonePasswords()
	if err != nil {
		return v, err
	}
	for i := range v.Phones {
		if v.Phones[i].Password = passwords[v.Phones[i].Name]; v.Phones[i].Password == "" {
			return v, fmt.Errorf("there is no password of the phone %s", v.Phones[i].Name)
		}
	}
	return v, nil
}

// configure makes the folders and the configuration.
func configure(v asteriskconf.Values) error {
	modules, err := filepath.Glob("/usr/lib/*/asterisk/modules")
	if err != nil || len(modules) == 0 {
		return errors.Join(errors.New("no modules of Asterisk in /usr/lib/*/asterisk/modules"), err)
	}
	v.ModDir = modules[0]
	for _, dir := range []string{v.EtcDir, v.RunDir, v.StateDir, filepath.Join(v.LogDir, "cdr-csv")} {
		if err := os.MkdirAll(dir, 0o750); err != nil {
			return err
		}
	}
	return errors.Join(pbx.WriteTones(v.TonesDir), asteriskconf.Render(v.EtcDir, v), contain(v.EtcDir))
}

// contain changes what is different in a container: ARI is reached from another one, and the log is what it prints.
func contain(dir string) error {
	logger := "[general]\ndateformat = %F %T.%3q\nuse_callids = yes\n\n[logfiles]\nconsole => notice,warning,error,verbose(3)\n"
	if err := os.WriteFile(filepath.Join(dir, "logger.conf"), []byte(logger), 0o640); err != nil {
		return err
	}
	http, err := os.OpenFile(filepath.Join(dir, "http.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = http.WriteString("\n[general](+)\nbindaddr = 0.0.0.0\n")
	return errors.Join(err, http.Close())
}

// portRange reads first-last.
func portRange(text string) (first, last int, err error) {
	from, to, _ := strings.Cut(text, "-")
	first, errFirst := strconv.Atoi(from)
	last, errLast := strconv.Atoi(to)
	if errFirst != nil || errLast != nil || first < 1024 || last > 65535 || last-first < 3 {
		return 0, 0, errors.New("accepted is first-last, four ports or more from 1024 on, as 10000-10039")
	}
	return first, last, nil
}
