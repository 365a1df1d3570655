package proxytest

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"testing"
)

// Rule is a fault of HTTP. It acts on the requests that Match accepts (nil: all), Times
// times (0: until Clear). If several rules apply, only the first one acts. A rule sets
// one fault.
type Rule struct {
	Match func(*http.Request) bool
	Times int

	// Status answers the request in place of the server. The body is an error in S3's
	// form (https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html) with
	// the code Code.
	Status int
	Code   string
	// Lose lets the server do the work and resets the connection instead of answering.
	Lose bool
	// CutUp and CutDown, when positive, reset the connection after that many
	// bytes of the request's or the answer's body.
	CutUp, CutDown int64
	// Hold, when set, delays the request until the channel is closed or the client gives
	// up.
	Hold <-chan struct{}
}

// HTTP forwards requests to one server. It keeps the Host header, which S3's signatures
// cover.
type HTTP struct {
	server *httptest.Server
	proxy  *httputil.ReverseProxy

	mu       sync.Mutex
	rules    []*Rule
	requests []string
}

// NewHTTP listens for requests and forwards them to target, an http:// URL.
func NewHTTP(target string) (*HTTP, error) {
	to, err := url.Parse(target)
	if err != nil {
		return nil, fmt.Errorf("proxytest: %w", err)
	}
	p := &HTTP{}
	p.proxy = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.Out.Host = r.In.Host
		},
		ErrorLog:     log.New(io.Discard, "", 0), // faults are intended here
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
		ModifyResponse: func(r *http.Response) error {
			if rule := ruleOf(r.Request); rule != nil && rule.CutDown > 0 {
				r.Body = &shortBody{ReadCloser: r.Body, left: rule.CutDown}
			}
			return nil
		},
		Transport: &http.Transport{DisableCompression: true},
	}
	p.server = httptest.NewUnstartedServer(p)
	p.server.Config.ErrorLog = p.proxy.ErrorLog
	p.server.Start()
	return p, nil
}

// StartHTTP is NewHTTP for a test.
func StartHTTP(t testing.TB, target string) *HTTP {
	t.Helper()
	p, err := NewHTTP(target)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// URL returns the address for clients.
func (p *HTTP) URL() string { return p.server.URL }

// Add adds a rule after the existing ones.
func (p *HTTP) Add(rule Rule) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rules = append(p.rules, &rule)
}

// Clear removes all rules.
func (p *HTTP) Clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rules = nil
}

// Requests returns the requests so far, in the form "PUT /bucket/key".
func (p *HTTP) Requests() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string{}, p.requests...)
}

// Close ends all connections and stops listening.
func (p *HTTP) Close() {
	p.server.CloseClientConnections()
	p.server.Close()
	p.proxy.Transport.(*http.Transport).CloseIdleConnections()
}

// due records the request and returns the rule that applies to it, or nil.
func (p *HTTP) due(r *http.Request) *Rule {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests = append(p.requests, r.Method+" "+r.URL.Path)
	for i, rule := range p.rules {
		if rule.Match != nil && !rule.Match(r) {
			continue
		}
		switch rule.Times {
		case 0:
		case 1:
			p.rules = append(p.rules[:i:i], p.rules[i+1:]...)
		default:
			rule.Times--
		}
		return rule
	}
	return nil
}

// ServeHTTP implements http.Handler.
func (p *HTTP) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rule := p.due(r)
	switch {
	case rule == nil:
	case rule.Status != 0:
		rule.answer(w, r)
		return
	case rule.Lose:
		p.proxy.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	case rule.CutUp > 0:
		r.Body = &shortBody{ReadCloser: r.Body, left: rule.CutUp}
	case rule.CutDown > 0:
		r = r.WithContext(withRule(r.Context(), rule))
	case rule.Hold != nil:
		select {
		case <-rule.Hold:
		case <-r.Context().Done():
			return
		}
	}
	p.proxy.ServeHTTP(w, r)
}

func (rule *Rule) answer(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body) // a client that is cut off while it sends never sees the answer
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(rule.Status)
	if r.Method != http.MethodHead {
		fmt.Fprintf(w, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>%s</Code><Message>by proxytest</Message></Error>", rule.Code)
	}
}

var errCut = errors.New("proxytest: cut")

// shortBody is a body that fails after a number of bytes.
type shortBody struct {
	io.ReadCloser
	left int64
}

func (b *shortBody) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, errCut
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}
