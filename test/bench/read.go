package main

import (
	"context"
	"fmt"
	"time"

	"rowshift/replicator"
	"rowshift/replicator/postgres"
)

// readCommand is the first argument of a process of this program that only reads.
const readCommand = "read"

// readTask is what such a process reads from its standard input.
type readTask struct {
	DSN, Slot  string
	Format     postgres.Format
	Start, End replicator.LSN
	Rows       int64 // changes of rows between them
}

// drainByReading runs this program again to read a slot in a format and discard what it
// reads.
func drainByReading(slot string, format postgres.Format) func(context.Context, *bench, written) (result, error) {
	return func(ctx context.Context, b *bench, w written) (result, error) {
		start, end, err := w.between()
		if err != nil {
			return result{}, err
		}
		task := readTask{DSN: b.world.SourceDSN(), Slot: slot, Format: format, Start: start, End: end, Rows: w.rows}
		return b.timed(ctx, slot, func() (usage, error) { return elsewhere(ctx, readCommand, task) })
	}
}

// run reads a slot from one position to another, and discards each change.
func (t readTask) run(ctx context.Context) error {
	source, _, err := sourceOf(t.DSN, t.Slot, t.Format).Open(ctx, replicator.OpenRequest{After: t.Start})
	if err != nil {
		return err
	}
	defer source.Close()
	var rows int64
	for {
		c, err := source.Next(ctx, time.Second)
		if err != nil {
			return err
		}
		switch c.Op {
		case replicator.Insert, replicator.Update, replicator.Delete:
			rows++
		case replicator.Commit, replicator.Mark:
			if c.LSN < t.End {
				continue
			}
			if rows < t.Rows {
				return fmt.Errorf("%d changes were read of %d, up to %v", rows, t.Rows, c.LSN)
			}
			return nil
		}
	}
}
