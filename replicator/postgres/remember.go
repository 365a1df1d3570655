package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5/pgconn"

	"rowshift/replicator"
	"rowshift/schema"
)

// Remember tells the Origin what is known of the tables. Tables that were renamed are then
// found by their OIDs, and renamed columns by their attnums. This holds only in the
// database that the tables are known from: whoever reads the catalogue calls recognise or
// lookedAt first.
func (o *Origin) Remember(k replicator.Known) {
	o.remembered = &k
	o.lookedAt(k.System, k.Database)
}

// lookedAt takes in which database the source is. If the tables are known from another one,
// nothing is known here: a table that happens to have the same OID, or a column that has
// the same number, would else make something leave the database that the config does not
// name.
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

// recognise asks which database the source is, if anything is known of its tables. It
// returns the source's system identifier, empty if it did not ask.
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

// system asks the source for its system identifier, on a replication connection. Any role
// that may replicate may ask there, while the SQL function that returns it may be denied to
// the role. For a role that may not replicate, the error is a *replicator.Halt.
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
	is, err := identify(ctx, conn)
	return is.SystemID, err
}

// identify asks on a replication connection which system it is, and where its log ends.
func identify(ctx context.Context, conn *pgconn.PgConn) (pglogrepl.IdentifySystemResult, error) {
	is, err := pglogrepl.IdentifySystem(ctx, conn)
	if err != nil {
		return is, fmt.Errorf("postgres: identify the system: %w", bare(err))
	}
	return is, nil
}
