package redshifttest

import "strings"

// catalogue are the relations of Redshift's catalogue that the stand-in has, under
// their names in its own schema.
var catalogue = func() map[string]bool {
	m := map[string]bool{}
	for name := range strings.FieldsSeq(`
		svv_columns svv_redshift_columns svv_all_columns svv_tables svv_redshift_tables svv_all_tables svv_table_info svv_redshift_schemas
		svv_all_schemas svv_redshift_databases svv_external_schemas svv_external_tables svv_external_columns svv_transactions svv_roles
		svv_user_info svv_user_grants svv_role_grants svv_relation_privileges svv_schema_privileges svl_user_info
		stl_load_errors stl_load_commits stl_connection_log sys_load_error_detail sys_connection_log sys_serverless_usage
		svv_attached_masking_policy stv_sessions stv_locks stv_recents stv_inflight stv_db_isolation_level stv_mv_info
		pg_table_def pg_user pg_user_info pg_group pg_database pg_namespace pg_class pg_class_info pg_attribute pg_attribute_info pg_attrdef
		pg_type pg_description pg_constraint pg_index pg_proc pg_proc_info pg_trigger pg_rewrite pg_inherits pg_depend pg_tables pg_views
		pg_roles pg_auth_members pg_settings pg_tablespace pg_am pg_language pg_collation`) {
		m[name] = true
	}
	return m
}()

// standards are the views of information_schema.
var standards = map[string]bool{
	"columns": true, "tables": true, "schemata": true, "views": true, "table_constraints": true, "key_column_usage": true,
}

// catalogueName returns the stand-in's name for a relation of Redshift's catalogue, and
// false if the stand-in has no such relation.
func catalogueName(n relationName) (string, bool) {
	switch {
	case (n.schema == "" || n.schema == "pg_catalog") && catalogue[n.table]:
		return catalogueSchema + "." + quote(n.table), true
	case n.schema == "information_schema" && standards[n.table]:
		return catalogueSchema + "." + quote("information_schema_"+n.table), true
	}
	return "", false
}

// ofCatalogue reports whether a name is in one of the catalogue's schemas or begins as
// catalogue names do, whether or not the stand-in has it.
func ofCatalogue(n relationName) bool {
	return n.schema == "pg_catalog" || n.schema == "information_schema" || n.schema == "" && strings.HasPrefix(n.table, "pg_")
}
