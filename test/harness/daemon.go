package harness

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Daemon is a rowshift process.
type Daemon struct {
	world  *World
	number int
	cmd    *exec.Cmd
	file   *os.File      // log file, for people who look at the world from outside
	done   chan struct{} // closed when the process has ended
	err    error         // how it has ended

	mu    sync.Mutex
	lines []string
	grown chan struct{} // closed when a line is added
}

// Command runs rowshift until it ends and returns what it printed and its exit code.
func (w *World) Command(ctx context.Context, args ...string) (stdout, stderr string, code int, err error) {
	c := w.command(ctx, args...)
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	err = c.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return out.String(), errs.String(), exit.ExitCode(), nil
	}
	return out.String(), errs.String(), 0, err
}

// command returns a rowshift command that has the world's config and secrets.
func (w *World) command(ctx context.Context, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, w.Binary, args...)
	c.Env = append(os.Environ(),
		"ROWSHIFT_CONFIG="+w.ConfigFile(),
		"WAREHOUSE_PASSWORD="+LoaderPassword,
		"AWS_ACCESS_KEY_ID="+w.S3.AccessKey,
		"AWS_SECRET_ACCESS_KEY="+w.S3.SecretKey,
		"AWS_EC2_METADATA_DISABLED=true",
		"GORACE=halt_on_error=1",
	)
	c.Env = append(c.Env, w.Env...)
	// A process group of its own keeps Ctrl-C from the daemon: this process ends it when
	// the time has come.
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	return c
}

// Run starts a daemon: rowshift run, with args added.
func (w *World) Run(args ...string) (*Daemon, error) {
	d := &Daemon{world: w, number: len(w.daemons), done: make(chan struct{}), grown: make(chan struct{})}
	d.cmd = w.command(context.Background(), append([]string{"run"}, args...)...)
	d.cmd.Stdout, d.cmd.Stderr = d, d
	var err error
	if d.file, err = os.OpenFile(w.LogFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
		return nil, err
	}
	if err := d.cmd.Start(); err != nil {
		return nil, errors.Join(err, d.file.Close())
	}
	w.daemons = append(w.daemons, d)
	go func() {
		d.err = d.cmd.Wait()
		_ = d.file.Close()
		close(d.done)
	}()
	return d, nil
}

// MustRun is Run for tests.
func (w *World) MustRun(t testing.TB, args ...string) *Daemon {
	t.Helper()
	d, err := w.Run(args...)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// LogFile returns the path of the daemons' log.
func (w *World) LogFile() string { return w.path("rowshift.log") }

// Write adds to the daemon's log.
func (d *Daemon) Write(p []byte) (int, error) {
	if _, err := d.file.Write(p); err != nil {
		return 0, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for line := range strings.Lines(string(p)) {
		if n := len(d.lines); n > 0 && !strings.HasSuffix(d.lines[n-1], "\n") {
			d.lines[n-1] += line
		} else {
			d.lines = append(d.lines, line)
		}
	}
	close(d.grown)
	d.grown = make(chan struct{})
	return len(p), nil
}

// Log returns everything that the daemon has printed.
func (d *Daemon) Log() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return strings.Join(d.lines, "")
}

// Tail returns the last n lines of the log.
func (d *Daemon) Tail(n int) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return strings.Join(d.lines[max(0, len(d.lines)-n):], "")
}

// Seen waits until the daemon has printed what. It fails if the daemon ends before that.
func (d *Daemon) Seen(ctx context.Context, what string) error {
	for from := 0; ; {
		d.mu.Lock()
		for ; from < len(d.lines); from++ {
			if strings.Contains(d.lines[from], what) {
				d.mu.Unlock()
				return nil
			}
		}
		from = max(0, from-1) // the last line may be incomplete
		grown := d.grown
		d.mu.Unlock()
		select {
		case <-grown:
		case <-d.done:
			if strings.Contains(d.Log(), what) {
				return nil
			}
			return fmt.Errorf("harness: daemon %d ended (%v) without saying %q", d.number, d.err, what) //nolint:errorlint // err is nil if it ended well
		case <-ctx.Done():
			return fmt.Errorf("harness: daemon %d does not say %q: %w", d.number, what, ctx.Err())
		}
	}
}

// MustSee is Seen for tests.
func (d *Daemon) MustSee(t testing.TB, what string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := d.Seen(ctx, what); err != nil {
		t.Fatal(err)
	}
}

// Signal sends s to the daemon's process.
func (d *Daemon) Signal(s syscall.Signal) { _ = d.cmd.Process.Signal(s) }

// Pid returns the id of the daemon's process.
func (d *Daemon) Pid() int { return d.cmd.Process.Pid }

// CPU returns the CPU time of the process, once it has ended.
func (d *Daemon) CPU() time.Duration {
	<-d.done
	return d.cmd.ProcessState.UserTime() + d.cmd.ProcessState.SystemTime()
}

// Kill kills the daemon with SIGKILL and waits for its end.
func (d *Daemon) Kill() {
	d.Signal(syscall.SIGKILL)
	<-d.done
}

// Ended waits for the end and returns the exit code, or -1 if a signal ended the
// process.
func (d *Daemon) Ended(ctx context.Context) (int, error) {
	select {
	case <-d.done:
		return d.cmd.ProcessState.ExitCode(), nil
	case <-ctx.Done():
		return 0, fmt.Errorf("harness: daemon %d does not end: %w", d.number, ctx.Err())
	}
}

// Alive returns an error once the daemon has ended.
func (d *Daemon) Alive() error {
	select {
	case <-d.done:
		return fmt.Errorf("harness: daemon %d ended: %w", d.number, cmp.Or(d.err, errors.New("with code 0")))
	default:
		return nil
	}
}

// Terminate sends SIGTERM, waits for the end and returns the exit code.
func (d *Daemon) Terminate(t testing.TB) int {
	t.Helper()
	d.Signal(syscall.SIGTERM)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
	defer cancel()
	code, err := d.Ended(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// Get sends a request to the daemon's HTTP server.
func (w *World) Get(ctx context.Context, path string) (status int, body string, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+w.Listen()+path, http.NoBody)
	if err != nil {
		return 0, "", err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(b), err
}

// Entry is one line of the daemon's log, as JSON.
type Entry map[string]any

// Entries returns the lines of the log that are JSON.
func (d *Daemon) Entries() []Entry {
	var all []Entry
	for line := range strings.Lines(d.Log()) {
		var e Entry
		if json.Unmarshal([]byte(line), &e) == nil {
			all = append(all, e)
		}
	}
	return all
}

// Until polls until holds returns true, and fails the test if that does not happen in
// time. Use it only for what no event announces.
func Until(t testing.TB, what string, holds func() (bool, error)) {
	t.Helper()
	if err := Await(t.Context(), patience, what, holds); err != nil {
		t.Fatal(err)
	}
}

// The shortest and the longest pause between two polls of Await.
const (
	firstPause = 10 * time.Millisecond
	lastPause  = 40 * time.Millisecond
)

// Await polls until holds returns true, for most at most. Use it only for what no event
// announces.
func Await(ctx context.Context, most time.Duration, what string, holds func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	var last error
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		began := time.Now()
		ok, err := holds()
		if ok && err == nil {
			return nil
		}
		last = err
		select {
		case <-time.After(max(pause, time.Since(began))): // so that on a busy machine polling takes half of the time at most
		case <-ctx.Done():
			return fmt.Errorf("harness: waited %v for %s: %w", most, what, errors.Join(last, ctx.Err()))
		}
	}
}
