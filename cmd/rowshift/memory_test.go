package main

import (
	"bytes"
	"cmp"
	"io"
	"math"
	"os"
	"regexp"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"rowshift/replicator"
)

// tree returns a file system with the given files.
func tree(files ...string) fstest.MapFS {
	fs := fstest.MapFS{}
	for i := 0; i < len(files); i += 2 {
		fs[files[i]] = &fstest.MapFile{Data: []byte(files[i+1] + "\n")}
	}
	return fs
}

const (
	cgroupFile = "proc/self/cgroup"
	v1Groups   = "12:cpu,cpuacct:/docker/4f1c\n5:memory:/docker/4f1c\n0::/docker/4f1c"
	v2Max      = "sys/fs/cgroup/memory.max"
	v1Max      = "sys/fs/cgroup/memory/memory.limit_in_bytes"
)

func TestCgroupLimit(t *testing.T) {
	const none = math.MaxInt64
	for name, c := range map[string]struct {
		root fstest.MapFS
		want int64
	}{
		"no cgroups":                       {tree(), none},
		"v2, in a container":               {tree(cgroupFile, "0::/", v2Max, "536870912"), 536870912},
		"v2, no limit":                     {tree(cgroupFile, "0::/", v2Max, "max"), none},
		"v2, at the root of the host":      {tree(cgroupFile, "0::/"), none},
		"v2, a service":                    {tree(cgroupFile, "0::/system.slice/a.service", "sys/fs/cgroup/system.slice/a.service/memory.max", "300000000"), 300000000},
		"v2, what is around it has less":   {tree(cgroupFile, "0::/a/b", "sys/fs/cgroup/a/b/memory.max", "300", "sys/fs/cgroup/a/memory.max", "200"), 200},
		"v2, what is around it has more":   {tree(cgroupFile, "0::/a/b", "sys/fs/cgroup/a/b/memory.max", "300", "sys/fs/cgroup/a/memory.max", "max", v2Max, "400"), 300},
		"v2, a path of the host":           {tree(cgroupFile, "0::/../../docker/4f1c", v2Max, "536870912"), 536870912},
		"v1, in a container":               {tree(cgroupFile, v1Groups, v1Max, "268435456"), 268435456},
		"v1, no limit":                     {tree(cgroupFile, v1Groups, v1Max, "9223372036854771712"), none},
		"v1, no limit, in pages of 64 KiB": {tree(cgroupFile, v1Groups, v1Max, "9223372036854710272"), none},
		"v1, on the host":                  {tree(cgroupFile, v1Groups, v1Max, "9223372036854771712", "sys/fs/cgroup/memory/docker/4f1c/memory.limit_in_bytes", "77"), 77},
	} {
		if got, err := cgroupLimit(c.root); err != nil || got != c.want {
			t.Errorf("%s: %d, %v; want %d", name, got, err, c.want)
		}
	}
	if got, err := cgroupLimit(tree(cgroupFile, "0::/", v2Max, "much")); err == nil {
		t.Errorf("a limit that is no number: %d", got)
	}
}

