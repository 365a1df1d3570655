package postgres

import (
	"fmt"
	"strings"

	"rowshift/replicator"
	"rowshift/schema"
)

// dataException is the class of what fails for a value, such as a division by zero. A
// publication takes conditions that can fail so, and the server tries them on a row only
// when it sends it, long after its owner's commit.
// https://www.postgresql.org/docs/current/errcodes-appendix.html
const dataException = "22"

// rewrite is how a condition is made one that cannot fail: a CASE alone surely looks at one
// thing before another. The row itself is no repair: to correct it writes its old version
// to the log, on which the condition fails as well.
// https://www.postgresql.org/docs/current/sql-expressions.html#SYNTAX-EXPRESS-EVAL
const rewrite = "write %s in the config so that no row can make it fail, as in CASE WHEN n <> 0 THEN 100 / n > 5 ELSE false END"

// filterHalt is the Halt for a stream that ended since a condition failed on a row that was
// changed behind a position; nil if there is no condition, or that is not what it ended by.
// The log is read with the publication as it was then: nothing but a new slot leads past it.
func (o *Origin) filterHalt(at replicator.LSN, cause error) error {
	conditions := o.conditions()
	if len(conditions) == 0 || !strings.HasPrefix(codeOf(cause), dataException) {
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

// filterTable is the same of a table that is loaded. It is parked, and the others go on.
func filterTable(t *schema.Table, cause error) *replicator.Unfit {
	return &replicator.Unfit{OID: t.OID, Name: t.Known, Why: &replicator.Halt{
		Reason: replicator.TableUnfit,
		Found:  fmt.Sprintf("the condition on rows of %v fails for one of them: %v", t.Name, bare(cause)),
		Means:  "it cannot be loaded with that, and a change of that row would end the stream",
		Repair: fmt.Sprintf(rewrite, "tables."+t.Known.String()+".where") + "; then rowshift resync " + t.Known.String(),
		Cause:  bare(cause),
	}}
}
