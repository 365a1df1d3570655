package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"syscall"
	"time"

	"rowshift/replicator"
	"rowshift/schema"
	"rowshift/sink/redshift"
)

type statusCommand struct {
	JSON bool `name:"json" help:"Print JSON."`
}

// statusReport is what `status` prints: what the warehouse remembers, what the slot
// looks like and, if it can be reached from here, what the daemon says.
type statusReport struct {
	Pipeline   string            `json:"pipeline"`
	Checkpoint *checkpointStatus `json:"checkpoint"` // null: the warehouse remembers nothing yet
	Requests   []requestStatus   `json:"requests,omitempty"`
	Slot       *slotStatusReport `json:"slot"`
	Daemon     *readiness        `json:"daemon"`                 // null: no answer
	Unheard    string            `json:"daemon_error,omitempty"` // why it did not answer
	DaemonURL  string            `json:"daemon_url"`             // where it was asked
	Problems   []string          `json:"problems,omitempty"`     // what could not be asked, or is wrong
}

type checkpointStatus struct {
	Phase       string        `json:"phase"`
	LSN         string        `json:"lsn"`
	CommittedAt *time.Time    `json:"committed_at,omitempty"` // time of the last merged transaction
	Epoch       int64         `json:"epoch"`
	Tables      []tableStatus `json:"tables"`
}

type tableStatus struct {
	Table  string `json:"table"`
	Target string `json:"target"`
	State  string `json:"state"`
	Reason string `json:"reason,omitempty"` // why it is parked, as a code
	Why    string `json:"why,omitempty"`    // why it is parked, or loaded again, in words
	Repair string `json:"repair,omitempty"`
	Loaded bool   `json:"loaded,omitempty"`    // whether its load table holds what the snapshot saw
	Held   *int64 `json:"held_rows,omitempty"` // rows that wait in its held table; absent if it is not loading, or not known

	Quarantined int64 `json:"quarantined"` // rows of the source that the target lacks
}

// requestStatus is a request to the daemon that is not done.
type requestStatus struct {
	Kind  string  `json:"kind"`
	What  string  `json:"what"` // table of a resync, or token of a reset
	State string  `json:"state"`
	Age   float64 `json:"age_seconds"`
}

type slotStatusReport struct {
	Name          string `json:"name"`
	Exists        bool   `json:"exists"`
	Active        bool   `json:"active"`
	Status        string `json:"wal_status,omitempty"`
	RetainedBytes uint64 `json:"retained_bytes"`
	SafeBytes     *int64 `json:"safe_bytes,omitempty"` // absent if there is no limit
	LagBytes      uint64 `json:"lag_bytes"`            // how much log the checkpoint is behind
}

// statusTimeout is how long status gives each part, short so that an operator who takes
// a first look does not wait long for something that hangs.
const statusTimeout = time.Minute

// Run asks the warehouse, the source and the daemon.
func (c statusCommand) Run(ctx context.Context, o *outside) error {
	return o.open(ctx, func(ctx context.Context, config *config, r *rooms) error {
		report := statusReport{Pipeline: config.pipeline, DaemonURL: readyURL(config.listen)}
		report.ask(ctx, r, config.source.slot, cmp.Or(o.patience, statusTimeout))
		if err := report.print(o.stdout, c.JSON); err != nil {
			return err
		}
		if len(report.Problems) > 0 {
			return errTold
		}
		return nil
	})
}

// ask asks the warehouse, the source and the daemon side by side, and adds their answers
// to the report in that order.
func (s *statusReport) ask(ctx context.Context, r *rooms, slotName string, each time.Duration) {
	var cp *replicator.Checkpoint
	ofWarehouse := func(ctx context.Context) func() {
		var err, notWaits error
		var requests []redshift.OpenRequest
		var held map[uint32]int64
		if cp, err = r.warehouse.Checkpoint(ctx); cp != nil {
			requests, held, notWaits = r.waits(ctx, cp)
		}
		open, notOpen := r.quarantined(ctx, cp)
		return func() {
			s.remembered(cp, err)
			if cp != nil {
				s.waits(cp, requests, held, notWaits)
			}
			s.refused(open, notOpen)
		}
	}
	ofSource := func(ctx context.Context) func() {
		slot, err := r.slot(ctx)
		return func() { s.saw(slotName, cp, slot, err) }
	}
	ofDaemon := func(ctx context.Context) func() {
		answer, err := askDaemon(ctx, s.DaemonURL)
		return func() { s.heard(answer, err) }
	}
	sideBySide(ctx, each, ofWarehouse, ofSource, ofDaemon)
}

// sideBySide runs all parts at once, each for at most each, and then calls their results
// one after another, in order.
func sideBySide(ctx context.Context, each time.Duration, parts ...func(context.Context) (tell func())) {
	tells := make([]func(), len(parts))
	var wg sync.WaitGroup
	for i, ask := range parts {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, each)
			defer cancel()
			tells[i] = ask(ctx)
		})
	}
	wg.Wait()
	for _, tell := range tells {
		tell()
	}
}

func (s *statusReport) problem(format string, args ...any) {
	s.Problems = append(s.Problems, fmt.Sprintf(format, args...))
}

