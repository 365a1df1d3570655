package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/klauspost/compress/zstd"

	"rowshift/test/harness"
	"rowshift/test/redshifttest"
)

// hashedTables hash keys and other columns of several types with one key, so that they
// can still be joined with each other.
var hashedTables = []string{
	"public.company: {columns: [id, plan, created_at]}",
	"public.person: {exclude: [full_name], hash: [id, email, bio], rename: {email: email_hash}}",
	"public.plan: {columns: all, hash: [code, price], rename: {code: Plan_Code}}",
	"public.company_person: {columns: [person_uuid, company_uuid, role_in_company], hash: [person_uuid], rename: {role_in_company: role}, target: companyperson, distkey: company_uuid}",
}

// hashedPairs compare the targets with what the source's own function makes of the
// values.
var hashedPairs = []harness.Pair{
	harness.AccountPairs[0],
	{Name: "person", Source: "SELECT hashed(id::text), hashed(email), is_active, hashed(bio), last_seen_at FROM public.person",
		Target: "SELECT id, email_hash, is_active, bio, last_seen_at FROM userdata.person"},
	{Name: "plan", Source: "SELECT hashed(code), hashed(price::text), features FROM public.plan",
		Target: "SELECT plan_code, price, features FROM userdata.plan"},
	{Name: "companyperson", Source: "SELECT hashed(person_uuid::text), company_uuid, role_in_company FROM public.company_person",
		Target: "SELECT person_uuid, company_uuid, role FROM userdata.companyperson"},
}

// hashedBy returns the definition of a function of the source. It computes HMAC-SHA-256
// by its definition, from SHA-256 alone, with a key of at most one block.
// https://www.rfc-editor.org/rfc/rfc2104#section-2
func hashedBy(key string) string {
	padded := make([]byte, 64)
	copy(padded, key)
	with := func(pad byte) string {
		var b strings.Builder
		for _, c := range padded {
			fmt.Fprintf(&b, "%02x", c^pad)
		}
		return b.String()
	}
	return fmt.Sprintf(`CREATE OR REPLACE FUNCTION hashed(value text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
		SELECT encode(sha256('\x%s'::bytea || sha256('\x%s'::bytea || convert_to(value, 'UTF8'))), 'hex') $$`, with(0x5c), with(0x36))
}

// Texts that must not be found anywhere: a value before it is hashed, and the keys.
const (
	unhashed  = "canary-8a41-unhashed"
	firstKey  = "canary-d07e-the-first-hash-key-that-is-long-enough"
	secondKey = "canary-e5b2-the-second-hash-key-that-is-long-enough"
)

// Promises 1, 3 and 7: columns that are hashed and renamed on the way, including keys,
// are kept equal to what the source's own SQL makes of the values, through the load and
// each kind of change. The original values are in no object, table, log or statement.
// With another key, the tables are loaded again.
func TestHashedColumns(t *testing.T) {
	t.Parallel()
	s := harness.Setup{
		Accounts: small,
		SQL: []string{
			hashedBy(firstKey),
			"UPDATE person SET email = '" + unhashed + "' || id, bio = repeat('" + unhashed + "', 400) WHERE id < uid('p', 500)",
			"UPDATE company SET plan = '" + replicated + "' WHERE id = uid('c', 3)",
		},
		Config: harness.Config{Tables: hashedTables, HashKey: firstKey, Batch: "{rows: 1000, min_interval: 50ms, max_age: 1s}"},
	}
	s.Source.Settings = map[string]string{"max_prepared_transactions": "10"}
	w := harness.Start(t, s)
	marked := w.Warehouse.Inject(redshifttest.Fault{Match: "canary-"}) // it only counts
	stalled := w.Warehouse.Inject(redshifttest.Fault{Class: "COPY", Match: `"load_`, Application: "rowshift", Nth: 1, Stall: -1})
	d := w.MustRun(t)
	reached(t, stalled)
	execute(t, w,
		"UPDATE person SET email = '"+unhashed+"' || email, bio = bio || '"+unhashed+"' WHERE id > uid('p', 500)",
		"UPDATE person SET id = uid('moved', 1) WHERE id = uid('p', 50)")
	harness.Until(t, "changes to be held", func() (bool, error) {
		rows, err := harness.Rows(t.Context(), w.WarehouseDSN("dev", "dev"), "SELECT table_name FROM svv_tables WHERE table_schema = 'rowshift' AND table_name LIKE 'held%'")
		return len(rows) == len(hashedTables), err
	})
	searched := staged(t, w) + kept(t, w)
	stalled.Remove()
	w.MustBecomeEqual(t, hashedPairs...)
	for n, step := range changes {
		execute(t, w, step.statements...)
		if n%5 == 4 || n == len(changes)-1 {
			execute(t, w, fmt.Sprintf("UPDATE company SET created_at = created_at + interval '%d seconds' WHERE id = uid('c', 200)", n+1))
			w.MustBecomeEqual(t, hashedPairs...)
		}
	}
	joins(t, w)
	hide(t, w, searched+kept(t, w), d.Log(), firstKey)

	d.Terminate(t)
	execute(t, w, hashedBy(secondKey))
	if err := w.SetConfig(func(c *harness.Config) { c.HashKey = secondKey }); err != nil {
		t.Fatal(err)
	}
	d = w.MustRun(t)
	w.MustBecomeEqual(t, hashedPairs...)
	d.MustSee(t, `"message":"loading","tables":3`) // company has no hashed column
	hide(t, w, kept(t, w), d.Log(), secondKey)
	if marked.Hits() > 0 {
		t.Errorf("%d statements of the warehouse hold a mark", marked.Hits())
	}
}

