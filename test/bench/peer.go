package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"rowshift/replicator/postgres"
	"rowshift/test/harness"
)

// peer is one of the programs that drain a backlog.
type peer struct {
	name  string
	drain func(context.Context, *bench, written) (result, error)
}

// The peers. The first one is what the others are compared with; it needs a program that
// not every package of PostgreSQL has.
const (
	limit    = "limit"
	reading  = "read"
	texting  = "text"
	staging  = "staged"
	native   = "native"
	rowshift = "rowshift"
)

var peers = []peer{{limit, drainByLimit}, {reading, drainByReading(readSlot, postgres.Auto)}, {texting, drainByReading(textSlot, postgres.Text)}, {staging, drainByStaging}, {native, drainByNative}, {rowshift, drainByRowshift}}

// inOrder returns the peers in the order in which they drain in a round. Each round
// begins with another one, and in every second round native and rowshift swap places.
func inOrder(peers []peer, round int) []peer {
	at := round % len(peers)
	order := slices.Concat(peers[at:], peers[:at])
	is := func(name string) func(peer) bool { return func(p peer) bool { return p.name == name } }
	i, j := slices.IndexFunc(order, is(native)), slices.IndexFunc(order, is(rowshift))
	if round%2 == 0 && i >= 0 && j >= 0 {
		order[i], order[j] = order[j], order[i]
	}
	return order
}

// The slots that are made anew for each backlog.
const (
	limitSlot  = "bench_limit"
	readSlot   = "bench_read"
	textSlot   = "bench_text"
	stagedSlot = "bench_staged"
)

// recvlogical is the program that reads the slot of the peer limit.
const recvlogical = "pg_recvlogical"

// patience is how long a drain may take before it counts as hanging.
const patience = 5 * time.Minute

// drainByLimit has pg_recvlogical write to nowhere.
// https://www.postgresql.org/docs/current/app-pgrecvlogical.html
func drainByLimit(ctx context.Context, b *bench, w written) (result, error) {
	program, err := b.world.Source.Program(recvlogical)
	if err != nil {
		return result{}, err
	}
	c := exec.CommandContext(ctx, program, "--dbname", b.world.SourceDSN(), "--slot", limitSlot, "--start", "--file", "/dev/null",
		"--fsync-interval", "0", "--endpos", w.end, "--option", "proto_version=1", "--option", "publication_names="+publication)
	return b.timed(ctx, limitSlot, func() (usage, error) {
		if out, err := c.CombinedOutput(); err != nil {
			return usage{}, fmt.Errorf("%w: %s", err, out)
		}
		return usage{CPU: c.ProcessState.UserTime() + c.ProcessState.SystemTime()}, nil
	})
}

// drainByRowshift has the daemon drain. It measures from the daemon's start until the
// stand-in shows the marker.
func drainByRowshift(ctx context.Context, b *bench, w written) (result, error) {
	var d *harness.Daemon
	r, err := b.timed(ctx, slot, func() (u usage, err error) {
		if d, err = b.world.Run(); err != nil {
			return u, err
		}
		err = seen(ctx, b.stand, "userdata.marker", "n", w.marker, d.Alive)
		if err != nil {
			return u, fmt.Errorf("%w\n%s", err, d.Tail(20))
		}
		return usageOf(d.Pid())
	})
	if d != nil {
		err = ended(ctx, d, err)
	}
	return r, err
}

// ended ends a daemon and waits for that. It returns err, joined with what goes wrong.
func ended(ctx context.Context, d *harness.Daemon, err error) error {
	d.Signal(terminate)
	if code, failed := d.Ended(ctx); err == nil && (failed != nil || code != 0) {
		return fmt.Errorf("the daemon ended with code %d, %w\n%s", code, failed, d.Tail(20))
	}
	return err
}

// timed measures something that drains a slot.
func (b *bench) timed(ctx context.Context, slot string, drain func() (usage, error)) (result, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	before, err := othersOf(b.world)
	if err != nil {
		return result{}, err
	}
	walsender := watch(ctx, b.world.SourceDSN(), slot)
	began := time.Now()
	own, err := drain()
	wall := time.Since(began)
	sent, failed := walsender()
	after, unread := othersOf(b.world)
	return result{Wall: wall, Own: own, Walsender: sent, Others: after.since(before)}, cmp.Or(err, failed, unread)
}

// seen waits until a table shows a row with this number in a column. It gives up as soon
// as alive returns an error.
func seen(ctx context.Context, c *pgx.Conn, table, column string, number int64, alive func() error) error {
	var dead error
	err := harness.Await(ctx, patience, fmt.Sprintf("%s %d of %s to be seen", column, number, table), func() (there bool, err error) {
		dead = alive()
		if dead == nil {
			err = c.QueryRow(ctx, "SELECT EXISTS (SELECT FROM "+table+" WHERE "+column+" = $1)", number).Scan(&there)
		}
		return there || dead != nil, err
	})
	return errors.Join(dead, err)
}
