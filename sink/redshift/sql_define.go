package redshift

import (
	"fmt"
	"strings"
	"time"

	"rowshift/schema"
)

// createTable makes a target, or a load table of the same shape. Keys are not declared, because
// Redshift does not enforce them but its planner relies on them. No column is NOT NULL, because
// Redshift cannot take that back when other columns become the key.
// https://docs.aws.amazon.com/redshift/latest/dg/t_Defining_constraints.html
func createTable(p place, t *schema.Table) string {
	columns := list(t.Columns, func(_ int, c schema.Column) string { return quoted(c.Target) + " " + c.Mapping.Type })
	sql := fmt.Sprintf("CREATE TABLE IF NOT EXISTS %s (%s) %s", p, columns, spread(t, func(i int) string { return t.Columns[i].Target }))
	if len(t.SortKey) > 0 {
		sql += fmt.Sprintf(" COMPOUND SORTKEY (%s)", list(t.SortKey, func(_, i int) string { return quoted(t.Columns[i].Target) }))
	}
	return sql
}

// spread returns how a table's rows are spread over the cluster; named gives the columns' names.
// A table is spread evenly if no column can be the key, and so is everything that is compared
// with it. AUTO would begin as ALL, which writes each row on every node.
// https://docs.aws.amazon.com/redshift/latest/dg/c_choosing_dist_sort.html
func spread(t *schema.Table, named func(column int) string) string {
	if t.DistKey < 0 {
		return "DISTSTYLE EVEN"
	}
	return fmt.Sprintf("DISTSTYLE KEY DISTKEY (%s)", quoted(named(t.DistKey)))
}

func createSchema(name string) string { return "CREATE SCHEMA IF NOT EXISTS " + quoted(name) }

func grantUsage(schema string, readers ...string) string {
	return "GRANT USAGE ON SCHEMA " + quoted(schema) + " TO " + grantees(readers)
}

func grantSelect(p place, readers ...string) string {
	return "GRANT SELECT ON " + string(p) + " TO " + grantees(readers)
}

func grantees(readers []string) string {
	return list(readers, func(_ int, reader string) string { return grantee(reader) })
}

// grantee writes a reader as GRANT takes it.
func grantee(reader string) string {
	if kind, name := readerOf(reader); kind != "" {
		return kind + " " + quoted(name)
	}
	return quotedUser(reader)
}

// readerOf splits an entry of warehouse.readers into its kind and its name. The kind is GROUP or
// ROLE, or empty for a user.
func readerOf(reader string) (kind, name string) {
	for _, kind := range []string{"GROUP", "ROLE"} {
		if word, name, ok := strings.Cut(reader, " "); ok && strings.EqualFold(word, kind) {
			return kind, strings.TrimSpace(name)
		}
	}
	return "", reader
}

// countSchema counts the schemas of that name: 1 or 0.
func countSchema(name string) string {
	return "SELECT COUNT(*) FROM pg_namespace WHERE nspname = " + literal(schema.Fold(name))
}

// tablesOf lists the tables and views of a schema. Like kindOf it asks the catalogue that is
// PostgreSQL's. SVV_TABLES and SVV_COLUMNS also have what is in external schemas, and ask Glue,
// Hive or another database for it, whichever schema the query is about. That takes minutes where
// there are many tables, and fails where one of those cannot be reached.
// https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_TABLES.html
// https://docs.aws.amazon.com/redshift/latest/dg/c_intro_catalog_views.html
// https://github.com/aws/amazon-redshift-jdbc-driver/issues/64
func tablesOf(name string) string {
	return "SELECT c.relname" + relationsOf(name) + " ORDER BY c.relname"
}

// kindOf reads what has a name: 'r' is a table, 'v' a view. A materialized view is a 'v' too,
// with its rows in a table of another name; an 'm' would be no table either.
func kindOf(s, table string) string {
	return "SELECT c.relkind" + relationsOf(s) + " AND c.relname = " + literal(schema.Fold(table))
}

// relationsOf returns the part of a query that selects the tables and views of a schema.
func relationsOf(name string) string {
	return ` FROM pg_class AS c JOIN pg_namespace AS n ON n."oid" = c.relnamespace WHERE n.nspname = ` + literal(schema.Fold(name)) + " AND c.relkind IN ('r', 'v', 'm')"
}

// columnsOf lists the columns of a table with their types and encodings and the privileges that
// were granted on each of them alone, and tells by which of them its rows are spread and sorted.
// Those of the sort key are in their order. SVV_REDSHIFT_COLUMNS also has the columns of other
// databases, which data sharing brings, but none of external schemas. kindOf is a query of its
// own: this view spans leader and compute nodes, so Redshift does not let it be read together
// with the catalogue, and it has no columns of some views.
// https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_REDSHIFT_COLUMNS.html
// https://github.com/dbt-labs/dbt-redshift/issues/641
// https://github.com/getredash/redash/pull/5473
func columnsOf(s, table string) string {
	return "SELECT column_name, data_type, distkey, sortkey, encoding, column_acl FROM svv_redshift_columns WHERE database_name = current_database() AND schema_name = " +
		literal(schema.Fold(s)) + " AND table_name = " + literal(schema.Fold(table)) + " ORDER BY ABS(sortkey), ordinal_position"
}

// beginSession returns the settings that a session begins with, because the cluster or the user
// may have others. A statement_timeout would end each load that takes longer, every time; and
// times have to be read in the form in which they are written here.
// https://docs.aws.amazon.com/redshift/latest/dg/r_statement_timeout.html
// https://docs.aws.amazon.com/redshift/latest/dg/r_datestyle.html
// https://docs.aws.amazon.com/redshift/latest/dg/r_timezone_config.html
// https://docs.aws.amazon.com/redshift/latest/dg/r_query_group.html
func beginSession(queryGroup string) []string {
	statements := []string{setTimeout(0), "SET datestyle TO 'ISO, MDY'", "SET timezone TO 'UTC'"}
	if queryGroup != "" {
		statements = append(statements, "SET query_group TO "+literal(queryGroup))
	}
	return statements
}

// setTimeout limits how long each statement may take; 0 is no limit.
func setTimeout(d time.Duration) string {
	return fmt.Sprintf("SET statement_timeout TO %d", d.Milliseconds())
}
