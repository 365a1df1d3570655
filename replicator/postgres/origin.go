package postgres

import (
	"cmp"
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"rowshift/replicator"
	"rowshift/schema"
)

// Options are the settings of an Origin.
type Options struct {
	// Config returns a fresh connection config. The password has been read now, TLS is set
	// up as it must be, and the connections of its DialFunc notice a dead link.
	Config func(context.Context) (*pgx.ConnConfig, error)

	Slot        string
	Publication string

	// Create lets the Origin make and alter the publication, and make the slot. Otherwise a
	// DBA does, and what is missing is a Halt with the statements.
	Create bool

	Choices []schema.Choice
	Format  Format // of streams and loads

	LoadYield time.Duration // how long others may wait for a lock of a load before the load is given up; by default 10 s
	Workers   int           // sessions that read a Snapshot; by default 4
	Heartbeat time.Duration // how often a quiet stream returns a mark; by default 10 s
	LookEvery time.Duration // how often the catalogue is looked at while a stream is open; by default 10 s

	// Waiting is told what is waited for, if that may take long. It must return at once.
	Waiting func(what string)
}

// Origin is a source database. It implements replicator.Origin.
type Origin struct {
	options Options

	from       server                                // what the latest stream comes from
	failover   failover                              // whether the source may be between two primaries
	stuck      stuck                                 // where decoding failed, and how often
	textOnly   textOnly                              // what could not be read in binary
	filters    filters                               // how the server reads the conditions of the config
	partitions announced                             // partitions because of which the catalogue was read again
	glimpses   glimpses                              // how tables changed while streams were open, with their rows the same
	alone      *alone                                // set while Alone keeps others from making the slot
	streamed   int32                                 // the server process of the latest stream
	silent     time.Duration                         // replaces silentAfter in tests
	remembered *replicator.Known                     // what Remember was told; nil: nothing yet
	known      map[schema.Name]replicator.TableState // the remembered tables that have an OID in this database
	expects    *expectation                          // what Expect was told; nil: what is remembered is not known
}

// New returns an Origin. Nothing is opened yet.
func New(o Options) *Origin {
	o.LoadYield = cmp.Or(o.LoadYield, 10*time.Second)
	o.Workers = cmp.Or(o.Workers, 4)
	o.Heartbeat = cmp.Or(o.Heartbeat, 10*time.Second)
	o.LookEvery = cmp.Or(o.LookEvery, 10*time.Second)
	return &Origin{options: o}
}

var _ replicator.Origin = (*Origin)(nil)

func (o *Origin) waiting(what string) {
	if o.options.Waiting != nil {
		o.options.Waiting(what)
	}
}

// waitingOnce returns a function that reports each thing that is waited for only once.
func (o *Origin) waitingOnce() func(what string) {
	said := map[string]bool{}
	return func(what string) {
		if !said[what] {
			said[what] = true
			o.waiting(what)
		}
	}
}
