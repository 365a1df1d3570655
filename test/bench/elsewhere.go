package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime/pprof"
)

// elsewhere has this program carry a task out in a process of its own, which reads it
// from its input, and tells what that has cost.
func elsewhere(ctx context.Context, command string, task any) (u usage, err error) {
	self, err := os.Executable()
	if err != nil {
		return u, err
	}
	told, err := json.Marshal(task)
	if err != nil {
		return u, err
	}
	c := exec.CommandContext(ctx, self, command)
	c.Stdin, c.Stderr = bytes.NewReader(told), os.Stderr
	c.Env = append(os.Environ(), "AWS_EC2_METADATA_DISABLED=true")
	out, err := c.Output()
	if err != nil {
		return u, err
	}
	if err := json.Unmarshal(out, &u.Peak); err != nil {
		return u, fmt.Errorf("it prints %q: %w", out, err)
	}
	u.CPU = c.ProcessState.UserTime() + c.ProcessState.SystemTime()
	return u, nil
}

// profile begins a CPU profile that is written to a file, none if that is empty, and
// returns what ends it.
func profile(file string) (end func(), err error) {
	if file == "" {
		return func() {}, nil
	}
	f, err := os.Create(file)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		_ = f.Close()
		return nil, err
	}
	return func() {
		pprof.StopCPUProfile()
		_ = f.Close()
	}, nil
}
