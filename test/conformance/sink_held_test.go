package conformance

import (
	"fmt"

	"rowshift/replicator"
	"rowshift/schema"
)

// sinkHolds holds changes of tables that are loading, applies them, and has the tables
// join: one with a text key, one with another key, and one whose changes can leave no
// value out.
func sinkHolds(s *server) string {
	p, err := s.pipeline("holds")
	if err != nil {
		return err.Error()
	}
	ofText, ofNumber := accounted(16530, "held_text", "text* VARCHAR(40)"), accounted(16531, "held_number", "int8")
	p.table = ofText
	pairs := declared(16532, "held_pairs", "a int4, b int4")
	return inOrder(
		p.fence,
		func() error { return p.heldText(ofText) },
		func() error { return p.heldTruncation(ofText) },
		func() error { p.warehouse = p.another(p.regional); return p.heldNumber(ofNumber) },
		func() error { return p.heldPairs(pairs) },
	)
}

// hold returns a step that merges changes which are held, as changes of one transaction
// if xid is not 0.
func (p *pipeline) hold(t *schema.Table, l replicator.LoadState, xid uint32, changes ...string) func() error {
	return func() error { return p.merge(held(p.batch(t, changes...), l, xid)) }
}

// join returns a step in which a table joins, after changes were applied to its load
// table.
func (p *pipeline) join(t *schema.Table, l replicator.LoadState, changes ...string) func() error {
	return func() error {
		b := &replicator.Batch{}
		if len(changes) > 0 {
			b = p.batch(t, changes...)
			b.Folds[0].Into = l.Into
		}
		b.Joins = []replicator.Join{joining(t, l)}
		return p.merge(b)
	}
}

// begins returns a step that makes a table with rows in quarantine and loads it again,
// with some rows that do not fit.
func (p *pipeline) begins(t *schema.Table, l replicator.LoadState) func() error {
	return func() error {
		p.table = t
		differ := inOrder(
			func() error { return p.make(t, p.loading(t, 0)) },
			func() error { return p.change("insert 1|1|BAD", "insert 9|1|BAD") },
			func() error { return p.bring(t, l, "1|1|BAD", "2|2|BAD", "3|3|CUT", "6|3|BAD", "7|3|BAD") },
			p.hold(t, l, 7, "insert 8|1|CUT", "update 3|9|BAD"), // the snapshot has these
		)
		return differs(differ == "", "%s", differ)
	}
}

// waits returns a step that checks how many rows wait in a held table.
func (p *pipeline) waits(t *schema.Table, l replicator.LoadState, want int64) func() error {
	return func() error {
		rows, err := p.warehouse.HeldRows(p.ctx, []replicator.TableState{{OID: t.OID, Load: &l}})
		return differs(err == nil && rows[t.OID] == want, "%d rows wait, not %d: %v", rows[t.OID], want, err)
	}
}

// keeps returns a step that checks how many objects of refused rows are kept, of merges
// and of loads.
func (p *pipeline) keeps(want int) func() error {
	return func() error {
		urls, err := p.warehouse.KeptObjects(p.ctx)
		return differs(err == nil && len(urls) == want, "%d objects are kept, not %d: %q, %v", len(urls), want, urls, err)
	}
}

