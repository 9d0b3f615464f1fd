// Package endpoints says which dialstrings a device of the directory may have.
package endpoints

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
)

// phoneEndpoint is one phone of this Asterisk: no number that a trunk would dial, no Local channel into a context.
var phoneEndpoint = regexp.MustCompile(`^PJSIP/[A-Za-z0-9_.+-]+$`)

// List is the dialstrings that a device may have beside PJSIP/<endpoint>. Who may write entries could otherwise have
// anything dialled, at the cost of whoever pays for the trunk. The zero value has none.
type List []*regexp.Regexp

// Parse reads patterns (RE2), separated by commas, each of which a dialstring must match as a whole, as
// PJSIP/\d{4,15}@trunk.
func Parse(list string) (List, error) {
	var l List
	for pattern := range splitPatterns(list) {
		if strings.ContainsFunc(pattern, unicode.IsSpace) {
			return nil, fmt.Errorf("%q is no pattern of a dialstring: it has a space", pattern)
		}
		// By itself first: a parenthesis too many would close the group, and what follows would not be anchored.
		if _, err := regexp.Compile(pattern); err != nil {
			return nil, fmt.Errorf("%q is no pattern: %w", pattern, err)
		}
		l = append(l, regexp.MustCompile(`\A(?:`+pattern+`)\z`))
	}
	return l, nil
}

// splitPatterns are the parts of a list between its commas, but for those inside of braces, as in \d{4,15}.
func splitPatterns(list string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		depth, begin := 0, 0
		for i := 0; i <= len(list); i++ {
			switch {
			case i < len(list) && list[i] == '{':
				depth++
			case i < len(list) && list[i] == '}':
				depth--
			case i == len(list) || list[i] == ',' && depth == 0:
				if part := strings.TrimSpace(list[begin:i]); part != "" && !yield(part) {
					return
				}
				begin = i + 1
			}
		}
	}
}

// Allow says whether a device may have it.
func (l List) Allow(endpoint string) bool {
	if phoneEndpoint.MatchString(endpoint) {
		return true
	}
	for _, re := range l {
		if re.MatchString(endpoint) {
			return true
		}
	}
	return false
}
