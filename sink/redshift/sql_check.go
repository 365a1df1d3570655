package redshift

import "rowshift/schema"

// Questions about rights run on the leader node, and read no tables.
const (
	mayCreateSchema  = "SELECT has_database_privilege(current_database(), 'CREATE')"
	mayMakeTemporary = "SELECT has_database_privilege(current_database(), 'TEMP')"
)

func mayUseSchema(name string) string {
	n := literal(schema.Fold(name))
	return "SELECT has_schema_privilege(" + n + ", 'USAGE'), has_schema_privilege(" + n + ", 'CREATE')"
}

// mayUse and mayRead ask about a user. There is no such question about a group or a
// role: https://docs.aws.amazon.com/redshift/latest/dg/r_HAS_TABLE_PRIVILEGE.html
func mayUse(user, name string) string {
	return "SELECT has_schema_privilege(" + literal(user) + ", " + literal(schema.Fold(name)) + ", 'USAGE')"
}

func mayRead(user string, p place) string {
	return "SELECT has_table_privilege(" + literal(user) + ", " + literal(string(p)) + ", 'SELECT')"
}

// isUser reports whether a reader is a user, and not a group or a role.
func isUser(reader string) bool {
	kind, _ := readerOf(reader)
	return kind == ""
}

// ownerOf reads who owns a table, and whether our user does or is a superuser.
func ownerOf(name, table string) string {
	return "SELECT o.usename, o.usename = CURRENT_USER OR me.usesuper FROM pg_class AS c JOIN pg_namespace AS n ON n.\"oid\" = c.relnamespace " +
		"JOIN pg_user AS o ON o.usesysid = c.relowner JOIN pg_user AS me ON me.usename = CURRENT_USER WHERE n.nspname = " +
		literal(schema.Fold(name)) + " AND c.relname = " + literal(schema.Fold(table))
}

// ofOthers lists the tables and views of a schema that another user owns; none if our user is a
// superuser.
func ofOthers(name string) string {
	return "SELECT c.relname FROM pg_class AS c JOIN pg_namespace AS n ON n.\"oid\" = c.relnamespace " +
		"JOIN pg_user AS o ON o.usesysid = c.relowner JOIN pg_user AS me ON me.usename = CURRENT_USER WHERE n.nspname = " +
		literal(schema.Fold(name)) + " AND o.usename <> CURRENT_USER AND NOT me.usesuper"
}

// probeTable is the temporary table that the COPY role is tried with.
var probeTable = temporary("probe")

var createProbe = "CREATE TEMP TABLE " + string(probeTable) + " (" + quoted(valueColumn(0)) + " VARCHAR(1))"

// countReader counts the users, groups or roles that a reader names: 1 or 0. It finds only roles
// that the loader was given or owns.
// https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_ROLES.html
func countReader(reader string) string {
	switch kind, name := readerOf(reader); kind {
	case "GROUP":
		return "SELECT COUNT(*) FROM pg_group WHERE groname = " + literal(schema.Fold(name))
	case "ROLE":
		return "SELECT COUNT(*) FROM svv_roles WHERE role_name = " + literal(schema.Fold(name))
	}
	return "SELECT COUNT(*) FROM pg_user WHERE usename = " + literal(reader)
}

// usersLike lists the users whose names are a reader's but for case.
func usersLike(reader string) string {
	return "SELECT usename FROM pg_user WHERE LOWER(usename) = LOWER(" + literal(reader) + ") ORDER BY usename"
}
