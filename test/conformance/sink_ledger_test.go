package conformance

import (
	"fmt"
	"strings"
	"time"

	"rowshift/replicator"
	"rowshift/schema"
)

// cut is what is left of a value that is cut.
var cut = strings.Repeat("x", 39)

// accounted returns a table whose values follow rules, with a key of this type.
func accounted(oid uint32, target, key string) *schema.Table {
	return ruled(declared(oid, target, "word "+key+", n int8, body text* VARCHAR(40)"))
}

// ledger returns a step that fails unless the ledger has these values of a table.
func (p *pipeline) ledger(t *schema.Table, want ...string) func() error {
	return p.has(`SELECT "key", column_name, kind, rule, original_bytes FROM $meta.ledger WHERE target = '`+t.Target+"'", want...)
}

// quarantine returns a step that fails unless the quarantine has these rows of a table,
// open or lifted.
func (p *pipeline) quarantine(t *schema.Table, want ...string) func() error {
	return p.has(`SELECT "key", reason, column_name, CASE WHEN lifted_at IS NULL THEN 'open' ELSE 'lifted' END FROM $meta.quarantine WHERE target = '`+t.Target+"'", want...)
}

// sinkAccounts merges rows that do not fit, with a text key and with another key, with
// and without the bucket's region.
func sinkAccounts(s *server) string {
	p, err := s.pipeline("accounts")
	if err != nil {
		return err.Error()
	}
	p.time = time.Date(2026, 5, 17, 10, 0, 0, 123456000, time.UTC)
	ofText, ofNumber := accounted(16520, "accounted_text", "text* VARCHAR(40)"), accounted(16521, "accounted_number", "int8")
	p.table = ofText
	if differ := inOrder(p.fence, p.has("SELECT committed_at FROM $meta.checkpoint", "2026-05-17 10:00:00.123456"), func() error { return p.accounts(ofText) }, func() error { return p.longKeys(ofText) }); differ != "" {
		return "a key of text: " + differ
	}
	p.warehouse = p.another(p.regional)
	if differ := inOrder(func() error { return p.accounts(ofNumber) }); differ != "" {
		return "a key of numbers: " + differ
	}
	return inOrder(func() error { return p.listed(ofText, ofNumber) })
}

// accounts merges rows of a table that are adjusted or refused, and changes that lift
// them.
func (p *pipeline) accounts(t *schema.Table) error {
	p.table = t
	change := func(changes ...string) func() error { return func() error { return p.change(changes...) } }
	differ := inOrder(
		func() error { return p.make(t, p.loading(t, 0)) },
		change("insert 1|1|x", "insert 2|2|CUT", "insert 3|3|ZERO", "insert 4|4|BAD"),
		p.holds("1|1|x", "2|2|"+cut, "3|3|NULL"),
		p.ledger(t, `["2"]|body|too_long|truncate|42`, `["3"]|body|zero_byte|null|4`),
		p.quarantine(t, `["4"]|not_utf8|body|open`),

		// A later version of the row is refused instead, and the one after that fits.
		change("delete 1", "update 4|5|BAD", "update 2|6|y"),
		p.quarantine(t, `["4"]|not_utf8|body|lifted`, `["4"]|not_utf8|body|open`),
		change("update 4|6|fits"),
		p.quarantine(t, `["4"]|not_utf8|body|lifted`, `["4"]|not_utf8|body|lifted`),
		p.holds("2|6|y", "3|3|NULL", "4|6|fits"),

		// A row finds its unchanged value in the target. Another one does not, since
		// somebody deleted that row.
		change("update 2 -> 7|7|^"),
		p.do("DELETE FROM "+t.Target+" WHERE n = 3"),
		change("update 3|8|^", "update 4|9|^"),
		p.holds("7|7|y", "4|9|fits"),
		p.quarantine(t, `["3"]|unfilled|NULL|open`, `["4"]|not_utf8|body|lifted`, `["4"]|not_utf8|body|lifted`),

		// A truncation lifts all, in one merge with the changes around it.
		func() error { return p.merge(p.batch(t, "update 5|7|BAD"), p.batch(t, "truncate", "insert 6|1|BAD")) },
		p.holds(),
		p.quarantine(t, `["3"]|unfilled|NULL|lifted`, `["4"]|not_utf8|body|lifted`, `["4"]|not_utf8|body|lifted`, `["5"]|not_utf8|body|lifted`, `["6"]|not_utf8|body|open`),
	)
	return differs(differ == "", "%s", differ)
}

