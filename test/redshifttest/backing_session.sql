-- The level that the database has: https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_DATABASE.html
-- It is kept as a setting of the database: ALTER DATABASE d SET redshift.isolation TO 'serializable'.
CREATE OR REPLACE FUNCTION redshift_catalog.isolation() RETURNS text LANGUAGE sql STABLE
  AS $$ SELECT coalesce(nullif(current_setting('redshift.isolation', true), ''), 'snapshot') $$;

-- What a session begins with. Who is serializable conflicts by the whole tables that were
-- read, as Redshift has it, not by the rows: PostgreSQL's planner then is to read them.
CREATE OR REPLACE FUNCTION redshift_catalog.begin_session(OUT level text, OUT superuser boolean, OUT timeout_seconds text) LANGUAGE sql AS $$
  SELECT redshift_catalog.isolation(), rolsuper, coalesce(nullif(current_setting('redshift.session_timeout', true), ''), '0')
  FROM pg_roles WHERE rolname = session_user
    AND set_config('default_transaction_isolation',
      CASE redshift_catalog.isolation() WHEN 'serializable' THEN 'serializable' ELSE 'repeatable read' END, false) IS NOT NULL
    AND set_config('plan_cache_mode', 'force_generic_plan', false) IS NOT NULL -- or the stand-in's own statements are planned each time
    AND set_config('enable_indexscan', CASE redshift_catalog.isolation() WHEN 'serializable' THEN 'off' ELSE 'on' END, false) IS NOT NULL
    AND set_config('enable_bitmapscan', CASE redshift_catalog.isolation() WHEN 'serializable' THEN 'off' ELSE 'on' END, false) IS NOT NULL $$;

-- The gate lets a user lock what it may only insert into: through it the role that may
-- write everything can be put on, and by itself it gives nothing.
DO $$ BEGIN
  CREATE ROLE redshift_gate NOLOGIN NOINHERIT;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$;
GRANT pg_write_all_data TO redshift_gate;
