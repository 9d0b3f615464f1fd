package broker

import (
	"fmt"
	"log/slog"
	"strings"

	"github.com/nats-io/nats-server/v2/server"
)

// serverLog puts what the embedded server says into our log. Its notices are details for us. Fatalf does not end the
// process, as the server expects: the reason goes to whoever starts the server.
type serverLog struct {
	log    *slog.Logger
	fatal  chan<- string
	broken func(why string) // the server can write no more
}

func (l serverLog) Noticef(format string, v ...any) {
	l.log.Debug("nats: " + fmt.Sprintf(format, v...))
}
func (l serverLog) Debugf(string, ...any) {}
func (l serverLog) Tracef(string, ...any) {}

// Errorf also hears when a write has failed, which nats-server tells nobody else.
func (l serverLog) Errorf(format string, v ...any) {
	line := fmt.Sprintf(format, v...)
	if ends(line) {
		l.broken(line)
		return // who hears it says so, once
	}
	if clients(line) {
		l.log.Info("nats: " + line)
		return
	}
	l.log.Error("nats: "+line, "do", "look after the disk of METAFLOWS_DATA_DIR, and who uses METAFLOWS_NATS_LISTEN; else report it")
}

// clients says of a line that it tells what a client was refused: that is its own mistake, as when audit asks for the names of
// all streams.
func clients(line string) bool {
	return strings.Contains(line, " - cid:") && (strings.Contains(line, " Violation - ") || strings.Contains(line, server.ErrAuthentication.Error()))
}

func (l serverLog) Warnf(format string, v ...any) {
	if strings.HasPrefix(format, "Plaintext passwords detected") {
		return // ours are generated, and exist in memory and in the audit login's file only
	}
	l.log.Warn("nats: " + fmt.Sprintf(format, v...))
}

func (l serverLog) Fatalf(format string, v ...any) {
	select {
	case l.fatal <- fmt.Sprintf(format, v...):
	default:
	}
}
