-- Functions of Redshift that PostgreSQL has not, or has otherwise.
-- https://docs.aws.amazon.com/redshift/latest/dg/c_SQL_functions.html

CREATE OR REPLACE FUNCTION redshift_catalog.getdate() RETURNS timestamp LANGUAGE sql STABLE
  AS $$ SELECT date_trunc('second', statement_timestamp() AT TIME ZONE 'UTC') $$;
CREATE OR REPLACE FUNCTION redshift_catalog.user_id() RETURNS int LANGUAGE sql STABLE AS $$ SELECT usesysid::int FROM pg_catalog.pg_user WHERE usename = current_user $$;

-- Dates. A DATE is a TIMESTAMP at midnight for DATEADD.
-- https://docs.aws.amazon.com/redshift/latest/dg/r_DATEADD_function.html
CREATE OR REPLACE FUNCTION redshift_catalog.span(part text, n bigint) RETURNS interval LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE part WHEN 'quarter' THEN make_interval(months => (3 * n)::int) WHEN 'century' THEN make_interval(years => (100 * n)::int)
    WHEN 'millennium' THEN make_interval(years => (1000 * n)::int) WHEN 'decade' THEN make_interval(years => (10 * n)::int)
    WHEN 'epoch' THEN n * interval '1 second' WHEN 'dow' THEN n * interval '1 day' WHEN 'doy' THEN n * interval '1 day'
    ELSE n * ('1 ' || part)::interval END $$;
CREATE OR REPLACE FUNCTION redshift_catalog.dateadd(part text, n bigint, t timestamp) RETURNS timestamp LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN part = 'year' AND to_char(t, 'MMDD') = '0229' AND to_char(t + redshift_catalog.span(part, n), 'MMDD') = '0228'
    THEN t + redshift_catalog.span(part, n) + interval '1 day' ELSE t + redshift_catalog.span(part, n) END $$;
CREATE OR REPLACE FUNCTION redshift_catalog.dateadd(part text, n bigint, t date) RETURNS timestamp LANGUAGE sql IMMUTABLE
  AS $$ SELECT redshift_catalog.dateadd(part, n, t::timestamp) $$;
CREATE OR REPLACE FUNCTION redshift_catalog.dateadd(part text, n bigint, t text) RETURNS timestamp LANGUAGE sql STABLE
  AS $$ SELECT redshift_catalog.dateadd(part, n, t::timestamp) $$;
CREATE OR REPLACE FUNCTION redshift_catalog.dateadd(part text, n bigint, t timestamptz) RETURNS timestamptz LANGUAGE sql STABLE
  AS $$ SELECT t + redshift_catalog.span(part, n) $$;
CREATE OR REPLACE FUNCTION redshift_catalog.dateadd(part text, n bigint, t time) RETURNS time LANGUAGE sql IMMUTABLE
  AS $$ SELECT t + redshift_catalog.span(part, n) $$;
CREATE OR REPLACE FUNCTION redshift_catalog.dateadd(part text, n bigint, t timetz) RETURNS timetz LANGUAGE sql IMMUTABLE
  AS $$ SELECT t + redshift_catalog.span(part, n) $$;

-- the boundaries of a part that lie between two times
CREATE OR REPLACE FUNCTION redshift_catalog.datediff(part text, a timestamp, b timestamp) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE part
    WHEN 'millennium' THEN extract(millennium FROM b) - extract(millennium FROM a)
    WHEN 'century' THEN extract(century FROM b) - extract(century FROM a)
    WHEN 'decade' THEN extract(decade FROM b) - extract(decade FROM a)
    WHEN 'year' THEN extract(year FROM b) - extract(year FROM a)
    WHEN 'quarter' THEN (extract(year FROM b) - extract(year FROM a)) * 4 + extract(quarter FROM b) - extract(quarter FROM a)
    WHEN 'month' THEN (extract(year FROM b) - extract(year FROM a)) * 12 + extract(month FROM b) - extract(month FROM a)
    WHEN 'week' THEN extract(epoch FROM date_trunc('week', b) - date_trunc('week', a)) / 604800
    WHEN 'day' THEN extract(epoch FROM date_trunc('day', b) - date_trunc('day', a)) / 86400
    WHEN 'hour' THEN extract(epoch FROM date_trunc('hour', b) - date_trunc('hour', a)) / 3600
    WHEN 'minute' THEN extract(epoch FROM date_trunc('minute', b) - date_trunc('minute', a)) / 60
    WHEN 'second' THEN extract(epoch FROM date_trunc('second', b) - date_trunc('second', a))
    WHEN 'millisecond' THEN extract(epoch FROM date_trunc('millisecond', b) - date_trunc('millisecond', a)) * 1000
    ELSE extract(epoch FROM b - a) * 1000000 END::bigint $$;
