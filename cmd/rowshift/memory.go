package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path"
	"runtime/debug"
	"strconv"
	"strings"

	"go.uber.org/zap"
)

const (
	// besidesBuffers is how much memory the process needs beside its buffers: for the
	// runtime, connections and compressors, and for garbage that is not collected yet.
	besidesBuffers = 96 << 20

	// leastBuffers is the smallest budget for buffers that is of any use.
	leastBuffers = 16 << 20
)

// collectAt is the percentage by which the heap may grow before garbage is collected.
// Frequent collections are cheap, since the buffers hold no pointers to follow. And the
// buffers are nearly all of the heap, which would take twice their size with Go's
// default of 100.
const collectAt = 50

// limitMemory lowers batch.bytes to what the container's memory limit leaves, and makes
// the garbage collector keep the process within what it needs for that, unless
// GOMEMLIMIT is set. root is the root of the file system.
func (d *daemon) limitMemory(root fs.FS) error {
	limit, err := cgroupLimit(root)
	if err != nil {
		d.log.Warn("the container's memory limit cannot be read", zap.String("error", oneLine(err)))
	}
	set := debug.SetMemoryLimit(-1) // the value of GOMEMLIMIT
	limit = min(limit, set)
	budget, err := affordable(int64(d.config.limits.Bytes), limit)
	if err != nil {
		return err
	}
	if budget < int64(d.config.limits.Bytes) {
		d.log.Warn("batch.bytes is lowered to what the memory limit leaves", zap.Int64("bytes", budget),
			zap.Int("configured_bytes", d.config.limits.Bytes), zap.Int64("limit_bytes", limit))
		d.config.limits.Bytes = int(budget)
	}
	if os.Getenv("GOMEMLIMIT") == "" { // "off" says something too
		set = min(budget+besidesBuffers, limit/10*9)
		debug.SetMemoryLimit(set)
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(collectAt)
	}
	fields := []zap.Field{zap.Int64("buffer_bytes", budget)}
	if set != math.MaxInt64 {
		fields = append(fields, zap.Int64("gc_limit_bytes", set))
	}
	if limit != math.MaxInt64 {
		fields = append(fields, zap.Int64("limit_bytes", limit))
	}
	d.log.Info("memory", fields...)
	return nil
}

// affordable returns how much of the wanted budget fits under a limit, or an error if
// too little does.
func affordable(wanted, limit int64) (int64, error) {
	left := min(limit-besidesBuffers, limit/10*8) // with a large limit, a tenth less than what the garbage collector keeps to
	if least := min(wanted, leastBuffers); left < least {
		return 0, fmt.Errorf("the memory limit is %d MiB, and less than %d MiB cannot be worked with: raise it, best to %d MiB, which batch.bytes and %d MiB make",
			limit>>20, (least+besidesBuffers)>>20, (wanted+besidesBuffers)>>20, besidesBuffers>>20)
	}
	return min(wanted, left), nil
}

// cgroupLimit returns the memory limit of the process's cgroup, which is the lowest of
// its own and of those that contain it, or math.MaxInt64 if there is none.
//
// In a container the kernel may give the host's path of the cgroup, of which only the
// end exists here, so files that do not exist are skipped.
// https://docs.kernel.org/admin-guide/cgroup-v2.html
// https://docs.kernel.org/admin-guide/cgroup-v1/memory.html
func cgroupLimit(root fs.FS) (int64, error) {
	limit := int64(math.MaxInt64)
	text, err := fs.ReadFile(root, "proc/self/cgroup")
	if errors.Is(err, fs.ErrNotExist) {
		return limit, nil // there are no cgroups
	}
	if err != nil {
		return limit, err
	}
	for line := range strings.Lines(string(text)) {
		id, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		controllers, group, ok := strings.Cut(rest, ":")
		var mount, file string
		switch {
		case ok && id == "0" && controllers == "":
			mount, file = "sys/fs/cgroup", "memory.max"
		case ok && strings.Contains(","+controllers+",", ",memory,"):
			mount, file = "sys/fs/cgroup/memory", "memory.limit_in_bytes"
		default:
			continue
		}
		lowest, err := lowestLimit(root, mount, group, file)
		if err != nil {
			return limit, err
		}
		limit = min(limit, lowest)
	}
	return limit, nil
}

// lowestLimit returns the lowest limit of a group and of all groups that contain it.
func lowestLimit(root fs.FS, mount, group, file string) (int64, error) {
	limit := int64(math.MaxInt64)
	for group = path.Clean("/" + group); ; group = path.Dir(group) {
		text, err := fs.ReadFile(root, path.Join(mount, group, file))
		text = bytes.TrimSpace(text)
		switch {
		case errors.Is(err, fs.ErrNotExist) || err == nil && string(text) == "max":
		case err != nil:
			return limit, err
		default:
			n, err := strconv.ParseInt(string(text), 10, 64)
			if err != nil {
				return limit, fmt.Errorf("%s of %s: %w", file, group, err)
			}
			limit = min(limit, unlimited(n))
		}
		if group == "/" {
			return limit, nil
		}
	}
}

// unlimited returns math.MaxInt64 for the numbers by which cgroup v1 says that there is
// no limit: the largest multiple of the page size, whatever that is.
func unlimited(n int64) int64 {
	if n >= math.MaxInt64-1<<16 {
		return math.MaxInt64
	}
	return n
}
