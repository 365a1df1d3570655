-- What Redshift knows of tables, views and users beyond PostgreSQL. It is keyed by OID and
-- written in the transaction of the definition, so that it rolls back with it; rows of what
-- was dropped stay until the server starts again.
CREATE TABLE IF NOT EXISTS redshift_catalog.relation (
  relation oid PRIMARY KEY, diststyle text NOT NULL, sortstyle text NOT NULL, backup boolean NOT NULL,
  encode_auto boolean NOT NULL, late text, late_columns jsonb);
CREATE TABLE IF NOT EXISTS redshift_catalog.attribute (
  relation oid, attnum int, declared text, encoding text NOT NULL, distkey boolean NOT NULL, sortkey int NOT NULL,
  identity text, insensitive boolean NOT NULL, PRIMARY KEY (relation, attnum));
CREATE TABLE IF NOT EXISTS redshift_catalog.key (
  relation oid, name text, kind text NOT NULL, columns int[] NOT NULL, referenced oid, referenced_columns int[], PRIMARY KEY (relation, name));
DELETE FROM redshift_catalog.relation r WHERE NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = r.relation);
DELETE FROM redshift_catalog.attribute r WHERE NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = r.relation);
DELETE FROM redshift_catalog.key r WHERE NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = r.relation);

-- letters are one in either case: https://docs.aws.amazon.com/redshift/latest/dg/r_COLLATE.html
CREATE COLLATION IF NOT EXISTS redshift_catalog.case_insensitive (provider = icu, locale = 'und-u-ks-level2', deterministic = false);

CREATE OR REPLACE FUNCTION redshift_catalog.attnum(relation oid, attribute text) RETURNS int LANGUAGE plpgsql STABLE AS $$
DECLARE n int;
BEGIN
  SELECT a.attnum INTO n FROM pg_attribute a WHERE a.attrelid = relation AND a.attname = attribute AND a.attnum > 0 AND NOT a.attisdropped;
  IF n IS NULL THEN RAISE EXCEPTION USING ERRCODE = '42703', MESSAGE = format('column "%s" does not exist', attribute); END IF;
  RETURN n;
END $$;

-- the encoding that a column gets if none was given:
-- https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_TABLE_NEW.html
CREATE OR REPLACE FUNCTION redshift_catalog.default_encoding(typ oid, sorted boolean, temporary boolean) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN sorted OR temporary OR typ IN ('bool'::regtype, 'float4'::regtype, 'float8'::regtype) THEN 'none'
    WHEN typ IN ('varchar'::regtype, 'bpchar'::regtype, 'text'::regtype, 'bytea'::regtype) THEN 'lzo'
    WHEN typ IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'numeric'::regtype, 'date'::regtype, 'time'::regtype, 'timetz'::regtype,
      'timestamp'::regtype, 'timestamptz'::regtype) THEN 'az64'
    ELSE 'none' END $$;

-- writes one column; what is NULL in c is a default
CREATE OR REPLACE FUNCTION redshift_catalog.remember_column(rel oid, c jsonb) RETURNS void LANGUAGE sql SECURITY DEFINER AS $$
  INSERT INTO redshift_catalog.attribute
  SELECT rel, a.attnum, c->>'type', coalesce(c->>'encoding', redshift_catalog.default_encoding(a.atttypid, (c->>'sortkey')::int <> 0, p.relpersistence = 't')),
    coalesce((c->>'distkey')::boolean, false), coalesce((c->>'sortkey')::int, 0), c->>'identity', coalesce((c->>'insensitive')::boolean, false)
  FROM pg_attribute a JOIN pg_class p ON p.oid = a.attrelid WHERE a.attrelid = rel AND a.attnum = redshift_catalog.attnum(rel, c->>'name') $$;

