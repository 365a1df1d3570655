package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"rowshift/schema"
)

// contentQuery reads the enum labels and composite attributes that the texts of types are
// made of. It looks into domains, arrays, composites, ranges and multiranges. PostgreSQL's
// own types have neither, and are left out.
// https://www.postgresql.org/docs/current/catalog-pg-enum.html
// https://www.postgresql.org/docs/current/catalog-pg-type.html
// https://www.postgresql.org/docs/current/catalog-pg-range.html
const contentQuery = `
WITH RECURSIVE inside AS (
    SELECT oid AS root, oid FROM unnest($1::oid[]) AS r(oid)
  UNION
    SELECT i.root, n.oid
    FROM inside i JOIN pg_type t ON t.oid = i.oid CROSS JOIN LATERAL (
      SELECT t.typbasetype AS oid WHERE t.typtype = 'd'
      UNION ALL SELECT t.typelem WHERE t.typtype = 'b'
      UNION ALL SELECT a.atttypid FROM pg_attribute a WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
      UNION ALL SELECT r.rngsubtype FROM pg_range r WHERE t.typtype = 'r' AND r.rngtypid = t.oid
      UNION ALL SELECT r.rngtypid FROM pg_range r WHERE t.typtype = 'm' AND r.rngmultitypid = t.oid
    ) n WHERE n.oid >= 16384
)
SELECT i.root, e.oid, e.enumlabel::text FROM inside i JOIN pg_enum e ON e.enumtypid = i.oid
UNION ALL
SELECT i.root, 0::oid, concat(t.oid, (SELECT string_agg(format(' %s:%s', a.attnum, a.atttypid), '' ORDER BY a.attnum)
                                      FROM pg_attribute a WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped))
FROM inside i JOIN pg_type t ON t.oid = i.oid AND t.typtype = 'c'`

// readContents sets the Content of each column: what the texts of its type are made of.
func readContents(ctx context.Context, q querier, columns map[uint32][]schema.Attribute) error {
	contents := map[uint32]schema.Content{}
	for _, attributes := range columns {
		for _, a := range attributes {
			if a.Type.OID >= schema.FirstUserOID {
				contents[a.Type.OID] = nil
			}
		}
	}
	if len(contents) == 0 {
		return nil
	}
	types := make([]uint32, 0, len(contents))
	for oid := range contents {
		types = append(types, oid)
	}
	rows, err := q.Query(ctx, contentQuery, types)
	if err != nil {
		return fmt.Errorf("postgres: read the catalogue's types: %w", err)
	}
	var oid uint32
	var p schema.Piece
	_, err = pgx.ForEachRow(rows, []any{&oid, &p.OID, &p.Text}, func() error {
		contents[oid] = append(contents[oid], p)
		return nil
	})
	if err != nil {
		return fmt.Errorf("postgres: read the catalogue's types: %w", err)
	}
	for _, attributes := range columns {
		for i := range attributes {
			attributes[i].Content = contents[attributes[i].Type.OID]
		}
	}
	return nil
}
