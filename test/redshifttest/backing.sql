CREATE SCHEMA IF NOT EXISTS redshift_catalog;
DO $$ BEGIN
  IF to_regtype('redshift_catalog.super') IS NULL THEN CREATE DOMAIN redshift_catalog.super AS jsonb; END IF;
END $$;
CREATE OR REPLACE FUNCTION redshift_catalog.fault(code text, message text) RETURNS int LANGUAGE plpgsql
  AS $$ BEGIN RAISE EXCEPTION USING ERRCODE = code, MESSAGE = message; END $$;

CREATE OR REPLACE FUNCTION redshift_catalog.datediff(part text, a timestamp, b timestamp) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE part
    WHEN 'year' THEN extract(year FROM b) - extract(year FROM a)
    WHEN 'quarter' THEN (extract(year FROM b) - extract(year FROM a)) * 4 + extract(quarter FROM b) - extract(quarter FROM a)
    WHEN 'month' THEN (extract(year FROM b) - extract(year FROM a)) * 12 + extract(month FROM b) - extract(month FROM a)
    WHEN 'week' THEN extract(epoch FROM date_trunc('week', b) - date_trunc('week', a)) / 604800
    WHEN 'day' THEN extract(epoch FROM date_trunc('day', b) - date_trunc('day', a)) / 86400
    WHEN 'hour' THEN extract(epoch FROM date_trunc('hour', b) - date_trunc('hour', a)) / 3600
    WHEN 'minute' THEN extract(epoch FROM date_trunc('minute', b) - date_trunc('minute', a)) / 60
    WHEN 'second' THEN extract(epoch FROM date_trunc('second', b) - date_trunc('second', a))
    WHEN 'millisecond' THEN extract(epoch FROM b - a) * 1000
    ELSE extract(epoch FROM b - a) * 1000000 END::bigint $$;

CREATE OR REPLACE VIEW redshift_catalog.svv_columns AS
  SELECT current_database()::text AS table_catalog, n.nspname::text AS table_schema, c.relname::text AS table_name,
         a.attname::text AS column_name, a.attnum::int AS ordinal_position, pg_get_expr(d.adbin, d.adrelid) AS column_default,
         CASE WHEN a.attnotnull THEN 'NO' ELSE 'YES' END AS is_nullable,
         CASE format_type(a.atttypid, NULL) WHEN 'text' THEN 'character varying' WHEN 'bytea' THEN 'binary varying' WHEN 'redshift_catalog.super' THEN 'super' ELSE format_type(a.atttypid, NULL) END AS data_type,
         redshift_catalog.bytes(c.oid, a.attname) AS character_maximum_length,
         CASE WHEN a.atttypid = 1700 THEN ((a.atttypmod - 4) >> 16) & 65535 END AS numeric_precision,
         CASE WHEN a.atttypid = 1700 THEN (a.atttypmod - 4) & 65535 END AS numeric_scale, NULL::text AS remarks
  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
  WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'v')
    AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'redshift_catalog') AND n.nspname NOT LIKE 'pg_toast%';
CREATE OR REPLACE VIEW redshift_catalog.information_schema_columns AS SELECT * FROM redshift_catalog.svv_columns;
CREATE OR REPLACE VIEW redshift_catalog.svv_redshift_columns AS
  SELECT table_catalog AS database_name, table_schema AS schema_name, table_name, column_name, ordinal_position, data_type,
         column_default, is_nullable, ''::text AS encoding, false AS distkey, 0 AS sortkey, ''::text AS column_acl, remarks
  FROM redshift_catalog.svv_columns;
CREATE OR REPLACE VIEW redshift_catalog.svv_tables AS
  SELECT current_database()::text AS table_catalog, n.nspname::text AS table_schema, c.relname::text AS table_name,
         CASE c.relkind WHEN 'v' THEN 'VIEW' ELSE 'BASE TABLE' END AS table_type, NULL::text AS remarks
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'v') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'redshift_catalog') AND n.nspname NOT LIKE 'pg_toast%';
CREATE OR REPLACE VIEW redshift_catalog.information_schema_tables AS SELECT * FROM redshift_catalog.svv_tables;
CREATE OR REPLACE VIEW redshift_catalog.pg_table_def AS
  SELECT table_schema AS schemaname, table_name AS tablename, column_name AS "column", data_type AS type, 'none'::text AS encoding,
         false AS distkey, 0 AS sortkey, is_nullable = 'NO' AS "notnull"
  FROM redshift_catalog.svv_columns WHERE table_schema = ANY (current_schemas(false));
CREATE OR REPLACE VIEW redshift_catalog.svv_table_info AS
  SELECT current_database()::text AS database, n.nspname::text AS schema, c.oid::int AS table_id, c.relname::text AS "table",
         greatest(c.reltuples, 0)::numeric AS tbl_rows, greatest(c.reltuples, 0)::numeric AS estimated_visible_rows, c.relpages AS size
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind = 'r' AND c.reltuples > 0 AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'redshift_catalog');
CREATE OR REPLACE VIEW redshift_catalog.stv_sessions AS
  SELECT backend_start AS starttime, pid AS process, usename::text AS user_name, datname::text AS db_name, 0 AS timeout_sec
  FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend';
CREATE OR REPLACE VIEW redshift_catalog.stl_connection_log AS
  SELECT 'initiating session'::text AS event, backend_start AS recordtime, host(client_addr) AS remotehost, client_port::text AS remoteport,
         pid, datname::text AS dbname, usename::text AS username, 'password'::text AS authmethod, 0 AS duration, application_name::text AS application_name
  FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend';
CREATE OR REPLACE VIEW redshift_catalog.sys_connection_log AS
  SELECT event, recordtime AS record_time, remotehost AS remote_host, remoteport AS remote_port, pid AS session_id, dbname AS database_name,
         username AS user_name, authmethod AS auth_method, duration, application_name FROM redshift_catalog.stl_connection_log;
CREATE OR REPLACE VIEW redshift_catalog.stv_locks AS
  SELECT l.relation::int AS table_id, a.xact_start AS last_update, NULL::timestamptz AS last_commit, l.transactionid AS lock_owner,
         l.pid AS lock_owner_pid, CASE WHEN l.granted THEN 'Holding write lock' ELSE 'Waiting for write lock' END AS lock_status
  FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
  WHERE l.locktype = 'relation' AND l.mode IN ('AccessExclusiveLock', 'RowExclusiveLock') AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database());
CREATE OR REPLACE VIEW redshift_catalog.svv_transactions AS
  SELECT a.usename::text AS txn_owner, a.datname::text AS txn_db, coalesce(a.backend_xid::text::bigint, 0) AS xid, a.pid, a.xact_start AS txn_start,
         l.mode::text AS lock_mode, l.locktype::text AS lockable_object_type, l.relation::int AS relation, l.granted
  FROM pg_stat_activity a JOIN pg_locks l ON l.pid = a.pid
  WHERE a.datname = current_database() AND a.xact_start IS NOT NULL AND l.locktype = 'relation' AND a.pid <> pg_backend_pid();
CREATE OR REPLACE VIEW redshift_catalog.pg_user AS SELECT usename::text, usesysid::int, usesuper FROM pg_catalog.pg_user;
CREATE OR REPLACE VIEW redshift_catalog.pg_group AS SELECT groname::text, grosysid::int FROM pg_catalog.pg_group;
GRANT USAGE ON SCHEMA redshift_catalog TO PUBLIC;
GRANT SELECT ON ALL TABLES IN SCHEMA redshift_catalog TO PUBLIC;
