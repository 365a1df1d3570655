package bucket

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"strings"
	"testing"

	"rowshift/replicator"
	"rowshift/schema"
)

// person is a table with a key of two columns, in another order than the columns. Its types have
// values that are written as they are, that are checked, and that are changed.
func person(t testing.TB) *schema.Table {
	t.Helper()
	column := func(attnum int16, name, typname string, category byte) schema.Attribute {
		return schema.Attribute{Attnum: attnum, Name: name, NotNull: attnum < 3, Toastable: attnum > 2,
			Type: schema.Type{OID: 1000, Base: 1000, Typmod: -1, Name: typname, Category: category}}
	}
	table, err := schema.Choice{All: true}.Resolve(schema.Relation{
		OID: 4711, Name: schema.Name{Schema: "public", Table: "person"}, Kind: 'r', Persistence: 'p', Identity: schema.IdentityIndex,
		Attributes: []schema.Attribute{column(1, "id", "int8", 'N'), column(2, "tenant", "text", 'S'), column(3, "bio", "text", 'S'), column(4, "photo", "bytea", 'U')},
		Replica:    []int16{2, 1},
	}, 15)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// tuple makes a tuple of values. nil is NULL, and unchanged is an unchanged value.
func tuple(values ...any) replicator.Tuple {
	var t replicator.Tuple
	for _, v := range values {
		switch v := v.(type) {
		case nil:
			t = t.Append(replicator.Value{Kind: replicator.Null})
		case replicator.Kind:
			t = t.Append(replicator.Value{Kind: v})
		default:
			t = t.Append(replicator.Value{Kind: replicator.Text, Text: fmt.Append(nil, v)})
		}
	}
	return t
}

const unchanged = replicator.Unchanged

// parsed is what a reader of CSV makes of a field that is not NULL.
type parsed struct {
	null bool
	text string
}

// parse reads CSV as COPY documents it, independently of the writer. A field is what stands
// between quotes, where doubled ones count as one, or else what comes before the next comma or
// line end. A field that is the marker is NULL, quoted or not.
func parse(t testing.TB, content []byte, null string) [][]parsed {
	t.Helper()
	var rows [][]parsed
	var row []parsed
	for rest := string(content); rest != ""; {
		var field string
		if strings.HasPrefix(rest, `"`) {
			var b strings.Builder
			rest = rest[1:]
			for {
				before, after, ok := strings.Cut(rest, `"`)
				if !ok {
					t.Fatalf("a quote without its end, in row %d", len(rows))
				}
				b.WriteString(before)
				rest = after
				if !strings.HasPrefix(rest, `"`) {
					break
				}
				b.WriteByte('"')
				rest = rest[1:]
			}
			field = b.String()
		} else {
			end := strings.IndexAny(rest, ",\n\"")
			if end < 0 || rest[end] == '"' {
				t.Fatalf("an open field that does not end, in row %d", len(rows))
			}
			field, rest = rest[:end], rest[end:]
		}
		row = append(row, parsed{null: field == null, text: field})
		switch rest[0] {
		case '\n':
			rows, row = append(rows, row), nil
		case ',':
		default:
			t.Fatalf("%q behind a field, in row %d", rest[0], len(rows))
		}
		rest = rest[1:]
	}
	if row != nil {
		t.Fatal("a last line without its end")
	}
	return rows
}

// show prints a row for comparison, with ~ for NULL.
func show(row []parsed) string {
	var s []string
	for _, f := range row {
		if f.null {
			s = append(s, "~")
		} else {
			s = append(s, f.text)
		}
	}
	return strings.Join(s, "|")
}

func TestFoldedLines(t *testing.T) {
	const null = "nullmark"
	for _, c := range []struct {
		name      string
		unchanged []int
		row       replicator.Row
		want      string
	}{
		{"inserted", nil, replicator.Row{Key: tuple("a", 1), New: tuple(1, "a", `say "hi"`, `\xff00`)}, `1|a|say "hi"|ff00|f`},
		{"NULL and empty", nil, replicator.Row{Key: tuple("a", 1), New: tuple(1, "a", nil, nil)}, `1|a|~|~|f`},
		{"empty text", nil, replicator.Row{Key: tuple("", 1), New: tuple(1, "", "", nil)}, `1|||~|f`},
		{"gone", nil, replicator.Row{Key: tuple("a", 1)}, `1|a|~|~|t`},
		{"gone, where others leave columns unchanged", []int{2, 3}, replicator.Row{Key: tuple("a", 1)}, `1|a|~|~|~|~|f|f|t`},
		{"complete, where others leave columns unchanged", []int{2, 3}, replicator.Row{Key: tuple("a", 1), New: tuple(1, "a", "b", `\x00`)}, `1|a|b|00|~|~|f|f|f`},
		{"unchanged under its own key", []int{2, 3}, replicator.Row{Key: tuple("a", 1), New: tuple(1, "a", unchanged, nil), Origin: tuple("a", 1)}, `1|a|~|~|a|1|t|f|f`},
		{"unchanged under another key", []int{3}, replicator.Row{Key: tuple("b", 2), New: tuple(2, "b", "x", unchanged), Origin: tuple("a", 1)}, `2|b|x|~|a|1|t|f`},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLines(person(t), null, c.unchanged)
			l.flag[2] = true // of an earlier row
			got, err := l.folded([]byte("before\n"), c.row)
			if err != nil {
				t.Fatal(err)
			}
			rows := parse(t, bytes.TrimPrefix(got, []byte("before\n")), null)
			if len(rows) != 1 || show(rows[0]) != c.want {
				t.Errorf("wrote %q, want %s", got, c.want)
			}
		})
	}
}

