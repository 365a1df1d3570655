package bucket

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"rowshift/replicator"
	"rowshift/test/s3test"
)

// server is the S3 of all tests. Each test has a bucket of its own.
var server = s3test.Shared{Options: s3test.Options{SecretKey: secretKey}}

func TestMain(m *testing.M) {
	defer server.Close()
	m.Run()
}

// secretKey must not show in errors.
const secretKey = "a-secret-that-must-not-show"

// world is a bucket. A stager writes to it through a proxy that can fail; the test reads it
// without the proxy.
type world struct {
	t      testing.TB
	server *s3test.Server
	bucket string
	proxy  *proxy
}

var buckets atomic.Int64

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, server: server.Server(t), bucket: fmt.Sprint("acme-", buckets.Add(1)), proxy: &proxy{}}
	w.proxy.start(t, w.server.Endpoint())
	cleanEnvironment(t)
	if _, err := w.server.Client().CreateBucket(context.Background(), &s3.CreateBucketInput{Bucket: &w.bucket}); err != nil {
		t.Fatal(err)
	}
	return w
}

// stager returns a stager for this world.
func (w *world) stager(alter func(*Options)) *Stager {
	w.t.Helper()
	o := Options{URL: w.url("prefix"), Pipeline: "accounts", Region: w.server.Region, Endpoint: w.proxy.url, Attempts: 3,
		Credentials: credentials.NewStaticCredentialsProvider(w.server.AccessKey, w.server.SecretKey, "")}
	if alter != nil {
		alter(&o)
	}
	s, err := New(context.Background(), o)
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// url returns the URL of a key.
func (w *world) url(key string) string { return "s3://" + w.bucket + "/" + key }

// keys lists the bucket.
func (w *world) keys() []string {
	w.t.Helper()
	var keys []string
	pages := s3.NewListObjectsV2Paginator(w.server.Client(), &s3.ListObjectsV2Input{Bucket: &w.bucket})
	for pages.HasMorePages() {
		page, err := pages.NextPage(context.Background())
		if err != nil {
			w.t.Fatal(err)
		}
		for _, o := range page.Contents {
			keys = append(keys, *o.Key)
		}
	}
	return keys
}

// read returns an object by its URL.
func (w *world) read(url string) []byte {
	w.t.Helper()
	key, ok := strings.CutPrefix(url, w.url(""))
	if !ok {
		w.t.Fatalf("%q is not in the bucket", url)
	}
	object, err := w.server.Client().GetObject(context.Background(), &s3.GetObjectInput{Bucket: &w.bucket, Key: &key})
	if err != nil {
		w.t.Fatal(err)
	}
	defer object.Body.Close()
	content, err := io.ReadAll(object.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return content
}

// write puts an object past the stager.
func (w *world) write(key string) {
	w.t.Helper()
	if _, err := w.server.Client().PutObject(context.Background(), &s3.PutObjectInput{Bucket: &w.bucket, Key: &key, Body: strings.NewReader("x")}); err != nil {
		w.t.Fatal(err)
	}
}

// rows reads files as COPY does: the manifest, and then the objects that it names, whose lengths
// it checks.
func (w *world) rows(f replicator.Files) []string {
	w.t.Helper()
	var m struct {
		Entries []struct {
			URL       string
			Mandatory bool
			Meta      struct {
				Length int `json:"content_length"`
			}
		}
	}
	if err := json.Unmarshal(w.read(f.Manifest), &m); err != nil {
		w.t.Fatal(err)
	}
	var rows []string
	var size int64
	for _, e := range m.Entries {
		content := w.read(e.URL)
		if !e.Mandatory || e.Meta.Length != len(content) {
			w.t.Errorf("%s: mandatory %v, length %d of %d", e.URL, e.Mandatory, e.Meta.Length, len(content))
		}
		size += int64(len(content))
		for _, row := range parse(w.t, w.expand(f.Compression, content), f.Null) {
			rows = append(rows, show(row))
		}
	}
	if int64(len(rows)) != f.Rows || size != f.Bytes || len(f.Objects) != len(m.Entries)+1 {
		w.t.Errorf("%d rows, %d bytes, %d objects; the files say %d, %d, %d objects", len(rows), size, len(m.Entries), f.Rows, f.Bytes, len(f.Objects))
	}
	return rows
}

func (w *world) expand(compression string, content []byte) []byte {
	w.t.Helper()
	var r io.Reader
	var err error
	switch compression {
	case "ZSTD":
		r, err = zstd.NewReader(bytes.NewReader(content))
	case "GZIP":
		r, err = gzip.NewReader(bytes.NewReader(content))
	default:
		w.t.Fatalf("compression %q", compression)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	expanded, err := io.ReadAll(r)
	if err != nil {
		w.t.Fatal(err)
	}
	return expanded
}
