package replicator

import (
	"cmp"
	"time"
)

// Options configure Run. The zero value of a duration, size or number means its
// default; EnsureDefaults fills them in.
type Options struct {
	Pipeline  string
	Origin    Origin
	Stager    Stager
	Sweeper   Sweeper
	Warehouse Warehouse
	Loader    Loader
	Listener  Listener

	Limits Limits

	// A quiet stream moves the checkpoint this often, so that the slot lets go of log that
	// holds nothing for us; 5 min. Negative: only by RefreshBytes.
	Refresh      time.Duration
	RefreshBytes uint64 // and whenever so much log has passed; 256 MiB

	Drain     time.Duration // how long a stop waits for what was handed over; 45 s
	Backoff   Backoff
	HaltRetry time.Duration // how often a halted pipeline looks again; 5 min. A table that is parked for what may pass is first tried again after three times as long
	Workers   int           // sessions that read a load in parallel; 4

	// ResetSlot is a token. For each new token the slot is made anew and all tables are
	// loaded again, once: the warehouse remembers the tokens. Empty: nothing is reset.
	ResetSlot string

	// ResyncLost lets a slot that is gone, lost or ahead of the checkpoint be reset without
	// anybody asking for it, if the source still is the one that the checkpoint is of.
	ResyncLost bool

	// Once ends the run when everything up to the position of its start is merged.
	Once  bool
	Tries int // with Once: how often in a row a step or a pass may fail; 5
}

// Limits say when a batch is sealed.
type Limits struct {
	Rows        int           // changes that the batch and the open transaction hold together; 500,000
	Bytes       int           // memory of all that is buffered; 128 MiB
	MaxAge      time.Duration // since the batch's first change; 5 s
	MinInterval time.Duration // since the last seal, if the sink is idle; 1 s
}

// ofBatch returns the part of Bytes that the filling batch and the open transaction share.
// The batch that is being staged has another part of that size.
func (l Limits) ofBatch() int { return l.Bytes / 8 * 3 }

// Files returns the part of Bytes that the Stager has for the objects that it fills and
// puts, those of loads included.
func (l Limits) Files() int { return l.Bytes / 4 }

// Backoff says how long to wait before a try: a random time up to a bound that starts at
// Min and doubles up to Max.
type Backoff struct {
	Min, Max time.Duration // 1 s, 1 min
}

// EnsureDefaults fills in what is not set.
func (o *Options) EnsureDefaults() {
	o.Limits.Rows = cmp.Or(o.Limits.Rows, 500_000)
	o.Limits.Bytes = cmp.Or(o.Limits.Bytes, 128<<20)
	o.Limits.MaxAge = cmp.Or(o.Limits.MaxAge, 5*time.Second)
	o.Limits.MinInterval = cmp.Or(o.Limits.MinInterval, time.Second)
	o.Refresh = cmp.Or(o.Refresh, 5*time.Minute)
	o.RefreshBytes = cmp.Or(o.RefreshBytes, 256<<20)
	o.Drain = cmp.Or(o.Drain, 45*time.Second)
	o.Backoff.Min = cmp.Or(o.Backoff.Min, time.Second)
	o.Backoff.Max = cmp.Or(o.Backoff.Max, time.Minute)
	o.HaltRetry = cmp.Or(o.HaltRetry, 5*time.Minute)
	o.Workers = cmp.Or(o.Workers, 4)
	o.Tries = cmp.Or(o.Tries, 5)
}
