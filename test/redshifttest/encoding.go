package redshifttest

import (
	"slices"
	"strings"
)

// encodings are the compression encodings, each with the PostgreSQL types that may have
// it (nil: all types). RAW is shown as none.
// https://docs.aws.amazon.com/redshift/latest/dg/c_Compression_encodings.html
var encodings = func() map[string][]string {
	whole := []string{"smallint", "integer", "bigint", "numeric", "date"}
	times := []string{"timestamp", "timestamptz"}
	strs := []string{"varchar", "bpchar"}
	return map[string][]string{
		"raw": nil, "runlength": nil, "zstd": nil,
		"az64":     slices.Concat(whole, times, []string{"time", "timetz"}),
		"bytedict": slices.Concat(whole, times, strs, []string{"real", "double precision"}),
		"delta":    slices.Concat(whole, times),
		"delta32k": slices.Concat(whole[1:], times),
		"lzo":      slices.Concat(whole, times, strs, []string{"time", "timetz", "bytea", superType}),
		"mostly8":  whole[:4], "mostly16": whole[1:4], "mostly32": whole[2:4],
		"text255": strs[:1], "text32k": strs[:1],
	}
}()

// encoding reads the name of an encoding for a column.
func (p *parser) encoding(kind columnType, column string) string {
	t := p.take()
	of, known := encodings[t.text]
	if !known || t.kind != wordToken {
		p.at--
		p.fail()
	}
	base, _, _ := strings.Cut(kind.sql, "(")
	if of != nil && base != "" && !slices.Contains(of, base) {
		panic(notInGrammar("R-415", "column %q: a column of its type cannot be encoded as %s", column, strings.ToUpper(t.text)))
	}
	if t.text == "raw" {
		return "none"
	}
	return t.text
}
