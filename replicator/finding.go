package replicator

// Finding is one thing that was looked at before a first run: a line of `rowshift
// check`.
type Finding struct {
	Subject string // what was looked at: "source: wal_level"
	Verdict Verdict
	Found   string // what was found, in a few words
	Repair  string // the command, statement or config line that repairs it; empty if fine
}

// Verdict says whether a Finding stands in the way.
type Verdict string

// The verdicts.
const (
	Fine    Verdict = "ok"
	Warning Verdict = "warn"  // works, but somebody should know
	Failure Verdict = "fail"  // a run would stop here
	Unasked Verdict = "error" // it could not be asked
)
