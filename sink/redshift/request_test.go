package redshift

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rowshift/replicator"
	"rowshift/schema"
	"rowshift/test/redshifttest"
)

// asked returns the requests as people see them.
func (w *world) asked() []string {
	return w.ask("SELECT source_table, state, taken_at IS NOT NULL, done_at IS NOT NULL FROM rowshift_accounts.request ORDER BY source_table, state")
}

// TestAMergeReadsRequestsIfThereAreAny shows that a merge is spared the query for them as
// long as none is open.
func TestAMergeReadsRequestsIfThereAreAny(t *testing.T) {
	w := newWorld(t)
	r, requests := w.counting()
	words := keyed()
	w.fence(r, words)
	w.make(r, words)
	merge := func() (took int64, asked []schema.Name) {
		t.Helper()
		m := w.merging()
		m.Checkpoint.Tables = first(words).Tables
		before := requests.Load()
		merged, err := r.Merge(t.Context(), m)
		if err != nil {
			t.Fatal(err)
		}
		w.position = m.Checkpoint.LSN
		return requests.Load() - before, merged.Resyncs
	}
	merge() // it also reads what is in quarantine
	without, none := merge()
	if err := w.warehouse(nil).Request(t.Context(), "w", []schema.Name{words.Name}); err != nil {
		t.Fatal(err)
	}
	with, one := merge()
	if len(none) != 0 || len(one) != 1 || with != without+1 {
		t.Errorf("%d requests of SQL for %v, %d for %v", without, none, with, one)
	}
}

func TestRequestsAreReadAndAnswered(t *testing.T) {
	w := newWorld(t)
	r := w.warehouse(nil)
	if err := r.Request(t.Context(), "w", nil); !replicator.Final(err) {
		t.Errorf("before any daemon has run: %v", err)
	}
	words, accounts := keyed(), plain()
	w.fence(r, words, accounts)
	w.make(r, words, accounts)
	if err := w.warehouse(nil).Request(t.Context(), "w", []schema.Name{words.Name, accounts.Name, {Schema: "public", Table: "stranger"}}); err != nil {
		t.Fatal(err)
	}
	w.want(w.asked(), "accounts|requested|f|f", "stranger|requested|f|f", "words|requested|f|f")

	open, err := r.OpenRequests(t.Context())
	if err != nil || len(open) != 3 || open[0].Kind != resync || open[0].State != requested || open[2].Table.Table != "words" || open[0].Age > time.Minute {
		t.Errorf("%+v, %v", open, err)
	}
	merge := func(change func(*replicator.Checkpoint), staged ...*replicator.Staged) []schema.Name {
		t.Helper()
		m := w.merging(staged...)
		m.Checkpoint.Tables = first(words, accounts).Tables
		change(&m.Checkpoint)
		merged, err := r.Merge(t.Context(), m)
		if err != nil {
			t.Fatal(err)
		}
		w.position = m.Checkpoint.LSN
		return merged.Resyncs
	}
	live := func(*replicator.Checkpoint) {}
	if got := merge(live); !slices.Equal(got, []schema.Name{accounts.Name, words.Name}) {
		t.Errorf("asked for: %v", got)
	}
	w.want(w.asked(), "accounts|requested|f|f", "stranger|refused|f|t", "words|requested|f|f")

	l := w.loading(r, words, 1, "a|1|x")
	held := func(c *replicator.Checkpoint) { c.Tables[0].State, c.Tables[0].Load = replicator.Loading, &l }
	if got := merge(held); !slices.Equal(got, []schema.Name{accounts.Name}) {
		t.Errorf("asked for: %v", got)
	}
	w.want(w.asked(), "accounts|requested|f|f", "stranger|refused|f|t", "words|taken|t|f")

	l.HandOver = 5
	merge(held)
	if err := r.Request(t.Context(), "later", []schema.Name{words.Configured}); err != nil {
		t.Fatal(err)
	}
	if got := merge(held); !slices.Equal(got, []schema.Name{accounts.Name, words.Configured}) {
		t.Errorf("a request that came after the snapshot: %v", got)
	}
	words.Name.Table = "renamed" // asked for, and answered, by the name that the config knows
	merge(live, w.stage(&replicator.Batch{Commit: true, Joins: []replicator.Join{{Table: words, From: l.Into, Held: l.Held}}})...)
	w.want(w.asked(), "accounts|requested|f|f", "stranger|refused|f|t", "words|done|t|t", "words|requested|f|f")
	for word, want := range map[string][]Answer{
		"w": {{Table: accounts.Name, State: ResyncRequested}, {Table: schema.Name{Schema: "public", Table: "stranger"}, State: ResyncRefused},
			{Table: words.Configured, State: ResyncDone}},
		"later": {{Table: words.Configured, State: ResyncRequested}},
		"other": nil,
	} {
		answers, err := r.Answers(t.Context(), word)
		if diff := cmp.Diff(want, answers); diff != "" || err != nil {
			t.Error(word, err, diff)
		}
	}

	c, err := w.warehouse(nil).Fence(t.Context(), first())
	if err != nil || !slices.Equal(c.Resyncs, []schema.Name{accounts.Name, words.Configured}) {
		t.Errorf("the fence reads %v, %v", c.Resyncs, err)
	}
}

