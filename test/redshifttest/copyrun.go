package redshifttest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"rowshift/test/redshifttest/copyload"
)

// copyFrom loads files through the engine into the backing server. It runs to its end
// even if the client is gone.
// https://docs.aws.amazon.com/redshift/latest/dg/copy-usage_notes-multiple-files.html
func (c *session) copyFrom(ctx context.Context, copying *copying) error {
	var target target
	err := c.mayCopy(ctx, copying)
	if err == nil {
		target, err = c.target(ctx, copying)
	}
	if err != nil {
		return err
	}
	store, err := c.server.store.get(c.server.options)
	if err != nil {
		return err
	}
	spec := copying.spec
	spec.Table, spec.Columns = copying.shown, target.columns
	spec.Query, spec.PID = int(c.server.copies.Add(1)), int(c.backing.PID())
	started := time.Now().UTC()
	result, err := c.load(ctx, spec, store, copying.table)
	kept := c.server.keep(ctx, loaded{target: target, spec: &spec, started: started, result: result, failed: err != nil})
	if err := errors.Join(err, kept); err != nil {
		return err
	}
	if err := c.count(ctx, copying, target, result.Rows); err != nil {
		return err
	}
	if err := c.quietly(ctx, fmt.Sprintf("SELECT set_config('redshift.copied', '%d', false), set_config('redshift.copy', '%d', false)", result.Rows, spec.Query)); err != nil {
		return err
	}
	if n := len(result.Errors); n > 0 {
		c.notice("INFO", "00000", fmt.Sprintf("Load into table '%s' completed, %d record(s) could not be loaded.  Check 'stl_load_errors' system table for details.", copying.shown, n))
	}
	c.notice("INFO", "00000", fmt.Sprintf("Load into table '%s' completed, %d record(s) loaded successfully.", copying.shown, result.Rows))
	c.pause(c.server.options.RowCost * time.Duration(result.Rows))
	return nil
}

// load pipes what the engine makes of the files into the table, and returns when both
// ends are done. If PostgreSQL refuses the rows, the COPY fails with PostgreSQL's error.
func (c *session) load(ctx context.Context, spec copyload.Spec, store copyload.Store, table string) (copyload.Result, error) {
	var names []string
	for _, column := range spec.Columns {
		names = append(names, quote(column.Name))
	}
	read, write := io.Pipe()
	loading, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		select {
		case <-c.running.struck():
			stop()
			_ = write.CloseWithError(errStalled)
		case <-loading.Done():
		}
	}()
	var result copyload.Result
	var failed error
	done := make(chan struct{})
	go func() {
		defer close(done)
		result, failed = copyload.Load(loading, spec, store, write)
		_ = write.CloseWithError(failed)
	}()
	_, err := c.backing.CopyFrom(ctx, read, "COPY "+table+" ("+strings.Join(names, ", ")+") FROM STDIN")
	_ = read.CloseWithError(io.ErrClosedPipe)
	<-done
	if failed != nil && !errors.Is(failed, io.ErrClosedPipe) {
		return result, failed
	}
	return result, err
}

// manyRows is a number of rows from which on the plan of a query over them matters.
const manyRows = 1000

// count tells the backing server's planner how much a temporary table now holds. Redshift
// knows that from its blocks. PostgreSQL would rather not hash a table that was never
// analyzed, and would hash the table that it is joined with.
func (c *session) count(ctx context.Context, copying *copying, target target, rows int64) error {
	if !target.temporary || rows < manyRows {
		return nil
	}
	return c.quietly(ctx, "ANALYZE "+copying.table)
}

// mayCopy checks the role or chain of roles that a COPY names: against the list of roles,
// and against who was granted ASSUMEROLE.
// https://docs.aws.amazon.com/redshift/latest/mgmt/authorizing-redshift-service.html
func (c *session) mayCopy(ctx context.Context, copying *copying) error {
	allowed := c.server.options.Roles
	for _, role := range copying.roles {
		may, err := c.value(ctx, "SELECT "+catalogueSchema+".may_assume($1, 'COPY')", role)
		if err != nil {
			return err
		}
		if may != "t" || len(allowed) > 0 && !slices.Contains(allowed, role) {
			return &Refusal{Code: "XX000", Rule: "R-644", Message: "User arn:aws:redshift:us-east-1:123456789012:dbuser:stand-in/" + c.user + " is not authorized to assume IAM Role " + role}
		}
	}
	return nil
}
