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
	// besidesBuffers is how much memory the process needs beside what it buffers: for the
	// runtime, connections and compressors, and for garbage that is not collected yet.
	besidesBuffers = 96 << 20

	// leastBuffers is how much it has to buffer to be of any use.
	leastBuffers = 16 << 20
)

// collectAt is by how many hundredths the heap grows before garbage is collected. That is
// cheap, since what is buffered has no pointers to follow; and what is buffered is nearly
// all of the heap, which would take twice as much with Go's own 100.
const collectAt = 50

// limitMemory brings what is buffered in line with the container's memory, and has the
// garbage collector keep the process to what it needs for that, unless GOMEMLIMIT says
// something else. root is the root of the file system.
func (d *daemon) limitMemory(root fs.FS) error {
	limit, err := cgroupLimit(root)
	if err != nil {
		d.log.Warn("the container's memory limit cannot be read", zap.String("error", safe(err)))
	}
	set := debug.SetMemoryLimit(-1) // by GOMEMLIMIT
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

// affordable returns how much of what is wanted can be buffered under a limit.
func affordable(wanted, limit int64) (int64, error) {
	left := min(limit-besidesBuffers, limit/10*8) // of a large one a tenth, below what the garbage collector keeps to
	if least := min(wanted, leastBuffers); left < least {
		return 0, fmt.Errorf("the memory limit is %d MiB, and less than %d MiB cannot be worked with: raise it, best to %d MiB, which batch.bytes and %d MiB make",
			limit>>20, (least+besidesBuffers)>>20, (wanted+besidesBuffers)>>20, besidesBuffers>>20)
	}
	return min(wanted, left), nil
}

// cgroupLimit returns the memory limit of the cgroup that the process is in, the lowest
// of those around it; math.MaxInt64 if there is none.
//
// In a container the path that the kernel tells may be the host's, of which the container
// sees only its end: what is not there is passed over.
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

// lowestLimit reads the file of a group and of all that it is in.
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

// unlimited returns math.MaxInt64 for a number by which version 1 says that there is no
// limit: the largest of whole pages, whatever their size.
func unlimited(n int64) int64 {
	if n >= math.MaxInt64-1<<16 {
		return math.MaxInt64
	}
	return n
}
