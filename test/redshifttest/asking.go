package redshifttest

import (
	"context"
)

// ask runs a statement of the stand-in's own and returns its rows, with NULL as an empty
// string.
func (c *session) ask(ctx context.Context, sql string, values ...string) ([][]string, error) {
	var arguments [][]byte
	for _, v := range values {
		arguments = append(arguments, []byte(v))
	}
	result := c.backing.ExecParams(ctx, sql, arguments, nil, nil, nil).Read()
	if result.Err != nil {
		return nil, result.Err
	}
	var all [][]string
	for _, r := range result.Rows {
		var row []string
		for _, v := range r {
			row = append(row, string(v))
		}
		all = append(all, row)
	}
	return all, nil
}

// value runs a statement that returns one value.
func (c *session) value(ctx context.Context, sql string, values ...string) (string, error) {
	all, err := c.ask(ctx, sql, values...)
	if err != nil || len(all) == 0 {
		return "", err
	}
	return all[0][0], nil
}

// oid returns the OID of a table or view.
func (c *session) oid(ctx context.Context, n relationName) (string, error) {
	return c.value(ctx, "SELECT $1::text::regclass::oid", n.sql())
}