CREATE OR REPLACE FUNCTION redshift_catalog.datediff(part text, a timestamptz, b timestamptz) RETURNS bigint LANGUAGE sql STABLE
  AS $$ SELECT redshift_catalog.datediff(part, a AT TIME ZONE 'UTC', b AT TIME ZONE 'UTC') $$;
CREATE OR REPLACE FUNCTION redshift_catalog.datediff(part text, a date, b date) RETURNS bigint LANGUAGE sql IMMUTABLE
  AS $$ SELECT redshift_catalog.datediff(part, a::timestamp, b::timestamp) $$;
CREATE OR REPLACE FUNCTION redshift_catalog.datediff(part text, a time, b time) RETURNS bigint LANGUAGE sql IMMUTABLE
  AS $$ SELECT redshift_catalog.datediff(part, date '2000-01-01' + a, date '2000-01-01' + b) $$;

-- EXTRACT gives whole numbers: https://docs.aws.amazon.com/redshift/latest/dg/r_EXTRACT_function.html
CREATE OR REPLACE FUNCTION redshift_catalog.part(part text, whole numeric) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE part WHEN 'millisecond' THEN floor(mod(whole, 1000)) WHEN 'microsecond' THEN mod(whole, 1000000) WHEN 'decade' THEN whole + 1 ELSE floor(whole) END::bigint $$;
CREATE OR REPLACE FUNCTION redshift_catalog.extract(part text, t timestamp) RETURNS bigint LANGUAGE sql IMMUTABLE
  AS $$ SELECT redshift_catalog.part(part, pg_catalog.extract(part, t)) $$;
CREATE OR REPLACE FUNCTION redshift_catalog.extract(part text, t date) RETURNS bigint LANGUAGE sql IMMUTABLE
  AS $$ SELECT redshift_catalog.part(part, pg_catalog.extract(part, t::timestamp)) $$;
CREATE OR REPLACE FUNCTION redshift_catalog.extract(part text, t time) RETURNS bigint LANGUAGE sql IMMUTABLE
  AS $$ SELECT redshift_catalog.part(part, pg_catalog.extract(part, t)) $$;
CREATE OR REPLACE FUNCTION redshift_catalog.extract(part text, t timetz) RETURNS bigint LANGUAGE sql IMMUTABLE
  AS $$ SELECT redshift_catalog.part(part, pg_catalog.extract(part, t)) $$;
CREATE OR REPLACE FUNCTION redshift_catalog.extract(part text, t timestamptz) RETURNS double precision LANGUAGE sql STABLE
  AS $$ SELECT redshift_catalog.part(part, pg_catalog.extract(part, t))::float8 $$;
CREATE OR REPLACE FUNCTION redshift_catalog.extract(part text, t interval) RETURNS bigint LANGUAGE sql IMMUTABLE
  AS $$ SELECT redshift_catalog.part(part, pg_catalog.extract(part, t)) $$;

CREATE OR REPLACE FUNCTION redshift_catalog.date_trunc(part text, t timestamp) RETURNS timestamp LANGUAGE sql IMMUTABLE AS $$ SELECT pg_catalog.date_trunc(part, t) $$;
CREATE OR REPLACE FUNCTION redshift_catalog.date_trunc(part text, t date) RETURNS timestamp LANGUAGE sql IMMUTABLE AS $$ SELECT pg_catalog.date_trunc(part, t::timestamp) $$;
CREATE OR REPLACE FUNCTION redshift_catalog.date_trunc(part text, t timestamptz) RETURNS timestamptz LANGUAGE sql STABLE AS $$ SELECT pg_catalog.date_trunc(part, t) $$;

