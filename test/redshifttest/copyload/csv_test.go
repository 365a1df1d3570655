package copyload_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rowshift/test/redshifttest/copyload"
)

//
func TestCSV(t *testing.T) {
	marker := "<null>"
	nul := "\x00"
	for name, c := range map[string]struct {
		spec copyload.Spec
		text string
		want string
	}{
		"plain":                 {copyload.Spec{}, "1,x\n2,y\n", "1\tx\n2\ty\n"},
		"no line end":           {copyload.Spec{}, "1,x\n2,y", "1\tx\n2\ty\n"},
		"carriage returns":      {copyload.Spec{}, "1,x\r\n2,\"y\"\r\n", "1\tx\n2\ty\n"},
		"quotes":                {copyload.Spec{}, `"a,b","c""d"` + "\n" + `"""",""` + "\n", "a,b\tc\"d\n\"\t\n"},
		"line ends in quotes":   {copyload.Spec{}, "\"a\nb\r\nc\",\"\n\"\n", `a\nb\r\nc` + "\t" + `\n` + "\n"},
		"empty fields":          {copyload.Spec{}, ",\n\"\",\"\"\n", "\t\n\t\n"},
		"null is quoted or not": {copyload.Spec{}, `\N,"\N"` + "\n", null + "\t" + null + "\n"},
		"null as":               {copyload.Spec{NullAs: &marker}, `<null>,"<null>"` + "\n" + `\N,<null>x` + "\n", null + "\t" + null + "\n" + `\\N` + "\t<null>x\n"},
		"null as NUL":           {copyload.Spec{NullAs: &nul}, "\x00,\"\x00\"\n", null + "\t" + null + "\n"},
		"a blank is data":       {copyload.Spec{}, " a , b\n", " a \t b\n"},
		"other characters":      {copyload.Spec{Delimiter: ';', Quote: '\''}, `'a;''b';"c"` + "\n", `a;'b` + "\t" + `"c"` + "\n"},
		"header":                {copyload.Spec{IgnoreHeader: 2}, "h1,h2,h3\n\"\n1,x\n", "1\tx\n"},
		"header is all":         {copyload.Spec{IgnoreHeader: 3}, "h\n", ""},
		"blank lines":           {copyload.Spec{IgnoreBlankLines: true}, "\n1,x\n\n\n2,y\n\n", "1\tx\n2\ty\n"},
		"filled":                {copyload.Spec{FillRecord: true}, "1\n", "1\t\n"},
		"filled with null":      {copyload.Spec{FillRecord: true, EmptyAsNull: true}, "1\n", "1\t" + null + "\n"},
		"nothing":               {copyload.Spec{}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			c.spec.Format, c.spec.Columns = copyload.CSV, texts(2)
			out, result, err := loadText(t, c.spec, c.text)
			if err != nil {
				t.Fatal(err, result.Errors)
			}
			if diff := cmp.Diff(c.want, out); diff != "" {
				t.Error(diff)
			}
			if rows := int64(strings.Count(out, "\n")); result.Rows != rows || result.Files[0].Rows != rows {
				t.Errorf("counted %d rows, wrote %d", result.Rows, rows)
			}
		})
	}
}