// remembered adds what the warehouse remembers.
func (s *statusReport) remembered(cp *replicator.Checkpoint, err error) {
	if err != nil {
		s.problem("the warehouse could not be asked: %s", oneLine(err))
		return
	}
	if cp == nil {
		return
	}
	s.Checkpoint = &checkpointStatus{Phase: string(cp.Phase), LSN: cp.LSN.String(), Epoch: int64(cp.Epoch), Tables: []tableStatus{}}
	if !cp.Time.IsZero() {
		t := cp.Time.UTC()
		s.Checkpoint.CommittedAt = &t
	}
	for _, t := range cp.Tables {
		if t.State == replicator.Parked {
			s.problem("%v is parked: %s; repair: %s", t.Name, t.Why, t.Repair)
		}
		s.Checkpoint.Tables = append(s.Checkpoint.Tables, tableStatus{
			Table: t.Name.String(), Target: t.Target, State: string(t.State), Reason: string(t.Reason), Why: t.Why, Repair: t.Repair, Loaded: t.Load != nil && t.Load.Loaded,
		})
	}
}

// waits adds the requests that are not done, and how many rows wait in held tables.
func (s *statusReport) waits(cp *replicator.Checkpoint, requests []redshift.OpenRequest, held map[uint32]int64, err error) {
	if err != nil {
		s.problem("the warehouse could not be asked what waits: %s", oneLine(err))
	}
	for _, r := range requests {
		what := r.Token
		if r.Table != (schema.Name{}) {
			what = r.Table.String()
		}
		s.Requests = append(s.Requests, requestStatus{Kind: r.Kind, What: what, State: r.State, Age: r.Age.Seconds()})
	}
	for i, t := range cp.Tables {
		if n, known := held[t.OID]; known && t.State == replicator.Loading {
			s.Checkpoint.Tables[i].Held = &n
		}
	}
}

// refused adds how many rows are in quarantine, which is no problem of the pipeline.
func (s *statusReport) refused(open map[schema.Name]int64, err error) {
	if err != nil {
		s.problem("the quarantine could not be looked at: %s", oneLine(err))
		return
	}
	for n, rows := range open {
		for i := range s.Checkpoint.Tables {
			if t := &s.Checkpoint.Tables[i]; t.Table == n.String() {
				t.Quarantined = rows
			}
		}
	}
}

// saw adds what the slot looks like.
func (s *statusReport) saw(name string, cp *replicator.Checkpoint, slot slotSighting, err error) {
	if err != nil {
		s.problem("the slot could not be looked at: %s", oneLine(err))
		return
	}
	s.Slot = &slotStatusReport{
		Name: name, Exists: slot.exists, Active: slot.active, Status: slot.status, RetainedBytes: slot.retained,
	}
	if slot.limited {
		s.Slot.SafeBytes = &slot.safe
	}
	if cp == nil || cp.Phase != replicator.Streaming {
		return
	}
	s.Slot.LagBytes = cp.LSN.Behind(slot.current)
	switch {
	case !slot.exists:
		s.problem("the slot %s is missing: what the warehouse lacks is lost; %s", name, resetHelps)
	case slot.status == "lost":
		s.problem("the slot %s is lost: the log that it needs is gone; %s", name, resetHelps)
	}
}

// resetHelps says what brings a pipeline back whose slot is gone.
const resetHelps = "rowshift reset-slot --token WORD makes it anew and loads all tables again"

// heard adds the daemon's answer. It has to be called after saw: if the daemon does not
// answer, that is no problem as long as the slot is active, since the daemon may run on
// another machine. An answer of another pipeline's daemon says nothing about ours, which
// may even be kept from its address by the other.
func (s *statusReport) heard(r *readiness, err error) {
	if err == nil && r.Pipeline != "" && r.Pipeline != s.Pipeline {
		err = fmt.Errorf("the daemon of pipeline %q answers there", r.Pipeline)
		s.problem("%v, at %s; give each pipeline's daemon a listen of its own", err, s.DaemonURL)
	}
	if err != nil {
		s.Unheard = unheard(err)
		if s.Slot == nil || s.Slot.Active {
			return
		}
		switch {
		case s.Slot.Exists: // whatever is remembered: a first start may fail again and again, or somebody has dropped the metadata
			s.problem("nobody replicates: the slot %s is not active, and no daemon answers here; start `rowshift run`, "+
				"unless this is between two runs of `rowshift run --once`", s.Slot.Name)
		case s.Checkpoint != nil && s.Checkpoint.Phase != string(replicator.Streaming):
			s.problem("nobody replicates: the slot %s has yet to be made, and no daemon answers here; start `rowshift run`", s.Slot.Name)
		}
		return
	}
	s.Daemon = r
	if h := r.Halt; h != nil {
		s.problem("halted: %s", (&replicator.Halt{Reason: replicator.Reason(h.Reason), Found: h.Found, Means: h.Means, Repair: h.Repair}).Error())
	}
}

// unheard says in a few words why a daemon did not answer.
func unheard(err error) string {
	if errors.Is(err, syscall.ECONNREFUSED) {
		return "connection refused"
	}
	if failed, is := errors.AsType[net.Error](err); is && failed.Timeout() {
		return "no answer in time"
	}
	if asked, is := errors.AsType[*url.Error](err); is {
		err = asked.Err
	}
	return oneLine(err)
}

// readyURL returns the URL of /readyz of a daemon on this machine.
func readyURL(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if ip := net.ParseIP(host); err == nil && (host == "" || ip != nil && ip.IsUnspecified()) {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port) + "/readyz"
}

// direct uses no proxy, because the daemon is on this machine, whatever its address.
var direct = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// askDaemon asks a daemon for its readiness. A daemon that is not ready answers too.
func askDaemon(ctx context.Context, address string) (*readiness, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	response, err := direct.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	var r readiness
	if err := json.NewDecoder(io.LimitReader(response.Body, 1<<22)).Decode(&r); err != nil {
		return nil, err
	}
	if r.State == "" {
		return nil, fmt.Errorf("%s is not a rowshift", address)
	}
	return &r, nil
}