CREATE OR REPLACE FUNCTION redshift_catalog.convert_timezone(source text, target text, t timestamp) RETURNS timestamp LANGUAGE sql IMMUTABLE
  AS $$ SELECT (t AT TIME ZONE source) AT TIME ZONE target $$;
CREATE OR REPLACE FUNCTION redshift_catalog.convert_timezone(source text, target text, t date) RETURNS timestamp LANGUAGE sql IMMUTABLE
  AS $$ SELECT (t::timestamp AT TIME ZONE source) AT TIME ZONE target $$;
CREATE OR REPLACE FUNCTION redshift_catalog.convert_timezone(source text, target text, t timestamptz) RETURNS timestamp LANGUAGE sql IMMUTABLE
  AS $$ SELECT t AT TIME ZONE target $$;

CREATE OR REPLACE FUNCTION redshift_catalog.last_day(t timestamp) RETURNS date LANGUAGE sql IMMUTABLE
  AS $$ SELECT (pg_catalog.date_trunc('month', t) + interval '1 month - 1 day')::date $$;
-- the last day of a month stays the last: https://docs.aws.amazon.com/redshift/latest/dg/r_ADD_MONTHS.html
CREATE OR REPLACE FUNCTION redshift_catalog.add_months(t timestamp, n bigint) RETURNS timestamp LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN t::date = redshift_catalog.last_day(t) THEN redshift_catalog.last_day(t + redshift_catalog.span('month', n)) + (t - pg_catalog.date_trunc('day', t))
    ELSE t + redshift_catalog.span('month', n) END $$;
-- whole months if both are the same day of the month or the last, else 31 days are one:
-- https://docs.aws.amazon.com/redshift/latest/dg/r_MONTHS_BETWEEN_function.html
CREATE OR REPLACE FUNCTION redshift_catalog.months_between(a timestamp, b timestamp) RETURNS double precision LANGUAGE sql IMMUTABLE AS $$
  SELECT (redshift_catalog.datediff('month', b, a) + CASE WHEN extract(day FROM a) = extract(day FROM b)
    OR a::date = redshift_catalog.last_day(a) AND b::date = redshift_catalog.last_day(b) THEN 0
    ELSE extract(epoch FROM (a - pg_catalog.date_trunc('month', a)) - (b - pg_catalog.date_trunc('month', b))) / (31 * 86400) END)::float8 $$;
CREATE OR REPLACE FUNCTION redshift_catalog.next_day(t timestamp, day text) RETURNS date LANGUAGE sql IMMUTABLE AS $$
  SELECT d::date FROM generate_series(t::date + 1, t::date + 7, interval '1 day') d WHERE to_char(d, 'dy') = lower(left(day, 3)) $$;
CREATE OR REPLACE FUNCTION redshift_catalog.date_part_year(t date) RETURNS int LANGUAGE sql IMMUTABLE AS $$ SELECT extract(year FROM t)::int $$;
CREATE OR REPLACE FUNCTION redshift_catalog.to_date(t text, format text, strict boolean DEFAULT false) RETURNS date LANGUAGE sql STABLE AS $$ SELECT pg_catalog.to_date(t, format) $$;

-- TRUNC of a TIMESTAMP is its DATE: https://docs.aws.amazon.com/redshift/latest/dg/r_TRUNC_date.html
CREATE OR REPLACE FUNCTION redshift_catalog.trunc(t timestamp) RETURNS date LANGUAGE sql IMMUTABLE AS $$ SELECT t::date $$;
CREATE OR REPLACE FUNCTION redshift_catalog.trunc(n numeric, digits int DEFAULT 0) RETURNS numeric LANGUAGE sql IMMUTABLE AS $$ SELECT pg_catalog.trunc(n, digits) $$;
CREATE OR REPLACE FUNCTION redshift_catalog.trunc(n double precision, digits int DEFAULT 0) RETURNS double precision LANGUAGE sql IMMUTABLE AS $$ SELECT pg_catalog.trunc(n::numeric, digits)::float8 $$;
CREATE OR REPLACE FUNCTION redshift_catalog.round(n numeric, digits int DEFAULT 0) RETURNS numeric LANGUAGE sql IMMUTABLE AS $$ SELECT pg_catalog.round(n, digits) $$;
CREATE OR REPLACE FUNCTION redshift_catalog.round(n double precision, digits int DEFAULT 0) RETURNS double precision LANGUAGE sql IMMUTABLE AS $$ SELECT pg_catalog.round(n::numeric, digits)::float8 $$;