// hostile are values that break writers and readers of CSV.
var hostile = []string{
	"", " ", " a ", `"`, `""`, `"""`, `\N`, `\.`, `\`, `\"`, `a"b`, `"a"`, ",", "\n", "\r", "\r\n", "a\r\nb", "\t", "NULL", "null", "nullmarc", "nullmark ",
	"\ufeff", "\u00e9\u0301", "\U0001f600", "\u202e", "\x01\x1f\x7f", "=cmd|' /C calc'!A0", "@nullmark", "t", "f", "'", "''", "$1", "%s", "\u2028",
	strings.Repeat(`"`, 32767), strings.Repeat("x", 65535),
}

func TestHostileValues(t *testing.T) {
	const null = "nullmark"
	table := person(t)
	l := newLines(table, null, nil)
	random := rand.New(rand.NewPCG(1, 2))
	alphabet := []rune("\",\n\r\\ a\u00e9\U0001f600N.")
	var content []byte
	var want []string
	for i := range 3000 {
		value := hostile[i%len(hostile)]
		if i >= 2*len(hostile) {
			runes := make([]rune, random.IntN(20))
			for r := range runes {
				runes[r] = alphabet[random.IntN(len(alphabet))]
			}
			value = string(runes)
		}
		var err error
		if content, err = l.full(content, tuple(i, value, value, nil)); err != nil {
			t.Fatalf("%q: %v", value, err)
		}
		want = append(want, show([]parsed{{text: fmt.Sprint(i)}, {text: value}, {text: value}, {null: true}}))
	}
	rows := parse(t, content, null)
	if len(rows) != len(want) {
		t.Fatalf("%d rows, want %d", len(rows), len(want))
	}
	for i := range rows {
		if show(rows[i]) != want[i] {
			t.Fatalf("row %d is %q, want %q", i, show(rows[i]), want[i])
		}
	}
}

func TestMarkerAmongValues(t *testing.T) {
	l := newLines(person(t), "nullmark", nil)
	for _, row := range []replicator.Tuple{tuple(1, "nullmark", "x", nil), tuple("nullmark", "a", "x", nil)} {
		if got, err := l.full([]byte("x"), row); !errors.Is(err, errMarker) || string(got) != "x" {
			t.Errorf("wrote %q, %v", got, err)
		}
	}
}

// failing is person with rules that halt for values that do not fit.
func failing(t testing.TB) *schema.Table {
	table := person(t)
	for i := range table.Columns {
		table.Columns[i].Rules = nil
	}
	return table
}

