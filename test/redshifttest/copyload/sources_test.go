package copyload_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"rowshift/test/redshifttest/copyload"
)

// manifestOf returns a manifest of keys in bucket b. A key that begins with '?' is
// optional.
func manifestOf(keys ...string) []byte {
	var entries []string
	for _, key := range keys {
		name, optional := strings.CutPrefix(key, "?")
		entry := fmt.Sprintf(`{"url":"s3://b/%s","mandatory":true,"meta":{"content_length":9}}`, name)
		if optional {
			entry = fmt.Sprintf(`{"url":"s3://b/%s"}`, name)
		}
		entries = append(entries, entry)
	}
	return []byte(`{"entries":[` + strings.Join(entries, ",") + `]}`)
}

func sourceSpec(from string, manifest bool) copyload.Spec {
	return copyload.Spec{Table: "t", From: from, Manifest: manifest, Format: copyload.CSV, Columns: texts(1), Query: 42, PID: 7}
}

//
func TestSources(t *testing.T) {
	files := map[string][]byte{"x1": []byte("one\n"), "x2": []byte("two"), "y": []byte("three\n")}
	for name, c := range map[string]struct {
		spec     copyload.Spec
		manifest []byte
		broken   map[string]error
		want     string // what is written, or
		message  string // of the error, and
		detail   string // in its details
	}{
		"a prefix":                  {spec: sourceSpec("s3://b/x", false), want: "one\ntwo\n"},
		"a prefix of none":          {spec: sourceSpec("s3://b/z", false), message: "The specified S3 prefix 'z' does not exist", detail: "code:      8001"},
		"a prefix not to be listed": {spec: sourceSpec("s3://b/x", false), broken: map[string]error{"x": copyload.ErrAccessDenied}, message: "S3ServiceException:Access Denied,Status 403,Error AccessDenied"},
		"a manifest":                {spec: sourceSpec("s3://b/m", true), manifest: manifestOf("y", "x1"), want: "three\none\n"},
		"an entry twice":            {spec: sourceSpec("s3://b/m", true), manifest: manifestOf("y", "y"), want: "three\nthree\n"},
		"optional and missing":      {spec: sourceSpec("s3://b/m", true), manifest: manifestOf("?gone", "y"), want: "three\n"},
		"all missing":               {spec: sourceSpec("s3://b/m", true), manifest: manifestOf("?gone"), message: "none of the manifest's files was found"},
		"no entries":                {spec: sourceSpec("s3://b/m", true), manifest: manifestOf(), message: "none of the manifest's files was found"},
		"mandatory and missing":     {spec: sourceSpec("s3://b/m", true), manifest: manifestOf("y", "gone"), message: "Mandatory url is not present in manifest file.", detail: "S3 key being read : s3://b/gone"},
		"an entry forbidden":        {spec: sourceSpec("s3://b/m", true), manifest: manifestOf("y"), broken: map[string]error{"y": copyload.ErrAccessDenied}, message: "S3ServiceException:Access Denied,Status 403"},
		"an entry is a folder":      {spec: sourceSpec("s3://b/m", true), manifest: manifestOf("dir/"), message: "COPY with MANIFEST parameter requires full path of an S3 object."},
		"an entry is no S3 URL":     {spec: sourceSpec("s3://b/m", true), manifest: []byte(`{"entries":[{"url":"http://b/k"}]}`), message: "requires full path"},
		"no manifest there":         {spec: sourceSpec("s3://b/m", true), message: "Problem reading manifest file - S3ServiceException:The specified key does not exist.,Status 404,Error NoSuchKey"},
		"manifest forbidden":        {spec: sourceSpec("s3://b/m", true), broken: map[string]error{"m": copyload.ErrAccessDenied}, message: "COPY with MANIFEST parameter requires full path of an S3 object."},
		"manifest is a folder":      {spec: sourceSpec("s3://b/dir/", true), message: "requires full path"},
		"manifest is a bucket":      {spec: sourceSpec("s3://b", true), message: "requires full path"},
		"manifest is not JSON":      {spec: sourceSpec("s3://b/m", true), manifest: []byte("one\n"), message: "Problem reading manifest file - [stand-in]"},
		"wrong region":              {spec: sourceSpec("s3://b/m", true), broken: map[string]error{"m": copyload.ErrWrongRegion}, message: "must be addressed using the specified endpoint"},
		"no bucket":                 {spec: sourceSpec("s3://b/m", true), broken: map[string]error{"m": copyload.ErrNoSuchBucket}, message: "Error NoSuchBucket"},
		"not from S3":               {spec: sourceSpec("dynamodb://x", false), message: "[stand-in] COPY FROM takes 's3://bucket/key' only"},
	} {
		t.Run(name, func(t *testing.T) {
			store := &shelf{objects: map[string][]byte{}, broken: c.broken}
			for key, content := range files {
				if c.broken[key] == nil {
					store.objects[key] = content
				}
			}
			if c.manifest != nil {
				store.objects["m"] = c.manifest
			}
			var out bytes.Buffer
			_, err := copyload.Load(t.Context(), c.spec, store, &out)
			if c.message == "" {
				if err != nil || out.String() != c.want {
					t.Errorf("wrote %q, want %q; %v", out.String(), c.want, err)
				}
				return
			}
			var failed *copyload.Error
			if !errors.As(err, &failed) || !strings.Contains(failed.Message, c.message) || !strings.Contains(failed.Detail, c.detail) {
				t.Fatalf("error %v, want %q with %q", err, c.message, c.detail)
			}
			if failed.SQLState == "XX000" && (!strings.Contains(failed.Detail, "query:     42") || !strings.Contains(failed.Detail, "[pid=7]")) {
				t.Errorf("details:\n%s", failed.Detail)
			}
		})
	}
}

