package rest

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// hostile are bodies made to cost more than they should.
func hostile() map[string]string {
	patterns := func(n int, format string) string {
		var all []string
		for i := range n {
			all = append(all, fmt.Sprintf(format, i))
		}
		return `{"data":{"patterns":{` + strings.Join(all, ",") + `}}}`
	}
	return map[string]string{
		"5 MB":                   `{"data":{"x":"` + strings.Repeat("a", 5<<20) + `"}}`,
		"nested 10,000 deep":     `{"data":{"x":` + strings.Repeat(`[`, 10000) + strings.Repeat(`]`, 10000) + `}}`,
		"children 10,000 deep":   `{"data":{"numbers":{"1":` + strings.Repeat(`{"children":{"_":`, 10000) + `1` + strings.Repeat(`}}`, 10000) + `}}}`,
		"10,000 patterns":        patterns(10000, `"%d":{"module":"none"}`),
		"10,000 wrong patterns":  patterns(10000, `"(%d":{"module":"x"}`),
		"10,000 numbers":         strings.Replace(patterns(10000, `"%d":{"module":""}`), "patterns", "numbers", 1),
		"a slow pattern":         `{"data":{"patterns":{"(((\\d{1000}){1000}){1000})":{"module":"none"}}}}`,
		"a slow pattern, nested": `{"data":{"patterns":{"` + strings.Repeat(`(`, 900) + `\\d` + strings.Repeat(`*)*`, 900) + `":{"module":"none"}}}}`,
		"a long pattern":         `{"data":{"patterns":{"` + strings.Repeat(`(1|2)?`, 30000) + `":{"module":"none"}}}}`,
		"60,000 brackets":        strings.Repeat(`[`, 60000),
		"one long number":        `{"data":{"digit_timeout":` + strings.Repeat(`9`, 200000) + `}}`,
		"duplicates":             `{"data":{` + strings.Repeat(`"a":1,`, 40000) + `"a":1}}`,
		"envelope keys":          `{` + strings.Repeat(`"a":1,`, 40000) + `"data":1}`,
		"wrong entries":          `{"data":{"numbers":{"1":` + strings.Repeat(`{"children":{"_":`, 60) + `{"module":7}` + strings.Repeat(`}}`, 60) + `}}}`,
	}
}

// TestHostile has them refused, and none takes for ever. How long one takes on a busy machine under the race detector says
// nothing: BenchmarkHostile tells the real times.
func TestHostile(t *testing.T) {
	l := newLab(t)
	for name, body := range hostile() {
		began := time.Now()
		w := l.do("POST", uri, body)
		if took := time.Since(began); took > time.Minute {
			t.Errorf("%s: %v", name, took)
		}
		var answer map[string]any
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Code != 400 && w.Code != 413 || w.Body.Len() > 64<<10 {
			t.Errorf("%s: %d, %d bytes: %v %.200s", name, w.Code, w.Body.Len(), err, w.Body)
		}
	}
	if len(l.docs.docs) != 0 {
		t.Error("something was stored")
	}
}

// TestAnswersAreShort: what is stored all the same, or played through, does not make an answer far longer than the request.
func TestAnswersAreShort(t *testing.T) {
	lacking := `{"module":"record_call","data":{"label":"x","media_name":"x","method":"put","origin":"x"}`
	deep := strings.Repeat(lacking+`,"children":{"`+strings.Repeat("x", 128)+`":`, 62) + `{"module":"hangup"}` + strings.Repeat("}}", 62)
	shadowed := []string{fmt.Sprintf(`"[%s]\\d*":{"module":"hangup"}`, strings.Repeat("2", 1000))}
	for i := range 150 {
		shadowed = append(shadowed, fmt.Sprintf(`"2%03d":{"module":"hold"}`, i))
	}
	for name, document := range map[string]string{
		"long paths":  `{"numbers":{"1":` + deep + `,"2":` + deep + `}}`,
		"long data":   `{"numbers":{"1":{"module":"hangup","data":{"x":"` + strings.Repeat("x", 200<<10) + `"}}}}`,
		"shadows":     `{"patterns":{` + strings.Join(shadowed, ",") + `}}`,
		"long number": `{"numbers":{"` + strings.Repeat("1", 200<<10) + `":` + lacking + `}}}`,
	} {
		l := newLab(t)
		for _, r := range []struct {
			method, uri, body string
			most              int
		}{
			{"POST", uri, `{"data":` + document + `}`, len(document) + 64<<10},
			{"GET", uri + "/effective", "", 2*len(document) + 128<<10},
			{"POST", uri + "/simulate", `{"data":{"keys":"` + strings.Repeat("*1", 128) + `"}}`, len(document) + 128<<10 + 1<<20},
		} {
			w := l.do(r.method, r.uri, r.body)
			if w.Code != 200 || w.Body.Len() > r.most {
				t.Errorf("%s: %s %s: %d, %d bytes, at most %d: %.300s", name, r.method, r.uri, w.Code, w.Body.Len(), r.most, w.Body)
			}
		}
	}
}

// What is too long is not read: neither what says so nor what does not.
func TestBodyIsNotRead(t *testing.T) {
	l := newLab(t)
	for _, c := range []struct {
		declared int64
		most     int
	}{{5 << 20, 0}, {-1, maxBody + 4<<10}} {
		source := &counted{Reader: strings.NewReader(hostile()["5 MB"])}
		r := httptest.NewRequest("POST", uri, source)
		r.ContentLength = c.declared
		r.Header.Set("X-Auth-Token", adminToken)
		w := httptest.NewRecorder()
		l.api.ServeHTTP(w, r)
		if w.Code != 413 || source.n > c.most {
			t.Errorf("declared %d: %d, %d bytes were read", c.declared, w.Code, source.n)
		}
	}
}

// On a real connection who sends too much is answered before the rest has come, and the connection is closed.
func TestTooLargeOnTheWire(t *testing.T) {
	l := newLab(t)
	server := httptest.NewServer(l.api)
	defer server.Close()
	head := "POST " + uri + " HTTP/1.1\r\nHost: h\r\nX-Auth-Token: " + adminToken + "\r\n"
	for name, sent := range map[string]string{
		"declared":   head + "Content-Length: 5242880\r\n\r\n{",
		"continue":   head + "Content-Length: 5242880\r\nExpect: 100-continue\r\n\r\n",
		"in a chunk": head + "Transfer-Encoding: chunked\r\n\r\n500000\r\n" + strings.Repeat("x", maxBody+1),
	} {
		began := time.Now()
		conn, err := net.Dial("tcp", strings.TrimPrefix(server.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
		if _, err := io.WriteString(conn, sent); err != nil {
			t.Error(name, err)
		}
		answer, err := io.ReadAll(conn)
		if !strings.HasPrefix(string(answer), "HTTP/1.1 413 ") || !strings.Contains(string(answer), "\r\nConnection: close\r\n") {
			t.Errorf("%s: %v %.300s", name, err, answer)
		}
		if took := time.Since(began); took > 10*time.Second { // net/http waits half a second for the client to take it
			t.Errorf("%s: closed after %v", name, took)
		}
		_ = conn.Close()
	}
}

type counted struct {
	io.Reader
	n int
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += n
	return n, err
}

func BenchmarkHostile(b *testing.B) {
	l := newLab(b)
	for name, body := range hostile() {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				l.do("POST", uri, body)
			}
		})
	}
}
