package rig

import (
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"metaflows/docker/pbx"
	"metaflows/docker/program"
)

// Rig is a running Asterisk with metaflows.
type Rig struct {
	Asterisk *pbx.Server
	Program  *program.Program
}

// Options say how both differ from the usual ones; the zero value is the usual.
type Options struct {
	Asterisk pbx.Options
	// Program's binary is built where it is not given; its folder and its log go with Asterisk's folder then.
	Program program.Options
	// Prepare, if any, is called when Asterisk runs, and may change how metaflows is started.
	Prepare func(*pbx.Server, *program.Options) error
	// Say, if any, hears what was done.
	Say func(what string, took time.Duration)
}

// Start gets and starts Asterisk and metaflows. What was started when it fails is stopped again.
func Start(ctx context.Context, options Options) (r *Rig, err error) {
	r = &Rig{}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.Stop())
		}
	}()
	say := options.Say
	if say == nil {
		say = func(string, time.Duration) {}
	}
	install, err := pbx.Find(ctx)
	if err != nil {
		return r, err
	}
	began := time.Now()
	if r.Asterisk, err = install.Start(ctx, options.Asterisk); err != nil {
		return r, err
	}
	say("Asterisk "+r.Version(), time.Since(began))
	wanted := options.Program
	if err = r.furnish(ctx, &wanted); err != nil {
		return r, err
	}
	if options.Prepare != nil {
		if err = options.Prepare(r.Asterisk, &wanted); err != nil {
			return r, err
		}
	}
	began = time.Now()
	if r.Program, err = program.Start(ctx, r.Asterisk, wanted); err != nil {
		return r, err
	}
	say("metaflows", time.Since(began))
	return r, nil
}

// furnish fills in what metaflows needs and nobody gave.
func (r *Rig) furnish(ctx context.Context, wanted *program.Options) error {
	temp := filepath.Join(r.Asterisk.Dir, "metaflows") // removed with Asterisk, also after a crash
	if err := os.Mkdir(temp, 0o700); err != nil {
		return err
	}
	wanted.Data = cmp.Or(wanted.Data, filepath.Join(temp, "data"))
	wanted.LogPath = cmp.Or(wanted.LogPath, filepath.Join(temp, "log"))
	if wanted.Binary != "" {
		return nil
	}
	wanted.Binary = filepath.Join(temp, "metaflows")
	return program.Build(ctx, wanted.Binary)
}

// Stop ends what was started and returns when it is gone.
func (r *Rig) Stop() error {
	var failed []error
	if r.Program != nil {
		failed = append(failed, r.Program.Stop())
	}
	if r.Asterisk != nil {
		failed = append(failed, r.Asterisk.Stop())
	}
	return errors.Join(failed...)
}
