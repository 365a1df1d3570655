-- The catalogue as Redshift shows it: https://docs.aws.amazon.com/redshift/latest/dg/cm_chap_system-tables.html
-- Types have Redshift's names and OIDs; what the stand-in keeps for itself is not shown.

CREATE OR REPLACE FUNCTION redshift_catalog.shown_oid(typ oid) RETURNS oid LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE typ WHEN 'redshift_catalog.super'::regtype THEN 4000 WHEN 'jsonb'::regtype THEN 4000 WHEN 'bytea'::regtype THEN 6551 WHEN 'text'::regtype THEN 1043 ELSE typ END::oid $$;
-- a type's name without what stands in parentheses
CREATE OR REPLACE FUNCTION redshift_catalog.type_name(typ oid) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT CASE redshift_catalog.shown_oid(typ) WHEN 4000 THEN 'super' WHEN 6551 THEN 'binary varying' ELSE pg_catalog.format_type(redshift_catalog.shown_oid(typ), NULL) END $$;
CREATE OR REPLACE FUNCTION redshift_catalog.format_type(typ oid, modifier int) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT CASE redshift_catalog.shown_oid(typ) WHEN 4000 THEN 'super' WHEN 6551 THEN 'binary varying' || coalesce('(' || (modifier - 4) || ')', '')
    ELSE pg_catalog.format_type(redshift_catalog.shown_oid(typ), modifier) END $$;

CREATE OR REPLACE VIEW redshift_catalog.shown_namespace AS
  SELECT oid, nspname, nspowner, nspacl FROM pg_catalog.pg_namespace
  WHERE nspname NOT IN ('redshift_catalog', 'pg_toast') AND nspname !~ '^pg_toast_temp_' AND (nspname !~ '^pg_temp_' OR oid = pg_my_temp_schema());
