package main

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// readiness is the body of an answer of /readyz.
type readiness struct {
	Pipeline   string           `json:"pipeline"`
	Ready      bool             `json:"ready"`
	State      daemonState      `json:"state"`
	Since      time.Time        `json:"since"`
	Why        string           `json:"why,omitempty"` // what is waited for, or why the last pass ended
	Halt       *haltAnswer      `json:"halt,omitempty"`
	Epoch      int64            `json:"epoch,omitempty"`
	LagSeconds *float64         `json:"lag_seconds"` // null, as are the next two, if not known, as in a standby
	LagBytes   *uint64          `json:"lag_bytes"`
	LSN        *lsnAnswer       `json:"lsn"`
	Load       *loadAnswer      `json:"load,omitempty"`
	Tables     []tableReadiness `json:"tables"`
}

type haltAnswer struct {
	Reason string `json:"reason"`
	Found  string `json:"found"`
	Means  string `json:"means,omitempty"`
	Repair string `json:"repair,omitempty"`
}

type lsnAnswer struct {
	Received     string `json:"received"`
	Staged       string `json:"staged"`
	Merged       string `json:"merged"`
	Acknowledged string `json:"acknowledged"`
}

type loadAnswer struct {
	Tables         int   `json:"tables"`
	TablesLoaded   int   `json:"tables_loaded"`
	Rows           int64 `json:"rows"`
	RowsEstimated  int64 `json:"rows_estimated,omitempty"`
	Bytes          int64 `json:"bytes"`
	BytesEstimated int64 `json:"bytes_estimated,omitempty"`
}

type tableReadiness struct {
	Table  string `json:"table"`
	State  string `json:"state"`
	Why    string `json:"why,omitempty"`
	Repair string `json:"repair,omitempty"`
}

// answer returns what /readyz answers for a snapshot.
func (s snapshot) answer() readiness {
	r := readiness{
		Ready: s.state.ready(), State: s.state, Since: s.since.UTC(), Why: s.why,
		Epoch: int64(s.epoch), Tables: []tableReadiness{},
	}
	if s.known {
		r.LagSeconds, r.LagBytes = &s.lagSeconds, &s.lagBytes
		r.LSN = &lsnAnswer{
			Received: s.position.received.String(), Staged: s.position.staged.String(),
			Merged: s.position.merged.String(), Acknowledged: s.position.acknowledged.String(),
		}
	}
	if h := s.halt; h != nil {
		r.Halt = &haltAnswer{Reason: string(h.Reason), Found: h.Found, Means: h.Means, Repair: h.Repair}
	}
	if s.loads {
		r.Load = &loadAnswer{
			Tables: s.load.Tables, TablesLoaded: s.load.TablesLoaded,
			Rows: s.load.Rows, RowsEstimated: s.load.RowsEstimated,
			Bytes: s.load.Bytes, BytesEstimated: s.load.BytesEstimated,
		}
	}
	for _, t := range s.tables {
		r.Tables = append(r.Tables, tableReadiness{Table: t.Name.String(), State: string(t.State), Why: t.Why, Repair: t.Repair})
	}
	return r
}

// endpoints serves /healthz, /readyz and /metrics of a pipeline.
func endpoints(pipeline string, s *state, metrics prometheus.Gatherer) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write([]byte("alive\n"))
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		answer := s.snapshot().answer()
		answer.Pipeline = pipeline
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		if !answer.Ready {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_ = json.NewEncoder(w).Encode(answer)
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}))
	return mux
}

// serve answers requests on l until stop is called, which waits for those in progress.
func serve(l net.Listener, h http.Handler, failed func(error)) (stop func()) {
	server := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    1 << 14,
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(l); err != http.ErrServerClosed {
			failed(err)
		}
	}()
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		if server.Shutdown(ctx) != nil {
			_ = server.Close()
		}
		<-done
	}
}
