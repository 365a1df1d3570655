package postgres

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rowshift/replicator"
)

// null stands for NULL in the rows of tests.
const null = "<null>"

// strung returns the values of a tuple as strings.
func strung(t replicator.Tuple) []string {
	var values []string
	for len(t) > 0 {
		var v replicator.Value
		v, t = t.Next()
		switch v.Kind {
		case replicator.Null:
			values = append(values, null)
		case replicator.Unchanged:
			values = append(values, "<unchanged>")
		default:
			values = append(values, string(v.Text))
		}
	}
	return values
}

// parse parses text in pieces of a size or, if it is zero, all at once.
func parse(text string, columns, size int) ([][]string, error) {
	var rows [][]string
	c := &copyText{columns: columns, write: func(t replicator.Tuple) error {
		rows = append(rows, strung(t))
		return nil
	}}
	if size == 0 {
		size = len(text)
	}
	for len(text) > 0 {
		n := min(size, len(text))
		if _, err := c.Write([]byte(text[:n])); err != nil {
			return rows, err
		}
		text = text[n:]
	}
	return rows, c.Close()
}

func TestCopyText(t *testing.T) {
	long := strings.Repeat("long ", 1000)
	tests := []struct {
		name    string
		text    string
		columns int
		want    [][]string
		wrong   bool
	}{
		{name: "nothing", text: "", columns: 1},
		{name: "one column", text: "a\nb\n", columns: 1, want: [][]string{{"a"}, {"b"}}},
		{name: "three columns", text: "1\tzwei\t3\n", columns: 3, want: [][]string{{"1", "zwei", "3"}}},
		{name: "empty values", text: "\t\n\t\n", columns: 2, want: [][]string{{"", ""}, {"", ""}}},
		{name: "an empty row of one column", text: "\n", columns: 1, want: [][]string{{""}}},
		{name: "null", text: "\\N\t\\N\n", columns: 2, want: [][]string{{null, null}}},
		{name: "null beside others", text: "a\t\\N\tb\n", columns: 3, want: [][]string{{"a", null, "b"}}},
		{name: "what only looks like null", text: "\\\\N\tN\t\\\\\\\\N\n", columns: 3, want: [][]string{{`\N`, "N", `\\N`}}},
		{name: "every escape", text: `\b\f\n\r\t\v\\` + "\n", columns: 1, want: [][]string{{"\b\f\n\r\t\v\\"}}},
		{name: "escapes amid text", text: `a\tb\\` + "\t" + `\nx` + "\n", columns: 2, want: [][]string{{"a\tb\\", "\nx"}}},
		{name: "an escaped end mark", text: `\\.` + "\n", columns: 1, want: [][]string{{`\.`}}},
		{name: "raw control characters", text: "\x01\x7f\t\x1b\n", columns: 2, want: [][]string{{"\x01\x7f", "\x1b"}}},
		{name: "other scripts", text: "žluťoučký\t日本\n", columns: 2, want: [][]string{{"žluťoučký", "日本"}}},
		{name: "long", text: long + "\t\\N\n", columns: 2, want: [][]string{{long, null}}},
		{name: "too few columns", text: "a\n", columns: 2, wrong: true},
		{name: "too many columns", text: "a\tb\n", columns: 1, wrong: true},
		{name: "ends inside a row", text: "a\nb", columns: 1, want: [][]string{{"a"}}, wrong: true},
		{name: "an escape of nothing", text: "ab\\\n", columns: 1, wrong: true},
		{name: "an unknown escape", text: "\\x41\n", columns: 1, wrong: true},
		{name: "null amid text", text: "a\\N\n", columns: 1, wrong: true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for _, size := range []int{0, 1, 2, 3, 7, 64} {
				got, err := parse(test.text, test.columns, size)
				if errors.Is(err, errCopyText) != test.wrong {
					t.Fatalf("in pieces of %d: %v", size, err)
				}
				if d := cmp.Diff(test.want, got); d != "" {
					t.Errorf("in pieces of %d: %s", size, d)
				}
			}
		})
	}
}

// TestCopyTextStops shows that the writer's own error ends the stream as it is.
func TestCopyTextStops(t *testing.T) {
	full := errors.New("full")
	c := &copyText{columns: 1, write: func(replicator.Tuple) error { return full }}
	if _, err := c.Write([]byte("a\nb\n")); !errors.Is(err, full) {
		t.Errorf("got %v", err)
	}
	if c.rows != 1 {
		t.Errorf("%d rows after the error", c.rows)
	}
}

// escape writes a value as COPY TO does.
func escape(v string) string {
	return strings.NewReplacer("\\", `\\`, "\b", `\b`, "\f", `\f`, "\n", `\n`, "\r", `\r`, "\t", `\t`, "\v", `\v`).Replace(v)
}

// FuzzCopyTextRoundTrip shows that what COPY writes comes back, wherever it is cut.
func FuzzCopyTextRoundTrip(f *testing.F) {
	f.Add("a", "b\tc", true, 1)
	f.Add("\\N", "\n\\.", false, 3)
	f.Add("", "\x00\xff", false, 2)
	f.Fuzz(func(t *testing.T, a, b string, none bool, cut int) {
		want := []string{a, b, b + a}
		text := escape(a) + "\t" + escape(b) + "\t" + escape(b+a) + "\n"
		if none {
			want[1] = null
			text = escape(a) + "\t\\N\t" + escape(b+a) + "\n"
		}
		got, err := parse(text+text, 3, max(1, cut%(len(text)+1)))
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff([][]string{want, want}, got); d != "" {
			t.Error(d)
		}
	})
}

// FuzzCopyText shows that no bytes break the parser, and that a cut changes nothing.
func FuzzCopyText(f *testing.F) {
	f.Add([]byte("a\tb\n\\N\tc\n"), 2, 3)
	f.Add([]byte("\\\n\\x\n\t\t\n"), 1, 1)
	f.Fuzz(func(t *testing.T, text []byte, columns, cut int) {
		columns = 1 + abs(columns)%8
		whole, err := parse(string(text), columns, 0)
		pieces, perr := parse(string(text), columns, 1+abs(cut)%16)
		if fmt.Sprint(err) != fmt.Sprint(perr) {
			t.Fatalf("whole: %v; in pieces: %v", err, perr)
		}
		if d := cmp.Diff(whole, pieces); d != "" {
			t.Fatal(d)
		}
		for _, row := range whole {
			if len(row) != columns {
				t.Fatalf("%d values in a row of %d columns", len(row), columns)
			}
		}
	})
}

func abs(n int) int { return max(n, -(n + 1)) }

func TestCopyTextAllocatesNothingPerRow(t *testing.T) {
	text := []byte(strings.Repeat("42\tsome text\t\\N\twith\\nescapes\n", 100))
	c := &copyText{columns: 4, write: func(replicator.Tuple) error { return nil }}
	allocations := testing.AllocsPerRun(100, func() {
		if _, err := c.Write(text); err != nil {
			t.Fatal(err)
		}
	})
	if allocations > 0 {
		t.Errorf("%.1f allocations for 100 rows", allocations)
	}
}

func BenchmarkCopyText(b *testing.B) {
	row := "184467\t5f9c2e9e-6f2b-4b58-9a54-0a4c6a3c1e0f\tAcme Corporation\tenterprise\t\\N\t2026-11-24 12:00:00.123456+00\tlikes\\ttabs\n"
	text := bytes.Repeat([]byte(row), 1000)
	c := &copyText{columns: 7, write: func(replicator.Tuple) error { return nil }}
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Write(text); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(c.rows)/b.Elapsed().Seconds(), "rows/s")
}