// resets returns the slot resets as people see them.
func (w *world) resets() []string {
	return w.ask("SELECT token, state, taken_at IS NOT NULL, done_at IS NOT NULL FROM rowshift_accounts.request WHERE kind = 'reset' ORDER BY token")
}

// The merge that begins a reset remembers it by its token. It is under way while the pipeline is
// creating, and done once all tables have joined.
func TestResetsAreRemembered(t *testing.T) {
	w := newWorld(t)
	r, table := w.withWords()
	w.below("INSERT INTO rowshift_accounts.request (kind, source_schema, source_table, token, state) VALUES ('reset', '', '', 'asked', 'requested')")
	merge := func(phase replicator.Phase, state replicator.State, token string, staged ...*replicator.Staged) replicator.Merged {
		t.Helper()
		m := w.merging(staged...)
		m.Checkpoint.Tables = first(table).Tables
		m.Checkpoint.Tables[0].State = state
		m.Checkpoint.Phase, m.Checkpoint.Reset = phase, token
		merged, err := r.Merge(t.Context(), m)
		if err != nil {
			t.Fatal(err)
		}
		w.position = m.Checkpoint.LSN
		return merged
	}
	if m := merge(replicator.Streaming, replicator.Live, ""); !m.ResetAsked {
		t.Error("nobody is told of the reset that is asked for")
	}
	for range 2 {
		merge(replicator.Creating, replicator.Loading, "given")
		merge(replicator.Creating, replicator.Loading, "asked")
	}
	w.want(w.resets(), "asked|taken|t|f", "given|taken|t|f")
	c, err := w.warehouse(nil).Checkpoint(t.Context())
	if err != nil || c.Reset == "" || len(c.Resets) != 2 || !c.Resets[0].Begun || !c.Resets[1].Begun {
		t.Errorf("%+v, %v", c, err)
	}
	w.fence(r)
	if m := merge(replicator.Streaming, replicator.Loading, ""); m.ResetAsked {
		t.Error("a reset that was taken is asked for again")
	}
	l := w.loading(r, table, 1, "a|1|x")
	merge(replicator.Streaming, replicator.Live, "", w.stage(&replicator.Batch{Commit: true, Joins: []replicator.Join{{Table: table, From: l.Into, Held: l.Held}}})...)
	w.want(w.resets(), "asked|done|t|t", "given|done|t|t")
	if c, err = w.warehouse(nil).Checkpoint(t.Context()); err != nil || c.Reset != "" {
		t.Errorf("%+v, %v", c, err)
	}
	for range 2 {
		if err := r.RequestReset(t.Context(), "again"); err != nil {
			t.Fatal(err)
		}
	}
	w.want(w.resets(), "again|requested|f|f", "asked|done|t|t", "given|done|t|t")
	for token, want := range map[string]ResetState{"again": ResetRequested, "asked": ResetDone, "never": ResetUnknown} {
		if state, last, err := r.Reset(t.Context(), token); state != want || last < 0 || last > time.Minute || err != nil {
			t.Errorf("%s: %q, %v, %v", token, state, last, err)
		}
	}
}