// TestMemoryIsLimited starts under containers' limits, and with GOMEMLIMIT.
func TestMemoryIsLimited(t *testing.T) {
	const mib = 1 << 20
	before := debug.SetMemoryLimit(-1)
	t.Cleanup(func() { debug.SetMemoryLimit(before) })
	collected := debug.SetGCPercent(100)
	t.Cleanup(func() { debug.SetGCPercent(collected) })
	for name, c := range map[string]struct {
		limit, set, wanted   int64 // of the container in MiB, 0: none; of GOMEMLIMIT; of batch.bytes in MiB, 0: 128
		wantBytes, wantLimit int64
		logged               string // empty: only the line that is always logged
		refused              string
	}{
		"no limit":                    {wantBytes: 128 * mib, wantLimit: 224 * mib},
		"enough":                      {limit: 512, wantBytes: 128 * mib, wantLimit: 224 * mib},
		"large, and all of it wanted": {limit: 2048, wanted: 4096, wantBytes: 2048 * mib / 10 * 8, wantLimit: 2048*mib/10*8 + 96*mib, logged: "batch.bytes is lowered"},
		"just enough":                 {limit: 224, wantBytes: 128 * mib, wantLimit: 224 * mib / 10 * 9},
		"small":                       {limit: 128, wantBytes: 32 * mib, wantLimit: 128 * mib / 10 * 9, logged: "batch.bytes is lowered"},
		"the smallest":                {limit: 112, wantBytes: 16 * mib, wantLimit: 112 * mib / 10 * 9, logged: "batch.bytes is lowered"},
		"too small":                   {limit: 111, refused: "the memory limit is 111 MiB, and less than 112 MiB cannot be worked with: raise it, best to 224 MiB, which batch.bytes and 96 MiB make"},
		"GOMEMLIMIT":                  {limit: 512, set: 300 * mib, wantBytes: 128 * mib, wantLimit: 300 * mib},
		"GOMEMLIMIT=off":              {limit: 512, set: math.MaxInt64, wantBytes: 128 * mib, wantLimit: math.MaxInt64},
		"a GOMEMLIMIT that is less":   {set: 160 * mib, wantBytes: 64 * mib, wantLimit: 160 * mib, logged: "batch.bytes is lowered"},
	} {
		root := tree(cgroupFile, "0::/", v2Max, "max")
		if c.limit > 0 {
			root = tree(cgroupFile, "0::/", v2Max, strconv.FormatInt(c.limit*mib, 10))
		}
		debug.SetMemoryLimit(math.MaxInt64)
		t.Setenv("GOMEMLIMIT", "")
		if c.set > 0 {
			debug.SetMemoryLimit(c.set) // the runtime does this for GOMEMLIMIT
			t.Setenv("GOMEMLIMIT", "is set")
		}
		var log bytes.Buffer
		d := newDaemon(&config{pipeline: "accounts", limits: replicator.Limits{Bytes: int(cmp.Or(c.wanted, 128) * mib)}}, &log)
		err := d.limitMemory(root)
		d.close()
		if c.refused != "" {
			if err == nil || err.Error() != c.refused {
				t.Errorf("%s: %v; want %s", name, err, c.refused)
			}
			continue
		}
		if got := debug.SetMemoryLimit(-1); err != nil || int64(d.config.limits.Bytes) != c.wantBytes || got != c.wantLimit {
			t.Errorf("%s: %d bytes under a limit of %d, %v; want %d under %d", name, d.config.limits.Bytes, got, err, c.wantBytes, c.wantLimit)
		}
		lowered := strings.Contains(log.String(), "batch.bytes is lowered")
		if !strings.Contains(log.String(), `"memory"`) || lowered != (c.logged != "") {
			t.Errorf("%s: it says %s", name, &log)
		}
	}
}

// The heap may not double before garbage is collected, unless GOGC says so.
func TestGarbageIsCollectedEarly(t *testing.T) {
	limit, before := debug.SetMemoryLimit(-1), debug.SetGCPercent(100)
	t.Cleanup(func() {
		debug.SetMemoryLimit(limit)
		debug.SetGCPercent(before)
	})
	for set, want := range map[string]int{"100": 100, "": collectAt} {
		t.Setenv("GOGC", set)
		debug.SetGCPercent(100)
		d := newDaemon(&config{pipeline: "accounts", limits: replicator.Limits{Bytes: 128 << 20}}, io.Discard)
		err := d.limitMemory(tree(cgroupFile, "0::/", v2Max, "max"))
		d.close()
		if got := debug.SetGCPercent(100); err != nil || got != want {
			t.Errorf("with GOGC=%q it is collected at %d %%, want %d: %v", set, got, want, err)
		}
	}
}

// The memory limits of the containers in deploy are enough for the daemon.
func TestContainersHaveEnoughMemory(t *testing.T) {
	limits := regexp.MustCompile(`limits:\s*(?:\{.*?|\n\s+cpu: .*\n\s+)memory: (\d+)Mi`)
	for _, page := range []string{
		"kubernetes/base/deployment.yaml", "kubernetes/overlays/dev/kustomization.yaml", "kubernetes/components/reset-slot/job.yaml",
		"helm/rowshift/values.yaml", "helm/rowshift/ci/dev-values.yaml",
	} {
		text, err := os.ReadFile("../../deploy/" + page)
		if err != nil {
			t.Fatal(err)
		}
		found := limits.FindAllSubmatch(text, -1)
		if len(found) == 0 {
			t.Errorf("%s limits no memory", page)
		}
		for _, f := range found {
			mib, _ := strconv.ParseInt(string(f[1]), 10, 64)
			if got, err := affordable(128<<20, mib<<20); err != nil || got != 128<<20 {
				t.Errorf("%s: under %d MiB %d bytes are buffered, %v", page, mib, got, err)
			}
		}
	}
}
