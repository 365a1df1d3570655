package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"rowshift/replicator"
	"rowshift/schema"
)

// publication is the publication as the source has it.
type publication struct {
	id      replicator.PublicationID
	broad   bool        // FOR ALL TABLES or TABLES IN SCHEMA: it publishes tables that are not listed
	actions bool        // inserts, updates, deletes and truncates are published
	roots   bool        // changes of partitions are published as the root's, if the root is in it
	tables  []published // by OID
}

// published is a table in the publication.
type published struct {
	oid     uint32
	name    schema.Name
	row     replicator.PublicationID
	columns []int16 // its column list by attnum, ascending; nil: none
	filter  string  // the condition on its rows, as the server spells it; empty: none
}

// publicationQuery reads a publication. A row keeps its xmin when it is frozen.
// https://www.postgresql.org/docs/current/catalog-pg-publication.html
const publicationQuery = `
SELECT oid, xmin::text::bigint, puballtables, pubinsert AND pubupdate AND pubdelete AND pubtruncate, pubviaroot
FROM pg_publication WHERE pubname = $1`

// publishedQuery reads the tables of a publication. Column lists, filters and whole schemas
// exist from version 15 on.
// https://www.postgresql.org/docs/current/catalog-pg-publication-rel.html
const publishedQuery = `
SELECT r.prrelid, n.nspname::text, c.relname::text, r.oid, r.xmin::text::bigint, %s
FROM pg_publication_rel r JOIN pg_class c ON c.oid = r.prrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE r.prpubid = $1 ORDER BY r.prrelid`