CREATE OR REPLACE FUNCTION redshift_catalog.remember_key(rel oid, k jsonb) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE own int[]; theirs int[]; base text; called text; n int := 0; other oid := (k->>'references')::oid;
BEGIN
  SELECT array_agg(redshift_catalog.attnum(rel, c)) INTO own FROM jsonb_array_elements_text(k->'columns') c;
  IF k->>'kind' = 'p' AND EXISTS (SELECT FROM redshift_catalog.key WHERE relation = rel AND kind = 'p') THEN
    RAISE EXCEPTION USING ERRCODE = '42P16', MESSAGE = format('multiple primary keys for table "%s" are not allowed', (SELECT relname FROM pg_class WHERE oid = rel));
  END IF;
  IF k->>'kind' = 'f' THEN
    SELECT array_agg(redshift_catalog.attnum(other, c)) INTO theirs FROM jsonb_array_elements_text(k->'referenced') c;
    SELECT columns INTO theirs FROM redshift_catalog.key WHERE relation = other AND (theirs IS NULL AND kind = 'p' OR kind IN ('p', 'u') AND columns @> theirs AND columns <@ theirs);
    IF theirs IS NULL THEN
      RAISE EXCEPTION USING ERRCODE = '42830', MESSAGE = format('there is no unique constraint matching given keys for referenced table "%s"', (SELECT relname FROM pg_class WHERE oid = other));
    END IF;
  END IF;
  base := (SELECT relname FROM pg_class WHERE oid = rel) || CASE k->>'kind' WHEN 'p' THEN '_pkey'
    WHEN 'u' THEN '_' || (k->'columns'->>0) || '_key' ELSE '_' || (k->'columns'->>0) || '_fkey' END;
  called := coalesce(k->>'name', base);
  WHILE k->>'name' IS NULL AND EXISTS (SELECT FROM redshift_catalog.key WHERE relation = rel AND name = called) LOOP
    n := n + 1; called := base || n;
  END LOOP;
  IF EXISTS (SELECT FROM redshift_catalog.key WHERE relation = rel AND name = called) THEN
    RAISE EXCEPTION USING ERRCODE = '42710', MESSAGE = format('constraint "%s" for relation "%s" already exists', called, (SELECT relname FROM pg_class WHERE oid = rel));
  END IF;
  INSERT INTO redshift_catalog.key VALUES (rel, called, k->>'kind', own, other, theirs);
END $$;

-- writes a table or view that was made; one that was there already (IF NOT EXISTS) keeps what it has
CREATE OR REPLACE FUNCTION redshift_catalog.remember(rel oid, d jsonb) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  INSERT INTO redshift_catalog.relation VALUES (rel, d->>'diststyle', d->>'sortstyle', (d->>'backup')::boolean, (d->>'encodeauto')::boolean, d->>'late', d->'latecolumns')
    ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN RETURN false; END IF;
  PERFORM redshift_catalog.remember_column(rel, c) FROM jsonb_array_elements(coalesce(nullif(d->'columns', 'null'), '[]')) c;
  PERFORM redshift_catalog.inherit(rel, l::oid) FROM jsonb_array_elements_text(coalesce(nullif(d->'likes', 'null'), '[]')) l;
  PERFORM redshift_catalog.remember_key(rel, k) FROM jsonb_array_elements(coalesce(nullif(d->'keys', 'null'), '[]')) k;
  RETURN true;
END $$;

-- LIKE: https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_TABLE_NEW.html
CREATE OR REPLACE FUNCTION redshift_catalog.inherit(rel oid, parent oid) RETURNS void LANGUAGE sql SECURITY DEFINER AS $$
  UPDATE redshift_catalog.relation r SET diststyle = p.diststyle, sortstyle = p.sortstyle, backup = p.backup, encode_auto = p.encode_auto
    FROM redshift_catalog.relation p WHERE r.relation = rel AND p.relation = parent;
  INSERT INTO redshift_catalog.attribute
    SELECT rel, a.attnum, p.declared, p.encoding, p.distkey, p.sortkey, NULL, p.insensitive
    FROM redshift_catalog.attribute p JOIN pg_attribute o ON o.attrelid = parent AND o.attnum = p.attnum AND NOT o.attisdropped
    JOIN pg_attribute a ON a.attrelid = rel AND a.attname = o.attname WHERE p.relation = parent $$;

