package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"rowshift/replicator"
	"rowshift/schema"
	"rowshift/test/pgtest"
)

// on returns a world on a server of its own, in its database "postgres".
func on(w *world, s *pgtest.Server) *world {
	config, err := pgx.ParseConfig(s.DSN("postgres"))
	if err != nil {
		w.t.Fatal(err)
	}
	w.config = config
	w.program = config.Copy()
	return w
}

// choose adds choices of tables of the schema public.
func (w *world) choose(choices ...schema.Choice) {
	w.options.Choices = append(w.options.Choices, choices...)
}

// every chooses all columns of tables.
func every(names ...string) (choices []schema.Choice) {
	for _, n := range names {
		choices = append(choices, schema.Choice{Name: schema.Name{Schema: "public", Table: n}, All: true})
	}
	return choices
}

// followed is a stream that a test reads.
type followed struct {
	replicator.Source
	w      *world
	opened replicator.Opened
	lines  []string
	ends   []replicator.LSN // of transactions with changes; 14 sends empty ones too
}

// follow opens the stream after a position.
func (w *world) follow(after replicator.LSN) *followed {
	w.t.Helper()
	return w.open(replicator.OpenRequest{After: after})
}

// watched is follow with a watcher that looks at the catalogue every 20 milliseconds.
func (w *world) watched(after replicator.LSN) *followed {
	w.t.Helper()
	w.options.LookEvery = 20 * time.Millisecond
	return w.open(replicator.OpenRequest{After: after, Known: func(context.Context) (replicator.Known, error) { return replicator.Known{}, nil }})
}

func (w *world) open(r replicator.OpenRequest) *followed {
	w.t.Helper()
	source, opened, err := w.Open(w.t.Context(), r)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { source.Close() })
	return &followed{Source: source, w: w, opened: opened}
}

// remembered returns what a request's Known says of the tables that the stream was opened with, if
// they are live.
func (f *followed) remembered() func(context.Context) (replicator.Known, error) {
	f.w.t.Helper()
	var states []replicator.TableState
	for _, p := range f.opened.Tables {
		t := p.Table
		states = append(states, replicator.TableState{
			OID: t.OID, Name: t.Name, Target: t.Target, State: replicator.Live, Row: p.Row, Shape: t.Shape(), Heap: t.Heap,
		})
	}
	known := f.w.knows(states...)
	return func(context.Context) (replicator.Known, error) { return known, nil }
}

// marked marks the log and returns the end of the mark's last transaction, which the stream
// will pass. PostgreSQL 14 sends that transaction, empty as it is.
func (w *world) marked() replicator.LSN {
	w.t.Helper()
	ours := w.ours()
	if _, err := w.mark(w.t.Context(), ours); err != nil {
		w.t.Fatal(err)
	}
	return w.lsn(ours, `pg_current_wal_flush_lsn()`)
}

// read reads until the stream has passed a position, and returns the changes as lines.
func (f *followed) read(to replicator.LSN) []string {
	f.w.t.Helper()
	f.lines, f.ends = nil, nil
	if err := f.until(func(c replicator.Change) bool {
		return (c.Op == replicator.Mark || c.Op == replicator.Commit) && c.LSN >= to
	}); err != nil {
		f.w.t.Fatal(err)
	}
	return f.lines
}

// until reads until wanted returns true for a change, for 30 seconds at most.
func (f *followed) until(wanted func(replicator.Change) bool) error {
	ctx, cancel := context.WithTimeoutCause(f.w.t.Context(), atMost, errors.New("not in time"))
	defer cancel()
	for begun := 0; ; {
		c, err := f.Next(ctx, 0)
		if err != nil {
			return errors.Join(err, context.Cause(ctx))
		}
		switch c.Op {
		case replicator.Mark:
		case replicator.Begin:
			begun = len(f.lines)
		case replicator.Commit:
			if len(f.lines) > begun {
				f.ends = append(f.ends, c.LSN)
			}
		default:
			f.lines = append(f.lines, line(c))
		}
		if wanted(c) {
			return nil
		}
	}
}

// line describes a change in one line.
func line(c replicator.Change) string {
	s := c.Op.String() + " " + c.Table.Name.Table
	for _, part := range []struct {
		name  string
		tuple replicator.Tuple
	}{{"key", c.Key}, {"old", c.Old}, {"new", c.New}} {
		if part.tuple != nil {
			s += fmt.Sprintf(" %s(%s)", part.name, strings.Join(strung(part.tuple), "|"))
		}
	}
	return s
}

// confirmed returns the slot's confirmed position, as the server has it.
func (w *world) confirmed() replicator.LSN {
	w.t.Helper()
	s, err := w.SlotState(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return s.Confirmed
}

// alteredWith returns an error unless err is an Altered of that table whose text has these
// words.
func alteredWith(err error, oid uint32, words ...string) error {
	var a *replicator.Altered
	if !errors.As(err, &a) || a.OID != oid {
		return fmt.Errorf("got %w", err)
	}
	for _, word := range words {
		if !strings.Contains(a.Error(), word) {
			return fmt.Errorf("without %q: %w", word, err)
		}
	}
	return nil
}

// refusedWith returns an error unless err is a Halt of that reason whose text has these
// words.
func refusedWith(err error, reason replicator.Reason, words ...string) error {
	var h *replicator.Halt
	if !errors.As(err, &h) || h.Reason != reason {
		return fmt.Errorf("got %w", err)
	}
	for _, word := range words {
		if !strings.Contains(h.Error(), word) {
			return fmt.Errorf("without %q: %w", word, err)
		}
	}
	return nil
}

// meanwhile calls do four times a second until a condition of the server holds.
func (w *world) meanwhile(conn *session, condition string, do func() error) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), atMost)
	defer cancel()
	for {
		if err := do(); err != nil {
			w.t.Fatal(err)
		}
		var holds bool
		if err := conn.QueryRow(ctx, `SELECT coalesce(`+condition+`, false)`).Scan(&holds); err != nil {
			w.t.Fatalf("%s: %v", condition, err)
		}
		if holds {
			return
		}
		if err := sleep(ctx, 250*time.Millisecond); err != nil {
			w.t.Fatalf("not in time: %s", condition)
		}
	}
}

// major is the server's major version.
func (w *world) major() int {
	w.t.Helper()
	s, err := serverOf(w.t.Context(), w.ours())
	if err != nil {
		w.t.Fatal(err)
	}
	return s.major()
}

// named gives the slot and the publication the name of the database.
func (w *world) named(create bool) {
	w.options.Create, w.options.Publication, w.options.Slot = create, "rowshift", w.config.Database
}
