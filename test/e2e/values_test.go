package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"rowshift/test/harness"

	"github.com/jackc/pgx/v5/pgconn"
)

// Promise 6: every value of every type arrives unchanged, or as its rule says, through a
// load, an insert and an update. A row whose key does not fit is kept out. The expected
// values come from the source's own SQL.
func TestValues(t *testing.T) {
	t.Parallel()
	values := fromEnv("ROWSHIFT_TEST_VALUES", 10_000)
	v := openValues(t, values)
	v.fill(t, 0)
	v.each(t, func(c crossingRow) string { return c.snapshot(v) })
	v.keysBegin(t)
	v.world.MustRun(t)
	v.compare(t, "loaded")
	v.keysChange(t)

	v.fill(t, 1)
	v.each(t, func(c crossingRow) string { return c.inserted(v) })
	v.compare(t, "inserted")

	v.renew(t)
	v.each(t, func(c crossingRow) string { return c.updated(v) })
	v.compare(t, "updated")

	v.each(t, func(c crossingRow) string { return c.deleted(v) })
	v.compare(t, "deleted")
	v.accounted(t)
	t.Logf("%d values of %d types, and %d cases; %d comparisons", 4*v.rows*len(v.specs), len(v.specs), len(v.cases), v.seen)
}

// values is a world with three tables that have a column of every type. hostile is filled
// at random, matrix has a row for each value and each way in which it arrives, and
// matrix_key has in its key the types that may be part of one.
type values struct {
	world  *harness.World
	specs  []valueSpec
	keys   []valueSpec
	cases  []crossingRow
	rows   int // of hostile: this many are loaded, this many inserted, and all of them updated
	random *rand.Rand
	marks  int
	seen   int // number of comparisons
}

// openValues makes the world. The seed is fixed, except in longer runs.
func openValues(t *testing.T, n int) *values {
	t.Helper()
	// By chance some tables change while they load, and so get held tables with their types.
	setup := harness.Setup{Chance: true, Config: harness.Config{Batch: "{min_interval: 50ms, max_age: 1s}"}}
	v := &values{random: rand.New(rand.NewPCG(5, uint64(fromEnv("ROWSHIFT_TEST_SEED", 1))))}
	v.specs = valueSpecs(map[string]bool{"hstore": true, "citext": true, "ltree": true})
	setup.SQL = []string{"CREATE EXTENSION hstore", "CREATE EXTENSION citext", "CREATE EXTENSION ltree"}
	setup.SQL = append(append(setup.SQL, valueTypes...), anyCase)
	var columns, keyed, key, types, keyTypes []string
	for _, s := range v.specs {
		columns = append(columns, fmt.Sprintf("%q %s", s.name, s.declared))
		if s.as != "" {
			types = append(types, fmt.Sprintf("%s: %q", s.name, s.as))
		}
		if s.key {
			if s.name == "timetz" { // it is text in a key
				s.fits, s.becomes = "", ""
			}
			v.keys = append(v.keys, s)
			key = append(key, fmt.Sprintf("%q", s.name))
			keyed = append(keyed, fmt.Sprintf("%q %s", s.name, s.declared))
			if s.as != "" {
				keyTypes = append(keyTypes, fmt.Sprintf("%s: %q", s.name, s.as))
			}
		}
	}
	all := strings.Join(columns, ", ")
	options := "types: {" + strings.Join(types, ", ") + "}"
	for _, create := range []string{
		"hostile (id integer PRIMARY KEY, " + all + ")",
		"hostile_next (id integer PRIMARY KEY, " + all + ")",
		"matrix (id text PRIMARY KEY, " + all + ")",
		"matrix_key (id text, " + strings.Join(keyed, ", ") + ", body text, PRIMARY KEY (id, " + strings.Join(key, ", ") + "))",
		"mark (id integer PRIMARY KEY)",
	} {
		table, _, _ := strings.Cut(create, " ")
		setup.SQL = append(setup.SQL, "CREATE TABLE "+create, "ALTER TABLE "+table+" OWNER TO app_owner")
	}
	for _, k := range equalKeys {
		setup.SQL = append(setup.SQL, createKeyed(k.table, k.declared)...)
	}
	setup.Config.Tables = []string{
		"public.hostile: {columns: all, " + options + "}",
		"public.matrix: {columns: all, " + options + "}",
		"public.matrix_key: {columns: all, types: {" + strings.Join(keyTypes, ", ") + "}}",
		"public.mark: {columns: all}",
	}
	for _, k := range equalKeys {
		setup.Config.Tables = append(setup.Config.Tables, "public."+k.table+": {columns: all}")
	}
	v.rows = max(1, n/len(v.specs)/4)
	v.cases = v.matrix()
	v.world = harness.Start(t, setup)
	return v
}

