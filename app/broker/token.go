package broker

import "strings"

const hex = "0123456789ABCDEF"

// Token encodes a string as one token of a NATS subject or KV key: letters, digits, "_" and "-" stand for
// themselves, every other byte is "=" and two hex digits, and the empty string, which means that the token does not
// apply, is "~". No two strings have the same token.
func Token(s string) string {
	if s == "" {
		return "~"
	}
	plain := true
	for i := 0; i < len(s); i++ {
		plain = plain && standsForItself(s[i])
	}
	if plain {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if c := s[i]; standsForItself(c) {
			b.WriteByte(c)
		} else {
			b.WriteByte('=')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		}
	}
	return b.String()
}

func standsForItself(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-'
}