-- changes of one row, by the names of its columns
CREATE OR REPLACE FUNCTION redshift_catalog.amend(rel oid, d jsonb) RETURNS void LANGUAGE sql SECURITY DEFINER AS $$
  UPDATE redshift_catalog.relation r SET diststyle = coalesce(d->>'diststyle', r.diststyle), sortstyle = coalesce(d->>'sortstyle', r.sortstyle),
    encode_auto = coalesce((d->>'encodeauto')::boolean, r.encode_auto) WHERE r.relation = rel $$;
CREATE OR REPLACE FUNCTION redshift_catalog.amend_column(rel oid, column_name text, d jsonb) RETURNS void LANGUAGE sql SECURITY DEFINER AS $$
  UPDATE redshift_catalog.attribute a SET declared = coalesce(d->>'type', a.declared), encoding = coalesce(d->>'encoding', a.encoding)
  WHERE a.relation = rel AND a.attnum = redshift_catalog.attnum(rel, column_name) $$;
CREATE OR REPLACE FUNCTION redshift_catalog.distribute(rel oid, by text) RETURNS void LANGUAGE sql SECURITY DEFINER AS $$
  UPDATE redshift_catalog.attribute a SET distkey = by IS NOT NULL AND a.attnum = redshift_catalog.attnum(rel, by) WHERE a.relation = rel $$;
CREATE OR REPLACE FUNCTION redshift_catalog.sort(rel oid, columns text[]) RETURNS void LANGUAGE sql SECURITY DEFINER AS $$
  UPDATE redshift_catalog.attribute a SET sortkey = coalesce(k.n, 0), encoding = CASE WHEN k.n > 0 THEN 'none' ELSE a.encoding END
  FROM pg_attribute p LEFT JOIN unnest(columns) WITH ORDINALITY k(name, n) ON k.name = p.attname
  WHERE a.relation = rel AND p.attrelid = rel AND p.attnum = a.attnum $$;
CREATE OR REPLACE FUNCTION redshift_catalog.forget_key(rel oid, key_name text, more boolean) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE users text;
BEGIN
  SELECT string_agg(f.name, ', ') INTO users FROM redshift_catalog.key f JOIN redshift_catalog.key k ON k.relation = f.referenced AND k.columns = f.referenced_columns
    JOIN pg_class c ON c.oid = f.relation WHERE k.relation = rel AND k.name = key_name AND f.kind = 'f';
  IF users IS NOT NULL AND NOT more THEN
    RAISE EXCEPTION USING ERRCODE = '2BP01', MESSAGE = format('cannot drop constraint %s on table %s because other objects depend on it', key_name, rel::regclass);
  END IF;
  DELETE FROM redshift_catalog.key f USING redshift_catalog.key k WHERE k.relation = rel AND k.name = key_name AND f.referenced = rel AND f.referenced_columns = k.columns;
  DELETE FROM redshift_catalog.key WHERE relation = rel AND name = key_name;
  RETURN FOUND;
END $$;

-- foreign keys of other tables that hold a table: DROP is refused without CASCADE, which drops them
CREATE OR REPLACE FUNCTION redshift_catalog.release(dropped oid[], more boolean) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE held oid;
BEGIN
  SELECT k.referenced INTO held FROM redshift_catalog.key k JOIN pg_class c ON c.oid = k.relation
    WHERE k.referenced = ANY (dropped) AND k.relation <> ALL (dropped) LIMIT 1;
  IF held IS NOT NULL AND NOT more THEN
    RAISE EXCEPTION USING ERRCODE = '2BP01', MESSAGE = format('cannot drop table %s because other objects depend on it', held::regclass);
  END IF;
  DELETE FROM redshift_catalog.key WHERE referenced = ANY (dropped);
END $$;

