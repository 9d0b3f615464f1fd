package doctor

import (
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
)

// fragmentFolder is where the files of asterisk-conf/site are put.
const fragmentFolder = "metaflows"

func isFragment(file string) bool { return filepath.Base(filepath.Dir(file)) == fragmentFolder }

const reloadHTTP = `asterisk -rx "module reload http"`

// usualPort is what Asterisk takes where http.conf has no bindport.
const usualPort = "8088"

// examineHTTP looks whether the fragment overrides what http.conf says itself: the last line of a key counts, so the
// fragment belongs above all others.
func examineHTTP(c *configuration) []finding {
	general := c.named("general")
	if general == nil {
		return []finding{{level: missing, what: "http.conf has no section [general]", lines: httpLines("in http.conf:")}}
	}
	var moved []string
	for _, key := range []string{"bindaddr", "bindport"} {
		last, _ := general.last(key)
		if !isFragment(last.file) {
			continue
		}
		for _, e := range slices.Backward(general.entries) {
			if strings.EqualFold(e.key, key) && !isFragment(e.file) {
				if e.value != last.value {
					moved = append(moved, fmt.Sprintf("%s from %s (%s) to %s (%s)", key, e.value, e.place, last.value, last.place))
				}
				break
			}
		}
	}
	if moved != nil {
		return []finding{{
			level: missing,
			what:  "the included lines move the HTTP server, and who uses it there, as phones over WebSocket, is cut off: " + strings.Join(moved, ", "),
			lines: httpLines("in http.conf, directly below [general] and nowhere else, so that what the file says itself counts:"),
		}}
	}
	return disabled(general)
}

func httpLines(where string) []string {
	return []string{where, "[general]", "#include " + fragmentFolder + "/http.conf", reloadHTTP}
}

// disabled says which line keeps the server from running; without an address it does not run, either.
func disabled(general *section) []finding {
	if e, ok := general.last("enabled"); !ok || !isTrue(e.value) {
		where := "http.conf"
		if ok {
			where = e.String()
		}
		return []finding{{level: missing, what: where + " does not enable the HTTP server", lines: []string{"in http.conf, as the last of its kind in [general]:", "enabled = yes", reloadHTTP}}}
	}
	if e, _ := general.last("bindaddr"); e.value == "" {
		return []finding{{level: missing, what: "http.conf gives the HTTP server no address", lines: []string{"in http.conf, in [general]:", "bindaddr = 127.0.0.1", reloadHTTP}}}
	}
	return []finding{{what: "http.conf has the HTTP server at " + serverAddress(general)}}
}

func isTrue(value string) bool { // ast_true
	return slices.Contains([]string{"yes", "true", "y", "t", "1", "on"}, strings.ToLower(value))
}

// serverAddress is where http.conf has the server.
func serverAddress(general *section) string {
	address, _ := general.last("bindaddr")
	port, ok := general.last("bindport")
	if !ok {
		port.value = usualPort
	}
	return net.JoinHostPort(address.value, port.value)
}

// examineURL compares an address that nobody answers at with that of the server.
func examineURL(c *configuration, ariURL string) []finding {
	general := c.named("general")
	if general == nil {
		return nil
	}
	address := serverAddress(general)
	host, port, _ := net.SplitHostPort(address)
	u, err := url.Parse(ariURL)
	ip := net.ParseIP(host)
	if err != nil || ip == nil || u.Port() == port && (ip.IsUnspecified() || u.Hostname() == host) {
		return nil
	}
	if ip.IsUnspecified() {
		address = net.JoinHostPort("127.0.0.1", port)
	}
	return []finding{{
		level: missing, what: fmt.Sprintf("METAFLOWS_ARI_URL is %s, and http.conf has the server at %s", ariURL, net.JoinHostPort(host, port)),
		lines: []string{"in /etc/metaflows/metaflows.env:", "METAFLOWS_ARI_URL=http://" + address + "/ari"},
	}}
}
