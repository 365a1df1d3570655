package render_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"github.com/jackc/pgx/v5"

	"rowshift/replicator/postgres/render"
	"rowshift/schema"
	"rowshift/test/pgtest"
)

func TestMain(m *testing.M) {
	defer shared.Close()
	m.Run()
}

var shared pgtest.Shared

// settings are those settings of every session of the source that decide how values are
// printed.
var settings = map[string]string{
	"TimeZone": "UTC", "DateStyle": "ISO, YMD", "IntervalStyle": "iso_8601", "extra_float_digits": "1", "bytea_output": "hex", "lc_monetary": "C", "client_encoding": "UTF8",
}

// opened returns a session in a database of its own, with those settings, and the
// server's major version.
func opened(t testing.TB) (*pgx.Conn, int) {
	t.Helper()
	s := shared.Server(t)
	config, err := pgx.ParseConfig(s.DSN(s.CreateDB(t)))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range settings {
		config.RuntimeParams[name] = value
	}
	conn, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	major, err := strconv.Atoi(conn.PgConn().ParameterStatus("server_version")[:2])
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{
		`CREATE TYPE mood AS ENUM ('so so', 'sehr glücklich', '"quoted", ''and all''')`,
		"CREATE DOMAIN price AS numeric(7,2)", "CREATE DOMAIN dear AS price CHECK (VALUE > 2)", "CREATE DOMAIN moods AS mood",
	} {
		if _, err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	return conn, major
}

// TestFormsAreWhatTheServerPrints has a real server send values of each type in both
// formats at once, and compares the text with what is rendered from the binary form.
func TestFormsAreWhatTheServerPrints(t *testing.T) {
	conn, major := opened(t)
	for _, s := range specs(major) {
		t.Run(s.declared, func(t *testing.T) {
			form := render.Of(typeOf(t, conn, s.declared), major)
			if form == nil {
				t.Fatal("there is no form")
			}
			c := comparison{t: t, conn: conn, form: form, declared: s.declared}
			c.texts(s.hostile)
			r := rand.New(rand.NewPCG(1, sum(s.declared)))
			for left := random(t); left > 0 && !t.Failed(); left -= 1000 {
				var values [][]byte
				for range min(left, 1000) {
					values = append(values, s.random(r))
				}
				if s.text {
					c.texts(strung(values))
				} else {
					c.binaries(values)
				}
			}
		})
	}
}

// random returns how many random values each type gets.
func random(t *testing.T) int {
	all := 10_000
	if text := os.Getenv("ROWSHIFT_TEST_VALUES"); text != "" {
		var err error
		if all, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	return all/len(specs(18)) + 1
}

func sum(s string) uint64 {
	h := fnv.New64()
	h.Write([]byte(s))
	return h.Sum64()
}

func strung(values [][]byte) (texts []string) {
	for _, v := range values {
		texts = append(texts, string(v))
	}
	return texts
}

// typeOf returns what the catalogue says of a type below its domains.
func typeOf(t testing.TB, conn *pgx.Conn, declared string) (of schema.Type) {
	t.Helper()
	var category string
	err := conn.QueryRow(t.Context(), `
		WITH RECURSIVE below AS (SELECT oid, oid AS declared FROM pg_type WHERE oid = $1::text::regtype UNION ALL
			SELECT typbasetype, declared FROM below JOIN pg_type USING (oid) WHERE typtype = 'd')
		SELECT declared, oid, typname::text, typcategory::text FROM below JOIN pg_type USING (oid) WHERE typtype <> 'd'`, declared).
		Scan(&of.OID, &of.Base, &of.Name, &category)
	if err != nil {
		t.Fatal(err)
	}
	of.Category = category[0]
	return of
}

// comparison compares the values of one type.
type comparison struct {
	t        *testing.T
	conn     *pgx.Conn
	form     render.Form
	declared string
}

// texts compares values that are given as text.
func (c comparison) texts(values []string) {
	c.t.Helper()
	c.compare("SELECT v::"+c.declared+" AS v FROM unnest($1::text[]) v", arrayOf(25, values))
}

// binaries compares values that are given in binary: any that the server takes.
func (c comparison) binaries(values [][]byte) {
	c.t.Helper()
	var element uint32
	if err := c.conn.QueryRow(c.t.Context(), "SELECT $1::text::regtype::oid", c.declared).Scan(&element); err != nil {
		c.t.Fatal(err)
	}
	c.compare("SELECT v FROM unnest($1::"+c.declared+"[]) v", arrayOf(element, values))
}

// arrayOf is an array in the binary format.
func arrayOf[V string | []byte](element uint32, values []V) []byte {
	b := binary.BigEndian.AppendUint32(nil, 1)
	b = binary.BigEndian.AppendUint32(b, 0)
	b = binary.BigEndian.AppendUint32(b, element)
	b = binary.BigEndian.AppendUint32(b, uint32(len(values)))
	b = binary.BigEndian.AppendUint32(b, 1)
	for _, v := range values {
		b = binary.BigEndian.AppendUint32(b, uint32(len(v)))
		b = append(b, v...)
	}
	return b
}

// compare compares both forms of the column v of a query.
func (c comparison) compare(query string, parameter []byte) {
	c.t.Helper()
	result := c.conn.PgConn().ExecParams(c.t.Context(), "SELECT v, v FROM ("+query+") q", [][]byte{parameter}, nil, []int16{1}, []int16{0, 1})
	var got []byte
	for result.NextRow() && !c.t.Failed() {
		v := result.Values()
		var err error
		got, err = c.form(got[:0], v[1])
		if err != nil || string(got) != string(v[0]) {
			c.t.Errorf("%x is %q, %v; the server prints %q", v[1], got, err, v[0])
		}
		checkCuts(c.t, c.form, v[1])
	}
	if _, err := result.Close(); err != nil {
		c.t.Fatal(err)
	}
}

// checkCuts shows that a value which has lost its end, or has more after it, is an error or
// another value, and never a panic.
func checkCuts(t *testing.T, form render.Form, v []byte) {
	for _, n := range []int{0, 1, len(v) / 2, len(v) - 1} {
		if n >= 0 && n < len(v) {
			_, _ = form(nil, v[:n:n])
		}
	}
	_, _ = form(nil, append(v[:len(v):len(v)], 0))
}

// TestBuiltinsAreInTheCatalogue shows that the OIDs are those of a real server.
func TestBuiltinsAreInTheCatalogue(t *testing.T) {
	conn, major := opened(t)
	for _, b := range render.Builtins {
		var name string
		var array uint32
		if err := conn.QueryRow(t.Context(), "SELECT typname::text, typarray FROM pg_type WHERE oid = $1", b.OID).Scan(&name, &array); err != nil {
			t.Fatal(err)
		}
		if name != b.Name || array != b.Array {
			t.Errorf("%d is %s with the array %d, not %s with %d", b.OID, name, array, b.Name, b.Array)
		}
		if render.OfOID(b.OID, major) == nil || render.OfOID(b.Array, major) == nil {
			t.Errorf("%s has no form", b.Name)
		}
	}
}

// TestOthersHaveNoForm shows that types whose text is not certain have none, whatever
// they are called.
func TestOthersHaveNoForm(t *testing.T) {
	conn, major := opened(t)
	for _, statement := range []string{"CREATE TYPE pair AS (a int, b text)", "CREATE TYPE text AS (a int)", "CREATE TYPE citext AS RANGE (subtype = int)"} {
		if _, err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	for _, declared := range []string{
		"xml", "tsvector", "int4range", "regclass", "point", "pg_lsn", "aclitem", "aclitem[]", "pair", "pair[]", "public.text", "public.citext", "mood[]", "price[]", "int2vector", "box[]", "jsonpath", "refcursor",
	} {
		if render.Of(typeOf(t, conn, declared), major) != nil {
			t.Errorf("%s has a form", declared)
		}
	}
}

// TestMalformed shows that bytes of the wrong length, and values that no server sends,
// are errors.
func TestMalformed(t *testing.T) {
	for _, test := range []struct {
		oid   uint32
		value string
	}{
		{16, ""}, {16, "\x00\x00"}, {18, ""}, {18, "ab"}, {20, "1234567"}, {21, "1"}, {23, "12345"}, {26, ""}, {700, "123"}, {701, "1234"}, {5069, "1"},
		{790, "1"}, {829, "12345"}, {774, "123456"}, {1082, "123"}, {1083, "\xff\xff\xff\xff\xff\xff\xff\xff"}, {1114, "1"}, {1184, "123456789"}, {1186, "123"},
		{1266, "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"}, {1266, "\x00\x00\x00\x00\x00\x00\x00\x00\x7f\xff\xff\xff"},
		{1560, "\x00\x00\x00\x09\x00"}, {1560, "\xff\xff\xff\xff"}, {1562, "\x00\x00\x00"}, {2950, "123"}, {3802, ""}, {3802, "\x02{}"},
		{869, "\x02\x20\x00"}, {869, "\x02\x21\x00\x041234"}, {869, "\x03\x20\x00\x041234"}, {869, "\x02\x20\x00\x051234"},
		{1700, "\x00\x01\x00\x00\x00\x00\x00\x00"}, {1700, "\x00\x01\x00\x00\x00\x00\x00\x00\x27\x10"}, {1700, "\x00\x00\x00\x00\x12\x34\x00\x00"}, {1700, "\x00\x00\x00\x00\x00\x00\x40\x00"},
		{1007, ""}, {1007, "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x19"}, {1007, "\x00\x00\x00\x07\x00\x00\x00\x00\x00\x00\x00\x17"},
		{1007, "\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x17\x00\x00\x00\x02\x00\x00\x00\x01\x00\x00\x00\x041234\xff"},
		{1007, "\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x17\x7f\xff\xff\xff\x00\x00\x00\x01"},
		{1007, "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x17x"},
	} {
		if got, err := render.OfOID(test.oid, 18)(nil, []byte(test.value)); !errors.Is(err, render.ErrMalformed) {
			t.Errorf("%d takes %q for %q, %v", test.oid, test.value, got, err)
		}
	}
}

// FuzzForms shows that no bytes make a form panic, or write much more than they are long.
func FuzzForms(f *testing.F) {
	for i, s := range specs(18) {
		r := rand.New(rand.NewPCG(2, uint64(i)))
		f.Add(byte(i), byte(14+i%5), s.random(r))
	}
	f.Fuzz(func(t *testing.T, which, major byte, value []byte) {
		b := render.Builtins[int(which)%len(render.Builtins)]
		for _, oid := range []uint32{b.OID, b.Array} {
			begun := []byte("begun")
			got, err := render.OfOID(oid, int(major))(begun, value)
			if err == nil && string(got[:5]) != "begun" {
				t.Error("it wrote over what was there")
			}
			if most := 5 + 1<<18*(1+len(value)/12) + 40*len(value); len(got) > most { // a numeric's weight and scale cost it nothing
				t.Errorf("%d bytes of %d", len(got), len(value))
			}
		}
	})
}

// TestFormsAllocateNothing shows that values cost no garbage.
func TestFormsAllocateNothing(t *testing.T) {
	room := make([]byte, 0, 1<<20)
	for _, s := range specs(18) {
		oid, known := oidOf(s.declared)
		if !known || s.text {
			continue
		}
		form := render.OfOID(oid, 18)
		r := rand.New(rand.NewPCG(3, 4))
		var values [][]byte
		for range 100 {
			values = append(values, s.random(r))
		}
		n := testing.AllocsPerRun(10, func() {
			for _, v := range values {
				if _, err := form(room, v); err != nil {
					t.Fatal(s.declared, err)
				}
			}
		})
		if n > 0 {
			t.Errorf("%v allocations for %d values of %s", n, len(values), s.declared)
		}
	}
}

// oidOf returns the OID of one of the server's own types.
func oidOf(name string) (uint32, bool) {
	for _, b := range render.Builtins {
		if b.Name == name {
			return b.OID, true
		}
	}
	return 0, false
}

func BenchmarkForms(b *testing.B) {
	for _, s := range specs(18) {
		oid, known := oidOf(s.declared)
		if !known || s.text {
			continue
		}
		b.Run(fmt.Sprint(s.declared), func(b *testing.B) {
			form, value, room := render.OfOID(oid, 18), s.random(rand.New(rand.NewPCG(5, 6))), make([]byte, 0, 1<<16)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := form(room, value); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
