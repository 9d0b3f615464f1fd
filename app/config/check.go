package config

import (
	"net"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"metaflows/actions"
	"metaflows/app/directory/endpoints"
	"metaflows/app/egress"
)

var word = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// check is what a type cannot say of a value. It stops at the first wrong one, in the order of Config.
func (c *Config) check(vars []variable, asterisk bool) error {
	rules := []struct {
		name, value string
		ok          bool
	}{
		{"METAFLOWS_ARI_URL", c.ARI.URL, isARI(c.ARI.URL)},
		{"METAFLOWS_ARI_PASSWORD", "", c.ARI.Password != "" || !asterisk},
		{"METAFLOWS_ARI_APPLICATION", c.ARI.Application, word.MatchString(c.ARI.Application)},
		{"METAFLOWS_NODE", c.Node, word.MatchString(c.Node)},
		{"METAFLOWS_NATS_URL", c.NATS.URL, c.NATS.URL == "" || areNATS(c.NATS.URL)},
		{"METAFLOWS_NATS_CREDS", c.NATS.Creds, c.NATS.Creds == "" || isFile(c.NATS.Creds) || !asterisk},
		{"METAFLOWS_NATS_LISTEN", c.NATS.Listen, c.NATS.Listen == "off" || isAddress(c.NATS.Listen)},
		{"METAFLOWS_EVENTS_MAX_AGE", c.Events.MaxAge.String(), c.Events.MaxAge >= time.Second || !isSet("METAFLOWS_EVENTS_MAX_AGE")},
		{"METAFLOWS_EVENTS_MAX_BYTES", c.Events.MaxBytes.String(), c.Events.MaxBytes >= 1<<20 || !isSet("METAFLOWS_EVENTS_MAX_BYTES")},
		{"METAFLOWS_HTTP_ADDR", c.HTTP.Addr, isAddress(c.HTTP.Addr)},
		{"METAFLOWS_PPROF_ADDR", c.Pprof.Addr, c.Pprof.Addr == "" || isLoopback(c.Pprof.Addr)},
		{"METAFLOWS_AUTH_RATE_LIMIT", strconv.Itoa(c.Auth.RateLimit), c.Auth.RateLimit >= 0 && c.Auth.RateLimit <= 1_000_000},
		{"METAFLOWS_ACCOUNT_MAX_DOCUMENTS", strconv.Itoa(c.Account.MaxDocuments), isCount(c.Account.MaxDocuments)},
		{"METAFLOWS_ACCOUNT_MAX_API_KEYS", strconv.Itoa(c.Account.MaxAPIKeys), isCount(c.Account.MaxAPIKeys)},
		{"METAFLOWS_ACCOUNT_MAX_USERS", strconv.Itoa(c.Account.MaxUsers), isCount(c.Account.MaxUsers)},
		{"METAFLOWS_ACCOUNT_MAX_DEVICES", strconv.Itoa(c.Account.MaxDevices), isCount(c.Account.MaxDevices)},
		{"METAFLOWS_ADMIN_TOKEN", "", c.AdminToken == "" || isToken(c.AdminToken)},
		{"METAFLOWS_BINDING_DIGIT", c.BindingDigit, len(c.BindingDigit) == 1 && strings.Contains("0123456789*#", c.BindingDigit)},
		{"METAFLOWS_DIGIT_TIMEOUT", c.DigitTimeout.String(), c.DigitTimeout >= time.Millisecond && c.DigitTimeout <= time.Minute},
		{"METAFLOWS_PRECEDENCE", c.Precedence, c.Precedence == "device" || c.Precedence == "kazoo"},
		{"METAFLOWS_DIRECTORY", c.Directory, c.Directory == "open" || c.Directory == "strict"},
		{"METAFLOWS_PATTERN_SEARCH", c.PatternSearch, c.PatternSearch == "start" || c.PatternSearch == "anywhere"},
		{"METAFLOWS_ABSORB", c.Absorb, c.Absorb == "armed" || c.Absorb == "off"},
		{"METAFLOWS_DIRECTORY_ENDPOINTS", c.DirectoryEndpoints, areEndpoints(c.DirectoryEndpoints)},
		{"METAFLOWS_BLOCKED_ADDRESSES", c.BlockedAddresses, areBlocked(c.BlockedAddresses)},
		{"METAFLOWS_RECORDING_MAX", c.Recording.Max.String(), c.Recording.Max >= time.Second},
		{"METAFLOWS_RECORDING_DELIVERY_FOR", c.Recording.DeliveryFor.String(), c.Recording.DeliveryFor >= time.Second},
		{"METAFLOWS_RECORDING_RETENTION", c.Recording.Retention.String(), c.Recording.Retention == 0 || c.Recording.Retention >= time.Hour},
		{"METAFLOWS_RECORDING_KEEP", c.Recording.Keep, c.Recording.Keep == "yes" || c.Recording.Keep == "no"},
		{"METAFLOWS_RECORDINGS_MAX_BYTES", c.Recordings.MaxBytes.String(), c.Recordings.MaxBytes >= 1<<20 || !isSet("METAFLOWS_RECORDINGS_MAX_BYTES")},
		{"METAFLOWS_RECORDING_NAME", c.Recording.Name, isRecordingName(c.Recording.Name)},
		{"METAFLOWS_RECORDING_CDR", c.Recording.CDR, c.Recording.CDR == "yes" || c.Recording.CDR == "no"},
		{"METAFLOWS_LOG_LEVEL", c.Log.Level, isLevel(c.Log.Level)},
		{"METAFLOWS_LOG_FORMAT", c.Log.Format, c.Log.Format == "text" || c.Log.Format == "json"},
	}
	for _, r := range rules {
		if r.ok {
			continue
		}
		if r.name == "METAFLOWS_ARI_PASSWORD" {
			return errMissingPassword
		}
		if given := os.Getenv(r.name); given != "" {
			r.value = given // as it was written, not as we would write it
		}
		return wrong(vars, r.name, r.value)
	}
	return nil
}

