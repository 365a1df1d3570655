package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// part is one kind of measurement. It has a table of its own on the page, so that it can
// be measured again by itself.
type part struct {
	name    string
	share   float64                                        // its share of the time of all parts, in proportion to the others'
	measure func(context.Context, *measurement) error      // opens what it needs, measures while next allows it, keeps what it finds
	table   func(rounds []json.RawMessage) (string, error) // makes Markdown from what was kept
}

// parts are all parts, in the order of the page.
var parts = []part{
	{drain, 3, measureDrains, tableOf(func(rounds []results) string { return slices.Concat(rounds...).tables() })},
	{snapshot, 0.4, measureSnapshots, tableOf(snapshotTable)},
	{growth, 1, measureGrowth, tableOf(growthTable)},
	{latency, 0.6, measureLatency, tableOf(delaysTable)},
}

// drain is the name of the part that drains backlogs.
const drain = "drain"

// tableOf returns a function that makes a part's table from what it has kept, each item
// as a T.
func tableOf[T any](table func([]T) string) func([]json.RawMessage) (string, error) {
	return func(rounds []json.RawMessage) (string, error) {
		kept := make([]T, len(rounds))
		for i, r := range rounds {
			if err := json.Unmarshal(r, &kept[i]); err != nil {
				return "", err
			}
		}
		return table(kept), nil
	}
}

// measurement is a part that is being measured. It counts rounds, watches the time and
// keeps what was found.
type measurement struct {
	choices
	name  string
	until time.Time // no round begins that would end later; zero: all rounds begin
	round int       // the current round, from 1

	began   time.Time     // the start of the current round
	longest time.Duration // the longest round that has ended
	keeper  *keeper
}

// next reports whether another round is to begin, and begins it. The first round always
// does.
func (m *measurement) next() bool {
	now := time.Now()
	if m.round > 0 {
		m.longest = max(m.longest, now.Sub(m.began))
	}
	if m.round == m.rounds || m.round > 0 && !m.fits(m.longest) {
		return false
	}
	m.round++
	m.began = now
	return true
}

// fits reports whether something that takes this long would end in time.
func (m *measurement) fits(long time.Duration) bool {
	if m.until.IsZero() || time.Now().Add(long).Before(m.until) {
		return true
	}
	m.say("there is no time for more rounds")
	return false
}

// keep keeps what the current round has found, and writes the page again. A round may be
// kept in pieces.
func (m *measurement) keep(found any) error { return m.keeper.keep(m.name, m.round, found) }

// say prints how far the run is.
func (m *measurement) say(format string, args ...any) {
	say("%-8s round %d  %s", m.name, m.round, fmt.Sprintf(format, args...))
}

// measureAll measures parts one after another. Each gets its share of the time that is
// left. A part that fails leaves the others their share.
func measureAll(ctx context.Context, c choices, chosen []part, k *keeper) (failed []string, err error) {
	ends := time.Now().Add(c.limit)
	for i, p := range chosen {
		m := &measurement{choices: c, name: p.name, keeper: k}
		if c.limit > 0 {
			var shares float64
			for _, later := range chosen[i:] {
				shares += later.share
			}
			m.until = time.Now().Add(time.Duration(float64(time.Until(ends)) * p.share / shares))
		}
		began := time.Now()
		if err := p.measure(ctx, m); err != nil {
			say("%-8s %v", p.name, err)
			failed = append(failed, p.name)
			if errors.Is(err, errUnequal) {
				if err := k.fail(p.name, err); err != nil {
					return failed, err
				}
			}
		}
		if ctx.Err() != nil {
			return failed, context.Cause(ctx)
		}
		say("%-8s took %.0f s", p.name, time.Since(began).Seconds())
	}
	return failed, nil
}
