package replicator

import "time"

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
	ensure(&o.Limits.Rows, 500_000)
	ensure(&o.Limits.Bytes, 128<<20)
	ensure(&o.Limits.MaxAge, 5*time.Second)
	ensure(&o.Limits.MinInterval, time.Second)
	ensure(&o.Refresh, 5*time.Minute)
	ensure(&o.RefreshBytes, 256<<20)
	ensure(&o.Drain, 45*time.Second)
	ensure(&o.Backoff.Min, time.Second)
	ensure(&o.Backoff.Max, time.Minute)
	ensure(&o.HaltRetry, 5*time.Minute)
	ensure(&o.Workers, 4)
	ensure(&o.Tries, 5)
}

func ensure[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
