package postgres

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rowshift/replicator"
	"rowshift/schema"
)

// view is what a test has read of one snapshot, and its place in the stream.
type view struct {
	seen     replicator.Visibility
	handOver replicator.LSN
	rows     map[string][]string // of each table, as id|v
}

// taking takes a view of tables while others write.
type taking func(context.Context, *stage, []*schema.Table) (view, error)

// rule reports whether a transaction of the stream is to be applied to a view.
type rule func(view, received) bool

// unseen is the right rule: a transaction is applied if and only if the snapshot does not
// see it. Past the hand-over position nobody asks any more.
func unseen(v view, tx received) bool { return tx.end > v.handOver || !v.seen.Sees(tx.xid) }

// stage is a world with two tables, a and b, and the writers of them.
type stage struct {
	*world
	admin   *session
	tables  []*schema.Table
	writers []*writer
	random  *rand.Rand // of the seed at hand
	counts  counts

	marker, keeper *session // sessions of ours
}

func newStage(t *testing.T) *stage {
	s := &stage{world: newWorld(t), random: rand.New(rand.NewPCG(0, 0))}
	s.admin, s.marker, s.keeper = s.dial(), s.ours(), s.ours()
	s.exec(s.admin, `
		CREATE TABLE a (id int PRIMARY KEY, v text, n int); CREATE TABLE b (id int PRIMARY KEY, v text, n int)`)
	s.tables = tables(s.table("a", "id", "v"), s.table("b", "id", "v"))
	s.create()
	for i := range maxWriters {
		w := &writer{t: t, name: fmt.Sprint("w", i), conn: s.dial(), release: s.dial(), done: map[string]int{}}
		s.exec(w.conn, `SET lock_timeout = '20ms'; SET application_name = '`+w.name+`'`)
		s.writers = append(s.writers, w)
	}
	return s
}

// play lets writers write, makes a slot and takes a view while they do. It reports what is
// wrong with the view and with what the rule makes of the stream; nothing is, if together
// they give what the tables hold in the end.
//
// A slot that was made beside an ALTER TABLE may never be able to decode. The product finds
// that before a load begins, and makes the slot again; so does play.
func (s *stage) play(seed uint64, take taking, applied rule) (wrong string, err error) {
	s.random = rand.New(rand.NewPCG(seed, 0))
	for range 10 {
		s.drop(s.admin)
		s.exec(s.admin, fmt.Sprintf(`TRUNCATE a, b; INSERT INTO a SELECT n, 'first' FROM generate_series(0, %d, 2) AS n; INSERT INTO b SELECT * FROM a`, keys))
		stop := s.write(tempered(s.random))
		v, err := s.view(take)
		stop()
		if err != nil {
			return "", err
		}
		s.exec(s.admin, `SELECT pg_logical_emit_message(true, '', '')`) // flushes what is not
		stream, err := s.read(seed)
		if codeOf(err) == internalError || errors.Is(err, replicator.ErrUndecodable) {
			continue
		}
		if err != nil {
			return "", err
		}
		s.counts.add(v, stream)
		return judge(v, stream, applied, s.held()), nil
	}
	return "", errors.New("no slot can decode")
}

// read returns all that the slot holds, by the product's decoder or by another one.
func (s *stage) read(seed uint64) ([]received, error) {
	ctx, cancel := context.WithTimeout(s.t.Context(), atMost)
	defer cancel()
	if seed%2 == 0 {
		return s.streamed(ctx)
	}
	return s.peeked(ctx, s.admin)
}

// counts is how often the things happened that make the hand-over hard.
type counts struct {
	views, inProgress, early, late, seen int
}

func (c *counts) add(v view, stream []received) {
	c.views++
	c.inProgress += len(v.seen.InProgress)
	for _, tx := range stream {
		switch {
		case tx.end > v.handOver:
			c.late++
		case v.seen.Sees(tx.xid):
			c.seen++
		default:
			c.early++
		}
	}
}

// write lets writers write until the function that it returns is called.
func (s *stage) write(how temper) (stop func()) {
	stopping := make(chan struct{})
	var g sync.WaitGroup
	for i, w := range s.writers[:how.writers] {
		w.temper = how
		w.random = rand.New(rand.NewPCG(s.random.Uint64(), uint64(i)))
		g.Go(func() { w.run(s.t.Context(), stopping) })
	}
	return func() { close(stopping); g.Wait() }
}

// view makes the slot and takes a view.
func (s *stage) view(take taking) (view, error) {
	ctx, cancel := context.WithTimeout(s.t.Context(), atMost)
	defer cancel()
	if err := s.pause(ctx); err != nil {
		return view{}, err
	}
	if err := s.slot(ctx, s.admin); err != nil {
		return view{}, err
	}
	v, err := take(ctx, s, s.tables)
	if err != nil {
		return view{}, err
	}
	return v, s.pause(ctx)
}

