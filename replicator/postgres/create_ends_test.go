package postgres

import (
	"context"
	"errors"
	"testing"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"rowshift/replicator"
)

// TestResetEndsNoStrangersStream shows whose stream a reset ends: only one of ours, which
// may be that of a dead daemon. It waits for anybody else's.
func TestResetEndsNoStrangersStream(t *testing.T) {
	tests := []struct {
		name string
		as   func(*world, *pgconn.Config)
		ends bool
	}{
		{"another program", func(_ *world, c *pgconn.Config) { c.RuntimeParams["application_name"] = "pg_recvlogical" }, false},
		{"another role", func(w *world, c *pgconn.Config) { c.User = w.role() }, false},
		{"ours", func(*world, *pgconn.Config) {}, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			other := w.dial()
			w.exec(other, `CREATE TABLE a (id int PRIMARY KEY)`)
			w.exec(other, `CREATE ROLE `+w.role()+` LOGIN REPLICATION`)
			w.choose(every("a")...)
			w.named(true)
			if _, err := w.Create(t.Context(), replicator.CreateRequest{}); err != nil {
				t.Fatal(err)
			}
			stream := w.stream(func(c *pgconn.Config) { test.as(w, c) })
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			made := make(chan error, 1)
			go func() {
				_, err := w.Create(ctx, replicator.CreateRequest{Resumed: true, Reset: true})
				made <- err
			}()
			if test.ends {
				if err := <-made; err != nil {
					t.Error(err)
				}
				for committed(t, stream) == nil { // what PostgreSQL 14 sent of the creation; one that goes on never ends this
				}
				return
			}
			w.heard("to be let go of") // it asks again and again, and nothing else is left to do
			w.exec(other, `INSERT INTO a VALUES (1)`)
			if err := committed(t, stream); err != nil {
				t.Errorf("a stranger's stream has ended: %v", err)
			}
			cancel()
			if err := <-made; !errors.Is(err, context.Canceled) {
				t.Errorf("given up: %v", err)
			}
		})
	}
}

// stream streams from the slot on a session of its own, whose config is the origin's but
// for what change does.
func (w *world) stream(change func(*pgconn.Config)) *pgconn.PgConn {
	w.t.Helper()
	conn, err := w.connectReplication(w.t.Context(), change)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { conn.Close(context.WithoutCancel(w.t.Context())) })
	err = pglogrepl.StartReplication(w.t.Context(), conn, w.options.Slot, 0, pglogrepl.StartReplicationOptions{
		PluginArgs: []string{"proto_version '1'", "publication_names '" + w.options.Publication + "'"},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return conn
}

// committed waits until a stream sends a commit, and returns an error if it ends before.
func committed(t *testing.T, conn *pgconn.PgConn) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), atMost)
	defer cancel()
	for {
		message, err := conn.ReceiveMessage(ctx)
		if ctx.Err() != nil {
			t.Fatal("a stream neither sends nor ends")
		}
		if err != nil {
			return err
		}
		switch m := message.(type) {
		case *pgproto3.ErrorResponse:
			return pgconn.ErrorResponseToPgError(m)
		case *pgproto3.CopyData:
			if m.Data[0] != pglogrepl.XLogDataByteID {
				continue
			}
			if sent, err := pglogrepl.ParseXLogData(m.Data[1:]); err != nil || sent.WALData[0] == 'C' {
				return err
			}
		}
	}
}