-- The index of a DISTKEY: sought is a table that is to have one, since its rows are sought by those columns for the rows
-- of other tables. From 8 MB on, reading all of it takes longer than all else of a statement does.
CREATE OR REPLACE FUNCTION redshift_catalog.sought(called text, columns text[]) RETURNS oid LANGUAGE sql STABLE AS $$
  SELECT c.oid FROM pg_class c JOIN redshift_catalog.attribute r ON r.relation = c.oid AND r.distkey
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = r.attnum AND a.attname = ANY (columns)
  WHERE c.oid = to_regclass(called) AND c.relkind = 'r' AND c.relpersistence = 'p' AND pg_relation_size(c.oid) > 8 << 20
    AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indkey[0] = a.attnum) $$;
-- It is analyzed, too, or the planner would not know that few rows have one value. The session's lock tells
-- shown_lock that it makes an index. What is there by its name was made by somebody whom the snapshot does not see.
CREATE OR REPLACE FUNCTION redshift_catalog.find_by_distkey(rel oid) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET client_min_messages = warning AS $$
DECLARE col pg_attribute;
BEGIN
  SELECT a.* INTO STRICT col FROM pg_attribute a JOIN redshift_catalog.attribute r ON r.relation = a.attrelid AND r.attnum = a.attnum AND r.distkey WHERE a.attrelid = rel;
  PERFORM pg_advisory_xact_lock_shared(redshift_catalog.index_lock() + rel::bigint);
  EXECUTE format('CREATE INDEX IF NOT EXISTS %I ON %s USING hash (%I)', 'distkey ' || rel || ' ' || col.attnum, rel::regclass, col.attname);
  EXECUTE format('ANALYZE %s (%I)', rel::regclass, col.attname);
END $$;

-- a view that is bound late: what stands for it in PostgreSQL, and what is read in its place
CREATE OR REPLACE FUNCTION redshift_catalog.unread() RETURNS SETOF int LANGUAGE plpgsql STABLE AS $$
BEGIN
  RAISE EXCEPTION USING ERRCODE = '0A000', MESSAGE = '[stand-in] a late-binding view is read by SELECT, INSERT, UPDATE, DELETE and EXPLAIN only';
