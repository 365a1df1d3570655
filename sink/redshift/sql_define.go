package redshift

import (
	"fmt"
	"strings"

	"rowshift/schema"
)

// createTable makes a target, or a load table of its shape. Keys are not declared:
// Redshift does not enforce them, and its planner would believe them. No column is NOT
// NULL: Redshift cannot take that back once the key is over other columns.
// https://docs.aws.amazon.com/redshift/latest/dg/t_Defining_constraints.html
func createTable(p place, t *schema.Table) string {
	columns := list(t.Columns, func(_ int, c schema.Column) string { return quoted(c.Target) + " " + c.Mapping.Type })
	sql := fmt.Sprintf("CREATE TABLE IF NOT EXISTS %s (%s) %s", p, columns, spread(t, func(i int) string { return t.Columns[i].Target }))
	if len(t.SortKey) > 0 {
		sql += fmt.Sprintf(" COMPOUND SORTKEY (%s)", list(t.SortKey, func(_, i int) string { return quoted(t.Columns[i].Target) }))
	}
	return sql
}

// spread is how a table's rows are spread over the cluster, where its columns have those
// names. A table with no column that can be the key is spread evenly, and so is all that is
// compared with it: AUTO begins as ALL, which writes each row on every node.
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

// grantee writes a reader.
func grantee(reader string) string {
	if kind, name := readerOf(reader); kind != "" {
		return kind + " " + quoted(name)
	}
	return quotedUser(reader)
}

// readerOf parts a reader of warehouse.readers: its kind is GROUP or ROLE, or none of a user.
func readerOf(reader string) (kind, name string) {
	for _, kind := range []string{"GROUP", "ROLE"} {
		if word, name, ok := strings.Cut(reader, " "); ok && strings.EqualFold(word, kind) {
			return kind, strings.TrimSpace(name)
		}
	}
	return "", reader
}

// countSchema tells whether a schema is there.
func countSchema(name string) string {
	return "SELECT COUNT(*) FROM pg_namespace WHERE nspname = " + literal(schema.Fold(name))
}

// tablesOf lists the tables and views of a schema. It and kindOf ask the catalogue that is
// PostgreSQL's: SVV_TABLES and SVV_COLUMNS have what is in external schemas besides, and ask
// Glue, Hive or another database for it whatever schema is asked for; that takes minutes
// where there are many tables, and fails where one cannot be reached.
// https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_TABLES.html
// https://docs.aws.amazon.com/redshift/latest/dg/c_intro_catalog_views.html
// https://github.com/aws/amazon-redshift-jdbc-driver/issues/64
func tablesOf(name string) string {
	return "SELECT c.relname" + relationsOf(name) + " ORDER BY c.relname"
}

// kindOf reads what a name is: 'r' for a table, 'v' for a view. A materialized view is 'v',
// too, as its rows are in a table of another name; 'm' is no table in any case.
func kindOf(s, table string) string {
	return "SELECT c.relkind" + relationsOf(s) + " AND c.relname = " + literal(schema.Fold(table))
}

// relationsOf are the tables and views of a schema.
func relationsOf(name string) string {
	return ` FROM pg_class AS c JOIN pg_namespace AS n ON n."oid" = c.relnamespace WHERE n.nspname = ` + literal(schema.Fold(name)) + " AND c.relkind IN ('r', 'v', 'm')"
}

// columnsOf lists the columns of a table with their types, and which of them its rows are
// spread and sorted by, the sort key's in their order. It lists columns of other databases,
// which data sharing brings, and none of external schemas. What kindOf reads is asked apart:
// such views span leader and compute nodes, and Redshift does not let this one be read with
// the catalogue in one query; and of some views it has no columns.
// https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_REDSHIFT_COLUMNS.html
// https://github.com/dbt-labs/dbt-redshift/issues/641
// https://github.com/getredash/redash/pull/5473
func columnsOf(s, table string) string {
	return "SELECT column_name, data_type, distkey, sortkey FROM svv_redshift_columns WHERE database_name = current_database() AND schema_name = " +
		literal(schema.Fold(s)) + " AND table_name = " + literal(schema.Fold(table)) + " ORDER BY ABS(sortkey), ordinal_position"
}

// beginSession sets what the cluster or the user may have set otherwise: a limit would end
// each load that takes longer, for ever, and times are read as they are written here.
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

func setTimeout(milliseconds int) string {
	return fmt.Sprintf("SET statement_timeout TO %d", milliseconds)
}