// A reset is done once no table is left to load, also if no join comes with that: because the
// table that loaded last was parked or taken out of the config, or because none can be loaded. It
// is not done before the tables are known, nor by a merge that did not commit.
func TestResetIsDoneWithoutAJoin(t *testing.T) {
	words, accounts := keyed(), plain()
	states := func(of ...replicator.State) (all []replicator.TableState) {
		all = first(words, accounts).Tables[:len(of)]
		for i := range all {
			all[i].State = of[i]
		}
		return all
	}
	const loading, live, parked = replicator.Loading, replicator.Live, replicator.Parked
	for name, last := range map[string][]replicator.TableState{"parked": states(live, parked), "taken out": states(live), "all parked": states(parked, parked)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			r := w.warehouse(nil)
			w.fence(r)
			merge := func(phase replicator.Phase, token string, tables []replicator.TableState) error {
				m := w.merging()
				m.Checkpoint.Phase, m.Checkpoint.Reset, m.Checkpoint.Tables = phase, token, tables
				_, err := r.Merge(t.Context(), m)
				if err == nil {
					w.position = m.Checkpoint.LSN
				}
				return err
			}
			under := func(phase replicator.Phase, token string, tables []replicator.TableState) {
				t.Helper()
				if err := merge(phase, token, tables); err != nil {
					t.Fatal(err)
				}
				w.want(w.resets(), "given|taken|t|f")
			}
			under(replicator.Creating, "given", nil)
			under(replicator.Streaming, "given", nil)
			under(replicator.Streaming, "", nil)
			under(replicator.Streaming, "", states(loading, loading))
			under(replicator.Streaming, "", states(live, loading))
			refuses := w.server.Inject(redshifttest.Fault{Match: `SET "phase"`, Nth: 1, Code: "XX000", Message: "assert"})
			if err := merge(replicator.Streaming, "", last); err == nil {
				t.Error("the merge was not refused")
			}
			refuses.Remove()
			w.want(w.resets(), "given|taken|t|f")
			if err := merge(replicator.Streaming, "", last); err != nil {
				t.Fatal(err)
			}
			w.want(w.resets(), "given|done|t|t")
		})
	}
}

