package redshift

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"rowshift/replicator"
	"rowshift/schema"
	"rowshift/test/redshifttest"

	"github.com/jackc/pgx/v5"
)

// A session that has read a target and is idle in its transaction keeps it from being altered.
// After a while the table is unfit for that alone, and its halt names the session. It is found to
// be so at once when it is tried again, until the session has ended.
func TestAlterationBehindAReader(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r, table := w.withWords()
	w.apply(r, batch(t, table, "insert a|1|x"))
	r.options.BlockedWait = 4 * time.Second
	reader := w.begun("psql", "SELECT COUNT(*) FROM public_copy.words")
	var pid int64
	if err := reader.QueryRow(t.Context(), "SELECT pg_backend_pid()").Scan(&pid); err != nil {
		t.Fatal(err)
	}
	m := w.merging()
	m.Alterations = []replicator.Alteration{{Table: wordsWith(func(t *schema.Table) { t.Columns = append(t.Columns, column(5, "note", bigint, false)) }), Diff: schema.Diff{Added: []int{3}}}}
	_, err := r.Merge(t.Context(), m)
	if codeOf(err) != cancelled || !replicator.Retryable(err) {
		t.Fatalf("the first try: %v", err)
	}
	unfit := func() {
		t.Helper()
		_, err := r.Merge(t.Context(), m)
		u, ok := errors.AsType[*replicator.Unfit](err)
		if !ok || u.OID != table.OID || !u.Passes || replicator.Retryable(err) {
			t.Fatalf("%v", err)
		}
		if !strings.Contains(u.Why.Found, fmt.Sprintf("session %d of user loader ", pid)) || !strings.Contains(u.Why.Repair, terminate(fmt.Sprint(pid))) || !strings.Contains(u.Why.Repair, "rowshift resync public.words") {
			t.Errorf("%v; the session is %d", u.Why, pid)
		}
	}
	unfit()
	tries := w.server.Inject(redshifttest.Fault{Class: "ALTER TABLE", Stall: time.Nanosecond})
	if unfit(); tries.Hits() > 0 {
		t.Errorf("the next try waited for %d alterations", tries.Hits())
	}
	tries.Remove()
	w.unmoved()
	goesOn(t, reader, r, m)
	w.want(w.ask("SELECT word, n, body, note FROM public_copy.words"), "a|1|x|~")
}

// If Redshift does not tell who blocks a target, its table is unfit all the same, also for an
// alteration that moves all rows; but not for a statement that a resize has ended.
func TestAlterationBehindSomebodyUnknown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r, table := w.withWords()
	hidden := w.server.Inject(redshifttest.Fault{Match: "svv_transactions", Code: "42501", Message: "permission denied"})
	defer hidden.Remove()
	p := in("public_copy", "words")
	ended := &Error{Op: opAlter, Code: cancelled, Message: "canceling statement due to statement timeout", retry: true}
	for _, c := range []struct {
		sql   string
		err   error
		unfit bool
	}{
		{addColumn(p, "note", "BIGINT"), ended, true},
		{alterDistKey(p, "n"), ended, true},
		{addColumn(p, "note", "BIGINT"), &Error{Op: opAlter, Code: cancelled, Message: "system is in resize mode", retry: true}, false},
		{addColumn(p, "note", "BIGINT"), &Error{Op: opLock, Code: cancelled, Message: "it waits for the fence", retry: true}, false},
	} {
		err := r.with(t.Context(), func(s *session) error {
			m := newMerging(r, w.merging())
			m.session, r.known.blocked = s, map[string]blocked{}
			return m.judgeBlocked(context.Background(), table, alone(c.sql)[0], time.Now().Add(-time.Hour), c.err)
		})
		u, ok := errors.AsType[*replicator.Unfit](err)
		if ok != c.unfit || !ok && !errors.Is(err, c.err) || ok && (!u.Passes || !strings.Contains(u.Why.Repair, "FROM svv_transactions")) {
			t.Errorf("%s, after %v: %v", c.sql, c.err, err)
		}
	}
}

