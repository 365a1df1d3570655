-- Every statement that the daemon sends to Redshift: literals are '?', numbers 0, names of
-- replicated tables and columns "name", and equal parts of a list are written once.
-- make surface makes this list.

-- ALTER
ALTER TABLE "metadata"."checkpoint" ADD COLUMN "written_by" VARCHAR(0);
ALTER TABLE "name"."name" ADD COLUMN "name" BIGINT;
ALTER TABLE "name"."name" ADD COLUMN "name" DATE;
ALTER TABLE "name"."name" ADD COLUMN "name" DECIMAL(0,0);
ALTER TABLE "name"."name" ADD COLUMN "name" INTEGER;
ALTER TABLE "name"."name" ADD COLUMN "name" VARCHAR(0);
ALTER TABLE "name"."name" ALTER COLUMN "name" TYPE VARCHAR(0);
ALTER TABLE "name"."name" ALTER COMPOUND SORTKEY ("name");
ALTER TABLE "name"."name" ALTER DISTKEY "name";
ALTER TABLE "name"."name" DROP COLUMN "name";
ALTER TABLE "name"."name" RENAME COLUMN "name" TO "name";

-- BEGIN
BEGIN;

-- COMMIT
COMMIT;

-- COPY
COPY "entries_0" ("c0", "name") FROM '?' IAM_ROLE '?' FORMAT AS CSV ZSTD MANIFEST NULL AS '?' DATEFORMAT 'auto' TIMEFORMAT 'auto' COMPUPDATE OFF STATUPDATE OFF;
COPY "entries_0" ("c0", "name") FROM '?' IAM_ROLE '?' FORMAT AS CSV ZSTD MANIFEST NULL AS '?' DATEFORMAT 'auto' TIMEFORMAT 'auto' COMPUPDATE OFF STATUPDATE OFF REGION '?';
COPY "entries_0" ("fold", "xid", "c0", "name") FROM '?' IAM_ROLE '?' FORMAT AS CSV ZSTD MANIFEST NULL AS '?' DATEFORMAT 'auto' TIMEFORMAT 'auto' COMPUPDATE OFF STATUPDATE OFF;
COPY "entries_0" ("fold", "xid", "c0", "name") FROM '?' IAM_ROLE '?' FORMAT AS CSV ZSTD MANIFEST NULL AS '?' DATEFORMAT 'auto' TIMEFORMAT 'auto' COMPUPDATE OFF STATUPDATE OFF REGION '?';
COPY "name" ("c0", "gone") FROM '?' IAM_ROLE '?' FORMAT AS CSV ZSTD MANIFEST NULL AS '?' DATEFORMAT 'auto' TIMEFORMAT 'auto' COMPUPDATE OFF STATUPDATE OFF MAXERROR 0;
COPY "name" ("c0", "gone") FROM '?' IAM_ROLE '?' FORMAT AS CSV ZSTD MANIFEST NULL AS '?' DATEFORMAT 'auto' TIMEFORMAT 'auto' COMPUPDATE OFF STATUPDATE OFF TRUNCATECOLUMNS;
COPY "name" ("c0", "name") FROM '?' IAM_ROLE '?' FORMAT AS CSV ZSTD MANIFEST NULL AS '?' DATEFORMAT 'auto' TIMEFORMAT 'auto' COMPUPDATE OFF STATUPDATE OFF;
COPY "name" ("c0", "name") FROM '?' IAM_ROLE '?' FORMAT AS CSV ZSTD MANIFEST NULL AS '?' DATEFORMAT 'auto' TIMEFORMAT 'auto' COMPUPDATE OFF STATUPDATE OFF REGION '?';
COPY "name" ("fold", "xid", "truncated", "c0", "o0", "u0", "gone") FROM '?' IAM_ROLE '?' FORMAT AS CSV ZSTD MANIFEST NULL AS '?' DATEFORMAT 'auto' TIMEFORMAT 'auto' COMPUPDATE OFF STATUPDATE OFF MAXERROR 0;
COPY "name" ("fold", "xid", "truncated", "c0", "o0", "u0", "gone") FROM '?' IAM_ROLE '?' FORMAT AS CSV ZSTD MANIFEST NULL AS '?' DATEFORMAT 'auto' TIMEFORMAT 'auto' COMPUPDATE OFF STATUPDATE OFF TRUNCATECOLUMNS;
COPY "name" ("name") FROM '?' IAM_ROLE '?' FORMAT AS CSV ZSTD MANIFEST NULL AS '?' DATEFORMAT 'auto' TIMEFORMAT 'auto' COMPUPDATE OFF STATUPDATE OFF MAXERROR 0;
COPY "name" ("name") FROM '?' IAM_ROLE '?' FORMAT AS CSV ZSTD MANIFEST NULL AS '?' DATEFORMAT 'auto' TIMEFORMAT 'auto' COMPUPDATE OFF STATUPDATE OFF REGION '?' MAXERROR 0;
COPY "name" ("name") FROM '?' IAM_ROLE '?' FORMAT AS CSV ZSTD MANIFEST NULL AS '?' DATEFORMAT 'auto' TIMEFORMAT 'auto' COMPUPDATE OFF STATUPDATE OFF REGION '?' TRUNCATECOLUMNS;
COPY "name" ("name") FROM '?' IAM_ROLE '?' FORMAT AS CSV ZSTD MANIFEST NULL AS '?' DATEFORMAT 'auto' TIMEFORMAT 'auto' COMPUPDATE OFF STATUPDATE OFF TRUNCATECOLUMNS;
COPY "name"."load_0_0_0" ("name") FROM '?' IAM_ROLE '?' FORMAT AS CSV ZSTD MANIFEST NULL AS '?' DATEFORMAT 'auto' TIMEFORMAT 'auto' COMPUPDATE OFF STATUPDATE OFF;
COPY "name"."load_0_0_0" ("name") FROM '?' IAM_ROLE '?' FORMAT AS CSV ZSTD MANIFEST NULL AS '?' DATEFORMAT 'auto' TIMEFORMAT 'auto' COMPUPDATE OFF STATUPDATE OFF REGION '?';
COPY "probe" ("c0") FROM '?' IAM_ROLE '?' FORMAT AS CSV ZSTD MANIFEST NULL AS '?' DATEFORMAT 'auto' TIMEFORMAT 'auto' COMPUPDATE OFF STATUPDATE OFF;
COPY "probe" ("c0") FROM '?' IAM_ROLE '?' FORMAT AS CSV ZSTD MANIFEST NULL AS '?' DATEFORMAT 'auto' TIMEFORMAT 'auto' COMPUPDATE OFF STATUPDATE OFF REGION '?';
COPY "stage_0" ("c0", "gone") FROM '?' IAM_ROLE '?' FORMAT AS CSV ZSTD MANIFEST NULL AS '?' DATEFORMAT 'auto' TIMEFORMAT 'auto' COMPUPDATE OFF STATUPDATE OFF;
COPY "stage_0" ("c0", "gone") FROM '?' IAM_ROLE '?' FORMAT AS CSV ZSTD MANIFEST NULL AS '?' DATEFORMAT 'auto' TIMEFORMAT 'auto' COMPUPDATE OFF STATUPDATE OFF REGION '?';
COPY "stage_0" ("c0", "o0", "u0", "gone") FROM '?' IAM_ROLE '?' FORMAT AS CSV ZSTD MANIFEST NULL AS '?' DATEFORMAT 'auto' TIMEFORMAT 'auto' COMPUPDATE OFF STATUPDATE OFF;
COPY "stage_0" ("c0", "o0", "u0", "gone") FROM '?' IAM_ROLE '?' FORMAT AS CSV ZSTD MANIFEST NULL AS '?' DATEFORMAT 'auto' TIMEFORMAT 'auto' COMPUPDATE OFF STATUPDATE OFF REGION '?';
COPY "stage_0" ("fold", "xid", "truncated", "c0", "gone") FROM '?' IAM_ROLE '?' FORMAT AS CSV ZSTD MANIFEST NULL AS '?' DATEFORMAT 'auto' TIMEFORMAT 'auto' COMPUPDATE OFF STATUPDATE OFF REGION '?';
COPY "stage_0" ("fold", "xid", "truncated", "c0", "o0", "u0", "gone") FROM '?' IAM_ROLE '?' FORMAT AS CSV ZSTD MANIFEST NULL AS '?' DATEFORMAT 'auto' TIMEFORMAT 'auto' COMPUPDATE OFF STATUPDATE OFF;
COPY "stage_0" ("fold", "xid", "truncated", "c0", "o0", "u0", "gone") FROM '?' IAM_ROLE '?' FORMAT AS CSV ZSTD MANIFEST NULL AS '?' DATEFORMAT 'auto' TIMEFORMAT 'auto' COMPUPDATE OFF STATUPDATE OFF REGION '?';