// readPublication returns the publication of that name, nil if there is none.
func readPublication(ctx context.Context, q querier, s server, name string) (*publication, error) {
	p := &publication{}
	var xmin int64
	err := q.QueryRow(ctx, publicationQuery, name).Scan(&p.id.OID, &xmin, &p.broad, &p.actions, &p.roots)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("postgres: read the publication: %w", err)
	}
	p.id.XMin = uint32(xmin)
	listed := "NULL::int2[], ''"
	if s.major() >= schema.ColumnListMajor {
		listed = "r.prattrs::int2[], coalesce(pg_get_expr(r.prqual, r.prrelid), '')"
		var schemas bool
		err := q.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_publication_namespace WHERE pnpubid = $1)`, p.id.OID).Scan(&schemas)
		if err != nil {
			return nil, fmt.Errorf("postgres: read the publication's schemas: %w", err)
		}
		p.broad = p.broad || schemas
	}
	rows, err := q.Query(ctx, fmt.Sprintf(publishedQuery, listed), p.id.OID)
	if err != nil {
		return nil, fmt.Errorf("postgres: read the publication's tables: %w", err)
	}
	p.tables, err = pgx.CollectRows(rows, scanPublished)
	if err != nil {
		return nil, fmt.Errorf("postgres: read the publication's tables: %w", err)
	}
	return p, nil
}

func scanPublished(row pgx.CollectableRow) (t published, err error) {
	var xmin int64
	err = row.Scan(&t.oid, &t.name.Schema, &t.name.Table, &t.row.OID, &xmin, &t.columns, &t.filter)
	t.row.XMin = uint32(xmin)
	slices.Sort(t.columns)
	return t, err
}

// of returns how the publication has a table, and false if it does not have it.
func (p *publication) of(t *schema.Table) (published, bool) {
	if p == nil {
		return published{}, false
	}
	at, there := slices.BinarySearchFunc(p.tables, t.OID, func(have published, oid uint32) int { return cmp.Compare(have.oid, oid) })
	if !there {
		return published{}, false
	}
	return p.tables[at], true
}

// publishes reports whether a table is published with the columns and the rows that are
// wanted.
func (have published) publishes(t *schema.Table) bool {
	if have.filter != t.Filter.Text || (have.columns != nil) != t.Listed {
		return false
	}
	return !t.Listed || slices.EqualFunc(have.columns, t.Columns, func(n int16, c schema.Column) bool { return n == c.Attnum })
}

// strangers returns the tables in the publication that are not among tables.
func (p *publication) strangers(tables []*schema.Table) (strangers []schema.Name) {
	ours := byOID(tables)
	for _, have := range p.tables {
		if ours[have.oid] == nil {
			strangers = append(strangers, have.name)
		}
	}
	return strangers
}

// others returns the tables in the publication that are not among tables, nor unfit ones
// that the config names, nor busy ones that are still to be taken out.
func (p *publication) others(tables []*schema.Table, unfit []replicator.Unfit, busy ...uint32) (others []schema.Name) {
	fit := byOID(tables)
	for _, have := range p.tables {
		if fit[have.oid] == nil && !slices.Contains(busy, have.oid) && !slices.ContainsFunc(unfit, func(u replicator.Unfit) bool { return u.OID == have.oid || u.Name == have.name }) {
			others = append(others, have.name)
		}
	}
	return others
}

// alteration is what brings one table of the publication in line or, if oid is 0, its
// options or all of it. Its statements have to be run in one transaction.
type alteration struct {
	oid        uint32
	statements []string
}

// alterations returns what brings the publication in line with the tables, nothing if it is
// in line. A table whose columns or condition differ is taken out and put in again. Its row
// in the catalogue is then another one, so the core loads it again: its earlier rows
// crossed with other columns.
func (o *Origin) alterations(p *publication, tables []*schema.Table) (due []alteration) {
	name := o.publicationName()
	switch {
	case p == nil:
		return []alteration{{0, []string{o.createPublication(tables)}}}
	case p.broad:
		return []alteration{{0, []string{"DROP PUBLICATION " + name, o.createPublication(tables)}}}
	}
	if !p.publishesAs(tables) {
		due = append(due, alteration{0, []string{"ALTER PUBLICATION " + name + " SET (" + publishedAs + ")"}})
	}
	ours := byOID(tables)
	for _, have := range p.tables {
		if ours[have.oid] == nil {
			due = append(due, alteration{have.oid, []string{"ALTER PUBLICATION " + name + " DROP TABLE ONLY " + quoted(have.name)}})
		}
	}
	for _, t := range tables {
		if statements := o.tableDifference(p, t); statements != nil {
			due = append(due, alteration{t.OID, statements})
		}
	}
	return due
}

// difference returns the statements of all alterations. They may be run in one transaction.
func (o *Origin) difference(p *publication, tables []*schema.Table) (statements []string) {
	for _, a := range o.alterations(p, tables) {
		statements = append(statements, a.statements...)
	}
	return statements
}

// publicationName is the publication's name as SQL spells it.
func (o *Origin) publicationName() string { return identifier(o.options.Publication) }

// publishedAs are the options that our publication has. Changes of partitions cross as the
// root's, with its columns, its list and its condition, if the root is in the publication.
// This makes no difference to other tables, so a root can be added later without changing
// the options.
const publishedAs = "publish = 'insert, update, delete, truncate', publish_via_partition_root = true"

// partitioned reports whether any of tables is the root of a partitioned table.
func partitioned(tables []*schema.Table) bool {
	return slices.ContainsFunc(tables, func(t *schema.Table) bool { return t.Partitioned })
}

// tableDifference returns the statements that publish one table as it must be, none if it
// is published so.
func (o *Origin) tableDifference(p *publication, t *schema.Table) (statements []string) {
	name := o.publicationName()
	have, there := p.of(t)
	if there && have.publishes(t) {
		return nil
	}
	if there {
		statements = append(statements, "ALTER PUBLICATION "+name+" DROP TABLE ONLY "+quoted(t.Name))
	}
	return append(statements, "ALTER PUBLICATION "+name+" ADD TABLE ONLY "+publishedTable(t))
}

// publishesAs reports whether the publication has the options that the tables need.
func (p *publication) publishesAs(tables []*schema.Table) bool {
	return p.actions && (p.roots || !partitioned(tables))
}

// createPublication returns the statement that makes the publication. ONLY leaves out the
// tables that inherit from a listed one: those are published as themselves, if they are
// chosen.
// https://www.postgresql.org/docs/current/sql-createpublication.html
func (o *Origin) createPublication(tables []*schema.Table) string {
	var list []string
	for _, t := range tables {
		list = append(list, publishedTable(t))
	}
	return "CREATE PUBLICATION " + o.publicationName() +
		" FOR TABLE ONLY " + strings.Join(list, ", ONLY ") + " WITH (" + publishedAs + ")"
}

// publishedTable returns a table as CREATE PUBLICATION names it, with its column list and
// the condition on its rows.
func publishedTable(t *schema.Table) string {
	text := quoted(t.Name)
	if t.Listed {
		text += " (" + identifiers(columnNames(t)) + ")"
	}
	if t.Where != "" {
		text += " WHERE " + condition(t.Where)
	}
	return text
}

// align brings the publication in line with the config. When a pipeline begins, it halts if
// a table is unfit; a reset has its unfit tables parked, as they were. Where it may not
// alter the publication, it halts with the statements. A publication that holds other
// tables is left alone, unless it is ours.
func (o *Origin) align(ctx context.Context, conn *session, s server, r replicator.CreateRequest) error {
	if !r.Reset {
		if _, err := o.tables(ctx, conn, s); err != nil {
			return err
		}
	}
	now, err := o.alignFit(ctx, conn, s, r.Resumed, r.Reset)
	if err != nil {
		return err
	}
	for _, u := range now.unfit {
		if !r.Reset {
			return u.Why
		}
	}
	return nil
}

// alignFit brings the publication in line with those tables that are fit, and takes the
// others out: an unfit table could make its owner's statements fail. If it may not make an
// alteration, the tables concerned are unfit. With goOn, a table that somebody else has
// locked for a while is unfit too, so that the other tables need not wait for it.
func (o *Origin) alignFit(ctx context.Context, conn *session, s server, ours, goOn bool) (sight, error) {
	say := o.waitingOnce()
	began := time.Now()
	var refused error
	for {
		tables, faults, err := o.fit(ctx, conn, s)
		if err != nil {
			return sight{}, err
		}
		p, err := readPublication(ctx, conn, s, o.options.Publication)
		if err != nil {
			return sight{}, err
		}
		due := o.alterations(p, tables)
		switch {
		case p == nil && len(tables) == 0:
			return sight{}, unfitTables(faults)
		case len(due) == 0 || refused != nil || !o.mayAlter(p, tables, ours):
			return o.leftAlone(ctx, conn, s, tables, nil, refused)
		}
		if p != nil {
			say("publication " + o.options.Publication + " to be altered: " + strings.Join(o.difference(p, tables), "; "))
		}
		err = o.alter(ctx, conn, s, due...)
		switch {
		case codeOf(err) == insufficientRights:
			refused, err = err, nil
		case lockedOut(err) && goOn && p != nil && p.publishesAs(tables) && time.Since(began) >= o.options.LoadYield:
			return o.alignApart(ctx, conn, s, due, tables)
		case lockedOut(err):
			say("a lock to alter publication " + o.options.Publication + ": a VACUUM or an ALTER of one of its tables holds it")
			err = sleep(ctx, time.Second)
		}
		if err != nil {
			return sight{}, err
		}
	}
}

// leftAlone returns what can be seen if the publication is not altered, or need not be. It
// halts if something is wrong with more than single tables.
func (o *Origin) leftAlone(ctx context.Context, conn *session, s server, tables []*schema.Table, busy []uint32, refused error) (sight, error) {
	now, err := o.see(ctx, conn, s)
	if err != nil {
		return now, err
	}
	now.wait(busy)
	p := now.publication
	if p == nil || p.broad || !p.publishesAs(tables) || len(p.others(tables, now.unfit, busy...)) > 0 {
		return now, o.publicationHalt(p, tables, refused)
	}
	return now, nil
}

// mayAlter reports whether it is ours to make or alter the publication. Somebody else may
// read one that publishes more than tables by name and, unless it surely is ours, one that
// publishes other tables.
func (o *Origin) mayAlter(p *publication, tables []*schema.Table, ours bool) bool {
	if !o.options.Create || p == nil {
		return o.options.Create
	}
	return !p.broad && (ours || len(p.strangers(tables)) == 0)
}

// alter makes alterations, all or none. It never waits long for a lock while it holds
// others, and commits without waiting for a standby.
func (o *Origin) alter(ctx context.Context, conn *session, s server, due ...alteration) error {
	err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SET LOCAL lock_timeout = '300ms'; SET LOCAL synchronous_commit = local`); err != nil {
			return err
		}
		for _, a := range due {
			for _, statement := range a.statements {
				if _, err := tx.Conn().Exec(ctx, statement); err != nil { // as it is, for unpublishableHalt
					return err
				}
			}
		}
		return o.aligned(ctx, tx, s, due)
	})
	if codeOf(err) == notSupported {
		return o.unpublishableHalt(err)
	}
	if err != nil {
		return fmt.Errorf("postgres: alter the publication: %w", bare(err))
	}
	return nil
}

