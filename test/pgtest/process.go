package pgtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"time"
)

const logName = "server.log"

// process is one run of a server's process.
type process struct {
	proc *os.Process
	gone chan struct{} // closed when the process has ended
	err  error         // how it ended; read after gone
}

// launch starts postgres and waits until it takes connections.
func launch(ctx context.Context, b binaries, o owner, dir string, port int) (*process, error) {
	logFile, err := os.OpenFile(filepath.Join(dir, logName), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer logFile.Close()
	start, err := logFile.Seek(0, 2)
	if err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "data")
	_ = os.Remove(filepath.Join(data, "postmaster.pid")) // left by a crash; it could look like a ready server
	cmd := exec.Command(filepath.Join(b.dir, "postgres"), "-D", data, "-p", strconv.Itoa(port))
	o.dress(cmd, dir)
	cmd.Stdout, cmd.Stderr = logFile, logFile
	p, err := runOnThread(cmd)
	if err != nil {
		return nil, fmt.Errorf("pgtest: %w", err)
	}
	if err := p.awaitReady(ctx, filepath.Join(data, "postmaster.pid")); err != nil {
		return nil, errors.Join(fmt.Errorf("pgtest: PostgreSQL did not start: %w\n%s", err, logEnd(dir, start)), p.kill())
	}
	return p, nil
}

// runOnThread starts cmd from a thread that lives as long as the child: the
// kernel sends the parent-death signal when the thread dies, not the process
// (https://github.com/golang/go/issues/27505).
func runOnThread(cmd *exec.Cmd) (*process, error) {
	p := &process{gone: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		p.proc = cmd.Process
		started <- err
		if err != nil {
			return
		}
		p.err = cmd.Wait()
		close(p.gone)
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// awaitReady polls the status in the eighth line of the postmaster's pid file
// ("starting", "ready", …). Unlike trial connections this leaves no trace in the log and
// needs no login.
func (p *process) awaitReady(ctx context.Context, pidFile string) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		text, err := os.ReadFile(pidFile)
		if err == nil {
			if lines := bytes.Split(text, []byte("\n")); len(lines) > 7 && bytes.HasPrefix(lines[7], []byte("ready")) {
				return nil
			}
		}
		select {
		case <-tick.C:
		case <-p.gone:
			return fmt.Errorf("it ended: %v", p.err) //nolint:errorlint // err is nil if it ended well
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// stop sends the mode's signal and waits. If clients keep the server from ending, it
// kills the server after a while.
func (p *process) stop(mode Mode) error {
	const patience = 30 * time.Second
	if err := p.proc.Signal(syscall.Signal(mode)); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case <-p.gone:
		return nil
	case <-late.C:
		return errors.Join(fmt.Errorf("pgtest: PostgreSQL did not stop in %v", patience), p.kill())
	}
}

func (p *process) kill() error {
	if err := p.proc.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-p.gone
	return nil
}

// logEnd returns the last 4 kB of what this run of the server wrote.
func logEnd(dir string, start int64) []byte {
	text, err := os.ReadFile(filepath.Join(dir, logName))
	if err != nil {
		return []byte(err.Error())
	}
	text = text[min(start, int64(len(text))):]
	return text[max(0, len(text)-4096):]
}