// A reset that an earlier daemon left under way, though all tables had joined, is done with the
// first merge, and merges after that do not write to it again.
func TestResetThatWasLeftUnderWayIsDone(t *testing.T) {
	w := newWorld(t)
	r, table := w.withWords()
	w.below("INSERT INTO rowshift_accounts.request (kind, source_schema, source_table, token, state, taken_at) VALUES ('reset', '', '', 'old', 'taken', '2026-05-01')")
	w.fence(r, table)
	finishes := w.server.Inject(redshifttest.Fault{Match: `"state" = 'done', "done_at"`, Stall: time.Millisecond})
	defer finishes.Remove()
	for range 2 {
		m := w.merging()
		m.Checkpoint.Phase, m.Checkpoint.Tables = replicator.Streaming, first(table).Tables
		if _, err := r.Merge(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		w.position = m.Checkpoint.LSN
	}
	w.want(w.resets(), "old|done|t|t")
	if n := finishes.Hits(); n != 1 {
		t.Errorf("it was finished %d times", n)
	}
}

// The reset that is under way is the one that was taken last, whenever it was asked for.
func TestResetThatWasTakenLastIsUnderWay(t *testing.T) {
	w := newWorld(t)
	w.fence(w.warehouse(nil))
	w.below(`INSERT INTO rowshift_accounts.request (kind, source_schema, source_table, token, state, requested_at, taken_at) VALUES
		('reset', '', '', 'early, taken late', 'taken', '2026-01-01', '2026-05-01'), ('reset', '', '', 'late, taken early', 'taken', '2026-03-01', '2026-04-01'),
		('reset', '', '', 'waits', 'requested', '2025-01-01', NULL)`)
	c, err := w.warehouse(nil).Checkpoint(t.Context())
	if err != nil || c.Reset != "early, taken late" || len(c.Resets) != 3 || c.Resets[2].Token != "waits" {
		t.Errorf("%+v, %v", c, err)
	}
}

// A token that is asked for while a daemon takes the same token is remembered once.
func TestResetIsRequestedWhileADaemonTakesIt(t *testing.T) {
	w := newWorld(t)
	w.fence(w.warehouse(nil))
	daemon := w.begun("rowshift/accounts", lockFence, "INSERT INTO rowshift_accounts.request (kind, source_schema, source_table, token, state, taken_at) VALUES ('reset', '', '', 'both', 'taken', GETDATE())")
	locks := w.server.Inject(redshifttest.Fault{Class: "LOCK", Application: "rowshift/accounts", Nth: 1, Stall: time.Millisecond})
	defer locks.Remove()
	asked := make(chan error, 1)
	go func() { asked <- w.warehouse(nil).RequestReset(t.Context(), "both") }()
	select {
	case <-locks.Reached():
	case err := <-asked:
		t.Errorf("it was asked for without a look at what the daemon does: %v", err)
		asked <- err
	}
	if _, err := daemon.Exec(t.Context(), "COMMIT"); err != nil {
		t.Fatal(err)
	}
	if err := <-asked; err != nil {
		t.Error(err)
	}
	w.want(w.resets(), "both|taken|t|f")
}

// A request that is given up while a merge hangs leaves nothing behind, neither the request nor
// a session that would take the lock later.
func TestResetIsNotRequestedOnceGivenUp(t *testing.T) {
	w := newWorld(t)
	w.fence(w.warehouse(nil))
	daemon := w.begun("rowshift/accounts", lockFence)
	r := w.warehouse(nil)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	asked := make(chan error, 1)
	go func() { asked <- r.RequestReset(ctx, "given up") }()
	w.eventually("the request waits for the merge", func() bool {
		return w.below("SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'rowshift_accounts.fence'::regclass")[0] == "1"
	})
	cancel()
	if err := <-asked; err == nil || !strings.Contains(err.Error(), context.Canceled.Error()) {
		t.Errorf("%v", err)
	}
	if _, err := daemon.Exec(t.Context(), "COMMIT"); err != nil {
		t.Fatal(err)
	}
	if c := w.fence(w.warehouse(nil)); c.Epoch != 2 || len(c.Resets) != 0 {
		t.Errorf("%+v", c)
	}
	w.want(w.resets())
}

// A checkpoint whose resets cannot be read is not returned without them.
func TestNoCheckpointWithoutItsResets(t *testing.T) {
	w := newWorld(t)
	r, _ := w.withWords()
	w.admin("ALTER TABLE rowshift_accounts.request RENAME COLUMN token TO word")
	if c, err := r.Checkpoint(t.Context()); c != nil || err == nil {
		t.Errorf("%+v, %v", c, err)
	}
}

// A request table that somebody dropped is made again, without what was in it.
func TestRequestTableIsMadeAgain(t *testing.T) {
	w := newWorld(t)
	r, _ := w.withWords()
	w.admin("DROP TABLE rowshift_accounts.request")
	w.fence(r)
	if err := r.RequestReset(t.Context(), "after"); err != nil {
		t.Error(err)
	}
	w.want(w.resets(), "after|requested|f|f")
}
