package replicator

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"rowshift/schema"
)

// What was handed over is merged when the source was altered, and the pass ends with the
// alteration, however the source closes: TLS says goodbye to a peer that may be gone.
func TestSourceThatFailsToClose(t *testing.T) {
	for name, goodbye := range map[string]error{"well": nil, "badly": errors.New("tls: failed to send closeNotify alert: broken pipe")} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &closing{goodbye: goodbye}
				s.table = oneColumn(1, "t")
				s.cp = streaming(stateOf(s.table, Live))
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				var cause error
				o := options(s)
				o.Listener.Restarted = func(r Restart) {
					cause = r.Cause
					cancel()
				}
				_ = Run(ctx, o)
				if _, altered := errors.AsType[*Altered](cause); !altered || s.cp.LSN != 3 {
					t.Errorf("the pass ended with %v, at %v", cause, s.cp.LSN)
				}
			})
		})
	}
}

// A pass that ends because the source was altered keeps the slot until all is merged, and
// tells it of that. Otherwise a standby would take the slot, and what is being loaded would
// be lost. A server that shuts down waits for us, and is let go at once.
func TestAnAlterationGivesNoSlotAway(t *testing.T) {
	for name, c := range map[string]struct {
		shutsDown     bool
		closed, acked LSN
	}{
		"the source was altered":      {false, 3, 3},
		"the source is shutting down": {true, 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &keeping{shutsDown: c.shutsDown}
				s.table = oneColumn(1, "t")
				s.cp = streaming(stateOf(s.table, Live))
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				o := options(s)
				o.Listener.Restarted = func(Restart) { cancel() }
				_ = Run(ctx, o)
				if s.closed != c.closed || s.acked != c.acked || s.cp.LSN != 3 {
					t.Errorf("the slot was told of %v, and the stream closed, when the warehouse was at %v; it came to %v", s.acked, s.closed, s.cp.LSN)
				}
			})
		})
	}
}

// A server that shuts down is let go at once by a reader that waits for its sink, and while
// what was handed over before an alteration is merged. All of that is merged all the same.
func TestAShutdownIsNotHeldUp(t *testing.T) {
	for name, c := range map[string]struct {
		transactions int // before the source is altered
		altered      bool
	}{
		"the sink is slow":       {100, false},
		"the source was altered": {1, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &shutting{transactions: c.transactions}
				s.table = oneColumn(1, "t")
				s.cp = streaming(stateOf(s.table, Live))
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				var cause error
				var sealed []LSN
				o := options(s)
				o.Limits.Rows = 2
				o.Listener.Sealed = func(b SealedBatch) { sealed = append(sealed, b.End) }
				o.Listener.Restarted = func(r Restart) {
					cause = r.Cause
					cancel()
				}
				began := time.Now()
				_ = Run(ctx, o)
				if took := s.closed.Sub(began); took < shutsAfter || took > shutsAfter+2*aliveEvery {
					t.Errorf("the stream was closed after %v", took)
				}
				if len(sealed) > 1 == c.altered || s.cp.LSN != sealed[len(sealed)-1] {
					t.Errorf("handed over: %v; the warehouse came to %v", sealed, s.cp.LSN)
				}
				if _, altered := errors.AsType[*Altered](cause); altered != c.altered || !altered && !errors.Is(cause, ErrShutdown) {
					t.Errorf("the pass ended with %v", cause)
				}
			})
		})
	}
}

// Nor is such a server held up while the warehouse is taken over, even if that does not end
// when it is told to.
func TestAShutdownWaitsForNoFence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &shutting{}
		_ = keepingAlive(t.Context(), s, 1, func(context.Context) error { return sleep(context.Background(), time.Minute) })
		if took := s.closed.Sub(s.began); took < shutsAfter || took > shutsAfter+2*aliveEvery {
			t.Errorf("the stream was closed after %v", took)
		}
	})
}

// shutting is a source of transactions that is altered behind the last, and whose server
// begins to shut down while the first is merged.
type shutting struct {
	flaky
	transactions  int
	began, closed time.Time
}

// shutsAfter is how long after it was first acknowledged to a shutting's server shuts down.
const shutsAfter = 5 * time.Second

