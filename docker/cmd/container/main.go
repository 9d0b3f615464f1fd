package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/kelseyhightower/envconfig"

	"metaflows/docker/command"
)

const usage = `usage: container <command> [flags]

  logins    make the passwords and tokens that are not there yet
  show      print them, and where they are used
  asterisk  write Asterisk's configuration and become Asterisk
  codes     store the first codes, where the account has none
  streams   make NATS's streams with several replicas, where there are none
  phones    call again and again, and press the codes
`

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is the program: it returns its exit code.
func run(args []string, out, complain io.Writer) int {
	return command.Program{Name: "container", Usage: usage, Commands: map[string]command.Command{
		"logins": loginsCommand, "show": showCommand, "asterisk": asteriskCommand,
		"codes": codesCommand, "streams": streamsCommand, "phones": phonesCommand,
	}}.Run(args, out, complain)
}

// settings are the variables of all commands; each uses those that it needs.
type settings struct {
	Addr     string `default:"127.0.0.1"`                         // where phones reach Asterisk
	SIPPort  int    `envconfig:"SIP_PORT" default:"5060"`         // there and in the container
	RTPPorts string `envconfig:"RTP_PORTS" default:"10000-10039"` // there and in the container
	LocalNet string `envconfig:"LOCAL_NET"`                       // the phones that are containers
	APIPort  int    `envconfig:"API_PORT" default:"8000"`         // on the host
	NATSPort int    `envconfig:"NATS_PORT" default:"4222"`        // on the host
	NATS     string `envconfig:"NATS_SERVERS" default:"nats"`     // names, separated by commas
	API      string `envconfig:"API_URL" default:"http://metaflows:8000"`
	Asterisk string `envconfig:"ASTERISK" default:"asterisk"` // the host that phones register at
	Logins   folder `envconfig:"LOGINS" default:"/logins"`
}

// load reads the variables.
func load() (settings, error) {
	var s settings
	err := envconfig.Process("", &s)
	return s, err
}

// patience is how long a command waits for another container.
const patience = time.Minute

// retry does something until it succeeds, for a while, and says why it waits.
func retry(ctx context.Context, out io.Writer, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	said := ""
	for {
		err := do(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() == nil && err.Error() != said {
			said = err.Error()
			fmt.Fprintln(out, "waiting:", said)
		}
		select {
		case <-time.After(500 * time.Millisecond):
		case <-ctx.Done():
			return err
		}
	}
}

// plain is a command without flags.
func plain(do func(context.Context, io.Writer, settings) error) command.Command {
	return func(_ *flag.FlagSet, out io.Writer) func(context.Context) error {
		return func(ctx context.Context) error {
			s, err := load()
			if err != nil {
				return err
			}
			return do(ctx, out, s)
		}
	}
}
