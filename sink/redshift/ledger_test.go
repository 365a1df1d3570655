package redshift

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rowshift/replicator"
	"rowshift/schema"
	"rowshift/test/redshifttest"
)

// ruled is table words with rules for what does not fit.
func ruled() *schema.Table {
	t := keyed()
	t.Columns[0].Rules = map[string]schema.Rule{schema.TooLong: schema.Quarantine}
	t.Columns[2].Rules = map[string]schema.Rule{schema.TooLong: schema.Truncate, schema.ZeroByte: schema.Null, schema.NotUTF8: schema.Quarantine}
	return t
}

// withRules is withWords with these rules.
func (w *world) withRules() (*Warehouse, *schema.Table) {
	w.t.Helper()
	r, table := w.warehouse(nil), ruled()
	w.fence(r, table)
	w.make(r, table)
	return r, table
}

// Values that do not fit, and are cut, made NULL or refused.
const (
	cut   = "CUT"
	nulls = "NUL\x00"
	bad   = "BAD\xff"
)

var (
	tooLong  = strings.Repeat("x", 65_530) + "€€"
	longKey  = strings.Repeat("k", 70_000)
	fittings = strings.NewReplacer(cut, tooLong)
)

// changed folds changes. CUT in them stands for a value that is cut.
func changed(t testing.TB, table *schema.Table, changes ...string) *replicator.Batch {
	for i := range changes {
		changes[i] = fittings.Replace(changes[i])
	}
	b := batch(t, table, changes...)
	return b
}

// ledger shows the ledger.
func (w *world) ledger() []string {
	return w.ask(`SELECT "key", column_name, kind, rule, original_bytes FROM rowshift_accounts.ledger ORDER BY written_at, "key", kind`)
}

// quarantine shows the quarantine.
func (w *world) quarantine() []string {
	return w.ask(`SELECT "key", reason, column_name, CASE WHEN lifted_at IS NULL THEN 'open' ELSE 'lifted' END FROM rowshift_accounts.quarantine ORDER BY OCTET_LENGTH("key"), "key", written_at, lifted_at`)
}

