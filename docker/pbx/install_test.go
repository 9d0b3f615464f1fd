package pbx

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// fakeApt stands in for apt-get: it logs how it is called, and its update fails as SAYS says, unless told not to look at
// the date.
const fakeApt = `#!/bin/sh
echo "$*" >>"$CALLS"
case "$*" in
*Check-Valid-Until=false*) exit 0 ;;
update) [ -z "$SAYS" ] || { echo "E: $SAYS" >&2; exit 100; } ;;
*missing*) exit 100 ;;
esac
`

func TestInstallOutlivesAFailingUpdate(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"apt-get": fakeApt, "id": "#!/bin/sh\necho ${WHO:-0}\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	const install = "install -y --no-install-recommends "
	expired := "Release file for http://mirror.invalid/dists/stable-updates/InRelease is expired (invalid since 3d 4h). Updates for this repository will not be applied."
	for _, c := range []struct {
		name, says, who, packages string
		ok                        bool
		calls, told               string
	}{
		{"all is well", "", "", "gcc libc6-dev", true, "update|" + install + "gcc libc6-dev|", ""},
		{"out of date", expired, "", "gcc", true, "update|-o Acquire::Check-Valid-Until=false update|" + install + "gcc|", "has run out of date"},
		{"no network", "Could not resolve 'mirror.invalid'", "", "gcc", true, "update|" + install + "gcc|", "going on with the lists that are here"},
		{"no such package", "", "", "missing", false, "update|" + install + "missing|", "could not be installed: missing"},
		{"not root", "", "1000", "gcc", false, "", "sudo apt-get install gcc"},
	} {
		t.Run(c.name, func(t *testing.T) {
			calls := filepath.Join(t.TempDir(), "calls")
			cmd := exec.Command("sh", append([]string{"get-asterisk.sh", "install"}, strings.Fields(c.packages)...)...)
			cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"), "CALLS="+calls, "SAYS="+c.says, "WHO="+c.who)
			out, err := cmd.CombinedOutput()
			made, _ := os.ReadFile(calls)
			if got := strings.ReplaceAll(string(made), "\n", "|"); (err == nil) != c.ok || got != c.calls || !strings.Contains(string(out), c.told) {
				t.Errorf("%v, calls %s\n%s", err, got, out)
			}
		})
	}
}
