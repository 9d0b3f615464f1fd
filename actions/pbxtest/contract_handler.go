package pbxtest

import (
	"time"

	"metaflows/flows/calls"
)

// orphanHandler is asterisk-conf's hangup handler, as the application pushes it.
const orphanHandler = "metaflows-orphan,s,1"

// partners: the handler ends its argument, else METAFLOWS_PARTNER.
func partners(tr *trial) {
	a := tr.enter("alice")
	b := tr.create("PJSIP/bob", map[string]string{"CHANNEL(hangup_handler_push)": orphanHandler})
	c := tr.create("PJSIP/carol", nil)
	tr.must(tr.SetVariables(a.ID, map[string]string{"CHANNEL(hangup_handler_push)": orphanHandler, "METAFLOWS_PARTNER": b.Name}))
	tr.must(tr.SetVariables(a.ID, map[string]string{"CHANNEL(hangup_handler_push)": orphanHandler + "(" + c.Name + ")"}))
	tr.must(tr.SetVariables(a.ID, map[string]string{"CHANNEL(hangup_handler_pop)": ""}))
	tr.must(tr.DialChannel(b.ID, a.ID, 20*time.Second))
	tr.must(tr.DialChannel(c.ID, a.ID, 20*time.Second))
	await(tr, "bob is up", func(ev calls.StateChanged) bool { return ev.Channel == b.ID && ev.State == "Up" })
	tr.PutDown("alice")
	tr.left(a)
	tr.left(b)
	if _, ok := look(tr, 300*time.Millisecond, func(ev calls.Left) bool { return ev.Channel == c.ID }); ok {
		tr.Error("a handler that was popped has run")
	}
	d := tr.create("PJSIP/bob", map[string]string{"CHANNEL(hangup_handler_push)": orphanHandler, "METAFLOWS_PARTNER": c.Name})
	tr.must(tr.SetVariables(d.ID, map[string]string{"METAFLOWS_PARTNER": ""})) // let go
	tr.must(tr.Hangup(d.ID, 0))
	tr.left(d)
	tr.rewind()
	if _, ok := look(tr, 300*time.Millisecond, func(ev calls.Left) bool { return ev.Channel == c.ID }); ok {
		tr.Error("a partner that was taken back was hung up")
	}
}

// spared: the handler does not end a partner that talks to somebody else by now, but with whom it has talked.
func spared(tr *trial) {
	a, b, bridge := tr.talk()
	c := tr.create("PJSIP/carol", map[string]string{"CHANNEL(hangup_handler_push)": orphanHandler, "METAFLOWS_PARTNER": b.Name})
	tr.must(tr.Hangup(c.ID, 0))
	tr.left(c)
	tr.rewind()
	if _, ended := look(tr, 300*time.Millisecond, func(ev calls.Left) bool { return ev.Channel == b.ID }); ended {
		tr.Error("who talks to alice was ended by carol's handler")
	}
	tr.must(tr.SetVariables(a.ID, map[string]string{"CHANNEL(hangup_handler_push)": orphanHandler, "METAFLOWS_PARTNER": b.Name}))
	name := tr.id("acme/x/rec") // what records is in the bridge, too
	tr.must(tr.Record(bridge, name, "wav"))
	await(tr, name+" starts", func(ev calls.RecordingStarted) bool { return ev.Recording == name })
	tr.must(tr.AddToBridge(bridge, b.ID, false))
	tr.PutDown("alice")
	tr.left(a)
	tr.left(b)
}