// fill adds rows of random values to hostile and as many to hostile_next. The first call
// is before the load.
func (v *values) fill(t *testing.T, turn int) {
	t.Helper()
	for _, table := range []string{"hostile", "hostile_next"} {
		v.copy(t, table, turn*v.rows, (turn+1)*v.rows)
	}
}

// copy adds rows with these numbers.
func (v *values) copy(t *testing.T, table string, from, to int) {
	t.Helper()
	conn, err := pgconn.Connect(t.Context(), v.world.SourceDSN())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	const chunk = 1000
	for ; from < to; from += chunk {
		var b strings.Builder
		for id := from; id < min(to, from+chunk); id++ {
			fmt.Fprint(&b, id)
			for _, s := range v.specs {
				if v.random.IntN(25) == 0 {
					b.WriteString("\t\\N")
					continue
				}
				b.WriteString("\t" + copyField.Replace(v.value(s)))
			}
			b.WriteString("\n")
		}
		if _, err := conn.CopyFrom(t.Context(), strings.NewReader(b.String()), "COPY "+table+" FROM STDIN"); err != nil {
			t.Fatal(err)
		}
	}
}

// value returns one of the type's chosen values, or a random one.
func (v *values) value(s valueSpec) string {
	known := len(s.in) + len(s.out)
	if n := v.random.IntN(3 * known); n < known && v.random.IntN(4) == 0 || s.random == nil {
		if value := append(slices.Clone(s.in), s.out...)[n%known]; len(value) < 1000 || v.random.IntN(100) == 0 {
			return value
		}
	}
	return s.random(v.random)
}

// renew gives every row of hostile the values of hostile_next.
func (v *values) renew(t *testing.T) {
	t.Helper()
	var sets []string
	for _, s := range v.specs {
		sets = append(sets, fmt.Sprintf("%q = n.%q", s.name, s.name))
	}
	execute(t, v.world, "UPDATE hostile h SET "+strings.Join(sets, ", ")+" FROM hostile_next n WHERE n.id = h.id")
}

// each runs the statements for one way, for all rows of the matrix in one transaction.
func (v *values) each(t *testing.T, statement func(crossingRow) string) {
	t.Helper()
	var all []string
	for _, c := range v.cases {
		if s := statement(c); s != "" {
			all = append(all, s)
		}
	}
	execute(t, v.world, "BEGIN; "+strings.Join(all, "; ")+"; COMMIT")
}

