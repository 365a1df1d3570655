package copyload_test

import (
	"encoding/csv"
	"math/rand/v2"
	"strings"
	"testing"

	"rowshift/test/redshifttest/copyload"
)

// A window holds only a part of a file. Rows of all lengths must come whole across its
// edges.
func TestRowsCrossTheWindow(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	piece := strings.Repeat("é \"q\", x\n", 40_000)
	var text, want strings.Builder
	w := csv.NewWriter(&text)
	for range 300 {
		var fields [2]string
		for i := range fields {
			size := random.IntN(200)
			if random.IntN(20) == 0 {
				size = random.IntN(len(piece))
			}
			fields[i] = strings.ToValidUTF8(piece[:size], "")
		}
		if err := w.Write(fields[:]); err != nil {
			t.Fatal(err)
		}
		want.WriteString(modelField(fields[0]) + "\t" + modelField(fields[1]) + "\n")
	}
	w.Flush()
	columns := texts(2)
	columns[0].Type.Length, columns[1].Type.Length = len(piece), len(piece)
	got, result, err := loadText(t, copyload.Spec{Format: copyload.CSV, Columns: columns}, text.String())
	if err != nil || result.Rows != 300 {
		t.Fatalf("%d rows, %v", result.Rows, err)
	}
	if got != want.String() {
		t.Errorf("%d bytes were written, %d wanted, or others", len(got), want.Len())
	}
}

// A row that is cut off at any point either comes out the same or asks for more.
func TestRowsAreCutTheSameAnywhere(t *testing.T) {
	for _, text := range []string{
		"a,\"b\"\"\n\",c\r\n", "\"\",\"\"\n", "a,b,\n", "x\"y,1\nz,2\n", "\"a\"b,\"\n\"\n", "a\rb\nc\n", "a,\"b\n", "\"a\"\r\n", "a\x00\nb\n", "\"\"\"\"\n",
	} {
		copyload.CheckCuts(t, text)
	}
}
