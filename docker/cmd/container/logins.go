package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	asteriskconf "metaflows/asterisk-conf"
)

// folder is where the logins are kept. Each of its folders is a volume of its own, and a container gets those that it needs.
type folder string

// The secrets.
const (
	ariPassword   = "ari/password"          // of metaflows at Asterisk
	apiToken      = "api/token"             // of the REST API's administrator
	phonesFile    = "phones/passwords.json" // by name
	natsPassword  = "nats/metaflows"        // of metaflows
	auditPassword = "nats/audit"            // of subscribers
	natsURL       = "nats/url"              // with metaflows' password
	natsConf      = "nats/passwords.conf"   // for the server's configuration

	routesPassword = "nats/routes"       // of the servers of a cluster at each other
	clusterConf    = "nats/cluster.conf" // for their configuration
)

// secrets are those that are made of nothing.
var secrets = []string{ariPassword, apiToken, natsPassword, auditPassword, routesPassword}

// loginsCommand makes what is not there. It can run again at any time: what there is stays, except that phones are given
// other passwords when they become reachable from elsewhere.
var loginsCommand = plain(func(_ context.Context, _ io.Writer, s settings) error {
	return s.makeLogins()
})

func (s settings) makeLogins() error {
	if ip, err := netip.ParseAddr(s.Addr); err != nil || !ip.Is4() || ip.IsUnspecified() || ip.IsMulticast() {
		return fmt.Errorf("ADDR=%q: accepted is one IPv4 address of this machine, as 127.0.0.1 or 192.168.1.10: phones are told to send their sound there", s.Addr)
	}
	for _, name := range secrets {
		if err := s.Logins.make(name); err != nil {
			return err
		}
	}
	if err := s.Logins.nats(strings.Split(s.NATS, ",")); err != nil {
		return err
	}
	return s.Logins.phones(s.Addr)
}

func (f folder) path(name string) string { return filepath.Join(string(f), filepath.FromSlash(name)) }

// read gives a secret.
func (f folder) read(name string) (string, error) {
	text, err := os.ReadFile(f.path(name))
	return strings.TrimSpace(string(text)), err
}

// make makes a secret of letters and digits, unless it is there.
func (f folder) make(name string) error {
	switch value, err := f.read(name); {
	case err == nil && value != "":
		return nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	}
	return f.write(name, rand.Text()+"\n")
}

// write puts a file there as a whole. Whoever gets its volume may read it: the containers' users differ.
func (f folder) write(name, text string) error {
	path := f.path(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		return err
	}
	return errors.Join(os.Chmod(path+".new", 0o444), os.Rename(path+".new", path))
}

// nats writes what servers and clients read, with the passwords that there are.
func (f folder) nats(servers []string) error {
	own, err := f.read(natsPassword)
	if err != nil {
		return err
	}
	audit, err := f.read(auditPassword)
	if err != nil {
		return err
	}
	among, err := f.read(routesPassword)
	if err != nil {
		return err
	}
	var urls, routes []string
	for _, server := range servers {
		urls = append(urls, fmt.Sprintf("nats://metaflows:%s@%s:4222", own, server))
		routes = append(routes, fmt.Sprintf("%q", fmt.Sprintf("nats://routes:%s@%s:6222", among, server)))
	}
	return errors.Join(
		f.write(natsURL, strings.Join(urls, ",")+"\n"),
		f.write(natsConf, fmt.Sprintf("metaflows_password: %q\naudit_password: %q\n", own, audit)),
		f.write(clusterConf, fmt.Sprintf("authorization { user: routes, password: %q }\nroutes: [%s]\n", among, strings.Join(routes, ", "))),
	)
}

// phones gives the phones passwords: their names where nobody else can try them, else random ones.
func (f folder) phones(addr string) error {
	passwords, err := f.phonePasswords()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, p := range asteriskconf.Phones() {
		switch known := passwords[p.Name]; {
		case loopback(addr):
			passwords[p.Name] = p.Name
		case known == "" || known == p.Name:
			passwords[p.Name] = strings.ToLower(rand.Text()[:16]) // 80 bits
		}
	}
	text, err := json.MarshalIndent(passwords, "", "  ")
	if err != nil {
		return err
	}
	return f.write(phonesFile, string(text)+"\n")
}

// phonePasswords are the phones' passwords, by name. The map is the caller's own, and never nil.
func (f folder) phonePasswords() (map[string]string, error) {
	passwords := map[string]string{}
	text, err := f.read(phonesFile)
	if err == nil {
		err = json.Unmarshal([]byte(text), &passwords)
	}
	if err != nil {
		err = fmt.Errorf("the phones' passwords: %w", err)
	}
	return passwords, err
}

func loopback(addr string) bool {
	ip := net.ParseIP(addr)
	return ip != nil && ip.IsLoopback()
}
