package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

const terminate = syscall.SIGTERM

// usage is what a process has cost so far.
type usage struct {
	cpu  time.Duration
	peak int64 // the most bytes of memory that it has had; 0: not known
}

// ticks is how many of the clock's there are in a second, which Linux tells programs
// whatever its own clock does. https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
const ticks = 100

// usageOf reads what a process has cost. The most memory comes from its own status: what
// the kernel tells a parent counts in what the parent had when it started it.
func usageOf(pid int) (u usage, err error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return u, err
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if len(fields) < 13 {
		return u, fmt.Errorf("the state of process %d is %q", pid, stat)
	}
	for _, field := range fields[11:13] { // utime and stime
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return u, err
		}
		u.cpu += time.Duration(n) * time.Second / ticks
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return u, err
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			if _, err := fmt.Sscanf(rest, "%d kB", &u.peak); err != nil {
				return u, err
			}
			u.peak <<= 10
		}
	}
	return u, nil
}

// watch follows the walsender of a slot, from when there is one, and returns what tells
// its CPU when it has ended or is asked for. A walsender that ends takes what it has used
// in its last moment with it.
func (b *bench) watch(ctx context.Context, slot string) func() (time.Duration, error) {
	ctx, stop := context.WithCancel(ctx)
	type answer struct {
		cpu time.Duration
		err error
	}
	done := make(chan answer, 1)
	go func() {
		cpu, err := follow(ctx, b.world.SourceDSN(), slot)
		done <- answer{cpu, err}
	}()
	return func() (time.Duration, error) {
		stop()
		a := <-done
		return a.cpu, a.err
	}
}

// follow looks at a walsender's CPU until it ends or ctx does.
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
			cpu = u.cpu
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return cpu, nil
		}
	}
}
