-- PostgreSQL's types, made Redshift's. All of it is in this database alone: what is
-- changed in pg_catalog is not shared with others.

-- Strings are compared without the blanks at their end, by whatever compares them:
-- operators, GROUP BY, DISTINCT, joins, IN, sorting. That is what bpchar does, and it
-- is laid out as text is.
-- https://docs.aws.amazon.com/redshift/latest/dg/r_Character_types.html
UPDATE pg_operator o SET oprcode = r.code
  FROM (VALUES ('=', 'bpchareq'::regproc), ('<>', 'bpcharne'), ('<', 'bpcharlt'), ('<=', 'bpcharle'), ('>', 'bpchargt'), ('>=', 'bpcharge')) AS r(name, code)
  WHERE o.oprname = r.name AND o.oprleft = 'text'::regtype AND o.oprright = 'text'::regtype AND o.oprcode <> r.code;
UPDATE pg_amproc p SET amproc = r.code
  FROM (VALUES ('bttextcmp'::regproc, 'bpcharcmp'::regproc), ('bttextsortsupport', 'bpchar_sortsupport'), ('hashtext', 'hashbpchar'), ('hashtextextended', 'hashbpcharextended')) AS r(old, code)
  WHERE p.amproc = r.old AND p.amproclefttype = 'text'::regtype AND p.amprocrighttype = 'text'::regtype;

-- fail answers with an error and the block of details that Redshift's internals add.
-- The layout is that of https://github.com/awslabs/amazon-redshift-utils/issues/716.
CREATE OR REPLACE FUNCTION redshift_catalog.fail(message text, code int, context text, location text) RETURNS boolean LANGUAGE plpgsql STRICT AS $$
DECLARE
  rule text := '  -----------------------------------------------';
BEGIN
  RAISE EXCEPTION USING ERRCODE = 'XX000', MESSAGE = message, DETAIL = concat_ws(E'\n', '', rule,
    '  error:  ' || message, '  code:      ' || code, '  context:   ' || context, '  query:     0', '  location:  ' || location,
    '  process:   query0_0_0 [pid=' || pg_backend_pid() || ']', rule, '');
END $$;

-- The length of a VARCHAR is in bytes. A value that is stored has to fit but for blanks
-- at its end; a cast cuts at a character's end and says nothing.
CREATE OR REPLACE FUNCTION redshift_catalog.cut_varchar(value varchar, most int, explicit boolean) RETURNS varchar LANGUAGE plpgsql STABLE STRICT AS $$
DECLARE
  bytes bytea := convert_to(value, 'UTF8');
  kept int := most;
BEGIN
  IF NOT explicit AND octet_length(rtrim(value, ' ')) > most THEN
    PERFORM redshift_catalog.fail('Value too long for character type', 8001, 'Value too long for type character varying(' || most || ')', 'string.cpp:213');
  END IF;
  WHILE kept > 0 AND get_byte(bytes, kept) & 192 = 128 LOOP kept := kept - 1; END LOOP;
  RETURN convert_from(substring(bytes FROM 1 FOR kept), 'UTF8');
END $$;
CREATE OR REPLACE FUNCTION redshift_catalog.fit_varchar(value varchar, modifier int, explicit boolean) RETURNS varchar LANGUAGE sql STABLE
  AS $$ SELECT CASE WHEN octet_length(value) <= modifier - 4 THEN value ELSE redshift_catalog.cut_varchar(value, modifier - 4, explicit) END $$;

-- A CHAR is ASCII, and padded with blanks.
-- https://github.com/awslabs/amazon-redshift-utils/issues/395
CREATE OR REPLACE FUNCTION redshift_catalog.cut_char(value text, most int, explicit boolean) RETURNS bpchar LANGUAGE plpgsql STABLE STRICT AS $$
BEGIN
  IF octet_length(value) > char_length(value) THEN
    PERFORM redshift_catalog.fail('Invalid characters:', 8001,
      'Only ASCII characters are allowed in fixed length strings. Invalid ASCII char: ' ||
      regexp_replace(encode(convert_to(substring(value FROM '[^[:ascii:]]'), 'UTF8'), 'hex'), '(..)', '\1 ', 'g'), 'exec_plan.cpp:2972');
  END IF;
  IF NOT explicit AND octet_length(rtrim(value, ' ')) > most THEN
    PERFORM redshift_catalog.fail('Value too long for character type', 8001, 'Value too long for type character(' || most || ')', 'string.cpp:213');
  END IF;
  RETURN rpad(value, most)::bpchar;