CREATE OR REPLACE VIEW redshift_catalog.shown_class AS
  SELECT c.oid, c.relname, n.nspname, c.relnamespace, c.relowner, c.relkind, c.relpersistence, c.relnatts, c.reltuples, c.relpages, c.relacl, c.reltype, c.relchecks, c.relhasrules,
    r.diststyle, r.sortstyle, r.late, r.backup, r.encode_auto
  FROM pg_catalog.pg_class c JOIN redshift_catalog.shown_namespace n ON n.oid = c.relnamespace LEFT JOIN redshift_catalog.relation r ON r.relation = c.oid
  WHERE c.relkind IN ('r', 'v', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND c.relname !~ '^rs late ';
CREATE OR REPLACE VIEW redshift_catalog.shown_attribute AS
  SELECT a.attrelid, c.nspname, c.relname, a.attname, a.attnum, a.atttypid, a.atttypmod, a.attnotnull, a.atthasdef, a.attlen, a.attndims, a.attbyval, a.attstorage, a.attalign, a.attacl, c.relkind,
    redshift_catalog.type_name(a.atttypid) AS type_name,
    coalesce(r.declared, redshift_catalog.format_type(a.atttypid, a.atttypmod)) AS type,
    CASE WHEN redshift_catalog.type_name(a.atttypid) ~ 'char|binary' THEN redshift_catalog.bytes(a.attrelid, a.attname) END AS bytes,
    coalesce(r.encoding, 'none') AS encoding, coalesce(r.distkey, false) AS distkey, coalesce(r.sortkey, 0) AS sortkey, r.identity,
    CASE WHEN r.identity IS NOT NULL THEN '"identity"(' || a.attrelid || ', ' || (a.attnum - 1) || ', ' || quote_literal(substring(r.identity FROM '\((.*)\)')) || '::text)'
      ELSE pg_get_expr(d.adbin, d.adrelid) END AS column_default,
    pg_catalog.col_description(a.attrelid, a.attnum) AS remarks
  FROM pg_catalog.pg_attribute a JOIN redshift_catalog.shown_class c ON c.oid = a.attrelid
  LEFT JOIN redshift_catalog.attribute r ON r.relation = a.attrelid AND r.attnum = a.attnum
  LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
  WHERE a.attnum > 0 AND NOT a.attisdropped;

-- the columns that late-binding views had when they were made
CREATE OR REPLACE VIEW redshift_catalog.late_attribute AS
  SELECT c.oid AS attrelid, c.nspname, c.relname, k.value->>'name' AS attname, k.n::int AS attnum, k.value->>'type' AS type
  FROM redshift_catalog.shown_class c JOIN redshift_catalog.relation r ON r.relation = c.oid, LATERAL jsonb_array_elements(nullif(r.late_columns, 'null')) WITH ORDINALITY k(value, n);
CREATE OR REPLACE FUNCTION redshift_catalog.pg_get_late_binding_view_cols() RETURNS SETOF record LANGUAGE sql STABLE AS $$
  SELECT nspname::name, relname::name, attname::name, type::varchar, attnum FROM redshift_catalog.late_attribute $$;

CREATE OR REPLACE VIEW redshift_catalog.svv_columns AS
  SELECT current_database()::varchar AS table_catalog, nspname::varchar AS table_schema, relname::varchar AS table_name, attname::varchar AS column_name,
    attnum::int AS ordinal_position, column_default::varchar, CASE WHEN attnotnull THEN 'NO' ELSE 'YES' END::varchar AS is_nullable, type_name::varchar AS data_type,
    bytes AS character_maximum_length,
    CASE type_name WHEN 'numeric' THEN CASE WHEN atttypmod > 0 THEN ((atttypmod - 4) >> 16) & 65535 END WHEN 'smallint' THEN 16 WHEN 'integer' THEN 32 WHEN 'bigint' THEN 64
      WHEN 'real' THEN 24 WHEN 'double precision' THEN 53 END AS numeric_precision,
    CASE WHEN type_name IN ('smallint', 'integer', 'bigint') THEN 2 WHEN type_name = 'numeric' THEN 10 END AS numeric_precision_radix,
    CASE WHEN type_name IN ('smallint', 'integer', 'bigint') THEN 0 WHEN type_name = 'numeric' AND atttypmod > 0 THEN (atttypmod - 4) & 2047 END AS numeric_scale,
    CASE WHEN type_name LIKE 'time%' THEN 6 END AS datetime_precision, remarks::varchar
  FROM redshift_catalog.shown_attribute
  WHERE has_table_privilege(attrelid, 'SELECT, INSERT, UPDATE, DELETE, REFERENCES') OR has_any_column_privilege(attrelid, 'SELECT')
  UNION ALL
  SELECT current_database(), nspname, relname, attname, attnum, NULL, 'YES', trim(regexp_replace(type, '\(.*\)', '')), CASE WHEN type ~ 'char|binary' THEN substring(type FROM '\((\d+)\)')::int END,
    CASE WHEN type ~ 'numeric' THEN substring(type FROM '\((\d+)')::int END, CASE WHEN type ~ 'numeric' THEN 10 END, CASE WHEN type ~ 'numeric' THEN substring(type FROM ',(\d+)\)')::int END, NULL, NULL
  FROM redshift_catalog.late_attribute WHERE has_table_privilege(attrelid, 'SELECT');
CREATE OR REPLACE VIEW redshift_catalog.information_schema_columns AS SELECT table_catalog, table_schema, table_name, column_name, ordinal_position, column_default, is_nullable, data_type,
  character_maximum_length, NULL::int AS character_octet_length, numeric_precision, numeric_precision_radix, numeric_scale, datetime_precision FROM redshift_catalog.svv_columns;
CREATE OR REPLACE VIEW redshift_catalog.svv_redshift_columns AS
  SELECT current_database()::varchar AS database_name, nspname::varchar AS schema_name, relname::varchar AS table_name, attname::varchar AS column_name, attnum::int AS ordinal_position,
    type::varchar AS data_type, column_default::varchar, CASE WHEN attnotnull THEN 'NO' ELSE 'YES' END::varchar AS is_nullable, encoding::varchar, distkey, sortkey,
    array_to_string(attacl, ',')::varchar AS column_acl, remarks::varchar
  FROM redshift_catalog.shown_attribute WHERE has_table_privilege(attrelid, 'SELECT, INSERT, UPDATE, DELETE, REFERENCES') OR has_any_column_privilege(attrelid, 'SELECT');
CREATE OR REPLACE VIEW redshift_catalog.svv_all_columns AS
  SELECT table_catalog AS database_name, table_schema AS schema_name, table_name, column_name, ordinal_position, column_default, is_nullable, data_type, character_maximum_length,
    numeric_precision, numeric_scale, remarks FROM redshift_catalog.svv_columns;
CREATE OR REPLACE VIEW redshift_catalog.svv_tables AS
  SELECT current_database()::varchar AS table_catalog, nspname::varchar AS table_schema, relname::varchar AS table_name,
    CASE relkind WHEN 'r' THEN 'BASE TABLE' ELSE 'VIEW' END::varchar AS table_type, obj_description(oid, 'pg_class')::varchar AS remarks
  FROM redshift_catalog.shown_class WHERE has_table_privilege(oid, 'SELECT, INSERT, UPDATE, DELETE, REFERENCES') OR has_any_column_privilege(oid, 'SELECT');
CREATE OR REPLACE VIEW redshift_catalog.information_schema_tables AS SELECT table_catalog, table_schema, table_name, table_type FROM redshift_catalog.svv_tables;
CREATE OR REPLACE VIEW redshift_catalog.svv_redshift_tables AS
  SELECT current_database()::varchar AS database_name, nspname::varchar AS schema_name, relname::varchar AS table_name, CASE relkind WHEN 'r' THEN 'TABLE' ELSE 'VIEW' END::varchar AS table_type,
    array_to_string(relacl, '~')::varchar AS table_acl, obj_description(oid, 'pg_class')::varchar AS remarks, pg_get_userbyid(relowner)::varchar AS table_owner
  FROM redshift_catalog.shown_class WHERE has_table_privilege(oid, 'SELECT, INSERT, UPDATE, DELETE, REFERENCES');
CREATE OR REPLACE VIEW redshift_catalog.svv_all_tables AS SELECT database_name, schema_name, table_name, table_type, table_acl, remarks FROM redshift_catalog.svv_redshift_tables;
CREATE OR REPLACE VIEW redshift_catalog.svv_redshift_schemas AS
  SELECT current_database()::varchar AS database_name, nspname::varchar AS schema_name, nspowner::int AS schema_owner, 'local'::varchar AS schema_type,
    array_to_string(nspacl, '~')::varchar AS schema_acl, NULL::varchar AS schema_option FROM redshift_catalog.shown_namespace;
CREATE OR REPLACE VIEW redshift_catalog.svv_all_schemas AS
  SELECT database_name, schema_name, schema_owner, schema_type, schema_acl, NULL::varchar AS source_database, schema_option FROM redshift_catalog.svv_redshift_schemas;
CREATE OR REPLACE VIEW redshift_catalog.information_schema_schemata AS
  SELECT current_database()::varchar AS catalog_name, nspname::varchar AS schema_name, pg_get_userbyid(nspowner)::varchar AS schema_owner FROM redshift_catalog.shown_namespace
  WHERE has_schema_privilege(oid, 'USAGE');
CREATE OR REPLACE VIEW redshift_catalog.svv_external_schemas AS
  SELECT NULL::int AS esoid, NULL::smallint AS eskind, NULL::varchar AS schemaname, NULL::int AS esowner, NULL::varchar AS databasename, NULL::varchar AS esoptions WHERE false;
CREATE OR REPLACE VIEW redshift_catalog.svv_external_tables AS
  SELECT NULL::varchar AS schemaname, NULL::varchar AS tablename, NULL::varchar AS tabletype, NULL::varchar AS location WHERE false;
CREATE OR REPLACE VIEW redshift_catalog.svv_external_columns AS
  SELECT NULL::varchar AS schemaname, NULL::varchar AS tablename, NULL::varchar AS columnname, NULL::varchar AS external_type, NULL::int AS columnnum, NULL::int AS part_key, NULL::varchar AS is_nullable WHERE false;

-- only schemas on search_path: https://docs.aws.amazon.com/redshift/latest/dg/r_PG_TABLE_DEF.html
CREATE OR REPLACE VIEW redshift_catalog.pg_table_def AS
  SELECT nspname AS schemaname, relname AS tablename, attname AS "column", type::varchar AS type, encoding::varchar AS encoding, distkey, sortkey, attnotnull AS "notnull"
  FROM redshift_catalog.shown_attribute WHERE relkind = 'r' AND (nspname = ANY (current_schemas(false)) OR nspname ~ '^pg_temp_');

-- superusers only, and tables with rows only: https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_TABLE_INFO.html
CREATE OR REPLACE FUNCTION redshift_catalog.row_count(rel oid) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE n bigint;
BEGIN
  EXECUTE 'SELECT count(*) FROM ' || rel::regclass INTO n;
  RETURN n;
END $$;
CREATE OR REPLACE VIEW redshift_catalog.svv_table_info AS
  SELECT current_database()::varchar AS database, c.nspname::varchar AS schema, c.oid AS table_id, c.relname::varchar AS "table",
    CASE WHEN EXISTS (SELECT FROM redshift_catalog.attribute a WHERE a.relation = c.oid AND a.encoding <> 'none') THEN 'Y' ELSE 'N' END || CASE WHEN c.encode_auto THEN ', AUTO(ENCODE)' ELSE '' END::varchar AS encoded,
    CASE c.diststyle WHEN 'KEY' THEN 'KEY(' || (SELECT a.attname FROM redshift_catalog.shown_attribute a WHERE a.attrelid = c.oid AND a.distkey) || ')' WHEN 'AUTO' THEN 'AUTO(ALL)' ELSE c.diststyle END::varchar AS diststyle,
    CASE c.sortstyle WHEN 'AUTO' THEN 'AUTO(SORTKEY)' ELSE (SELECT a.attname FROM redshift_catalog.shown_attribute a WHERE a.attrelid = c.oid AND abs(a.sortkey) = 1) END::varchar AS sortkey1,
    (SELECT max(coalesce(a.bytes, 0)) FROM redshift_catalog.shown_attribute a WHERE a.attrelid = c.oid) AS max_varchar,
    (SELECT count(*) FROM redshift_catalog.attribute a WHERE a.relation = c.oid AND a.sortkey <> 0)::int AS sortkey_num,
    greatest(pg_relation_size(c.oid) / 1048576, 1) AS size, 0.0::numeric(10,4) AS pct_used, 0::numeric(5,2) AS unsorted, 0::numeric(5,2) AS stats_off,
    n.rows::numeric(38,0) AS tbl_rows, n.rows::numeric(38,0) AS estimated_visible_rows, NULL::numeric(19,2) AS skew_sortkey1, 1.00::numeric(19,2) AS skew_rows
  FROM redshift_catalog.shown_class c, LATERAL (SELECT CASE WHEN (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN redshift_catalog.row_count(c.oid) ELSE 0 END AS rows) n
  WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND n.rows > 0;

-- superusers only, others see no rows: https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_ATTACHED_MASKING_POLICY.html
CREATE OR REPLACE VIEW redshift_catalog.svv_attached_masking_policy AS
  SELECT policy AS policy_name, schema AS schema_name, relation AS table_name, 'table'::text AS table_type, grantor, grantee, grantee_type, priority, input AS input_columns, output AS output_columns, false AS is_masking_datashare_on
  FROM redshift_catalog.masking WHERE (SELECT rolsuper FROM pg_roles WHERE rolname = current_user);

-- users, groups, roles
CREATE OR REPLACE VIEW redshift_catalog.pg_user AS
  SELECT rolname AS usename, oid::int AS usesysid, rolcreatedb AS usecreatedb, rolsuper AS usesuper, rolsuper AS usecatupd, '********'::text AS passwd,
    rolvaliduntil AS valuntil, ARRAY(SELECT c FROM unnest(rolconfig) c WHERE c NOT LIKE 'redshift.%') AS useconfig
  FROM pg_catalog.pg_roles WHERE rolcanlogin AND oid <> 10; -- 10 is the backing server's own
CREATE OR REPLACE VIEW redshift_catalog.pg_user_info AS
  SELECT u.*, CASE r.rolconnlimit WHEN -1 THEN 'UNLIMITED' ELSE r.rolconnlimit::text END AS useconnlimit FROM redshift_catalog.pg_user u JOIN pg_catalog.pg_roles r ON r.rolname = u.usename;
CREATE OR REPLACE VIEW redshift_catalog.svl_user_info AS
  SELECT usename, usesysid, usecreatedb, usesuper, usecatupd, useconnlimit, 'RESTRICTED'::text AS syslogaccess, valuntil AS last_ddl_ts,
    coalesce((SELECT split_part(c, '=', 2)::int FROM pg_catalog.pg_roles r, unnest(r.rolconfig) c WHERE r.rolname = usename AND c LIKE 'redshift.session_timeout=%'), 0) AS sessiontimeout
  FROM redshift_catalog.pg_user_info;
CREATE OR REPLACE VIEW redshift_catalog.svv_user_info AS
  SELECT usename::varchar AS user_name, usesysid AS user_id, usecreatedb AS createdb, usesuper AS superuser, usecatupd AS catalog_update, useconnlimit::varchar AS connection_limit,
    syslogaccess::varchar AS syslog_access, last_ddl_ts AS last_ddl_timestamp, sessiontimeout AS session_timeout, NULL::varchar AS external_id FROM redshift_catalog.svl_user_info;
CREATE OR REPLACE VIEW redshift_catalog.pg_group AS
  SELECT substr(r.rolname, 10)::name AS groname, r.oid::int AS grosysid, ARRAY(SELECT m.member::int FROM pg_catalog.pg_auth_members m WHERE m.roleid = r.oid) AS grolist
  FROM pg_catalog.pg_roles r WHERE r.rolname LIKE 'rs group %';
-- who may not do everything sees the roles that he was given, or owns as who made them
CREATE OR REPLACE VIEW redshift_catalog.svv_roles AS
  SELECT oid::int AS role_id, substr(rolname, 9)::varchar AS role_name, 'dev'::varchar AS role_owner, NULL::varchar AS external_id FROM pg_catalog.pg_roles WHERE rolname LIKE 'rs role %' AND pg_has_role(oid, 'MEMBER');
CREATE OR REPLACE VIEW redshift_catalog.svv_user_grants AS
  SELECT m.member::int AS user_id, u.rolname::varchar AS user_name, g.oid::int AS role_id, substr(g.rolname, 9)::varchar AS role_name, m.admin_option
  FROM pg_catalog.pg_auth_members m JOIN pg_catalog.pg_roles u ON u.oid = m.member AND u.rolcanlogin JOIN pg_catalog.pg_roles g ON g.oid = m.roleid AND g.rolname LIKE 'rs role %';
CREATE OR REPLACE VIEW redshift_catalog.svv_role_grants AS
  SELECT m.member::int AS role_id, substr(u.rolname, 9)::varchar AS role_name, g.oid::int AS granted_role_id, substr(g.rolname, 9)::varchar AS granted_role_name
  FROM pg_catalog.pg_auth_members m JOIN pg_catalog.pg_roles u ON u.oid = m.member AND u.rolname LIKE 'rs role %' JOIN pg_catalog.pg_roles g ON g.oid = m.roleid AND g.rolname LIKE 'rs role %';
CREATE OR REPLACE FUNCTION redshift_catalog.identity(role oid, OUT name varchar, OUT type varchar) LANGUAGE sql STABLE AS $$
  SELECT CASE WHEN role = 0 THEN 'public' WHEN r.rolname LIKE 'rs group %' THEN substr(r.rolname, 10) WHEN r.rolname LIKE 'rs role %' THEN substr(r.rolname, 9) ELSE r.rolname END,
    CASE WHEN role = 0 THEN 'public' WHEN r.rolname LIKE 'rs group %' THEN 'group' WHEN r.rolname LIKE 'rs role %' THEN 'role' ELSE 'user' END
  FROM (SELECT) one LEFT JOIN pg_catalog.pg_roles r ON r.oid = role $$;
CREATE OR REPLACE VIEW redshift_catalog.svv_relation_privileges AS
  SELECT c.nspname::varchar AS namespace_name, c.relname::varchar AS relation_name, a.privilege_type::varchar, a.grantee::int AS identity_id, i.name AS identity_name, i.type AS identity_type, a.is_grantable AS admin_option
  FROM redshift_catalog.shown_class c, LATERAL aclexplode(c.relacl) a, LATERAL redshift_catalog.identity(a.grantee) i
  UNION ALL
  SELECT c.nspname, c.relname, p.privilege, r.oid::int, i.name, i.type, false
  FROM redshift_catalog.privilege p JOIN redshift_catalog.shown_class c ON c.oid = p.relation LEFT JOIN pg_catalog.pg_roles r ON r.rolname = p.grantee, LATERAL redshift_catalog.identity(coalesce(r.oid, 0)) i;
CREATE OR REPLACE VIEW redshift_catalog.svv_schema_privileges AS
  SELECT n.nspname::varchar AS namespace_name, a.privilege_type::varchar, a.grantee::int AS identity_id, i.name AS identity_name, i.type AS identity_type, a.is_grantable AS admin_option
  FROM redshift_catalog.shown_namespace n, LATERAL aclexplode(n.nspacl) a, LATERAL redshift_catalog.identity(a.grantee) i;

-- databases
CREATE OR REPLACE VIEW redshift_catalog.stv_db_isolation_level AS
  SELECT current_database()::varchar AS db_name, CASE current_setting('default_transaction_isolation') WHEN 'serializable' THEN 'Serializable' ELSE 'Snapshot Isolation' END::varchar AS isolation_level
  UNION ALL SELECT name, CASE isolation WHEN 'serializable' THEN 'Serializable' ELSE 'Snapshot Isolation' END FROM redshift_catalog.database;
CREATE OR REPLACE VIEW redshift_catalog.svv_redshift_databases AS
  SELECT db_name AS database_name, 100 AS database_owner, 'local'::varchar AS database_type, NULL::varchar AS database_acl, ''::varchar AS database_options, isolation_level AS database_isolation_level
  FROM redshift_catalog.stv_db_isolation_level;
CREATE OR REPLACE VIEW redshift_catalog.pg_database AS
  SELECT oid, datname, datdba, encoding, datcollate, datctype, datistemplate, datallowconn, dattablespace, datacl FROM pg_catalog.pg_database WHERE datname = current_database()
  UNION ALL SELECT 0, name, 10, 6, 'C', 'C', false, false, 0, NULL FROM redshift_catalog.database;

-- what runs now
CREATE OR REPLACE VIEW redshift_catalog.stv_recents AS
  SELECT usesysid::int AS userid, CASE state WHEN 'active' THEN 'Running' ELSE 'Done' END::char(20) AS status, query_start AT TIME ZONE 'UTC' AS starttime,
    (extract(epoch FROM now() - query_start) * 1000000)::bigint AS duration, usename::char(50) AS user_name, datname::char(50) AS db_name, left(asked.text, 600)::varchar AS query, pid
  FROM pg_catalog.pg_stat_activity, LATERAL (SELECT nullif(current_setting('redshift.asked', true), '')::jsonb->>pid::text AS text) asked
  WHERE datname = current_database() AND backend_type = 'client backend' AND asked.text IS NOT NULL;
CREATE OR REPLACE VIEW redshift_catalog.stv_inflight AS
  SELECT userid, 0 AS slice, pid AS query, ''::varchar AS label, 0::bigint AS xid, pid, starttime, left(query, 100)::varchar AS text, 0 AS suspended, 0 AS insert_pristine, 0 AS concurrency_scaling_status
  FROM redshift_catalog.stv_recents WHERE status = 'Running';
CREATE OR REPLACE VIEW redshift_catalog.stv_mv_info AS
  SELECT current_database()::char(128) AS db_name, c.nspname::char(128) AS schema, c.relname::char(128) AS name, pg_get_userbyid(c.relowner)::char(128) AS owner_user_name, 'f'::char(1) AS is_stale, 0 AS state, 'f'::char(1) AS autorefresh
  FROM redshift_catalog.shown_class c WHERE c.relkind = 'm';
CREATE OR REPLACE VIEW redshift_catalog.sys_serverless_usage AS
  SELECT NULL::timestamp AS start_time, NULL::timestamp AS end_time, NULL::float8 AS compute_seconds, NULL::float8 AS compute_capacity, NULL::int AS data_storage WHERE false;

-- PostgreSQL 8.0's catalogue, with columns that newer clients ask for
CREATE OR REPLACE VIEW redshift_catalog.pg_namespace AS SELECT oid, nspname, nspowner, nspacl FROM redshift_catalog.shown_namespace;
-- the relations of the catalogue that both PostgreSQL 8.0 and the stand-in have
CREATE OR REPLACE FUNCTION redshift_catalog.of_old(relation name) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
  SELECT relation IN ('pg_user', 'pg_group', 'pg_database', 'pg_namespace', 'pg_class', 'pg_attribute', 'pg_attrdef', 'pg_type', 'pg_description', 'pg_constraint', 'pg_index', 'pg_proc', 'pg_trigger',
    'pg_rewrite', 'pg_inherits', 'pg_depend', 'pg_tables', 'pg_views', 'pg_settings', 'pg_tablespace', 'pg_am', 'pg_language', 'columns', 'tables', 'schemata', 'views', 'table_constraints', 'key_column_usage') $$;
CREATE OR REPLACE FUNCTION redshift_catalog.current_schemas(implicit boolean) RETURNS name[] LANGUAGE sql STABLE AS $$
  SELECT array_remove(pg_catalog.current_schemas(implicit), 'redshift_catalog') $$;
CREATE OR REPLACE FUNCTION redshift_catalog.shown_setting(setting text) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT regexp_replace(pg_catalog.current_setting(setting), ',\s*redshift_catalog$', '') $$;
CREATE OR REPLACE VIEW redshift_catalog.pg_class AS
  SELECT c.oid, c.relname, c.relnamespace, c.reltype, c.relowner, 0::oid AS relam, c.oid AS relfilenode, 0::oid AS reltablespace, c.relpages, c.reltuples, 0::oid AS reltoastrelid, false AS relhasindex,
    false AS relisshared, CASE c.relkind WHEN 'm' THEN 'v' ELSE c.relkind END::"char" AS relkind, c.relnatts,
    CASE c.diststyle WHEN 'EVEN' THEN 0 WHEN 'KEY' THEN 1 WHEN 'ALL' THEN 8 ELSE 10 END::smallint AS reldiststyle, 0::smallint AS relchecks, 0::smallint AS reltriggers, 0::smallint AS relukeys,
    0::smallint AS relfkeys, 0::smallint AS relrefs, false AS relhasoids, EXISTS (SELECT FROM redshift_catalog.key k WHERE k.relation = c.oid AND k.kind = 'p') AS relhaspkey,
    c.relkind = 'v' AS relhasrules, false AS relhassubclass, c.relacl, false AS relhastriggers, c.relpersistence, 0::oid AS reloftype, NULL::text[] AS reloptions
  FROM redshift_catalog.shown_class c
  UNION ALL
  SELECT c.oid, c.relname, c.relnamespace, c.reltype, c.relowner, 0, c.oid, 0, c.relpages, c.reltuples, 0, false, false, c.relkind, c.relnatts, 0, 0, 0, 0, 0, 0, false, false, false, false, c.relacl, false, c.relpersistence, 0, NULL
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname IN ('pg_catalog', 'information_schema') AND redshift_catalog.of_old(c.relname) AND c.relkind IN ('r', 'v');
CREATE OR REPLACE VIEW redshift_catalog.pg_attribute AS
  SELECT a.attrelid, a.attname, redshift_catalog.shown_oid(a.atttypid) AS atttypid, -1 AS attstattarget, a.attlen, a.attnum, a.attndims, -1 AS attcacheoff,
    CASE WHEN redshift_catalog.shown_oid(a.atttypid) = 6551 THEN a.bytes + 4 ELSE a.atttypmod END AS atttypmod, a.attbyval, a.attstorage, a.attalign, a.attnotnull, a.column_default IS NOT NULL AS atthasdef,
    false AS attisdropped, true AS attislocal, 0 AS attinhcount, a.distkey AS attisdistkey, a.sortkey AS attsortkeyord, 0 AS attencodingtype, a.attacl, 0::oid AS attcollation, ''::"char" AS attidentity, NULL::text[] AS attoptions
  FROM redshift_catalog.shown_attribute a
  UNION ALL
  SELECT a.attrelid, a.attname, a.atttypid, -1, a.attlen, a.attnum, a.attndims, -1, a.atttypmod, a.attbyval, a.attstorage, a.attalign, a.attnotnull, a.atthasdef, a.attisdropped, true, 0, false, 0, 0, a.attacl, 0, '', NULL
  FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname IN ('pg_catalog', 'information_schema') AND redshift_catalog.of_old(c.relname) AND a.attnum > 0 AND NOT a.attisdropped;
CREATE OR REPLACE VIEW redshift_catalog.pg_attribute_info AS SELECT * FROM redshift_catalog.pg_attribute;
CREATE OR REPLACE VIEW redshift_catalog.pg_class_info AS SELECT * FROM redshift_catalog.pg_class;
CREATE OR REPLACE VIEW redshift_catalog.pg_attrdef AS
  SELECT d.oid, d.adrelid, d.adnum, a.column_default AS adbin, a.column_default AS adsrc FROM pg_catalog.pg_attrdef d JOIN redshift_catalog.shown_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum;
CREATE OR REPLACE VIEW redshift_catalog.pg_type AS
  SELECT t.oid, t.typname, t.typnamespace, t.typowner, t.typlen, t.typbyval, t.typtype, t.typisdefined, t.typdelim, t.typrelid, t.typelem, t.typarray, t.typalign, t.typstorage, t.typnotnull, t.typbasetype, t.typtypmod, t.typndims, t.typdefault, 0::oid AS typcollation
  FROM pg_catalog.pg_type t WHERE t.typname IN ('bool', 'int2', 'int4', 'int8', 'float4', 'float8', 'numeric', 'bpchar', 'varchar', 'text', 'date', 'time', 'timetz', 'timestamp', 'timestamptz', 'interval', 'name', 'oid', 'xid', 'char', 'unknown', 'regclass', 'aclitem',
    '_bool', '_int2', '_int4', '_int8', '_float4', '_float8', '_numeric', '_bpchar', '_varchar', '_text', '_date', '_timestamp', '_timestamptz', '_name', '_oid', '_char')
    AND t.typnamespace = 'pg_catalog'::regnamespace
  UNION ALL
  SELECT n.oid, n.typname, 'pg_catalog'::regnamespace, 10, -1, false, 'b', true, ',', 0, 0, 0, 'i', 'x', false, 0, -1, 0, NULL, 0
  FROM (VALUES (4000::oid, 'super'::name), (6551, 'varbyte'), (3000, 'geometry'), (3001, 'geography')) n(oid, typname);
CREATE OR REPLACE VIEW redshift_catalog.pg_description AS SELECT objoid, classoid, objsubid, description FROM pg_catalog.pg_description WHERE objoid IN (SELECT oid FROM redshift_catalog.shown_class);
CREATE OR REPLACE VIEW redshift_catalog.pg_constraint AS
  SELECT k.relation AS oid, k.name::name AS conname, c.relnamespace AS connamespace, k.kind::"char" AS contype, false AS condeferrable, false AS condeferred, k.relation AS conrelid, 0::oid AS contypid,
    coalesce(k.referenced, 0) AS confrelid, ' '::"char" AS confupdtype, ' '::"char" AS confdeltype, ' '::"char" AS confmatchtype, k.columns::smallint[] AS conkey, k.referenced_columns::smallint[] AS confkey,
    NULL::text AS consrc
  FROM redshift_catalog.key k JOIN redshift_catalog.shown_class c ON c.oid = k.relation;
CREATE OR REPLACE VIEW redshift_catalog.pg_index AS
  SELECT NULL::oid AS indexrelid, NULL::oid AS indrelid, NULL::smallint[] AS indkey, NULL::boolean AS indisunique, NULL::boolean AS indisprimary, NULL::boolean AS indisclustered, NULL::int AS indnatts WHERE false;
CREATE OR REPLACE VIEW redshift_catalog.pg_proc AS
  SELECT oid, proname, pronamespace, proowner, prolang, false AS proisagg, false AS proiswindow, prosecdef, proisstrict, proretset, provolatile, pronargs, prorettype, proargtypes, proargnames, prosrc, proacl
  FROM pg_catalog.pg_proc WHERE false;
CREATE OR REPLACE VIEW redshift_catalog.pg_proc_info AS SELECT oid AS prooid, * FROM redshift_catalog.pg_proc;
CREATE OR REPLACE VIEW redshift_catalog.pg_trigger AS SELECT NULL::oid AS oid, NULL::oid AS tgrelid, NULL::name AS tgname, NULL::boolean AS tgisinternal, NULL::"char" AS tgenabled, NULL::oid AS tgconstraint, NULL::text AS tgargs WHERE false;
CREATE OR REPLACE VIEW redshift_catalog.pg_rewrite AS SELECT oid, rulename, ev_class, ev_type, is_instead FROM pg_catalog.pg_rewrite WHERE ev_class IN (SELECT oid FROM redshift_catalog.shown_class);
CREATE OR REPLACE VIEW redshift_catalog.pg_inherits AS SELECT inhrelid, inhparent, inhseqno FROM pg_catalog.pg_inherits;
CREATE OR REPLACE VIEW redshift_catalog.pg_depend AS SELECT classid, objid, objsubid, refclassid, refobjid, refobjsubid, deptype FROM pg_catalog.pg_depend;
CREATE OR REPLACE VIEW redshift_catalog.pg_tables AS
  SELECT nspname AS schemaname, relname AS tablename, pg_get_userbyid(relowner) AS tableowner, NULL::name AS tablespace, false AS hasindexes, false AS hasrules, false AS hastriggers FROM redshift_catalog.shown_class WHERE relkind = 'r';
CREATE OR REPLACE VIEW redshift_catalog.pg_views AS
  SELECT nspname AS schemaname, relname AS viewname, pg_get_userbyid(relowner) AS viewowner,
    CASE WHEN late IS NOT NULL THEN 'create view ' || quote_ident(nspname) || '.' || quote_ident(relname) || ' as ' || late || ' with no schema binding;' ELSE pg_get_viewdef(oid) END AS definition
  FROM redshift_catalog.shown_class WHERE relkind IN ('v', 'm');
CREATE OR REPLACE VIEW redshift_catalog.information_schema_views AS
  SELECT current_database()::varchar AS table_catalog, schemaname::varchar AS table_schema, viewname::varchar AS table_name, definition::varchar AS view_definition, 'NONE'::varchar AS check_option, 'NO'::varchar AS is_updatable, 'NO'::varchar AS is_insertable_into
  FROM redshift_catalog.pg_views;
CREATE OR REPLACE VIEW redshift_catalog.information_schema_table_constraints AS
  SELECT current_database()::varchar AS constraint_catalog, c.nspname::varchar AS constraint_schema, k.name::varchar AS constraint_name, current_database()::varchar AS table_catalog, c.nspname::varchar AS table_schema, c.relname::varchar AS table_name,
    CASE k.kind WHEN 'p' THEN 'PRIMARY KEY' WHEN 'u' THEN 'UNIQUE' ELSE 'FOREIGN KEY' END::varchar AS constraint_type, 'NO'::varchar AS is_deferrable, 'NO'::varchar AS initially_deferred
  FROM redshift_catalog.key k JOIN redshift_catalog.shown_class c ON c.oid = k.relation;
CREATE OR REPLACE VIEW redshift_catalog.information_schema_key_column_usage AS
  SELECT current_database()::varchar AS constraint_catalog, c.nspname::varchar AS constraint_schema, k.name::varchar AS constraint_name, current_database()::varchar AS table_catalog, c.nspname::varchar AS table_schema, c.relname::varchar AS table_name,
    a.attname::varchar AS column_name, u.n::int AS ordinal_position
  FROM redshift_catalog.key k JOIN redshift_catalog.shown_class c ON c.oid = k.relation, LATERAL unnest(k.columns) WITH ORDINALITY u(attnum, n) JOIN pg_catalog.pg_attribute a ON a.attnum = u.attnum WHERE a.attrelid = k.relation;
CREATE OR REPLACE VIEW redshift_catalog.pg_roles AS
  SELECT oid, rolname, rolsuper, true AS rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, false AS rolreplication, rolconnlimit, rolvaliduntil FROM pg_catalog.pg_roles WHERE rolcanlogin AND oid <> 10;
CREATE OR REPLACE VIEW redshift_catalog.pg_auth_members AS SELECT roleid, member, admin_option FROM pg_catalog.pg_auth_members;
CREATE OR REPLACE VIEW redshift_catalog.pg_settings AS SELECT name, CASE name WHEN 'search_path' THEN redshift_catalog.shown_setting(name) WHEN 'server_version' THEN '8.0.2' ELSE setting END AS setting, short_desc FROM pg_catalog.pg_settings WHERE name IN ('max_index_keys', 'server_version', 'search_path', 'TimeZone', 'DateStyle', 'statement_timeout', 'client_encoding', 'application_name');
CREATE OR REPLACE VIEW redshift_catalog.pg_tablespace AS SELECT oid, spcname, spcowner FROM pg_catalog.pg_tablespace;
CREATE OR REPLACE VIEW redshift_catalog.pg_am AS SELECT oid, amname FROM pg_catalog.pg_am WHERE false;
CREATE OR REPLACE VIEW redshift_catalog.pg_collation AS SELECT oid, collname, collnamespace FROM pg_catalog.pg_collation WHERE false;
CREATE OR REPLACE VIEW redshift_catalog.pg_language AS SELECT oid, lanname FROM pg_catalog.pg_language WHERE lanname IN ('internal', 'c', 'sql', 'plpgsql');

-- the statement that would make a table: https://docs.aws.amazon.com/redshift/latest/dg/r_SHOW_TABLE.html
CREATE OR REPLACE FUNCTION redshift_catalog.table_ddl(rel oid) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT 'CREATE TABLE ' || quote_ident(c.nspname) || '.' || quote_ident(c.relname) || E' (\n'
    || (SELECT string_agg('    ' || quote_ident(a.attname) || ' ' || a.type || CASE WHEN a.identity IS NOT NULL THEN ' ' || a.identity WHEN a.column_default IS NOT NULL THEN ' DEFAULT ' || a.column_default ELSE '' END
        || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END || ' ENCODE ' || CASE a.encoding WHEN 'none' THEN 'raw' ELSE a.encoding END || CASE WHEN a.distkey THEN ' distkey' ELSE '' END, E',\n' ORDER BY a.attnum)
      FROM redshift_catalog.shown_attribute a WHERE a.attrelid = c.oid)
    || coalesce((SELECT string_agg(E',\n    ' || CASE k.kind WHEN 'p' THEN 'PRIMARY KEY ' WHEN 'u' THEN 'UNIQUE ' ELSE 'FOREIGN KEY ' END
        || '(' || (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY u.n) FROM unnest(k.columns) WITH ORDINALITY u(n2, n) JOIN pg_attribute a ON a.attrelid = k.relation AND a.attnum = u.n2) || ')'
        || CASE WHEN k.kind = 'f' THEN ' REFERENCES ' || k.referenced::regclass || '(' || (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY u.n) FROM unnest(k.referenced_columns) WITH ORDINALITY u(n2, n) JOIN pg_attribute a ON a.attrelid = k.referenced AND a.attnum = u.n2) || ')' ELSE '' END, '' ORDER BY k.kind, k.name)
      FROM redshift_catalog.key k WHERE k.relation = c.oid), '')
    || E'\n)\nDISTSTYLE ' || c.diststyle
    || coalesce((SELECT E'\n' || CASE c.sortstyle WHEN 'INTERLEAVED' THEN 'INTERLEAVED ' ELSE '' END || 'SORTKEY ( ' || string_agg(quote_ident(a.attname), ', ' ORDER BY abs(a.sortkey)) || ' )'
      FROM redshift_catalog.shown_attribute a WHERE a.attrelid = c.oid AND a.sortkey <> 0 HAVING count(*) > 0), '') || ';'
  FROM redshift_catalog.shown_class c WHERE c.oid = rel $$;

GRANT USAGE ON SCHEMA redshift_catalog TO PUBLIC;
GRANT SELECT ON ALL TABLES IN SCHEMA redshift_catalog TO PUBLIC;