func (p *pipeline) heldText(t *schema.Table) error {
	l := p.loading(t, 1)
	seen := l
	seen.Seen, seen.HandOver = replicator.Visibility{XMin: 8, XMax: 8}, 9
	differ := inOrder(
		p.begins(t, l),
		p.hold(t, l, 6, "insert LONG|1|x"), // the snapshot has this too
		p.hold(t, l, 8, "update 2|4|CUT", "insert 4|5|BAD", "update 6|5|^", "delete 7"),
		p.waits(t, l, 6), // a row whose key does not fit is in the ledger only
		p.keeps(5),       // those of a merge, and those that wait for the join
		p.ledger(t),
		func() error { return p.applyAll(t, seen) },
		p.waits(t, l, 0),
		p.hold(t, l, 0, "update 4|6|fits", "insert 5|5|BAD", "update 3|4|^"),
		func() error { return p.applyAll(t, seen) },
		p.ledger(t),
		p.quarantine(t, `["1"]|not_utf8|body|open`, `["9"]|not_utf8|body|open`),
		p.join(t, l, "update 5|7|^", "insert 8|8|CUT", "insert 0|8|BAD"),
		p.holds("2|4|"+cut, "3|4|"+cut, "4|6|fits", "8|8|"+cut),
		p.ledger(t, `["2"]|body|too_long|truncate|42`, `["3"]|body|too_long|truncate|42`, `["8"]|body|too_long|truncate|42`),
		p.quarantine(t, `["0"]|not_utf8|body|open`, `["1"]|not_utf8|body|lifted`, `["1"]|not_utf8|body|open`, `["5"]|unfilled|NULL|open`, `["6"]|unfilled|NULL|open`,
			`["9"]|not_utf8|body|lifted`),
	)
	return differs(differ == "", "a key of text: %s", differ)
}

// heldTruncation empties a load table that has had a row refused.
func (p *pipeline) heldTruncation(t *schema.Table) error {
	l := p.loading(t, 2)
	differ := inOrder(
		func() error { return p.bring(t, l, "1|1|BAD", "2|2|x") },
		p.hold(t, l, 0, "truncate", "insert 3|1|y"),
		func() error { return p.applyAll(t, l) },
		p.join(t, l),
		p.holds("3|1|y"),
		p.has("SELECT COUNT(*) FROM $meta.quarantine WHERE lifted_at IS NULL", "0"),
	)
	return differs(differ == "", "a truncation: %s", differ)
}

func (p *pipeline) heldNumber(t *schema.Table) error {
	l := p.loading(t, 1)
	seen := l
	seen.Seen, seen.HandOver = replicator.Visibility{XMin: 5, XMax: 8, InProgress: []uint64{5}}, 9
	differ := inOrder(
		p.begins(t, l),
		p.hold(t, l, 5, "insert 10|1|late"), // the snapshot does not have this
		p.hold(t, l, 8, "update 2|4|CUT", "insert 4|5|BAD", "delete 7"),
		func() error { return p.applyAll(t, seen) },
		p.hold(t, l, 0, "update 4|6|fits", "insert 5|5|BAD", "update 3|4|^"),
		func() error { return p.applyAll(t, seen) },
		p.join(t, l, "update 2 -> 12|7|^"),
		p.holds("3|4|"+cut, "4|6|fits", "10|1|late", "12|7|"+cut),
		p.ledger(t, `["2"]|body|too_long|truncate|42`, `["3"]|body|too_long|truncate|42`),
		p.quarantine(t, `["1"]|not_utf8|body|lifted`, `["1"]|not_utf8|body|open`, `["5"]|not_utf8|body|open`, `["6"]|not_utf8|body|open`,
			`["9"]|not_utf8|body|lifted`),
	)
	return differs(differ == "", "a key of numbers: %s", differ)
}

func (p *pipeline) heldPairs(t *schema.Table) error {
	l := p.loading(t, 1)
	differ := inOrder(
		func() error { return p.bring(t, l, "1|1", "2|2") },
		p.hold(t, l, 0, "update 1|5", "delete 2", "insert 3|3"),
		func() error { return p.applyAll(t, l) },
		p.has("SELECT a, b FROM $meta."+l.Into, "1|5", "3|3"),
		p.hold(t, l, 0, "truncate", "insert 4|4"),
		func() error { return p.applyAll(t, l) },
		p.join(t, l, "update 4|9", "insert 5|5"),
		p.has("SELECT a, b FROM "+t.Target, "4|9", "5|5"),
		p.has(fmt.Sprintf("SELECT c.relname FROM pg_class AS c JOIN pg_namespace AS n ON n.\"oid\" = c.relnamespace WHERE n.nspname = '$meta' AND c.relname LIKE '%%%d'", t.OID)),
	)
	return differs(differ == "", "pairs: %s", differ)
}