// One who has read several targets holds up all tables for as long as if it were one target: each
// is tried in each merge, and the tables are parked one after another without another wait. A
// target that nobody reads is altered meanwhile.
func TestAlterationsBehindOneReader(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r, words, accounts, free := w.warehouse(nil), keyed(), plain(), composite()
	w.fence(r, words, accounts, free)
	w.make(r, words, accounts, free)
	r.options.BlockedWait = 10 * time.Second
	reader := w.begun("psql", "SELECT COUNT(*) FROM public_copy.words", "SELECT COUNT(*) FROM public_copy.accounts")
	m := w.merging()
	for _, table := range []*schema.Table{words, accounts, free} {
		table.Columns = append(table.Columns, column(9, "late", bigint, false))
		m.Alterations = append(m.Alterations, replicator.Alteration{Table: table, Diff: schema.Diff{Added: []int{len(table.Columns) - 1}}})
	}
	if _, err := r.Merge(t.Context(), m); codeOf(err) != cancelled || !replicator.Retryable(err) {
		t.Fatalf("the first try: %v", err)
	}
	w.want(w.ask("SELECT table_name FROM svv_columns WHERE table_schema = 'public_copy' AND column_name = 'late'"), "order lines")
	for i, table := range []*schema.Table{words, accounts} {
		began := time.Now()
		_, err := r.Merge(t.Context(), m)
		if u, ok := errors.AsType[*replicator.Unfit](err); !ok || u.OID != table.OID || !u.Passes {
			t.Fatalf("%s: %v", table.Target, err)
		}
		if i > 0 && time.Since(began) > patience {
			t.Errorf("%s is parked %v after the other", table.Target, time.Since(began))
		}
		m.Alterations = m.Alterations[1:]
	}
	if _, err := reader.Exec(t.Context(), "ROLLBACK"); err != nil {
		t.Error(err)
	}
}

// The wait begins anew if nobody had a target locked for a while, and a table that is parked for
// something else does not count as blocked any more.
func TestBlockedTargetOfLongAgo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r, table := w.withWords()
	ended := &Error{Op: opAlter, Code: cancelled, Message: "canceling statement due to statement timeout", retry: true}
	add := alone(addColumn(in("public_copy", "words"), "note", "BIGINT"))[0]
	ago := func(d time.Duration) time.Time { return time.Now().Add(-d) }
	for name, c := range map[string]struct {
		blocked map[string]blocked
		unfit   bool
	}{
		"a while ago":               {map[string]blocked{"words": {since: ago(40 * time.Minute), last: ago(30 * time.Minute)}}, false},
		"just now":                  {map[string]blocked{"words": {since: ago(40 * time.Minute), last: ago(time.Minute)}}, true},
		"while others were blocked": {map[string]blocked{"words": {since: ago(40 * time.Minute), last: ago(30 * time.Minute)}, "accounts": {last: ago(time.Minute)}}, true},
		"until it was parked":       {map[string]blocked{"words": {since: ago(4 * time.Hour), last: ago(3 * time.Hour), parked: true}}, true},
	} {
		err := r.with(t.Context(), func(s *session) error {
			m := newMerging(r, w.merging())
			m.session, r.known.blocked = s, c.blocked
			return m.judgeBlocked(t.Context(), table, add, ago(4*time.Second), ended)
		})
		if _, ok := errors.AsType[*replicator.Unfit](err); ok != c.unfit || !ok && time.Since(r.known.blocked["words"].since) > time.Minute {
			t.Errorf("%s: %v, %+v", name, err, r.known.blocked)
		}
	}
	r.known.blocked = map[string]blocked{"words": {since: ago(time.Hour), last: ago(time.Minute)}}
	w.server.Inject(redshifttest.Fault{Class: "ALTER TABLE", Code: "0A000", Message: "no"})
	m := w.merging()
	m.Alterations = []replicator.Alteration{{Table: wordsWith(func(t *schema.Table) { t.Columns = append(t.Columns, column(5, "note", bigint, false)) })}}
	if _, err := r.Merge(t.Context(), m); len(r.known.blocked) > 0 {
		t.Errorf("%v is remembered, after %v", r.known.blocked, err)
	}
}