-- AVG of whole numbers is a whole number: https://docs.aws.amazon.com/redshift/latest/dg/r_AVG.html
CREATE OR REPLACE FUNCTION redshift_catalog.avg_step(state numeric[], n bigint) RETURNS numeric[] LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT ARRAY[state[1] + n, state[2] + 1] $$;
CREATE OR REPLACE FUNCTION redshift_catalog.avg_end(state numeric[]) RETURNS bigint LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT pg_catalog.trunc(state[1] / nullif(state[2], 0))::bigint $$;
DO $$ DECLARE t text; BEGIN
  FOREACH t IN ARRAY ARRAY['smallint', 'integer', 'bigint'] LOOP
    EXECUTE format('CREATE OR REPLACE FUNCTION redshift_catalog.avg_step(state numeric[], n %s) RETURNS numeric[] LANGUAGE sql IMMUTABLE STRICT AS ''SELECT ARRAY[state[1] + n, state[2] + 1]''', t);
    EXECUTE format('CREATE OR REPLACE AGGREGATE redshift_catalog.avg(%s) (sfunc = redshift_catalog.avg_step, stype = numeric[], finalfunc = redshift_catalog.avg_end, initcond = ''{0,0}'')', t);
  END LOOP;
END $$;
CREATE OR REPLACE FUNCTION redshift_catalog.avg_step(state numeric[], n numeric) RETURNS numeric[] LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT ARRAY[state[1] + n, state[2] + 1] $$;
CREATE OR REPLACE FUNCTION redshift_catalog.avg_numeric(state numeric[]) RETURNS numeric LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT state[1] / nullif(state[2], 0) $$;
CREATE OR REPLACE AGGREGATE redshift_catalog.avg(numeric) (sfunc = redshift_catalog.avg_step, stype = numeric[], finalfunc = redshift_catalog.avg_numeric, initcond = '{0,0}');
CREATE OR REPLACE AGGREGATE redshift_catalog.avg(double precision) (sfunc = float8_accum, stype = double precision[], finalfunc = float8_avg, initcond = '{0,0,0}');

-- IGNORE NULLS: the first and the last value of a frame that is not NULL
CREATE OR REPLACE FUNCTION redshift_catalog.first_step(a anyelement, b anyelement) RETURNS anyelement LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT a $$;
CREATE OR REPLACE FUNCTION redshift_catalog.last_step(a anyelement, b anyelement) RETURNS anyelement LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT b $$;
CREATE OR REPLACE AGGREGATE redshift_catalog.first_known(anyelement) (sfunc = redshift_catalog.first_step, stype = anyelement);
CREATE OR REPLACE AGGREGATE redshift_catalog.last_known(anyelement) (sfunc = redshift_catalog.last_step, stype = anyelement);

-- percentile_cont and median, as aggregates that take OVER
CREATE OR REPLACE FUNCTION redshift_catalog.percentile_step(state double precision[], value double precision, share double precision) RETURNS double precision[] LANGUAGE sql IMMUTABLE
  AS $$ SELECT CASE WHEN value IS NULL THEN state ELSE coalesce(state, ARRAY[share]) || value END $$;
CREATE OR REPLACE FUNCTION redshift_catalog.percentile_end(state double precision[]) RETURNS double precision LANGUAGE sql IMMUTABLE AS $$
  SELECT pg_catalog.percentile_cont(state[1]) WITHIN GROUP (ORDER BY v) FROM unnest(state[2:]) v $$;
CREATE OR REPLACE AGGREGATE redshift_catalog.percentile(double precision, double precision)
  (sfunc = redshift_catalog.percentile_step, stype = double precision[], finalfunc = redshift_catalog.percentile_end);

-- LISTAGG ends at the longest VARCHAR: https://docs.aws.amazon.com/redshift/latest/dg/r_LISTAGG.html
CREATE OR REPLACE FUNCTION redshift_catalog.listed(list text) RETURNS varchar LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN
  IF octet_length(list) > 65535 THEN
    PERFORM redshift_catalog.fail('Result size exceeds LISTAGG limit', 8001, 'LISTAGG limit: 65535', '0.cpp:0');
  END IF;
  RETURN list;
