package postgres

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"rowshift/schema"
)

// choices checks each chosen table, the rights to read it and, if all are fit, the
// publication.
func (c *check) choices(ctx context.Context) {
	tables, faults, err := c.fit(ctx, c.conn, c.server)
	if err != nil {
		c.unasked("tables", err)
		return
	}
	for _, f := range schema.Faults(faults) {
		c.fail("table "+f.Table.String(), f.Found, f.Repair)
	}
	for _, t := range tables {
		c.rights(ctx, t)
		c.followed(t)
		c.numbers(t)
	}
	if faults != nil {
		c.unasked("publication "+c.options.Publication, fmt.Errorf("the tables have to be fit first"))
		return
	}
	c.format(ctx)
	c.migrations(tables)
	c.publication(ctx, tables)
}

// format adds a finding for how values will be sent.
func (c *check) format(ctx context.Context) {
	const subject = "protocol format"
	if c.options.Format == Text {
		c.fine(subject, "text, as the config says")
		return
	}
	found, err := c.unrendered(ctx, c.conn, c.server)
	switch {
	case err != nil:
		c.unasked(subject, err)
	case len(found) == 0:
		c.fine(subject, "binary")
	case c.options.Format == Binary:
		c.halted(subject, formatHalt(found))
	default:
		c.fine(subject, "text, since "+strings.Join(found, ", "))
	}
}

// migrations warns of what the source's owner can no longer do to published tables, because
// PostgreSQL refuses it.
// https://www.postgresql.org/docs/current/logical-replication-col-lists.html
// https://www.postgresql.org/docs/current/logical-replication-row-filter.html
func (c *check) migrations(tables []*schema.Table) {
	found := "PostgreSQL refuses every UPDATE and DELETE of a published table that has lost its key, or has REPLICA IDENTITY NOTHING"
	repair := "give a table its new key in the transaction that drops the old one"
	tied := func(t *schema.Table) bool { return t.Listed || t.Where != "" }
	if listed := named(tables, func(t *schema.Table) bool { return t.Listed }); listed != "" {
		found += "; of those that are published with a list of columns (" + listed + ") it will refuse to drop a listed column or to change its type (a longer varchar too), " +
			"DROP COLUMN ... CASCADE takes the table out of the publication, and with REPLICA IDENTITY FULL every UPDATE and DELETE would fail"
	}
	if filtered := named(tables, func(t *schema.Table) bool { return t.Where != "" }); filtered != "" {
		found += "; of those with where (" + filtered + ") it will refuse to drop a column that the condition looks at or to change its type, " +
			"and with a replica identity that lacks it every UPDATE and DELETE would fail"
	}
	if i := slices.IndexFunc(tables, tied); i >= 0 {
		repair = "run such a migration in one transaction with the publication: " + c.migration(tables[i]) + "; the table is then loaded again beside its live copy"
	}
	c.warn("migrations", found, repair)
}

// named joins the names of those tables that some selects.
func named(tables []*schema.Table, some func(*schema.Table) bool) string {
	var names []string
	for _, t := range tables {
		if some(t) {
			names = append(names, t.Name.String())
		}
	}
	return strings.Join(names, ", ")
}

// migration returns the transaction in which to alter a table that the publication has with
// a list of columns or a condition.
func (c *check) migration(t *schema.Table) string {
	name := c.publicationName()
	return inOne([]string{
		"ALTER PUBLICATION " + name + " DROP TABLE ONLY " + quoted(t.Name),
		"ALTER TABLE " + quoted(t.Name) + " ...",
		"ALTER PUBLICATION " + name + " ADD TABLE ONLY " + publishedTable(t) + " without what was dropped",
	})
}

// followed warns of tables and columns that were renamed in the source, but not in the
// config.
func (c *check) followed(t *schema.Table) {
	subject := "table " + t.Configured.String()
	if t.Name != t.Configured {
		c.warn(subject, fmt.Sprintf("is called %v in the source now, and followed as long as it is remembered", t.Name),
			fmt.Sprintf("in the config, write tables.%v in the place of tables.%v, with target: %s to keep its target", t.Name, t.Configured, t.Target))
	}
	for _, column := range t.Columns {
		if column.Configured != column.Name {
			c.warn(subject, fmt.Sprintf("column %q is called %q in the source now, and followed as long as it is remembered", column.Configured, column.Name),
				fmt.Sprintf("in the config, write %s in the place of %s under tables.%v", column.Name, column.Configured, t.Configured))
		}
	}
}

