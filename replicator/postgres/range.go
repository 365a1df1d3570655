package postgres

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"rowshift/replicator"
	"rowshift/schema"
)

// rangeBytes is about how large a range is, including what its rows store out of line.
const rangeBytes = 64 << 20

// size is how large a table is.
type size struct {
	blocks int64   // of its heap; 0 if the role may not read it by blocks
	bytes  int64   // of heap and TOAST
	rows   float64 // estimate; 0 if not known
	apart  bool    // the role may read it by itself
}

// measure returns how large tables and partitions are now, by OID, in one round trip. If it
// is called after a snapshot was taken, all rows that the snapshot sees lie within the
// sizes, since our lock keeps others from moving rows.
//
// A role with grants on columns only may read a table by blocks only if the system column
// ctid is one of them. It may read a partition by itself if it may read there what it may
// read of the root, and no policy of the partition hides rows.
func measure(ctx context.Context, conn *session, tables []*schema.Table) (map[uint32]size, error) {
	var oids, roots []uint32
	for _, t := range tables {
		for _, leaf := range leaves(t) {
			oids, roots = append(oids, leaf), append(roots, t.OID)
		}
	}
	rows, err := conn.Query(ctx, `
		SELECT oid, relname::text, relkind::text, has_column_privilege(oid, 'ctid', 'SELECT'),
		       root = oid OR NOT row_security_active(oid) AND has_schema_privilege(relnamespace, 'USAGE') AND NOT EXISTS (
		         SELECT FROM pg_attribute a WHERE a.attrelid = root AND a.attnum > 0 AND NOT a.attisdropped
		           AND has_column_privilege(root, a.attnum, 'SELECT') AND NOT has_column_privilege(t.oid, a.attname, 'SELECT')),
		       blocks, pg_table_size(oid),
		       CASE WHEN reltuples > 0 AND relpages > 0 THEN reltuples / relpages * blocks ELSE 0 END::float8
		FROM (SELECT c.*, w.root, pg_relation_size(c.oid) / current_setting('block_size')::bigint AS blocks
		      FROM unnest($1::oid[], $2::oid[]) AS w(leaf, root) JOIN pg_class c ON c.oid = w.leaf) AS t`, oids, roots)
	if err != nil {
		return nil, fmt.Errorf("postgres: measure the tables: %w", err)
	}
	sizes := map[uint32]size{}
	var oid uint32
	var name, kind string
	var blocked bool
	var s size
	_, err = pgx.ForEachRow(rows, []any{&oid, &name, &kind, &blocked, &s.apart, &s.blocks, &s.bytes, &s.rows}, func() error {
		if kind != "r" {
			return fmt.Errorf("%s has no rows of its own: it is of kind %q", name, kind)
		}
		if !blocked {
			s.blocks = 0
		}
		sizes[oid] = s
		return nil
	})
	if err == nil && len(sizes) != len(oids) {
		err = fmt.Errorf("%d of %d are not there", len(oids)-len(sizes), len(oids))
	}
	if err != nil {
		return nil, fmt.Errorf("postgres: measure the tables: %w", err)
	}
	return sizes, nil
}

// ranges divides a table into ranges of about each bytes. A partitioned table is divided by
// its partitions. If there are none, or the role may not read each of them by itself, it is
// one range.
func ranges(t *schema.Table, sizes map[uint32]size, each int64) (all []replicator.Range) {
	if !t.Partitioned {
		return cut(t, sizes[t.OID], each)
	}
	whole, apart := replicator.Range{Table: t}, true
	for _, p := range t.Parts {
		if p.Kind != 'r' {
			continue
		}
		s := sizes[p.OID]
		apart = apart && s.apart
		for _, r := range cut(t, s, each) {
			r.Part = p.Name
			all = append(all, r)
		}
		whole.Rows += int64(s.rows)
		whole.Bytes += s.bytes
	}
	if !apart || len(all) == 0 {
		return []replicator.Range{whole}
	}
	return all
}

// cut divides a table of that size into ranges of about each bytes. The last one has no
// end. A table without blocks is one range.
func cut(t *schema.Table, s size, each int64) []replicator.Range {
	if s.blocks == 0 {
		return []replicator.Range{{Table: t, Rows: int64(s.rows), Bytes: s.bytes}}
	}
	count := min(max((s.bytes+each-1)/each, 1), s.blocks)
	ranges := make([]replicator.Range, count)
	for i := range ranges {
		first, next := s.blocks*int64(i)/count, s.blocks*int64(i+1)/count
		share := float64(next-first) / float64(s.blocks)
		ranges[i] = replicator.Range{
			Table: t,
			First: uint32(first),
			Last:  uint32(next),
			Rows:  int64(s.rows * share),
			Bytes: int64(float64(s.bytes) * share),
		}
	}
	ranges[count-1].Last = 0
	return ranges
}

// copyOf returns the statement that reads a range. ONLY leaves out the rows of tables that
// inherit from it, which the stream sends as their own. From version 14 on, a condition on
// ctid reads only those blocks.
// https://www.postgresql.org/docs/current/release-14.html
func copyOf(r replicator.Range) string {
	of := from(r.Table)
	if r.Part != (schema.Name{}) {
		of = "ONLY " + quoted(r.Part)
	}
	var conditions []string
	if r.Table.Where != "" {
		conditions = append(conditions, condition(r.Table.Where))
	}
	if r.First > 0 || r.Last > 0 {
		conditions = append(conditions, fmt.Sprintf("ctid >= '(%d,0)'", r.First))
	}
	if r.Last > 0 {
		conditions = append(conditions, fmt.Sprintf("ctid < '(%d,0)'", r.Last))
	}
	query := "SELECT " + identifiers(columnNames(r.Table)) + " FROM " + of
	if len(conditions) > 0 {
		query += " WHERE " + strings.Join(conditions, " AND ")
	}
	return "COPY (" + query + ") TO STDOUT"
}
