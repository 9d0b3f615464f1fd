package main

import (
	"fmt"
	"io"
	"net"
	"path/filepath"
	"slices"
	"text/template"

	"metaflows/app/broker"
	asteriskconf "metaflows/asterisk-conf"
	"metaflows/docker/rig"
)

// guide says how the lab is used. What stands in it works as printed.
var guide = template.Must(template.New("guide").Funcs(template.FuncMap{"pad": pad}).Parse(`
{{.Title}}

{{.Phones}}
  server {{.Host}}, port {{.Port}}, UDP or TCP; codecs PCMU and PCMA, keys by RFC 4733 (2833){{if .Network}}
  Whoever reaches that port can try these passwords. They are kept in {{.Folder}}/phones.json.{{end}}

  {{pad 9 "user"}} {{pad .PasswordWidth "password"}}  {{pad 9 "number"}} account
{{range .Accounts}}  {{pad 9 .Name}} {{pad $.PasswordWidth .Password}}  {{pad 9 .Number}} {{.Account}}{{with .Note}}    {{.}}{{end}}
{{end}}
  Register a softphone as alice, or two, as alice and bob. The others answer by themselves until a
  softphone registers as one of them.

{{.Call}}
  {{pad 14 "1001 to 1006"}} the phones, by their names, too
  {{pad 14 "1234"}} music, a tone of 523 Hz
  {{pad 14 "1996"}} your own voice
  {{pad 14 "1998, 1999"}} rings for ever, is busy

{{.Press}}
{{range .Codes}}  {{pad 14 .Keys}} {{.Hint}}
{{end}}  {{pad 14 "*21999"}} where 1999 is busy: you are rung back
  {{pad 14 "**9"}} no code: the other party hears *9

{{.API}}  http://{{.HTTP}}, token {{.Token}} ({{.Folder}}/admin.token)
  what is stored:
    curl -H 'X-Auth-Token: {{.Token}}' http://{{.HTTP}}{{.Path}}
  a code of alice alone, *0 to hang up:
    curl -X POST -H 'X-Auth-Token: {{.Token}}' http://{{.HTTP}}/v2/accounts/acme/users/alice/metaflows \
      -d '{"data":{"numbers":{"0":{"module":"hangup"}}}}'

{{.NATS}}
    nats --server nats://{{.AuditUser}}:{{.AuditPassword}}@{{.NATSAddr}} --inbox-prefix {{.Inbox}} sub '{{.Subjects}}'

{{.Files}}
  {{pad 14 "recordings"}} {{.Folder}}/recordings, once they are stored
  {{pad 14 "metaflows' log"}} {{.Folder}}/metaflows.log
  {{pad 14 "Asterisk's log"}} {{.AsteriskLog}} (after the end: {{.Folder}}/asterisk.log)

{{.End}}
`))

// pad makes a cell of the guide.
func pad(width int, text string) string { return fmt.Sprintf("%-*s", width, text) }

// login is a phone's line of the guide.
type login struct{ Name, Password, Number, Account, Note string }

// guide prints what the lab offers.
func (l *lab) guide(out io.Writer, codes []code) error {
	token, err := l.Program.Secret("admin.token")
	if err != nil {
		return err
	}
	password, err := l.Program.Secret("audit.password")
	if err != nil {
		return err
	}
	host, port, err := net.SplitHostPort(l.Asterisk.SIPAddr)
	if err != nil {
		return err
	}
	color := paintFor(out)
	width := len("password")
	var logins []login
	for _, p := range asteriskconf.Phones() {
		entry := login{Name: p.Name, Password: l.Asterisk.Password(p.Name), Number: p.Number, Account: p.Account}
		if entry.Account == "" {
			entry.Account = "none"
		}
		if slices.Contains(standInNames, p.Name) {
			entry.Note = fmt.Sprintf("answers by itself, sends %.0f Hz", rig.Tones[p.Name])
		}
		width = max(width, len(entry.Password))
		logins = append(logins, entry)
	}
	return guide.Execute(out, map[string]any{
		"Title":  color.bold("Asterisk " + l.Version() + " and metaflows run until Ctrl-C."),
		"Phones": color.bold("Phones"), "Call": color.bold("Call"), "Press": color.bold("Press, in a call"),
		"API": color.bold("REST API"), "NATS": color.bold("Events on NATS"), "Files": color.bold("Files"), "End": color.bold("What happens"),
		"Host": host, "Port": port, "Network": !net.ParseIP(host).IsLoopback(), "Folder": filepath.Clean(l.folder),
		"PasswordWidth": width, "Accounts": logins, "Codes": codes,
		"HTTP": l.Program.API, "Token": token, "Path": metaflowsPath,
		"AuditUser": broker.AuditUser, "AuditPassword": password, "NATSAddr": l.Program.NATS, "Inbox": broker.AuditInbox, "Subjects": broker.EventSubjects,
		"AsteriskLog": l.Asterisk.LogPath,
	})
}
