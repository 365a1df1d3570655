CREATE SCHEMA IF NOT EXISTS redshift_catalog;
DO $$ BEGIN
  IF to_regtype('redshift_catalog.super') IS NULL THEN CREATE DOMAIN redshift_catalog.super AS jsonb; END IF;
END $$;
CREATE OR REPLACE FUNCTION redshift_catalog.fault(code text, message text) RETURNS int LANGUAGE plpgsql
  AS $$ BEGIN RAISE EXCEPTION USING ERRCODE = code, MESSAGE = message; END $$;

CREATE OR REPLACE VIEW redshift_catalog.stv_sessions AS
  SELECT backend_start AS starttime, pid AS process, usename::text AS user_name, datname::text AS db_name, 0 AS timeout_sec
  FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend' AND usesysid <> 10;
CREATE OR REPLACE VIEW redshift_catalog.stl_connection_log AS
  SELECT 'initiating session'::text AS event, backend_start AS recordtime, host(client_addr) AS remotehost, client_port::text AS remoteport,
         pid, datname::text AS dbname, usename::text AS username, 'password'::text AS authmethod, 0 AS duration, application_name::text AS application_name
  FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend' AND usesysid <> 10;
CREATE OR REPLACE VIEW redshift_catalog.sys_connection_log AS
  SELECT event, recordtime AS record_time, remotehost AS remote_host, remoteport AS remote_port, pid AS session_id, dbname AS database_name,
         username AS user_name, authmethod AS auth_method, duration, application_name FROM redshift_catalog.stl_connection_log;
-- The locks on tables, but for those on our own catalogue, and those that come with the index of a DISTKEY: the index's own,
-- which nobody else knows as long as its transaction lasts, and what making it takes. index_lock is the first of the advisory locks of who makes one.
CREATE OR REPLACE FUNCTION redshift_catalog.index_lock() RETURNS bigint LANGUAGE sql IMMUTABLE AS $$ SELECT 1::bigint << 62 $$;
CREATE OR REPLACE VIEW redshift_catalog.shown_lock AS
  SELECT l.* FROM pg_locks l LEFT JOIN pg_catalog.pg_class c ON c.oid = l.relation
  WHERE l.locktype = 'relation' AND c.relkind IS DISTINCT FROM 'i' AND c.relnamespace IS DISTINCT FROM 'redshift_catalog'::regnamespace::oid
    AND (c.oid IS NOT NULL AND l.mode NOT IN ('ShareLock', 'ShareUpdateExclusiveLock') OR NOT EXISTS (SELECT FROM pg_locks m
      WHERE m.pid = l.pid AND m.locktype = 'advisory' AND m.classid = (redshift_catalog.index_lock() >> 32)::int::oid));
CREATE OR REPLACE VIEW redshift_catalog.stv_locks AS
  SELECT l.relation::int AS table_id, a.xact_start AS last_update, NULL::timestamptz AS last_commit, l.transactionid AS lock_owner,
         l.pid AS lock_owner_pid, CASE WHEN l.granted THEN 'Holding write lock' ELSE 'Waiting for write lock' END AS lock_status
  FROM redshift_catalog.shown_lock l JOIN pg_stat_activity a ON a.pid = l.pid
  WHERE l.mode IN ('AccessExclusiveLock', 'RowExclusiveLock') AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database());
CREATE OR REPLACE VIEW redshift_catalog.svv_transactions AS
  SELECT a.usename::text AS txn_owner, a.datname::text AS txn_db, coalesce(a.backend_xid::text::bigint, 0) AS xid, a.pid, a.xact_start AS txn_start,
         l.mode::text AS lock_mode, l.locktype::text AS lockable_object_type, l.relation::int AS relation, l.granted
  FROM pg_stat_activity a JOIN redshift_catalog.shown_lock l ON l.pid = a.pid
  WHERE a.datname = current_database() AND a.xact_start IS NOT NULL AND a.pid <> pg_backend_pid();
