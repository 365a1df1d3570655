package bucket

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"rowshift/replicator"
)

const (
	accessKey = "rowshift"
	secretKey = "a-secret-that-must-not-show"
)

// world is a bucket that a stager writes to through a proxy that can fail, and that
// the test reads without it.
type world struct {
	t      *testing.T
	proxy  *proxy
	client *s3.Client // of the test
}

func newWorld(t *testing.T) *world {
	t.Helper()
	cleanEnvironment(t)
	target := gateway(t)
	w := &world{t: t, proxy: &proxy{}}
	w.client = s3.New(s3.Options{Region: "us-east-1", BaseEndpoint: aws.String(target), UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(accessKey, secretKey, "")})
	w.proxy.start(t, target)
	if _, err := w.client.CreateBucket(context.Background(), &s3.CreateBucketInput{Bucket: aws.String("acme")}); err != nil {
		t.Fatal(err)
	}
	return w
}

// stager returns one of this world.
func (w *world) stager(alter func(*Options)) *Stager {
	w.t.Helper()
	o := Options{URL: "s3://acme/prefix", Pipeline: "accounts", Region: "us-east-1", Endpoint: w.proxy.url, Attempts: 3,
		Credentials: credentials.NewStaticCredentialsProvider(accessKey, secretKey, "")}
	if alter != nil {
		alter(&o)
	}
	s, err := New(context.Background(), o)
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// keys lists the bucket.
func (w *world) keys() []string {
	w.t.Helper()
	var keys []string
	pages := s3.NewListObjectsV2Paginator(w.client, &s3.ListObjectsV2Input{Bucket: aws.String("acme")})
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
	key, ok := strings.CutPrefix(url, "s3://acme/")
	if !ok {
		w.t.Fatalf("%q is not in the bucket", url)
	}
	object, err := w.client.GetObject(context.Background(), &s3.GetObjectInput{Bucket: aws.String("acme"), Key: &key})
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

// write puts an object beside the stager.
func (w *world) write(key string) {
	w.t.Helper()
	if _, err := w.client.PutObject(context.Background(), &s3.PutObjectInput{Bucket: aws.String("acme"), Key: &key, Body: strings.NewReader("x")}); err != nil {
		w.t.Fatal(err)
	}
}

// rows reads files as COPY does: the manifest, and the parts that it names, whose
// lengths it checks.
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
		w.t.Errorf("%d rows, %d bytes, %d parts; the files say %d, %d, %d objects", len(rows), size, len(m.Entries), f.Rows, f.Bytes, len(f.Objects))
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

// gateway starts an S3 server and returns its URL.
func gateway(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	home, _ := os.UserHomeDir()
	c := exec.Command(home+"/.cache/rowshift/bin/versitygw", "--quiet", "--keep-alive", "--port", address, "--access", accessKey, "--secret", secretKey, "posix", t.TempDir())
	if err := c.Start(); err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	deadline := time.Now().Add(20 * time.Second)
	for {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
			return "http://" + address
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// fault is what a proxy does to a request, once for each time it is set.
type fault string

const (
	busy   fault = "503"
	denied fault = "403"
	reset  fault = "reset"
	cut    fault = "cut"  // half of the body arrives, then the connection is reset
	lost   fault = "lost" // the request is done, its answer is not
	stall  fault = "stall"
)

// proxy passes requests to a server, but for those that its rule picks.
type proxy struct {
	url string

	mu      sync.Mutex
	rule    func(*http.Request) fault
	hits    int
	headers []http.Header // of all puts
}

// fail sets the rule by which requests fail, nil for none.
func (p *proxy) fail(rule func(*http.Request) fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rule, p.hits = rule, 0
}

// failures returns how many requests failed by the rule.
func (p *proxy) failures() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.hits
}

func (p *proxy) judge(r *http.Request) fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.Method == http.MethodPut {
		p.headers = append(p.headers, r.Header.Clone())
	}
	if p.rule == nil {
		return ""
	}
	f := p.rule(r)
	if f != "" {
		p.hits++
	}
	return f
}

func (p *proxy) start(t *testing.T, target string) {
	t.Helper()
	to, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	pass := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to)
		r.Out.Host = r.In.Host
	}}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch f := p.judge(r); f {
		case "":
			pass.ServeHTTP(w, r)
		case busy:
			refuse(w, r, 503, "SlowDown")
		case denied:
			refuse(w, r, 403, "AccessDenied")
		case lost:
			pass.ServeHTTP(nullWriter{http.Header{}}, r)
			hangUp(w)
		case cut:
			_, _ = io.CopyN(io.Discard, r.Body, r.ContentLength/2)
			hangUp(w)
		case reset:
			hangUp(w)
		case stall:
			_, _ = io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
		}
	})}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { server.Close() })
	p.url = "http://" + l.Addr().String()
}

func refuse(w http.ResponseWriter, r *http.Request, status int, code string) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.WriteHeader(status)
	_, _ = io.WriteString(w, "<Error><Code>"+code+"</Code><Message>by the test</Message></Error>")
}

// hangUp resets the connection.
func hangUp(w http.ResponseWriter) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	_ = conn.(*net.TCPConn).SetLinger(0)
	conn.Close()
}

type nullWriter struct{ header http.Header }

func (n nullWriter) Header() http.Header         { return n.header }
func (n nullWriter) Write(b []byte) (int, error) { return len(b), nil }
func (n nullWriter) WriteHeader(int)             {}
