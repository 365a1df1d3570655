package copyload_test

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"rowshift/test/redshifttest/copyload"
)

// FuzzCSVAgainstModel compares the rows with those of encoding/csv, an independent
// parser, on all input for which both have the same rules. They differ on a carriage
// return in quotes and on empty lines.
func FuzzCSVAgainstModel(f *testing.F) {
	for _, seed := range []string{
		"a,b\n", "\"a\",\"b\"\n", "\"a\"\"b\",\n", "a\nb,c", "\"x\ny\",z\n\"\",\"\"", "a\"b,c\n", "\"a\"b,c\n", "\"a\n", ",,\n", `\N,x` + "\n", "\"\"\"\",\"\"\"\"\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.ContainsAny(text, "\r\x00") || strings.Contains("\n"+text+"\n", "\n\n") || text == "" {
			return
		}
		var want strings.Builder
		r := csv.NewReader(strings.NewReader(text))
		r.FieldsPerRecord = 2
		var modelErr error
		for {
			fields, err := r.Read()
			if err != nil {
				if err != io.EOF {
					modelErr = err
				}
				break
			}
			want.WriteString(modelField(fields[0]) + "\t" + modelField(fields[1]) + "\n")
		}
		marker := "\x01 never \x01"
		// The model takes all values, so none may be refused for its content.
		spec := copyload.Spec{Format: copyload.CSV, Columns: texts(2), NullAs: &marker, AcceptInvChars: '?'}
		got, result, err := loadText(t, spec, text)
		if (err != nil) != (modelErr != nil) {
			t.Fatalf("%q: we say %v (%+v), the model %v", text, err, result.Errors, modelErr)
		}
		if got != want.String() && err == nil {
			t.Fatalf("%q: wrote %q, the model %q", text, got, want.String())
		}
	})
}

// modelField returns a field as the load writes it, with invalid UTF-8 replaced byte for
// byte and escaped for COPY.
func modelField(v string) string {
	var b strings.Builder
	for len(v) > 0 {
		r, n := utf8.DecodeRuneInString(v)
		v = v[n:]
		switch {
		case r == utf8.RuneError && n == 1:
			b.WriteByte('?')
		case r >= 0xfdd0 && r <= 0xfdef, r >= 0xfffe && r&0xfffe == 0xfffe:
			b.WriteString(strings.Repeat("?", n))
		default:
			b.WriteRune(r)
		}
	}
	return strings.NewReplacer("\\", `\\`, "\n", `\n`, "\t", `\t`, "\b", `\b`, "\f", `\f`, "\v", `\v`).Replace(b.String())
}

// FuzzLoad looks for input that makes a load panic, hang or write a malformed row.
func FuzzLoad(f *testing.F) {
	f.Add("1,x,2026-11-24,{}\n", "auto", byte(0))
	f.Add(`{"a":1,"b":"x","c":null,"d":[1,{"e":"\u0041"}]} {"a":2}`, "auto", byte(1))
	f.Add("\"1\",\"\x00\",\"2026-11-24T00:00:00Z\",\"\"\r\n", "YYYY-MM-DD", byte(2))
	f.Fuzz(func(t *testing.T, text, layout string, how byte) {
		spec := copyload.Spec{
			Table: "t", From: "s3://b/k", MaxError: 10, DateFormat: layout, Format: copyload.Format(how % 3),
			FillRecord: how&4 != 0, TruncateColumns: how&8 != 0, EmptyAsNull: how&16 != 0, RoundDec: how&32 != 0,
			Columns: []copyload.Column{
				ofType("a", copyload.Type{Kind: copyload.Decimal, Precision: 19, Scale: 3}),
				ofType("b", copyload.Type{Kind: copyload.Varchar, Length: 5}),
				ofType("c", copyload.Type{Kind: copyload.Date}),
				ofType("d", copyload.Type{Kind: copyload.Super}),
			},
		}
		var out bytes.Buffer
		result, err := copyload.Load(t.Context(), spec, &shelf{objects: map[string][]byte{"k": []byte(text)}}, &out)
		var known *copyload.Error
		if err != nil && !errors.As(err, &known) {
			t.Fatalf("an error of no kind: %v", err)
		}
		if err != nil {
			return
		}
		if n := int64(bytes.Count(out.Bytes(), []byte("\n"))); n != result.Rows {
			t.Fatalf("%d rows, %d lines", result.Rows, n)
		}
		if n := int64(bytes.Count(out.Bytes(), []byte("\t"))); n != 3*result.Rows {
			t.Fatalf("%d rows, %d tabs", result.Rows, n)
		}
	})
}
