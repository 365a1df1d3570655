package copyload_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"rowshift/test/redshifttest/copyload"
)

// shelf is a Store in memory, with one bucket. Reading a key in broken fails halfway.
type shelf struct {
	objects map[string][]byte
	broken  map[string]error
}

func (s *shelf) Open(_ context.Context, o copyload.Object) (io.ReadCloser, error) {
	if err, ok := s.broken[o.Key]; ok && len(s.objects[o.Key]) == 0 {
		return nil, err
	}
	content, ok := s.objects[o.Key]
	if !ok {
		return nil, copyload.ErrNoSuchKey
	}
	var r io.Reader = bytes.NewReader(content)
	if err, ok := s.broken[o.Key]; ok {
		r = io.MultiReader(r, &failing{err})
	}
	return io.NopCloser(r), nil
}

type failing struct{ err error }

func (f *failing) Read([]byte) (int, error) { return 0, f.err }

func (s *shelf) List(_ context.Context, o copyload.Object) ([]copyload.Object, error) {
	if err, ok := s.broken[o.Key]; ok {
		return nil, err
	}
	var all []copyload.Object
	for key := range s.objects {
		if strings.HasPrefix(key, o.Key) {
			all = append(all, copyload.Object{Bucket: o.Bucket, Key: key})
		}
	}
	slices.SortFunc(all, func(a, b copyload.Object) int { return strings.Compare(a.Key, b.Key) })
	return all, nil
}

func gzipped(t testing.TB, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zstandard(t testing.TB, text string) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	return w.EncodeAll([]byte(text), nil)
}

// ofType returns a column that takes NULL.
func ofType(name string, t copyload.Type) copyload.Column {
	return copyload.Column{Name: name, Type: t}
}

// texts returns n wide VARCHAR columns named a, b, c, ...
func texts(n int) []copyload.Column {
	columns := make([]copyload.Column, n)
	for i := range columns {
		columns[i] = ofType(string(rune('a'+i)), copyload.Type{Kind: copyload.Varchar, Length: 65535})
	}
	return columns
}

// loadText loads one file of text and returns what was written.
func loadText(t testing.TB, spec copyload.Spec, text string) (string, copyload.Result, error) {
	t.Helper()
	spec.From = "s3://b/k"
	if spec.Table == "" {
		spec.Table = "t"
	}
	var out bytes.Buffer
	result, err := copyload.Load(t.Context(), spec, &shelf{objects: map[string][]byte{"k": []byte(text)}}, &out)
	return out.String(), result, err
}

// refusal runs a load that must end with one refused row, and returns that.
func refusal(t *testing.T, spec copyload.Spec, text string) copyload.LoadError {
	t.Helper()
	_, result, err := loadText(t, spec, text)
	var failed *copyload.Error
	if !errors.As(err, &failed) || failed.SQLState != "XX000" ||
		failed.Message != "Load into table 't' failed.  Check 'stl_load_errors' system table for details." {
		t.Fatalf("%q: the COPY ended with %v", text, err)
	}
	if len(result.Errors) != 1 {
		t.Fatalf("%q: %d refused rows", text, len(result.Errors))
	}
	return result.Errors[0]
}
