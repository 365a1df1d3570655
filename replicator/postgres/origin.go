package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"rowshift/replicator"
	"rowshift/schema"
)

// Options are what an Origin has to know.
type Options struct {
	// Config returns a fresh connection config, with the password read now, TLS set as it
	// must be, and a DialFunc whose connections notice a link that is gone without a word.
	Config func(context.Context) (*pgx.ConnConfig, error)

	Slot        string
	Publication string

	// Create lets the Origin make and alter the publication and make the slot. If not,
	// a DBA does, and what is missing is a Halt with the statements.
	Create bool

	Choices []schema.Choice
	Format  Format // of streams and loads

	LoadYield time.Duration // how long others wait for a lock of a load before it is given up; 10 s
	Workers   int           // sessions that a Snapshot reads with; 4
	Heartbeat time.Duration // how often a quiet stream brings a mark; 10 s
	LookEvery time.Duration // how often the catalogue is looked at while a stream is open; 10 s

	// Waiting is told what is waited for, if that may take long. It must return at
	// once.
	Waiting func(what string)
}

// Origin is a source database. It implements replicator.Origin.
type Origin struct {
	options Options

	stuck      stuck                                 // where the slot could not decode
	astray     astray                                // what could not be read in binary
	filters    filters                               // how the server reads the conditions of the config
	partitions announced                             // partitions of the stream that sent us to read the catalogue again
	glimpses   glimpses                              // what became of tables while streams were open, their rows being the same
	alone      *alone                                // while Alone keeps others from making the slot
	silent     time.Duration                         // other than silentAfter, in tests
	remembered *replicator.Known                     // of the tables, when the stream was opened; nil: nothing was
	known      map[schema.Name]replicator.TableState // those of them that have an OID in this database
	expects    *expectation                          // what Check and Plan go by; nil: what is remembered could not be asked
}

// New returns an Origin. Nothing is opened yet.
func New(o Options) *Origin {
	if o.LoadYield == 0 {
		o.LoadYield = 10 * time.Second
	}
	if o.Workers == 0 {
		o.Workers = 4
	}
	if o.Heartbeat == 0 {
		o.Heartbeat = 10 * time.Second
	}
	if o.LookEvery == 0 {
		o.LookEvery = 10 * time.Second
	}
	return &Origin{options: o}
}

var _ replicator.Origin = (*Origin)(nil)

func (o *Origin) waiting(what string) {
	if o.options.Waiting != nil {
		o.options.Waiting(what)
	}
}

// waitingOnce returns what says each thing that is waited for once.
func (o *Origin) waitingOnce() func(what string) {
	said := map[string]bool{}
	return func(what string) {
		if !said[what] {
			said[what] = true
			o.waiting(what)
		}
	}
}