//
func TestCSVRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want copyload.LoadError
	}{
		"fewer columns":         {"1,x\n2\n", copyload.LoadError{LineNumber: 2, RawLine: "2", RawField: "2", Code: 1214, Reason: "Delimiter not found", Column: "a", Type: "varchar", ColLength: "65535"}},
		"more columns":          {"1,x,\n", copyload.LoadError{LineNumber: 1, RawLine: "1,x,", Code: 1202, Reason: "Extra column(s) found"}},
		"an empty line":         {"1,x\r\n\r\n", copyload.LoadError{LineNumber: 2, Code: 1211, Reason: "Input line contained no data"}},
		"a quote in a field":    {"aaaa\"zzzz,1\n", copyload.LoadError{LineNumber: 1, RawLine: `aaaa"zzzz,1`, Position: 4, Code: 1214, Reason: "Invalid quote formatting for CSV"}},
		"text behind a quote":   {"\"a\"b,1\n", copyload.LoadError{LineNumber: 1, RawLine: `"a"b,1`, Position: 3, Code: 1214, Reason: "Invalid quote formatting for CSV"}},
		"a blank before quotes": {"1, \"x\"\n", copyload.LoadError{LineNumber: 1, RawLine: `1, "x"`, Position: 3, Code: 1214, Reason: "Invalid quote formatting for CSV"}},
		"quotes not closed":     {"1,\"x\n2,y\n", copyload.LoadError{LineNumber: 1, RawLine: "1,\"x\n2,y", Position: 9, Code: 1214, Reason: "Invalid quote formatting for CSV"}},
		"a lone return":         {"1,x\ry\n", copyload.LoadError{LineNumber: 1, RawLine: "1,x\ry", Position: 4, Code: 1216, Reason: "Missing newline: Unexpected character 0x79 found at location 4"}},
		"NUL ends the row":      {"15,NUL next\x00,\n", copyload.LoadError{LineNumber: 1, RawLine: "15,NUL next,", Position: 12, Code: 1216, Reason: "Missing newline: Unexpected character 0x2c found at location 12"}},
		"lines are counted":     {"\"a\n\nb\",x\n1,2,3\n", copyload.LoadError{LineNumber: 4, RawLine: "1,2,3", Code: 1202, Reason: "Extra column(s) found"}},
	} {
		t.Run(name, func(t *testing.T) {
			c.want.FileName = "s3://b/k"
			got := refusal(t, copyload.Spec{Format: copyload.CSV, Columns: texts(2)}, c.text)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

//
func TestDelimited(t *testing.T) {
	spec := copyload.Spec{Columns: texts(2)}
	out, _, err := loadText(t, spec, "a|\"b\n\\N|c\"d\n")
	if want := "a\t\"b\n" + null + "\tc\"d\n"; out != want || err != nil {
		t.Errorf("wrote %q, want %q; %v", out, want, err)
	}
	if e := refusal(t, spec, "a,b\n"); e.Code != 1214 {
		t.Errorf("a row without delimiter: %+v", e)
	}
}

//
func TestNotNull(t *testing.T) {
	columns := texts(2)
	columns[1].Type = copyload.Type{Kind: copyload.Integer}
	columns[1].NotNull = true
	spec := copyload.Spec{Format: copyload.CSV, Columns: columns}
	for _, text := range []string{"a,\n", "a,\\N\n"} {
		if e := refusal(t, spec, text); e.Code != 1213 || e.Reason != "Missing data for not-null field" || e.Column != "b" {
			t.Errorf("%q: %+v", text, e)
		}
	}
	columns[1].HasDefault, columns[1].Default = true, "7\t"
	out, _, err := loadText(t, spec, "a,\n")
	if want := "a\t7\\t\n"; out != want || err != nil {
		t.Errorf("wrote %q, want %q; %v", out, want, err)
	}
}

//
func TestMaxError(t *testing.T) {
	spec := copyload.Spec{Format: copyload.CSV, Columns: []copyload.Column{ofType("n", copyload.Type{Kind: copyload.Integer})}, MaxError: 3}
	text := "1\nx\n2\n\"y\n\"\"\n\"\"z\n3\n4,\n5\n"
	out, result, err := loadText(t, spec, "1\nx\n2\n\"y\n\"\n3\n")
	if err != nil || out != "1\n2\n3\n" || result.Rows != 3 || len(result.Errors) != 2 || result.Errors[1].LineNumber != 4 {
		t.Errorf("two of at most two: wrote %q; %+v; %v", out, result, err)
	}
	if _, result, err = loadText(t, spec, "x\nx\nx\nx\n1\n"); len(result.Errors) != 3 || result.Rows != 0 || err == nil {
		t.Errorf("three: %+v, %v", result, err)
	}
	spec.NoLoad, spec.Serverless = true, true
	if out, result, err = loadText(t, spec, "1\n2\n"); out != "" || result.Rows != 2 || err != nil {
		t.Errorf("NOLOAD wrote %q; %+v; %v", out, result, err)
	}
	spec.MaxError = 0
	_, _, err = loadText(t, spec, text)
	var failed *copyload.Error
	if !errors.As(err, &failed) || failed.Message != "Load into table 't' failed.  Check 'sys_load_error_detail' system table for details." {
		t.Errorf("a serverless workgroup: %v", err)
	}
}

//
func TestFourMegabytes(t *testing.T) {
	const limit = 4 << 20
	spec := copyload.Spec{Format: copyload.CSV, Columns: texts(100), MaxError: 2, TruncateColumns: true}
	row := strings.Repeat(strings.Repeat("x", 40000)+",", 99)
	row += strings.Repeat("y", limit-len(row))
	short := strings.Repeat(",", 99)
	_, result, err := loadText(t, spec, short+"\n"+row+"\n"+short+"\n")
	if err != nil || result.Rows != 3 || len(result.Errors) != 0 {
		t.Fatalf("4 MB: %d rows, %d refused, %v", result.Rows, len(result.Errors), err)
	}
	for name, long := range map[string]string{"a byte more": row + "z", "much more": row + row + row} {
		_, result, err = loadText(t, spec, short+"\n"+long+"\n"+short+"\n")
		if err != nil || result.Rows != 2 || len(result.Errors) != 1 {
			t.Fatalf("%s: %d rows, %d refused, %v", name, result.Rows, len(result.Errors), err)
		}
		if e := result.Errors[0]; e.Code != 1216 || e.LineNumber != 2 || len(e.RawLine) != 1024 || !strings.HasSuffix(e.Reason, "found at location 4194304") {
			t.Errorf("%s: %d %s in line %d", name, e.Code, e.Reason, e.LineNumber)
		}
	}
}