END $$;

-- Strings
CREATE OR REPLACE FUNCTION redshift_catalog.concat(a text, b text) RETURNS varchar LANGUAGE sql IMMUTABLE AS $$ SELECT (a || b)::varchar $$;
CREATE OR REPLACE FUNCTION redshift_catalog.sha2(s text, bits int) RETURNS varchar LANGUAGE sql IMMUTABLE AS $$
  SELECT encode(CASE bits WHEN 224 THEN sha224(convert_to(s, 'UTF8')) WHEN 0 THEN sha256(convert_to(s, 'UTF8')) WHEN 256 THEN sha256(convert_to(s, 'UTF8'))
    WHEN 384 THEN sha384(convert_to(s, 'UTF8')) WHEN 512 THEN sha512(convert_to(s, 'UTF8')) END, 'hex')::varchar $$;
CREATE OR REPLACE FUNCTION redshift_catalog.strtol(s text, base int) RETURNS bigint LANGUAGE plpgsql IMMUTABLE STRICT AS $$
DECLARE n bigint := 0; digit int;
BEGIN
  FOR i IN 1 .. length(s) LOOP
    digit := strpos('0123456789abcdefghijklmnopqrstuvwxyz', lower(substr(s, i, 1))) - 1;
    IF digit < 0 OR digit >= base THEN PERFORM redshift_catalog.fail('The input ' || s || ' is not valid to be converted to base ' || base, 8001, 'strtol', '0.cpp:0'); END IF;
    n := n * base + digit;
  END LOOP;
  RETURN n;
END $$;
-- REGEXP_REPLACE replaces all, REGEXP_SUBSTR finds '' if nothing:
-- https://docs.aws.amazon.com/redshift/latest/dg/REGEXP_REPLACE.html https://docs.aws.amazon.com/redshift/latest/dg/REGEXP_SUBSTR.html
CREATE OR REPLACE FUNCTION redshift_catalog.regexp_replace(s text, pattern text, replacement text DEFAULT '', start int DEFAULT 1) RETURNS varchar LANGUAGE sql IMMUTABLE
  AS $$ SELECT (left(s, start - 1) || pg_catalog.regexp_replace(substr(s, start), pattern, replacement, 'g'))::varchar $$;
CREATE OR REPLACE FUNCTION redshift_catalog.regexp_substr(s text, pattern text, start int DEFAULT 1, occurrence int DEFAULT 1) RETURNS varchar LANGUAGE sql IMMUTABLE
  AS $$ SELECT CASE WHEN s IS NOT NULL AND pattern IS NOT NULL THEN coalesce(pg_catalog.regexp_substr(s, pattern, start, occurrence), '') END::varchar $$;
CREATE OR REPLACE FUNCTION redshift_catalog.regexp_instr(s text, pattern text, start int DEFAULT 1, occurrence int DEFAULT 1) RETURNS int LANGUAGE sql IMMUTABLE
  AS $$ SELECT pg_catalog.regexp_instr(s, pattern, start, occurrence) $$;

