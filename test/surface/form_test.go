package surface

import (
	"slices"
	"testing"
)

func TestForms(t *testing.T) {
	tests := []struct {
		statement string
		forms     []string
	}{
		{`SELECT "epoch", "lsn" FROM "rowshift"."checkpoint"`, []string{`SELECT "epoch", "lsn" FROM "metadata"."checkpoint"`}},
		{`DELETE FROM "m"."held_1_2_3" WHERE "xid" NOT IN (7, 8, 9)`, []string{`DELETE FROM "name"."held_0_0_0" WHERE "xid" NOT IN (0)`}},
		{`INSERT INTO "s"."t" ("id", "a") SELECT "c1", "c2" FROM "rowshift_tmp_stage_12" WHERE NOT "gone";`,
			[]string{`INSERT INTO "name"."name" ("name") SELECT "c0" FROM "rowshift_tmp_stage_0" WHERE NOT "gone"`}},
		{`INSERT INTO "m"."table_state" ("target") VALUES (1, 'it''s'), (2, 'a\'b')`, []string{`INSERT INTO "metadata"."table_state" ("target") VALUES (0, '?')`}},
		{`UPDATE "rowshift_tmp_stage_0" SET "c2" = CASE WHEN "rowshift_tmp_stage_0"."u2" THEN t."v" ELSE "rowshift_tmp_stage_0"."c2" END, "c3" = CASE WHEN "rowshift_tmp_stage_0"."u3" THEN t."w" ELSE "rowshift_tmp_stage_0"."c3" END, "u2" = FALSE, "u3" = FALSE FROM "s"."t" AS t WHERE "rowshift_tmp_stage_0"."o1" = t."id"`,
			[]string{`UPDATE "rowshift_tmp_stage_0" SET "c0" = CASE WHEN "rowshift_tmp_stage_0"."u0" THEN t."name" ELSE "rowshift_tmp_stage_0"."c0" END, "u0" = FALSE FROM "name"."name" AS t WHERE "rowshift_tmp_stage_0"."o0" = t."name"`}},
		{`DROP TABLE IF EXISTS "rowshift_tmp_stage_4", "m"."ledger_5_6_7", "rowshift_tmp_stage_6"`, []string{`DROP TABLE IF EXISTS "name"."ledger_0_0_0"`, `DROP TABLE IF EXISTS "rowshift_tmp_stage_0"`}},
		{`GRANT SELECT ON "s"."t" TO "ann", GROUP "bi", "bob", ROLE "bi"`, []string{`GRANT SELECT ON "name"."name" TO "name"`, `GRANT SELECT ON "name"."name" TO GROUP "name"`, `GRANT SELECT ON "name"."name" TO ROLE "name"`}},
		{`GRANT SELECT ON "rowshift"."freshness" TO "ann", GROUP "bi"`, []string{`GRANT SELECT ON "metadata"."freshness" TO "name"`, `GRANT SELECT ON "metadata"."freshness" TO GROUP "name"`}},
		{`CREATE TABLE IF NOT EXISTS "s"."t" ("id" BIGINT NOT NULL, "v" VARCHAR(256), "d" DECIMAL(18,2)) DISTSTYLE KEY DISTKEY ("id") COMPOUND SORTKEY ("id", "v")`, []string{
			`CREATE TABLE IF NOT EXISTS "name"."name" ("name" BIGINT) DISTSTYLE KEY DISTKEY ("name") COMPOUND SORTKEY ("name")`,
			`CREATE TABLE "column" ("name" BIGINT NOT NULL)`, `CREATE TABLE "column" ("name" DECIMAL(0,0))`, `CREATE TABLE "column" ("name" VARCHAR(0))`,
		}},
	}
	for _, test := range tests {
		if got := Forms(test.statement); !slices.Equal(got, test.forms) {
			t.Errorf("%s:\n got %q\nwant %q", test.statement, got, test.forms)
		}
	}
}
