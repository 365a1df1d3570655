package postgres

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rowshift/replicator"
	"rowshift/replicator/postgres/render"
	"rowshift/schema"
)

// formatted are columns and two rows of each: what is hard to print, and NULL. That the
// text of all values is the server's is shown where it is made.
var formatted = []struct{ declared, value string }{
	{"boolean", "true"}, {"smallint", "-32768"}, {"bigint", "-9223372036854775808"}, {"oid", "4294967295"}, {"real", "1.5e-5"}, {"double precision", "1e23"},
	{"numeric", "-0.00012345678900"}, {"numeric(12,3)", "1.5"}, {"price", "2.5"}, {"money", "-1234.5"}, {"text", `E'a\tb\\\n'`}, {"varchar(9)", "''"}, {"char(5)", "'é'"}, {"name", "'n'"},
	{`"char"`, "'r'"}, {"mood", "'so so'"}, {"json", `'{"a":  1}'`}, {"jsonb", `'{"b":1,"a":[null]}'`}, {"bytea", `'\x00ff'`}, {"date", "'0044-03-15 BC'"}, {"time", "'24:00'"},
	{"timetz", "'10:00-05:30'"}, {"timestamp", "'infinity'"}, {"timestamptz", "'1890-01-01 00:00:00.5 Europe/Berlin'"}, {"interval", "'1 mon -1 day 0.1 s'"}, {"inet", "'::ffff:1.2.3.4'"},
	{"cidr", "'10.0.0.0/8'"}, {"macaddr", "'08:00:2b:01:02:03'"}, {"bit(3)", "B'101'"}, {"text[]", `'{"a,b",NULL,""}'`}, {"xid8", "'18446744073709551615'"},
}

// formattedTable makes the table v of these, with long values that lie out of line, and
// the types that they need.
func formattedTable() (create, insert string) {
	columns, values, nulls := []string{"id uuid PRIMARY KEY", "long text"}, []string{}, []string{}
	for i, f := range formatted {
		columns = append(columns, fmt.Sprintf("v%d %s", i, f.declared))
		values, nulls = append(values, f.value), append(nulls, "NULL")
	}
	long := "(SELECT string_agg(md5(n::text), '') FROM generate_series(1, 1000) n)"
	create = `CREATE TYPE mood AS ENUM ('so so'); CREATE DOMAIN price AS numeric(7,2); CREATE TABLE v (` + strings.Join(columns, ", ") + `); ALTER TABLE v ALTER long SET STORAGE EXTERNAL`
	insert = fmt.Sprintf("INSERT INTO v VALUES ('00000000-0000-0000-0000-000000000001', %s, %s), ('00000000-0000-0000-0000-000000000002', NULL, %s)",
		long, strings.Join(values, ", "), strings.Join(nulls, ", "))
	return create, insert
}