// compare waits until all that was written has arrived, and compares the tables.
func (v *values) compare(t *testing.T, how string) {
	t.Helper()
	v.marks++
	execute(t, v.world, fmt.Sprintf("INSERT INTO mark VALUES (%d)", v.marks))
	err := harness.Await(t.Context(), patience+time.Duration(v.rows)*50*time.Millisecond, "all values to be "+how, func() (bool, error) {
		rows, err := harness.Rows(t.Context(), v.world.WarehouseDSN("dev", "dev"), "SELECT COUNT(*) FROM userdata.mark")
		if err != nil {
			return false, nil //nolint:nilerr // the table does not exist yet
		}
		return rows[0] == fmt.Sprint(v.marks), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	v.equal(t, how, "matrix", v.specs, "")
	v.equal(t, how, "matrix_key", v.keys, "")
	v.kept(t, how)
	const chunk = 2000
	for from := 0; from < 2*v.rows; from += chunk {
		v.equal(t, how, "hostile", v.specs, fmt.Sprintf(" WHERE id >= %d AND id < %d", from, from+chunk))
	}
}

// accounted fails the test unless the ledger has an entry for each write of a value that
// did not fit, and nothing else.
func (v *values) accounted(t *testing.T) {
	t.Helper()
	want := map[string]int{}
	for _, c := range v.cases {
		if c.table == "matrix" && c.misfits() > 0 {
			want[strings.ToLower(c.of.name)] += c.misfits()
		}
	}
	got := texts(t, v.world.WarehouseDSN("dev", "dev"), "SELECT column_name, COUNT(*) FROM rowshift.ledger WHERE source_table = 'matrix' GROUP BY column_name")
	for column, n := range want {
		if got[column] == nil || got[column][0] != fmt.Sprint(n) {
			t.Errorf("the ledger has %v values of %s, want %d", got[column], column, n)
		}
		delete(got, column)
	}
	for column := range got {
		t.Errorf("the ledger has values of %s, all of which fit", column)
	}
}

// kept fails the test unless the quarantine has the rows whose keys do not fit.
func (v *values) kept(t *testing.T, how string) {
	t.Helper()
	want := one(t, v.world, "SELECT COUNT(*) FROM matrix_key WHERE NOT ("+fitting(v.keys)+")")
	got := warehouse(t, v.world, "SELECT COUNT(*) FROM rowshift.quarantine WHERE source_table = 'matrix_key' AND lifted_at IS NULL")
	if got != want {
		t.Errorf("%s: %s rows are in quarantine, want %s", how, got, want)
	}
}

// equal compares rows of a table with what is expected of them, value by value.
func (v *values) equal(t *testing.T, how, table string, specs []valueSpec, where string) {
	t.Helper()
	selected, targets := []string{"id::text"}, []string{"id"}
	for _, s := range specs {
		selected = append(selected, s.expected())
		targets = append(targets, fmt.Sprintf("%q", s.name))
	}
	kept := where
	if table == "matrix_key" {
		kept = " WHERE " + fitting(specs)
	}
	want := texts(t, v.world.SourceDSN(), settings+"SELECT "+strings.Join(selected, ", ")+" FROM "+table+kept)
	got := texts(t, v.world.WarehouseDSN("dev", "dev"), "SET extra_float_digits TO 2; SELECT "+strings.Join(targets, ", ")+" FROM userdata."+table+where)
	bad := 0
	for _, id := range slices.Sorted(maps.Keys(want)) {
		for i, s := range specs {
			v.seen++
			w := want[id][i]
			if s.as == "SUPER" {
				w = compact(w) // as Redshift shows it
			}
			if got[id] == nil || got[id][i] != w {
				if bad++; bad < 20 {
					t.Errorf("%s: %s of %s in row %s is %.90q, want %.90q", how, s.name, table, id, at(got[id], i), w)
				}
			}
		}
		delete(got, id)
	}
	for id := range got {
		t.Errorf("%s: row %s of %s is in the warehouse and should not be", how, id, table)
	}
	if bad >= 20 {
		t.Errorf("%s: %d values of %s differ", how, bad, table)
	}
}

// compact returns JSON without blanks between its parts.
func compact(text string) string {
	var b bytes.Buffer
	if err := json.Compact(&b, []byte(text)); err != nil {
		return text
	}
	return b.String()
}

func at(row []string, i int) string {
	if row == nil {
		return "no row"
	}
	return row[i]
}

// expected returns the SQL of a column's value in the warehouse.
func (s valueSpec) expected() string {
	becomes := s.becomes
	if becomes == "" {
		// A composite of NULLs is not NULL itself, although IS NULL is true for it.
		becomes = "CASE WHEN num_nulls(v) = 0 AND octet_length(format('%s', v)) <= 65535 THEN format('%s', v) END"
	}
	return fmt.Sprintf("(SELECT %s FROM (SELECT %q AS v) AS x)", becomes, s.name)
}

// fitting returns a condition for rows whose key fits.
func fitting(keys []valueSpec) string {
	conditions := []string{"true"}
	for _, s := range keys {
		if s.fits != "" {
			conditions = append(conditions, fmt.Sprintf("(SELECT %s FROM (SELECT %q AS v) AS x)", s.fits, s.name))
		}
	}
	return strings.Join(conditions, " AND ")
}

// texts returns the values of rows by the first one, with ∅ for NULL.
func texts(t *testing.T, dsn, query string) map[string][]string {
	t.Helper()
	conn, err := pgconn.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	results, err := conn.Exec(t.Context(), query).ReadAll()
	if err != nil {
		t.Fatalf("%.300s: %v", query, err)
	}
	rows := map[string][]string{}
	for _, values := range results[len(results)-1].Rows {
		row := make([]string, len(values)-1)
		for i, v := range values[1:] {
			if row[i] = string(v); v == nil {
				row[i] = "∅"
			}
		}
		rows[string(values[0])] = row
	}
	return rows
}