//
func TestCompressions(t *testing.T) {
	text := strings.Repeat("some text\n", 1000)
	half := len(gzipped(t, text)) / 2
	// Three lines, packed in advance, since the standard library cannot write bzip2.
	bzipped := []byte("\x42\x5a\x68\x39\x31\x41\x59\x26\x53\x59\x3e\xbd\xe0\x2c\x00\x00\x0a\x51\x80\x00\x10\x40\x00\x02\x02\x8c\x40\x20\x00\x22\xbf\xd5\x23\x1a\x84\x30\x23\x5e\x5b\xac\x6b\x11\x11\xf1\x77\x24\x53\x85\x09\x03\xeb\xde\x02\xc0")
	for name, c := range map[string]struct {
		compression copyload.Compression
		content     []byte
		rows        int64 // -1: the COPY fails
	}{
		"gzip":               {copyload.GZIP, gzipped(t, text), 1000},
		"gzip in two parts":  {copyload.GZIP, append(gzipped(t, text), gzipped(t, text)...), 2000},
		"gzip cut off":       {copyload.GZIP, gzipped(t, text)[:half], -1},
		"gzip that is none":  {copyload.GZIP, []byte(text), -1},
		"gzip of nothing":    {copyload.GZIP, nil, -1},
		"zstd":               {copyload.ZSTD, zstandard(t, text), 1000},
		"zstd in two parts":  {copyload.ZSTD, append(zstandard(t, text), zstandard(t, text)...), 2000},
		"zstd cut off":       {copyload.ZSTD, zstandard(t, text)[:20], -1},
		"zstd that is none":  {copyload.ZSTD, []byte(text), -1},
		"bzip2 that is none": {copyload.BZIP2, []byte(text), -1},
		"bzip2":              {copyload.BZIP2, bzipped, 3},
		"bzip2 cut off":      {copyload.BZIP2, bzipped[:30], -1},
	} {
		spec := sourceSpec("s3://b/k", false)
		spec.Compression = c.compression
		var out bytes.Buffer
		result, err := copyload.Load(t.Context(), spec, &shelf{objects: map[string][]byte{"k": c.content}}, &out)
		var failed *copyload.Error
		switch {
		case c.rows < 0:
			if !errors.As(err, &failed) || failed.SQLState != "XX000" {
				t.Errorf("%s: %v", name, err)
			}
		case err != nil || result.Rows != c.rows || result.Files[0].Bytes != int64(len(c.content)):
			t.Errorf("%s: %+v, %v", name, result, err)
		}
	}
}

func TestBrokenStreams(t *testing.T) {
	store := &shelf{objects: map[string][]byte{"k": []byte("one\ntw")}, broken: map[string]error{"k": errors.New("reset by peer")}}
	spec := sourceSpec("s3://b/m", true)
	store.objects["m"] = manifestOf("k")
	var failed *copyload.Error
	if _, err := copyload.Load(t.Context(), spec, store, &bytes.Buffer{}); !errors.As(err, &failed) || !strings.Contains(failed.Message, "reset by peer") {
		t.Errorf("a stream that breaks: %v", err)
	}
	full := errors.New("disk full")
	store.broken = nil
	if _, err := copyload.Load(t.Context(), spec, store, refusing{full}); !errors.Is(err, full) || errors.As(err, &failed) {
		t.Errorf("a writer that fails: %v", err)
	}
	stop := errors.New("stop")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(stop)
	store.broken = map[string]error{"k": context.Canceled}
	if _, err := copyload.Load(ctx, spec, store, &bytes.Buffer{}); !errors.Is(err, stop) {
		t.Errorf("a COPY that is stopped: %v", err)
	}
}

type refusing struct{ err error }

func (r refusing) Write([]byte) (int, error) { return 0, r.err }

//
func TestOptionsThatDoNotGo(t *testing.T) {
	marker, lineFeed := "x", "\n"
	super := []copyload.Column{ofType("s", copyload.Type{Kind: copyload.Super})}
	identity := texts(1)
	identity[0].Identity = true
	for want, spec := range map[string]copyload.Spec{
		"needs columns":          {},
		"MAXERROR":               {Columns: texts(1), MaxError: 100_001},
		"IGNOREHEADER":           {Columns: texts(1), IgnoreHeader: -1},
		"with DATEFORMAT":        {Columns: texts(1), AcceptAnyDate: true},
		"DATEFORMAT 'AUTO'":      {Columns: texts(1), DateFormat: "AUTO"},
		"DATEFORMAT 'epochsecs'": {Columns: texts(1), DateFormat: "epochsecs"},
		"TIMEFORMAT 'YYYY TZ'":   {Columns: texts(1), TimeFormat: "YYYY TZ"},
		"EXPLICIT_IDS":           {Columns: identity},
		"ASCII":                  {Columns: texts(1), Delimiter: 0xe9},
		"line's end":             {Columns: texts(1), Format: copyload.CSV, Quote: ','},
		`NULL AS may not be`:     {Columns: texts(1), NullAs: &lineFeed},
		"JSON goes without":      {Columns: texts(1), Format: copyload.JSON, NullAs: &marker},
		"'noshred'":              {Columns: append(super, super...), Format: copyload.JSON, JSONMode: copyload.JSONNoShred},
	} {
		_, _, err := loadText(t, spec, "x\n")
		var failed *copyload.Error
		if !errors.As(err, &failed) || failed.SQLState != "42601" || !strings.Contains(failed.Message, want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	identity[0].Identity, identity[0].Name = true, "id"
	if _, _, err := loadText(t, copyload.Spec{Columns: identity, ExplicitIDs: true}, "7\n"); err != nil {
		t.Errorf("EXPLICIT_IDS: %v", err)
	}
}
