// Command demo shows rowshift at work on one machine: a throw-away PostgreSQL with
// the account tables of a B2B service under load, an S3 server, a stand-in for
// Amazon Redshift, and the real rowshift binary with a real config file between
// them.
//
// It shows the first load, then a line a second; asks the warehouse which companies
// pressed the big button; changes a role in PostgreSQL and shows the answer change.
// Ctrl-C stops everything and leaves nothing behind. With DEMO_SECONDS set it ends
// by itself, after comparing source and target row by row; a difference is exit
// code 1.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"rowshift/test/harness"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	seconds, err := strconv.Atoi(os.Getenv("DEMO_SECONDS"))
	if text := os.Getenv("DEMO_SECONDS"); text != "" && (err != nil || seconds <= 0) {
		return fmt.Errorf("DEMO_SECONDS is %q, not a number of seconds", text)
	}
	defer harness.RemoveBuilds()
	say("building rowshift, starting PostgreSQL, S3 and the Redshift stand-in")
	w, err := harness.Open(ctx, harness.Setup{
		Accounts: harness.Accounts{Companies: 10_000, Persons: 50_000, Memberships: 60_000},
		Config:   harness.Config{Batch: "{}"},
	})
	if err != nil {
		return err
	}
	defer w.Close()
	d := &demo{world: w}
	if err := d.begin(ctx); err != nil {
		return err
	}
	timed, cancel := ctx, context.CancelFunc(func() {})
	if seconds > 0 {
		timed, cancel = context.WithTimeout(ctx, time.Duration(seconds)*time.Second)
	}
	defer cancel()
	if err := d.show(timed); err != nil && timed.Err() == nil {
		return err
	}
	if ctx.Err() != nil {
		say("stopping")
		return nil
	}
	return d.end(ctx)
}

// say prints a line of the demo itself.
func say(format string, args ...any) { fmt.Printf("\n▸ "+format+"\n", args...) }
