package redshift

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"rowshift/replicator"
	"rowshift/schema"
)

// loadErrors reads what Redshift kept of the last COPY that it refused. Values and
// raw lines are left where they are.
// https://docs.aws.amazon.com/redshift/latest/dg/r_STL_LOAD_ERRORS.html
// https://docs.aws.amazon.com/redshift/latest/dg/SYS_LOAD_ERROR_DETAIL.html
var loadErrors = []string{
	"SELECT TRIM(colname), err_code, TRIM(err_reason), TRIM(filename), line_number FROM stl_load_errors ORDER BY starttime DESC LIMIT 1",
	"SELECT TRIM(column_name), error_code, TRIM(error_message), TRIM(file_name), line_number FROM sys_load_error_detail ORDER BY start_time DESC LIMIT 1",
}

// explain turns the error of a COPY that refused a file of ours into a halt that
// names the column, by a session of its own: the transaction's is over. A row's
// value is not shown. Other errors are returned as they are.
func (w *Warehouse) explain(ctx context.Context, err error, t *schema.Table) error {
	var e *Error
	if !errors.As(err, &e) || !strings.Contains(e.Message, "Load into table") {
		return err
	}
	h := &replicator.Halt{
		Reason: replicator.LoadRefused,
		Found:  "COPY refused a row of " + t.Name.String(),
		Means:  "the target was altered by hand, or rowshift wrote what Redshift does not read",
		Repair: "look at stl_load_errors (sys_load_error_detail on a serverless workgroup), and at the target's columns",
		Cause:  err,
	}
	s, opened := w.open(ctx)
	if opened != nil {
		return h
	}
	defer s.close(ctx)
	for _, sql := range loadErrors {
		rows, failed := s.rows(ctx, "read the load errors", sql)
		if failed != nil || len(rows) == 0 {
			continue // a serverless workgroup has the second view only, a cluster may have the first only
		}
		r := rows[0]
		h.Found = fmt.Sprintf("COPY refused a row of %v: column %s, error %s (%s), line %s of %s", t.Name, named(r[0], t), r[1], safeReason(string(r[2])), r[4], r[3])
		return h
	}
	return h
}

// named turns the name of a staging table's column into the target's.
func named(column []byte, t *schema.Table) string {
	for i, c := range t.Columns {
		if string(column) == valueColumn(i) {
			return c.Target
		}
	}
	return string(column)
}

// safeReason cuts a reason off where it begins to quote a value.
func safeReason(reason string) string {
	for _, sign := range []string{", Value", "'", `"`, "hex sequence"} {
		if i := strings.Index(reason, sign); i >= 0 {
			reason = reason[:i]
		}
	}
	return strings.TrimSpace(reason)
}