END $$;
CREATE OR REPLACE FUNCTION redshift_catalog.fit_char(value bpchar, modifier int, explicit boolean) RETURNS bpchar LANGUAGE sql STABLE
  AS $$ SELECT redshift_catalog.cut_char(value::text, modifier - 4, explicit) $$;

-- A DECIMAL of 19 digits is held in 64 bits: nines all the way do not fit.
-- https://docs.aws.amazon.com/redshift/latest/dg/r_Numeric_types201.html
CREATE OR REPLACE FUNCTION redshift_catalog.fit_int64(value numeric, modifier int) RETURNS numeric LANGUAGE plpgsql STABLE STRICT AS $$
BEGIN
  IF abs(pg_catalog."numeric"(value, modifier)) * 10::numeric ^ ((modifier - 4) & 2047) > 9223372036854775807 THEN
    PERFORM redshift_catalog.fail('Numeric data overflow (result precision)', 1058, '64 bit overflow', 'numeric.hpp:161');
  END IF;
  RETURN pg_catalog."numeric"(value, modifier);
END $$;
-- None is NaN, which the backing server's type may be.
CREATE OR REPLACE FUNCTION redshift_catalog.no_number(value numeric) RETURNS numeric LANGUAGE plpgsql STABLE STRICT AS $$ BEGIN
  PERFORM redshift_catalog.fail('Invalid digit, Value ''N'', Pos 0, Type: Decimal', 1207, 'NaN', 'numeric.hpp:0');
  RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION redshift_catalog.fit_numeric(value numeric, modifier int) RETURNS numeric LANGUAGE sql STABLE
  AS $$ SELECT CASE WHEN value = 'NaN' THEN redshift_catalog.no_number(value) WHEN (modifier - 4) >> 16 = 19 THEN redshift_catalog.fit_int64(value, modifier) ELSE pg_catalog."numeric"(value, modifier) END $$;

UPDATE pg_cast c SET castfunc = r.fit
  FROM (VALUES ('varchar'::regtype, 'redshift_catalog.fit_varchar'::regproc), ('bpchar', 'redshift_catalog.fit_char'), ('numeric', 'redshift_catalog.fit_numeric')) AS r(type, fit)
  WHERE c.castsource = r.type AND c.casttarget = r.type AND c.castfunc <> r.fit;

-- The parts of a CHECK that refuse: they are reached by what is out of bounds only, and
-- are NULL for NULL.
CREATE OR REPLACE FUNCTION redshift_catalog.out_of_range(value text) RETURNS boolean LANGUAGE plpgsql STRICT AS $$ BEGIN
  RAISE EXCEPTION USING ERRCODE = '22008', MESSAGE = '[stand-in] date out of range: ' || value || ' is not within 4713 BC and 294276 AD';
END $$;
CREATE OR REPLACE FUNCTION redshift_catalog.too_long(bytes int, most int) RETURNS boolean LANGUAGE plpgsql STRICT AS $$ BEGIN
  RETURN redshift_catalog.fail('[stand-in] Value too long for VARBYTE', 8001, bytes || ' bytes are too long for type binary varying(' || most || ')', 'varbyte.cpp:0');
END $$;

-- varbyte is a cast to VARBYTE: a string's bytes, whatever they look like.
-- https://docs.aws.amazon.com/redshift/latest/dg/r_VARBYTE_type.html
CREATE OR REPLACE FUNCTION redshift_catalog.varbyte(value text) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$ SELECT convert_to(value, 'UTF8') $$;
CREATE OR REPLACE FUNCTION redshift_catalog.varbyte(value bytea) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$ SELECT value $$;
CREATE OR REPLACE FUNCTION redshift_catalog.varbyte(value bytea, most int) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$ SELECT substring(value FROM 1 FOR most) $$;

