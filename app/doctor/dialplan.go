package doctor

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"metaflows/actions"
)

// handover is a place of the dialplan that gives a call to an ARI application.
type handover struct {
	entry
	call      string // Stasis(metaflows,dial,PJSIP/alice,30)
	broadcast bool
	words     []string // what stands in the parentheses
}

var handoverStart = regexp.MustCompile(`(?i)\bStasis(Broadcast)?\(`)

// handovers finds them; one that is commented out is none.
func handovers(c *configuration) []handover {
	var found []handover
	for _, s := range c.sections {
		for _, e := range s.entries {
			for _, at := range handoverStart.FindAllStringSubmatchIndex(e.value, -1) {
				length := closing(e.value[at[1]:])
				if length < 0 {
					continue
				}
				found = append(found, handover{
					entry: e, call: e.value[at[0] : at[1]+length+1], broadcast: at[2] >= 0, words: split(e.value[at[1]:at[1]+length], ','),
				})
			}
		}
	}
	return found
}

// brackets are those in which a comma separates nothing; also ${...} and $[...], which Asterisk puts in before it looks.
var brackets = map[byte]int{'(': 1, ')': -1, '{': 1, '}': -1, '[': 1, ']': -1}

// closing is where the parenthesis ends that was opened before s; -1: nowhere.
func closing(s string) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\':
			i++
		case s[i] == ')' && depth == 0:
			return i
		default:
			depth += brackets[s[i]]
		}
	}
	return -1
}

// split splits arguments, and leaves quotes and backslashes in them.
func split(s string, between byte) []string {
	words, depth, from := []string{}, 0, 0
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\':
			i++
		case s[i] == between && depth == 0:
			words, from = append(words, s[from:i]), i+1
		default:
			depth += brackets[s[i]]
		}
	}
	return append(words, s[from:])
}

// variable says whether a text is known only when somebody calls.
func variable(s string) bool { return strings.Contains(s, "${") || strings.Contains(s, "$[") }

// application is the name that the line gives, and what it gives to who has that name; ok is false where only a call shows.
func (h handover) application() (name string, args []string, ok bool) {
	switch {
	case !h.broadcast:
		name, args = strings.TrimSpace(h.words[0]), h.words[1:]
	case len(h.words) < 3:
		return "", nil, false
	default:
		name, args = h.words[1], split(h.words[2], ':')
	}
	return name, args, !variable(name) && (len(args) == 0 || !variable(args[0]))
}

// instead is the whole line with another call in it.
func (h handover) instead(call string) string {
	return h.key + " => " + strings.Replace(h.value, h.call, call, 1)
}

// means says whether the line's name is an application; that of a StasisBroadcast is an expression, of which none is all.
func (h handover) means(name, application string) bool {
	if !h.broadcast {
		return name == application
	}
	expression, err := regexp.CompilePOSIX(name)
	return err == nil && expression.MatchString(application)
}

const reloadDialplan = `asterisk -rx "dialplan reload"`

// examineDialplan looks at the lines that give calls to metaflows. connected are the names of all ARI applications.
func examineDialplan(c *configuration, application string, connected []string) []finding {
	var found []finding
	right := 0
	for _, h := range handovers(c) {
		name, args, ok := h.application()
		if !ok {
			continue
		}
		if !h.means(name, application) {
			ours := len(args) > 0 && args[0] == "dial" || strings.EqualFold(name, application)
			if ours && !slices.ContainsFunc(connected, func(other string) bool { return h.means(name, other) }) {
				found = append(found, misnamed(h, name, application))
			}
			continue
		}
		right++
		if problem := examineArguments(args); problem.err != nil {
			found = append(found, finding{level: missing, what: fmt.Sprintf("%s: %s: %s", h.place, h.call, problem.err), lines: problem.lines(h)})
		}
	}
	switch {
	case len(found) > 0:
		return found
	case right == 0:
		return []finding{{
			level: note, what: "no line of extensions.conf gives calls to " + application + ": nobody has codes",
			lines: []string{
				"in extensions.conf, in place of Dial(PJSIP/alice,30):",
				"exten => 1001,1,Stasis(" + application + ",dial,PJSIP/alice,30)",
				` same => n,ExecIf($["${DIALSTATUS}"="INVALIDARGS"]?Log(ERROR,metaflows refuses the arguments of this line and Dial takes over))`,
				` same => n,ExecIf($["${STASISSTATUS}"="FAILED" | "${DIALSTATUS}"="INVALIDARGS"]?Dial(PJSIP/alice,30))`, reloadDialplan,
			},
		}}
	}
	return []finding{{what: fmt.Sprintf("all lines of the dialplan that give calls to %s have a form that it knows (%d)", application, right)}}
}