// longKeys merges rows whose key does not fit, and then one that lacks its unchanged
// value, in a commit whose time is not known.
func (p *pipeline) longKeys(t *schema.Table) error {
	change := func(changes ...string) func() error { return func() error { return p.change(changes...) } }
	of := func(want ...string) func() error {
		return p.has(`SELECT reason, CASE WHEN lifted_at IS NULL THEN 'open' ELSE 'lifted' END FROM $meta.quarantine WHERE target = '`+t.Target+`' AND "key" = '["`+longKey+`"]'`, want...)
	}
	at := p.time
	defer func() { p.time = at }()
	differ := inOrder(
		change("insert LONG|1|x", "insert 8|1|z"),
		of("too_long|open"),
		change("update LONG|2|x"),
		of("too_long|lifted", "too_long|open"),
		change("delete LONG"),
		of("too_long|lifted", "too_long|lifted"),
		p.do("DELETE FROM "+t.Target+" WHERE word = '8'"),
		func() error { p.time = time.Time{}; return p.change("update 8|2|^") },
		p.has(`SELECT "key", reason, committed_at FROM $meta.quarantine WHERE target = '`+t.Target+"' AND committed_at IS NULL", `["8"]|unfilled|NULL`),
	)
	return differs(differ == "", "%s", differ)
}

// listed lists and drops rows in quarantine, as `rowshift quarantine` does.
func (p *pipeline) listed(ofText, ofNumber *schema.Table) error {
	open, err := p.warehouse.Quarantined(p.ctx)
	if err != nil || len(open) != 2 || open[ofText.Configured] != 2 || open[ofNumber.Configured] != 1 {
		return fmt.Errorf("in quarantine are %v, %w", open, err)
	}
	all, err := p.warehouse.Quarantine(p.ctx, nil, 10)
	if err != nil || len(all) != 3 || all[0].Table != ofNumber.Configured || all[0].Key != `["6"]` || all[0].Reason != "not_utf8" || all[0].Column != "body" || all[0].OriginalBytes != 4 ||
		!all[0].CommittedAt.Equal(p.time) || all[0].Object == "" || all[0].LSN == 0 {
		return fmt.Errorf("listed are %+v, %w", all, err)
	}
	some, err := p.warehouse.Quarantine(p.ctx, []schema.Name{ofNumber.Configured, ofText.Configured}, 2)
	if err != nil || len(some) != 2 || some[0] != all[0] || some[1].Table != ofText.Configured {
		return fmt.Errorf("listed are %+v, %w", some, err)
	}
	kept, err := p.warehouse.KeptObjects(p.ctx)
	if err != nil || len(kept) < 3 {
		return fmt.Errorf("kept are %q, %w", kept, err)
	}
	n, over, err := p.warehouse.DropQuarantine(p.ctx, ofNumber.Configured, []string{`["6"]`, `["none"]`})
	if err != nil || n != 1 || len(over) != 1 || over[0] != all[0].Object {
		return fmt.Errorf("dropped %d, over are %q, %w", n, over, err)
	}
	for _, t := range []*schema.Table{ofText, ofNumber} {
		if n, _, err = p.warehouse.DropQuarantine(p.ctx, t.Configured, nil); err != nil || n < 3 {
			return fmt.Errorf("dropped %d, %w", n, err)
		}
	}
	kept, err = p.warehouse.KeptObjects(p.ctx)
	return differs(err == nil && len(kept) == 0, "kept are %q, %v", kept, err)
}