// pause lets the writers go on for a while.
func (s *stage) pause(ctx context.Context) error {
	return sleep(ctx, time.Duration(s.random.IntN(25))*time.Millisecond)
}

// held returns what the tables hold now.
func (s *stage) held() map[string][]string {
	return map[string][]string{
		"a": s.rows(s.admin, `SELECT id || '|' || v FROM a`),
		"b": s.rows(s.admin, `SELECT id || '|' || v FROM b`),
	}
}

// judge applies the stream to a view and compares the outcome. Each change must fit the
// rows that it is applied to: one that does not was applied twice, or too late.
func judge(v view, stream []received, applied rule, want map[string][]string) string {
	state := map[string]map[string]string{"a": {}, "b": {}}
	for table, rows := range v.rows {
		for _, row := range rows {
			id, value, _ := strings.Cut(row, "|")
			if _, twice := state[table][id]; twice {
				return fmt.Sprintf("%s holds %s twice", table, id)
			}
			state[table][id] = value
		}
	}
	for _, tx := range stream {
		if !applied(v, tx) {
			continue
		}
		for _, c := range tx.changes {
			if misfit := apply(state[c.table], c); misfit != "" {
				return fmt.Sprintf("transaction %d, snapshot %v, position %s and end %s: %s of %s: %s", tx.xid, v.seen, v.handOver, tx.end, c.op, c.table, misfit)
			}
		}
	}
	return cmp.Diff(want, listed(state))
}

// apply applies a change to the rows of its table, by key, and reports what does not fit.
func apply(rows map[string]string, c change) string {
	if c.op == replicator.Truncate {
		clear(rows)
		return ""
	}
	was := c.old
	if c.op == replicator.Update && was == nil {
		was = c.new
	}
	if was != nil {
		if _, there := rows[was[0]]; !there {
			return "no row " + was[0]
		}
		delete(rows, was[0])
	}
	if c.new != nil {
		if _, there := rows[c.new[0]]; there {
			return "a row " + c.new[0] + " already"
		}
		rows[c.new[0]] = c.new[1]
	}
	return ""
}

// listed returns the rows of tables as held does.
func listed(state map[string]map[string]string) map[string][]string {
	all := map[string][]string{}
	for table, rows := range state {
		list := []string{}
		for id, v := range rows {
			list = append(list, id+"|"+v)
		}
		slices.Sort(list)
		all[table] = list
	}
	return all
}

// seeds returns how many seeds a test plays.
func seeds(t *testing.T, few int) uint64 {
	many := os.Getenv("ROWSHIFT_TEST_SEEDS")
	if many == "" {
		return uint64(few)
	}
	n, err := strconv.ParseUint(many, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestHandOver shows that, whatever transactions are running, a snapshot and those
// transactions of the stream that it does not see make the table, with each change once.
func TestHandOver(t *testing.T) {
	s := newStage(t)
	for seed := range seeds(t, 30) {
		wrong, err := s.play(seed, snapshotted, unseen)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if wrong != "" {
			t.Fatalf("seed %d: %s", seed, wrong)
		}
	}
	t.Logf("%+v", s.counts)
	c := s.counts
	if c.inProgress == 0 || c.early == 0 || c.seen == 0 || c.late == 0 {
		t.Error("the snapshots were all taken in a quiet moment")
	}
	for _, kind := range []string{
		"waited for the standby", "PREPARE TRANSACTION", "COMMIT PREPARED", "ROLLBACK PREPARED", "COMMIT", "ROLLBACK",
		"SET LOCAL", "SAVEPOINT s", "SAVEPOINT deeper", "RELEASE s", "ROLLBACK TO", "TRUNCATE a", "TRUNCATE a,", "ALTER TABLE",
	} {
		count := 0
		for _, w := range s.writers {
			count += w.done[kind]
		}
		if count == 0 {
			t.Errorf("%s never came up", kind)
		}
	}
}

// snapshotted takes a view by the origin's own Snapshot, block by block.
func snapshotted(ctx context.Context, s *stage, tables []*schema.Table) (view, error) {
	snapshot, err := s.Snapshot(ctx, tables)
	if err != nil {
		return view{}, err
	}
	defer snapshot.Close()
	if err := s.pause(ctx); err != nil {
		return view{}, err
	}
	taken := snapshot.Taken()
	var ranges []replicator.Range
	sizes, err := measure(ctx, s.marker, taken.Tables)
	if err != nil {
		return view{}, err
	}
	for _, t := range taken.Tables {
		ranges = append(ranges, cut(t, sizes[t.OID], 1)...)
	}
	rows, err := copiedRanges(ctx, snapshot, ranges)
	return view{seen: taken.Seen, handOver: taken.HandOver, rows: rows}, err
}
