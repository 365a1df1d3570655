package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"rowshift/replicator"
	"rowshift/schema"
	"rowshift/sink/redshift"

	"github.com/prometheus/client_golang/prometheus"
)

func TestFindingsArePrinted(t *testing.T) {
	findings := []replicator.Finding{
		{Subject: "source: wal_level", Verdict: replicator.Fine, Found: "logical"},
		{Subject: "source: slots", Verdict: replicator.Failure, Found: "0 of 10 free", Repair: "ALTER SYSTEM SET max_replication_slots = 20;\nthen restart the server"},
		{Subject: "source: max_slot_wal_keep_size", Verdict: replicator.Warning, Found: "no limit", Repair: "ALTER SYSTEM SET max_slot_wal_keep_size = '64GB';"},
		{Subject: "bucket: put", Verdict: replicator.Unasked, Found: "no answer"},
	}
	var b bytes.Buffer
	printFindings(&b, findings)
	golden(t, "check.txt", b.String())
	if warnings, bad := verdicts(findings); warnings != 1 || bad != 2 {
		t.Errorf("%d warnings, %d bad", warnings, bad)
	}
	if _, bad := verdicts(findings[:1]); bad != 0 {
		t.Errorf("%d of a fine finding are bad", bad)
	}
}

func TestPlanIsPrinted(t *testing.T) {
	var b bytes.Buffer
	printPlan(&b, "source postgres://rowshift@db.internal:5432/app", []string{
		"-- tables without a key are left out", "CREATE PUBLICATION p FOR TABLE public.company (id)", "SELECT pg_create_logical_replication_slot('s', 'pgoutput');",
	})
	printPlan(&b, "warehouse postgres://loader@dw.internal:5439/dw", nil)
	golden(t, "plan.txt", b.String())
}

// reported returns what `status` knows of a pipeline that streams.
func reported() (statusReport, *replicator.Checkpoint, slotSighting) {
	s := statusReport{Pipeline: "accounts", DaemonURL: "http://127.0.0.1:9187/readyz"}
	cp := &replicator.Checkpoint{
		Phase: replicator.Streaming, LSN: 0x1000, Epoch: 3, Time: time.Now().Add(-2 * time.Hour),
		Tables: append(company(replicator.Live, nil), company(replicator.Loading, &replicator.LoadState{Loaded: true})...),
	}
	return s, cp, slotSighting{at: time.Now(), exists: true, active: true, status: "reserved", safe: 1 << 30, limited: true, retained: 3 << 20, current: 0x1800}
}

func TestStatusIsPrinted(t *testing.T) {
	s, cp, slot := reported()
	s.remembered(cp, nil)
	s.waits(cp, []redshift.OpenRequest{
		{Kind: "resync", Table: schema.Name{Schema: "public", Table: "company"}, Token: "EQVQ5NQ4", State: "taken", Age: 90 * time.Second},
		{Kind: "reset", Token: "2026-05", State: "requested", Age: 5 * time.Second},
	}, map[uint32]int64{cp.Tables[1].OID: 1200}, nil)
	s.refused(map[schema.Name]int64{{Schema: "public", Table: "company"}: 3}, nil)
	s.saw("rowshift_accounts", cp, slot, nil)
	s.heard(nil, errors.New("connection refused"))
	var b bytes.Buffer
	if err := s.print(&b, false); err != nil {
		t.Fatal(err)
	}
	golden(t, "status.txt", strings.ReplaceAll(b.String(), s.Checkpoint.CommittedAt.Format(time.RFC3339), "2026-11-24T10:00:00Z"))
	if len(s.Problems) != 0 {
		t.Errorf("%q; a daemon that is not reachable from here is none while the slot is active", s.Problems)
	}
}

func TestStatusIsJSON(t *testing.T) {
	s, cp, slot := reported()
	s.remembered(cp, nil)
	s.saw("rowshift_accounts", cp, slot, nil)
	st := newState(time.Now())
	st.listener().Opened(replicator.OpenedPass{Checkpoint: *cp})
	server := httptest.NewServer(endpoints("accounts", st, prometheus.NewRegistry()))
	defer server.Close()
	s.heard(askDaemon(t.Context(), server.URL+"/readyz"))
	var b bytes.Buffer
	if err := s.print(&b, true); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Pipeline   string
		Checkpoint struct {
			LSN, Phase string
			Tables     []struct{ Table, State string }
		}
		Slot struct {
			Status string `json:"wal_status"`
			Lag    int    `json:"lag_bytes"`
			Safe   int    `json:"safe_bytes"`
		}
		Daemon struct {
			State string
			Ready bool
		}
	}
	if err := json.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.Pipeline != "accounts" || got.Checkpoint.LSN != "0/1000" || got.Checkpoint.Phase != "streaming" || len(got.Checkpoint.Tables) != 2 ||
		got.Slot.Status != "reserved" || got.Slot.Lag != 0x800 || got.Slot.Safe != 1<<30 || got.Daemon.State != "streaming" || !got.Daemon.Ready {
		t.Errorf("%s", &b)
	}
}

