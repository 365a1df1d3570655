package postgres

import (
	"fmt"
	"strings"

	"rowshift/replicator"
	"rowshift/schema"
)

// rewrite says how to make a condition that cannot fail: only a CASE is sure to evaluate
// one thing before another. Correcting the row is no repair: this writes the row's old
// version to the log, on which the condition fails as well.
// https://www.postgresql.org/docs/current/sql-expressions.html#SYNTAX-EXPRESS-EVAL
const rewrite = "write %s in the config so that no row can make it fail, as in CASE WHEN n <> 0 THEN 100 / n > 5 ELSE false END"

// filterHalt returns the Halt for a stream that ended because a condition failed on a row
// that was changed after the position at. It returns nil if there is no condition, or the
// stream ended for another reason. The server reads the log with the publication as it was
// then, so only a new slot leads past the change.
//
// A publication accepts conditions that can fail like this, and the server evaluates them on
// a row only when it sends the row, long after the row's owner has committed.
func (o *Origin) filterHalt(at replicator.LSN, cause error) error {
	conditions := o.conditions()
	if len(conditions) == 0 || !ofClass(codeOf(cause), dataException) {
		return nil
	}
	return &replicator.Halt{
		Reason: replicator.SourceUnfit,
		Found:  fmt.Sprintf("a condition on rows fails for one that was changed behind %v: %v", at, cause),
		Means:  fmt.Sprintf("slot %q is whole, but the log keeps the change and the condition of then, and each stream ends there", o.options.Slot),
		Repair: fmt.Sprintf(rewrite, strings.Join(conditions, ", ")) + "; then " + startOver,
		Cause:  cause,
	}
}

// filterTable returns the error for such a failure in a table that is being loaded. Only
// that table is parked; the others go on.
func filterTable(t *schema.Table, cause error) *replicator.Unfit {
	return &replicator.Unfit{OID: t.OID, Name: t.Configured, Why: &replicator.Halt{
		Reason: replicator.TableUnfit,
		Found:  fmt.Sprintf("the condition on rows of %v fails for one of them: %v", t.Name, cause),
		Means:  "it cannot be loaded with that, and a change of that row would end the stream",
		Repair: fmt.Sprintf(rewrite, "tables."+t.Configured.String()+".where") + "; then rowshift resync " + t.Configured.String(),
		Cause:  cause,
	}}
}
