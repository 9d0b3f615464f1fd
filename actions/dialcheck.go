package actions

import "errors"

// CheckDial says what Stasis(metaflows,...) would refuse of the words behind the application's name, as parseDial reads
// them, for who looks at a dialplan. An empty list of callees is none of it: what it becomes is known when somebody calls.
func CheckDial(words []string) error {
	if len(words) == 0 {
		return nil
	}
	_, err := parseDial(words)
	if errors.Is(err, errNobody) {
		return nil
	}
	return err
}
