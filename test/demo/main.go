// Command demo shows rowshift at work on one machine: a throw-away PostgreSQL with the
// account tables of a B2B service under load, an S3 server, a stand-in for Amazon
// Redshift, and the real rowshift binary with a real config file between them.
//
// It shows the first load, then a line a second. It asks the warehouse which companies
// pressed the big button, changes a role in PostgreSQL and shows how the answer changes.
// Ctrl-C, or another signal to end, stops everything and leaves nothing behind. With
// DEMO_SECONDS set the demo ends by itself, once the answer has changed and source and
// target were compared row by row; if they differ, or if the answer does not change, the
// exit code is 1.
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
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	ctx, abandon := context.WithCancel(ctx)
	go whenAlone(ctx, abandon)
	err := run(ctx)
	told := ctx.Err() != nil
	abandon()
	stop()
	switch {
	case told:
		say("stopped")
	case err != nil:
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// whenAlone calls end once the process that started this one is gone, as when make is
// killed, since nobody is left then to stop the demo.
func whenAlone(ctx context.Context, end func()) {
	parent := os.Getppid()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if os.Getppid() != parent {
				end()
			}
		case <-ctx.Done():
			return
		}
	}
}

// run runs the demo until ctx is done or the demo's own time is over.
func run(ctx context.Context) error {
	seconds, err := strconv.Atoi(os.Getenv("DEMO_SECONDS"))
	if text := os.Getenv("DEMO_SECONDS"); text != "" && (err != nil || seconds <= 0) {
		return fmt.Errorf("DEMO_SECONDS is %q, not a number of seconds", text)
	}
	defer harness.RemoveBuilds()
	fmt.Println()
	w, err := harness.Open(ctx, harness.Setup{
		Accounts: harness.Accounts{Companies: 10_000, Persons: 50_000, Memberships: 60_000},
		Config:   harness.Config{Batch: "{}", PasswordFile: true},
		Step:     func(what string) { fmt.Println("▸", what) },
	})
	if err != nil {
		return err
	}
	d := &demo{world: w}
	err = d.begin(ctx)
	if err == nil {
		err = d.show(ctx, time.Duration(seconds)*time.Second)
	}
	if err == nil {
		err = d.end(ctx)
	}
	return errors.Join(err, w.Close())
}

// say prints a line of the demo itself.
func say(format string, args ...any) { fmt.Printf("\n▸ "+format+"\n", args...) }
