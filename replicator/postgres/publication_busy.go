package postgres

import (
	"context"
	"fmt"
	"slices"

	"rowshift/replicator"
	"rowshift/schema"
)

// alignApart brings the publication in line table by table, since it cannot be altered at
// once. Tables that somebody else has locked, maybe for hours, are left as they are, so
// that the others need not wait for them.
func (o *Origin) alignApart(ctx context.Context, conn *session, s server, due []alteration, tables []*schema.Table) (sight, error) {
	var busy []uint32
	var refused error
	for _, a := range due {
		err := o.alter(ctx, conn, s, a)
		switch {
		case lockedOut(err):
			busy = append(busy, a.oid)
		case codeOf(err) == insufficientRights:
			refused = err
		case err != nil:
			return sight{}, err
		}
	}
	return o.leftAlone(ctx, conn, s, tables, busy, refused)
}

// wait notes the tables for which the publication waits, and says so in the reason of those
// that are parked meanwhile. Parking them does no harm: once they are published as they
// must be, they are loaded.
func (s *sight) wait(busy []uint32) {
	s.busy = busy
	for _, u := range s.unfit {
		if u.Why.Reason == replicator.PublicationDiffers && slices.Contains(busy, u.OID) {
			u.Why.Found += " yet: a VACUUM, a CREATE INDEX CONCURRENTLY or an ALTER of it holds the lock that this takes"
			u.Why.Means = "the other tables go on; it follows once that lock is free"
			u.Why.Repair = fmt.Sprintf("none, if that may last; who it is: SELECT pid, mode FROM pg_locks WHERE relation = %d", u.OID)
		}
	}
}

// freeQuery tells whether the locks of the publication and of at least one of the tables
// can be had. A session that waits for such a lock is in the way as well.
// https://www.postgresql.org/docs/current/explicit-locking.html#LOCKING-TABLES
const freeQuery = `
WITH others AS MATERIALIZED (
  SELECT locktype, classid, objid, relation FROM pg_locks
  WHERE database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND locktype IN ('relation', 'object')
    AND mode IN ('ShareUpdateExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
)
SELECT EXISTS (SELECT FROM unnest($2::oid[]) AS t(oid) WHERE NOT EXISTS (SELECT FROM others WHERE locktype = 'relation' AND relation = t.oid))
   AND NOT EXISTS (SELECT FROM others WHERE locktype = 'object' AND classid = 'pg_publication'::regclass AND objid = $1)`

// free reports whether something can be done by now for one of the tables that the
// publication waits for. It only looks: trying would make others wait behind us.
func free(ctx context.Context, q querier, publication uint32, busy []uint32) (some bool, err error) {
	if len(busy) == 0 {
		return false, nil
	}
	if err := q.QueryRow(ctx, freeQuery, publication, busy).Scan(&some); err != nil {
		return false, fmt.Errorf("postgres: look for locks of tables: %w", err)
	}
	return some, nil
}
