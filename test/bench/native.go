package main

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"rowshift/test/harness"
)

// subscribe makes a database with the source's tables on the server that backs the
// stand-in, and a subscription that has loaded them and is at rest. The subscription has
// the defaults of CREATE SUBSCRIPTION, unless binary values are asked for.
// https://www.postgresql.org/docs/current/sql-createsubscription.html
func (b *bench) subscribe(ctx context.Context) (err error) {
	if _, err := b.stand.Exec(ctx, "CREATE DATABASE native"); err != nil {
		return err
	}
	if b.native, err = pgx.Connect(ctx, b.world.Backing.DSN("native")); err != nil {
		return err
	}
	for _, t := range tables {
		var create string
		err := b.source.QueryRow(ctx, `
			SELECT format('CREATE TABLE public.%I (%s, %s)', c.relname,
			       string_agg(format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod)), ', ' ORDER BY a.attnum),
			       (SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = c.oid AND contype = 'p'))
			FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
			WHERE c.oid = $1::regclass GROUP BY c.oid, c.relname`, t).Scan(&create)
		if err != nil {
			return err
		}
		if _, err := b.native.Exec(ctx, create); err != nil {
			return err
		}
	}
	source := b.world.Source
	connection := fmt.Sprintf("host=%s port=%d user=postgres dbname=app sslmode=disable", source.Host, source.Port)
	_, err = b.native.Exec(ctx, fmt.Sprintf("CREATE SUBSCRIPTION %s CONNECTION '%s' PUBLICATION %s WITH (slot_name = '%s', binary = %t)", nativeSlot, connection, publication, nativeSlot, b.binary))
	if err != nil {
		return err
	}
	err = harness.Await(ctx, patience, "the subscription to have loaded", func() (loaded bool, err error) {
		err = b.native.QueryRow(ctx, "SELECT bool_and(srsubstate = 'r') FROM pg_subscription_rel").Scan(&loaded)
		return loaded, err
	})
	if err != nil {
		return err
	}
	return b.rest(ctx)
}

// rest disables the subscription and waits until it reads no more.
func (b *bench) rest(ctx context.Context) error {
	if _, err := b.native.Exec(ctx, "ALTER SUBSCRIPTION "+nativeSlot+" DISABLE"); err != nil {
		return err
	}
	return b.released(ctx, nativeSlot)
}

// drainByNative has the subscription drain. It measures from the moment at which the
// subscription is enabled until its database shows the marker.
func drainByNative(ctx context.Context, b *bench, w written) (result, error) {
	r, err := b.timed(ctx, nativeSlot, func() (u usage, err error) {
		if _, err = b.native.Exec(ctx, "ALTER SUBSCRIPTION "+nativeSlot+" ENABLE"); err != nil {
			return u, err
		}
		if err := seen(ctx, b.native, "public.marker", "n", w.marker, func() error { return nil }); err != nil {
			return u, err
		}
		var pid int
		if err := b.native.QueryRow(ctx, "SELECT pid FROM pg_stat_subscription WHERE subname = $1 AND relid IS NULL", nativeSlot).Scan(&pid); err != nil {
			return u, err
		}
		u, err = usageOf(pid)
		u.Peak = 0 // most of it is shared memory
		return u, err
	})
	if err != nil {
		return r, err
	}
	return r, b.rest(ctx)
}
