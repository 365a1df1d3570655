package postgres

import (
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"rowshift/replicator"
)

// SQLSTATEs that are acted on.
// https://www.postgresql.org/docs/current/errcodes-appendix.html
const (
	objectInUse        = "55006"
	undefinedObject    = "42704"
	insufficientRights = "42501"
	tooManyConnections = "53300"
)

// fault is an error of the server without the parts that can hold a row's values:
// its detail and its context. What it says of a session is safe.
type fault struct {
	code    string
	message string
}

func (f *fault) Error() string { return f.message + " (SQLSTATE " + f.code + ")" }

// SQLState is the server's code, by which errors are counted.
func (f *fault) SQLState() string { return f.code }

// ConnectError says why a session could not be opened: nobody answers, or the server
// refuses the login. It is told apart from what fails later, because its repair is mostly
// in the config.
type ConnectError struct{ err error }

func (e *ConnectError) Error() string { return e.err.Error() }

func (e *ConnectError) Unwrap() error { return e.err }

// bare takes from an error of the server what can hold a row's values.
func bare(err error) error {
	var p *pgconn.PgError
	if !errors.As(err, &p) {
		return err
	}
	return newFault(p.Code, p.Message)
}

// newFault returns the error for what the server said. What it says of a value that it
// cannot read or write quotes it.
func newFault(code, message string) *fault {
	if strings.HasPrefix(code, dataException) || strings.HasPrefix(code, "23") {
		message = "a value was refused"
	}
	return &fault{code: code, message: message}
}

// codeOf returns the SQLSTATE of an error, empty if it has none.
func codeOf(err error) string {
	var p *pgconn.PgError
	if errors.As(err, &p) {
		return p.Code
	}
	var f *fault
	if errors.As(err, &f) {
		return f.code
	}
	return ""
}

// passing tells errors of the server that say nothing of the slot: it shuts down,
// lacks something, or was told to end the session.
func passing(code string) bool {
	for _, class := range []string{"08", "53", "57", "58"} {
		if strings.HasPrefix(code, class) {
			return true
		}
	}
	return false
}

// stuckAfter is how often a slot may fail to decode at one position before it is
// taken for lost.
const stuckAfter = 3

// stuck counts how often in a row the stream broke with an error of the decoding at
// one position.
type stuck struct {
	at    replicator.LSN
	times int
}

// undecodable returns the error for a stream that ended with an error of decoding
// behind the transaction that ended at a position.
func (o *Origin) undecodable(at replicator.LSN, cause error) error {
	if unsendable(cause) {
		return unsendableHalt(o.options.Slot, at, cause)
	}
	if halt := o.filterHalt(at, cause); halt != nil {
		return halt
	}
	if o.stuck.at != at {
		o.stuck.at, o.stuck.times = at, 0
	}
	o.stuck.times++
	err := fmt.Errorf("postgres: %w at %v: %w", replicator.ErrUndecodable, at, cause)
	if o.stuck.times < stuckAfter {
		return err
	}
	h := &replicator.Halt{
		Reason: replicator.SlotLost,
		Found:  fmt.Sprintf("slot %q fails behind %v each time with: %v", o.options.Slot, at, cause),
		Means:  "the server cannot decode its log there, so what follows cannot be had from this slot",
		Repair: startOver,
		Cause:  err,
	}
	if codeOf(cause) == undefinedObject {
		h.Reason = replicator.PublicationMissing
		h.Means = "the publication did not exist when that part of the log was written; making it now does not help for older log"
	}
	return h
}
