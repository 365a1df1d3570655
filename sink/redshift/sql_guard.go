package redshift

import "rowshift/schema"

// policiesOn lists the masking policies that are attached to columns of a table. Redshift shows
// none to a user who is neither a superuser nor has the role sys:secadmin.
// https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_ATTACHED_MASKING_POLICY.html
func policiesOn(s, table string) string {
	return "SELECT policy_name, grantee, grantee_type, priority, output_columns, input_columns FROM svv_attached_masking_policy WHERE schema_name = " +
		literal(schema.Fold(s)) + " AND table_name = " + literal(schema.Fold(table)) + " ORDER BY policy_name, grantee_type, grantee, priority"
}
