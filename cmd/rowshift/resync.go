package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"rowshift/replicator"
	"rowshift/schema"
	"rowshift/sink/redshift"
)

type resyncCommand struct {
	Wait   bool     `help:"Wait until the tables have joined again."`
	Tables []string `arg:"" name:"table" help:"Tables of the config to load again, as schema.table."`
}

// Run asks the daemon, by rows in the warehouse, to load tables again beside their live
// copies. With --wait it follows them until they have joined.
func (c resyncCommand) Run(ctx context.Context, o *outside) error {
	config, err := o.load()
	if err != nil {
		return err
	}
	names, err := tablesNamed(config.tables, c.Tables)
	if err != nil {
		return err
	}
	r, err := newRooms(ctx, config, nil, nil)
	if err != nil {
		return err
	}
	defer r.close()
	asking, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	word := rand.Text()
	if err := r.warehouse.Request(asking, word, names); err != nil {
		return err
	}
	f := &resyncs{w: o.stdout, told: map[schema.Name]redshift.ResyncState{}, within: looksWithin(config.refresh, config.limits.MinInterval)}
	for _, n := range names {
		f.tell(redshift.Answer{Table: n, State: redshift.ResyncRequested})
	}
	fmt.Fprintf(o.stdout, "The daemon reads it with its next merge, or within %v while nothing is merged; see %s.request.\n", f.within, config.warehouse.metadataSchema)
	if c.Wait {
		return f.follow(ctx, func(ctx context.Context) (seen resyncsSeen, err error) {
			ctx, cancel := context.WithTimeout(ctx, askTimeout)
			defer cancel()
			if seen.answers, err = r.warehouse.Answers(ctx, word); err != nil {
				return seen, err
			}
			if len(seen.answers) != len(names) {
				return seen, errTaken
			}
			seen.checkpoint, err = r.warehouse.Checkpoint(ctx)
			return seen, err
		}, r.slot)
	}
	return nil
}

// resyncs prints the state of each requested table whenever it changes.
type resyncs struct {
	w      io.Writer
	told   map[schema.Name]redshift.ResyncState
	within time.Duration // how long the daemon may take to look for requests
}

func (f *resyncs) tell(a redshift.Answer) {
	if f.told[a.Table] != a.State {
		fmt.Fprintf(f.w, "%v: %s\n", a.Table, a.State)
		f.told[a.Table] = a.State
	}
}

// errTaken says that a request was deleted by somebody.
var errTaken = errors.New("the request is there no longer: somebody deleted it from the warehouse's table of requests")

// resyncsSeen is what the warehouse says about the requested tables.
type resyncsSeen struct {
	answers    []redshift.Answer
	checkpoint *replicator.Checkpoint
}

// parked returns an error for a requested table that is parked, with the reason, since
// nobody loads it until that is repaired. A table whose request is not taken up may have
// been parked before; it counts once the daemon is known to have noticed the request.
func (s resyncsSeen) parked(known bool) error {
	if s.checkpoint == nil {
		return nil
	}
	for _, a := range s.answers {
		open := a.State == redshift.ResyncTaken || a.State == redshift.ResyncRequested && known
		for _, t := range s.checkpoint.Tables {
			if open && t.Name == a.Table && t.State == replicator.Parked {
				return fmt.Errorf("%v is parked, %s; rowshift status says what repairs it", t.Name, t.Why)
			}
		}
	}
	return nil
}

// looksWithin is how long a daemon may take to look for requests. Where nothing is merged it looks
// with each checkpoint refresh, but at most every five minutes, and no more often than it is to
// merge.
func looksWithin(refresh, interval time.Duration) time.Duration {
	return max(5*time.Minute, refresh, interval)
}

// follow prints the states until no table has to be waited for. It fails if a table was
// refused or is parked, if nobody has had the slot for so long that nobody works on the
// requests, and if the warehouse or the source does not answer for some minutes.
func (f *resyncs) follow(ctx context.Context, ask func(context.Context) (resyncsSeen, error), look func(context.Context) (slotSighting, error)) error {
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	began := time.Now()
	for had, asked, sighted := began, began, began; ; {
		seen, err := ask(ctx)
		if err == nil {
			asked = time.Now()
			var open bool
			if open, err = f.look(seen, time.Since(began)); err != nil || !open {
				return err
			}
		} else if errors.Is(err, errTaken) || time.Since(asked) > ignored {
			return err
		}
		slot, err := look(ctx)
		switch {
		case err == nil:
			sighted = time.Now()
		case time.Since(sighted) > ignored:
			return err
		}
		if err != nil || slot.active || slot.making { // after an error nobody knows who has it
			had = time.Now()
		}
		if time.Since(had) > unheeded {
			return fmt.Errorf("no daemon has had the slot for %v; the next one that has it loads the tables", unheeded)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// look prints the new states, and reports whether a table still has to be waited for.
func (f *resyncs) look(seen resyncsSeen, waited time.Duration) (open bool, err error) {
	refused := 0
	for _, a := range seen.answers {
		f.tell(a)
		switch a.State {
		case redshift.ResyncRequested, redshift.ResyncTaken:
			open = true
		case redshift.ResyncRefused:
			refused++
		}
	}
	if !open && refused > 0 {
		return false, fmt.Errorf("%d tables were refused: the daemon that runs does not replicate them; start it with this config", refused)
	}
	return open, seen.parked(waited > f.within+time.Minute)
}

// tablesNamed returns the named tables, all of which have to be in the config.
func tablesNamed(choices []schema.Choice, texts []string) ([]schema.Name, error) {
	var names []schema.Name
	var errs []error
	for _, text := range texts {
		i := slices.IndexFunc(choices, func(c schema.Choice) bool { return c.Name.String() == text || asRead(c.Name) == text })
		switch {
		case i < 0:
			errs = append(errs, misuse{fmt.Errorf("%s is not a table of the config, which has %s", text, listed(choices))})
		case !slices.Contains(names, choices[i].Name):
			names = append(names, choices[i].Name)
		}
	}
	return names, errors.Join(errs...)
}

// listed joins the names of tables, for an error.
func listed(choices []schema.Choice) string {
	var names []string
	for _, c := range choices {
		names = append(names, c.Name.String())
	}
	return strings.Join(names, ", ")
}
