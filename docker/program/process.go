package program

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// process is one run of metaflows.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{} // closed when it is gone and waited for
	err   error         // why; set before ended is closed
}

// launch starts a process. It ends when we do, however that happens: the kernel ends it with the thread that started it,
// so that thread belongs to a goroutine which lives as long as the process. Ctrl-C does not reach it; stop does.
func launch(binary string, env []string, logPath string) (*process, error) {
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	p := &process{cmd: exec.Command(binary), ended: make(chan struct{})}
	p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = env, log, log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer log.Close()
		err := p.cmd.Start()
		started <- err
		if err != nil {
			return
		}
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	return p, <-started
}

// stop returns when the process is gone; an error is that it had to be killed, or how it had failed before.
func (p *process) stop(patience time.Duration) error {
	select {
	case <-p.ended:
		return nil // that it ended by itself was seen by who waits for ended
	default:
	}
	_ = p.resume() // one that is halted could not obey
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(patience):
		p.kill()
		return fmt.Errorf("metaflows did not end within %s and was killed", patience)
	}
	if p.err != nil {
		return fmt.Errorf("metaflows ended: %w", p.err)
	}
	return nil
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}

// pause returns when it has stopped: the signal alone is only on its way.
func (p *process) pause() error {
	if err := p.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	for deadline := time.Now().Add(patienceToStop); ; time.Sleep(time.Millisecond) {
		state, err := stateOf(p.cmd.Process.Pid)
		switch {
		case err != nil:
			return err
		case state == 'T':
			return nil
		case time.Now().After(deadline):
			return fmt.Errorf("metaflows was not halted within %s", patienceToStop)
		}
	}
}

// patienceToStop bounds the wait for the kernel.
const patienceToStop = 5 * time.Second

// stateOf is a process's state as the kernel has it: T is stopped (proc(5)).
func stateOf(pid int) (byte, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	i := bytes.LastIndexByte(stat, ')') // of the name, which may hold anything
	if i < 0 || i+2 >= len(stat) {
		return 0, fmt.Errorf("/proc/%d/stat cannot be understood", pid)
	}
	return stat[i+2], nil
}

func (p *process) resume() error { return p.cmd.Process.Signal(syscall.SIGCONT) }
