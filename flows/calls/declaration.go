package calls

// Lack is what a module does not do although its schema has it.
type Lack struct {
	Key string
	// Value is the only one with which the key is not obeyed; "": it never is.
	Value string
	// Message says to who has written it what becomes of that.
	Message string
}

// Kind is what a reason is about: whose doing it is that an action has failed. 0 is that of a reason that nobody knows.
type Kind int

const (
	// WrongRequest: it would fail at any time, by what the node asks for, what was pressed or who asks. It fails before it has
	// taken its input, so that nothing begins.
	WrongRequest Kind = iota + 1
	// WrongMoment: the call is not in a state for it. It fails before it has taken its input, too.
	WrongMoment
	// Others: it began, and what others did has ended it: who was called is busy, who is talked to has hung up.
	Others
	// Asterisk: it refused, or did not answer.
	Asterisk
)

// Refused says that an action which fails for a reason of this kind has never begun.
func (k Kind) Refused() bool { return k == WrongRequest || k == WrongMoment }

// Reasons are words for which actions fail, as Failure has them, by their kinds.
type Reasons map[string]Kind

// common are the reasons for which a run of any module may fail.
var common = Reasons{
	"forbidden": WrongRequest, "invalid_data": WrongRequest, "unsupported": WrongRequest,
	"no_captures": WrongMoment, "not_answered": WrongMoment, "too_many": WrongMoment,
	"call_ended": Others, "gone": Others,
	"error": Asterisk, "unavailable": Asterisk, "state_full": Asterisk, ReasonLost: Asterisk,
}

// ReasonLost: a restart has come between, and nobody knows whether it was done, or how much of it.
const ReasonLost = "lost"

// Kind is of what kind a reason is for which the module has failed; 0: it cannot fail for it.
func (m Module) Kind(reason string) Kind {
	if kind, known := common[reason]; known {
		return kind
	}
	return m.Reasons[reason]
}

// ChannelAction is one of Kazoo's actions on a channel: what a program asks for by its name, with parameters that become a
// module's data.
type ChannelAction struct {
	Name string
	// Reply is what Kazoo answers when it has begun.
	Reply string
	// Bridged: there must be another leg.
	Bridged bool
	// Params make the data, in this order.
	Params []Param
}

// Param is a key of the data that a channel action makes.
type Param struct {
	// Name is the parameter's, Key is that of the data, "" for the same.
	Name, Key string
	// Always is the value of Key whatever is asked for; there is no parameter then.
	Always string
	// Missing is what Kazoo says where the parameter is missing; "": it may be.
	Missing string
}
