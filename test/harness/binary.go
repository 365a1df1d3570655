package harness

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"rowshift/test/scratch"
)

// builds holds the binaries that this process has built, by flavour.
var builds = struct {
	mu     sync.Mutex
	folder *scratch.Folder
	path   map[bool]string
}{path: map[bool]string{}}

// Build builds cmd/rowshift, once for each process and flavour, and returns the binary's
// path. Go's build cache makes the next process's build quick.
func Build(ctx context.Context, race bool) (string, error) {
	builds.mu.Lock()
	defer builds.mu.Unlock()
	if path := builds.path[race]; path != "" {
		return path, nil
	}
	if err := makeBuildFolder(); err != nil {
		return "", err
	}
	path := filepath.Join(builds.folder.Path, "rowshift")
	args := []string{"build", "-o", path}
	if race {
		path += "-race"
		args = []string{"build", "-race", "-o", path}
	}
	_, here, _, _ := runtime.Caller(0)
	c := exec.CommandContext(ctx, "go", append(args, "./cmd/rowshift")...)
	c.Dir = filepath.Join(filepath.Dir(here), "..", "..")
	// The Go tool tidies up after itself when it is interrupted, unless it has hardly begun.
	c.Env = append(os.Environ(), "GOTMPDIR="+builds.folder.Path)
	c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
	c.WaitDelay = 10 * time.Second
	if out, err := c.CombinedOutput(); err != nil {
		return "", fmt.Errorf("harness: go build: %w\n%s", err, out)
	}
	builds.path[race] = path
	return path, nil
}

// makeBuildFolder makes this process's folder for binaries. It is not in the system's
// temporary folder, because some machines forbid to run anything from there.
func makeBuildFolder() error {
	if builds.folder != nil {
		return nil
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return err
	}
	base := filepath.Join(cache, "rowshift", "built")
	if err := os.MkdirAll(base, 0o755); err != nil {
		return err
	}
	builds.folder, err = scratch.New(base, "build-")
	return err
}

// RemoveBuilds removes what Build made in this process. A TestMain or a program calls it
// last.
func RemoveBuilds() {
	builds.mu.Lock()
	defer builds.mu.Unlock()
	if builds.folder != nil {
		_ = builds.folder.Remove() // if this fails, the next process sweeps it
	}
	builds.folder = nil
	clear(builds.path)
}