// numbers warns of columns of numbers that will be text in Redshift, because they are wider
// than its DECIMAL or have no bounds, and the config does not say what they shall be.
func (c *check) numbers(t *schema.Table) {
	i := slices.IndexFunc(c.options.Choices, func(choice schema.Choice) bool { return choice.Name == t.Configured })
	for _, column := range t.Columns {
		_, typed := c.options.Choices[i].Types[column.Configured]
		if column.Type.Name != "numeric" || !column.Mapping.Text || column.HashKey != nil || typed {
			continue
		}
		c.warn("table "+t.Name.String(), fmt.Sprintf("column %q is a numeric that no DECIMAL is sure to hold, so it will be %s in Redshift: exact, but text to SUM and ORDER BY", column.Name, column.Mapping.Type),
			fmt.Sprintf("choose a type under tables.%v, as in types: {%s: \"DECIMAL(20,4)\"}", t.Configured, column.Configured))
	}
}

// rights checks whether the role has the rights that a load of t needs. The stream itself
// needs none of them.
func (c *check) rights(ctx context.Context, t *schema.Table) {
	subject := "table " + t.Name.String()
	names, err := loaded(ctx, c.conn, t)
	var r rights
	if err == nil {
		r, err = rightsOn(ctx, c.conn, t, names)
	}
	if err != nil {
		c.unasked(subject, err)
		return
	}
	role := identifier(c.server.role)
	switch {
	case !r.usage:
		c.fail(subject, fmt.Sprintf("role %q may not use its schema", c.server.role),
			fmt.Sprintf("GRANT USAGE ON SCHEMA %s TO %s", identifier(t.Name.Schema), role))
	case len(r.columns) > 0:
		c.fail(subject, fmt.Sprintf("role %q may not read %s", c.server.role, strings.Join(r.columns, ", ")),
			fmt.Sprintf("GRANT SELECT (%s, ctid) ON %s TO %s", identifiers(names), quoted(t.Name), role))
	case r.policies:
		c.fail(subject, "row-level security would hide rows from a load, while the stream has them all", fmt.Sprintf("ALTER ROLE %s BYPASSRLS", role))
	case t.Partitioned:
		c.apart(ctx, t, subject, names)
	case !r.ctid:
		c.warn(subject, c.shape(t)+"; it is read by one session, since the role may not read ctid", fmt.Sprintf("GRANT SELECT (ctid) ON %s TO %s", quoted(t.Name), role))
	default:
		c.fine(subject, c.shape(t))
	}
}

// apart checks whether several sessions can read a partitioned table at once, partition by
// partition.
func (c *check) apart(ctx context.Context, t *schema.Table, subject string, names []string) {
	sizes, err := measure(ctx, c.conn, []*schema.Table{t})
	if err != nil {
		c.unasked(subject, err)
		return
	}
	told := fmt.Sprintf("%s, %d partitions", c.shape(t), len(sizes))
	for _, p := range t.Parts {
		if s, leaf := sizes[p.OID]; leaf && !s.apart {
			c.warn(subject, fmt.Sprintf("%s; it is read by one session, since the role may not read partition %v by itself", told, p.Name),
				fmt.Sprintf("GRANT SELECT (%s, ctid) ON %s, and each other partition, to %s", identifiers(names), quoted(p.Name), identifier(c.server.role)))
			return
		}
	}
	c.fine(subject, told)
}

// shape describes a table in a few words.
func (c *check) shape(t *schema.Table) string {
	var key []string
	for _, k := range t.Key {
		key = append(key, t.Columns[k].Name)
	}
	return fmt.Sprintf("%d columns, key %s, replica identity %v%s", len(t.Columns), strings.Join(key, ", "), t.Identity, hashedAndRenamed(t))
}

// hashedAndRenamed describes which columns are hashed on the way, and which get another
// name.
func hashedAndRenamed(t *schema.Table) (told string) {
	var hashed, renamed []string
	for _, column := range t.Columns {
		if column.HashKey != nil {
			hashed = append(hashed, column.Name)
		}
		if column.Target != schema.Fold(column.Name) {
			renamed = append(renamed, column.Name+" as "+column.Target)
		}
	}
	if len(hashed) > 0 {
		told += "; hashed: " + strings.Join(hashed, ", ")
	}
	if len(renamed) > 0 {
		told += "; renamed: " + strings.Join(renamed, ", ")
	}
	return told
}

