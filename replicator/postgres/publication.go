package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"rowshift/replicator"
	"rowshift/schema"

	"github.com/jackc/pgx/v5"
)

// publication is the publication as the source has it.
type publication struct {
	id      replicator.PublicationID
	all     bool // FOR ALL TABLES
	actions bool // inserts, updates, deletes and truncates are published
	root    bool
	tables  []published
}

// published is a table in the publication.
type published struct {
	oid     uint32
	name    schema.Name
	row     replicator.PublicationID
	columns []int16 // its column list by attnum; nil: none
	filter  bool
}

// publicationQuery reads a publication.
// https://www.postgresql.org/docs/current/catalog-pg-publication.html
const publicationQuery = `SELECT oid, xmin::text::bigint, puballtables, pubinsert AND pubupdate AND pubdelete AND pubtruncate, pubviaroot FROM pg_publication WHERE pubname = $1`

// publishedQuery reads its tables. Column lists and filters are there from 15 on.
const (
	publishedQuery   = `SELECT r.prrelid, n.nspname::text, c.relname::text, r.oid, r.xmin::text::bigint, r.prattrs::int2[], r.prqual IS NOT NULL FROM pg_publication_rel r JOIN pg_class c ON c.oid = r.prrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE r.prpubid = $1 ORDER BY 1`
	publishedQuery14 = `SELECT r.prrelid, n.nspname::text, c.relname::text, r.oid, r.xmin::text::bigint, NULL::int2[], false FROM pg_publication_rel r JOIN pg_class c ON c.oid = r.prrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE r.prpubid = $1 ORDER BY 1`
)

// readPublication returns the publication, nil if there is none.
func (o *Origin) readPublication(ctx context.Context, conn *pgx.Conn, s server) (*publication, error) {
	p := &publication{}
	var xmin int64
	err := conn.QueryRow(ctx, publicationQuery, o.options.Publication).Scan(&p.id.OID, &xmin, &p.all, &p.actions, &p.root)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("postgres: read the publication: %w", bare(err))
	}
	p.id.XMin = uint32(xmin)
	query := publishedQuery
	if s.major() < 15 {
		query = publishedQuery14
	}
	rows, err := conn.Query(ctx, query, p.id.OID)
	if err != nil {
		return nil, fmt.Errorf("postgres: read the publication's tables: %w", bare(err))
	}
	p.tables, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (t published, err error) {
		var xmin int64
		err = row.Scan(&t.oid, &t.name.Schema, &t.name.Table, &t.row.OID, &xmin, &t.columns, &t.filter)
		t.row.XMin = uint32(xmin)
		return t, err
	})
	if err != nil {
		return nil, fmt.Errorf("postgres: read the publication's tables: %w", bare(err))
	}
	return p, nil
}

// difference returns the statements that bring the publication in line with the
// tables, none if it is. Statements that change one table's list stand next to each
// other, to be run in one transaction.
func (o *Origin) difference(p *publication, tables []*schema.Table) []string {
	name := pgx.Identifier{o.options.Publication}.Sanitize()
	if p == nil {
		return []string{o.createPublication(tables)}
	}
	var statements []string
	if !p.actions {
		statements = append(statements, "ALTER PUBLICATION "+name+" SET (publish = 'insert, update, delete, truncate')")
	}
	if p.all {
		return append([]string{"DROP PUBLICATION " + name}, o.createPublication(tables))
	}
	for _, have := range p.tables {
		i := slices.IndexFunc(tables, func(t *schema.Table) bool { return t.OID == have.oid })
		if i < 0 || !lists(have, tables[i]) {
			statements = append(statements, "ALTER PUBLICATION "+name+" DROP TABLE ONLY "+quoted(have.name))
		}
	}
	for _, t := range tables {
		i := slices.IndexFunc(p.tables, func(have published) bool { return have.oid == t.OID })
		if i < 0 || !lists(p.tables[i], t) {
			statements = append(statements, "ALTER PUBLICATION "+name+" ADD TABLE ONLY "+publishedTable(t))
		}
	}
	return statements
}

// lists tells whether a table is published with the columns that are wanted.
func lists(have published, t *schema.Table) bool {
	if have.filter || (have.columns != nil) != t.Listed {
		return false
	}
	if !t.Listed {
		return true
	}
	var want []int16
	for _, c := range t.Columns {
		want = append(want, c.Attnum)
	}
	got := slices.Clone(have.columns)
	slices.Sort(got)
	return slices.Equal(got, want)
}

func (o *Origin) createPublication(tables []*schema.Table) string {
	var list []string
	for _, t := range tables {
		list = append(list, publishedTable(t))
	}
	return "CREATE PUBLICATION " + pgx.Identifier{o.options.Publication}.Sanitize() +
		" FOR TABLE ONLY " + strings.Join(list, ", ONLY ") + " WITH (publish = 'insert, update, delete, truncate')"
}

// publishedTable is a table as CREATE PUBLICATION names it, with its column list.
func publishedTable(t *schema.Table) string {
	if !t.Listed {
		return quoted(t.Name)
	}
	var columns []string
	for _, c := range t.Columns {
		columns = append(columns, pgx.Identifier{c.Name}.Sanitize())
	}
	return quoted(t.Name) + " (" + strings.Join(columns, ", ") + ")"
}

// align brings the publication in line with the tables, or halts with the
// statements that would, and returns it as it then is.
func (o *Origin) align(ctx context.Context, conn *pgx.Conn, s server, tables []*schema.Table) (*publication, error) {
	p, err := o.readPublication(ctx, conn, s)
	if err != nil {
		return nil, err
	}
	statements := o.difference(p, tables)
	if len(statements) == 0 {
		return p, nil
	}
	if !o.options.Create {
		return nil, o.publicationHalt(p, statements, nil)
	}
	if err := inOneTransaction(ctx, conn, statements); err != nil {
		if codeOf(err) == insufficientRights {
			return nil, o.publicationHalt(p, statements, err)
		}
		return nil, fmt.Errorf("postgres: make the publication: %w", err)
	}
	return o.readPublication(ctx, conn, s)
}

// inOneTransaction runs statements so that all or none takes effect. A lock that
// is not had soon is given up, so that nobody queues behind us.
func inOneTransaction(ctx context.Context, conn *pgx.Conn, statements []string) error {
	tx, err := conn.Begin(ctx)
	if err != nil {
		return bare(err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	for _, statement := range append([]string{"SET LOCAL lock_timeout = '5s'"}, statements...) {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return bare(err)
		}
	}
	return bare(tx.Commit(ctx))
}

func (o *Origin) publicationHalt(p *publication, statements []string, cause error) error {
	h := &replicator.Halt{
		Reason: replicator.PublicationDiffers,
		Found:  fmt.Sprintf("publication %q does not publish what the config names", o.options.Publication),
		Means:  "changes that the config asks for would not come, or columns that it does not name would cross the wire",
		Repair: "BEGIN; " + strings.Join(statements, "; ") + "; COMMIT;",
		Cause:  cause,
	}
	if p == nil {
		h.Reason = replicator.PublicationMissing
		h.Found = fmt.Sprintf("there is no publication %q", o.options.Publication)
		h.Means = "without it the slot sends nothing"
		h.Repair = statements[0] + ";"
	}
	if cause != nil {
		h.Found += ", and the role may not make it: that needs ownership of the tables and CREATE on the database"
	}
	return h
}
