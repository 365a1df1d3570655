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
	sort := list(t.SortKey, func(_, i int) string { return quoted(t.Columns[i].Target) })
	return fmt.Sprintf("CREATE TABLE IF NOT EXISTS %s (%s) DISTSTYLE KEY DISTKEY (%s) COMPOUND SORTKEY (%s)",
		p, columns, quoted(t.Columns[t.DistKey].Target), sort)
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

// grantee writes a reader: a user, or with "group " or "role " before it such a one.
func grantee(reader string) string {
	for _, kind := range []string{"group ", "role "} {
		if name, ok := strings.CutPrefix(strings.ToLower(reader), kind); ok {
			return strings.ToUpper(kind) + quoted(strings.TrimSpace(name))
		}
	}
	return quoted(reader)
}

// countSchema tells whether a schema is there.
func countSchema(name string) string {
	return "SELECT COUNT(*) FROM pg_namespace WHERE nspname = " + literal(schema.Fold(name))
}

// tablesOf lists the tables and views of a schema.
func tablesOf(name string) string {
	return "SELECT table_name FROM svv_tables WHERE table_schema = " + literal(schema.Fold(name)) + " ORDER BY table_name"
}

// columnsOf lists the columns of a table with their types, and whether it is a table: a
// view has columns too. Both sides are narrowed, lest the catalogue is read as a whole.
// https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_TABLES.html
func columnsOf(s, table string) string {
	s, table = literal(schema.Fold(s)), literal(schema.Fold(table))
	return "SELECT c.column_name, c.data_type, c.character_maximum_length, c.numeric_precision, c.numeric_scale, t.table_type FROM svv_columns AS c " +
		"LEFT JOIN svv_tables AS t ON t.table_catalog = c.table_catalog AND t.table_schema = " + s + " AND t.table_name = " + table +
		" WHERE c.table_schema = " + s + " AND c.table_name = " + table + " ORDER BY c.ordinal_position"
}

// keysOf reads which columns a target's rows are spread and sorted by.
// https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_REDSHIFT_COLUMNS.html
func keysOf(s, table string) string {
	return "SELECT column_name, distkey, sortkey FROM svv_redshift_columns WHERE database_name = current_database() AND schema_name = " +
		literal(schema.Fold(s)) + " AND table_name = " + literal(schema.Fold(table)) + " AND (distkey OR sortkey <> 0) ORDER BY ABS(sortkey)"
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