// TestFormatsAreTheSame reads one stream and one snapshot in both formats and compares them
// to the byte, including keys, old rows, and rows with columns that are not chosen.
func TestFormatsAreTheSame(t *testing.T) {
	w := newWorld(t)
	other := w.dial()
	create, insert := formattedTable()
	w.exec(other, create+`; CREATE TABLE chosen (a text, id bigint, hidden bytea, b date, c text, PRIMARY KEY (id, a)); CREATE TABLE whole (id int PRIMARY KEY, v numeric); ALTER TABLE whole REPLICA IDENTITY FULL`)
	w.choose(every("v", "whole")...)
	w.choose(schema.Choice{Name: schema.Name{Schema: "public", Table: "chosen"}, Columns: []string{"id", "a", "c"}, UnlistedOnWire: w.major() < schema.ColumnListMajor})
	w.create()
	start := w.confirmed()
	for _, statement := range []string{
		insert, "UPDATE v SET v1 = 7", "UPDATE v SET id = '00000000-0000-0000-0000-000000000003' WHERE v1 IS NOT NULL AND long IS NULL", "DELETE FROM v WHERE long IS NULL",
		"INSERT INTO chosen VALUES ('k', 1, '\\x01', '2026-11-25', 'c'), ('', 2, NULL, NULL, NULL)", "UPDATE chosen SET id = id + 10", "DELETE FROM chosen WHERE id = 11",
		"INSERT INTO whole VALUES (1, 1.50)", "UPDATE whole SET v = 2.0", "DELETE FROM whole", "TRUNCATE whole",
	} {
		w.exec(other, statement)
	}
	to := w.marked()
	streams, loads := map[Format][]string{}, map[Format]map[string][]string{}
	for _, format := range []Format{Text, Auto} {
		w.options.Format = format
		f := w.follow(start)
		got := Format(f.opened.Format)
		if want := map[Format]Format{Text: Text, Auto: Binary}[format]; got != want {
			t.Errorf("%q is %q", format, got)
		}
		streams[format] = f.read(to)
		f.Close()
		all, err := w.Tables(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		s := w.take(all...)
		if binary := s.(*snapshot).forms[all[0].OID] != nil; binary != (format == Auto) {
			t.Errorf("the snapshot is binary: %v", binary)
		}
		if loads[format], err = copied(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		s.Close()
	}
	if len(streams[Text]) != 15 {
		t.Errorf("%d changes", len(streams[Text]))
	}
	if d := cmp.Diff(streams[Text], streams[Auto]); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(loads[Text], loads[Auto]); d != "" {
		t.Error(d)
	}
}

// TestFormatFollowsTheTypes shows that every column that crosses decides on the format,
// chosen or not.
func TestFormatFollowsTheTypes(t *testing.T) {
	w := newWorld(t)
	w.exec(w.dial(), `CREATE TABLE fine (id int PRIMARY KEY, v text); CREATE TABLE bad (id int PRIMARY KEY, x xml, g aclitem[]);
		CREATE TABLE whole (id int PRIMARY KEY, x xml); ALTER TABLE whole REPLICA IDENTITY FULL`)
	narrow := func(table string) []schema.Choice {
		return []schema.Choice{{Name: schema.Name{Schema: "public", Table: table}, Columns: []string{"id"}, UnlistedOnWire: table == "whole"}}
	}
	tests := []struct {
		name    string
		choices []schema.Choice
		wanted  Format
		least   int
		is      Format // empty: it is refused
		words   string
	}{
		{"all are rendered", every("fine"), Auto, 0, Binary, ""},
		{"text is wanted", every("fine"), Text, 0, Text, ""},
		{"a type is not", every("fine", "bad"), Auto, 0, Text, "text, since column \"x\" of public.bad has type xml, column \"g\" of public.bad has type _aclitem"},
		{"it is not chosen but crosses", narrow("whole"), Auto, 0, Text, "text, since column \"x\""},
		{"it does not cross", narrow("bad"), Auto, schema.ColumnListMajor, Binary, ""},
		{"binary is wanted and cannot be", every("fine", "bad"), Binary, 0, "", `column "x" of public.bad has type xml`},
		{"binary is wanted", every("fine"), Binary, 0, Binary, ""},
	}
	for _, test := range tests {
		if w.major() < test.least {
			continue
		}
		w.options.Choices, w.options.Format = test.choices, test.wanted
		format, err := w.formatFor(t.Context(), w.ours(), server{version: w.major() * 10000}, 0)
		finding := found(t, w.Check(t.Context()), "protocol format")
		if test.is == "" {
			if err := refusedWith(err, replicator.SourceUnfit, test.words, "protocol_format: auto"); err != nil {
				t.Errorf("%s: %v", test.name, err)
			}
			if finding.Verdict != replicator.Failure || !strings.Contains(finding.Found, test.words) || finding.Repair == "" {
				t.Errorf("%s: %+v", test.name, finding)
			}
			continue
		}
		if err != nil || format != test.is {
			t.Errorf("%s: %q, %v", test.name, format, err)
		}
		if words := strings.TrimSuffix(finding.Found, ", as the config says"); finding.Verdict != replicator.Fine || test.words == "" && words != string(test.is) || !strings.HasPrefix(finding.Found, test.words) {
			t.Errorf("%s: %+v", test.name, finding)
		}
	}
	w.options.Choices, w.options.Format = every("fine", "bad"), Binary
	w.options.Format = Auto
	w.create()
	w.options.Format = Binary
	_, _, err := w.Open(t.Context(), replicator.OpenRequest{After: w.confirmed()})
	if err := refusedWith(err, replicator.SourceUnfit, `column "x" of public.bad has type xml`); err != nil {
		t.Error(err)
	}
}

// TestLogOfAnotherType shows that a binary stream reports rows with a type that cannot be
// rendered, which a column once had, that the next stream reads them as text, and that what
// follows is read in binary again.
func TestLogOfAnotherType(t *testing.T) {
	w := newWorld(t)
	other := w.dial()
	w.exec(other, `CREATE TABLE a (id int PRIMARY KEY, v xml)`)
	w.choose(every("a")...)
	w.create()
	start := w.confirmed()
	first := w.follow(start)
	first.Close()
	known := first.remembered()
	w.exec(other, `INSERT INTO a VALUES (1, '<a/>')`)
	w.exec(other, `ALTER TABLE a ALTER v TYPE text USING v::text`)
	w.exec(other, `INSERT INTO a VALUES (2, 'b')`)
	to := w.marked()
	open := func() (*followed, Format) {
		source, opened, err := w.Open(t.Context(), replicator.OpenRequest{After: start, Known: known})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { source.Close() })
		return &followed{Source: source, w: w, opened: opened}, Format(opened.Format)
	}
	f, format := open()
	if format != Binary {
		t.Fatalf("the format is %q", format)
	}
	var unfit error
	if err := f.until(func(c replicator.Change) bool { unfit = c.Misread; return c.Op == replicator.Insert }); err != nil {
		t.Fatal(err)
	}
	f.Close()
	if err := alteredWith(unfit, 0, `column "v"`, "OID 142"); err != nil || !errors.Is(unfit, errUnrendered) {
		t.Errorf("%v", err)
	}
	f, format = open()
	if got := f.read(to); format != Text || !slices.Equal(got, []string{"insert a new(1|<a/>)", "insert a new(2|b)"}) {
		t.Errorf("%q: %v", format, got)
	}
	f.Close()
	start = f.ends[0]
	f, format = open()
	if got := f.read(to); format != Binary || !slices.Equal(got, []string{"insert a new(2|b)"}) {
		t.Errorf("%q: %v", format, got)
	}
}

// TestLogThatHasNoBinaryForm shows that a stream which the server itself cannot send in
// binary is read as text, and that the slot is not taken for lost.
func TestLogThatHasNoBinaryForm(t *testing.T) {
	w := newWorld(t)
	other := w.dial()
	w.exec(other, `CREATE TABLE a (id int PRIMARY KEY, hidden aclitem[]); ALTER TABLE a REPLICA IDENTITY FULL`)
	w.choose(schema.Choice{Name: schema.Name{Schema: "public", Table: "a"}, Columns: []string{"id"}, UnlistedOnWire: true})
	w.create()
	start := w.confirmed()
	w.exec(other, `INSERT INTO a VALUES (1, '{=r/postgres}')`)
	w.exec(other, `ALTER TABLE a DROP COLUMN hidden`)
	to := w.marked()
	f := w.follow(start)
	err := f.until(func(c replicator.Change) bool { return c.Op == replicator.Insert })
	if f.opened.Format != string(Binary) || err == nil || replicator.Final(err) || errors.Is(err, replicator.ErrUndecodable) || !strings.Contains(err.Error(), "aclitem") {
		t.Errorf("%q: %v", f.opened.Format, err)
	}
	f.Close()
	f = w.follow(start)
	if got := f.read(to); f.opened.Format != string(Text) || !slices.Equal(got, []string{"insert a new(1)"}) {
		t.Errorf("%q: %v", f.opened.Format, got)
	}
}

// TestLoadThatCannotBeRendered shows that a table whose binary values cannot be rendered
// after all is loaded as text the next time.
func TestLoadThatCannotBeRendered(t *testing.T) {
	w := newWorld(t)
	w.exec(w.dial(), `CREATE TABLE a (id int PRIMARY KEY, v text); INSERT INTO a VALUES (1, 'x')`)
	table := w.table("a")
	s := w.take(table)
	s.(*snapshot).forms[table.OID][1] = func(dst, _ []byte) ([]byte, error) { return dst, render.ErrMalformed }
	if _, err := copied(t.Context(), s); !errors.Is(err, render.ErrMalformed) || !strings.Contains(err.Error(), "column 2") {
		t.Errorf("got %v", err)
	}
	s.Close()
	s = w.take(table)
	if got, err := copied(t.Context(), s); err != nil || s.(*snapshot).forms[table.OID] != nil || !slices.Equal(got["a"], []string{"1|x"}) {
		t.Errorf("%v, %v", got, err)
	}
}