END $$;
CREATE OR REPLACE FUNCTION redshift_catalog.open_late(rel oid, query text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE called text := 'pg_temp.' || quote_ident('rs late ' || rel);
BEGIN
  EXECUTE 'CREATE VIEW ' || called || ' AS ' || query;
  EXECUTE format('ALTER VIEW %s OWNER TO %I', called, (SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = rel));
  EXECUTE 'GRANT SELECT ON ' || called || ' TO PUBLIC';
END $$;
CREATE OR REPLACE FUNCTION redshift_catalog.shut_late(called text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN EXECUTE 'DROP VIEW ' || called; END $$;
CREATE OR REPLACE FUNCTION redshift_catalog.rewrite(rel oid, query text, columns jsonb) RETURNS void LANGUAGE sql SECURITY DEFINER AS $$
  UPDATE redshift_catalog.relation SET late = query, late_columns = columns WHERE relation = rel $$;

CREATE OR REPLACE FUNCTION redshift_catalog.rename_check(rel oid, old text, new text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  IF EXISTS (SELECT FROM pg_constraint WHERE conrelid = rel AND conname = old) THEN
    EXECUTE format('ALTER TABLE %s RENAME CONSTRAINT %I TO %I', rel::regclass, old, new);
  END IF;
END $$;

-- rights beyond PostgreSQL's: DROP and ALTER on tables
CREATE TABLE IF NOT EXISTS redshift_catalog.masking (policy text, schema text, relation text, grantor text, grantee text, grantee_type text, priority int, input text, output text);
CREATE TABLE IF NOT EXISTS redshift_catalog.privilege (relation oid, grantee text, kind text, privilege text, PRIMARY KEY (relation, grantee, privilege));
DELETE FROM redshift_catalog.privilege p WHERE NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = p.relation);
CREATE OR REPLACE FUNCTION redshift_catalog.granted_all(relations oid[], what text) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT cardinality(relations) > 0 AND NOT EXISTS (SELECT FROM unnest(relations) r WHERE NOT EXISTS (SELECT FROM redshift_catalog.privilege p
    WHERE p.relation = r AND p.privilege = what AND (p.grantee = 'PUBLIC' OR EXISTS (SELECT FROM pg_roles o WHERE o.rolname = p.grantee AND pg_has_role(o.oid, 'MEMBER'))))) $$;
CREATE OR REPLACE FUNCTION redshift_catalog.run_definition(sql text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN EXECUTE sql; END $$;

CREATE OR REPLACE FUNCTION redshift_catalog.note_right(giver name, rel oid, who text, what text, given boolean) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  IF NOT pg_has_role(giver, (SELECT relowner FROM pg_class WHERE oid = rel), 'MEMBER') THEN
    RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = format('must be owner of relation %s', (SELECT relname FROM pg_class WHERE oid = rel));
  END IF;
  IF who <> 'PUBLIC' AND NOT EXISTS (SELECT FROM pg_roles WHERE rolname = who) THEN
    RAISE EXCEPTION USING ERRCODE = '42704', MESSAGE = format('user "%s" does not exist', who);
  END IF;
  DELETE FROM redshift_catalog.privilege WHERE relation = rel AND grantee = who AND privilege = what;
  IF given THEN INSERT INTO redshift_catalog.privilege VALUES (rel, who, 'table', what); END IF;
END $$;
CREATE OR REPLACE FUNCTION redshift_catalog.only_superuser(who name) RETURNS void LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = who) THEN RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = 'must be superuser'; END IF;
END $$;

-- At the first start: all may make tables in public, and use all roles of AWS.
-- https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_USER.html
-- ASSUMEROLE is PUBLIC's for all roles until it is taken away:
-- https://docs.aws.amazon.com/redshift/latest/dg/r_GRANT-usage-notes.html
CREATE TABLE IF NOT EXISTS redshift_catalog.assumption (arn text, grantee text, purpose text, PRIMARY KEY (arn, grantee, purpose));
DO $$ BEGIN
  IF to_regclass('redshift_catalog.started') IS NULL THEN
    CREATE TABLE redshift_catalog.started (at timestamptz);
    INSERT INTO redshift_catalog.assumption VALUES ('ALL', 'PUBLIC', 'ALL');
    GRANT CREATE ON SCHEMA public TO PUBLIC;
  END IF;
END $$;
CREATE OR REPLACE FUNCTION redshift_catalog.note_assumption(of_arn text, who text, what text, given boolean) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  IF who <> 'PUBLIC' AND NOT EXISTS (SELECT FROM pg_roles WHERE rolname = who) THEN
    RAISE EXCEPTION USING ERRCODE = '42704', MESSAGE = format('user "%s" does not exist', who);
  END IF;
  IF given THEN
    INSERT INTO redshift_catalog.assumption VALUES (of_arn, who, what) ON CONFLICT DO NOTHING;
  ELSE
    DELETE FROM redshift_catalog.assumption a WHERE a.grantee = who AND (of_arn = 'ALL' OR a.arn = of_arn) AND (what = 'ALL' OR a.purpose = what);
  END IF;
END $$;
CREATE OR REPLACE FUNCTION redshift_catalog.may_assume(of_arn text, what text) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) OR EXISTS (SELECT FROM redshift_catalog.assumption a
    WHERE a.arn IN (of_arn, 'ALL') AND a.purpose IN (what, 'ALL')
      AND (a.grantee = 'PUBLIC' OR EXISTS (SELECT FROM pg_roles o WHERE o.rolname = a.grantee AND pg_has_role(o.oid, 'MEMBER')))) $$;
CREATE OR REPLACE FUNCTION redshift_catalog.regrant(who text, other text) RETURNS void LANGUAGE sql SECURITY DEFINER AS $$
  DELETE FROM redshift_catalog.privilege WHERE grantee = who AND other IS NULL;
  DELETE FROM redshift_catalog.assumption WHERE grantee = who AND other IS NULL;
  UPDATE redshift_catalog.privilege SET grantee = other WHERE grantee = who;
  UPDATE redshift_catalog.assumption SET grantee = other WHERE grantee = who $$;

-- the databases of the cluster: the one that is served, and those that were made beside it
CREATE TABLE IF NOT EXISTS redshift_catalog.database (name text PRIMARY KEY, isolation text NOT NULL);
CREATE OR REPLACE FUNCTION redshift_catalog.create_database(called text, level text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  IF NOT (SELECT rolsuper OR rolcreatedb FROM pg_roles WHERE rolname = session_user) THEN
    RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = 'permission denied to create database';
  END IF;
  IF called = current_database() OR EXISTS (SELECT FROM redshift_catalog.database WHERE name = called) THEN
    RAISE EXCEPTION USING ERRCODE = '42P04', MESSAGE = format('database "%s" already exists', called);
  END IF;
  INSERT INTO redshift_catalog.database VALUES (called, coalesce(nullif(level, ''), 'snapshot'));
END $$;
CREATE OR REPLACE FUNCTION redshift_catalog.alter_database(called text, level text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  PERFORM redshift_catalog.only_superuser(session_user);
  IF called = current_database() THEN
    IF EXISTS (SELECT FROM pg_stat_activity WHERE datname = called AND pid <> pg_backend_pid() AND usename <> current_user) THEN
      RAISE EXCEPTION USING ERRCODE = '55006', MESSAGE = format('[stand-in] database "%s" is being accessed by other users', called);
    END IF;
    EXECUTE format('ALTER DATABASE %I SET redshift.isolation TO %L', called, level);
    RETURN;
  END IF;
  UPDATE redshift_catalog.database SET isolation = level WHERE name = called;
  IF NOT FOUND THEN RAISE EXCEPTION USING ERRCODE = '3D000', MESSAGE = format('database "%s" does not exist', called); END IF;
END $$;
CREATE OR REPLACE FUNCTION redshift_catalog.drop_database(called text, level text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  PERFORM redshift_catalog.only_superuser(session_user);
  IF called = current_database() THEN RAISE EXCEPTION USING ERRCODE = '55006', MESSAGE = 'cannot drop the currently open database'; END IF;
  DELETE FROM redshift_catalog.database WHERE name = called;
  IF NOT FOUND THEN RAISE EXCEPTION USING ERRCODE = '3D000', MESSAGE = format('database "%s" does not exist', called); END IF;
END $$;

-- functions of the leader node that PostgreSQL has otherwise, or not
CREATE OR REPLACE FUNCTION redshift_catalog.leader_user(role oid) RETURNS name LANGUAGE sql STABLE
  AS $$ SELECT CASE WHEN role = 'pg_database_owner'::regrole THEN 'rdsdb' ELSE regexp_replace(pg_get_userbyid(role), '^rs (group|role) ', '') END::name $$;
CREATE OR REPLACE FUNCTION redshift_catalog.leader_expression(expression text, relation oid, pretty boolean DEFAULT true) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT expression $$;
CREATE OR REPLACE FUNCTION redshift_catalog.leader_regexp_substr(value text, pattern text, start int DEFAULT 1) RETURNS text LANGUAGE sql IMMUTABLE
  AS $$ SELECT coalesce(substring(substr(value, start) FROM pattern), '') $$;
CREATE OR REPLACE FUNCTION redshift_catalog.leader_regexp_replace(value text, pattern text, by text DEFAULT '') RETURNS text LANGUAGE sql IMMUTABLE
  AS $$ SELECT regexp_replace(value, pattern, by, 'g') $$;
CREATE OR REPLACE FUNCTION redshift_catalog.leader_charindex(part text, value text) RETURNS int LANGUAGE sql IMMUTABLE AS $$ SELECT strpos(value, part) $$;
