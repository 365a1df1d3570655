package postgres

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"rowshift/replicator"
)

// odd holds values whose text depends on settings, on the type's own output function
// or on the escapes of COPY: by type, as SQL.
var odd = [][]string{
	{"boolean", `true`, `false`},
	{"bigint", `-9223372036854775808`, `0`},
	{"numeric", `'NaN'`, `'-Infinity'`, `1e-1000`, `12345678901234567890.1230`},
	{"numeric(10,3)", `12345`},
	{"real", `0.1`, `'-0'`, `'NaN'`, `3.4028235e38`},
	{"double precision", `0.1 + 0.2::float8`, `'-Infinity'`, `5e-324`},
	{"money", `1234.5`, `-0.01`},
	{"text", `''`, `'\N'`, `E'\\N'`, `E'tab\tnew\nline\r\b\f\v\\ back'`, `'\.'`, `E'\001\177'`, `'žluťoučký 日本 🦀'`, `' '`},
	{"char(5)", `'ab'`, `''`},
	{"varchar(3)", `'abc'`},
	{`"char"`, `'x'`, `''`},
	{"name", `'Some Name'`},
	{"bytea", `'\x00ff5c6e'`, `''`},
	{"date", `'infinity'`, `'0044-03-15 BC'`, `'294276-12-31'`, `'2026-11-24'`},
	{"time", `'24:00:00'`, `'00:00:00.000001'`},
	{"timetz", `'12:00:00+05:30:15'`},
	{"timestamp", `'-infinity'`, `'4713-01-01 00:00 BC'`, `'2026-11-24 01:02:03.100000'`},
	{"timestamptz", `'infinity'`, `'2026-07-01 12:00:00.5+02'`, `'1800-01-01 00:00:00 Europe/Prague'`},
	{"interval", `'1 year -2 days 03:04:05.678'`, `'-1 mon +1 sec'`, `'0'`},
	{"uuid", `'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'`},
	{"json", `'{"a":  "\u0000", "b": [1]}'`},
	{"jsonb", `'{"b": 1.50, "a": null}'`},
	{"xml", `'<?xml version="1.0" encoding="UTF-8"?><a/>'`, `'<a>x</a>'`},
	{"inet", `'10.0.0.1'`, `'::1/64'`},
	{"cidr", `'10.0.0.0/8'`},
	{"macaddr", `'08-00-2b-01-02-03'`},
	{"bit(3)", `B'101'`},
	{"varbit", `B''`, `B'1'`},
	{"point", `'(0.1,-2)'`},
	{"tsvector", `'a:1 fat:2 ''it''''s'''`},
	{"int[]", `'{}'`, `'[0:1]={1,NULL}'`, `'{{1,2},{3,4}}'`},
	{"text[]", `ARRAY['a"b', E'c\\d', 'NULL', NULL, '', 'x y,z']`},
	{"int4range", `'empty'`, `'[1,5)'`, `'(,5)'`},
	{"int4multirange", `'{[1,3),[7,9)}'`},
	{"mood", `'so so'`},
	{"pair", `ROW(NULL, NULL)`, `ROW(1, E'a"\\b')`},
	{"price", `1.5`},
	{"regclass", `'mine.hidden'`},
	{"oid", `4294967295`},
	{"pg_lsn", `'16/B374D848'`},
	{"xid8", `'18446744073709551615'`},
}

// oddTypes makes those types of odd that are not PostgreSQL's own.
const oddTypes = `
CREATE TYPE mood AS ENUM ('so so', 'happy');
CREATE TYPE pair AS (a int, b text);
CREATE DOMAIN price AS numeric(10,2);
CREATE SCHEMA mine; CREATE TABLE mine.hidden (id int);`