-- CREATE
CREATE SCHEMA IF NOT EXISTS "name";
CREATE TABLE "column" ("c0" BIGINT);
CREATE TABLE "column" ("c0" BOOLEAN);
CREATE TABLE "column" ("c0" DATE);
CREATE TABLE "column" ("c0" DECIMAL(0,0));
CREATE TABLE "column" ("c0" DOUBLE PRECISION);
CREATE TABLE "column" ("c0" INTEGER);
CREATE TABLE "column" ("c0" REAL);
CREATE TABLE "column" ("c0" SMALLINT);
CREATE TABLE "column" ("c0" SUPER);
CREATE TABLE "column" ("c0" TIME);
CREATE TABLE "column" ("c0" TIMESTAMP);
CREATE TABLE "column" ("c0" TIMESTAMPTZ);
CREATE TABLE "column" ("c0" TIMETZ);
CREATE TABLE "column" ("c0" VARBYTE(0));
CREATE TABLE "column" ("c0" VARCHAR(0));
CREATE TABLE "column" ("fold" BIGINT NOT NULL);
CREATE TABLE "column" ("fold" BIGINT);
CREATE TABLE "column" ("fold" VARCHAR(0));
CREATE TABLE "column" ("gone" BOOLEAN);
CREATE TABLE "column" ("gone" VARCHAR(0));
CREATE TABLE "column" ("name" BIGINT);
CREATE TABLE "column" ("name" BOOLEAN);
CREATE TABLE "column" ("name" DATE);
CREATE TABLE "column" ("name" DECIMAL(0,0));
CREATE TABLE "column" ("name" DOUBLE PRECISION);
CREATE TABLE "column" ("name" INTEGER);
CREATE TABLE "column" ("name" REAL);
CREATE TABLE "column" ("name" SMALLINT);
CREATE TABLE "column" ("name" SUPER);
CREATE TABLE "column" ("name" TIME);
CREATE TABLE "column" ("name" TIMESTAMP);
CREATE TABLE "column" ("name" TIMESTAMPTZ);
CREATE TABLE "column" ("name" TIMETZ);
CREATE TABLE "column" ("name" VARBYTE(0));
CREATE TABLE "column" ("name" VARCHAR(0) NOT NULL);
CREATE TABLE "column" ("name" VARCHAR(0));
CREATE TABLE "column" ("o0" BIGINT);
CREATE TABLE "column" ("o0" BOOLEAN);
CREATE TABLE "column" ("o0" DATE);
CREATE TABLE "column" ("o0" DECIMAL(0,0));
CREATE TABLE "column" ("o0" DOUBLE PRECISION);
CREATE TABLE "column" ("o0" INTEGER);
CREATE TABLE "column" ("o0" REAL);
CREATE TABLE "column" ("o0" SMALLINT);
CREATE TABLE "column" ("o0" TIME);
CREATE TABLE "column" ("o0" TIMESTAMP);
CREATE TABLE "column" ("o0" TIMESTAMPTZ);
CREATE TABLE "column" ("o0" VARBYTE(0));
CREATE TABLE "column" ("o0" VARCHAR(0));
CREATE TABLE "column" ("truncated" BOOLEAN);
CREATE TABLE "column" ("truncated" VARCHAR(0));
CREATE TABLE "column" ("u0" BOOLEAN);
CREATE TABLE "column" ("u0" VARCHAR(0));
CREATE TABLE "column" ("xid" BIGINT);
CREATE TABLE "column" ("xid" VARCHAR(0));
CREATE TABLE "column" ('?' || CASE WHEN "c0" THEN '?' ELSE '?' END || '?' || CASE WHEN OCTET_LENGTH("c0") > 0 THEN '?' || SHA2("c0", 0) ELSE REPLACE(REPLACE(REPLACE(REPLACE(REPLACE("c0", '?', '?'), '?', '?'), '?', '?'), '?', '?'), '?', '?') END || '?' || CAST("c0" AS VARCHAR(0)) || '?' || CAST("c0" AS VARCHAR(0)) || '?' || CASE WHEN OCTET_LENGTH("c0") > 0 THEN '?' || SHA2("c0", 0) ELSE REPLACE(REPLACE(REPLACE(REPLACE(REPLACE("c0", '?', '?'), '?', '?'), '?', '?'), '?', '?'), '?', '?') END || '?' AS VARCHAR(0));
CREATE TABLE "column" ('?' || CASE WHEN OCTET_LENGTH("c0") > 0 THEN '?' || SHA2("c0", 0) ELSE REPLACE(REPLACE(REPLACE(REPLACE(REPLACE("c0", '?', '?'), '?', '?'), '?', '?'), '?', '?'), '?', '?') END || '?' AS VARCHAR(0));
CREATE TABLE "column" ('?' || CASE WHEN OCTET_LENGTH("c0") > 0 THEN '?' || SHA2("c0", 0) ELSE REPLACE(REPLACE(REPLACE(REPLACE(REPLACE("c0", '?', '?'), '?', '?'), '?', '?'), '?', '?'), '?', '?') END || '?' || CASE WHEN "c0" THEN '?' ELSE '?' END || '?' || CAST("c0" AS VARCHAR(0)) || '?' || CAST("c0" AS VARCHAR(0)) || '?' || CAST("c0" AS VARCHAR(0)) || '?' || CAST("c0" AS VARCHAR(0)) || '?' || CAST("c0" AS VARCHAR(0)) || '?' || CAST("c0" AS VARCHAR(0)) || '?' || CAST("c0" AS VARCHAR(0)) || '?' || CASE WHEN OCTET_LENGTH("c0") > 0 THEN '?' || SHA2("c0", 0) ELSE REPLACE(REPLACE(REPLACE(REPLACE(REPLACE("c0", '?', '?'), '?', '?'), '?', '?'), '?', '?'), '?', '?') END || '?' || CAST("c0" AS VARCHAR(0)) || '?' || CAST("c0" AS VARCHAR(0)) || '?' || CASE WHEN OCTET_LENGTH("c0") > 0 THEN '?' || SHA2("c0", 0) ELSE REPLACE(REPLACE(REPLACE(REPLACE(REPLACE("c0", '?', '?'), '?', '?'), '?', '?'), '?', '?'), '?', '?') END || '?' || CASE WHEN OCTET_LENGTH("c0") > 0 THEN '?' || SHA2("c0", 0) ELSE REPLACE(REPLACE(REPLACE(REPLACE(REPLACE("c0", '?', '?'), '?', '?'), '?', '?'), '?', '?'), '?', '?') END || '?' || CASE WHEN OCTET_LENGTH("c0") > 0 THEN '?' || SHA2("c0", 0) ELSE REPLACE(REPLACE(REPLACE(REPLACE(REPLACE("c0", '?', '?'), '?', '?'), '?', '?'), '?', '?'), '?', '?') END || '?' || CASE WHEN OCTET_LENGTH("c0") > 0 THEN '?' || SHA2("c0", 0) ELSE REPLACE(REPLACE(REPLACE(REPLACE(REPLACE("c0", '?', '?'), '?', '?'), '?', '?'), '?', '?'), '?', '?') END || '?' || CASE WHEN OCTET_LENGTH("c0") > 0 THEN '?' || SHA2(TO_HEX("c0"), 0) ELSE TO_HEX("c0") END || '?' || CASE WHEN OCTET_LENGTH("c0") > 0 THEN '?' || SHA2("c0", 0) ELSE REPLACE(REPLACE(REPLACE(REPLACE(REPLACE("c0", '?', '?'), '?', '?'), '?', '?'), '?', '?'), '?', '?') END || '?' || CASE WHEN OCTET_LENGTH("c0") > 0 THEN '?' || SHA2("c0", 0) ELSE REPLACE(REPLACE(REPLACE(REPLACE(REPLACE("c0", '?', '?'), '?', '?'), '?', '?'), '?', '?'), '?', '?') END || '?' || CAST("c0" AS VARCHAR(0)) || '?' || CAST("c0" AS VARCHAR(0)) || '?' || CAST("c0" AS VARCHAR(0)) || '?' || CAST("c0" AS VARCHAR(0)) || '?' || CASE WHEN OCTET_LENGTH("c0") > 0 THEN '?' || SHA2("c0", 0) ELSE REPLACE(REPLACE(REPLACE(REPLACE(REPLACE("c0", '?', '?'), '?', '?'), '?', '?'), '?', '?'), '?', '?') END || '?' || CASE WHEN OCTET_LENGTH("c0") > 0 THEN '?' || SHA2("c0", 0) ELSE REPLACE(REPLACE(REPLACE(REPLACE(REPLACE("c0", '?', '?'), '?', '?'), '?', '?'), '?', '?'), '?', '?') END || '?' || CASE WHEN OCTET_LENGTH("c0") > 0 THEN '?' || SHA2("c0", 0) ELSE REPLACE(REPLACE(REPLACE(REPLACE(REPLACE("c0", '?', '?'), '?', '?'), '?', '?'), '?', '?'), '?', '?') END || '?' || CASE WHEN OCTET_LENGTH("c0") > 0 THEN '?' || SHA2("c0", 0) ELSE REPLACE(REPLACE(REPLACE(REPLACE(REPLACE("c0", '?', '?'), '?', '?'), '?', '?'), '?', '?'), '?', '?') END || '?' || CASE WHEN OCTET_LENGTH("c0") > 0 THEN '?' || SHA2("c0", 0) ELSE REPLACE(REPLACE(REPLACE(REPLACE(REPLACE("c0", '?', '?'), '?', '?'), '?', '?'), '?', '?'), '?', '?') END || '?' || CASE WHEN OCTET_LENGTH("c0") > 0 THEN '?' || SHA2("c0", 0) ELSE REPLACE(REPLACE(REPLACE(REPLACE(REPLACE("c0", '?', '?'), '?', '?'), '?', '?'), '?', '?'), '?', '?') END || '?' || CASE WHEN OCTET_LENGTH("c0") > 0 THEN '?' || SHA2("c0", 0) ELSE REPLACE(REPLACE(REPLACE(REPLACE(REPLACE("c0", '?', '?'), '?', '?'), '?', '?'), '?', '?'), '?', '?') END || '?' || CASE WHEN OCTET_LENGTH("c0") > 0 THEN '?' || SHA2("c0", 0) ELSE REPLACE(REPLACE(REPLACE(REPLACE(REPLACE("c0", '?', '?'), '?', '?'), '?', '?'), '?', '?'), '?', '?') END || '?' AS VARCHAR(0));
CREATE TABLE "column" ('?' || CAST("c0" AS VARCHAR(0)) || '?' AS VARCHAR(0));
CREATE TABLE "column" (LIKE "name"."load_0_0_0");
CREATE TABLE "column" (LIKE "stage_0");
CREATE TABLE IF NOT EXISTS "metadata"."checkpoint" ("layout" INTEGER NOT NULL, "pipeline" VARCHAR(0) NOT NULL, "epoch" BIGINT NOT NULL, "phase" VARCHAR(0) NOT NULL, "lsn" VARCHAR(0) NOT NULL, "committed_at" TIMESTAMP, "system" VARCHAR(0) NOT NULL, "timeline" BIGINT NOT NULL, "database_name" VARCHAR(0) NOT NULL, "slot" VARCHAR(0) NOT NULL, "publication_oid" BIGINT NOT NULL, "publication_xmin" BIGINT NOT NULL, "changed_at" TIMESTAMP, "written_by" VARCHAR(0));
CREATE TABLE IF NOT EXISTS "metadata"."fence" ("id" INTEGER);
CREATE TABLE IF NOT EXISTS "metadata"."request" ("kind" VARCHAR(0) NOT NULL, "source_schema" VARCHAR(0) NOT NULL, "source_table" VARCHAR(0) NOT NULL, "token" VARCHAR(0) NOT NULL, "state" VARCHAR(0) NOT NULL, "requested_at" TIMESTAMP, "taken_at" TIMESTAMP, "done_at" TIMESTAMP);
CREATE TABLE IF NOT EXISTS "metadata"."table_state" ("source_oid" BIGINT NOT NULL, "source_schema" VARCHAR(0) NOT NULL, "source_table" VARCHAR(0) NOT NULL, "target" VARCHAR(0) NOT NULL, "state" VARCHAR(0) NOT NULL, "row_oid" BIGINT NOT NULL, "row_xmin" BIGINT NOT NULL, "detail" VARCHAR(0));
CREATE TABLE IF NOT EXISTS "name"."held_0_0_0" ("fold" BIGINT, "xid" BIGINT, "truncated" BIGINT, "c0" BIGINT, "gone" BIGINT) DISTSTYLE KEY DISTKEY ("c0") COMPOUND SORTKEY ("fold");
CREATE TABLE IF NOT EXISTS "name"."held_0_0_0" ("fold" BIGINT, "xid" BIGINT, "truncated" BIGINT, "c0" BIGINT, "o0" BIGINT, "u0" BIGINT, "gone" BIGINT) DISTSTYLE KEY DISTKEY ("c0") COMPOUND SORTKEY ("fold");
CREATE TABLE IF NOT EXISTS "name"."ledger_0_0_0" ("fold" BIGINT, "xid" BIGINT, "name" BIGINT);
CREATE TABLE IF NOT EXISTS "name"."load_0_0_0" ("name" BIGINT) DISTSTYLE KEY DISTKEY ("name") COMPOUND SORTKEY ("name");
CREATE TABLE IF NOT EXISTS "name"."name" ("name" BIGINT);
CREATE TABLE IF NOT EXISTS "name"."name" ("name" BIGINT) DISTSTYLE KEY DISTKEY ("name") COMPOUND SORTKEY ("name");
CREATE TEMP TABLE "entries_0" ("c0" BIGINT, "name" BIGINT);
CREATE TEMP TABLE "entries_0" ("fold" BIGINT, "xid" BIGINT, "c0" BIGINT, "name" BIGINT);
CREATE TEMP TABLE "gone_0" ("c0" BIGINT);
CREATE TEMP TABLE "keys_0" AS SELECT CAST('?' BIGINT) AS "name" FROM "stage_0";
CREATE TEMP TABLE "name" ("c0" BIGINT, "gone" BIGINT);
CREATE TEMP TABLE "name" ("c0" BIGINT, "name" BIGINT);
CREATE TEMP TABLE "name" ("fold" BIGINT, "xid" BIGINT, "truncated" BIGINT, "c0" BIGINT, "o0" BIGINT, "u0" BIGINT, "gone" BIGINT);
CREATE TEMP TABLE "name" ("name" BIGINT);
CREATE TEMP TABLE "name" (LIKE BIGINT);
CREATE TEMP TABLE "name" AS SELECT CAST('?' BIGINT) AS "name" FROM "name"."held_0_0_0" WHERE "fold" = 0;
CREATE TEMP TABLE "name" AS SELECT CAST('?' BIGINT) AS "name" FROM "stage_0";
CREATE TEMP TABLE "probe" ("c0" BIGINT);
CREATE TEMP TABLE "stage_0" ("c0" BIGINT, "gone" BIGINT) DISTSTYLE KEY DISTKEY ("c0");
CREATE TEMP TABLE "stage_0" ("c0" BIGINT, "o0" BIGINT, "u0" BIGINT, "gone" BIGINT) DISTSTYLE KEY DISTKEY ("c0");
CREATE TEMP TABLE "stage_0" ("fold" BIGINT, "xid" BIGINT, "truncated" BIGINT, "c0" BIGINT, "gone" BIGINT) DISTSTYLE KEY DISTKEY ("c0");
CREATE TEMP TABLE "stage_0" ("fold" BIGINT, "xid" BIGINT, "truncated" BIGINT, "c0" BIGINT, "o0" BIGINT, "u0" BIGINT, "gone" BIGINT) DISTSTYLE KEY DISTKEY ("c0");
CREATE VIEW "metadata"."freshness" AS SELECT s."source_schema", s."source_table", s."target", s."state", c."committed_at", c."lsn", c."changed_at" FROM "metadata"."table_state" AS s CROSS JOIN "metadata"."checkpoint" AS c WITH NO SCHEMA BINDING;