// TestStatusFindsProblems has everything that makes `status` end with exit code 1.
func TestStatusFindsProblems(t *testing.T) {
	st := newState(time.Now())
	st.listener().Halted(&replicator.Halt{Reason: replicator.SlotAhead, Found: "f", Means: "m", Repair: "r"})
	server := httptest.NewServer(endpoints("accounts", st, prometheus.NewRegistry()))
	defer server.Close()
	for _, c := range []struct {
		do   func(*statusReport, *replicator.Checkpoint, slotSighting)
		want string
	}{
		{func(s *statusReport, _ *replicator.Checkpoint, _ slotSighting) {
			s.remembered(nil, errors.New("no route"))
		}, "the warehouse could not be asked: no route"},
		{func(s *statusReport, _ *replicator.Checkpoint, slot slotSighting) {
			s.saw("x", nil, slot, errors.New("no route"))
		}, "the slot could not be looked at: no route"},
		{func(s *statusReport, cp *replicator.Checkpoint, _ slotSighting) { s.saw("x", cp, slotSighting{}, nil) }, "the slot x is missing: what the warehouse lacks is lost; " + resetHelps},
		{func(s *statusReport, cp *replicator.Checkpoint, slot slotSighting) {
			slot.status = "lost"
			s.saw("x", cp, slot, nil)
		}, "the slot x is lost: the log that it needs is gone; " + resetHelps},
		{func(s *statusReport, cp *replicator.Checkpoint, slot slotSighting) {
			slot.active = false
			s.remembered(cp, nil)
			s.saw("x", cp, slot, nil)
			s.heard(askDaemon(t.Context(), "http://"+closed(t)+"/readyz"))
		}, "nobody replicates: the slot x is not active, and no daemon answers here; start `rowshift run`, unless this is between two runs of `rowshift run --once`"},
		{func(s *statusReport, _ *replicator.Checkpoint, slot slotSighting) {
			slot.active = false
			s.remembered(nil, nil)
			s.saw("x", nil, slot, nil)
			s.heard(nil, errors.New("connection refused"))
		}, "nobody replicates: the slot x is not active, and no daemon answers here; start `rowshift run`, unless this is between two runs of `rowshift run --once`"},
		{func(s *statusReport, cp *replicator.Checkpoint, _ slotSighting) {
			cp.Phase = replicator.Creating
			s.remembered(cp, nil)
			s.saw("x", cp, slotSighting{}, nil)
			s.heard(nil, errors.New("connection refused"))
		}, "nobody replicates: the slot x has yet to be made, and no daemon answers here; start `rowshift run`"},
		{func(s *statusReport, _ *replicator.Checkpoint, _ slotSighting) {
			s.heard(askDaemon(t.Context(), server.URL+"/readyz"))
		}, "halted: slot_ahead_of_checkpoint: f; m; repair: r"},
		{func(s *statusReport, _ *replicator.Checkpoint, _ slotSighting) {
			s.heard(&readiness{Pipeline: "orders", State: halted, Halt: &haltAnswer{Reason: "slot_lost"}}, nil)
		}, `the daemon of pipeline "orders" answers there, at http://127.0.0.1:9187/readyz; give each pipeline's daemon a listen of its own`},
	} {
		s, cp, slot := reported()
		c.do(&s, cp, slot)
		if len(s.Problems) != 1 || s.Problems[0] != c.want {
			t.Errorf("%q, want %q", s.Problems, c.want)
		}
	}
}

// Before the first run `status` reports no problem.
func TestStatusBeforeTheFirstRun(t *testing.T) {
	s, _, _ := reported()
	s.remembered(nil, nil)
	s.saw("rowshift_accounts", nil, slotSighting{}, nil)
	s.heard(nil, errors.New("connection refused"))
	if len(s.Problems) != 0 || s.Checkpoint != nil || s.Slot.Exists {
		t.Errorf("%+v", s)
	}
}

func TestAskDaemonTakesNoStranger(t *testing.T) {
	server := httptest.NewServer(endpoints("accounts", newState(time.Now()), prometheus.NewRegistry()))
	defer server.Close()
	if r, err := askDaemon(t.Context(), server.URL+"/healthz"); err == nil {
		t.Errorf("%+v", r)
	}
}

// The state of another pipeline's daemon says nothing about ours. status shows that it
// is there, and whether anybody has our slot.
func TestStatusTakesNoOtherPipelinesDaemon(t *testing.T) {
	server := httptest.NewServer(endpoints("orders", newState(time.Now()), prometheus.NewRegistry()))
	defer server.Close()
	s, cp, slot := reported()
	slot.active = false
	s.remembered(cp, nil)
	s.saw("x", cp, slot, nil)
	s.heard(askDaemon(t.Context(), server.URL+"/readyz"))
	if s.Daemon != nil || s.Unheard != `the daemon of pipeline "orders" answers there` || len(s.Problems) != 2 || !strings.Contains(s.Problems[1], "nobody replicates") {
		t.Errorf("%+v, %q", s, s.Problems)
	}
}

// TestAskDaemonGoesThroughNoProxy asks 0.0.0.0, which package http does not exempt from
// the environment's proxy as it exempts localhost.
func TestAskDaemonGoesThroughNoProxy(t *testing.T) {
	proxy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the proxy is asked") }))
	defer proxy.Close()
	t.Setenv("HTTP_PROXY", proxy.URL)
	t.Setenv("NO_PROXY", "")
	if transport := direct.Transport.(*http.Transport); transport.Proxy != nil {
		t.Error("it has a proxy") // the environment is read once, maybe before this test, so look at the setting too
	}
	_, port, _ := strings.Cut(closed(t), ":")
	if r, err := askDaemon(t.Context(), "http://0.0.0.0:"+port+"/readyz"); err == nil {
		t.Errorf("%+v", r)
	}
}

func TestReadyURL(t *testing.T) {
	for listen, want := range map[string]string{
		":9187": "http://127.0.0.1:9187/readyz", "0.0.0.0:1": "http://127.0.0.1:1/readyz",
		"[::]:1": "http://127.0.0.1:1/readyz", "10.0.0.1:1": "http://10.0.0.1:1/readyz", "localhost:1": "http://localhost:1/readyz",
	} {
		if got := readyURL(listen); got != want {
			t.Errorf("readyURL(%q) = %q, want %q", listen, got, want)
		}
	}
}
