-- What COPY leaves behind.
CREATE TABLE IF NOT EXISTS redshift_catalog.load_error (
  userid int, slice int, tbl int, starttime timestamp, session int, query int, filename text, line_number bigint,
  colname text, type text, col_length text, position int, raw_line text, raw_field_value text, err_code int, err_reason text);
CREATE TABLE IF NOT EXISTS redshift_catalog.load_commit (
  userid int, query int, slice int, filename text, lines_scanned bigint, curtime timestamp);

-- Rows of these are seen by who made them, and by superusers.
-- https://docs.aws.amazon.com/redshift/latest/dg/cm_chap_system-tables.html
CREATE OR REPLACE FUNCTION redshift_catalog.sees(userid int) RETURNS boolean LANGUAGE sql STABLE
  AS $$ SELECT EXISTS (SELECT FROM pg_catalog.pg_user u WHERE u.usename = current_user AND (u.usesuper OR u.usesysid = userid::oid)) $$;
CREATE OR REPLACE FUNCTION redshift_catalog.padded(value text, bytes int) RETURNS bpchar LANGUAGE sql IMMUTABLE
  AS $$ SELECT rpad(value, bytes)::bpchar $$;

-- https://docs.aws.amazon.com/redshift/latest/dg/r_STL_LOAD_ERRORS.html
CREATE OR REPLACE VIEW redshift_catalog.stl_load_errors AS
  SELECT userid, slice, tbl, starttime, session, query, redshift_catalog.padded(filename, 256) AS filename, line_number,
         redshift_catalog.padded(colname, 127) AS colname, redshift_catalog.padded(type, 10) AS type,
         redshift_catalog.padded(col_length, 10) AS col_length, position, redshift_catalog.padded(raw_line, 1024) AS raw_line,
         redshift_catalog.padded(raw_field_value, 1024) AS raw_field_value, err_code, redshift_catalog.padded(err_reason, 100) AS err_reason,
         0 AS is_partial, 0 AS start_offset, 0::bigint AS copy_job_id
  FROM redshift_catalog.load_error WHERE redshift_catalog.sees(userid);
-- https://docs.aws.amazon.com/redshift/latest/dg/SYS_LOAD_ERROR_DETAIL.html
CREATE OR REPLACE VIEW redshift_catalog.sys_load_error_detail AS
  SELECT userid AS user_id, query::bigint AS query_id, NULL::bigint AS transaction_id, session AS session_id,
         redshift_catalog.padded(current_database()::text, 64) AS database_name, tbl AS table_id, starttime AS start_time,
         redshift_catalog.padded(filename, 256) AS file_name, line_number, redshift_catalog.padded(colname, 127) AS column_name,
         redshift_catalog.padded(type, 10) AS column_type, redshift_catalog.padded(col_length, 10) AS column_length, position,
         err_code AS error_code, redshift_catalog.padded(err_reason, 512) AS error_message
  FROM redshift_catalog.load_error WHERE redshift_catalog.sees(userid);
-- https://docs.aws.amazon.com/redshift/latest/dg/r_STL_LOAD_COMMITS.html
CREATE OR REPLACE VIEW redshift_catalog.stl_load_commits AS
  SELECT userid, query, slice, redshift_catalog.padded('', 256) AS name, redshift_catalog.padded(filename, 256) AS filename, 0 AS byte_offset,
         lines_scanned, 0 AS errors, curtime, 1 AS status, redshift_catalog.padded('', 16) AS file_format, 0 AS is_partial, 0 AS start_offset
  FROM redshift_catalog.load_commit WHERE redshift_catalog.sees(userid);

-- https://docs.aws.amazon.com/redshift/latest/dg/PG_LAST_COPY_COUNT.html
CREATE OR REPLACE FUNCTION redshift_catalog.pg_last_copy_count() RETURNS bigint LANGUAGE sql STABLE
  AS $$ SELECT coalesce(nullif(current_setting('redshift.copied', true), ''), '0')::bigint $$;
-- https://docs.aws.amazon.com/redshift/latest/dg/PG_LAST_COPY_ID.html
CREATE OR REPLACE FUNCTION redshift_catalog.pg_last_copy_id() RETURNS int LANGUAGE sql STABLE
  AS $$ SELECT coalesce(nullif(current_setting('redshift.copy', true), ''), '-1')::int $$;