// A widening begins with an UPDATE, which succeeds beside a reader at each try. That does not hide
// that the reader keeps the old column from being dropped.
func TestWideningBehindAReader(t *testing.T) {
	t.Parallel()
	w, r, m := widening(t, nil)
	r.options.BlockedWait = 8 * time.Second // more than the second try takes
	w.admin("ALTER TABLE public_copy.words ADD COLUMN n__wide BIGINT")
	reader := w.begun("psql", "SELECT COUNT(*) FROM public_copy.words")
	_, err := r.Merge(t.Context(), m)
	if codeOf(err) != cancelled || !replicator.Retryable(err) {
		t.Fatalf("the first try: %v", err)
	}
	_, err = r.Merge(t.Context(), m)
	if u, ok := errors.AsType[*replicator.Unfit](err); !ok || !u.Passes {
		t.Fatalf("the second try: %v", err)
	}
	goesOn(t, reader, r, m)
	w.want(w.columnsOfWords(), "body", "n", "word")
}

// goesOn ends a reader's transaction. After that the merge that it blocked goes through, and
// nobody remembers that the target was blocked.
func goesOn(t *testing.T, reader *pgx.Conn, r *Warehouse, m *replicator.Merge) {
	t.Helper()
	if _, err := reader.Exec(t.Context(), "ROLLBACK"); err != nil {
		t.Error(err)
	}
	if _, err := r.Merge(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if len(r.known.blocked) != 0 {
		t.Errorf("%v is remembered", r.known.blocked)
	}
}

// Somebody may do by hand what readers blocked. Then nothing of that is remembered, which might
// park the table long after, at the first try of another alteration.
func TestBlockedAlterationThatSomebodyDid(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r, table := w.withWords()
	r.known.blocked = map[string]blocked{table.Target: {since: time.Now().Add(-time.Hour)}}
	m := w.merging()
	m.Alterations = []replicator.Alteration{{Table: table}}
	if _, err := r.Merge(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if len(r.known.blocked) != 0 {
		t.Errorf("%v is remembered", r.known.blocked)
	}
}

// A reader whom Redshift does not show is not taken to be gone: while the table is parked, its
// alteration gets one short try more. What moves all rows gets a longer one, since it may have
// timed out by itself.
func TestNextTryBehindSomebodyUnknown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r, table := w.withWords()
	w.apply(r, batch(t, table, "insert a|1|x"))
	w.server.Inject(redshifttest.Fault{Match: "svv_transactions", Code: "42501", Message: "permission denied"})
	waits := w.server.Inject(redshifttest.Fault{Class: "ALTER TABLE", Match: "public_copy", Code: cancelled, Message: "canceling statement due to statement timeout"})
	p := in("public_copy", "words")
	add, move := addColumn(p, "note", "BIGINT"), alterDistKey(p, "n")
	for sql, tries := range map[string]int{add: 1, move: 4} {
		r.known.blocked, r.known.tries = map[string]blocked{table.Target: {since: time.Now().Add(-time.Hour), parked: true}}, map[string]int{sql: 3}
		hits := waits.Hits()
		err := r.with(t.Context(), func(s *session) error {
			m := newMerging(r, w.merging())
			m.session = s
			return m.alterBy(t.Context(), table, alone(sql)[0])
		})
		u, ok := errors.AsType[*replicator.Unfit](err)
		if !ok || !u.Passes || waits.Hits() != hits+1 || r.known.tries[sql] != tries || !r.known.blocked[table.Target].parked {
			t.Errorf("%s: %v, after %d tries; %v is remembered, with %d doublings", sql, err, waits.Hits()-hits, r.known.blocked, r.known.tries[sql])
		}
	}
}
