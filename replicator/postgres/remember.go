package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pglogrepl"

	"rowshift/replicator"
	"rowshift/schema"
)

// Remember says what is known of the tables: those that were renamed are then found by
// their OIDs, and columns that were by their attnums. It holds in the database that they
// are known of and in no other: whoever reads the catalogue has it looked at first.
func (o *Origin) Remember(k replicator.Known) {
	o.remembered = &k
	o.lookedAt(k.System, k.Database)
}

// lookedAt takes in which database the source is. Of another one than the tables are
// known of nothing is known: with a table of it that happens to have an OID of theirs, or
// with a column that has such a number, something would leave the database that the
// config does not name.
func (o *Origin) lookedAt(system, database string) {
	if o.remembered == nil {
		return
	}
	o.known = map[schema.Name]replicator.TableState{}
	for _, s := range o.remembered.In(system, database) {
		if s.OID != 0 {
			o.known[s.Name] = s
		}
	}
}

// recognise looks which database the source is, if anything is known of its tables. It
// returns its system identifier, empty if that was not asked for.
func (o *Origin) recognise(ctx context.Context, s server) (system string, err error) {
	if o.remembered == nil || len(o.remembered.Tables) == 0 {
		return "", nil
	}
	if system, err = o.system(ctx, s.role); err != nil {
		return "", err
	}
	o.lookedAt(system, s.database)
	return system, nil
}

// system asks the source for its system identifier. A role that may replicate may ask, on
// such a connection; a function that tells it in SQL may be denied to it. For one that may
// not the error is a *replicator.Halt.
// https://www.postgresql.org/docs/current/protocol-replication.html
func (o *Origin) system(ctx context.Context, role string) (string, error) {
	conn, err := o.connectReplication(ctx, nil)
	if codeOf(err) == insufficientRights {
		return "", mayNotReplicate(role, err)
	}
	if err != nil {
		return "", err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	is, err := pglogrepl.IdentifySystem(ctx, conn)
	if err != nil {
		return "", fmt.Errorf("postgres: identify the system: %w", bare(err))
	}
	return is.SystemID, nil
}