func TestLedgerAndQuarantineOfAMerge(t *testing.T) {
	w := newWorld(t)
	r, table := w.withRules()
	b := changed(t, table, `insert q"\|1|x`, "insert b|2|"+cut, "insert c|3|"+nulls, "insert d|4|"+bad)
	done := w.apply(r, b)
	w.want(w.ask("SELECT word, OCTET_LENGTH(body) FROM public_copy.words ORDER BY n"), `q"\|1`, "b|65533", "c|~")
	w.want(w.ledger(), `["b"]|body|too_long|truncate|65536`, `["c"]|body|zero_byte|null|4`)
	w.want(w.quarantine(), `["d"]|not_utf8|body|open`)
	if diff := cmp.Diff([]replicator.Entries{
		{Table: table.Name, Kind: "not_utf8", Rule: "quarantine", Count: 1},
		{Table: table.Name, Kind: "too_long", Rule: "truncate", Count: 1},
		{Table: table.Name, Kind: "zero_byte", Rule: "null", Count: 1},
	}, done.Entries); diff != "" || done.Quarantined[table.Name] != 1 {
		t.Error(diff, done.Quarantined)
	}
	w.want(w.ask(`SELECT source_schema, source_table, target, lsn FROM rowshift_accounts.quarantine WHERE "object" LIKE 's3://%/quarantine/%'`), "public|words|words|0/0")

	w.apply(r, changed(t, table, `delete q"\`, "update d|5|"+bad, "update b|6|y")) // another version of the row is refused in its place
	w.want(w.quarantine(), `["d"]|not_utf8|body|lifted`, `["d"]|not_utf8|body|open`)
	w.want(w.ask("SELECT word, n FROM public_copy.words ORDER BY n"), "c|3", "b|6")
	w.apply(r, changed(t, table, "update d|6|fits"))
	w.want(w.quarantine(), `["d"]|not_utf8|body|lifted`, `["d"]|not_utf8|body|lifted`)
	w.want(w.ask(`SELECT DISTINCT lifted_lsn FROM rowshift_accounts.quarantine ORDER BY 1`), "0/78", "0/82")
	done = w.apply(r, changed(t, table, "update d|7|"+bad), changed(t, table, "truncate", "insert e|1|"+bad)) // in one merge
	w.want(w.words())
	w.want(w.quarantine()[2:], `["d"]|not_utf8|body|lifted`, `["e"]|not_utf8|body|open`)
	if done.Quarantined[table.Name] != 1 {
		t.Error(done.Quarantined)
	}
}

// What somebody drops from the quarantine is out of the count soon, though no merge changes it.
func TestQuarantineIsCountedAgain(t *testing.T) {
	w := newWorld(t)
	r, table := w.withRules()
	w.apply(r, changed(t, table, "insert a|1|"+bad, "insert b|1|"+bad))
	other := w.warehouse(nil)
	if n, _, err := other.DropQuarantine(t.Context(), table.Configured, []string{`["a"]`}); err != nil || n != 1 {
		t.Fatal(n, err)
	}
	refresh := func(want int64) {
		t.Helper()
		if done := w.apply(r, &replicator.Batch{Commit: true}); done.Quarantined[table.Configured] != want {
			t.Errorf("%v, want %d", done.Quarantined, want)
		}
	}
	refresh(2) // counting it with each merge would cost a statement each time
	r.known.countedAt = r.known.countedAt.Add(-countEvery)
	refresh(1)
}

// A table that was renamed keeps one quarantine, under the name by which the config knows it.
func TestQuarantineOfARenamedTable(t *testing.T) {
	w := newWorld(t)
	r, table := w.withRules()
	w.apply(r, changed(t, table, "insert a|1|"+bad, "insert b|1|"+bad))
	renamed := ruled()
	renamed.Name = schema.Name{Schema: "other", Table: "renamed"}
	done := w.apply(r, changed(t, renamed, "update a|2|x", "update b|2|"+bad, "insert c|1|"+cut))
	if done.Quarantined[table.Configured] != 1 {
		t.Error(done.Quarantined)
	}
	w.want(w.quarantine(), `["a"]|not_utf8|body|lifted`, `["b"]|not_utf8|body|lifted`, `["b"]|not_utf8|body|open`)
	w.want(w.ask(`SELECT DISTINCT source_schema, source_table FROM rowshift_accounts.quarantine UNION SELECT source_schema, source_table FROM rowshift_accounts.ledger`), "public|words")
}

// If the config has another name for a table, the open rows of its quarantine get that name,
// even if two tables swap their names; what is lifted is history. A request follows too, unless
// its name is now that of another table.
func TestQuarantineFollowsTheNameInTheConfig(t *testing.T) {
	w := newWorld(t)
	r, words := w.withRules()
	others := ruled()
	others.OID, others.Name.Table, others.Configured.Table, others.Target = 16599, "others", "others", "others"
	w.make(r, others)
	merge := func(r *Warehouse, b *replicator.Batch) replicator.Merged {
		t.Helper()
		m := w.merging(w.stage(b)...)
		m.Checkpoint.Tables = first(words, others).Tables
		slices.SortFunc(m.Checkpoint.Tables, func(a, b replicator.TableState) int { return int(a.OID) - int(b.OID) })
		done, err := r.Merge(t.Context(), m)
		if err != nil {
			t.Fatal(err)
		}
		w.position = m.Checkpoint.LSN
		return done
	}
	open := func() []string {
		return w.ask(`SELECT source_table, target, "key" FROM rowshift_accounts.quarantine WHERE lifted_at IS NULL ORDER BY target, "key"`)
	}
	merge(r, changed(t, words, "insert a|1|"+bad, "insert b|1|"+bad, "insert c|1|"+bad, "insert c|2|x"))
	merge(r, changed(t, others, "insert a|1|"+bad))
	if err := r.Request(t.Context(), "w", []schema.Name{words.Configured}); err != nil {
		t.Fatal(err)
	}

	words.Configured, others.Configured = others.Configured, words.Configured // another run, with another config
	r = w.warehouse(nil)
	w.fence(r)
	done := merge(r, changed(t, words, "update a|2|x"))
	w.want(open(), `words|others|["a"]`, `others|words|["b"]`)
	if done.Quarantined[words.Configured] != 1 || done.Quarantined[others.Configured] != 1 {
		t.Error(done.Quarantined)
	}
	w.want(w.asked(), "words|requested|f|f")

	others.Configured.Table = "people" // the daemon knows this one from the merge before
	done = merge(r, changed(t, others, "update a|2|x"))
	w.want(open(), `others|words|["b"]`)
	if done.Quarantined[words.Configured] != 1 || len(done.Quarantined) != 1 || !slices.Equal(done.Resyncs, []schema.Name{others.Configured}) {
		t.Error(done.Quarantined, done.Resyncs)
	}
	w.want(w.asked(), "people|requested|f|f")

	words.OID, others.OID = others.OID, words.OID // another source, and the same config
	merge(r, &replicator.Batch{Commit: true})
	w.want(open(), `others|words|["b"]`)
	merge(r, changed(t, words, "truncate"))
	w.want(open())
}

// A key that does not fit is given by its hash, and the target has nothing of its row.
func TestQuarantineOfAKeyThatDoesNotFit(t *testing.T) {
	w := newWorld(t)
	r, table := w.withRules()
	w.apply(r, batch(t, table, "insert "+longKey+"|1|x", "insert "+longKey[:1025]+"|2|y"))
	w.want(w.ask("SELECT n FROM public_copy.words"), "2")
	if q := w.quarantine(); len(q) != 1 || len(q[0]) != len(`["sha256:"]|too_long|word|open`)+64 {
		t.Errorf("%.100q", q)
	}
	w.apply(r, batch(t, table, "update "+longKey+"|2|x"))
	w.want(w.ask("SELECT COUNT(*), COUNT(lifted_at) FROM rowshift_accounts.quarantine"), "2|1")
	w.apply(r, batch(t, table, "delete "+longKey))
	w.want(w.ask("SELECT COUNT(*), COUNT(lifted_at) FROM rowshift_accounts.quarantine"), "2|2")

	// A long key that fits is given by its hash too, which Redshift makes.
	w.apply(r, batch(t, table, "update "+longKey[:1025]+"|3|"+bad))
	w.want(w.ask(`SELECT COUNT(*) FROM rowshift_accounts.quarantine WHERE "key" LIKE '["sha256:%"]' AND lifted_at IS NULL`), "1")
	w.apply(r, batch(t, table, "update "+longKey[:1025]+"|4|z"))
	w.want(w.ask("SELECT COUNT(*) FROM rowshift_accounts.quarantine WHERE lifted_at IS NULL"), "0")
}

// The entries of a load, and of the changes held beside it, arrive with the join, and only once.
// The join lifts what the table had in quarantine before.
func TestLedgerOfALoadComesWithItsJoin(t *testing.T) {
	w := newWorld(t)
	r, table := w.withRules()
	w.apply(r, batch(t, table, "insert a|1|"+bad, "insert old|1|"+bad))
	l := w.loading(r, table, 1, "a|1|"+bad, "b|2|"+bad, "c|3|"+tooLong, "f|3|"+bad, "g|3|"+bad)
	w.apply(r, held(changed(t, table, "insert seen|1|"+cut, "update c|9|"+bad), l, 7), held(batch(t, table, "insert "+longKey+"|1|x"), l, 6)) // the snapshot saw these
	l.Seen, l.HandOver = replicator.Visibility{XMin: 8, XMax: 8}, 9
	w.apply(r, held(changed(t, table, "update b|4|"+cut, "insert d|5|"+bad, "update f|5|^", "delete g"), l, 8))
	w.want(w.ledger())
	if urls, err := r.KeptObjects(t.Context()); err != nil || len(urls) != 5 {
		t.Errorf("of a merge, and those that wait for the join: %q, %v", urls, err)
	}
	w.applyAll(r, table, l)
	w.apply(r, held(changed(t, table, "update d|6|fits", "insert e|5|"+bad), l, 0))
	w.applyAll(r, table, l)
	w.want(w.ledger())
	w.want(w.quarantine(), `["a"]|not_utf8|body|open`, `["old"]|not_utf8|body|open`)
	join := changed(t, table, "update e|7|^", "insert h|8|"+cut, "insert i|8|"+bad)
	join.Folds[0].Into, join.Joins = l.Into, []replicator.Join{{Table: table, From: l.Into, Held: l.Held}}
	done := w.apply(r, join)
	w.want(w.ask("SELECT word, n FROM public_copy.words ORDER BY word"), "b|4", "c|3", "d|6", "h|8")
	w.want(w.ledger(), `["b"]|body|too_long|truncate|65536`, `["c"]|body|too_long|truncate|65536`, `["h"]|body|too_long|truncate|65536`)
	w.want(w.quarantine(), `["a"]|not_utf8|body|lifted`, `["a"]|not_utf8|body|open`, `["e"]|unfilled|~|open`, `["f"]|unfilled|~|open`, `["i"]|not_utf8|body|open`,
		`["old"]|not_utf8|body|lifted`)
	if done.Quarantined[table.Name] != 4 {
		t.Error(done.Quarantined)
	}
	w.want(w.ask("SELECT COUNT(*) FROM svv_tables WHERE table_name LIKE 'ledger_1%'"), "0")
}

// The rows of a load and their entries are copied in one transaction. When it is tried again,
// each is there once.
func TestLoadThatIsTriedAgainAccountsOnce(t *testing.T) {
	w := newWorld(t)
	r, table := w.withRules()
	l := w.loading(r, table, 1)
	staged := w.staging(table, tuples("a|1|"+tooLong))[0]
	fault := w.server.Inject(redshifttest.Fault{Class: "INSERT", Match: "ledger_1", Code: "40001", Message: "conflict"})
	if err := w.bring(r, l, table, staged); !replicator.Retryable(err) || fault.Hits() != 1 {
		t.Fatal(err)
	}
	fault.Remove()
	if err := r.Load(t.Context(), l, table, staged); err != nil {
		t.Fatal(err)
	}
	w.want(w.ask("SELECT COUNT(*) FROM rowshift_accounts."+l.Into), "1")
	w.apply(r, &replicator.Batch{Commit: true, Joins: []replicator.Join{{Table: table, From: l.Into, Held: l.Held}}})
	w.want(w.ledger(), `["a"]|body|too_long|truncate|65536`)
}

// A merge that fails leaves no entries, and one that is repeated leaves them once.
func TestLedgerIsOfTheMerge(t *testing.T) {
	w := newWorld(t)
	r, table := w.withRules()
	m := w.merging(w.stage(changed(t, table, "insert a|1|"+cut, "insert b|2|"+bad))...)
	fault := w.server.Inject(redshifttest.Fault{Class: "UPDATE", Match: "checkpoint", Code: "40001", Message: "conflict"})
	if _, err := r.Merge(t.Context(), m); !replicator.Retryable(err) {
		t.Fatal(err)
	}
	fault.Remove()
	w.want(w.ledger())
	w.want(w.quarantine())
	if _, err := r.Merge(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	w.want(w.ledger(), `["a"]|body|too_long|truncate|65536`)
	w.want(w.quarantine(), `["b"]|not_utf8|body|open`)
}

// Rows that COPY refuses although they should fit are reported by what identifies them, among
// them values with line ends, and rows in held folds.
func TestRowsThatCopyRefuses(t *testing.T) {
	w := newWorld(t)
	r, table := w.withWords()
	w.fence(r)
	wrong := *table
	wrong.Columns = append([]schema.Column{}, table.Columns...)
	wrong.Columns[1].Mapping.Append = nil // as if a check were missing
	want := replicator.Rows{digested("b ", "secret", "y"): true, digested("c\n\"", "1e3", "y"): true}
	changes := []string{"insert a|1|two\nlines", "insert b |secret|y", "insert b|2|y", "insert c\n\"|1e3|y", "delete d"}
	l := w.loading(r, table, 1)
	for name, b := range map[string]*replicator.Batch{"live": batch(t, &wrong, changes...), "held": held(batch(t, &wrong, changes...), l, 0)} {
		_, err := r.Merge(t.Context(), w.merging(w.stage(b)...))
		wantRefused(t, name, err, want, false)
	}
	w.want(w.words())
	w.unmoved()
	var loaded []string
	for _, c := range changes[:4] {
		loaded = append(loaded, strings.TrimPrefix(c, "insert "))
	}
	staged := w.staging(&wrong, tuples(loaded...))[0]
	wantRefused(t, "load", w.bring(r, l, table, staged), want, true)
}

// Such rows are also found by keys of bytes and of booleans, in merges and in held folds.
func TestRowsThatCopyRefusesByOtherKeys(t *testing.T) {
	w := newWorld(t)
	table := keyed()
	table.Columns[0] = column(1, "open", schema.Type{OID: 16, Base: 16, Typmod: -1, Name: "bool", Category: 'B'}, false)
	table.Columns = append(table.Columns, column(4, "hash", bytea, true))
	table.Key = []int{0, 3}
	r := w.warehouse(nil)
	w.fence(r, table)
	w.make(r, table)
	wrong := *table
	wrong.Columns = append([]schema.Column{}, table.Columns...)
	wrong.Columns[1].Mapping.Append = nil // as if a check were missing
	changes := []string{`insert t|1|x|\x0a`, `insert t|secret|x|\x0b`, `insert f|secret|x|\x0a`, `insert f|2|x|\x0b`}
	want := replicator.Rows{digested("t", "secret", "x", "0b"): true, digested("f", "secret", "x", "0a"): true}
	l := w.loading(r, table, 1)
	for name, b := range map[string]*replicator.Batch{"live": batch(t, &wrong, changes...), "held": held(batch(t, &wrong, changes...), l, 0)} {
		_, err := r.Merge(t.Context(), w.merging(w.stage(b)...))
		wantRefused(t, name, err, want, false)
	}
	w.unmoved()
}

// digested returns what a row is known by in replicator.Rows.
func digested(texts ...string) string {
	var dst []byte
	for _, text := range texts {
		dst = replicator.AppendDigest(dst, []byte(text), false)
	}
	return string(dst)
}

func wantRefused(t *testing.T, name string, err error, rows replicator.Rows, load bool) {
	t.Helper()
	refused, ok := errors.AsType[*replicator.Refused](err)
	if !ok {
		t.Fatalf("%s: %v", name, err)
	}
	if diff := cmp.Diff(rows, refused.Rows); diff != "" || refused.Load != load || refused.Halt.Reason != replicator.LoadRefused || strings.Contains(err.Error(), "secret") {
		t.Errorf("%s: %s%v", name, diff, err)
	}
}

// If COPY refuses more than a few rows, the fault is not in single rows, and the load is
// refused.
func TestManyRowsThatCopyRefusesHalt(t *testing.T) {
	w := newWorld(t)
	r, table := w.withWords()
	wrong := *table
	wrong.Columns = append([]schema.Column{}, table.Columns...)
	wrong.Columns[1].Mapping.Append = nil
	var changes []string
	for i := range mostErrors + 2 {
		changes = append(changes, "insert "+strings.Repeat("k", i+1)+"|secret|y")
	}
	_, err := r.Merge(t.Context(), w.merging(w.stage(batch(t, &wrong, changes...))...))
	wantHalt(t, err, replicator.LoadRefused)
}

// Keys of all kinds are written as text.
func TestKeysOfManyTypes(t *testing.T) {
	w := newWorld(t)
	table := composite()
	table.Columns[1] = column(2, "amount", schema.Type{OID: 16, Base: 16, Typmod: -1, Name: "bool", Category: 'B'}, false)
	table.Columns = append(table.Columns, column(5, "at", schema.Type{OID: 1184, Base: 1184, Typmod: -1, Name: "timestamptz", Category: 'D'}, false), column(6, "sum", decimal, false))
	table.Columns[3].Rules = map[string]schema.Rule{schema.Empty: schema.Null, schema.Malformed: schema.Quarantine}
	table.Key = []int{1, 2, 4, 5, 0}
	r := w.warehouse(nil)
	w.fence(r, table)
	w.make(r, table)
	w.apply(r, batch(t, table, `insert l|t|o|\x|2026-01-02 03:04:05.6+00|1.50`, `insert m|f|o|no bytes|2026-01-02 03:04:05+00|-2.00`))
	w.want(w.ask(`SELECT "key" FROM rowshift_accounts.ledger`), `["t", "o", "2026-01-02 03:04:05.6+00", "1.50", "l"]`)
	w.want(w.ask(`SELECT "key" FROM rowshift_accounts.quarantine`), `["f", "o", "2026-01-02 03:04:05+00", "-2.00", "m"]`)
	w.apply(r, batch(t, table, `update m|f|o|\x01|2026-01-02 03:04:05+00|-2.00`))
	w.want(w.ask("SELECT COUNT(*) FROM rowshift_accounts.quarantine WHERE lifted_at IS NULL"), "0")
}

func TestQuarantineIsListedAndDropped(t *testing.T) {
	w := newWorld(t)
	r, table := w.withRules()
	w.apply(r, batch(t, table, "insert a|1|"+bad, "insert b|2|"+bad))
	w.apply(r, batch(t, table, "insert c|3|"+bad))
	refused, err := r.Quarantine(t.Context(), nil, 10)
	if err != nil || len(refused) != 3 || refused[0].Key != `["a"]` || refused[0].Reason != "not_utf8" || refused[0].Column != "body" || refused[0].OriginalBytes != 4 || refused[2].Object == refused[0].Object {
		t.Errorf("%+v, %v", refused, err)
	}
	other := schema.Name{Schema: table.Name.Schema, Table: "other"}
	for want, c := range map[int]struct {
		of    []schema.Name
		limit int
	}{0: {[]schema.Name{other}, 10}, 2: {[]schema.Name{table.Name}, 2}, 3: {[]schema.Name{other, table.Name}, 3}} {
		if of, err := r.Quarantine(t.Context(), c.of, c.limit); err != nil || len(of) != want || want > 0 && of[want-1] != refused[want-1] {
			t.Errorf("of %v: %+v, %v", c.of, of, err)
		}
	}
	if n, over, err := r.DropQuarantine(t.Context(), table.Name, []string{`["a"]`}); err != nil || n != 1 || len(over) != 0 {
		t.Errorf("dropped %d, %q, %v", n, over, err)
	}
	if n, over, err := r.DropQuarantine(t.Context(), table.Name, []string{`["b"]`}); err != nil || n != 1 || len(over) != 1 || over[0] != refused[0].Object {
		t.Errorf("dropped %d, %q, %v", n, over, err)
	}
	if n, over, err := r.DropQuarantine(t.Context(), table.Name, nil); err != nil || n != 1 || len(over) != 1 {
		t.Errorf("dropped %d, %q, %v", n, over, err)
	}
	if urls, err := r.KeptObjects(t.Context()); err != nil || len(urls) != 0 {
		t.Errorf("%q, %v", urls, err)
	}
	if open, err := r.Quarantined(t.Context()); err != nil || len(open) != 0 {
		t.Errorf("%v, %v", open, err)
	}
}