func misnamed(h handover, name, application string) finding {
	words := slices.Clone(h.words)
	if h.broadcast {
		words[1] = "^" + application + "$"
	} else {
		words[0] = application
	}
	return finding{
		level: missing,
		what:  fmt.Sprintf("%s: %s gives calls to %s, but the application's name is %s (METAFLOWS_ARI_APPLICATION)", h.place, h.call, name, application),
		lines: []string{"in " + h.file + ", line " + fmt.Sprint(h.number) + ":", h.instead(h.with(words)), reloadDialplan},
	}
}

// with is the call with other words.
func (h handover) with(words []string) string {
	name, _, _ := strings.Cut(h.call, "(")
	return name + "(" + strings.Join(words, ",") + ")"
}

// refusal is what metaflows would refuse of a line's arguments.
type refusal struct {
	err     error
	options string // those that it would take, where the options are what is wrong
	mends   bool
}

func (r refusal) lines(h handover) []string {
	if !r.mends {
		return []string{"accepted is " + actions.DialForm, reloadDialplan}
	}
	words, between := slices.Clone(h.words), ","
	if h.broadcast {
		words, between = split(h.words[2], ':'), ":"
	}
	if words = words[:len(words)-1]; r.options != "" {
		words = append(words, r.options)
	}
	mended := strings.Join(words, between)
	if h.broadcast {
		mended = strings.Join([]string{h.words[0], h.words[1], mended}, ",")
	}
	return []string{"in " + h.file + ", line " + fmt.Sprint(h.number) + ", without it:", h.instead(h.with([]string{mended})), reloadDialplan}
}

// examineArguments asks who reads them when somebody calls; what a variable will bring counts as right.
func examineArguments(args []string) refusal {
	words := slices.Clone(args)
	if len(words) > 1 && variable(words[1]) {
		words[1] = "PJSIP/alice"
	}
	if len(words) > 2 && variable(words[2]) {
		words[2] = ""
	}
	if len(words) != 4 {
		return refusal{err: actions.CheckDial(words)}
	}
	before := words[:3]
	if err := actions.CheckDial(before); err != nil {
		return refusal{err: err}
	}
	var r refusal
	for _, option := range splitOptions(words[3]) {
		err := actions.CheckDial(append(slices.Clone(before), option))
		if strings.HasPrefix(option, "$") || variable(option) && !errors.Is(err, actions.ErrUnknownOption) {
			err = nil
		}
		if err == nil {
			r.options += option
			continue
		}
		r.err, r.mends = errors.Join(r.err, err), true
	}
	return r
}

// splitOptions splits tT(x)${MORE} into t, T(x) and ${MORE}.
func splitOptions(s string) []string {
	var options []string
	for s != "" {
		length := 1
		for depth := 0; length < len(s); length++ {
			if s[length] == '\\' && depth > 0 && length+1 < len(s) {
				length++
				continue
			}
			if depth == 0 && brackets[s[length]] != 1 {
				break
			}
			if depth += brackets[s[length]]; depth == 0 {
				length++
				break
			}
		}
		options, s = append(options, s[:length]), s[length:]
	}
	return options
}
