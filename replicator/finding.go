package replicator

// Finding is the result of one check that is made before a first run: a line of `rowshift
// check`.
type Finding struct {
	Subject string // what was looked at: "source: wal_level"
	Verdict Verdict
	Found   string // what was found, in a few words
	Repair  string // the command, statement or config line that repairs it; empty if fine
}

// Verdict says whether a Finding stands in the way of a run.
type Verdict string

// The verdicts.
const (
	Fine    Verdict = "ok"
	Warning Verdict = "warn"  // works, but somebody should know
	Failure Verdict = "fail"  // a run would stop here
	Unasked Verdict = "error" // the check could not be made
)