-- DELETE
DELETE FROM "gone_0";
DELETE FROM "metadata"."table_state";
DELETE FROM "metadata"."table_state" WHERE "source_oid" IN (0);
DELETE FROM "name"."held_0_0_0" WHERE "fold" <= 0;
DELETE FROM "name"."held_0_0_0" WHERE ("xid" < 0 OR "xid" >= 0);
DELETE FROM "name"."held_0_0_0" WHERE ("xid" < 0 OR "xid" >= 0) AND "xid" NOT IN (0);
DELETE FROM "name"."ledger_0_0_0" USING "name" AS s WHERE "name"."ledger_0_0_0"."name" = '?' AND "name"."ledger_0_0_0"."fold" < 0 AND "name"."ledger_0_0_0"."name" = s."name";
DELETE FROM "name"."ledger_0_0_0" WHERE "fold" = 0;
DELETE FROM "name"."ledger_0_0_0" WHERE ("xid" < 0 OR "xid" >= 0);
DELETE FROM "name"."ledger_0_0_0" WHERE ("xid" < 0 OR "xid" >= 0) AND "xid" NOT IN (0);
DELETE FROM "name"."load_0_0_0";
DELETE FROM "name"."load_0_0_0" USING "name"."held_0_0_0" AS s WHERE "name"."load_0_0_0"."name" = s."c0" AND OCTET_LENGTH("name"."load_0_0_0"."name") = OCTET_LENGTH(s."c0") AND s."fold" = 0;
DELETE FROM "name"."load_0_0_0" USING "name"."held_0_0_0" AS s WHERE "name"."load_0_0_0"."name" = s."c0" AND s."fold" = 0;
DELETE FROM "name"."load_0_0_0" USING "stage_0" AS s WHERE "name"."load_0_0_0"."name" = s."c0";
DELETE FROM "name"."load_0_0_0" USING "stage_0" AS s WHERE "name"."load_0_0_0"."name" = s."c0" AND OCTET_LENGTH("name"."load_0_0_0"."name") = OCTET_LENGTH(s."c0");
DELETE FROM "name"."name";
DELETE FROM "name"."name" USING "gone_0" AS g WHERE "name"."name"."name" = g."c0";
DELETE FROM "name"."name" USING "gone_0" AS g WHERE "name"."name"."name" = g."c0" AND OCTET_LENGTH("name"."name"."name") = OCTET_LENGTH(g."c0");
DELETE FROM "name"."name" USING "name"."load_0_0_0" AS l WHERE "name"."name"."name" = l."name";
DELETE FROM "name"."name" USING "name"."load_0_0_0" AS l WHERE "name"."name"."name" = l."name" AND ("name"."name"."name" <> l."name" OR ("name"."name"."name" IS NULL AND l."name" IS NOT NULL) OR ("name"."name"."name" IS NOT NULL AND l."name" IS NULL) OR OCTET_LENGTH("name"."name"."name") <> OCTET_LENGTH(l."name"));
DELETE FROM "name"."name" USING "name"."load_0_0_0" AS l WHERE "name"."name"."name" = l."name" AND ("name"."name"."name" <> l."name" OR ("name"."name"."name" IS NULL AND l."name" IS NOT NULL) OR ("name"."name"."name" IS NOT NULL AND l."name" IS NULL));
DELETE FROM "name"."name" USING "name"."load_0_0_0" AS l WHERE "name"."name"."name" = l."name" AND ("name"."name"."name" <> l."name" OR OCTET_LENGTH("name"."name"."name") <> OCTET_LENGTH(l."name") OR ("name"."name"."name" IS NULL AND l."name" IS NOT NULL) OR ("name"."name"."name" IS NOT NULL AND l."name" IS NULL));
DELETE FROM "name"."name" USING "name"."load_0_0_0" AS l WHERE "name"."name"."name" = l."name" AND OCTET_LENGTH("name"."name"."name") = OCTET_LENGTH(l."name");
DELETE FROM "name"."name" USING "name"."load_0_0_0" AS l WHERE "name"."name"."name" = l."name" AND OCTET_LENGTH("name"."name"."name") = OCTET_LENGTH(l."name") AND ("name"."name"."name" <> l."name" OR ("name"."name"."name" IS NULL AND l."name" IS NOT NULL) OR ("name"."name"."name" IS NOT NULL AND l."name" IS NULL) OR OCTET_LENGTH("name"."name"."name") <> OCTET_LENGTH(l."name"));
DELETE FROM "name"."name" USING "name"."load_0_0_0" AS l WHERE "name"."name"."name" = l."name" AND OCTET_LENGTH("name"."name"."name") = OCTET_LENGTH(l."name") AND ("name"."name"."name" <> l."name" OR ("name"."name"."name" IS NULL AND l."name" IS NOT NULL) OR ("name"."name"."name" IS NOT NULL AND l."name" IS NULL));
DELETE FROM "name"."name" USING "name"."load_0_0_0" AS l WHERE "name"."name"."name" = l."name" AND OCTET_LENGTH("name"."name"."name") = OCTET_LENGTH(l."name") AND ("name"."name"."name" <> l."name" OR OCTET_LENGTH("name"."name"."name") <> OCTET_LENGTH(l."name") OR ("name"."name"."name" IS NULL AND l."name" IS NOT NULL) OR ("name"."name"."name" IS NOT NULL AND l."name" IS NULL));
DELETE FROM "name"."name" USING "stage_0" AS s WHERE "name"."name"."name" = s."c0";
DELETE FROM "name"."name" USING "stage_0" AS s WHERE "name"."name"."name" = s."c0" AND OCTET_LENGTH("name"."name"."name") = OCTET_LENGTH(s."c0");
DELETE FROM "name"."name" WHERE "name" = '?';
DELETE FROM "name"."name" WHERE "name" = '?' AND "name" IN ('?');
DELETE FROM "name"."name" WHERE "name" IS NULL;

