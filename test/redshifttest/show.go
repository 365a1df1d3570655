package redshifttest

import (
	"fmt"
	"strings"
)

// showAny reads SHOW of a setting or of the catalogue.
func (p *parser) showAny() *statement {
	switch next := p.peekAt(1); {
	case next.is("table"):
		return p.showTable()
	case next.is("tables"):
		return p.showList("tables", "from", "schema")
	case next.is("columns"):
		return p.showList("columns", "from", "table")
	case next.is("schemas"):
		return p.showList("schemas", "from", "database")
	case next.is("databases"):
		return p.showList("databases")
	case next.is("view"), next.is("grants"), next.is("datashares"), next.is("model"), next.is("external"), next.is("procedure"):
		panic(ruled("R-712", unknown("SHOW %s is not on the list", strings.ToUpper(next.text))))
	}
	return p.show()
}

// showTable reads SHOW TABLE, which writes the statement that makes a table.
// https://docs.aws.amazon.com/redshift/latest/dg/r_SHOW_TABLE.html
func (p *parser) showTable() *statement {
	p.want("show", "table")
	return &statement{class: "SHOW", tag: "SHOW", sql: "SELECT " + catalogueSchema + ".table_ddl(" + text(p.table()) + `::regclass) AS "Show Table DDL statement"`}
}

// shownLists are the queries of SHOW TABLES and the like, without their conditions. The
// parameters are the names of the database, the schema and the table.
var shownLists = map[string]string{
	"tables": "SELECT * FROM " + catalogueSchema + ".svv_redshift_tables",
	"columns": "SELECT database_name, schema_name, table_name, column_name, ordinal_position, column_default, is_nullable, data_type, character_maximum_length, numeric_precision, remarks FROM " +
		catalogueSchema + ".svv_all_columns",
	"schemas":   "SELECT database_name, schema_name, schema_owner, schema_type, schema_acl, NULL::varchar AS source_database, schema_option FROM " + catalogueSchema + ".svv_redshift_schemas",
	"databases": "SELECT database_name, database_owner, database_type, database_acl, database_options AS parameters, database_isolation_level FROM " + catalogueSchema + ".svv_redshift_databases",
}

// patterns are the columns to which LIKE applies.
var patterns = map[string]string{"tables": "table_name", "columns": "column_name", "schemas": "schema_name", "databases": "database_name"}

// showList reads SHOW TABLES FROM SCHEMA d.s, SHOW COLUMNS FROM TABLE d.s.t, and so on.
// https://docs.aws.amazon.com/redshift/latest/dg/r_SHOW_TABLES.html
func (p *parser) showList(what string, words ...string) *statement {
	p.want("show", what)
	p.want(words...)
	wanted := map[string][]string{
		"tables": {"database_name", "schema_name"}, "columns": {"database_name", "schema_name", "table_name"}, "schemas": {"database_name"},
	}[what]
	var conditions []string
	for n, column := range wanted {
		if n > 0 {
			p.want(".")
		}
		conditions = append(conditions, column+" = "+text(p.name()))
	}
	sql := shownLists[what]
	if p.accept("like") {
		conditions = append(conditions, patterns[what]+" LIKE "+text(p.literal()))
	}
	if len(conditions) > 0 {
		sql += " WHERE " + strings.Join(conditions, " AND ")
	}
	sql += map[string]string{"columns": " ORDER BY ordinal_position"}[what]
	if p.accept("limit") {
		n := p.integer()
		if n > 10000 {
			panic(ruled("R-711", unknown("SHOW lists at most 10000")))
		}
		sql += fmt.Sprint(" LIMIT ", n)
	}
	return &statement{class: "SHOW", tag: "SHOW", sql: sql}
}
