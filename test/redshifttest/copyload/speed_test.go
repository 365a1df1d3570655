package copyload_test

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"rowshift/test/redshifttest/copyload"
)

// tenColumns are the columns of a typical table.
var tenColumns = []copyload.Column{
	ofType("id", copyload.Type{Kind: copyload.Varchar, Length: 36}),
	ofType("name", copyload.Type{Kind: copyload.Varchar, Length: 65535}),
	ofType("email", copyload.Type{Kind: copyload.Varchar, Length: 256}),
	ofType("n", copyload.Type{Kind: copyload.BigInt}),
	ofType("small", copyload.Type{Kind: copyload.Integer}),
	ofType("price", copyload.Type{Kind: copyload.Decimal, Precision: 12, Scale: 2}),
	ofType("ratio", copyload.Type{Kind: copyload.Double}),
	ofType("flag", copyload.Type{Kind: copyload.Boolean}),
	ofType("day", copyload.Type{Kind: copyload.Date}),
	ofType("at", copyload.Type{Kind: copyload.TimestampTZ}),
}

func tenColumnRows(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `"%08x-9c0b-4ef8-bb6d-6bb9bd380a11","Name of person, ""%d""","person%d@example.com","%d","%d","%d.%02d","0.%d","t","2026-%02d-%02d","2026-11-24 10:%02d:%02d.%06d+00"`+"\n",
			i, i, i, int64(i)*1_000_003, i%1000, i, i%100, i, i%12+1, i%28+1, i%60, i%60, i%1_000_000)
	}
	return b.String()
}

func BenchmarkLoadTenColumns(b *testing.B) {
	const rows = 100_000
	text := tenColumnRows(rows)
	for name, store := range map[string]struct {
		content     []byte
		compression copyload.Compression
	}{
		"plain": {[]byte(text), copyload.Uncompressed},
		"gzip":  {gzipped(b, text), copyload.GZIP},
		"zstd":  {zstandard(b, text), copyload.ZSTD},
	} {
		b.Run(name, func(b *testing.B) {
			spec := copyload.Spec{Table: "t", Columns: tenColumns, From: "s3://b/k", Format: copyload.CSV,
				Compression: store.compression, DateFormat: "auto", TimeFormat: "auto"}
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				result, err := copyload.Load(b.Context(), spec, &shelf{objects: map[string][]byte{"k": store.content}}, io.Discard)
				if err != nil || result.Rows != rows {
					b.Fatal(result.Rows, err, result.Errors)
				}
			}
			b.ReportMetric(float64(rows*b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
