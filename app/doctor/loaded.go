package doctor

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"metaflows/app/server"
	asteriskconf "metaflows/asterisk-conf"
)

// The files may be newer than what Asterisk has loaded: what they have already is to be loaded, and not to be written into
// them once more. A file that is not on this machine, nil, is one without the line.

const reloadARI = `asterisk -rx "module reload res_ari.so"`

// notLoaded is what is missing in the running Asterisk: with the lines that the files lack, or where they have them, at a
// place, with the command that loads these.
func notLoaded(written *place, what, reload string, lines []string) finding {
	if written == nil {
		return finding{level: missing, what: what, lines: lines}
	}
	return finding{level: missing, what: fmt.Sprintf("%s, though %s is as it should be: perhaps Asterisk has not loaded it", what, written), lines: []string{reload}}
}

// enabled is the line that enables what a file is for in its [general].
func (c *configuration) enabled() *place {
	general := c.find("general")
	if general == nil {
		return nil
	}
	if e, ok := general.last("enabled"); ok && isTrue(e.value) {
		return &e.place
	}
	return nil
}

// serves is the line of http.conf that enables the server, if it is at an address.
func (c *configuration) serves(ariURL string) *place {
	enabled := c.enabled()
	if enabled == nil || disabled(c.named("general"))[0].level == missing || examineURL(c, ariURL) != nil {
		return nil
	}
	return enabled
}

// login is where ari.conf has a user as metaflows logs in; of a password that is not plain nothing is known.
func (c *configuration) login(username, password string) *place {
	user := c.find(username)
	if user == nil {
		return nil
	}
	format, _ := user.last("password_format")
	readOnly, _ := user.last("read_only")
	kind, _ := user.last("type")
	written, ok := user.last("password")
	if !ok || kind.value != "user" || format.value != "" && format.value != "plain" || isTrue(readOnly.value) || written.value != password {
		return nil
	}
	return &user.place
}

// find is named, also for a file that is not there.
func (c *configuration) find(name string) *section {
	if c == nil {
		return nil
	}
	return c.named(name)
}

// examineChannelVars is for variables that no event carries.
func examineChannelVars(c *configuration, lacking []string) finding {
	var written *place
	if general := c.find("general"); general != nil {
		if line, ok := general.last("channelvars"); ok {
			listed := map[string]string{}
			for name := range strings.SplitSeq(line.value, ",") {
				listed[strings.TrimSpace(name)] = ""
			}
			if len(server.MissingVars(listed)) == 0 {
				written = &line.place
			}
		}
	}
	if written == nil {
		return finding{level: missing, what: "ari.conf does not list " + strings.Join(lacking, ", "), lines: []string{"in ari.conf:", "[general]", server.ChannelVarsLine}}
	}
	return finding{level: missing, what: fmt.Sprintf("the running Asterisk does not list %s, but %s does: it is not loaded", strings.Join(lacking, ", "), written), lines: []string{reloadARI}}
}

// examineContext is for a context of ours of which the running dialplan has not all that it shall have: lacks is the first
// extension and priority of that; "" is for one that has all. Of two forms in the files Asterisk takes each priority from the
// one that it reads first, so that none may be another than ours.
func examineContext(c *configuration, name, what, lacks string) finding {
	shipped := asteriskconf.Context(name)
	written, differs := c.written(name, shipped)
	fault := "is an older one: it has no " + lacks + " in the dialplan"
	switch {
	case lacks == "" && differs == nil:
		return finding{what: what + " is there"}
	case differs != nil && lacks == "":
		fault = fmt.Sprintf("is there, but at %s is another or an older one", differs)
	case differs == nil && written != nil:
		fault = "is not in"
		if lacks != firstPriority {
			fault = "has no " + lacks + " in"
		}
		return finding{
			level: missing, what: fmt.Sprintf("%s %s the running dialplan, but in %s: it is not loaded", what, fault, written), lines: []string{reloadDialplan},
		}
	case lacks == firstPriority:
		fault = "is not in the dialplan"
	}
	where := "in extensions.conf:"
	switch {
	case differs != nil:
		where = fmt.Sprintf("in place of [%s] at %s:", name, differs)
	case lacks != firstPriority:
		where = "in extensions.conf, in its place:"
	}
	return finding{level: missing, what: what + " " + fault, lines: append([]string{where}, shipped...)}
}

// firstPriority is where a context of ours begins.
const firstPriority = "s,1"

// written is where a context of ours stands in a file, and where it stands in another form; nil is nowhere.
func (c *configuration) written(name string, shipped []string) (same, differs *place) {
	if c == nil {
		return nil, nil
	}
	ours := new(configuration)
	ours.parse("", []byte(strings.Join(shipped, "\n")), 1)
	for _, s := range c.sections {
		switch {
		case s.name != name:
		case slices.EqualFunc(s.entries, ours.named(name).entries, entry.says):
			same = cmp.Or(same, &s.place)
		default:
			differs = cmp.Or(differs, &s.place)
		}
	}
	return same, differs
}

// says says whether two lines say the same, wherever they stand.
func (e entry) says(other entry) bool {
	return strings.EqualFold(e.key, other.key) && e.value == other.value
}
