package bucket

import (
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"testing"
)

// fault is what a proxy does to a request, once for each time it is set.
type fault string

const (
	busy   fault = "503"
	denied fault = "403"
	reset  fault = "reset"
	cut    fault = "cut"  // half of the body arrives, then the connection is reset
	lost   fault = "lost" // the request is done, its answer is not
	stall  fault = "stall"

	versioned fault = "versioned" // it is done, and the answer is that of a bucket with versions
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

func (p *proxy) start(t testing.TB, target string) {
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
		case versioned:
			w.Header().Set("X-Amz-Version-Id", "3sL4kqtJlcpXroDTDmJ")
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
