package replicator

// Step is a part of a merge, by which Merged tells its time.
type Step string

// The steps of a merge. A warehouse has no others.
const (
	StepCopy       Step = "copy"       // of what was staged
	StepHold       Step = "hold"       // changes of a table that loads
	StepFill       Step = "fill"       // values that rows keep, and new columns
	StepDelete     Step = "delete"     // rows that are written anew or are gone
	StepInsert     Step = "insert"     // rows
	StepReconcile  Step = "reconcile"  // targets with their load tables
	StepAccount    Step = "account"    // for values and rows, in the ledger and the quarantine
	StepCheckpoint Step = "checkpoint" // and the tables' states
	StepCommit     Step = "commit"
)

// Steps are the steps of a merge.
var Steps = []Step{StepCopy, StepHold, StepFill, StepDelete, StepInsert, StepReconcile, StepAccount, StepCheckpoint, StepCommit}
