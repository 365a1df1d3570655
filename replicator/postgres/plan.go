package postgres

import (
	"context"
	"errors"

	"rowshift/replicator"
)

// Plan returns the statements that a run would execute on the source to be able to
// replicate: those for the publication, in one transaction, and then the one for the slot.
// It also returns what an opening sees once they are executed. There are no statements if
// nothing is missing. Plan changes nothing.
//
// Unless Options.Create is set, the statements are for a DBA to run. Until that is done a
// first run halts, and a later one parks the tables that they concern.
//
// A pipeline that is remembered goes on without tables that cannot be replicated, and Plan
// adds a comment for each; one that is not remembered halts. Plan also adds a comment if a
// run resets the slot, or if it halts because of the slot and so does not make it.
func (o *Origin) Plan(ctx context.Context) (statements []string, seen replicator.Opened, err error) {
	conn, err := o.connect(ctx)
	if err != nil {
		return nil, seen, err
	}
	defer shut(conn)
	if statements, seen, err = o.foresee(ctx, conn); err != nil {
		return nil, seen, err
	}
	if len(statements) > 1 {
		statements = append(append([]string{"BEGIN"}, statements...), "COMMIT")
	}
	ofSlot, err := o.planSlot(ctx, conn, seen)
	if err != nil {
		return nil, seen, err
	}
	statements = append(statements, ofSlot...)
	for _, u := range seen.Unfit {
		statements = append(statements, comment(u.Name.String()+" is parked: "+u.Why.Found+"; repair: "+u.Why.Repair))
	}
	return statements, seen, nil
}

// planSlot returns the statement that makes the slot, if it is missing, and a comment on
// whatever else a run does about the slot.
func (o *Origin) planSlot(ctx context.Context, conn *session, seen replicator.Opened) (statements []string, err error) {
	found, err := findSlot(ctx, conn, o.options.Slot)
	if err != nil {
		return nil, err
	}
	var reset string
	var halt *replicator.Halt
	if o.expects != nil && !o.anotherSource(seen.System, seen.Database) {
		reset, err = o.foreseeSlot(ctx, conn, found, seen.Database)
		if err != nil && !errors.As(err, &halt) {
			return nil, err
		}
	}
	if found == nil && (halt == nil || halt.Reason == replicator.SlotMissing && !o.options.Create) {
		statements = append(statements, createSlot(o.options.Slot))
	}
	switch {
	case halt != nil:
		statements = append(statements, comment("a run halts: "+halt.Error()))
	case reset != "":
		statements = append(statements, comment("a run resets the slot, and loads all tables again: "+reset))
	}
	return statements, nil
}

// foresee returns the statements that bring the publication in line with the config, and
// what an opening sees once they are executed. A table that they publish anew has no Row in
// it.
func (o *Origin) foresee(ctx context.Context, conn *session) (statements []string, seen replicator.Opened, err error) {
	s, err := serverOf(ctx, conn)
	if err != nil {
		return nil, seen, err
	}
	if seen.System, err = o.recognise(ctx, s); err != nil {
		return nil, seen, err
	}
	seen.Database = s.database
	tables, faults, err := o.fit(ctx, conn, s)
	if err != nil {
		return nil, seen, err
	}
	if faults != nil && o.known == nil {
		return nil, seen, unfitTables(faults)
	}
	p, err := readPublication(ctx, conn, s, o.options.Publication)
	if err != nil {
		return nil, seen, err
	}
	seen.Unfit = o.unfits(faults)
	if p != nil && !p.broad && p.publishesAs(tables) {
		seen.Publication = p.id
	}
	for _, t := range tables {
		one := replicator.Published{Table: t}
		if have, there := p.of(t); there && have.publishes(t) {
			one.Row = have.row
		}
		seen.Tables = append(seen.Tables, one)
	}
	if p == nil && len(tables) == 0 {
		return nil, seen, nil
	}
	return o.difference(p, tables), seen, nil
}
