package directory

import (
	"encoding/base64"
	"regexp"
	"strconv"
	"strings"
	"time"

	"metaflows/app/schema"
	"metaflows/app/store"
	"metaflows/flows"
)

// secret is the key of an account that is stored and never shown: who replaces the entry without naming it keeps it.
const secret = "webhook_secret"

// settings are the rules for an account's keys beyond the schema, and what a client is told that has broken one.
var settings = []struct {
	key, accepts string
	ok           func(value string) bool
}{
	{"moh", "A class of music has 1 to 79 letters, digits, _ . or -", regexp.MustCompile(`^[A-Za-z0-9_.-]{1,79}$`).MatchString},
	{"park_slots", "Slots are the first and the last number, as 701-720: at most 1000 of at most 9 digits, equally many in both", areSlots},
	{"recording_retention", "A retention is a number of hours, minutes or seconds, as 720h, or 0", regexp.MustCompile(`^(0|[1-9][0-9]{0,5}[hms])$`).MatchString},
	{secret, "A secret is 24 to 64 bytes in base64, with or without whsec_ before it", isSecret},
}

// checkSettings adds a problem for each of an account's settings that has a wrong value, which no problem repeats.
func checkSettings(account *schema.Value, problems *schema.Problems) {
	for _, s := range settings {
		if v := account.Get(s.key); v != nil && v.Kind == schema.String && !s.ok(v.Text) {
			problems.Add(s.key, "format", schema.Detail{"message": s.accepts})
		}
	}
}

func areSlots(value string) bool {
	from, to, _ := strings.Cut(value, "-")
	first, err := strconv.ParseUint(from, 10, 32)
	last, err2 := strconv.ParseUint(to, 10, 32)
	return err == nil && err2 == nil && len(from) == len(to) && len(from) <= 9 && first <= last && last-first < 1000
}

// isSecret wants what the libraries of Standard Webhooks take (standardwebhooks.com, Signature scheme).
func isSecret(value string) bool {
	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(value, "whsec_"))
	return err == nil && len(raw) >= 24 && len(raw) <= 64 && !strings.ContainsAny(value, "\r\n")
}

// kept is an account's new entry with the old one's secret, unless it names one itself; null removes it.
func kept(data *schema.Value, old Entry) *schema.Value {
	if old.Scope != flows.ScopeAccount || data.Kind != schema.Object {
		return data
	}
	data = data.Clone() // it may be asked for again, with another old one
	switch named, had := data.Get(secret), old.Data.Get(secret); {
	case named != nil && named.Kind == schema.Null:
		data.Remove(secret)
	case named == nil && had != nil:
		data.Add(secret, had)
	}
	return data
}

// Retention is how long an account's recordings are kept, 0 for ever; ok is false where it does not say. It is a look into memory.
func (d *Directory) Retention(account string) (keep time.Duration, ok bool) {
	keep, err := time.ParseDuration(d.setting(account, "recording_retention"))
	return keep, err == nil
}

// Webhook is where an account is told of recordings, "" for nowhere, and the secret that signs it, "" for none. It is a look into
// memory.
func (d *Directory) Webhook(account string) (url, secretOf string) {
	return d.setting(account, "webhook_url"), d.setting(account, secret)
}

// setting is one of an account's settings, "" where it has none.
func (d *Directory) setting(account, key string) string {
	entry, err := d.Get(store.Place{Account: account, Scope: flows.ScopeAccount})
	if err != nil {
		return ""
	}
	if v := entry.Data.Get(key); v != nil && v.Kind == schema.String {
		return v.Text
	}
	return ""
}

// Shown is what anybody is shown of an entry. It shares its parts with Data.
func (e Entry) Shown() *schema.Value {
	shown := schema.NewObject()
	for _, m := range e.Data.Members {
		if e.Scope != flows.ScopeAccount || m.Key != secret {
			shown.Add(m.Key, m.Value)
		}
	}
	if e.Scope == flows.ScopeDevice && e.Data.Get("endpoint") == nil {
		shown.Add("endpoint", schema.NewString(e.Endpoint()))
	}
	return shown
}

// later are the keys that are checked and kept, and that nothing in this version obeys.
var later = map[flows.Scope][]string{
	flows.ScopeAccount: {"recording", "moh", "tones", "park_slots"},
	flows.ScopeUser:    {"recording"},
	flows.ScopeDevice:  {"recording"},
}

// Warnings are what has no effect of an entry.
func (e Entry) Warnings() []schema.Warning {
	var list []schema.Warning
	warn := func(key, message string) {
		if e.Data.Get(key) != nil {
			list = append(list, schema.Warning{Path: key, Code: "unsupported", Message: message})
		}
	}
	warn("metaflows", "metaflows is stored here, but has no effect; the document is POSTed to "+e.Path()) // Kazoo keeps the document here
	for _, key := range later[e.Scope] {
		warn(key, key+" is stored; this version does not obey it")
	}
	return list
}
