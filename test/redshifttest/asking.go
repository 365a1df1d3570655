package redshifttest

import (
	"context"
	"fmt"
)

// ownStatement is a statement of the stand-in's own that a session has run.
type ownStatement struct {
	name     string // by which the backing server knows it once it is prepared
	prepared bool
}

// rows runs a statement of the stand-in's own in the session and returns its rows. One
// with values is prepared when it comes for the second time: some come with each statement
// of a client, and it takes the backing server longer to read and plan them than to run
// them.
func (c *session) rows(ctx context.Context, sql string, values ...string) ([][][]byte, error) {
	var arguments [][]byte
	for _, v := range values {
		arguments = append(arguments, []byte(v))
	}
	again := c.own[sql]
	if again == nil {
		if len(values) > 0 {
			c.own[sql] = &ownStatement{name: fmt.Sprint("own ", len(c.own))}
		}
		result := c.backing.ExecParams(ctx, sql, arguments, nil, nil, nil).Read()
		return result.Rows, result.Err
	}
	if !again.prepared {
		if _, err := c.backing.Prepare(ctx, again.name, sql, nil); err != nil {
			return nil, err
		}
		again.prepared = true
	}
	result := c.backing.ExecPrepared(ctx, again.name, arguments, nil, nil).Read()
	return result.Rows, result.Err
}

// ask is rows with texts for values, an empty one for NULL.
func (c *session) ask(ctx context.Context, sql string, values ...string) ([][]string, error) {
	rows, err := c.rows(ctx, sql, values...)
	if err != nil {
		return nil, err
	}
	var all [][]string
	for _, r := range rows {
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
