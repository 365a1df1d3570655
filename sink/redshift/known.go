package redshift

import (
	"time"

	"rowshift/replicator"
	"rowshift/schema"
)

// known is what this process knows from one merge to the next. It is used with the session for
// merges only.
type known struct {
	stages       int                     // counts staging tables, so that each has a name of its own
	tables       []replicator.TableState // as last written; nil if not known
	resetting    bool                    // a slot reset is under way, or may be
	inQuarantine map[schema.Name]int64   // rows by table, as last counted; nil if not known
	countedAt    time.Time               // when inQuarantine was last read from the warehouse
	refusals     refusals                // of the last merges
	ofLoads      refusals                // of merges into the tables of loads
	tries        map[string]int          // of each ALTER of a target, by its text
	blocked      map[string]blocked      // targets that others keep from being altered
}

// forget forgets what a failed transaction may have changed: if its COMMIT was not answered, it may
// have taken effect.
func (k *known) forget() { k.tables, k.inQuarantine, k.resetting = nil, nil, true }