-- DROP
DROP TABLE IF EXISTS "entries_0";
DROP TABLE IF EXISTS "gone_0";
DROP TABLE IF EXISTS "keys_0";
DROP TABLE IF EXISTS "name";
DROP TABLE IF EXISTS "name"."held_0_0_0";
DROP TABLE IF EXISTS "name"."ledger_0_0_0";
DROP TABLE IF EXISTS "name"."load_0_0_0";
DROP TABLE IF EXISTS "probe";
DROP TABLE IF EXISTS "stage_0";

-- GRANT
GRANT SELECT ON "metadata"."checkpoint" TO "name";
GRANT SELECT ON "metadata"."freshness" TO "name";
GRANT SELECT ON "metadata"."table_state" TO "name";
GRANT SELECT ON "name"."name" TO "name";
GRANT USAGE ON SCHEMA "name" TO "name";

-- INSERT
INSERT INTO "gone_0" ("c0") SELECT "name" FROM "name"."name" GROUP BY "name", OCTET_LENGTH("name") HAVING COUNT(*) > 0;
INSERT INTO "gone_0" ("c0") SELECT t."name" FROM "name"."name" AS t LEFT JOIN "name"."load_0_0_0" AS l ON t."name" = l."name" AND OCTET_LENGTH(t."name") = OCTET_LENGTH(l."name") WHERE l."name" IS NULL;
INSERT INTO "gone_0" ("c0") SELECT t."name" FROM "name"."name" AS t LEFT JOIN "name"."load_0_0_0" AS l ON t."name" = l."name" WHERE l."name" IS NULL;
INSERT INTO "metadata"."checkpoint" ("layout", "pipeline", "epoch", "phase", "lsn", "committed_at", "system", "timeline", "database_name", "slot", "publication_oid", "publication_xmin", "changed_at", "written_by") VALUES (0, '?', 0, '?', '?', '?', '?', 0, '?', '?', 0, 0, GETDATE(), '?');
INSERT INTO "metadata"."checkpoint" ("layout", "pipeline", "epoch", "phase", "lsn", "committed_at", "system", "timeline", "database_name", "slot", "publication_oid", "publication_xmin", "changed_at", "written_by") VALUES (0, '?', 0, '?', '?', NULL, '?', 0, '?', '?', 0, 0, GETDATE(), '?');
INSERT INTO "metadata"."request" ("kind", "source_schema", "source_table", "token", "state", "requested_at") VALUES ('?', '?', '?', '?', '?', GETDATE());
INSERT INTO "metadata"."request" ("kind", "source_schema", "source_table", "token", "state", "requested_at", "taken_at") VALUES ('?', '?', '?', '?', '?', GETDATE(), GETDATE());
INSERT INTO "metadata"."request" ("kind", "source_schema", "source_table", "token", "state", "requested_at", "taken_at") VALUES ('?', '?', '?', '?', '?', GETDATE(), NULL);
INSERT INTO "metadata"."table_state" ("source_oid", "source_schema", "source_table", "target", "state", "row_oid", "row_xmin", "detail") VALUES (0, '?', '?', '?', '?', 0, 0, '?');
INSERT INTO "name"."held_0_0_0" ("fold", "xid", "truncated", "c0", "gone") SELECT "fold" + 0, "xid", "truncated", "c0", "gone" FROM "stage_0";
INSERT INTO "name"."held_0_0_0" ("fold", "xid", "truncated", "c0", "o0", "u0", "gone") SELECT "fold" + 0, "xid", "truncated", "c0", "o0", "u0", "gone" FROM "stage_0";
INSERT INTO "name"."ledger_0_0_0" ("fold", "xid", "name") SELECT "fold" + 0, "xid", COALESCE("name", '?' || CASE WHEN OCTET_LENGTH("c0") > 0 THEN '?' || SHA2("c0", 0) ELSE REPLACE(REPLACE(REPLACE(REPLACE(REPLACE("c0", '?', '?'), '?', '?'), '?', '?'), '?', '?'), '?', '?') END || '?'), "name" FROM "entries_0";
INSERT INTO "name"."ledger_0_0_0" ("fold", "xid", "name") SELECT "fold" + 0, "xid", COALESCE("name", '?' || CAST("c0" AS VARCHAR(0)) || '?'), "name" FROM "entries_0";
INSERT INTO "name"."ledger_0_0_0" ("fold", "xid", "name") SELECT 0, NULL, '?' || CASE WHEN OCTET_LENGTH("c0") > 0 THEN '?' || SHA2("c0", 0) ELSE REPLACE(REPLACE(REPLACE(REPLACE(REPLACE("c0", '?', '?'), '?', '?'), '?', '?'), '?', '?'), '?', '?') END || '?', NULL, '?', '?', NULL, '?', NULL, NULL FROM "name"."held_0_0_0" WHERE ("u0") AND "name"."held_0_0_0"."fold" = 0;
INSERT INTO "name"."ledger_0_0_0" ("fold", "xid", "name") SELECT 0, NULL, '?' || CASE WHEN OCTET_LENGTH("c0") > 0 THEN '?' || SHA2("c0", 0) ELSE REPLACE(REPLACE(REPLACE(REPLACE(REPLACE("c0", '?', '?'), '?', '?'), '?', '?'), '?', '?'), '?', '?') END || '?', NULL, '?', '?', NULL, '?', NULL, NULL FROM "stage_0" WHERE "u0";
INSERT INTO "name"."ledger_0_0_0" ("fold", "xid", "name") SELECT 0, NULL, COALESCE("name", '?' || CASE WHEN OCTET_LENGTH("c0") > 0 THEN '?' || SHA2("c0", 0) ELSE REPLACE(REPLACE(REPLACE(REPLACE(REPLACE("c0", '?', '?'), '?', '?'), '?', '?'), '?', '?'), '?', '?') END || '?' || CASE WHEN "c0" THEN '?' ELSE '?' END || '?' || CAST("c0" AS VARCHAR(0)) || '?' || CAST("c0" AS VARCHAR(0)) || '?' || CAST("c0" AS VARCHAR(0)) || '?' || CAST("c0" AS VARCHAR(0)) || '?' || CAST("c0" AS VARCHAR(0)) || '?' || CAST("c0" AS VARCHAR(0)) || '?' || CAST("c0" AS VARCHAR(0)) || '?' || CASE WHEN OCTET_LENGTH("c0") > 0 THEN '?' || SHA2("c0", 0) ELSE REPLACE(REPLACE(REPLACE(REPLACE(REPLACE("c0", '?', '?'), '?', '?'), '?', '?'), '?', '?'), '?', '?') END || '?' || CAST("c0" AS VARCHAR(0)) || '?' || CAST("c0" AS VARCHAR(0)) || '?' || CASE WHEN OCTET_LENGTH("c0") > 0 THEN '?' || SHA2("c0", 0) ELSE REPLACE(REPLACE(REPLACE(REPLACE(REPLACE("c0", '?', '?'), '?', '?'), '?', '?'), '?', '?'), '?', '?') END || '?' || CASE WHEN OCTET_LENGTH("c0") > 0 THEN '?' || SHA2("c0", 0) ELSE REPLACE(REPLACE(REPLACE(REPLACE(REPLACE("c0", '?', '?'), '?', '?'), '?', '?'), '?', '?'), '?', '?') END || '?' || CASE WHEN OCTET_LENGTH("c0") > 0 THEN '?' || SHA2("c0", 0) ELSE REPLACE(REPLACE(REPLACE(REPLACE(REPLACE("c0", '?', '?'), '?', '?'), '?', '?'), '?', '?'), '?', '?') END || '?' || CASE WHEN OCTET_LENGTH("c0") > 0 THEN '?' || SHA2("c0", 0) ELSE REPLACE(REPLACE(REPLACE(REPLACE(REPLACE("c0", '?', '?'), '?', '?'), '?', '?'), '?', '?'), '?', '?') END || '?' || CASE WHEN OCTET_LENGTH("c0") > 0 THEN '?' || SHA2(TO_HEX("c0"), 0) ELSE TO_HEX("c0") END || '?' || CASE WHEN OCTET_LENGTH("c0") > 0 THEN '?' || SHA2("c0", 0) ELSE REPLACE(REPLACE(REPLACE(REPLACE(REPLACE("c0", '?', '?'), '?', '?'), '?', '?'), '?', '?'), '?', '?') END || '?' || CASE WHEN OCTET_LENGTH("c0") > 0 THEN '?' || SHA2("c0", 0) ELSE REPLACE(REPLACE(REPLACE(REPLACE(REPLACE("c0", '?', '?'), '?', '?'), '?', '?'), '?', '?'), '?', '?') END || '?' || CAST("c0" AS VARCHAR(0)) || '?' || CAST("c0" AS VARCHAR(0)) || '?' || CAST("c0" AS VARCHAR(0)) || '?' || CAST("c0" AS VARCHAR(0)) || '?' || CASE WHEN OCTET_LENGTH("c0") > 0 THEN '?' || SHA2("c0", 0) ELSE REPLACE(REPLACE(REPLACE(REPLACE(REPLACE("c0", '?', '?'), '?', '?'), '?', '?'), '?', '?'), '?', '?') END || '?' || CASE WHEN OCTET_LENGTH("c0") > 0 THEN '?' || SHA2("c0", 0) ELSE REPLACE(REPLACE(REPLACE(REPLACE(REPLACE("c0", '?', '?'), '?', '?'), '?', '?'), '?', '?'), '?', '?') END || '?' || CASE WHEN OCTET_LENGTH("c0") > 0 THEN '?' || SHA2("c0", 0) ELSE REPLACE(REPLACE(REPLACE(REPLACE(REPLACE("c0", '?', '?'), '?', '?'), '?', '?'), '?', '?'), '?', '?') END || '?' || CASE WHEN OCTET_LENGTH("c0") > 0 THEN '?' || SHA2("c0", 0) ELSE REPLACE(REPLACE(REPLACE(REPLACE(REPLACE("c0", '?', '?'), '?', '?'), '?', '?'), '?', '?'), '?', '?') END || '?' || CASE WHEN OCTET_LENGTH("c0") > 0 THEN '?' || SHA2("c0", 0) ELSE REPLACE(REPLACE(REPLACE(REPLACE(REPLACE("c0", '?', '?'), '?', '?'), '?', '?'), '?', '?'), '?', '?') END || '?' || CASE WHEN OCTET_LENGTH("c0") > 0 THEN '?' || SHA2("c0", 0) ELSE REPLACE(REPLACE(REPLACE(REPLACE(REPLACE("c0", '?', '?'), '?', '?'), '?', '?'), '?', '?'), '?', '?') END || '?' || CASE WHEN OCTET_LENGTH("c0") > 0 THEN '?' || SHA2("c0", 0) ELSE REPLACE(REPLACE(REPLACE(REPLACE(REPLACE("c0", '?', '?'), '?', '?'), '?', '?'), '?', '?'), '?', '?') END || '?' || CASE WHEN OCTET_LENGTH("c0") > 0 THEN '?' || SHA2("c0", 0) ELSE REPLACE(REPLACE(REPLACE(REPLACE(REPLACE("c0", '?', '?'), '?', '?'), '?', '?'), '?', '?'), '?', '?') END || '?'), "name" FROM "name";
INSERT INTO "name"."ledger_0_0_0" ("fold", "xid", "name") SELECT 0, NULL, COALESCE("name", '?' || CASE WHEN OCTET_LENGTH("c0") > 0 THEN '?' || SHA2("c0", 0) ELSE REPLACE(REPLACE(REPLACE(REPLACE(REPLACE("c0", '?', '?'), '?', '?'), '?', '?'), '?', '?'), '?', '?') END || '?'), "name" FROM "entries_0";
INSERT INTO "name"."ledger_0_0_0" ("fold", "xid", "name") SELECT 0, NULL, COALESCE("name", '?' || CASE WHEN OCTET_LENGTH("c0") > 0 THEN '?' || SHA2("c0", 0) ELSE REPLACE(REPLACE(REPLACE(REPLACE(REPLACE("c0", '?', '?'), '?', '?'), '?', '?'), '?', '?'), '?', '?') END || '?'), "name" FROM "name";
INSERT INTO "name"."ledger_0_0_0" ("fold", "xid", "name") SELECT 0, NULL, COALESCE("name", '?' || CAST("c0" AS VARCHAR(0)) || '?'), "name" FROM "name";
INSERT INTO "name"."load_0_0_0" ("name") SELECT "c0" FROM "name"."held_0_0_0" WHERE NOT "gone" AND "name"."held_0_0_0"."fold" = 0;
INSERT INTO "name"."load_0_0_0" ("name") SELECT "c0" FROM "stage_0" WHERE NOT "gone";
INSERT INTO "name"."name" ("name") SELECT "c0" FROM "stage_0" WHERE NOT "gone";
INSERT INTO "name"."name" ("name") SELECT "name" FROM "name"."load_0_0_0";
INSERT INTO "name"."name" ("name") SELECT '?', '?', '?', "name", GETDATE() FROM "name"."ledger_0_0_0" WHERE "name" NOT IN ('?');
INSERT INTO "name"."name" ("name") SELECT '?', '?', '?', '?' || CASE WHEN OCTET_LENGTH("c0") > 0 THEN '?' || SHA2("c0", 0) ELSE REPLACE(REPLACE(REPLACE(REPLACE(REPLACE("c0", '?', '?'), '?', '?'), '?', '?'), '?', '?'), '?', '?') END || '?', '?', NULL, NULL, '?', '?', NULL, GETDATE() FROM "stage_0" WHERE "u0";
INSERT INTO "name"."name" ("name") SELECT '?', '?', '?', '?' || CASE WHEN OCTET_LENGTH("c0") > 0 THEN '?' || SHA2("c0", 0) ELSE REPLACE(REPLACE(REPLACE(REPLACE(REPLACE("c0", '?', '?'), '?', '?'), '?', '?'), '?', '?'), '?', '?') END || '?', '?', NULL, NULL, '?', NULL, NULL, GETDATE() FROM "stage_0" WHERE "u0";
INSERT INTO "name"."name" ("name") SELECT '?', '?', '?', '?' || CAST("c0" AS VARCHAR(0)) || '?', '?', NULL, NULL, '?', '?', NULL, GETDATE() FROM "stage_0" WHERE "u0";
INSERT INTO "name"."name" ("name") SELECT '?', '?', '?', COALESCE("name", '?' || CASE WHEN "c0" THEN '?' ELSE '?' END || '?' || CASE WHEN OCTET_LENGTH("c0") > 0 THEN '?' || SHA2("c0", 0) ELSE REPLACE(REPLACE(REPLACE(REPLACE(REPLACE("c0", '?', '?'), '?', '?'), '?', '?'), '?', '?'), '?', '?') END || '?' || CAST("c0" AS VARCHAR(0)) || '?' || CAST("c0" AS VARCHAR(0)) || '?' || CASE WHEN OCTET_LENGTH("c0") > 0 THEN '?' || SHA2("c0", 0) ELSE REPLACE(REPLACE(REPLACE(REPLACE(REPLACE("c0", '?', '?'), '?', '?'), '?', '?'), '?', '?'), '?', '?') END || '?'), "name", GETDATE() FROM "entries_0" WHERE "name" = '?';
INSERT INTO "name"."name" ("name") SELECT '?', '?', '?', COALESCE("name", '?' || CASE WHEN "c0" THEN '?' ELSE '?' END || '?' || CASE WHEN OCTET_LENGTH("c0") > 0 THEN '?' || SHA2("c0", 0) ELSE REPLACE(REPLACE(REPLACE(REPLACE(REPLACE("c0", '?', '?'), '?', '?'), '?', '?'), '?', '?'), '?', '?') END || '?' || CAST("c0" AS VARCHAR(0)) || '?' || CAST("c0" AS VARCHAR(0)) || '?' || CASE WHEN OCTET_LENGTH("c0") > 0 THEN '?' || SHA2("c0", 0) ELSE REPLACE(REPLACE(REPLACE(REPLACE(REPLACE("c0", '?', '?'), '?', '?'), '?', '?'), '?', '?'), '?', '?') END || '?'), "name", GETDATE() FROM "entries_0" WHERE "name" NOT IN ('?');
INSERT INTO "name"."name" ("name") SELECT '?', '?', '?', COALESCE("name", '?' || CASE WHEN OCTET_LENGTH("c0") > 0 THEN '?' || SHA2("c0", 0) ELSE REPLACE(REPLACE(REPLACE(REPLACE(REPLACE("c0", '?', '?'), '?', '?'), '?', '?'), '?', '?'), '?', '?') END || '?' || CASE WHEN "c0" THEN '?' ELSE '?' END || '?' || CAST("c0" AS VARCHAR(0)) || '?' || CAST("c0" AS VARCHAR(0)) || '?' || CAST("c0" AS VARCHAR(0)) || '?' || CAST("c0" AS VARCHAR(0)) || '?' || CAST("c0" AS VARCHAR(0)) || '?' || CAST("c0" AS VARCHAR(0)) || '?' || CAST("c0" AS VARCHAR(0)) || '?' || CASE WHEN OCTET_LENGTH("c0") > 0 THEN '?' || SHA2("c0", 0) ELSE REPLACE(REPLACE(REPLACE(REPLACE(REPLACE("c0", '?', '?'), '?', '?'), '?', '?'), '?', '?'), '?', '?') END || '?' || CAST("c0" AS VARCHAR(0)) || '?' || CAST("c0" AS VARCHAR(0)) || '?' || CASE WHEN OCTET_LENGTH("c0") > 0 THEN '?' || SHA2("c0", 0) ELSE REPLACE(REPLACE(REPLACE(REPLACE(REPLACE("c0", '?', '?'), '?', '?'), '?', '?'), '?', '?'), '?', '?') END || '?' || CASE WHEN OCTET_LENGTH("c0") > 0 THEN '?' || SHA2("c0", 0) ELSE REPLACE(REPLACE(REPLACE(REPLACE(REPLACE("c0", '?', '?'), '?', '?'), '?', '?'), '?', '?'), '?', '?') END || '?' || CASE WHEN OCTET_LENGTH("c0") > 0 THEN '?' || SHA2("c0", 0) ELSE REPLACE(REPLACE(REPLACE(REPLACE(REPLACE("c0", '?', '?'), '?', '?'), '?', '?'), '?', '?'), '?', '?') END || '?' || CASE WHEN OCTET_LENGTH("c0") > 0 THEN '?' || SHA2("c0", 0) ELSE REPLACE(REPLACE(REPLACE(REPLACE(REPLACE("c0", '?', '?'), '?', '?'), '?', '?'), '?', '?'), '?', '?') END || '?' || CASE WHEN OCTET_LENGTH("c0") > 0 THEN '?' || SHA2(TO_HEX("c0"), 0) ELSE TO_HEX("c0") END || '?' || CASE WHEN OCTET_LENGTH("c0") > 0 THEN '?' || SHA2("c0", 0) ELSE REPLACE(REPLACE(REPLACE(REPLACE(REPLACE("c0", '?', '?'), '?', '?'), '?', '?'), '?', '?'), '?', '?') END || '?' || CASE WHEN OCTET_LENGTH("c0") > 0 THEN '?' || SHA2("c0", 0) ELSE REPLACE(REPLACE(REPLACE(REPLACE(REPLACE("c0", '?', '?'), '?', '?'), '?', '?'), '?', '?'), '?', '?') END || '?' || CAST("c0" AS VARCHAR(0)) || '?' || CAST("c0" AS VARCHAR(0)) || '?' || CAST("c0" AS VARCHAR(0)) || '?' || CAST("c0" AS VARCHAR(0)) || '?' || CASE WHEN OCTET_LENGTH("c0") > 0 THEN '?' || SHA2("c0", 0) ELSE REPLACE(REPLACE(REPLACE(REPLACE(REPLACE("c0", '?', '?'), '?', '?'), '?', '?'), '?', '?'), '?', '?') END || '?' || CASE WHEN OCTET_LENGTH("c0") > 0 THEN '?' || SHA2("c0", 0) ELSE REPLACE(REPLACE(REPLACE(REPLACE(REPLACE("c0", '?', '?'), '?', '?'), '?', '?'), '?', '?'), '?', '?') END || '?' || CASE WHEN OCTET_LENGTH("c0") > 0 THEN '?' || SHA2("c0", 0) ELSE REPLACE(REPLACE(REPLACE(REPLACE(REPLACE("c0", '?', '?'), '?', '?'), '?', '?'), '?', '?'), '?', '?') END || '?' || CASE WHEN OCTET_LENGTH("c0") > 0 THEN '?' || SHA2("c0", 0) ELSE REPLACE(REPLACE(REPLACE(REPLACE(REPLACE("c0", '?', '?'), '?', '?'), '?', '?'), '?', '?'), '?', '?') END || '?' || CASE WHEN OCTET_LENGTH("c0") > 0 THEN '?' || SHA2("c0", 0) ELSE REPLACE(REPLACE(REPLACE(REPLACE(REPLACE("c0", '?', '?'), '?', '?'), '?', '?'), '?', '?'), '?', '?') END || '?' || CASE WHEN OCTET_LENGTH("c0") > 0 THEN '?' || SHA2("c0", 0) ELSE REPLACE(REPLACE(REPLACE(REPLACE(REPLACE("c0", '?', '?'), '?', '?'), '?', '?'), '?', '?'), '?', '?') END || '?' || CASE WHEN OCTET_LENGTH("c0") > 0 THEN '?' || SHA2("c0", 0) ELSE REPLACE(REPLACE(REPLACE(REPLACE(REPLACE("c0", '?', '?'), '?', '?'), '?', '?'), '?', '?'), '?', '?') END || '?' || CASE WHEN OCTET_LENGTH("c0") > 0 THEN '?' || SHA2("c0", 0) ELSE REPLACE(REPLACE(REPLACE(REPLACE(REPLACE("c0", '?', '?'), '?', '?'), '?', '?'), '?', '?'), '?', '?') END || '?'), "name", GETDATE() FROM "entries_0" WHERE "name" = '?';
INSERT INTO "name"."name" ("name") SELECT '?', '?', '?', COALESCE("name", '?' || CASE WHEN OCTET_LENGTH("c0") > 0 THEN '?' || SHA2("c0", 0) ELSE REPLACE(REPLACE(REPLACE(REPLACE(REPLACE("c0", '?', '?'), '?', '?'), '?', '?'), '?', '?'), '?', '?') END || '?'), "name", GETDATE() FROM "entries_0" WHERE "name" = '?';
INSERT INTO "name"."name" ("name") SELECT '?', '?', '?', COALESCE("name", '?' || CASE WHEN OCTET_LENGTH("c0") > 0 THEN '?' || SHA2("c0", 0) ELSE REPLACE(REPLACE(REPLACE(REPLACE(REPLACE("c0", '?', '?'), '?', '?'), '?', '?'), '?', '?'), '?', '?') END || '?'), "name", GETDATE() FROM "entries_0" WHERE "name" NOT IN ('?');
INSERT INTO "name"."name" ("name") SELECT '?', '?', '?', COALESCE("name", '?' || CAST("c0" AS VARCHAR(0)) || '?'), "name", GETDATE() FROM "entries_0" WHERE "name" = '?';
INSERT INTO "name"."name" ("name") SELECT '?', '?', '?', COALESCE("name", '?' || CAST("c0" AS VARCHAR(0)) || '?'), "name", GETDATE() FROM "entries_0" WHERE "name" NOT IN ('?');
INSERT INTO "name"."name" ("name") SELECT '?', '?', '?', e."name", GETDATE() FROM "name"."ledger_0_0_0" AS e LEFT JOIN "name"."ledger_0_0_0" AS l ON l."name" = e."name" AND l."fold" > e."fold" AND l."name" IN ('?') WHERE e."name" = '?' AND l."name" IS NULL;
INSERT INTO "name"."name" ("name") SELECT l."name" FROM "name"."load_0_0_0" AS l LEFT JOIN "name"."name" AS t ON l."name" = t."name" AND OCTET_LENGTH(l."name") = OCTET_LENGTH(t."name") WHERE t."name" IS NULL;
INSERT INTO "name"."name" ("name") SELECT l."name" FROM "name"."load_0_0_0" AS l LEFT JOIN "name"."name" AS t ON l."name" = t."name" WHERE t."name" IS NULL;