// TestCopyIsAsTheStream shows that a snapshot gives each value as the stream does, to the
// byte.
func TestCopyIsAsTheStream(t *testing.T) {
	w := newWorld(t)
	other := w.dial()
	w.exec(other, oddTypes+oddTable())
	o := w.table("o")
	w.create()
	w.exec(other, oddRows())
	stream, err := w.streamed(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var want [][]string
	for _, tx := range stream {
		for _, c := range tx.changes {
			want = append(want, c.new)
		}
	}
	s := w.take(o)
	var got [][]string
	if err := s.Copy(t.Context(), s.Taken().Ranges[0], func(row replicator.Tuple) error {
		got = append(got, strung(row))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if len(want) < 8 {
		t.Fatalf("the stream brought %d rows", len(want))
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// oddTable returns the statement that makes the table o.
func oddTable() string {
	var columns strings.Builder
	for i, o := range odd {
		columns.WriteString(", c" + string(rune('a'+i/26)) + string(rune('a'+i%26)) + " " + o[0])
	}
	return `CREATE TABLE o (id int PRIMARY KEY` + columns.String() + `)`
}

// oddRows returns statements that put every value into o, and NULL where a type has no more
// values.
func oddRows() string {
	var rows strings.Builder
	for n, more := 1, true; more; n++ {
		more = false
		rows.WriteString(`INSERT INTO o VALUES ((SELECT count(*) FROM o)`)
		for _, o := range odd {
			value := `NULL`
			if n < len(o) {
				value, more = o[n], true
			}
			rows.WriteString(`, (` + value + `)::` + o[0])
		}
		rows.WriteString(`); `)
	}
	return rows.String()
}

// TestCopyInParallel shows that there are never more readers than workers, that they all
// see one state, and that they are reused.
func TestCopyInParallel(t *testing.T) {
	w := newWorld(t)
	other := w.dial()
	w.exec(other, `
		CREATE TABLE a (id int PRIMARY KEY, v text) WITH (fillfactor = 10);
		INSERT INTO a SELECT n, repeat('x', 900) FROM generate_series(1, 20000) AS n`) // a block for each row
	s := w.take(w.table("a", "id")).(*snapshot)
	w.exec(other, `UPDATE a SET id = -id WHERE id % 10 = 0; INSERT INTO a SELECT generate_series(30000, 40000)`)
	ranges := s.Taken().Ranges
	if len(ranges) != 3 {
		t.Errorf("%d ranges", len(ranges))
	}
	sizes, err := measure(t.Context(), s.keeper, tables(ranges[0].Table))
	if err != nil {
		t.Fatal(err)
	}
	ranges = append(ranges, cut(ranges[0].Table, sizes[ranges[0].Table.OID], 16<<20)...)
	var rows, sum atomic.Int64
	var g errgroup.Group
	for _, r := range ranges {
		g.Go(func() error {
			return s.Copy(t.Context(), r, func(row replicator.Tuple) error {
				id, err := strconv.ParseInt(strung(row)[0], 10, 64)
				rows.Add(1)
				sum.Add(id)
				return err
			})
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	if rows.Load() != 2*20000 || sum.Load() != 20000*20001 {
		t.Errorf("%d ranges hold %d rows, whose ids add up to %d", len(ranges), rows.Load(), sum.Load())
	}
	if readers := len(s.readers.pids()); readers < 1 || readers > w.options.Workers {
		t.Errorf("%d readers", readers)
	}
}

// TestCopyFails shows that a range which fails spoils no other range, and that its session
// is not reused.
func TestCopyFails(t *testing.T) {
	full := errors.New("the disk is full")
	tests := []struct {
		name string
		copy func(*testing.T, replicator.Snapshot) error
		want error
	}{
		{name: "the writer fails", want: full, copy: func(t *testing.T, s replicator.Snapshot) error {
			return s.Copy(t.Context(), s.Taken().Ranges[0], func(replicator.Tuple) error { return full })
		}},
		{name: "cancelled before", want: context.Canceled, copy: func(t *testing.T, s replicator.Snapshot) error {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			return s.Copy(ctx, s.Taken().Ranges[0], func(replicator.Tuple) error { return nil })
		}},
		{name: "cancelled in the middle", want: context.Canceled, copy: func(t *testing.T, s replicator.Snapshot) error {
			ctx, cancel := context.WithCancel(t.Context())
			return s.Copy(ctx, s.Taken().Ranges[0], func(replicator.Tuple) error { cancel(); return nil })
		}},
		{name: "closed in the middle", want: errClosed, copy: func(t *testing.T, s replicator.Snapshot) error {
			closed := make(chan struct{})
			first := true
			err := s.Copy(t.Context(), s.Taken().Ranges[0], func(replicator.Tuple) error {
				if first {
					first = false
					go func() { defer close(closed); s.Close() }()
				}
				return nil
			})
			<-closed
			return err
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			w.exec(w.dial(), `CREATE TABLE a (id int PRIMARY KEY, v text); INSERT INTO a SELECT n, repeat('x', 1000) FROM generate_series(1, 20000) AS n`)
			s := w.take(w.table("a"))
			if err := test.copy(t, s); !errors.Is(err, test.want) {
				t.Fatalf("got %v", err)
			}
			rows, err := copied(t.Context(), s)
			if errors.Is(test.want, errClosed) {
				if !errors.Is(err, errClosed) {
					t.Errorf("read after it was closed: %v", err)
				}
			} else if err != nil || len(rows["a"]) != 20000 {
				t.Errorf("%d rows afterwards, %v", len(rows["a"]), err)
			}
			s.Close()
			w.deserted()
		})
	}
}