// aligned returns an error if the publication is not in line with the tables that were
// altered in it. The alterations were decided by what the tables were a moment before; now
// our locks keep others from altering either.
func (o *Origin) aligned(ctx context.Context, q querier, s server, done []alteration) error {
	tables, _, err := o.fit(ctx, q, s)
	if err != nil {
		return err
	}
	p, err := readPublication(ctx, q, s, o.options.Publication)
	if err != nil {
		return err
	}
	for _, left := range o.alterations(p, tables) {
		if slices.ContainsFunc(done, func(a alteration) bool { return a.oid == left.oid || a.oid == 0 }) {
			return fmt.Errorf("its tables were altered meanwhile; what is due now is %s", strings.Join(left.statements, "; "))
		}
	}
	return nil
}

// publicationHalt returns the Halt that says what somebody else has to do to the
// publication, and why.
func (o *Origin) publicationHalt(p *publication, tables []*schema.Table, cause error) error {
	statements := o.difference(p, tables)
	h := &replicator.Halt{Reason: replicator.PublicationDiffers, Repair: inOne(statements), Cause: cause}
	name := o.options.Publication
	switch {
	case p == nil:
		h.Reason = replicator.PublicationMissing
		h.Found = fmt.Sprintf("there is no publication %q", name)
		h.Means = "without it the slot sends nothing"
		h.Repair = statements[0]
	case p.broad:
		h.Found = fmt.Sprintf("publication %q publishes all tables, or all of a schema", name)
		h.Means = "columns and tables that the config does not name would cross the wire"
		h.Repair = "name another in source.publication, or, if nobody else reads it: " + h.Repair
	case len(p.strangers(tables)) > 0:
		h.Found = fmt.Sprintf("publication %q publishes what the config does not name: %v", name, p.strangers(tables))
		h.Means = "it is somebody else's, or tables were taken out of the config"
		h.Repair = "name another in source.publication, or, if nobody else reads it: " + h.Repair
	default:
		h.Found = fmt.Sprintf("publication %q does not publish what the config names", name)
		h.Means = "changes would be missed, or columns that the config does not name would cross the wire"
	}
	switch {
	case cause != nil:
		h.Found += ", and the role may not change that: it takes ownership of the tables and of the publication, and CREATE on the database"
	case !o.options.Create:
		h.Found += ", and source.create is false"
	}
	return h
}
