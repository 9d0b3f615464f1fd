// Package egress says which addresses the process must not call on behalf of a document: those of the host itself and of
// the network that it stands in, which a client of the API cannot reach on its own.
//
// A URL is checked twice: as it is written when it is stored (Blocked.URL; names are not resolved, as in Kazoo), and by
// the address that its name has when it is called (Blocked.Control), since a name can be made to mean anything later.
package egress

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
)

// Default is what is blocked where nothing else is said.
const Default = "loopback,link-local,private,unspecified"

// ErrBlocked is wrapped by every error about an address that is blocked.
var ErrBlocked = errors.New("blocked address")

// Blocked are the addresses and names that must not be called. The zero value blocks nothing. It is immutable.
type Blocked struct {
	networks []netip.Prefix
	names    []string // and all below them
}

// groups are the networks that have a name of their own.
var groups = map[string][]string{
	"loopback":    {"127.0.0.0/8", "::1/128"},
	"link-local":  {"169.254.0.0/16", "fe80::/10", "224.0.0.0/24", "ff02::/16"}, // cloud metadata is there
	"private":     {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"},
	"unspecified": {"0.0.0.0/8", "::/128"},
}

// Parse reads a list, separated by commas: loopback, link-local, private (RFC 1918, RFC 6598, RFC 4193), unspecified; a
// network as 192.0.2.0/24, an address, or the name of a host, which stands for all names below it too; none, alone, for an
// empty list.
func Parse(list string) (Blocked, error) {
	var b Blocked
	if strings.TrimSpace(list) == "none" {
		return b, nil
	}
	for entry := range strings.SplitSeq(list, ",") {
		entry = strings.ToLower(strings.TrimSpace(entry))
		if group, ok := groups[entry]; ok {
			for _, network := range group {
				b.networks = append(b.networks, netip.MustParsePrefix(network))
			}
			if entry == "loopback" {
				b.names = append(b.names, "localhost") // RFC 6761
			}
		} else if network, err := netip.ParsePrefix(entry); err == nil {
			b.networks = append(b.networks, network.Masked())
		} else if address, err := netip.ParseAddr(entry); err == nil {
			address = address.Unmap()
			b.networks = append(b.networks, netip.PrefixFrom(address, address.BitLen()))
		} else if name := strings.Trim(entry, "."); isName(name) {
			b.names = append(b.names, name)
		} else {
			return Blocked{}, fmt.Errorf("%q is no group, network, address or name", entry)
		}
	}
	return b, nil
}

func isName(s string) bool {
	return s != "" && s != "none" && !endsInNumber(s) && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == ""
}

// URL says why a URL must not be called, nil if it may: it is not http or https, or its host is blocked as it is written.
// It resolves no name.
func (b Blocked) URL(s string) error {
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return errors.New("not a URL")
	case u.Scheme != "http" && u.Scheme != "https":
		return errors.New("not http or https")
	}
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	if host == "" {
		return errors.New("no host")
	}
	if address, err := netip.ParseAddr(host); err == nil {
		return b.address(address)
	}
	if strings.Trim(host, "abcdefghijklmnopqrstuvwxyz0123456789-_.") != "" { // 127。0。0。1: clients map such letters to others (UTS 46)
		return errors.New("a host is written in letters, digits, - and _ of ASCII; a name in another script as xn-- says it")
	}
	if endsInNumber(host) { // 127.1, 2130706433, 0x7f.1: some resolvers take them for addresses
		return fmt.Errorf("%w: %s is not written as an address should be", ErrBlocked, host)
	}
	for _, name := range b.names {
		if host == name || strings.HasSuffix(host, "."+name) {
			return fmt.Errorf("%w: %s", ErrBlocked, host)
		}
	}
	return nil
}

// endsInNumber says whether a host's last label is a number, so that it cannot be a name (URL standard, host parsing).
func endsInNumber(host string) bool {
	last := host[strings.LastIndexByte(host, '.')+1:]
	if hex, ok := strings.CutPrefix(last, "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return last != "" && strings.Trim(last, "0123456789") == ""
}

// Control is for net.Dialer: it is asked for each address after names are resolved, before a connection to it is made, and
// refuses those that are blocked. The error wraps ErrBlocked.
func (b Blocked) Control(_, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %s is not an address with a port", ErrBlocked, address)
	}
	return b.address(ap.Addr())
}

// nat64 and sixToFour are networks whose addresses have an IPv4 address in them (RFC 6052, RFC 3056).
var (
	nat64     = netip.MustParsePrefix("64:ff9b::/96")
	sixToFour = netip.MustParsePrefix("2002::/16")
)

func (b Blocked) address(a netip.Addr) error {
	a = a.Unmap().WithZone("")
	forms := []netip.Addr{a}
	switch raw := a.As16(); {
	case nat64.Contains(a):
		forms = append(forms, netip.AddrFrom4([4]byte(raw[12:])))
	case sixToFour.Contains(a):
		forms = append(forms, netip.AddrFrom4([4]byte(raw[2:6])))
	}
	for _, form := range forms {
		if slices.ContainsFunc(b.networks, func(n netip.Prefix) bool { return n.Contains(form) }) {
			return fmt.Errorf("%w: %s", ErrBlocked, a)
		}
	}
	return nil
}
