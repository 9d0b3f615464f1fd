package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"metaflows/docker/pbx"
	"metaflows/docker/program"
	"metaflows/docker/rig"
)

// system is a telephone system with metaflows, and those who watch it.
type system struct {
	*rig.Rig
	auditor *rig.Auditor
	witness *witness
	line    *timeline
}

// startSystem gets and starts Asterisk and metaflows; wanted says how metaflows differs from the usual one, all may be
// empty. The context it returns ends with ctx, and when a part of the system ends by itself; its cause says which. say
// tells the user what was done.
func startSystem(ctx context.Context, asterisk pbx.Options, wanted program.Options, line *timeline, say func(string, ...any)) (s *system, life context.Context, err error) {
	s = &system{line: line}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.stop())
		}
	}()
	s.Rig, err = rig.Start(ctx, rig.Options{Asterisk: asterisk, Program: wanted, Say: func(what string, took time.Duration) {
		say("%s runs after %s", what, seconds(took))
	}})
	if err != nil {
		return s, nil, err
	}
	if s.witness, err = newWitness(ctx, s.Asterisk, s.line.happens()); err != nil {
		return s, nil, err
	}
	if s.auditor, err = rig.NewAuditor(s.Program, s.line.told); err != nil {
		return s, nil, err
	}
	life = s.alive(ctx)
	return s, life, nil
}

// alive ends when a part of the system ends, with that as its cause.
func (s *system) alive(ctx context.Context) context.Context {
	life, end := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-s.Program.Ended():
			end(errors.New("metaflows has ended by itself"))
		case <-s.witness.ended:
			end(errors.New("the connection to Asterisk has ended"))
		case <-life.Done():
			end(nil)
		}
	}()
	return life
}

// stop ends everything that was started and returns when it is gone.
func (s *system) stop() error {
	if s.auditor != nil {
		s.auditor.Close()
	}
	if s.witness != nil {
		s.witness.close()
	}
	return s.Stop()
}

// saveLogs copies what Asterisk and metaflows wrote into a folder.
func (s *system) saveLogs(folder string) error {
	_, err := copyFile(s.Asterisk.LogPath, folder, "asterisk.log")
	_, more := copyFile(s.Program.LogPath, folder, "metaflows.log")
	return errors.Join(err, more)
}

// seconds tells a duration to people.
func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }
