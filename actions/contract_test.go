package actions_test

import (
	"testing"

	"metaflows/actions/pbxtest"
)

// TestContract: the telephone system in memory is one by the suite that a real Asterisk passes, too (docker/e2e).
func TestContract(t *testing.T) { pbxtest.Contract(t, pbxtest.TryFake) }
