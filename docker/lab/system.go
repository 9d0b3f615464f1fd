package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"metaflows/docker/pbx"
	"metaflows/docker/program"
)

// system is a telephone system with metaflows, and those who watch it.
type system struct {
	asterisk *pbx.Server
	program  *program.Program
	auditor  *auditor
	witness  *witness
	line     *timeline
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
	install, err := pbx.Find(ctx)
	if err != nil {
		return s, nil, err
	}
	began := time.Now()
	if s.asterisk, err = install.Start(ctx, asterisk); err != nil {
		return s, nil, err
	}
	say("Asterisk %s runs after %s", s.version(), seconds(time.Since(began)))
	temp := filepath.Join(s.asterisk.Dir, "metaflows") // removed with Asterisk, also after a crash
	if err = os.Mkdir(temp, 0o700); err != nil {
		return s, nil, err
	}
	if wanted.Binary == "" {
		wanted.Binary = filepath.Join(temp, "metaflows")
		if err = program.Build(ctx, wanted.Binary); err != nil {
			return s, nil, err
		}
	}
	wanted.Data = cmp.Or(wanted.Data, filepath.Join(temp, "data"))
	wanted.LogPath = cmp.Or(wanted.LogPath, filepath.Join(temp, "log"))
	began = time.Now()
	if s.program, err = program.Start(ctx, s.asterisk, wanted); err != nil {
		return s, nil, err
	}
	say("metaflows runs after %s", seconds(time.Since(began)))
	if s.witness, err = newWitness(ctx, s.asterisk, s.line.happens()); err != nil {
		return s, nil, err
	}
	if s.auditor, err = newAuditor(s.program.NATS, filepath.Join(s.program.Data, "audit.password"), s.line.told); err != nil {
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
		case <-s.program.Ended():
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
	var failed []error
	if s.auditor != nil {
		s.auditor.close()
	}
	if s.witness != nil {
		s.witness.close()
	}
	if s.program != nil {
		failed = append(failed, s.program.Stop())
	}
	if s.asterisk != nil {
		failed = append(failed, s.asterisk.Stop())
	}
	return errors.Join(failed...)
}

// saveLogs copies what Asterisk and metaflows wrote into a folder.
func (s *system) saveLogs(folder string) error {
	var failed error
	if s.asterisk != nil {
		_, err := copyFile(s.asterisk.LogPath, folder, "asterisk.log")
		failed = errors.Join(failed, err)
	}
	if s.program != nil {
		_, err := copyFile(s.program.LogPath, folder, "metaflows.log")
		failed = errors.Join(failed, err)
	}
	return failed
}

var versionNumber = regexp.MustCompile(`Asterisk (certified[/-])?(\d+\.\d+(\.\d+)?)`)

func (s *system) version() string {
	text, err := s.asterisk.CLI("core show version")
	if found := versionNumber.FindStringSubmatch(text); err == nil && found != nil {
		return found[2]
	}
	return ""
}

// seconds tells a duration to people.
func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }
