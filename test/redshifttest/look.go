package redshifttest

import (
	"context"
	"fmt"
)

// read reads a statement that could not be read earlier because it depends on what the
// backing server says about tables.
func (c *session) read(ctx context.Context, s *statement) error {
	if s.later == nil {
		return nil
	}
	whole, err := parseOne(s.later, func(n relationName) (looked, error) { return c.look(ctx, n) })
	if err != nil {
		return err
	}
	whole.text, whole.asked = s.text, s.asked
	*s = *whole
	return nil
}

// lookQuery reads a table's or view's kind and columns.
const lookQuery = `SELECT c.relkind::text, a.attname::text FROM pg_class c LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
	WHERE c.oid = $1::text::regclass ORDER BY a.attnum`

// look asks the backing server about a table or view.
func (c *session) look(ctx context.Context, n relationName) (looked, error) {
	rows, err := c.rows(ctx, lookQuery, n.sql())
	if err != nil {
		return looked{}, fmt.Errorf("look at %s: %w", n.sql(), err)
	}
	var r looked
	for _, row := range rows {
		kind := string(row[0])
		r.view = kind == "v" || kind == "m"
		if row[1] != nil {
			r.columns = append(r.columns, string(row[1]))
		}
	}
	return r, nil
}