func TestMisfitHalts(t *testing.T) {
	const secret = "a-row-value-that-must-not-show"
	l := newLines(failing(t), "nullmark", nil)
	for _, c := range []struct {
		row  replicator.Tuple
		want []string
	}{
		{tuple(1, "a", strings.Repeat(secret, 3000), nil), []string{"public.person.bio", "90000 bytes", "is too long", "VARCHAR(65535)", `give column "bio" another rule than fail for too_long in the rules of tables.public.person`}},
		{tuple(1, "a", secret+"\xff", nil), []string{"public.person.bio", "is not UTF-8"}},
		{tuple(1, "a", "b", secret), []string{"public.person.photo", "has not the form", "VARBYTE"}},
	} {
		got, err := l.full([]byte("x"), c.row)
		var halt *replicator.Halt
		if !errors.As(err, &halt) || halt.Reason != replicator.ValueMisfit || string(got) != "x" {
			t.Fatalf("wrote %q, %v", got, err)
		}
		for _, w := range c.want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%q lacks %q", err, w)
			}
		}
		if strings.Contains(err.Error(), secret) {
			t.Error("the error holds the value")
		}
	}
}

func TestLongRowIsRefused(t *testing.T) {
	table := person(t)
	for i := range table.Columns { // four columns of binary values are the least that are too long together
		table.Columns[i].Mapping = table.Columns[3].Mapping
	}
	value := `\x` + strings.Repeat("00", 600000)
	l := newLines(table, "nullmark", nil)
	got, err := l.full([]byte("x"), tuple(value, value, value, value))
	var why *unfit
	if !errors.As(err, &why) || *why != (unfit{column: none, kind: replicator.RowTooLong, size: 4800012}) || string(got) != "x" {
		t.Errorf("wrote %d bytes, %v", len(got), err)
	}
	if _, err := l.full(nil, tuple(value, value, value, nil)); err != nil {
		t.Errorf("a row of 3,6 MB: %v", err)
	}
}

func TestLoadedRowLacksValue(t *testing.T) {
	l := newLines(person(t), "nullmark", nil)
	if got, err := l.full(nil, tuple(1, "a", unchanged, nil)); err == nil || len(got) != 0 {
		t.Errorf("wrote %q, %v", got, err)
	}
}

func FuzzLines(f *testing.F) {
	for _, v := range hostile[:20] {
		f.Add(v, v)
	}
	table := person(f)
	f.Fuzz(func(t *testing.T, a, b string) {
		l := newLines(table, "nullmark", []int{2})
		got, err := l.folded(nil, replicator.Row{Key: tuple(a, 1), New: tuple(1, a, unchanged, nil), Origin: tuple(b, 2)})
		if err != nil {
			if len(got) != 0 {
				t.Fatalf("%v, but wrote %q", err, got)
			}
			return
		}
		rows := parse(t, got, "nullmark")
		want := show([]parsed{{text: "1"}, {text: a}, {null: true}, {null: true}, {text: b}, {text: "2"}, {text: "t"}, {text: "f"}})
		if len(rows) != 1 || len(rows[0]) != 8 || show(rows[0]) != want {
			t.Fatalf("wrote %q for %q and %q", got, a, b)
		}
	})
}

func BenchmarkLines(b *testing.B) {
	l := newLines(person(b), "null0123456789abcdef", []int{2})
	row := replicator.Row{Key: tuple("acme", 4711), New: tuple(4711, "acme", `a biography of some "length", with a comma`, `\x0123456789abcdef`)}
	dst, err := l.folded(nil, row)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(dst)))
	b.ReportAllocs()
	for b.Loop() {
		if dst, err = l.folded(dst[:0], row); err != nil {
			b.Fatal(err)
		}
	}
}

// TestEveryMisfitHasWords reads the kinds from where they are declared.
func TestEveryMisfitHasWords(t *testing.T) {
	text, err := os.ReadFile("../../schema/misfit.go")
	if err != nil {
		t.Fatal(err)
	}
	kinds := regexp.MustCompile(`(?m)^\t[A-Z]\w+ += "(\w+)"`).FindAllStringSubmatch(string(text), -1)
	for _, kind := range kinds {
		if misfits[kind[1]] == "" {
			t.Errorf("%s has no words", kind[1])
		}
	}
	if len(kinds) != len(misfits) {
		t.Errorf("%d kinds are declared, %d have words", len(kinds), len(misfits))
	}
}