// publication checks the publication and, if a run would have to make or alter it, the
// rights to do so.
func (c *check) publication(ctx context.Context, tables []*schema.Table) {
	subject := "publication " + c.options.Publication
	p, err := readPublication(ctx, c.conn, c.server, c.options.Publication)
	if err != nil {
		c.unasked(subject, err)
		return
	}
	statements := c.difference(p, tables)
	if len(statements) == 0 {
		c.fine(subject, fmt.Sprintf("publishes the %d tables as they are chosen", len(tables)))
		return
	}
	if halt := c.untouchable(p, tables); halt != nil {
		c.halted(subject, halt)
		return
	}
	lacks, err := c.publicationRights(ctx, tables)
	switch {
	case err != nil:
		c.unasked(subject, err)
	case len(lacks.names) > 0:
		c.fail(subject, "run would make or alter it, but the role lacks "+strings.Join(lacks.names, ", "), c.publicationRepair(lacks, statements))
	default:
		c.fine(subject, "run makes it so: "+strings.Join(statements, "; "))
	}
}

// lacking is what a role lacks to make or alter the publication.
type lacking struct {
	names  []string // of the rights, in words
	create bool     // CREATE on the database
	owners []string // the roles that own the tables and the publication, as far as it is a member of none
	super  []string // those of them that are superusers
}

// publicationRights returns what the role lacks to make or alter the publication.
// https://www.postgresql.org/docs/current/logical-replication-security.html
func (c *check) publicationRights(ctx context.Context, tables []*schema.Table) (lacks lacking, err error) {
	var oids []uint32
	for _, t := range tables {
		oids = append(oids, t.OID)
	}
	var create, owner bool
	var foreign []string
	err = c.conn.QueryRow(ctx, `
		WITH owners AS (
		    SELECT relowner AS owner FROM pg_class WHERE oid = ANY ($1::oid[])
		    UNION SELECT pubowner FROM pg_publication WHERE pubname = $2
		), others AS (SELECT rolname, rolsuper FROM pg_roles JOIN owners ON owner = oid WHERE NOT pg_has_role(owner, 'USAGE'))
		SELECT has_database_privilege(current_database(), 'CREATE'),
		       coalesce((SELECT pg_has_role(pubowner, 'USAGE') FROM pg_publication WHERE pubname = $2), true),
		       coalesce((SELECT array_agg(c.oid::regclass::text ORDER BY 1) FROM pg_class c WHERE c.oid = ANY ($1::oid[]) AND NOT pg_has_role(c.relowner, 'USAGE')), '{}'),
		       coalesce((SELECT array_agg(rolname::text ORDER BY 1) FROM others), '{}'),
		       coalesce((SELECT array_agg(rolname::text ORDER BY 1) FROM others WHERE rolsuper), '{}')`,
		oids, c.options.Publication).Scan(&create, &owner, &foreign, &lacks.owners, &lacks.super)
	if err != nil {
		return lacks, fmt.Errorf("postgres: ask for the rights to make a publication: %w", err)
	}
	lacks.create = !create
	if !create {
		lacks.names = append(lacks.names, "CREATE on the database")
	}
	if !owner {
		lacks.names = append(lacks.names, "ownership of the publication")
	}
	if len(foreign) > 0 {
		lacks.names = append(lacks.names, "ownership of "+strings.Join(foreign, ", "))
	}
	return lacks, nil
}

// publicationRepair returns the statements that let a run execute those of the publication,
// and those that a DBA runs in its place, on lines that are nothing but SQL. No superuser is
// granted: the daemon's role would get all its rights.
func (c *check) publicationRepair(lacks lacking, statements []string) string {
	byDBA := inOne(statements) + ";"
	if c.slotless {
		byDBA += " " + createSlot(c.options.Slot) + ";"
	}
	role := identifier(c.server.role)
	if len(lacks.super) > 0 {
		return fmt.Sprintf("set source.create to false, and let a DBA run:\n%s\nor give what superuser %s owns to a role that is none, and look again", byDBA, strings.Join(lacks.super, ", "))
	}
	var grants string
	if lacks.create {
		grants += fmt.Sprintf("GRANT CREATE ON DATABASE %s TO %s; ", identifier(c.server.database), role)
	}
	for _, owner := range lacks.owners {
		grants += fmt.Sprintf("GRANT %s TO %s; ", identifier(owner), role)
	}
	return fmt.Sprintf("%s\nor set source.create to false, and let a DBA run:\n%s", strings.TrimSpace(grants), byDBA)
}

// columnNames returns the names of a table's chosen columns.
func columnNames(t *schema.Table) []string {
	names := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		names[i] = c.Name
	}
	return names
}

// untouchable returns the Halt that a run would end with rather than alter the publication,
// nil if it would alter it.
func (c *check) untouchable(p *publication, tables []*schema.Table) error {
	if c.mayAlter(p, tables, c.begun) {
		return nil
	}
	return c.publicationHalt(p, tables, nil)
}
