package pbx

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// process is one run of Asterisk.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{} // closed when it is gone and waited for
	err   error         // why; set before ended is closed
}

// command prepares the program to run inside its root folder as its user. It gets nothing
// of our environment.
func (i *instance) command(ctx context.Context, args ...string) *exec.Cmd {
	args = append([]string{"-C", filepath.Join(i.inside, etcFolder, "asterisk.conf")}, args...)
	cmd := exec.CommandContext(ctx, i.install.Binary, args...)
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", "HOME=" + filepath.Join(i.inside, stateFolder)}
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: i.install.Root, Setpgid: true}
	if i.install.drop {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: i.install.uid, Gid: i.install.gid}
	}
	return cmd
}

// launch starts Asterisk. The kernel ends it when the thread that started it ends, so that
// thread belongs to a goroutine which lives exactly as long as Asterisk.
func (i *instance) launch() (*process, error) {
	output, err := os.OpenFile(i.path(logFolder, "console"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		return nil, err
	}
	cmd := i.command(context.Background(), "-f")
	cmd.Stdout, cmd.Stderr = output, output
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	p := &process{cmd: cmd, ended: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer output.Close()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		p.err = cmd.Wait()
		close(p.ended)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", i.install.Binary, err)
	}
	return p, nil
}

// stop asks, waits, and insists. It returns when the process is gone.
func (p *process) stop(patience time.Duration) error {
	_ = p.cmd.Process.Signal(syscall.SIGCONT) // one that was stopped could not obey
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
		return nil
	case <-time.After(patience):
		p.kill()
		return fmt.Errorf("asterisk (pid %d) did not end within %s and was killed", p.cmd.Process.Pid, patience)
	}
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}

// run gives one command to the running Asterisk and returns what it prints.
func (i *instance) run(ctx context.Context, line string) (string, error) {
	output, err := i.command(ctx, "-rx", line).CombinedOutput()
	text := strings.TrimRight(string(output), "\n")
	if err != nil {
		return text, fmt.Errorf("asterisk -rx %q: %w: %s", line, errors.Join(err, ctx.Err()), text)
	}
	return text, nil
}