func (s *shutting) Open(ctx context.Context, r OpenRequest) (Source, Opened, error) {
	_, o, err := s.flaky.Open(ctx, r)
	s.next = Begin
	return s, o, err
}

func (s *shutting) Next(context.Context, time.Duration) (Change, error) {
	switch s.next {
	case Insert:
		s.next = Commit
		return Change{Op: Insert, Table: s.table, New: texts("a")}, nil
	case Commit:
		s.next = Begin
		s.at += 2
		return Change{Op: Commit, LSN: s.at}, nil
	}
	if s.transactions--; s.transactions < 0 {
		return Change{}, &Altered{Found: "something"}
	}
	s.next = Insert
	return Change{Op: Begin, LSN: s.at + 1, XID: 7}, nil
}

func (s *shutting) Acknowledge(context.Context, LSN) error {
	if s.began.IsZero() {
		s.began = time.Now()
	}
	if time.Since(s.began) >= shutsAfter {
		return fmt.Errorf("the server waits: %w", ErrShutdown)
	}
	return nil
}

func (s *shutting) Close() error {
	if s.closed.IsZero() {
		s.closed = time.Now()
	}
	return nil
}

func (s *shutting) Merge(ctx context.Context, m *Merge) (Merged, error) {
	if err := sleep(ctx, time.Minute); err != nil {
		return Merged{}, err
	}
	s.cp = m.Checkpoint
	return Merged{}, nil
}

// keeping is a source that notes how far the warehouse was when its stream was closed, and
// of what the slot knew by then.
type keeping struct {
	closing
	shutsDown     bool
	marks         int
	closed, acked LSN
}

func (s *keeping) Open(ctx context.Context, r OpenRequest) (Source, Opened, error) {
	_, o, err := s.closing.Open(ctx, r)
	return s, o, err
}

func (s *keeping) Next(ctx context.Context, wait time.Duration) (Change, error) {
	if s.shutsDown && s.said == 3 { // it urges once the merge is under way
		s.marks++
		return Change{Op: Mark, LSN: 3, Idle: true, Urge: s.marks > 5}, sleep(ctx, time.Second)
	}
	return s.closing.Next(ctx, wait)
}

func (s *keeping) Acknowledge(_ context.Context, lsn LSN) error {
	if s.closed == 0 {
		s.acked = lsn
	}
	return nil
}

func (s *keeping) Close() error {
	if s.closed == 0 {
		s.closed = s.cp.LSN
	}
	return nil
}

// What was handed over is merged, too, if it is the load that ends the pass with an error
// that ends only the reading.
func TestALoadThatEndsThePass(t *testing.T) {
	for name, c := range map[string]struct {
		cause error
		want  LSN
	}{
		"a table was altered":     {&Altered{Found: "something"}, 3},
		"a table cannot go on":    {&Unfit{OID: 2, Why: &Halt{Reason: TableUnfit}}, 3},
		"COPY refused rows":       {&Refused{Table: &schema.Table{OID: 2}, Load: true, Rows: Rows{"a": true}, Halt: &Halt{}}, 3},
		"a person has to look":    {&Halt{Reason: BucketUnfit}, 1},
		"another daemon is there": {ErrFenced, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &quitting{cause: c.cause}
				s.table = oneColumn(1, "t")
				s.cp = streaming(stateOf(s.table, Live))
				refusals := refusals{}
				o := options(s)
				o.EnsureDefaults()
				opened := Opened{Flushed: 1, Tables: []Published{{Table: s.table}, {Table: &schema.Table{OID: 2}}}}
				cp := s.cp
				cp.Tables = append(cp.Tables, TableState{OID: 2, State: Loading, Load: &LoadState{Held: "held"}})
				p := newPipeline(&o, s, opened, cp, &loads{}, &refusals)
				if err := p.run(t.Context()); !errors.Is(err, c.cause) || s.cp.LSN != c.want {
					t.Errorf("the pass ended with %v, at %v", err, s.cp.LSN)
				}
			})
		})
	}
}

// quitting is a source with a load that ends while its first transaction is merged.
type quitting struct {
	closing
	cause error
}

func (s *quitting) Next(ctx context.Context, wait time.Duration) (Change, error) {
	if s.said < 3 {
		return s.closing.Next(ctx, wait)
	}
	return Change{Op: Mark, LSN: 3, Idle: true}, sleep(ctx, time.Second)
}