-- LOCK
LOCK "metadata"."fence";

-- ROLLBACK
ROLLBACK;

-- SELECT
SELECT "epoch" FROM "metadata"."checkpoint";
SELECT "epoch", "lsn", (SELECT COUNT(*) FROM "metadata"."request" WHERE "state" = '?') FROM "metadata"."checkpoint";
SELECT "fold", COUNT(*), MAX("xid"), MAX(CASE WHEN "truncated" THEN 0 ELSE 0 END), 0 FROM "name"."held_0_0_0" GROUP BY "fold" ORDER BY "fold" LIMIT 0;
SELECT "fold", COUNT(*), MAX("xid"), MAX(CASE WHEN "truncated" THEN 0 ELSE 0 END), MAX(CASE WHEN "u0" THEN 0 ELSE 0 END) FROM "name"."held_0_0_0" GROUP BY "fold" ORDER BY "fold" LIMIT 0;
SELECT "kind", "source_schema", "source_table" FROM "metadata"."request" WHERE "state" = '?' ORDER BY "kind", "source_schema", "source_table";
SELECT "kind", "source_schema", "source_table", "token", "state", COALESCE(DATEDIFF(second, "requested_at", GETDATE()), 0) FROM "metadata"."request" WHERE "state" = '?' OR "state" = '?' ORDER BY "requested_at", "source_schema", "source_table", "token";
SELECT "layout" FROM "metadata"."checkpoint";
SELECT "name" FROM "name"."name" WHERE "name" IS NULL ORDER BY "name", "name" LIMIT 0;
SELECT "name", COUNT(*) FROM "entries_0" GROUP BY "name", "name" ORDER BY "name";
SELECT "name", COUNT(*) FROM "name"."ledger_0_0_0" GROUP BY "name", "name" ORDER BY "name";
SELECT "name", COUNT(*) FROM "name"."name" WHERE "name" IS NULL GROUP BY "name", "name" ORDER BY "name";
SELECT "pipeline", "epoch", "phase", "lsn", "committed_at", "system", "timeline", "database_name", "slot", "publication_oid", "publication_xmin" FROM "metadata"."checkpoint";
SELECT "source_oid", "source_schema", "source_table", "target" FROM "metadata"."table_state";
SELECT "source_oid", "source_schema", "source_table", "target", "state", "row_oid", "row_xmin", "detail" FROM "metadata"."table_state" ORDER BY "source_oid";
SELECT "token", "state" FROM "metadata"."request" WHERE "kind" = '?' ORDER BY "taken_at", "requested_at", "token";
SELECT "written_by" FROM "metadata"."checkpoint";
SELECT (SELECT COUNT(*) FROM "name"."name") - (SELECT COUNT(*) FROM "name"."load_0_0_0");
SELECT CASE WHEN a."c0" IS NULL THEN '?' WHEN OCTET_LENGTH(a."c0") > 0 THEN '?' ELSE LEFT(SHA2(a."c0", 0), 0) END || '?' || CASE WHEN a."c0" IS NULL THEN '?' WHEN OCTET_LENGTH(a."c0") > 0 THEN '?' ELSE LEFT(SHA2(a."c0", 0), 0) END || '?' || CASE WHEN a."c0" IS NULL THEN '?' WHEN OCTET_LENGTH(a."c0") > 0 THEN '?' ELSE LEFT(SHA2(a."c0", 0), 0) END || '?' FROM "name" AS a LEFT JOIN "name" AS b ON CAST(a."c0" AS VARCHAR(0)) = b."c0" AND OCTET_LENGTH(CAST(a."c0" AS VARCHAR(0))) = OCTET_LENGTH(b."c0") AND CAST(a."fold" AS BIGINT) = b."fold" WHERE b."c0" IS NULL AND a."c0" IS NOT NULL;
SELECT CASE WHEN a."c0" IS NULL THEN '?' WHEN OCTET_LENGTH(a."c0") > 0 THEN '?' ELSE LEFT(SHA2(a."c0", 0), 0) END || '?' || CASE WHEN a."c0" IS NULL THEN '?' WHEN OCTET_LENGTH(a."c0") > 0 THEN '?' ELSE LEFT(SHA2(a."c0", 0), 0) END || '?' || CASE WHEN a."c0" IS NULL THEN '?' WHEN OCTET_LENGTH(a."c0") > 0 THEN '?' ELSE LEFT(SHA2(a."c0", 0), 0) END || '?' FROM "name" AS a LEFT JOIN "name" AS b ON CAST(a."c0" AS VARCHAR(0)) = b."c0" AND OCTET_LENGTH(CAST(a."c0" AS VARCHAR(0))) = OCTET_LENGTH(b."c0") WHERE b."c0" IS NULL AND a."c0" IS NOT NULL;
SELECT CASE WHEN a."name" IS NULL THEN '?' WHEN OCTET_LENGTH(a."name") > 0 THEN '?' ELSE LEFT(SHA2(a."name", 0), 0) END || '?' || CASE WHEN a."name" IS NULL THEN '?' WHEN OCTET_LENGTH(a."name") > 0 THEN '?' ELSE LEFT(SHA2(a."name", 0), 0) END || '?' FROM "name" AS a LEFT JOIN "name" AS b ON CAST(a."name" AS INTEGER) = b."name" WHERE b."name" IS NULL AND a."name" IS NOT NULL;
SELECT CASE WHEN a."name" IS NULL THEN '?' WHEN OCTET_LENGTH(a."name") > 0 THEN '?' ELSE LEFT(SHA2(a."name", 0), 0) END || '?' || CASE WHEN a."name" IS NULL THEN '?' WHEN OCTET_LENGTH(a."name") > 0 THEN '?' ELSE LEFT(SHA2(a."name", 0), 0) END || '?' || CASE WHEN a."name" IS NULL THEN '?' WHEN OCTET_LENGTH(a."name") > 0 THEN '?' ELSE LEFT(SHA2(a."name", 0), 0) END || '?' FROM "name" AS a LEFT JOIN "name" AS b ON CAST(a."name" AS VARCHAR(0)) = b."name" AND OCTET_LENGTH(CAST(a."name" AS VARCHAR(0))) = OCTET_LENGTH(b."name") WHERE b."name" IS NULL AND a."name" IS NOT NULL;
SELECT COALESCE(MAX("fold"), 0) FROM (SELECT "fold" FROM "name"."held_0_0_0" UNION ALL SELECT "fold" FROM "name"."ledger_0_0_0") AS f;
SELECT COUNT(*) FROM "metadata"."checkpoint" WHERE "phase" = UPPER("phase");
SELECT COUNT(*) FROM "name"."held_0_0_0";
SELECT COUNT(*) FROM "name"."held_0_0_0" WHERE "fold" = 0 AND ("u0");
SELECT COUNT(*) FROM "name"."ledger_0_0_0" WHERE "name" = '?';
SELECT COUNT(*) FROM "name"."ledger_0_0_0" WHERE "xid" IS NOT NULL;
SELECT COUNT(*) FROM "name"."name";
SELECT COUNT(*) FROM "stage_0" WHERE "u0";
SELECT COUNT(*) FROM pg_group WHERE groname = '?';
SELECT COUNT(*) FROM pg_namespace WHERE nspname = '?';
SELECT COUNT(*) FROM pg_user WHERE usename = '?';
SELECT DATEDIFF(second, "taken_at", "done_at") FROM "metadata"."request" WHERE "kind" = '?' AND "state" = '?' ORDER BY "done_at" DESC LIMIT 0;
SELECT DISTINCT "name" FROM "name"."ledger_0_0_0" WHERE "name" IS NOT NULL ORDER BY "name";
SELECT DISTINCT "name" FROM "name"."name" WHERE "name" IS NOT NULL ORDER BY "name";
SELECT DISTINCT t.pid FROM svv_transactions AS t JOIN pg_class AS c ON c."oid" = t.relation JOIN pg_namespace AS n ON n."oid" = c.relnamespace WHERE n.nspname = '?' AND c.relname = '?' AND t.granted AND t.lock_mode = '?' AND t.txn_owner = CURRENT_USER AND t.pid <> pg_backend_pid();
SELECT TRIM(application_name) FROM sys_connection_log WHERE session_id = 0 AND TRIM(application_name) <> '?' ORDER BY record_time DESC LIMIT 0;
SELECT TRIM(colname), err_code, TRIM(filename), line_number FROM stl_load_errors ORDER BY starttime DESC LIMIT 0;
SELECT c.column_name, c.data_type, c.character_maximum_length, c.numeric_precision, c.numeric_scale, t.table_type FROM svv_columns AS c LEFT JOIN svv_tables AS t ON t.table_catalog = c.table_catalog AND t.table_schema = '?' AND t.table_name = '?' WHERE c.table_schema = '?' AND c.table_name = '?' ORDER BY c.ordinal_position;
SELECT column_name, distkey, sortkey FROM svv_redshift_columns WHERE database_name = current_database() AND schema_name = '?' AND table_name = '?' AND (distkey OR sortkey <> 0) ORDER BY ABS(sortkey);
SELECT has_database_privilege(current_database(), '?');
SELECT has_schema_privilege('?', '?'), has_schema_privilege('?', '?');
SELECT has_schema_privilege('?', '?', '?');
SELECT has_table_privilege('?', '?', '?');
SELECT o.usename, o.usename = CURRENT_USER OR me.usesuper FROM pg_class AS c JOIN pg_namespace AS n ON n."oid" = c.relnamespace JOIN pg_user AS o ON o.usesysid = c.relowner JOIN pg_user AS me ON me.usename = CURRENT_USER WHERE n.nspname = '?' AND c.relname = '?';
SELECT pg_last_copy_count();
SELECT pg_terminate_backend(0);
SELECT table_name FROM svv_tables WHERE table_schema = '?' ORDER BY table_name;

