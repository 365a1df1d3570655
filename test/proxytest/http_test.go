package proxytest_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rowshift/test/proxytest"
)

// world is a server behind a proxy. The server answers with ten bytes.
type world struct {
	proxy  *proxytest.HTTP
	client *http.Client
	served atomic.Int32
	host   atomic.Value
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{}
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return
		}
		w.served.Add(1)
		w.host.Store(r.Host)
		_, _ = io.WriteString(rw, "0123456789")
	}))
	t.Cleanup(server.Close)
	w.proxy = proxytest.StartHTTP(t, server.URL)
	transport := &http.Transport{DisableKeepAlives: true}
	w.client = &http.Client{Transport: transport, Timeout: 10 * time.Second}
	return w
}

// get sends a request and returns the answer's status and body, or the error of either.
func (w *world) get(method, path string) (int, string, error) {
	req, err := http.NewRequestWithContext(context.Background(), method, w.proxy.URL()+path, strings.NewReader("request body"))
	if err != nil {
		return 0, "", err
	}
	resp, err := w.client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body), err
}

func (w *world) mustPass(t *testing.T) {
	t.Helper()
	if status, body, err := w.get("PUT", "/b/k"); status != 200 || body != "0123456789" || err != nil {
		t.Errorf("got %d %q %v", status, body, err)
	}
}

func TestHTTPPassesRequests(t *testing.T) {
	w := newWorld(t)
	w.mustPass(t)
	if want := strings.TrimPrefix(w.proxy.URL(), "http://"); w.host.Load() != want {
		t.Errorf("Host was %v, the client said %s", w.host.Load(), want)
	}
	if diff := cmp.Diff([]string{"PUT /b/k"}, w.proxy.Requests()); diff != "" {
		t.Error(diff)
	}
}

func TestHTTPAnswersItself(t *testing.T) {
	w := newWorld(t)
	puts := func(r *http.Request) bool { return r.Method == http.MethodPut }
	w.proxy.Add(proxytest.Rule{Match: puts, Times: 2, Status: 503, Code: "SlowDown"})
	if status, _, err := w.get("GET", "/b/k"); status != 200 || err != nil {
		t.Errorf("a request that does not match: %d %v", status, err)
	}
	for range 2 {
		if status, body, err := w.get("PUT", "/b/k"); status != 503 || !strings.Contains(body, "<Code>SlowDown</Code>") || err != nil {
			t.Errorf("got %d %q %v", status, body, err)
		}
	}
	w.mustPass(t)
	if n := w.served.Load(); n != 2 {
		t.Errorf("the server did %d requests", n)
	}
	w.proxy.Add(proxytest.Rule{Status: 403, Code: "AccessDenied"})
	if status, _, _ := w.get("GET", "/"); status != 403 {
		t.Errorf("got %d", status)
	}
	w.proxy.Clear()
	w.mustPass(t)
}

func TestHTTPLosesTheAnswer(t *testing.T) {
	w := newWorld(t)
	w.proxy.Add(proxytest.Rule{Times: 1, Lose: true})
	if status, _, err := w.get("PUT", "/b/k"); err == nil {
		t.Errorf("got %d", status)
	}
	if n := w.served.Load(); n != 1 {
		t.Errorf("the server did %d requests", n)
	}
	w.mustPass(t)
}

func TestHTTPCutsBodies(t *testing.T) {
	w := newWorld(t)
	w.proxy.Add(proxytest.Rule{Times: 1, CutDown: 4})
	if _, body, err := w.get("GET", "/b/k"); err == nil || len(body) > 4 {
		t.Errorf("a cut answer: %q %v", body, err)
	}
	served := w.served.Load()
	w.proxy.Add(proxytest.Rule{Times: 1, CutUp: 4})
	if status, _, err := w.get("PUT", "/b/k"); err == nil {
		t.Errorf("a cut request was answered: %d", status)
	}
	if w.served.Load() != served {
		t.Error("the server served a cut request")
	}
	w.mustPass(t)
}

func TestHTTPHolds(t *testing.T) {
	w := newWorld(t)
	hold := make(chan struct{})
	w.proxy.Add(proxytest.Rule{Times: 1, Hold: hold})
	done := make(chan error, 1)
	go func() {
		_, _, err := w.get("GET", "/b/k")
		done <- err
	}()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for len(w.proxy.Requests()) == 0 {
		<-tick.C
	}
	select {
	case err := <-done:
		t.Fatalf("a held request ended: %v", err)
	default:
	}
	close(hold)
	if err := <-done; err != nil {
		t.Error(err)
	}
}