func isARI(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.RawQuery == "" && u.Fragment == "" && u.User == nil
}

// shownURLs is what may be shown of URLs, separated by commas: scheme, host, port and path, since any other part can be or
// hold a secret. It is "" where one of them does not have these parts, or an @, which makes a password look like them.
func shownURLs(list string) string {
	var shown []string
	for s := range strings.SplitSeq(list, ",") {
		u, err := url.Parse(strings.TrimSpace(s))
		if err != nil || u.Scheme == "" || u.Host == "" || strings.Contains(s, "@") {
			return ""
		}
		shown = append(shown, (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String())
	}
	return strings.Join(shown, ",")
}

func areNATS(list string) bool {
	for s := range strings.SplitSeq(list, ",") {
		u, err := url.Parse(strings.TrimSpace(s))
		if err != nil || u.Host == "" {
			return false
		}
		switch u.Scheme {
		case "nats", "tls", "ws", "wss":
		default:
			return false
		}
	}
	return true
}

func areEndpoints(list string) bool {
	_, err := endpoints.Parse(list)
	return err == nil
}

func areBlocked(list string) bool {
	_, err := egress.Parse(list)
	return err == nil
}

func isAddress(s string) bool {
	_, port, err := net.SplitHostPort(s)
	if err != nil {
		return false
	}
	n, err := strconv.Atoi(port)
	return err == nil && n >= 0 && n <= 65535
}

// isLoopback says whether an address is one that only this machine reaches.
func isLoopback(s string) bool {
	host, _, err := net.SplitHostPort(s)
	if err != nil || !isAddress(s) {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

// isSet: an empty variable is not.
func isSet(name string) bool { return os.Getenv(name) != "" }

func isFile(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	info, err := f.Stat()
	return err == nil && !info.IsDir()
}

func isCount(n int) bool { return n >= 0 && n <= 1_000_000_000 }

func isToken(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return len(s) >= 16 && len(s) <= 512
}

func isLevel(s string) bool {
	switch s {
	case "debug", "info", "warn", "error":
		return true
	}
	return false
}

// hostNode is the host's name without its domain, made a word.
func hostNode() string {
	name, err := os.Hostname()
	if err != nil {
		return "node"
	}
	name, _, _ = strings.Cut(name, ".")
	name = strings.Map(func(r rune) rune {
		if word.MatchString(string(r)) {
			return r
		}
		return '-'
	}, name)
	if name == "" {
		return "node"
	}
	return name[:min(len(name), 64)]
}

func isRecordingName(template string) bool {
	_, err := actions.ParseRecordingName(template)
	return err == nil
}
