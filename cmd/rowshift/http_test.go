package main

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"rowshift/replicator"

	"github.com/prometheus/client_golang/prometheus"
)

// get sends a request to a handler.
func get(t *testing.T, h http.Handler, method, path string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, path, nil))
	return w
}

func TestEndpoints(t *testing.T) {
	r, s, l := world(t)
	h := endpoints("accounts", s, r)
	ready := func(code int) readiness {
		t.Helper()
		w := get(t, h, "GET", "/readyz")
		var answer readiness
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
			t.Fatal(err)
		}
		if w.Code != code || answer.Ready != (code == 200) || w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("/readyz is %d: %s; want %d", w.Code, w.Body, code)
		}
		return answer
	}

	answer := ready(200)
	if answer.Pipeline != "accounts" || answer.State != streaming || answer.Epoch != 3 || answer.LSN.Merged != "0/2000" || answer.LSN.Received != "0/3000" ||
		len(answer.Tables) != 1 || answer.Tables[0] != (tableReadiness{Table: "public.company", State: "live"}) {
		t.Errorf("/readyz says %+v", answer)
	}

	l.Restarted(replicator.Restart{Cause: errors.New("no route to the source")})
	if answer := ready(503); answer.State != restarting || answer.Why != "no route to the source" {
		t.Errorf("/readyz says %+v", answer)
	}

	l.Halted(&replicator.Halt{Reason: replicator.SlotMissing, Found: "there is no slot", Means: "what lies between is lost", Repair: "rowshift ..."})
	answer = ready(503)
	if answer.State != halted || answer.Halt == nil || *answer.Halt != (haltAnswer{"slot_missing", "there is no slot", "what lies between is lost", "rowshift ..."}) {
		t.Errorf("/readyz says %+v", answer)
	}

	l.Waiting("the slot")
	if answer := ready(200); answer.State != waiting || answer.Halt != nil || answer.LagSeconds != nil || answer.LagBytes != nil || answer.LSN != nil {
		t.Errorf("/readyz says %+v", answer)
	}
}

// /healthz answers 200 whatever the daemon is doing, even while it is halted.
func TestHealthDependsOnNothing(t *testing.T) {
	s := newState(time.Now())
	h := endpoints("accounts", s, prometheus.NewRegistry())
	l := s.listener()
	for _, do := range []func(){
		func() {},
		func() { l.Waiting("the slot") },
		func() { l.Restarted(replicator.Restart{Cause: errors.New("x")}) },
		func() { l.Halted(&replicator.Halt{Reason: replicator.SlotLost}) },
	} {
		do()
		if w := get(t, h, "GET", "/healthz"); w.Code != 200 {
			t.Errorf("%s: /healthz is %d", s.snapshot().state, w.Code)
		}
	}
}

func TestEndpointsTakeNothing(t *testing.T) {
	h := endpoints("accounts", newState(time.Now()), prometheus.NewRegistry())
	for _, c := range []struct {
		method, path string
		code         int
	}{
		{"POST", "/healthz", 405}, {"DELETE", "/readyz", 405}, {"POST", "/metrics", 405}, {"GET", "/", 404}, {"GET", "/debug/pprof/", 404},
	} {
		if w := get(t, h, c.method, c.path); w.Code != c.code {
			t.Errorf("%s %s is %d, want %d", c.method, c.path, w.Code, c.code)
		}
	}
}

func TestServe(t *testing.T) {
	r, s, _ := world(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	stop := serve(l, endpoints("accounts", s, r), func(err error) { t.Error(err) })
	response, err := http.Get("http://" + l.Addr().String() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	response.Body.Close()
	if err != nil || !strings.Contains(string(body), "rowshift_lag_seconds 0") || !strings.Contains(string(body), "go_goroutines") {
		t.Errorf("%v: %s", err, body)
	}
	stop()
	if _, err := http.Get("http://" + l.Addr().String() + "/healthz"); err == nil {
		t.Error("it answers after the end")
	}
}
