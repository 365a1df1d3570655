package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"rowshift/replicator"
)

// askTimeout bounds how long a command waits for answers. check applies it to each part.
const askTimeout = 2 * time.Minute

// ask opens the rooms and calls do, which usually has askTimeout in all.
func (o *outside) ask(ctx context.Context, do func(context.Context, *config, *rooms) error) error {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(o.patience, askTimeout))
	defer cancel()
	return o.open(ctx, do)
}

// open loads the config, opens the rooms and calls do. It sets no time limit: it is for
// commands that limit each part separately, so that a slow part neither takes time from
// the others nor gets them blamed.
func (o *outside) open(ctx context.Context, do func(context.Context, *config, *rooms) error) error {
	config, err := o.load()
	if err != nil {
		return err
	}
	r, err := newRooms(ctx, config, nil, nil)
	if err != nil {
		return err
	}
	defer r.close()
	return do(ctx, config, r)
}

type checkCommand struct{}

// Run checks everything that a first run needs. It changes nothing in the databases, and
// puts and deletes one object in the bucket.
func (checkCommand) Run(ctx context.Context, o *outside) error {
	return o.open(ctx, func(ctx context.Context, _ *config, r *rooms) error {
		findings := r.check(ctx, cmp.Or(o.patience, askTimeout))
		printFindings(o.stdout, findings)
		if _, bad := verdicts(findings); bad > 0 {
			return errTold
		}
		return nil
	})
}

// printFindings prints a line for each finding with its repair below it, and a summary
// at the end.
func printFindings(w io.Writer, findings []replicator.Finding) {
	wide := 0
	for _, f := range findings {
		wide = max(wide, utf8.RuneCountInString(f.Subject))
	}
	for _, f := range findings {
		fmt.Fprintf(w, "%-5s  %-*s  %s\n", f.Verdict, wide, f.Subject, strings.Join(strings.Fields(f.Found), " "))
		if f.Repair == "" {
			continue
		}
		for i, line := range strings.Split(strings.TrimSpace(f.Repair), "\n") {
			label := "repair:"
			if i > 0 {
				label = ""
			}
			fmt.Fprintf(w, "       %-7s %s\n", label, line)
		}
	}
	warnings, bad := verdicts(findings)
	fmt.Fprintf(w, "\n%d looked at, %d to be repaired, %d to know of\n", len(findings), bad, warnings)
}

// verdicts counts the findings: warnings are worth knowing, bad ones prevent a run or
// could not be checked.
func verdicts(findings []replicator.Finding) (warnings, bad int) {
	for _, f := range findings {
		switch f.Verdict {
		case replicator.Fine:
		case replicator.Warning:
			warnings++
		default:
			bad++
		}
	}
	return warnings, bad
}