-- to_super is JSON_PARSE: at most 16 MB, strings of at most 65,535 bytes, and no name
-- twice in an object unless the session asks to drop the earlier ones.
-- https://docs.aws.amazon.com/redshift/latest/dg/limitations-super.html
CREATE OR REPLACE FUNCTION redshift_catalog.unfit_for_super(j json) RETURNS text LANGUAGE plpgsql STABLE STRICT AS $$
DECLARE
  part json;
  fault text;
BEGIN
  CASE json_typeof(j)
  WHEN 'string' THEN
    RETURN CASE WHEN octet_length(j #>> '{}') > 65535 THEN 'String value exceeds the max size of 65535 bytes' END;
  WHEN 'object' THEN
    IF (SELECT count(*) <> count(DISTINCT k) FROM json_object_keys(j) AS k) AND coalesce(current_setting('redshift.dedup', true), '') NOT IN ('on', 'true') THEN
      RETURN '[stand-in] a name is there twice in an object';
    END IF;
    FOR part IN SELECT value FROM json_each(j) LOOP
      fault := redshift_catalog.unfit_for_super(part);
      IF fault IS NOT NULL THEN RETURN fault; END IF;
    END LOOP;
  WHEN 'array' THEN
    FOR part IN SELECT value FROM json_array_elements(j) LOOP
      fault := redshift_catalog.unfit_for_super(part);
      IF fault IS NOT NULL THEN RETURN fault; END IF;
    END LOOP;
  ELSE
  END CASE;
  RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION redshift_catalog.to_super(s text) RETURNS jsonb LANGUAGE plpgsql STABLE STRICT AS $$
DECLARE
  fault text;
BEGIN
  IF NOT redshift_catalog.is_valid_json(s) THEN
    PERFORM redshift_catalog.fail('JSON parsing error', 8001, 'invalid json object ' || left(s, 100), '0.cpp:0');
  END IF;
  fault := CASE WHEN octet_length(s) > 16777216 THEN '[stand-in] SUPER is longer than 16 MB' ELSE redshift_catalog.unfit_for_super(s::json) END;
  IF fault IS NOT NULL THEN
    PERFORM redshift_catalog.fail(fault, 8001, 'JSON_PARSE', '0.cpp:0');
  END IF;
  RETURN s::jsonb;
END $$;

-- as_super is a cast to SUPER: a scalar of the value; a string is not parsed.
-- https://docs.aws.amazon.com/redshift/latest/dg/r_SUPER_type.html
CREATE OR REPLACE FUNCTION redshift_catalog.as_super(value text) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$ SELECT to_jsonb(value) $$;
CREATE OR REPLACE FUNCTION redshift_catalog.as_super(value bigint) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$ SELECT to_jsonb(value) $$;
CREATE OR REPLACE FUNCTION redshift_catalog.as_super(value numeric) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$ SELECT to_jsonb(value) $$;
CREATE OR REPLACE FUNCTION redshift_catalog.as_super(value float8) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$ SELECT to_jsonb(value) $$;
CREATE OR REPLACE FUNCTION redshift_catalog.as_super(value boolean) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$ SELECT to_jsonb(value) $$;
CREATE OR REPLACE FUNCTION redshift_catalog.as_super(value jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$ SELECT value $$;

-- bytes is the declared length of a CHAR, VARCHAR or VARBYTE column; a VARBYTE's stands
-- in the CHECK that holds it.
CREATE OR REPLACE FUNCTION redshift_catalog.bytes(relation oid, attribute text) RETURNS int LANGUAGE sql STABLE AS $$
  SELECT CASE WHEN a.atttypid IN ('varchar'::regtype, 'bpchar'::regtype) AND a.atttypmod > 0 THEN a.atttypmod - 4
    ELSE (SELECT substring(pg_get_constraintdef(k.oid) FROM 'octet_length\(.*\) <= (\d+)')::int FROM pg_constraint k
          WHERE k.conrelid = relation AND k.conname = 'rs ' || attribute) END
  FROM pg_attribute a WHERE a.attrelid = relation AND a.attname = attribute $$;
