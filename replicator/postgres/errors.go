package postgres

import (
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

	"rowshift/replicator"
)

// fault is a server's error without its detail and its context, which can hold a row's
// values.
type fault struct {
	code    string
	message string
}

func (f *fault) Error() string { return f.message + " (SQLSTATE " + f.code + ")" }

// SQLState returns the server's code, by which errors are counted.
func (f *fault) SQLState() string { return f.code }

// ConnectError says why a session could not be opened: nobody answers, or the server
// refuses the login. It is distinguished from what fails later, because its repair is
// mostly in the config.
type ConnectError struct{ err error }

func (e *ConnectError) Error() string { return e.err.Error() }

func (e *ConnectError) Unwrap() error { return e.err }

// bare strips from a server's error what can hold a row's values. It returns any other
// error as it is.
func bare(err error) error {
	if p, ok := errors.AsType[*pgconn.PgError](err); ok {
		return newFault(p.Code, p.Message)
	}
	return err
}

// newFault returns the error for what the server said. If the code is of a value that the
// server cannot read or write, the message quotes that value, so it is replaced.
func newFault(code, message string) *fault {
	if ofClass(code, dataException, integrityViolation) {
		message = "a value was refused"
	}
	return &fault{code: code, message: message}
}

// stuckAfter is how often a slot may fail to decode at one position before it is taken for
// lost.
const stuckAfter = 3

// stuck counts how often in a row the stream failed to decode at one position.
type stuck struct {
	at    replicator.LSN
	times int
}

// undecodable returns the error for a stream that failed to decode what follows at, the end
// of the last transaction that it received.
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
	if o.from.overgrows(cause) {
		return o.from.overgrownHalt(o.options.Slot, at, err)
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
