package documents

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const question = `{"id":"0123456789abcdef","what":"documents","reason":"purged","asked":"2026-03-04T05:06:07Z","known":20,"held":3,"missing":17,"back":1,"different":2}`

func TestDocumentsRecover(t *testing.T) {
	for _, c := range []struct {
		name  string
		asked bool
		args  []string
		code  int
		says  string
		wrote string
	}{
		{"nothing is asked", false, nil, 0, "nothing is asked", ""},
		{"nothing to decide", false, []string{"--from", "file"}, 0, "nothing is asked", ""},
		{"what is asked", true, nil, 0, "documents (purged): documents.json has 20, NATS 3 since 2026-03-04T05:06:07Z; --from file stores 17 again (2 in place of others) and deletes 1", ""},
		{"the file", true, []string{"--from", "file"}, 0, "no metaflows has acted on it yet", `{"id":"0123456789abcdef","from":"file"}`},
		{"the bucket", true, []string{"--from=bucket"}, 0, "no metaflows has acted on it yet", `{"id":"0123456789abcdef","from":"bucket"}`},
		{"neither", true, []string{"--from", "both"}, 2, "accepted are --from file and --from bucket", ""},
		{"no such flag", true, []string{"--to", "file"}, 2, "metaflows documents recover", ""},
		{"too much", true, []string{"file"}, 2, "", ""},
		{"help", true, []string{"--help"}, 0, "METAFLOWS_DATA_DIR", ""},
	} {
		folder := t.TempDir()
		if c.asked {
			if err := os.WriteFile(filepath.Join(folder, "documents.json.question"), []byte(question), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		var out, errs bytes.Buffer
		code := decide(c.args, func() (string, error) { return folder, nil }, &out, &errs, 200*time.Millisecond)
		wrote, _ := os.ReadFile(filepath.Join(folder, "documents.json.decision"))
		if code != c.code || !strings.Contains(out.String()+errs.String(), c.says) || string(wrote) != c.wrote {
			t.Errorf("%s: %d, decided %q\n%s%s", c.name, code, wrote, &out, &errs)
		}
	}
}
