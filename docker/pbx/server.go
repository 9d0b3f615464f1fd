package pbx

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	asteriskconf "metaflows/asterisk-conf"
)

// ARIUser is the login of the application, as asterisk-conf/site/ari.conf has it.
const ARIUser = "metaflows"

// Server is a running Asterisk. Its methods may be called from several goroutines.
type Server struct {
	ARIURL       string // http://127.0.0.1:<port>/ari
	ARIUser      string
	ARIPassword  string
	SIPAddr      string // host:port, UDP and TCP
	RTPStart     int
	RTPEnd       int
	Dir          string // everything of this instance, as this machine sees it
	RecordingDir string // where ARI's recordings lie, as this machine sees it
	LogPath      string // Asterisk's log: notices, warnings, errors, what the dialplan does
	CDRPath      string // call records, one line each

	instance *instance
	block    *block
	phones   []asteriskconf.Phone
	keep     bool

	mu      sync.Mutex // guards what follows, and start against stop
	process *process
	stopped bool
}

// startTime is how long an Asterisk may take until it answers; it needs about one second.
const startTime = 30 * time.Second

// Start runs a new Asterisk and returns when ARI answers, the dialplan is loaded and all
// phones are known. Getting Asterisk at all may take longer, see Find. If it does not come
// up, the error has the last lines of its log.
func Start(ctx context.Context, options Options) (*Server, error) {
	install, err := Find(ctx)
	if err != nil {
		return nil, err
	}
	return install.Start(ctx, options)
}

// Start is like the function Start, for one install.
func (i *Install) Start(ctx context.Context, options Options) (*Server, error) {
	if options.BindAddr == "" {
		options.BindAddr = "127.0.0.1"
	}
	s := &Server{ARIUser: ARIUser, ARIPassword: rand.Text(), keep: options.Keep, phones: phones(options)}
	if err := s.prepare(i, options); err != nil {
		s.discard()
		return nil, fmt.Errorf("start asterisk: %w", err)
	}
	if err := s.run(ctx); err != nil {
		s.discard()
		return nil, fmt.Errorf("start asterisk: %w", err)
	}
	return s, nil
}

// prepare makes the folder, chooses the ports and writes the configuration.
func (s *Server) prepare(install *Install, options Options) error {
	if ip := net.ParseIP(options.BindAddr); ip == nil || ip.To4() == nil {
		return fmt.Errorf("bind address %q: an IPv4 address is needed", options.BindAddr)
	}
	var err error
	if s.block, err = newBlock(options.BindAddr); err != nil {
		return err
	}
	rtpStart, rtpEnd := s.block.rtp()
	values := asteriskconf.Values{
		BindAddr: options.BindAddr, ExternalAddr: options.ExternalAddr, Network: !loopback(options.BindAddr),
		SIPPort: first(options.SIPPort, s.block.sip()), HTTPPort: first(options.HTTPPort, s.block.http()),
		RTPStart: first(options.RTPStart, rtpStart), RTPEnd: first(options.RTPEnd, rtpEnd),
		ARIPassword: s.ARIPassword, Phones: s.phones,
	}
	// Those of the block were free a moment ago. To look once more would find the socket that looked then, where a program that
	// was started at that moment has it until it runs.
	if options.SIPPort != 0 {
		if err := sipFree(options.BindAddr, values.SIPPort); err != nil {
			return fmt.Errorf("SIP port: %w", err)
		}
	}
	if options.HTTPPort != 0 {
		if err := portFree("tcp", "127.0.0.1", values.HTTPPort); err != nil {
			return fmt.Errorf("ARI port: %w", err)
		}
	}
	if s.instance, err = newInstance(install, options.Dir); err != nil {
		return err
	}
	if err := s.instance.configure(values, options.Append); err != nil {
		return err
	}
	s.ARIURL = fmt.Sprintf("http://127.0.0.1:%d/ari", values.HTTPPort)
	s.SIPAddr = net.JoinHostPort(options.BindAddr, strconv.Itoa(values.SIPPort))
	s.RTPStart, s.RTPEnd = values.RTPStart, values.RTPEnd
	s.Dir = s.instance.dir
	s.RecordingDir = s.instance.path(spoolFolder, "recording")
	s.LogPath = s.instance.path(logFolder, "full")
	s.CDRPath = s.instance.path(logFolder, "cdr-csv", "Master.csv")
	return nil
}

