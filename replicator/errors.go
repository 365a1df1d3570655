package replicator

import (
	"errors"

	"rowshift/schema"
)

// Halt is an error that time does not mend: nothing is applied or acknowledged
// until a person has decided. It says what was found, what that means and the
// command that repairs it, and holds no row's value and no secret.
type Halt struct {
	Reason Reason
	Found  string
	Means  string
	Repair string
	Cause  error // what was wrapped, if anything
}

func (h *Halt) Error() string {
	s := string(h.Reason) + ": " + h.Found
	if h.Means != "" {
		s += "; " + h.Means
	}
	if h.Repair != "" {
		s += "; repair: " + h.Repair
	}
	return s
}

func (h *Halt) Unwrap() error { return h.Cause }

// Reason is a short stable name for why a pipeline halted: a metric's label and
// a heading of the operator's manual.
type Reason string

// The reasons to halt.
const (
	SlotMissing        Reason = "slot_missing"
	SlotLost           Reason = "slot_lost"
	SlotAhead          Reason = "slot_ahead_of_checkpoint"
	SlotStrange        Reason = "slot_of_a_stranger"
	SourceChanged      Reason = "source_identity_changed"
	SourceBehind       Reason = "source_behind_checkpoint"
	SourceInRecovery   Reason = "source_in_recovery"
	SourceUnfit        Reason = "source_unfit" // wal_level, version, rights
	PublicationMissing Reason = "publication_missing"
	PublicationDiffers Reason = "publication_differs"
	TableUnfit         Reason = "table_unfit"     // no key, unlogged, a column that is not there, ...
	AlterationDue      Reason = "alteration_due"  // a target has to be altered, and the config leaves that to somebody else
	ValueMisfit        Reason = "value_misfit"    // a value that Redshift cannot hold
	LoadRefused        Reason = "load_refused"    // COPY refused a file of ours
	WarehouseUnfit     Reason = "warehouse_unfit" // rights, login, version of the metadata tables
	WarehouseTaken     Reason = "warehouse_taken" // the metadata schema or a target belongs to another pipeline
	TargetDrift        Reason = "target_drift"    // a target was dropped or altered by someone
	BucketUnfit        Reason = "bucket_unfit"    // no such bucket, no rights, no credentials
	CheckpointMissing  Reason = "checkpoint_missing"
)

// Unfit names a table that cannot go on, and says why. The table is parked, and the others
// go on. A step that returns it as an error failed because of that table only.
type Unfit struct {
	OID  uint32      // 0: the source has no such table, and none is remembered
	Name schema.Name // the config's name for it
	Why  *Halt

	// Passes says that what a step found may be over by itself. The table is then tried
	// again after a quarter of an hour, then less and less often, up to every four hours, and
	// not only when somebody asks for it.
	Passes bool
}

func (u *Unfit) Error() string { return u.Name.String() + " is parked: " + u.Why.Error() }

func (u *Unfit) Unwrap() error { return u.Why }

// Spoiled says that the load of a table cannot go on from what the warehouse has of it: the load
// table or what is held is gone, or refuses every statement. The table is loaded anew, with other
// tables. The others go on.
type Spoiled struct {
	OID   uint32
	Name  schema.Name
	Cause error
}

func (s *Spoiled) Error() string {
	return "what is loaded or held of " + s.Name.String() + " cannot be used: " + s.Cause.Error()
}

func (s *Spoiled) Unwrap() error { return s.Cause }

// Altered ends a pass because tables of the source, or its publication, are not what
// they were when the stream was opened. What was handed over is merged; then the stream
// is opened again.
type Altered struct {
	OID   uint32 // the table with a row that could not be read; 0: the catalogue showed the change
	Found string
	Cause error // what was wrapped, if anything
}

func (a *Altered) Error() string { return "the source was altered: " + a.Found }

func (a *Altered) Unwrap() error { return a.Cause }

// Final reports whether only a person can mend err.
func Final(err error) bool {
	_, ok := errors.AsType[*Halt](err)
	return ok
}

// Retryable reports whether what failed with err has surely left nothing behind, and may be
// tried again as it is, on the same connection or another. An error says so of itself by a
// method Retryable.
func Retryable(err error) bool {
	r, ok := errors.AsType[interface {
		error
		Retryable() bool
	}](err)
	return ok && r.Retryable()
}

// ErrFenced is wrapped by an error of a Warehouse that another daemon has taken
// over. It is not final: the daemon goes back to waiting for the slot.
var ErrFenced = errors.New("fenced: another daemon has taken over the warehouse")

// ErrShutdown is wrapped by an error of a Source whose server is shutting down and waits for
// the stream to end. What was handed over is merged after the stream was closed.
var ErrShutdown = errors.New("the source is shutting down")

// ErrUndecodable is wrapped by an error of a Source whose slot cannot decode at its
// position and never will.
var ErrUndecodable = errors.New("the slot cannot decode its log")

// ErrYielded is wrapped by an error of a Snapshot that was given up, because
// someone waited for a lock of ours or the session that held it ended.
var ErrYielded = errors.New("the snapshot was given up")
