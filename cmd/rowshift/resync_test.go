package main

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rowshift/replicator"
	"rowshift/schema"
	"rowshift/sink/redshift"
)

func TestResyncNamesTablesOfTheConfig(t *testing.T) {
	choices := []schema.Choice{{Name: schema.Name{Schema: "public", Table: "person"}}, {Name: schema.Name{Schema: "Sales", Table: "Order Lines"}}}
	names, err := tablesNamed(choices, []string{"Sales.Order Lines", "public.person", "public.person"})
	if err != nil || !slices.Equal(names, []schema.Name{choices[1].Name, choices[0].Name}) {
		t.Errorf("%v, %v", names, err)
	}
	_, err = tablesNamed(choices, []string{"public.persons", "sales.order lines"})
	for _, words := range []string{"public.persons is not", "sales.order lines is not", "Sales.Order Lines"} {
		if err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%v does not say %q", err, words)
		}
	}
	choices = []schema.Choice{{Name: schema.Name{Schema: "my.schema", Table: "person"}}}
	for _, text := range []string{`"my.schema".person`, "my.schema.person"} {
		if names, err := tablesNamed(choices, []string{text}); err != nil || len(names) != 1 {
			t.Errorf("%s is %v, %v", text, names, err)
		}
	}
}

// resync --wait ends when the last table has joined, fails for a table that was refused,
// and does not wait for a daemon that is not there.
func TestResyncIsFollowed(t *testing.T) {
	person, company := schema.Name{Schema: "public", Table: "person"}, schema.Name{Schema: "public", Table: "company"}
	both := func(one, other redshift.ResyncState) []redshift.Answer {
		return []redshift.Answer{{Table: company, State: one}, {Table: person, State: other}}
	}
	broken := errors.New("broken")
	for name, test := range map[string]struct {
		answers  [][]redshift.Answer // one for each look; the last one repeats
		parked   string              // why the first table is parked
		deaf     int                 // how many of the first looks at the warehouse fail
		slot     slotSighting
		blind    error // error of looks at the slot
		refresh  time.Duration
		interval time.Duration
		printed  string
		fails    string
		after    time.Duration
	}{
		"done": {answers: [][]redshift.Answer{both("requested", "requested"), both("taken", "requested"), both("done", "taken"), both("done", "done")}, slot: slotSighting{active: true},
			printed: "public.company: requested\npublic.person: requested\npublic.company: taken\npublic.company: done\npublic.person: taken\npublic.person: done\n", after: 3 * followEvery},
		"refused": {answers: [][]redshift.Answer{both("requested", "refused"), both("done", "refused")}, slot: slotSighting{making: true},
			printed: "public.company: requested\npublic.person: refused\npublic.company: done\n", fails: "1 tables were refused", after: followEvery},
		"parked once it is loaded": {answers: [][]redshift.Answer{both("requested", "requested"), both("taken", "requested")}, parked: "its target drifted", slot: slotSighting{active: true},
			printed: "public.company: requested\npublic.person: requested\npublic.company: taken\n", fails: "public.company is parked, its target drifted", after: followEvery},
		"parked before, and not taken up": {answers: [][]redshift.Answer{both("requested", "done")}, parked: "it has no key", slot: slotSighting{active: true},
			printed: "public.company: requested\npublic.person: done\n", fails: "public.company is parked, it has no key", after: 6*time.Minute + followEvery},
		"parked before, and the daemon looks every hour": {answers: [][]redshift.Answer{both("requested", "done")}, parked: "it has no key", slot: slotSighting{active: true}, refresh: time.Hour,
			printed: "public.company: requested\npublic.person: done\n", fails: "public.company is parked, it has no key", after: 61*time.Minute + followEvery},
		"parked before, and the daemon merges every two hours": {answers: [][]redshift.Answer{both("requested", "done")}, parked: "it has no key", slot: slotSighting{active: true}, refresh: time.Hour, interval: 2 * time.Hour,
			printed: "public.company: requested\npublic.person: done\n", fails: "public.company is parked, it has no key", after: 121*time.Minute + followEvery},
		"the warehouse restarts": {answers: [][]redshift.Answer{nil, nil, both("done", "done")}, deaf: 2, slot: slotSighting{active: true},
			printed: "public.company: done\npublic.person: done\n", after: 2 * followEvery},
		"the warehouse is gone": {answers: [][]redshift.Answer{nil}, deaf: 1000, slot: slotSighting{active: true}, fails: "broken", after: ignored + followEvery},
		"nobody has the slot": {answers: [][]redshift.Answer{both("requested", "requested")},
			printed: "public.company: requested\npublic.person: requested\n", fails: "no daemon has had the slot for 30s", after: unheeded + followEvery},
		"the source cannot be asked": {answers: [][]redshift.Answer{both("taken", "done")}, blind: broken,
			printed: "public.company: taken\npublic.person: done\n", fails: "broken", after: ignored + followEvery},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var out bytes.Buffer
				n, began := 0, time.Now()
				f := &resyncs{w: &out, told: map[schema.Name]redshift.ResyncState{}, within: looksWithin(test.refresh, test.interval)}
				err := f.follow(t.Context(), func(context.Context) (resyncsSeen, error) {
					n++
					cp := &replicator.Checkpoint{Tables: []replicator.TableState{{Name: company, State: replicator.Loading}}}
					if test.parked != "" {
						cp.Tables[0].State, cp.Tables[0].Why = replicator.Parked, test.parked
					}
					seen := resyncsSeen{answers: test.answers[min(n, len(test.answers))-1], checkpoint: cp}
					if n <= test.deaf {
						return seen, broken
					}
					return seen, nil
				}, func(context.Context) (slotSighting, error) { return test.slot, test.blind })
				if took := time.Since(began); out.String() != test.printed || took != test.after {
					t.Errorf("%v after %v:\n%s", err, took, out.String())
				}
				if failed := err != nil; failed != (test.fails != "") || failed && !strings.Contains(err.Error(), test.fails) {
					t.Errorf("%v, not %q", err, test.fails)
				}
			})
		})
	}
}
