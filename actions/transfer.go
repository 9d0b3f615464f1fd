package actions

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"

	"metaflows/flows/calls"
)

// What a transfer may dial (actions/README.md, Blind transfer): anything else could leave the transferor's context, as
// 1@admin/n did.
var (
	targetForm  = regexp.MustCompile(`^[0-9A-Za-z*#+_.-]{1,64}$`)
	contextForm = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,79}$`)
)

// transferData is the data of Kazoo's schema metaflows.transfer, and the reading of timeout in seconds.
type transferData struct {
	Target       string   `json:"target"`
	Captures     []string `json:"captures"`
	TransferType string   `json:"transfer_type"`
	Timeout      int      `json:"timeout"`
}

// defaultRing is how many seconds a transfer's target and a ring-back ring.
const defaultRing = 20

// transfer sends the peer to an extension of the transferor's context. Blind: the peer stays in its bridge and gets the
// target there by a Local channel (ari/ASTERISK.md, A target in the bridge), so that the transfer can be watched to its end
// and undone.
func (s *Set) transfer() calls.Module {
	m := calls.Define("transfer", transferData{TransferType: "blind", Timeout: defaultRing}, s.runTransfer)
	m.Owned, m.Resume = true, s.resumeTransfer
	m.Serves = []calls.ChannelAction{{Name: "transfer", Reply: "transfer initiated", Bridged: true, Params: []calls.Param{
		{Name: "target", Missing: "No target destination specified"}, {Name: "transfer-type", Key: "transfer_type"}, {Name: "transfer_type"},
		{Name: "moh"}, {Name: "takeback_dtmf"}, {Name: "timeout"},
	}}}
	m.Reasons = calls.Reasons{
		"invalid_target": calls.WrongRequest, "no_context": calls.WrongRequest, "no_extension": calls.WrongRequest,
		"in_progress": calls.WrongMoment, "not_two_legs": calls.WrongMoment,
		"busy": calls.Others, "congestion": calls.Others, "no_answer": calls.Others, "transferee_gone": calls.Others, "unreachable": calls.Others,
	}
	m.Lacks = []calls.Lack{{Key: "transfer_type", Value: "attended", Message: "attended transfers are stored, but this version cannot do them; the action will fail"}}
	return m
}

func (s *Set) runTransfer(t *calls.Task, data transferData) (calls.Next, error) {
	if data.TransferType != "blind" {
		return calls.Stop, calls.Broken("unsupported", calls.CorrectNode, fmt.Errorf("transfer_type %q is not built, blind is", data.TransferType))
	}
	captures, err := t.Flow.Captures()
	if err != nil {
		return calls.Stop, err
	}
	release, err := t.Claim()
	if err != nil {
		return calls.Stop, err
	}
	defer release()
	transferor, transferee, err := t.Pair()
	if err != nil {
		return calls.Stop, err
	}
	x := &blindTransfer{
		Set: s, t: t, call: t.Call, transferor: transferor, transferee: transferee, extension: data.extension(captures),
		context: t.Flow.Context(), transferNote: transferNote{Ring: data.Timeout},
	}
	if x.Ring <= 0 {
		x.Ring = defaultRing
	}
	if err := x.check(); err != nil {
		return calls.Stop, err
	}
	if err := x.remind(t, transferee); err != nil {
		return calls.Stop, err
	}
	defer t.Spare(transferor)()
	x.make()
	if err := x.ask(); err != nil {
		x.unmake()
		return calls.Stop, err
	}
	t.Accept(x.extension)
	if !transferor.Withheld && x.dialstring() != "" {
		x.Number = transferor.CallerNum
	}
	return calls.Stop, x.run()
}

// resumeTransfer enters the run of a transfer at the stage that a process before this one has saved.
func (s *Set) resumeTransfer(t *calls.Task, transferee *calls.Leg, data json.RawMessage) (calls.Next, error) {
	x := &blindTransfer{Set: s, t: t, call: t.Call, transferor: t.Leg, transferee: transferee, again: true}
	if err := json.Unmarshal(data, &x.transferNote); err != nil || x.Stage != stageRing && x.Stage != stageBack {
		return calls.Stop, calls.Broken("error", "nothing: before a change of version, wait for calls to end", errors.New("the checkpoint of the transfer is not understood"))
	}
	return calls.Stop, x.run()
}

// extension is where to: the code's capture, else the document's captures, else its target. The schema's default
// ["no_match"] and an empty list count as absent.
func (d transferData) extension(pressed []string) string {
	for _, captures := range [][]string{pressed, d.Captures} {
		if len(captures) > 0 && captures[0] != "" && captures[0] != "no_match" {
			return captures[0]
		}
	}
	return d.Target
}

// check refuses what cannot work.
func (x *blindTransfer) check() error {
	switch {
	case !targetForm.MatchString(x.extension):
		return calls.Fail("invalid_target", errors.New("accepted are 1 to 64 of 0-9 A-Z a-z * # + _ . -"))
	case x.context == "":
		return calls.Broken("no_context", giveContext, errors.New("the transferor has no dialplan context: METAFLOWS_CONTEXT"))
	case !contextForm.MatchString(x.context):
		return calls.Broken("no_context", giveContext, fmt.Errorf("%q is no dialplan context: accepted are 1 to 79 of A-Z a-z 0-9 _ . -", x.context))
	}
	return nil
}

// extensionExists is the dialplan's function that is 1 where a context has an extension.
func extensionExists(context, extension string) string {
	return "DIALPLAN_EXISTS(" + context + "," + extension + ",1)"
}

// ask refuses an extension that does not exist.
func (x *blindTransfer) ask() error {
	question := extensionExists(x.context, x.extension)
	answer, err := x.variables(x.t, x.transferor, question)
	if err != nil {
		return err
	}
	if answer[question] != "1" {
		return calls.Fail("no_extension", fmt.Errorf("context %s has no such extension", x.context))
	}
	return nil
}
