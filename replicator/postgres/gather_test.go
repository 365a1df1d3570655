package postgres

import (
	"bytes"
	"context"
	"encoding/binary"
	"net"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"rowshift/replicator"
)

// piped returns a metered connection and its other end.
func piped(t *testing.T) (*meter, net.Conn) {
	t.Helper()
	near, far := net.Pipe()
	conn, err := metered(func(context.Context, string, string) (net.Conn, error) { return near, nil })(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	return conn.(*meter), far
}

// TestRest shows when the reader stays away from the connection, and for how long.
func TestRest(t *testing.T) {
	for name, c := range map[string]struct {
		after time.Duration // how long after the last rest the bytes come
		come  int           // bytes that come at once
		space int           // the size of the read
		later time.Duration // how long the reader works on them
		ended bool          // the reader's context has ended
		old   time.Duration // the age of the current transaction; 0: there is none yet
		want  time.Duration
	}{
		"much":                               {come: restAfter, space: 2 * restAfter, want: restFor},
		"much in a little while":             {after: restWithin, come: restAfter, space: 2 * restAfter, want: restFor},
		"much in a long while":               {after: restWithin + 1, come: restAfter, space: 2 * restAfter},
		"little":                             {come: restAfter - 1, space: 2 * restAfter},
		"more than was asked for":            {come: 2 * restAfter, space: restAfter},
		"much, and some time goes by":        {come: restAfter, space: 2 * restAfter, later: restFor / 4, want: 3 * restFor / 4},
		"much, of which much had to be done": {come: restAfter, space: 2 * restAfter, later: restFor},
		"much, and the reader is to end":     {come: restAfter, space: 2 * restAfter, ended: true},
		"much of a backlog":                  {come: restAfter, space: 2 * restAfter, old: behindBy, want: behindFor},
		"much of what has just happened":     {come: restAfter, space: 2 * restAfter, old: behindBy - 1, want: restFor},
		"little of a backlog":                {come: restAfter - 1, space: 2 * restAfter, old: time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				conn, far := piped(t)
				defer conn.Close()
				var g gather
				g.begin(conn)
				<-time.After(c.after)
				go func() { _, _ = far.Write(make([]byte, c.come)) }()
				if _, err := conn.Read(make([]byte, c.space)); err != nil {
					t.Fatal(err)
				}
				ctx, end := context.WithCancel(t.Context())
				defer end()
				if c.ended {
					end()
				}
				<-time.After(c.later)
				began := time.Now()
				if c.old > 0 {
					g.committed = began.Add(-c.old)
				}
				if told, took := g.rest(ctx, began), time.Since(began); told != took || took != c.want {
					t.Errorf("rested for %v and told %v, want %v", took, told, c.want)
				}
				if g.rest(ctx, time.Now()) > 0 {
					t.Error("rests twice for the same")
				}
			})
		})
	}
}

// TestRestIsNoSilence shows that neither a rest that lasts longer than the caller would
// wait, nor a part of something large, is reported as silence.
func TestRestIsNoSilence(t *testing.T) {
	keepalive := func(end replicator.LSN) []byte {
		b := binary.BigEndian.AppendUint64([]byte{'k'}, uint64(end))
		return framed('d', append(b, make([]byte, 9)...))
	}
	notice := func(size int) []byte { return framed('N', make([]byte, size)) }
	for name, c := range map[string]struct {
		first []byte
		piece int
		every time.Duration
		rests int // at least
	}{
		"many":           {first: bytes.Repeat(keepalive(1), 3000), piece: 90_000},
		"large":          {first: notice(3 << 20), piece: 90_000, rests: 10},
		"large and slow": {first: notice(10_000), piece: 1000, every: 600 * time.Microsecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				conn, far := piped(t)
				defer conn.Close()
				go func() {
					for piece := range slices.Chunk(append(c.first, keepalive(2)...), c.piece) {
						_, _ = far.Write(piece)
						<-time.After(c.every)
					}
				}()
				s := &stream{conn: conn, wire: newWire(conn), heartbeat: time.Hour, resend: time.Hour, silence: time.Hour, sentAt: time.Now(), askedAt: time.Now(), ctx: context.Background()}
				s.wire.gather.begin(conn)
				began := time.Now()
				for last := (replicator.Change{}); last.LSN != 2; {
					var err error
					if last, err = s.Next(t.Context(), time.Millisecond); err != nil || last.Idle {
						t.Fatalf("after %v: %+v, %v", time.Since(began), last, err)
					}
				}
				if took := time.Since(began); took < time.Duration(c.rests)*restFor {
					t.Errorf("read in %v, without a rest", took)
				}
				if c, err := s.Next(t.Context(), time.Millisecond); err != nil || !c.Idle {
					t.Errorf("silence is told as %+v, %v", c, err)
				}
			})
		})
	}
}
