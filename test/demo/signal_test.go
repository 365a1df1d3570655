package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestSignalsEndTheDemo signals demos to end, once while something is compiled and once
// while everything is running. They have to end well and leave neither processes nor
// files.
func TestSignalsEndTheDemo(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "demo")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, c := range []struct {
		signal syscall.Signal
		after  string
	}{
		{syscall.SIGINT, "compiling rowshift"},
		{syscall.SIGTERM, " lag "},
		{syscall.SIGHUP, "starting an S3 server"},
	} {
		t.Run(c.signal.String(), func(t *testing.T) {
			place := openFolder(t)
			demo := exec.Command(binary)
			demo.Env = append(os.Environ(), "TMPDIR="+place, "DEMO_SECONDS=")
			demo.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
			out, err := demo.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			demo.Stderr = demo.Stdout
			if err := demo.Start(); err != nil {
				t.Fatal(err)
			}
			watchdog := time.AfterFunc(3*time.Minute, func() { _ = demo.Process.Kill() })
			defer watchdog.Stop()
			var printed strings.Builder
			var children []string
			for lines := bufio.NewScanner(out); lines.Scan(); {
				fmt.Fprintln(&printed, lines.Text())
				if children == nil && strings.Contains(lines.Text(), c.after) {
					children = childrenOf(demo.Process.Pid)
					_ = demo.Process.Signal(c.signal)
				}
			}
			if err := demo.Wait(); err != nil || children == nil || !strings.Contains(printed.String(), "▸ stopped") {
				t.Errorf("it ended with %v:\n%s", err, printed.String())
			}
			for _, pid := range children {
				if _, err := os.Stat("/proc/" + pid); err == nil {
					t.Errorf("its child %s lives on", pid)
				}
			}
			if left, err := os.ReadDir(place); err != nil || len(left) > 0 {
				t.Errorf("it left %v, %v", left, err)
			}
		})
	}
}

// openFolder returns a folder that the user that PostgreSQL runs as can enter.
func openFolder(t *testing.T) string {
	t.Helper()
	place, err := os.MkdirTemp("", "demo-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(place) })
	if err := os.Chmod(place, 0o755); err != nil {
		t.Fatal(err)
	}
	return place
}

// childrenOf returns the ids of a process's children, if any.
func childrenOf(pid int) []string {
	pids := []string{}
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid)) // the pattern is valid
	for _, file := range files {
		if text, err := os.ReadFile(file); err == nil {
			pids = append(pids, strings.Fields(string(text))...)
		}
	}
	return pids
}
