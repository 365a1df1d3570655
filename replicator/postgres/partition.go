package postgres

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"rowshift/replicator"
	"rowshift/schema"
)

// partsQuery reads what is below the roots of partitioned tables. Unlike pg_partition_tree
// it reads this by a snapshot, like any other rows, and without locks.
//
// A table's place in the tree is its row in pg_inherits. A table that was made as a
// partition was empty when it got its place. CREATE TABLE ... PARTITION OF writes the
// columns, makes them visible, and then writes the place. ATTACH PARTITION writes all of the
// table's columns anew, except dropped ones, and writes the place under the same command
// number. So if a column was written by the place's transaction, but by an earlier command,
// the table was made as a partition. Later commands can only write columns under higher
// numbers. If they have written all of them, nothing shows how the table was made, and it
// counts as attached.
// https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/commands/tablecmds.c
// (DefineRelation, CreateInheritance, MergeAttributesIntoExisting)
//
// The number of the command that wrote a row shares its field with that of a command that
// deletes it, and is lost even if that is rolled back. So a row that anybody has tried to
// delete proves nothing. VACUUM may clear the trace of that. But whoever tries to take the
// place away writes all columns as well or, to drop the table, also deletes its system
// columns. Their numbers therefore have to fit too. The numbers are not in the log either: a
// server that has recovered may show zero for some rows and the true number for others.
// readRun tells whether it has.
// https://www.postgresql.org/docs/current/ddl-system-columns.html
// https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/utils/time/combocid.c
// https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/access/heap/heapam_xlog.c
//
// A table that was made as a partition also still has the file that it was made with, whose
// number is its OID. If a partition is detached and attached again, another transaction
// writes its place. Nothing else writes it, and even of a frozen row PostgreSQL tells who
// wrote it.
// https://www.postgresql.org/docs/current/catalog-pg-inherits.html
// https://www.postgresql.org/docs/current/routine-vacuuming.html#VACUUM-FOR-WRAPAROUND
const partsQuery = `
WITH RECURSIVE tree AS (
    SELECT r.oid AS root, r.oid AS relid, true AS born, NULL::xid AS xmin FROM unnest($1::oid[]) AS r(oid)
  UNION ALL
    SELECT t.root, i.inhrelid, t.born AND i.xmax = '0'::xid AND coalesce((
        SELECT bool_or(a.attnum < 0 AND a.cmin::text::bigint < i.cmin::text::bigint)
           AND bool_or(a.attnum > 0 AND a.cmin::text::bigint < i.cmin::text::bigint)
           AND NOT bool_or(a.attnum > 0 AND a.cmin = i.cmin)
        FROM pg_attribute a
        WHERE a.attrelid = i.inhrelid AND NOT a.attisdropped AND a.xmin = i.xmin AND a.xmax = '0'::xid), false), i.xmin
    FROM tree t JOIN pg_inherits i ON i.inhparent = t.relid AND NOT i.inhdetachpending
)
SELECT t.root, c.oid, c.relfilenode, t.xmin::text::bigint, n.nspname::text, c.relname::text, c.relkind::text, c.relpersistence::text, c.relreplident::text,
       t.born AND (c.relkind = 'p' OR c.relfilenode = c.oid),
       coalesce((SELECT array_agg(a.attname::text ORDER BY a.attname)
                 FROM pg_index x JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = ANY ((x.indkey::int2[])[0:x.indnkeyatts - 1])
                 WHERE x.indrelid = c.oid AND x.indimmediate AND x.indisvalid
                   AND (c.relreplident = 'd' AND x.indisprimary OR c.relreplident = 'i' AND x.indisreplident)), '{}')
FROM tree t JOIN pg_class c ON c.oid = t.relid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE t.relid <> t.root
ORDER BY t.root, c.oid`