-- SET
SET statement_timeout TO 0;

-- UPDATE
UPDATE "metadata"."checkpoint" SET "epoch" = "epoch" + 0, "changed_at" = GETDATE();
UPDATE "metadata"."checkpoint" SET "layout" = 0, "written_by" = '?';
UPDATE "metadata"."checkpoint" SET "phase" = '?', "lsn" = '?', "committed_at" = '?', "system" = '?', "timeline" = 0, "database_name" = '?', "slot" = '?', "publication_oid" = 0, "publication_xmin" = 0, "changed_at" = GETDATE() WHERE "epoch" = 0 AND "lsn" = '?';
UPDATE "metadata"."checkpoint" SET "phase" = '?', "lsn" = '?', "committed_at" = NULL, "system" = '?', "timeline" = 0, "database_name" = '?', "slot" = '?', "publication_oid" = 0, "publication_xmin" = 0, "changed_at" = GETDATE() WHERE "epoch" = 0 AND "lsn" = '?';
UPDATE "metadata"."request" SET "source_schema" = '?', "source_table" = '?' WHERE "kind" = '?' AND ("state" = '?' OR "state" = '?') AND "source_schema" = '?' AND "source_table" = '?';
UPDATE "metadata"."request" SET "state" = '?', "done_at" = GETDATE() WHERE "kind" = '?' AND "state" = '?';
UPDATE "metadata"."request" SET "state" = '?', "done_at" = GETDATE() WHERE "kind" = '?' AND "state" = '?' AND "source_schema" = '?' AND "source_table" = '?';
UPDATE "metadata"."request" SET "state" = '?', "taken_at" = GETDATE() WHERE "kind" = '?' AND "state" = '?' AND "source_schema" = '?' AND "source_table" = '?';
UPDATE "metadata"."request" SET "state" = '?', "taken_at" = GETDATE() WHERE "kind" = '?' AND "token" = '?' AND "state" = '?';
UPDATE "name"."held_0_0_0" SET "c0" = CASE WHEN "name"."held_0_0_0"."u0" THEN t."name" ELSE "name"."held_0_0_0"."c0" END, "u0" = FALSE FROM "name"."load_0_0_0" AS t WHERE ("name"."held_0_0_0"."u0") AND "name"."held_0_0_0"."o0" = t."name" AND "name"."held_0_0_0"."fold" = 0;
UPDATE "name"."held_0_0_0" SET "c0" = CASE WHEN "name"."held_0_0_0"."u0" THEN t."name" ELSE "name"."held_0_0_0"."c0" END, "u0" = FALSE FROM "name"."load_0_0_0" AS t WHERE ("name"."held_0_0_0"."u0") AND "name"."held_0_0_0"."o0" = t."name" AND OCTET_LENGTH("name"."held_0_0_0"."o0") = OCTET_LENGTH(t."name") AND "name"."held_0_0_0"."fold" = 0;
UPDATE "name"."held_0_0_0" SET "gone" = TRUE WHERE ("u0") AND "name"."held_0_0_0"."fold" = 0;
UPDATE "name"."held_0_0_0" SET "xid" = NULL WHERE "xid" IS NOT NULL;
UPDATE "name"."ledger_0_0_0" SET "xid" = NULL WHERE "xid" IS NOT NULL;
UPDATE "name"."name" SET "name" = "name";
UPDATE "name"."name" SET "name" = "name" WHERE "name" <> "name" OR ("name" IS NULL AND "name" IS NOT NULL) OR ("name" IS NOT NULL AND "name" IS NULL);
UPDATE "name"."name" SET "name" = "name" WHERE "name" <> "name" OR OCTET_LENGTH("name") <> OCTET_LENGTH("name") OR ("name" IS NULL AND "name" IS NOT NULL) OR ("name" IS NOT NULL AND "name" IS NULL);
UPDATE "name"."name" SET "name" = '?' WHERE "name" = '?' AND "name" IS NULL;
UPDATE "name"."name" SET "name" = '?', "name" = GETDATE() FROM "entries_0" AS s WHERE "name"."name"."name" = '?' AND "name"."name"."name" IS NULL AND "name"."name"."name" = s."name";
UPDATE "name"."name" SET "name" = '?', "name" = GETDATE() FROM "keys_0" AS s WHERE "name"."name"."name" = '?' AND "name"."name"."name" IS NULL AND "name"."name"."name" = s."name";
UPDATE "name"."name" SET "name" = '?', "name" = GETDATE() WHERE "name"."name"."name" = '?' AND "name"."name"."name" IS NULL;
UPDATE "name"."name" SET "name" = NULL WHERE "name" IS NOT NULL;
UPDATE "stage_0" SET "c0" = CASE WHEN "stage_0"."u0" THEN t."name" ELSE "stage_0"."c0" END, "u0" = FALSE FROM "name"."load_0_0_0" AS t WHERE ("stage_0"."u0") AND "stage_0"."o0" = t."name";
UPDATE "stage_0" SET "c0" = CASE WHEN "stage_0"."u0" THEN t."name" ELSE "stage_0"."c0" END, "u0" = FALSE FROM "name"."load_0_0_0" AS t WHERE ("stage_0"."u0") AND "stage_0"."o0" = t."name" AND OCTET_LENGTH("stage_0"."o0") = OCTET_LENGTH(t."name");
UPDATE "stage_0" SET "c0" = CASE WHEN "stage_0"."u0" THEN t."name" ELSE "stage_0"."c0" END, "u0" = FALSE FROM "name"."name" AS t WHERE ("stage_0"."u0") AND "stage_0"."o0" = t."name";
UPDATE "stage_0" SET "c0" = CASE WHEN "stage_0"."u0" THEN t."name" ELSE "stage_0"."c0" END, "u0" = FALSE FROM "name"."name" AS t WHERE ("stage_0"."u0") AND "stage_0"."o0" = t."name" AND OCTET_LENGTH("stage_0"."o0") = OCTET_LENGTH(t."name");
UPDATE "stage_0" SET "gone" = TRUE WHERE ("u0");
