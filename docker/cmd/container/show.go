package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"text/template"

	asteriskconf "metaflows/asterisk-conf"
)

// guide says how the lab is reached.
var guide = template.Must(template.New("guide").Parse(`Phones: server {{.Addr}}, port {{.SIPPort}}, UDP or TCP; PCMU or PCMA, keys by RFC 4733 (2833)
  {{printf "%-9s %-17s %-7s %s" "user" "password" "number" "account"}}
{{range .Phones}}  {{printf "%-9s %-17s %-7s %s" .Name .Password .Number .Account}}
{{end}}
REST API: http://127.0.0.1:{{.APIPort}}, header X-Auth-Token: {{.Token}}

Events:
  nats --server nats://audit:{{.Audit}}@127.0.0.1:{{.NATSPort}} --inbox-prefix _INBOX_audit sub 'metaflows.v1.event.>'
`))

// single are the secrets that can be had alone, for use in other commands.
var single = map[string]string{"token": apiToken, "audit": auditPassword, "ari": ariPassword, "nats": natsPassword}

func showCommand(flags *flag.FlagSet, out io.Writer) func(context.Context) error {
	names := strings.Join(slices.Sorted(maps.Keys(single)), ", ")
	only := flags.String("only", "", "print nothing but `one` of "+names)
	return func(context.Context) error {
		s, err := load()
		if err != nil {
			return err
		}
		if *only == "" {
			return s.show(out)
		}
		file, known := single[*only]
		if !known {
			return fmt.Errorf("there is no %q; there are %s", *only, names)
		}
		value, err := s.Logins.read(file)
		if err == nil {
			fmt.Fprintln(out, value)
		}
		return err
	}
}

func (s settings) show(out io.Writer) error {
	passwords, err := s.Logins.phonePasswords()
	if err != nil {
		return err
	}
	phones := asteriskconf.Phones()
	for i := range phones {
		phones[i].Password = passwords[phones[i].Name]
	}
	token, err := s.Logins.read(apiToken)
	if err != nil {
		return err
	}
	audit, err := s.Logins.read(auditPassword)
	if err != nil {
		return err
	}
	return guide.Execute(out, map[string]any{
		"Addr": s.Addr, "SIPPort": s.SIPPort, "APIPort": s.APIPort, "NATSPort": s.NATSPort, "Phones": phones, "Token": token, "Audit": audit,
	})
}

// server is the address that phones register at.
func (s settings) server(host string) string { return net.JoinHostPort(host, strconv.Itoa(s.SIPPort)) }
