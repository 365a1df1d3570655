// Command bench measures how fast backlogs of changes are drained: by the real
// rowshift binary into the stand-in for Redshift, side by side, in one run, with what
// bounds it and with what it stands beside. README.md says how, and what the columns of
// its table mean.
//
//	limit    pg_recvlogical to nowhere: as fast as the walsender can send
//	read     our reader, which decodes and lets go of what it has read
//	staged   the daemon without a warehouse: source and bucket
//	native   CREATE SUBSCRIPTION into the PostgreSQL that backs the stand-in
//	rowshift the daemon: source, bucket, stand-in
//
// Each round writes a backlog and has each of them drain that same one, each from a slot
// of its own; what is compared is of one round. Nothing here passes or fails by a time.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"rowshift/test/harness"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	harness.RemoveBuilds()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// choices are what a run is told.
type choices struct {
	scale    float64
	rounds   int
	backlogs string
	peers    string
	into     string
	profiles string
}

func run(ctx context.Context, args []string) error {
	if len(args) > 0 && args[0] == readCommand {
		return readAll(ctx, args[1:])
	}
	if len(args) > 0 && args[0] == stagedCommand {
		return stageAll(ctx)
	}
	var c choices
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.Float64Var(&c.scale, "scale", 1, "how much of 1,000,000 persons and 1,000,000 changes")
	f.IntVar(&c.rounds, "rounds", 3, "rounds, of each of which the medians are")
	f.StringVar(&c.backlogs, "backlogs", strings.Join(names(backlogs), ","), "which backlogs")
	f.StringVar(&c.peers, "peers", "limit,read,staged,native,rowshift", "who drains them")
	f.StringVar(&c.into, "into", "", "a page whose table is written anew")
	f.StringVar(&c.profiles, "profiles", "", "a folder for CPU profiles of what stages")
	if err := f.Parse(args); err != nil {
		return err
	}
	if c.scale <= 0 || c.scale > 100 || c.rounds < 1 {
		return fmt.Errorf("a scale of %v in %d rounds measures nothing", c.scale, c.rounds)
	}
	chosen, err := choose(c.backlogs)
	if err != nil {
		return err
	}
	drain, err := choosePeers(c.peers)
	if err != nil {
		return err
	}
	b, err := open(ctx, c, drain)
	if err != nil {
		return err
	}
	results, err := b.measure(ctx, chosen)
	if err := b.close(err); err != nil {
		return err
	}
	page := results.page(aboutMachine(ctx), c)
	fmt.Print("\n" + page)
	if c.into == "" {
		return nil
	}
	return rewrite(c.into, page)
}

func say(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
