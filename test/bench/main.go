// Command bench measures how fast backlogs of changes are drained by the real rowshift
// binary into the stand-in for Redshift. In the same run and on the same backlogs it
// measures what limits rowshift and what rowshift is compared with. README.md says how,
// and explains the columns of its tables.
//
//	limit    pg_recvlogical to nowhere: as fast as the walsender can send
//	read     our reader, which decodes what it reads and discards it
//	text     the same, asked for text
//	staged   the daemon without a warehouse: source and bucket
//	native   CREATE SUBSCRIPTION into the PostgreSQL that backs the stand-in
//	rowshift the daemon: source, bucket, stand-in
//
// Each round writes a backlog, and each of these drains it from a slot of its own. Only
// results of the same round are compared. That is the part called drain; part.go has the
// others. Nothing here passes or fails by a time.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

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

// choices are the options of a run.
type choices struct {
	scale    float64
	rounds   int
	mostRows float64
	limit    time.Duration
	into     string
	profiles string
	binary   bool

	chosenParts    []part
	chosenBacklogs []backlog
	chosenPeers    []peer
}

// choicesOf reads the arguments.
func choicesOf(args []string) (c choices, err error) {
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.Float64Var(&c.scale, "scale", 1, "how much of 1,000,000 persons and 1,000,000 changes")
	f.IntVar(&c.rounds, "rounds", 3, "rounds of each part, of which the medians are")
	f.Float64Var(&c.mostRows, "most", 1_000_000, "rows of the largest drain of the part "+growth)
	f.DurationVar(&c.limit, "for", 0, "begin no round that would not end in so long; each part has one in any case (default: no limit)")
	f.StringVar(&c.into, "into", "", "a page whose tables are written anew after each round; the rounds are kept beside it, in "+measuredFile)
	f.StringVar(&c.profiles, "profiles", "", "a folder for CPU profiles of what stages, and for the logs of the daemon and the target of the drains")
	f.BoolVar(&c.binary, "native-binary", false, "the subscription of "+native+" is sent binary values, which is not its default")
	chosen := f.String("parts", keys(parts), "what is measured")
	logs := f.String("backlogs", keys(backlogs), "which backlogs are drained")
	drain := f.String("peers", keys(peers), "who drains them")
	if err := f.Parse(args); err != nil {
		return c, err
	}
	if c.scale <= 0 || c.scale > 100 || c.rounds < 1 {
		return c, fmt.Errorf("a scale of %v in %d rounds measures nothing", c.scale, c.rounds)
	}
	if c.chosenParts, err = choose("part", *chosen, parts); err != nil {
		return c, err
	}
	if c.chosenBacklogs, err = choose("backlog", *logs, backlogs); err != nil {
		return c, err
	}
	c.chosenPeers, err = choose("peer", *drain, peers)
	return c, err
}

func run(ctx context.Context, args []string) error {
	if len(args) > 0 && errands[args[0]] != nil {
		return errands[args[0]](ctx)
	}
	c, err := choicesOf(args)
	if err != nil {
		return err
	}
	k, err := newKeeper(ctx, c.into, c.scale)
	if err != nil {
		return err
	}
	failed, err := measureAll(ctx, c, c.chosenParts, k)
	if err != nil {
		return err
	}
	for _, p := range c.chosenParts {
		measured, err := k.section(p)
		if err != nil {
			return err
		}
		fmt.Printf("\n%s\n\n%s", p.name, measured)
	}
	if len(failed) > 0 {
		return fmt.Errorf("not measured to the end: %s", strings.Join(failed, ", "))
	}
	return nil
}

func say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, time.Now().Format(time.TimeOnly)+" "+format+"\n", args...)
}
