package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime/debug"
	"runtime/pprof"
)

// elsewhere runs this program again to carry out a task in a process of its own, which
// reads the task from its input. It returns what that process has cost.
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

// errands are what this program can do in a process of its own, by the first argument.
var errands = map[string]func(context.Context) error{
	readCommand:   carryOut[readTask],
	stagedCommand: carryOut[stagedTask],
	copyCommand:   carryOut[copyTask],
}

// The daemon's default settings of the garbage collector.
const (
	memoryLimit = 224 << 20
	collectAt   = 50
)

// carryOut reads a task, carries it out as the daemon would, and prints the most memory
// that this process has had.
func carryOut[T interface{ run(context.Context) error }](ctx context.Context) error {
	var task T
	if err := json.NewDecoder(os.Stdin).Decode(&task); err != nil {
		return err
	}
	debug.SetMemoryLimit(memoryLimit)
	debug.SetGCPercent(collectAt)
	if err := task.run(ctx); err != nil {
		return err
	}
	u, err := usageOf(os.Getpid())
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(u.Peak)
}

// profile begins to write a CPU profile to a file, unless that is empty, and returns a
// function that ends it.
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