-- JSON
CREATE OR REPLACE FUNCTION redshift_catalog.is_valid_json(s text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE STRICT AS $$ BEGIN
  PERFORM s::json; RETURN true;
EXCEPTION WHEN invalid_text_representation THEN RETURN false; END $$;
CREATE OR REPLACE FUNCTION redshift_catalog.is_valid_json_array(s text) RETURNS boolean LANGUAGE sql IMMUTABLE STRICT
  AS $$ SELECT CASE WHEN redshift_catalog.is_valid_json(s) THEN json_typeof(s::json) = 'array' ELSE false END $$;
CREATE OR REPLACE FUNCTION redshift_catalog.json_parse(s text) RETURNS jsonb LANGUAGE sql STABLE AS $$ SELECT redshift_catalog.to_super(s) $$;
CREATE OR REPLACE FUNCTION redshift_catalog.json_valid(s text, lax boolean) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE STRICT AS $$ BEGIN
  IF redshift_catalog.is_valid_json(s) THEN RETURN s::jsonb; END IF;
  IF NOT lax THEN PERFORM redshift_catalog.fail('JSON parsing error', 8001, 'invalid json object ' || s, '0.cpp:0'); END IF;
  RETURN NULL;
END $$;
-- what is not there is NULL: https://docs.aws.amazon.com/redshift/latest/dg/JSON_EXTRACT_PATH_TEXT.html
CREATE OR REPLACE FUNCTION redshift_catalog.json_path(s text, lax boolean, path text[]) RETURNS varchar LANGUAGE sql IMMUTABLE
  AS $$ SELECT (redshift_catalog.json_valid(s, lax) #>> path)::varchar $$;
CREATE OR REPLACE FUNCTION redshift_catalog.json_element(s text, n int, lax boolean) RETURNS varchar LANGUAGE sql IMMUTABLE
  AS $$ SELECT (redshift_catalog.json_valid(s, lax) ->> n)::varchar $$;
CREATE OR REPLACE FUNCTION redshift_catalog.json_array_length(s text, lax boolean DEFAULT false) RETURNS int LANGUAGE sql IMMUTABLE
  AS $$ SELECT jsonb_array_length(redshift_catalog.json_valid(s, lax)) $$;
CREATE OR REPLACE FUNCTION redshift_catalog.is_array(s jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT jsonb_typeof(s) = 'array' $$;
CREATE OR REPLACE FUNCTION redshift_catalog.is_object(s jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT jsonb_typeof(s) = 'object' $$;
CREATE OR REPLACE FUNCTION redshift_catalog.get_array_length(s jsonb) RETURNS int LANGUAGE sql IMMUTABLE AS $$ SELECT CASE WHEN jsonb_typeof(s) = 'array' THEN jsonb_array_length(s) END $$;
CREATE OR REPLACE FUNCTION redshift_catalog.json_serialize(s jsonb) RETURNS varchar LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT CASE jsonb_typeof(s)
    WHEN 'object' THEN (SELECT '{' || coalesce(string_agg(to_json(key)::text || ':' || redshift_catalog.json_serialize(value), ',' ORDER BY n), '') || '}' FROM jsonb_each(s) WITH ORDINALITY AS e(key, value, n))
    WHEN 'array' THEN (SELECT '[' || coalesce(string_agg(redshift_catalog.json_serialize(value), ',' ORDER BY n), '') || ']' FROM jsonb_array_elements(s) WITH ORDINALITY AS e(value, n))
    ELSE format('%s', s) END::varchar $$;
-- a SUPER that is no string, number or boolean is NULL as a VARCHAR:
-- https://docs.aws.amazon.com/redshift/latest/dg/query-super.html
CREATE OR REPLACE FUNCTION redshift_catalog.super_varchar(s jsonb) RETURNS varchar LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN jsonb_typeof(s) IN ('string', 'number', 'boolean') THEN s #>> '{}' END::varchar $$;
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_cast WHERE castsource = 'jsonb'::regtype AND casttarget = 'varchar'::regtype) THEN
    CREATE CAST (jsonb AS varchar) WITH FUNCTION redshift_catalog.super_varchar(jsonb);
  END IF;
END $$;

-- UPDATE ... FROM with several matches for a row:
-- https://docs.aws.amazon.com/redshift/latest/dg/r_error_on_nondeterministic_update.html
CREATE OR REPLACE FUNCTION redshift_catalog.tells_matches() RETURNS boolean LANGUAGE sql STABLE
  AS $$ SELECT coalesce(nullif(current_setting('redshift.nondeterministic', true), ''), 'false')::boolean $$;
CREATE OR REPLACE FUNCTION redshift_catalog.many_matches(n bigint) RETURNS boolean LANGUAGE plpgsql STABLE AS $$ BEGIN
  IF n > 1 THEN RAISE EXCEPTION USING ERRCODE = 'XX000', MESSAGE = 'Found multiple matches to update the same tuple.'; END IF;
  RETURN false;
END $$;

-- to_hex takes a number or a VARBYTE.
-- https://docs.aws.amazon.com/redshift/latest/dg/r_TO_HEX.html
CREATE OR REPLACE FUNCTION redshift_catalog.to_hex(n bigint) RETURNS varchar LANGUAGE sql IMMUTABLE AS 'SELECT pg_catalog.to_hex(n)';
CREATE OR REPLACE FUNCTION redshift_catalog.to_hex(b bytea) RETURNS varchar LANGUAGE sql IMMUTABLE AS $$ SELECT encode(b, 'hex') $$;
