package server

import (
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"

	"metaflows/flows/calls"
)

// ChannelVars are the variables that ari.conf must list in channelvars, so that every event carries them.
var ChannelVars = []string{
	"METAFLOWS_ACCOUNT", "METAFLOWS_USER", "METAFLOWS_DEVICE", "METAFLOWS_CONTEXT", "METAFLOWS_CALL", "METAFLOWS_ROLE",
}

// ChannelVarsLine is the line that ari.conf needs in [general].
var ChannelVarsLine = "channelvars = " + strings.Join(ChannelVars, ",")

// MissingVars are those that a channel's variables lack. Asterisk names a listed variable also where it is not set.
func MissingVars(vars map[string]string) []string {
	var missing []string
	for _, name := range ChannelVars {
		if _, ok := vars[name]; !ok {
			missing = append(missing, name)
		}
	}
	return missing
}

// channelVars watches whether ari.conf lists all variables. It looks at every channel that enters, so that a reload of
// Asterisk's configuration is noticed, and speaks when that changes.
type channelVars struct {
	log     *slog.Logger
	missing atomic.Bool
}

func (c *channelVars) check(channel calls.Channel) {
	missing := MissingVars(channel.Vars)
	was := c.missing.Swap(len(missing) > 0)
	switch {
	case len(missing) > 0 && !was:
		c.log.Error("ari.conf does not list every channel variable that metaflows needs; its section [general] must say so",
			"line", ChannelVarsLine, "missing", strings.Join(missing, ","), "do", "write the line into ari.conf, then: asterisk -rx 'module reload res_ari.so'")
	case len(missing) == 0 && was:
		c.log.Info("ari.conf lists every channel variable now")
	}
}

func (c *channelVars) err() error {
	if c.missing.Load() {
		return errors.New("ari.conf, section [general], must say: " + ChannelVarsLine)
	}
	return nil
}
