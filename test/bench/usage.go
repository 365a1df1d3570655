package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"rowshift/test/harness"
)

const terminate = syscall.SIGTERM

// usage is what a process has cost so far.
type usage struct {
	CPU  time.Duration `json:"cpu"`
	Peak int64         `json:"peak"` // the most bytes of memory that it has had; 0: not known
}

// ticks is how many clock ticks a second has in what Linux tells programs, whatever its
// own clock does. https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
const ticks = 100

// usageOf reads what a process has cost. The greatest memory comes from the process's own
// status: what the kernel tells its parent includes what the parent had when it started
// it.
func usageOf(pid int) (u usage, err error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return u, err
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if len(fields) < 13 {
		return u, fmt.Errorf("the state of process %d is %q", pid, stat)
	}
	if u.CPU, err = clock(fields[11:13]); err != nil { // utime and stime
		return u, err
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return u, err
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			if _, err := fmt.Sscanf(rest, "%d kB", &u.Peak); err != nil {
				return u, err
			}
			u.Peak <<= 10
		}
	}
	return u, nil
}

// others is the CPU of everything but a peer and its walsender while the peer drains.
type others struct {
	Target  time.Duration `json:"target"`  // the PostgreSQL behind the stand-in, which also has the subscription's database
	Stand   time.Duration `json:"stand"`   // the stand-in and this program, which are one process
	Bucket  time.Duration `json:"bucket"`  // the S3 server
	Machine time.Duration `json:"machine"` // everything
}

// othersOf reads what they have used so far.
func othersOf(w *harness.World) (o others, err error) {
	if o.Target, err = family(w.Backing.Pid()); err != nil {
		return o, err
	}
	if o.Bucket, err = family(w.S3.Pid()); err != nil {
		return o, err
	}
	own, err := usageOf(os.Getpid())
	if err != nil {
		return o, err
	}
	o.Stand = own.CPU
	o.Machine, err = machineTime()
	return o, err
}

// since returns what was used between two readings.
func (o others) since(before others) others {
	return others{o.Target - before.Target, o.Stand - before.Stand, o.Bucket - before.Bucket, o.Machine - before.Machine}
}

// family returns the CPU of a process and of all that it has started, including those
// that have ended.
func family(pid int) (cpu time.Duration, err error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0, err
	}
	var found bool
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended, and its parent has its time
		}
		fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
		own := filepath.Base(filepath.Dir(path)) == strconv.Itoa(pid)
		if len(fields) < 15 || !own && fields[1] != strconv.Itoa(pid) {
			continue
		}
		found = found || own
		u, err := clock(fields[11:15]) // utime, stime, and the children's
		if err != nil {
			return 0, err
		}
		cpu += u
	}
	if !found {
		return 0, fmt.Errorf("there is no process %d", pid)
	}
	return cpu, nil
}

// machineTime returns for how long all processors have been busy.
// https://man7.org/linux/man-pages/man5/proc_stat.5.html
func machineTime() (time.Duration, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(text))
	if len(fields) < 8 || fields[0] != "cpu" {
		return 0, fmt.Errorf("/proc/stat begins with %.40q", text)
	}
	return clock(slices.Concat(fields[1:4], fields[6:8])) // without idle, iowait and what other machines took
}

// clock adds up numbers of ticks.
func clock(fields []string) (sum time.Duration, err error) {
	for _, field := range fields {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, err
		}
		sum += time.Duration(n) * time.Second / ticks
	}
	return sum, nil
}

// watch follows the walsender of a slot from when there is one. It returns a function
// that stops following and returns the walsender's CPU. What a walsender used in the last
// moment before it ended is lost.
func watch(ctx context.Context, dsn, slot string) func() (time.Duration, error) {
	ctx, stop := context.WithCancel(ctx)
	type answer struct {
		cpu time.Duration
		err error
	}
	done := make(chan answer, 1)
	go func() {
		cpu, err := follow(ctx, dsn, slot)
		done <- answer{cpu, err}
	}()
	return func() (time.Duration, error) {
		stop()
		a := <-done
		return a.cpu, a.err
	}
}

// follow reads a walsender's CPU until it ends or ctx is done.
func follow(ctx context.Context, dsn, slot string) (cpu time.Duration, err error) {
	conn, err := pgx.Connect(context.WithoutCancel(ctx), dsn)
	if err != nil {
		return 0, err
	}
	defer conn.Close(context.Background())
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for pid := 0; ; {
		if pid == 0 {
			err = conn.QueryRow(context.WithoutCancel(ctx), "SELECT coalesce(active_pid, 0) FROM pg_replication_slots WHERE slot_name = $1", slot).Scan(&pid)
			if err != nil {
				return 0, err
			}
		}
		if pid != 0 {
			u, err := usageOf(pid)
			if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
				return cpu, nil
			}
			if err != nil {
				return 0, err
			}
			cpu = u.CPU
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return cpu, nil
		}
	}
}
