package postgres

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"rowshift/replicator"
	"rowshift/schema"
)

// rangeBytes is about what a range holds, with what its rows keep out of line.
const rangeBytes = 64 << 20

// size is how large a table is.
type size struct {
	blocks int64   // of its heap; 0 if the role may not read it by blocks
	bytes  int64   // of heap and TOAST
	rows   float64 // estimate; 0 if not known
}

// measure returns how large tables are now, by OID, in one round trip. Asked after a
// snapshot was taken, no row that the snapshot sees lies beyond it, since our lock
// keeps others from moving rows.
//
// A role that has grants on columns only may read a table by blocks only if the
// system column ctid is one of them.
func measure(ctx context.Context, conn *pgx.Conn, tables []*schema.Table) (map[uint32]size, error) {
	oids := make([]uint32, len(tables))
	for i, t := range tables {
		oids[i] = t.OID
	}
	rows, err := conn.Query(ctx, `
		SELECT oid, relname::text, relkind::text, has_column_privilege(oid, 'ctid', 'SELECT'), blocks, pg_table_size(oid),
		       CASE WHEN reltuples > 0 AND relpages > 0 THEN reltuples / relpages * blocks ELSE 0 END::float8
		FROM (SELECT *, pg_relation_size(oid) / current_setting('block_size')::bigint AS blocks FROM pg_class WHERE oid = ANY ($1::oid[])) AS t`, oids)
	if err != nil {
		return nil, fmt.Errorf("postgres: measure the tables: %w", err)
	}
	sizes := map[uint32]size{}
	var oid uint32
	var name, kind string
	var blocked bool
	var s size
	_, err = pgx.ForEachRow(rows, []any{&oid, &name, &kind, &blocked, &s.blocks, &s.bytes, &s.rows}, func() error {
		if kind != "r" {
			return fmt.Errorf("%s has no rows of its own: it is of kind %q", name, kind)
		}
		if !blocked {
			s.blocks = 0
		}
		sizes[oid] = s
		return nil
	})
	if err == nil && len(sizes) != len(tables) {
		err = fmt.Errorf("%d of %d are not there", len(tables)-len(sizes), len(tables))
	}
	if err != nil {
		return nil, fmt.Errorf("postgres: measure the tables: %w", err)
	}
	return sizes, nil
}

// cut divides a table of that size into ranges of about each bytes. The last one has
// no end. A table without blocks is one range.
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

// copyOf returns the statement that reads a range. ONLY keeps out the rows of tables
// that inherit from it, which the stream sends as their own. Since 14 a condition on
// ctid reads those blocks alone.
// https://www.postgresql.org/docs/current/release-14.html
func copyOf(r replicator.Range) string {
	columns := make([]string, len(r.Table.Columns))
	for i, c := range r.Table.Columns {
		columns[i] = pgx.Identifier{c.Name}.Sanitize()
	}
	query := "SELECT " + strings.Join(columns, ", ") + " FROM ONLY " + quoted(r.Table.Name)
	if r.First > 0 || r.Last > 0 {
		query += fmt.Sprintf(" WHERE ctid >= '(%d,0)'", r.First)
	}
	if r.Last > 0 {
		query += fmt.Sprintf(" AND ctid < '(%d,0)'", r.Last)
	}
	return "COPY (" + query + ") TO STDOUT"
}
