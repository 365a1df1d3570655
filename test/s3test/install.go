package s3test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Version is the release of the gateway that is built if none is found.
const Version = "v1.8.0"

const module = "github.com/versity/versitygw/cmd/versitygw"

// findGateway searches in the order that the package's documentation gives.
func findGateway(ctx context.Context, step func(string)) (string, error) {
	if path := os.Getenv("S3TEST_BIN"); path != "" {
		if _, err := os.Stat(path); err != nil {
			return "", fmt.Errorf("s3test: S3TEST_BIN: %w", err)
		}
		return path, nil
	}
	if path, err := exec.LookPath("versitygw"); err == nil {
		return path, nil
	}
	base, err := os.UserCacheDir()
	if err != nil {
		base = os.TempDir()
	}
	bin := filepath.Join(base, "rowshift", "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return "", err
	}
	lock, err := os.OpenFile(filepath.Join(bin, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return "", err
	}
	defer lock.Close() // which releases the lock for other test processes
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", err
	}
	path := filepath.Join(bin, "versitygw")
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	if step != nil {
		step("compiling versitygw " + Version + ", an S3 server: once, some minutes")
	}
	return path, build(ctx, bin)
}

func build(ctx context.Context, bin string) error {
	cmd := exec.CommandContext(ctx, "go", "install", module+"@"+Version)
	cmd.Dir = bin // outside of any module
	cmd.Env = append(os.Environ(), "GOBIN="+bin, "GOFLAGS=", "CGO_ENABLED=0")
	// Interrupted, the Go tool cleans up after itself.
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("s3test: go install %s@%s (or set S3TEST_BIN to a versitygw): %w: %s",
			module, Version, err, strings.TrimSpace(string(out)))
	}
	return nil
}
