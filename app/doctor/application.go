package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	signEvery = 5 * time.Second // that who has the application says so (ari/ASTERISK.md)
	signLate  = 2 * signEvery
)

// holder says whether the application is connected, and by whom.
func (p *patient) holder(ctx context.Context) {
	name, at, err := p.client.Holder(p.cfg.ARI.Application)
	if err != nil {
		p.bad(err.Error())
		return
	}
	connected, err := p.connected(ctx)
	if err != nil {
		p.bad("whether metaflows is connected cannot be found out: " + err.Error())
		return
	}
	if all, err := p.client.Applications(); err == nil {
		for _, a := range all {
			if a.Name != p.id && a.Name != p.cfg.ARI.Application {
				p.applications = append(p.applications, a.Name)
			}
		}
		slices.Sort(p.applications)
	}
	what := "the application " + p.cfg.ARI.Application
	switch {
	case !connected:
		others := "no other is connected"
		if len(p.applications) > 0 {
			others = "connected are " + strings.Join(p.applications, ", ") + " (METAFLOWS_ARI_APPLICATION says which it is)"
		}
		p.tell(finding{
			level: note, what: fmt.Sprintf("%s is held by nobody now, calls go by Dial(); %s", what, others),
			lines: []string{"systemctl start metaflows", "journalctl -u metaflows -n 20"},
		})
	case p.signs(ctx, name, at):
		name, at, _ = p.client.Holder(p.cfg.ARI.Application)
		p.good(what + " is held by " + name + ", which has last said so at " + at)
	case name == "":
		p.bad(what+" is connected, but not by metaflows, which would say so: another program has its name", "end that program; it is the one with a websocket to "+p.cfg.ARI.URL+":", "ss -tnp")
	default:
		p.bad(what+" is connected, and "+name+", which had it, has last said so at "+at+": it hangs, or another program has taken the name", "systemctl restart metaflows", "and if that does not help, end the other program with a websocket to "+p.cfg.ARI.URL+":", "ss -tnp")
	}
}

// signs says whether who has the application still says so. Its clock may be another than ours: then it must change.
func (p *patient) signs(ctx context.Context, name, at string) bool {
	if signed, err := time.Parse(time.RFC3339, at); err == nil && name != "" && time.Since(signed).Abs() < signLate {
		return true
	}
	again := time.NewTicker(signEvery / 5)
	defer again.Stop()
	for deadline := time.Now().Add(signLate); time.Now().Before(deadline); {
		select {
		case <-ctx.Done():
			return false
		case <-again.C:
		}
		if now, then, err := p.client.Holder(p.cfg.ARI.Application); err == nil && now != "" && (now != name || then != at) {
			return true
		}
	}
	return false
}
