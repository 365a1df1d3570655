package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/jackc/pglogrepl"

	"rowshift/replicator"
	"rowshift/replicator/postgres"
)

// readCommand is the first argument of a run that only reads, in a process of its own.
const readCommand = "read"

// readElsewhere has this program read a backlog, and tells what that has cost.
func readElsewhere(ctx context.Context, dsn, slot string, format postgres.Format, w written) (u usage, err error) {
	self, err := os.Executable()
	if err != nil {
		return u, err
	}
	c := exec.CommandContext(ctx, self, readCommand, dsn, slot, string(format), w.start, w.end)
	c.Stderr = os.Stderr
	out, err := c.Output()
	if err != nil {
		return u, err
	}
	var peak int64
	if err := json.Unmarshal(out, &peak); err != nil {
		return u, fmt.Errorf("it prints %q: %w", out, err)
	}
	return usage{CPU: c.ProcessState.UserTime() + c.ProcessState.SystemTime(), Peak: peak}, nil
}

// readAll reads a slot from one position to another, lets go of each change, and prints
// the most memory that it has had.
func readAll(ctx context.Context, args []string) error {
	if len(args) != 5 {
		return errors.New("read takes a DSN, a slot, a format and two positions")
	}
	var positions [2]replicator.LSN
	for i, text := range args[3:] {
		lsn, err := pglogrepl.ParseLSN(text)
		if err != nil {
			return err
		}
		positions[i] = replicator.LSN(lsn)
	}
	source, _, err := sourceOf(args[0], args[1], postgres.Format(args[2])).Open(ctx, replicator.OpenRequest{After: positions[0]})
	if err != nil {
		return err
	}
	defer source.Close()
	for {
		c, err := source.Next(ctx, time.Second)
		if err != nil {
			return err
		}
		if (c.Op == replicator.Commit || c.Op == replicator.Mark) && c.LSN >= positions[1] {
			break
		}
	}
	u, err := usageOf(os.Getpid())
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(u.Peak)
}
