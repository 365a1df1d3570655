package postgres

import (
	"bytes"
	"context"
	"encoding/binary"
	"net"
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
		come  int           // bytes that come at once
		space int           // of the read
		later time.Duration // what is done with them takes
		ended bool          // the reader is to end
		want  time.Duration
		rests bool
	}{
		"much":                               {come: restAfter, space: 2 * restAfter, want: restFor, rests: true},
		"little":                             {come: restAfter - 1, space: 2 * restAfter},
		"more than was asked for":            {come: 2 * restAfter, space: restAfter},
		"much, and some time goes by":        {come: restAfter, space: 2 * restAfter, later: restFor / 4, want: 3 * restFor / 4, rests: true},
		"much, of which much had to be done": {come: restAfter, space: 2 * restAfter, later: restFor},
		"much, and the reader is to end":     {come: restAfter, space: 2 * restAfter, ended: true, rests: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				conn, far := piped(t)
				defer conn.Close()
				go func() { _, _ = far.Write(make([]byte, c.come)) }()
				var g gather
				g.begin(conn)
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
				if rests := g.rest(ctx, began); rests != c.rests {
					t.Errorf("rests is %v", rests)
				}
				if took := time.Since(began); took != c.want {
					t.Errorf("rested for %v, want %v", took, c.want)
				}
				if g.rest(ctx, time.Now()) {
					t.Error("rests twice for the same")
				}
			})
		})
	}
}

// TestRestIsNoSilence shows that a rest which outlasts what the caller would wait is not
// told as silence: what has come meanwhile is read.
func TestRestIsNoSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, far := piped(t)
		defer conn.Close()
		keepalive := func(end replicator.LSN) []byte {
			b := binary.BigEndian.AppendUint64([]byte{'k'}, uint64(end))
			return framed('d', append(b, make([]byte, 9)...))
		}
		const many = 3000
		go func() {
			_, _ = far.Write(bytes.Repeat(keepalive(1), many))
			_, _ = far.Write(keepalive(2))
		}()
		s := &stream{conn: conn, wire: newWire(conn), heartbeat: time.Hour, resend: time.Hour, silence: time.Hour, sentAt: time.Now(), askedAt: time.Now(), ctx: context.Background()}
		s.wire.gather.begin(conn)
		began := time.Now()
		for i := range many + 1 {
			c, err := s.Next(t.Context(), time.Millisecond)
			if err != nil || c.Idle {
				t.Fatalf("after %d messages: %+v, %v", i, c, err)
			}
			if i == many && (c.LSN != 2 || time.Since(began) != restFor) {
				t.Errorf("the last is %+v, after %v", c, time.Since(began))
			}
		}
		if c, err := s.Next(t.Context(), time.Millisecond); err != nil || !c.Idle {
			t.Errorf("silence is told as %+v, %v", c, err)
		}
	})
}