// joins fails the test if tables that are hashed with one key do not join as they do in
// the source.
func joins(t *testing.T, w *harness.World) {
	t.Helper()
	got := warehouse(t, w, "SELECT COUNT(*) FROM userdata.companyperson AS m INNER JOIN userdata.person AS p ON m.person_uuid = p.id")
	want := one(t, w, "SELECT count(*) FROM company_person AS m JOIN person AS p ON m.person_uuid = p.id")
	if got != want {
		t.Errorf("%s memberships have a person in the warehouse, %s in the source", got, want)
	}
}

// hide looks for secret texts wherever they could be.
func hide(t *testing.T, w *harness.World, rows, log, key string) {
	t.Helper()
	places := told(t, w)
	places["rows"], places["log"] = rows, log
	for place, body := range places {
		for _, mark := range []string{unhashed, key} {
			if strings.Contains(body, mark) {
				t.Errorf("%s: holds %q", place, mark)
			}
		}
	}
	if !strings.Contains(places["check"], "; hashed: id, email, bio; renamed: email as email_hash") {
		t.Errorf("check does not say what is made on the way: %s", places["check"])
	}
	if !strings.Contains(rows, replicated) {
		t.Error("the search finds nothing where it must: the control failed")
	}
}

// staged returns the content of all objects in the bucket.
func staged(t *testing.T, w *harness.World) string {
	t.Helper()
	var all strings.Builder
	found := 0
	for _, key := range w.S3.Objects(t, "") {
		if !strings.HasSuffix(key, ".csv.zst") {
			continue
		}
		found++
		z, err := zstd.NewReader(bytes.NewReader(w.S3.Get(t, key)))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(&all, z); err != nil {
			t.Fatal(err)
		}
		z.Close()
	}
	if found == 0 || !strings.Contains(all.String(), replicated) {
		t.Errorf("%d objects to search, and not what is to be found in them", found)
	}
	return all.String()
}

// kept returns the content of all tables in the warehouse, Rowshift's own included.
func kept(t *testing.T, w *harness.World) string {
	t.Helper()
	dsn := w.WarehouseDSN("dev", "dev")
	tables, err := harness.Rows(t.Context(), dsn, "SELECT table_schema, table_name FROM svv_tables WHERE table_schema IN ('userdata', 'rowshift')")
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, table := range tables {
		schema, name, _ := strings.Cut(table, "|")
		rows, err := harness.Rows(t.Context(), dsn, fmt.Sprintf("SELECT * FROM %s.%q", schema, name))
		var fault *pgconn.PgError
		if errors.As(err, &fault) && fault.Code == "42P01" && schema == "rowshift" {
			continue // it belonged to a load that has ended
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, rows...)
	}
	return strings.Join(all, "\n")
}
