package server

import (
	"metaflows/app/live"
	"metaflows/flows/calls"
)

// openLive makes the registry of live calls; nothing runs yet. Commands come when the telephony is there.
func (s *process) openLive() {
	s.live = live.New(live.Config{
		Conn: s.broker.Documents(), Node: s.cfg.Node, Schemas: s.schemas, Log: s.log,
		Execute: func(cmd calls.Command, told func(calls.Report)) bool { return s.telephony.calls.Execute(cmd, told) },
	})
}