// sinkKeys accounts for rows whose keys have columns of many types, and finds the rows by
// them.
func sinkKeys(s *server) string {
	p, err := s.pipeline("keys")
	if err != nil {
		return err.Error()
	}
	some := declared(16522, "keys_some", "shut bool, word text VARCHAR(40), at timestamptz, sum numeric, line text VARCHAR(40), body text* VARCHAR(40)")
	some.Key, some.DistKey, some.SortKey = []int{0, 1, 2, 3, 4}, 1, []int{2, 1}
	p.table = ruled(some)
	one, other := "t|a|2026-01-02 03:04:05.6+00|1.50|l", "f|a |2026-01-02 03:04:05+00|-2.00|m"
	change := func(changes ...string) func() error { return func() error { return p.change(changes...) } }
	return inOrder(
		p.fence,
		func() error { return p.make(some, p.loading(some, 0)) },
		change("insert "+one+"|CUT", "insert "+other+"|BAD"),
		p.ledger(some, `["t", "a", "2026-01-02 03:04:05.6+00", "1.50", "l"]|body|too_long|truncate|42`),
		p.quarantine(some, `["f", "a ", "2026-01-02 03:04:05+00", "-2.00", "m"]|not_utf8|body|open`),
		change("update "+other+"|fits", "update "+one+"|^"),
		p.quarantine(some, `["f", "a ", "2026-01-02 03:04:05+00", "-2.00", "m"]|not_utf8|body|lifted`),
		p.has("SELECT line, body FROM keys_some", "l|"+cut, "m|fits"),
		func() error { return p.allKinds() },
		func() error { return p.bytesKey() },
	)
}

// allKinds tries a table whose key has a column of each type that a key can have, and
// which also has the types that it cannot.
func (p *pipeline) allKinds() error {
	var columns []string
	for i, kind := range strings.Fields("text bool int2 int4 int8 float4 float8 numeric int8 text numeric int4 text text text text bytea text text date time timestamp timestamptz text text text text text text text text") {
		as := ""
		if kind == "text" {
			as = " VARCHAR(40)"
		}
		columns = append(columns, fmt.Sprintf("k%d %s%s", i, kind, as))
	}
	t := declared(16523, "keys_all", strings.Join(columns, ", ")+", doc jsonb SUPER, offset_at timetz, body text* VARCHAR(40)")
	t.Key, t.SortKey = nil, []int{3}
	for i := range columns {
		t.Key = append(t.Key, i)
	}
	p.table = ruled(t)
	key := func(first string) string {
		return first + `|t|-7|70000|-9223372036854775808|0.5|-1e-05|1.25|9|a|-2.50|4|b|c "d"|e\|f|\x00ff|g|h|2026-02-28|23:59:59.5|2026-01-02 03:04:05.6|2026-01-02 03:04:05.6+00|i|j|k|l|m|n|o|p`
	}
	const rest = `|{"a": [1]}|10:00:00+00|`
	l := p.loading(t, 1)
	differ := inOrder(
		func() error { return p.bring(t, l, key("1")+rest+"x", key("2")+rest+"BAD") },
		func() error { return p.merge(&replicator.Batch{Joins: []replicator.Join{joining(t, l)}}) },
		p.has("SELECT k0, body, JSON_SERIALIZE(t.doc.a) FROM keys_all AS t", "1|x|[1]"),
		func() error { return p.change("insert "+key("3")+rest+"BAD", "update "+key("1")+rest+"^") },
		p.has(`SELECT SUBSTRING("key", 1, 6), lifted_at FROM $meta.quarantine WHERE target = 'keys_all'`, `["2", |NULL`, `["3", |NULL`),
		func() error {
			return p.change("update "+key("2")+rest+"fits", "delete "+key("3"), "update "+key("1")+rest+"^")
		},
		p.has(`SELECT COUNT(*) FROM $meta.quarantine WHERE target = 'keys_all' AND lifted_at IS NULL`, "0"),
		p.has("SELECT k0, k2, body FROM keys_all", "1|-7|x", "2|-7|fits"),
	)
	return differs(differ == "", "%s", differ)
}

// bytesKey tries a table whose rows are distributed evenly, since no column of its key
// can be a DISTKEY.
func (p *pipeline) bytesKey() error {
	t := declared(16524, "keys_bytes", "digest bytea, n int8, note text*, body text*")
	t.DistKey, t.SortKey = -1, nil
	p.table = t
	l := p.loading(t, 1)
	differ := inOrder(
		func() error { return p.bring(t, l, `\x00|1|x|y`, `\x0020|2|x|y`) },
		func() error { return p.merge(&replicator.Batch{Joins: []replicator.Join{joining(t, l)}}) },
		func() error { return p.change(`update \x00|3|^|z`, `insert \x61|4|x|y`, `delete \x0020`) },
		p.has("SELECT TO_HEX(digest), n, note, body FROM keys_bytes", "00|3|x|z", "61|4|x|y"),
	)
	return differs(differ == "", "%s", differ)
}
