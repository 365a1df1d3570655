package harness

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
)

// builds remembers the binaries that this process has built, by flavour.
var builds = struct {
	mu   sync.Mutex
	path map[bool]string
}{path: map[bool]string{}}

// Build builds cmd/rowshift, once in a process, and returns the binary's path. Go's
// build cache makes the next process's build short.
func Build(ctx context.Context, race bool) (string, error) {
	builds.mu.Lock()
	defer builds.mu.Unlock()
	if path := builds.path[race]; path != "" {
		return path, nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir = filepath.Join(dir, "rowshift", "built", fmt.Sprint(os.Getpid()))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	path := filepath.Join(dir, "rowshift")
	args := []string{"build", "-o", path}
	if race {
		path += "-race"
		args = []string{"build", "-race", "-o", path}
	}
	_, here, _, _ := runtime.Caller(0)
	c := exec.CommandContext(ctx, "go", append(args, "./cmd/rowshift")...)
	c.Dir = filepath.Join(filepath.Dir(here), "..", "..")
	if out, err := c.CombinedOutput(); err != nil {
		return "", fmt.Errorf("harness: go build: %w\n%s", err, out)
	}
	builds.path[race] = path
	return path, nil
}

// RemoveBuilds removes what Build made in this process: the last thing that a
// TestMain or a program does.
func RemoveBuilds() {
	builds.mu.Lock()
	defer builds.mu.Unlock()
	for _, path := range builds.path {
		os.RemoveAll(filepath.Dir(path))
	}
	clear(builds.path)
}