// readParts returns what is below the roots among relations, by the OIDs of the roots.
func readParts(ctx context.Context, q querier, relations []schema.Relation) (map[uint32][]schema.Part, error) {
	var roots []uint32
	for _, r := range relations {
		if r.Kind == 'p' {
			roots = append(roots, r.OID)
		}
	}
	if len(roots) == 0 {
		return nil, nil
	}
	rows, err := q.Query(ctx, partsQuery, roots)
	if err != nil {
		return nil, fmt.Errorf("postgres: read the catalogue's partitions: %w", err)
	}
	parts := map[uint32][]schema.Part{}
	var root uint32
	var p schema.Part
	var kind, persistence, identity string
	var xmin int64
	_, err = pgx.ForEachRow(rows, []any{
		&root, &p.OID, &p.File, &xmin, &p.Name.Schema, &p.Name.Table, &kind, &persistence, &identity, &p.Born, &p.Key,
	}, func() error {
		one := p
		one.Kind, one.Persistence, one.Identity, one.XMin = kind[0], persistence[0], schema.Identity(identity[0]), uint32(xmin)
		one.Key = slices.Clone(p.Key)
		parts[root] = append(parts[root], one)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("postgres: read the catalogue's partitions: %w", err)
	}
	return parts, nil
}

// runQuery reads a text that is another one after each start of the server and after each
// recovery. A server that recovers because one of its processes died keeps the time of its
// start, but resets its statistics, as any recovery does. Aurora, which alone has
// aurora_version, does not support these statistics and builds pages from its log at any
// time: there the text is empty, and the subquery is not run.
// https://www.postgresql.org/docs/current/monitoring-stats.html
// https://www.postgresql.org/docs/current/functions-info.html
// https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora_version.html
// https://github.com/rapidloop/pgmetrics/issues/68
const runQuery = `
SELECT CASE WHEN to_regproc('aurora_version') IS NULL
       THEN (SELECT concat_ws(' ', extract(epoch FROM pg_postmaster_start_time()), extract(epoch FROM stats_reset)) FROM pg_stat_wal)
       ELSE '' END`

// readRun returns what tells this run of the server from its others, and from other servers;
// empty if nothing does.
func readRun(ctx context.Context, q querier) (run string, err error) {
	if err := q.QueryRow(ctx, runQuery).Scan(&run); err != nil {
		return "", fmt.Errorf("postgres: ask since when the server runs: %w", err)
	}
	return run, nil
}

// chosenTwice returns a fault for each table that is chosen besides a root that it is
// below: its changes are published only as the root's. Both are named as in the config,
// since a table that was renamed is still chosen by the name that it had.
func chosenTwice(tables []*schema.Table) (faults []error) {
	chosen := byOID(tables)
	for _, root := range tables {
		for _, p := range root.Parts {
			if t := chosen[p.OID]; t != nil {
				faults = append(faults, &schema.Fault{
					Table:  t.Configured,
					Found:  fmt.Sprintf("is below %v, which is chosen too, and its changes come as that table's", root.Configured),
					Repair: fmt.Sprintf("take tables.%v out of the config, or tables.%v", t.Configured, root.Configured),
				})
			}
		}
	}
	return faults
}

// from returns what a query names after FROM to read a table's rows. With ONLY, it leaves
// out the rows of tables that inherit from it, which the stream sends as their own. The
// rows of a partitioned table are all below it, so it is named without ONLY.
func from(t *schema.Table) string {
	if t.Partitioned {
		return quoted(t.Name)
	}
	return "ONLY " + quoted(t.Name)
}

// leaves returns the partitions that hold a table's rows, or the table itself if it is not
// partitioned.
func leaves(t *schema.Table) (all []uint32) {
	if !t.Partitioned {
		return []uint32{t.OID}
	}
	for _, p := range t.Parts {
		if p.Kind == 'r' {
			all = append(all, p.OID)
		}
	}
	return all
}

// locked returns the tables that a lock on t covers.
func locked(t *schema.Table) []uint32 {
	all := []uint32{t.OID}
	for _, p := range t.Parts {
		all = append(all, p.OID)
	}
	return all
}

// sameParts returns an error unless a snapshot sees the partitions that were locked. The
// locks alone do not assure that: attaching a partition waits for no reader.
// https://www.postgresql.org/docs/current/sql-altertable.html
func sameParts(ctx context.Context, q querier, tables []*schema.Table) error {
	var roots []schema.Relation
	for _, t := range tables {
		if t.Partitioned {
			roots = append(roots, schema.Relation{OID: t.OID, Kind: 'p'})
		}
	}
	now, err := readParts(ctx, q, roots)
	if err != nil {
		return err
	}
	for _, t := range tables {
		if !alikeParts(t.Parts, now[t.OID]) {
			return fmt.Errorf("%w: partitions of %v came or went meanwhile", replicator.ErrYielded, t.Name)
		}
	}
	return nil
}

// alikeParts reports whether partitions are the same as before, with the same files and
// attached by the same transactions.
func alikeParts(was, is []schema.Part) bool {
	same := func(a, b schema.Part) bool { return a.OID == b.OID && a.File == b.File && a.XMin == b.XMin }
	return slices.EqualFunc(was, is, same)
}