func first(values ...int) int {
	for _, value := range values {
		if value != 0 {
			return value
		}
	}
	return 0
}

// run starts the process and waits until it serves.
func (s *Server) run(ctx context.Context) error {
	process, err := s.instance.launch()
	if err != nil {
		return err
	}
	s.process = process
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	go func() {
		select {
		case <-process.ended:
			cancel()
		case <-ctx.Done():
		}
	}()
	if err := s.await(ctx); err != nil {
		select {
		case <-process.ended:
			err = fmt.Errorf("it ended at once: %w", errors.Join(process.err, err))
		default:
			process.kill()
		}
		return fmt.Errorf("%w; the end of its log:\n%s", err, s.tail(20))
	}
	return nil
}

// Restart stops Asterisk if it runs and starts it again with the same folder, ports and
// passwords. Registrations older than a second survive. It returns when Asterisk serves again.
func (s *Server) Restart(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return errors.New("restart asterisk: it was stopped for good")
	}
	_ = s.process.stop(stopTime)
	if err := s.run(ctx); err != nil {
		return fmt.Errorf("restart asterisk: %w", err)
	}
	return nil
}

const stopTime = 5 * time.Second

// Kill ends Asterisk without warning, as a crash does. The folder and the ports stay for Restart.
func (s *Server) Kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.process.kill()
}

// Stop ends Asterisk with all its calls, waits until it is gone and removes its folder,
// unless Keep. A second Stop does nothing.
func (s *Server) Stop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return nil
	}
	s.stopped = true
	err := s.process.stop(stopTime)
	s.block.close()
	if s.keep {
		return errors.Join(err, s.instance.keep())
	}
	return errors.Join(err, s.instance.remove())
}

// discard cleans up after a start that failed.
func (s *Server) discard() {
	if s.block != nil {
		s.block.close()
	}
	if s.instance == nil {
		return
	}
	if s.keep {
		_ = s.instance.keep()
		return
	}
	_ = s.instance.remove()
}

// PID is the process id of the running Asterisk.
func (s *Server) PID() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.process.cmd.Process.Pid
}

// Password is what a phone registers with; empty for a name that is no phone.
func (s *Server) Password(phone string) string {
	for _, p := range s.phones {
		if p.Name == phone {
			return p.Password
		}
	}
	return ""
}

// CLI gives one command to Asterisk ("core show channels") and returns what it prints.
func (s *Server) CLI(line string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return s.instance.run(ctx, line)
}

// Log is Asterisk's log up to now; empty if it cannot be read.
func (s *Server) Log() string {
	text, _ := os.ReadFile(s.LogPath)
	return string(text)
}

// Complaints are the lines of the log that are warnings or errors. Dialling a phone that is
// not registered is one: Asterisk logs two ERROR lines for it.
func (s *Server) Complaints() []string { return Complaints(s.Log()) }

// Complaints are the lines of a piece of Asterisk's log that are warnings or errors.
func Complaints(log string) []string {
	var found []string
	for line := range strings.Lines(log) {
		if strings.Contains(line, "] WARNING[") || strings.Contains(line, "] ERROR[") {
			found = append(found, strings.TrimRight(line, "\n"))
		}
	}
	return found
}

// tail is the end of what Asterisk wrote: its log, and what went to the console.
func (s *Server) tail(lines int) string {
	console, _ := os.ReadFile(s.instance.path(logFolder, "console"))
	text := strings.Split(strings.TrimSpace(s.Log()+"\n"+string(console)), "\n")
	return strings.Join(text[max(0, len(text)-lines):], "\n")
}