func (s *quitting) Snapshot(ctx context.Context, _ []*schema.Table) (Snapshot, error) {
	_ = sleep(ctx, 5*time.Second)
	return nil, s.cause
}

// closing is a source that is altered behind its first transaction, while that is merged.
type closing struct {
	flaky
	said    int
	goodbye error
}

func (s *closing) Open(ctx context.Context, r OpenRequest) (Source, Opened, error) {
	_, o, err := s.flaky.Open(ctx, r)
	return s, o, err
}

func (s *closing) Next(context.Context, time.Duration) (Change, error) {
	s.said++
	switch s.said {
	case 1:
		return Change{Op: Begin, LSN: 2, XID: 7}, nil
	case 2:
		return Change{Op: Insert, Table: s.table, New: texts("a")}, nil
	case 3:
		return Change{Op: Commit, LSN: 3}, nil
	}
	return Change{}, &Altered{Found: "something"}
}

func (s *closing) Close() error {
	_ = sleep(context.Background(), time.Second) // which the merge outlasts
	return s.goodbye
}

func (s *closing) Merge(ctx context.Context, m *Merge) (Merged, error) {
	if err := sleep(ctx, 10*time.Second); err != nil {
		return Merged{}, err
	}
	s.cp = m.Checkpoint
	return Merged{}, nil
}

// Requests are heard while parts of a transaction wait for its commit, which may take hours.
func TestALongTransactionSilencesNoRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &lasting{}
		s.table = oneColumn(1, "t")
		cp := streaming(stateOf(s.table, Live))
		o := options(s)
		o.Limits.Rows = 100
		o.EnsureDefaults()
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		p := newPipeline(&o, s, Opened{Tables: []Published{{Table: s.table}}}, cp, &loads{}, &refusals{})
		if err := p.run(ctx); !errors.Is(err, errReset) || s.prepared == 0 {
			t.Errorf("%v, with %d parts of the transaction prepared", err, s.prepared)
		}
	})
}

// The listener is told of a transaction long before its commit is received: when a part of it is
// handed over, or once it has taken a while.
func TestALongTransactionIsTold(t *testing.T) {
	for name, c := range map[string]struct {
		rows int
		most time.Duration
	}{
		"a part is handed over": {100, 2 * time.Minute},
		"it takes a while":      {1000, 5 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				s := &lasting{}
				s.table = &schema.Table{OID: 1, Target: "t", Key: []int{0}, Columns: make([]schema.Column, 1)}
				cp := Checkpoint{Epoch: 1, Phase: Streaming, LSN: 1, Tables: []TableState{{OID: 1, Target: "t", State: Live, Shape: s.table.Shape()}}}
				o := &Options{Origin: s, Stager: s, Warehouse: s, Loader: applies{}, Limits: Limits{Rows: c.rows}}
				o.EnsureDefaults()
				told := 0
				o.Listener.Receiving = func(r Receiving) {
					if told++; r.LSN != 2 || time.Since(began) > c.most {
						t.Errorf("told of %v after %v", r.LSN, time.Since(began))
					}
				}
				p := newPipeline(o, s, Opened{Tables: []Published{{Table: s.table}}}, cp, &loads{}, &refusals{})
				if err := p.run(t.Context()); !errors.Is(err, errReset) || told != 1 {
					t.Errorf("%v, told %d times", err, told)
				}
			})
		})
	}
}

// lasting is a source with a transaction that lasts a day, and a warehouse in which somebody
// has asked for a slot reset.
type lasting struct {
	flaky
	prepared int
}

func (s *lasting) Next(ctx context.Context, _ time.Duration) (Change, error) {
	if s.next == Mark {
		s.next = Insert
		return Change{Op: Begin, LSN: 2, XID: 7}, nil
	}
	return Change{Op: Insert, Table: s.table, New: texts("a")}, sleep(ctx, time.Second)
}

func (s *lasting) Prepare(context.Context, *Staged) error {
	s.prepared++
	return nil
}

func (s *lasting) Merge(context.Context, *Merge) (Merged, error) {
	return Merged{ResetAsked: true}, nil
}
