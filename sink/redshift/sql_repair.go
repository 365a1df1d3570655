package redshift

import (
	"fmt"
)

// What follows is for people to run, as findings and halts advise. user is quoted
// already.

// createSchemaFor makes a schema that a user owns, who can then let others use it.
// https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_SCHEMA.html
func createSchemaFor(name, user string) string {
	return createSchema(name) + " AUTHORIZATION " + user + ";"
}

func grantSchema(name, user string) string {
	return fmt.Sprintf("GRANT USAGE, CREATE ON SCHEMA %s TO %s;", quoted(name), user)
}

func grantTemporary(user string) string {
	return "GRANT TEMP ON DATABASE <the database> TO " + user + ";"
}

// grantAssume lets a user name a role in COPY.
// https://docs.aws.amazon.com/redshift/latest/dg/r_GRANT-usage-notes.html
func grantAssume(role, user string) string {
	return fmt.Sprintf("GRANT ASSUMEROLE ON %s TO %s FOR COPY;", literal(role), user)
}

func createReader(reader string) string {
	if !isUser(reader) {
		return "CREATE " + grantee(reader) + ";"
	}
	return "CREATE USER " + quotedUser(reader) + " PASSWORD '...';"
}

func renameTable(p place, to string) string {
	return fmt.Sprintf("ALTER TABLE %s RENAME TO %s;", p, quoted(to))
}

func changeOwner(p place, user string) string {
	return fmt.Sprintf("ALTER TABLE %s OWNER TO %s;", p, user)
}

// ignorePolicies lets a user see all rows in spite of row-level security.
// https://docs.aws.amazon.com/redshift/latest/dg/t_rls_usage.html
func ignorePolicies(user string) string {
	return fmt.Sprintf("CREATE ROLE rowshift_all_rows; GRANT IGNORE RLS TO ROLE rowshift_all_rows; GRANT ROLE rowshift_all_rows TO %s;", user)
}

// forgetPolicies turns row-level security off for a table.
// https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_TABLE.html
func forgetPolicies(p place) string { return fmt.Sprintf("ALTER TABLE %s ROW LEVEL SECURITY OFF;", p) }

// grantColumn lets users read one column.
// https://docs.aws.amazon.com/redshift/latest/dg/r_GRANT.html
func grantColumn(p place, column string) string {
	return fmt.Sprintf("GRANT SELECT (%s) ON %s TO <each of them>;", quoted(column), p)
}

// attachPolicy has a masking policy cover a column.
// https://docs.aws.amazon.com/redshift/latest/dg/r_ATTACH_MASKING_POLICY.html
func attachPolicy(p place, column string, m maskingPolicy) string {
	to := "PUBLIC"
	switch m.granteeType {
	case "role":
		to = "ROLE " + quoted(m.grantee)
	case "user":
		to = quotedUser(m.grantee)
	}
	return fmt.Sprintf("ATTACH MASKING POLICY %s ON %s (%s) TO %s PRIORITY %s;", quoted(m.name), p, quoted(column), to, m.priority)
}

// changePassword gives a user another password. Here user is not quoted, but as the config has
// it, and may not be a possible name.
// https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_USER.html
func changePassword(user string) string { return alterUser(user) + " PASSWORD '...';" }

// unlockUser unlocks a user, and gives it a password at the same time.
// https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_USER.html
func unlockUser(user string) string { return alterUser(user) + " LOGIN PASSWORD '...';" }

func alterUser(user string) string {
	if !mayBeName(user) {
		return "ALTER USER <the user>"
	}
	return "ALTER USER " + quotedUser(user)
}
