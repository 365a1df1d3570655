package e2e

import "strings"

// shapeCase is one change of a table's shape. Every table begins as
//
//	(id int PRIMARY KEY, k int NOT NULL DEFAULT 0, v varchar(10), n int, u text)
//
// T stands for its name in what follows, P for the publication.
type shapeCase struct {
	name    string
	choice  string   // the choice in the config; empty: all columns
	ddl     []string // in one transaction, unless alone
	alone   bool
	columns string // the columns to compare afterwards, as the source names them
	target  string // the same as the target names them; empty: no other names
	now     string // the table's name afterwards; empty: T
	closed  bool   // columns that are added later are not replicated
	parked  string // the reason for which it is parked
	repair  []string
	mends   []string  // repairs in the warehouse
	resync  bool      // the repair includes a resync
	gone    string    // a column that the target does not have afterwards
	during  situation // the situation in which it happens unless it does in each; empty: one by its place
}

const asItWas = "id, k, v, n, u"

// shapeCases are the changes of shape that the README mentions.
var shapeCases = []shapeCase{
	{name: "add", ddl: []string{"ALTER TABLE T ADD w int"}, columns: asItWas + ", w"},
	{name: "add_several", ddl: []string{"ALTER TABLE T ADD w int, ADD x text", "ALTER TABLE T ADD y date"}, columns: asItWas + ", w, x, y"},
	{name: "add_constant", ddl: []string{"ALTER TABLE T ADD w int NOT NULL DEFAULT 7"}, columns: asItWas + ", w"},
	{name: "add_volatile", ddl: []string{"ALTER TABLE T ADD w bigint NOT NULL DEFAULT (random() * 1000000)"}, columns: asItWas + ", w"},
	{name: "drop", ddl: []string{"ALTER TABLE T DROP n"}, columns: "id, k, v, u"},
	{name: "drop_and_add", ddl: []string{"ALTER TABLE T DROP n, ADD n int"}, columns: "id, k, v, u, n"},
	{name: "rename_column", ddl: []string{"ALTER TABLE T RENAME v TO label"}, columns: "id, k, label, n, u"},
	{name: "swap_names", ddl: []string{"ALTER TABLE T RENAME k TO swapped", "ALTER TABLE T RENAME n TO k", "ALTER TABLE T RENAME swapped TO n", "ALTER TABLE T ALTER n SET DEFAULT 5"}, columns: asItWas},
	{name: "longer", ddl: []string{"ALTER TABLE T ALTER v TYPE varchar(40)", "UPDATE T SET v = repeat('x', 33) WHERE id = 2"}, columns: asItWas},
	{name: "text", ddl: []string{"ALTER TABLE T ALTER v TYPE text", "UPDATE T SET v = repeat('x', 99) WHERE id = 2"}, columns: asItWas},
	{name: "using", ddl: []string{"ALTER TABLE T ALTER n TYPE int USING n + 1000"}, columns: asItWas},
	{name: "wider_key", ddl: []string{"ALTER TABLE T ALTER id TYPE bigint"}, columns: asItWas},
	{name: "narrower", ddl: []string{"ALTER TABLE T ALTER k TYPE smallint"}, columns: asItWas},
	{name: "wider", ddl: []string{"ALTER TABLE T ALTER n TYPE bigint USING n::bigint * 3000000000"}, columns: asItWas},
	{name: "not_null", ddl: []string{"UPDATE T SET n = 0 WHERE n IS NULL", "ALTER TABLE T ALTER n SET NOT NULL, ALTER n SET DEFAULT 3, ALTER k DROP NOT NULL"}, columns: asItWas},
	{name: "key", ddl: []string{"ALTER TABLE T DROP CONSTRAINT T_pkey, ADD PRIMARY KEY (k, id)"}, columns: asItWas},
	{name: "identity_full", ddl: []string{"ALTER TABLE T REPLICA IDENTITY FULL"}, columns: asItWas},
	{name: "identity_index", ddl: []string{"CREATE UNIQUE INDEX T_i ON T (id, k)", "ALTER TABLE T REPLICA IDENTITY USING INDEX T_i"}, columns: asItWas},
	{name: "identity_nothing", ddl: []string{"ALTER TABLE T REPLICA IDENTITY NOTHING"}, columns: asItWas, parked: "table_unfit",
		repair: []string{"UPDATE T SET u = 'while parked'", "ALTER TABLE T REPLICA IDENTITY DEFAULT"}},
	{name: "rename_table", ddl: []string{"ALTER TABLE T RENAME TO T_new"}, now: "T_new", columns: asItWas},
	{name: "set_schema", ddl: []string{"ALTER TABLE T SET SCHEMA other"}, now: "other.T", columns: asItWas},
	{name: "recreate", ddl: []string{"DROP TABLE T", "CREATE TABLE T (id int PRIMARY KEY, u text, w int)", "ALTER TABLE T OWNER TO app_owner", "INSERT INTO T SELECT i, 'new' FROM generate_series(1, 3) i"}, columns: "id, u, w"},
	{name: "vacuum_full", ddl: []string{"VACUUM FULL T"}, alone: true, columns: asItWas},
	{name: "truncate", ddl: []string{"TRUNCATE T"}, columns: asItWas},
	{name: "other_type", ddl: []string{"ALTER TABLE T ALTER n TYPE text USING n || ' pieces'"}, columns: asItWas, parked: "target_drift",
		mends: []string{"ALTER TABLE userdata.T RENAME COLUMN n TO n_old"}, resync: true},

	{name: "wall", choice: "columns: [id, k, v, u]", ddl: []string{"ALTER TABLE T ADD w int DEFAULT 3"}, columns: "id, k, v, u", closed: true},
	{name: "listed_rename", choice: "columns: [id, k, v, u]", ddl: []string{"ALTER TABLE T RENAME v TO label"}, columns: "id, k, label, u", closed: true},
	{name: "open_list", choice: "exclude: [v]", ddl: []string{"ALTER TABLE T ADD w int DEFAULT 3"}, columns: "id, k, n, u, w"},
	{name: "cascade", choice: "exclude: [v]", ddl: []string{"ALTER TABLE T DROP n CASCADE"}, columns: "id, k, u"},
	{name: "listed_type", choice: "exclude: [v]", ddl: []string{"ALTER PUBLICATION P DROP TABLE T", "ALTER TABLE T ALTER n TYPE bigint", "ALTER PUBLICATION P ADD TABLE T (id, k, n, u)"}, columns: "id, k, n, u"},
	{name: "listed_drop", choice: "exclude: [v]", ddl: []string{"ALTER PUBLICATION P DROP TABLE T", "ALTER TABLE T DROP n", "ALTER PUBLICATION P ADD TABLE T (id, k, u)"}, columns: "id, k, u"},
	{name: "out", ddl: []string{"ALTER PUBLICATION P DROP TABLE T", "UPDATE T SET n = 77"}, columns: asItWas},
	{name: "listed_full", choice: "exclude: [v]", ddl: []string{"ALTER TABLE T REPLICA IDENTITY FULL"}, columns: "id, k, n, u", parked: "table_unfit",
		repair: []string{"UPDATE T SET u = 'while parked'", "ALTER TABLE T REPLICA IDENTITY DEFAULT"}},
	{name: "dropped", ddl: []string{"DROP TABLE T"}, parked: "table_unfit", columns: "id, u",
		repair: []string{"CREATE TABLE T (id int PRIMARY KEY, u text)", "ALTER TABLE T OWNER TO app_owner", "INSERT INTO T VALUES (5, 'back')"}},
	{name: "keyless", ddl: []string{"ALTER TABLE T DROP CONSTRAINT T_pkey"}, parked: "table_unfit", columns: asItWas,
		repair: []string{"UPDATE T SET u = 'while parked'", "DELETE FROM T WHERE id = 9", "ALTER TABLE T ADD PRIMARY KEY (id)"}},

	{name: "rename_and_default", ddl: []string{"ALTER TABLE T RENAME v TO label", "ALTER TABLE T ADD w int NOT NULL DEFAULT 7"}, columns: "id, k, label, n, u, w", gone: "v"},
	{name: "rename_while_out", ddl: []string{"ALTER PUBLICATION P DROP TABLE T", "ALTER TABLE T RENAME v TO label"}, columns: "id, k, label, n, u", gone: "v"},
	{name: "rename_while_loading", ddl: []string{"ALTER TABLE T RENAME v TO label"}, columns: "id, k, label, n, u", gone: "v", during: loaded},
}

// situation is what goes on around a change of shape.
type situation string

// The situations.
const (
	idle    situation = "idle"    // no row is written after the change
	between situation = "between" // rows are written before and after the change
	inside  situation = "inside"  // rows are written in the same transaction
	loaded  situation = "loaded"  // the table is being loaded
	twice   situation = "twice"   // another change comes after one more row
)

var situations = []situation{idle, between, inside, loaded, twice}

// happens returns the situation in which the case of that place happens unless it does in each.
func (c shapeCase) happens(place int) situation {
	if c.during != "" {
		return c.during
	}
	return situations[place%len(situations)]
}

// in returns a statement of the case for one table.
func (c shapeCase) in(table, statement string) string {
	var b strings.Builder
	for i := 0; i < len(statement); i++ {
		alone := (i == 0 || !letter(statement[i-1])) && (i+1 == len(statement) || !letter(statement[i+1]) || statement[i+1] == '_')
		switch {
		case statement[i] == 'T' && alone:
			b.WriteString(table)
		case statement[i] == 'P' && alone:
			b.WriteString("rowshift_accounts")
		default:
			b.WriteByte(statement[i])
		}
	}
	return b.String()
}

func letter(b byte) bool { return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' }
