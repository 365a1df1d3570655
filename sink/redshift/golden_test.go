package redshift

import (
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"rowshift/replicator"
	"rowshift/schema"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares statements with a file of testdata.
func golden(t *testing.T, name string, statements ...string) {
	t.Helper()
	file := filepath.Join("testdata", name+".sql")
	var got string
	for _, s := range statements {
		got += strings.TrimSuffix(s, ";") + ";\n"
	}
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs:\n%s", file, got)
	}
}

var files = replicator.Files{Manifest: "s3://acme/p/accounts/1/2-a/16501-0.manifest", Null: `\N1f'`, Compression: "ZSTD", Rows: 3}

func TestTableSQL(t *testing.T) {
	for name, table := range map[string]*schema.Table{"plain": plain(), "composite": composite(), "document": document(), "reserved": reserved(), "keyless": keyless()} {
		t.Run(name, func(t *testing.T) {
			unchanged := []int{len(table.Columns) - 1}
			full := replicator.StagedFold{Table: table, Files: files}
			partial := replicator.StagedFold{Table: table, Files: files, Unchanged: unchanged}
			two := replicator.StagedFold{Table: table, Files: files, Unchanged: []int{1, 3}}
			target, stage, gone, load := in("Sales", table.Target), temporary("stage_1"), temporary("gone_1"), metadata("meta").table("load_1_2_3")
			m := metadata("meta")
			held, ledger, at := m.table("held_1_2_3"), m.loadLedger("held_1_2_3"), replicator.Written{LSN: 0x99, Time: time.Unix(1, 0)}
			statements := []string{
				createTable(target, table), grantSelect(target, "Ann", "group Analysts"), kindOf("Sales", table.Target), columnsOf("Sales", table.Target),
				createStage(stage, full), copyFiles(stage, stageColumns(full), files, copyRole, ""),
				createStage(stage, partial), copyFiles(stage, stageColumns(partial), files, copyRole, "eu-central-1"),
				fill(stage, target, partial), unfilled(stage, partial), fill(stage, target, two), unfilled(stage, two),
				deleteAll(target), deleteKeys(target, stage, table), insertStaged(target, stage, table),
				createGone(gone, target, table), deleteDifferent(target, load, table), findGone(gone, target, load, table),
				deleteGone(target, gone, table), insertLacking(target, load, table), insertLoaded(target, load, table), surplus(target, load), deleteKeyless(target, table), findTwice(gone, target, table),
				createHeld(held, table), createHeldStage(stage, table), lastHeld(held, ledger), countRows(held), insertHeld(held, stage, table, 41), firstHeld(held, table, 17),
				ofFold(fill(held, load, heldFold(table)), held, 42), unfilledHeld(held, table, 42),
				ofAliased(deleteKeys(load, held, table), 42), ofFold(insertStaged(load, held, table), held, 42), deleteHeld(held, 42),
				createEntries(stage, table, false), createEntries(stage, table, true), m.insertAdjusted(stage, table), m.insertRefused(stage, table),
				m.insertUnfilled(stage, partial, at), forgoUnfilled(stage, partial.Unchanged), createKeys("keys", stage, table), m.liftKeys("keys", table, at.LSN), m.liftGiven(stage, table, at.LSN),
				insertLoadEntries(ledger, stage, table), insertHeldEntries(ledger, stage, table, 41), insertFoldEntries(ledger, stage, table, 42),
				insertUnfilledEntries(ledger, held, table, 42, at, "("+anyOf(unchanged)+")"), m.joinAdjusted(ledger, table), m.joinRefused(ledger, table),
				selectRefused("texts", "fitting", copying{table: table, name: valueColumn, held: true}),
				drop(stage, gone, load), addColumn(target, table.Columns[1].Target, table.Columns[1].Mapping.Type), renameTable(target, table.Target+"_old"),
			}
			golden(t, name, statements...)
		})
	}
}

// reserved has names that are reserved words, or nearly.
func reserved() *schema.Table {
	return &schema.Table{OID: 16505, Name: schema.Name{Schema: "public", Table: "User"}, Configured: schema.Name{Schema: "public", Table: "User"}, Target: "user",
		Columns: []schema.Column{column(1, "TAG", bigint, false), column(2, "Order", text, true), column(3, "c1", text, true), column(4, `"; DROP TABLE x; --`, text, true)},
		Key:     []int{0}, DistKey: 0, SortKey: []int{0}}
}

// keyless has a key of bytea, by which Redshift can neither spread nor sort rows.
func keyless() *schema.Table {
	return &schema.Table{OID: 16506, Name: schema.Name{Schema: "public", Table: "digests"}, Configured: schema.Name{Schema: "public", Table: "digests"}, Target: "digests",
		Columns: []schema.Column{column(1, "digest", bytea, false), column(2, "n", bigint, false), column(3, "note", text, true), column(4, "body", text, true)},
		Key:     []int{0}, DistKey: -1}
}

func TestKeyOnlyTableHasNothingThatDiffers(t *testing.T) {
	table := plain()
	table.Columns = table.Columns[:1]
	if sql := deleteDifferent("a", "b", table); sql != "" {
		t.Error(sql)
	}
}

func TestMetadataSQL(t *testing.T) {
	m := metadata("Meta")
	c := first(plain(), composite())
	c.Tables[1].State = replicator.Loading
	c.Tables[1].Load = &replicator.LoadState{Into: "load_1_2_16502", Rows: 12}
	c.Epoch, c.Database = 3, `it's a \ database`
	moved := c
	moved.Phase, moved.LSN, moved.Time = replicator.Streaming, 0x1_0000_00ff, time.Date(2026, 3, 1, 23, 30, 0, 5000, time.FixedZone("", 3600))
	statements := slices.Concat([]string{createSchema("Meta"), countSchema("Meta"), tablesOf("Meta")}, m.create(), m.createLedger())
	statements = append(statements, m.createFreshness(), grantUsage("Meta", "ann", "group Bi"), grantSelect(m.freshness(), "role Readers"),
		m.lock(), m.position(), m.readLayout(), m.readEpoch(), m.readWriter(), m.raiseLayout("v1.2.3"), m.readCheckpoint(), m.countFoldedCase(), m.readTables(), m.readNames(), m.insertCheckpoint(c, "v1.2.3"), m.raiseEpoch(),
		m.moveCheckpoint(moved, c.LSN), m.insertTables(stateRows(c.Tables, detailOf)), m.deleteTables([]uint32{16501, 16507}), m.holders(), applicationOf("4711"), terminate("4711"),
		deleteSeen(m.table("held_1_2_3"), replicator.Visibility{XMin: 7<<32 + 3, XMax: 7<<32 + 9, InProgress: []uint64{7<<32 + 3, 7<<32 + 5}}),
		deleteSeen(m.table("held_1_2_3"), replicator.Visibility{XMin: 3 << 30, XMax: 3 << 30}), forgetTransactions(m.table("held_1_2_3")),
		m.requestResyncs("3F7Q", []schema.Name{{Schema: "public", Table: "accounts"}, {Schema: "Sales", Table: "it's"}}), m.readRequests(), m.openRequests(), m.answersTo("3F7Q"),
		m.answerRequests(schema.Name{Schema: "Sales", Table: "it's"}, requested, taken, "taken_at"), m.renameRequests(schema.Name{Schema: "Sales", Table: "it's"}, schema.Name{Schema: "Sales", Table: "people"}),
		m.readResets(), m.insertReset("it's", requested), m.insertReset("2026-05", taken), m.takeReset("2026-05"), m.finishResets(), m.lastReset())
	ledger := m.loadLedger("held_1_2_3")
	const copyAll = `COPY "texts" ("c1", "gone") FROM 's3://acme/p/0.manifest' IAM_ROLE 'arn:aws:iam::123456789012:role/copy' FORMAT AS CSV ZSTD MANIFEST NULL AS 'n'`
	statements = append(statements, createLoadLedger(ledger), countEntries(ledger), countRefused(ledger), countOfTransactions(ledger), forgetRefused(ledger, 7), forgetRefusedOf(ledger, "keys", 7),
		m.liftAll(schema.Name{Schema: "Sales", Table: "it's"}, 0x99), m.renameOpen("it's", schema.Name{Schema: "Sales", Table: "people"}), m.countOpen(), m.listOpen(schema.Name{}, 10), m.listOpen(schema.Name{Schema: "Sales", Table: "it's"}, 10), keptObjects(m.quarantine()),
		m.dropQuarantine(schema.Name{Schema: "Sales", Table: "it's"}, nil), m.dropQuarantine(schema.Name{Schema: "Sales", Table: "it's"}, []string{`["a\\"]`, `["b"]`}),
		createLike("fitting", "stage_1"), createTexts("texts", []string{"c1", "gone"}), copyFitting(copyAll), copyTexts(copyAll))
	for _, step := range m.upgrades() {
		statements = append(statements, step...)
	}
	golden(t, "metadata", statements...)
}

func TestSessionAndCheckSQL(t *testing.T) {
	statements := append(beginSession("it's"), setTimeout(patience), copied, mayCreateSchema, mayMakeTemporary, mayUseSchema("Sales"), createProbe,
		countReader("Ann"), countReader("GROUP Analysts"), countReader("role Readers"), usersLike("Ann"), mayUse("Ann", "Sales"), mayRead("Ann", in("Sales", "order lines")), ownerOf("Sales", "Order lines"), ofOthers("Sales"), policiesOn("Sales", "Order lines"),
		grantUsage("Sales", "Ann", "group Bi", "role Readers"), grantSelect(in("Sales", "order lines"), "Ann", "group Bi", "role Readers"))
	golden(t, "check", append(statements, loadErrors...)...)
}

// TestAdvisedSQL compares what findings and halts advise people to run.
func TestAdvisedSQL(t *testing.T) {
	golden(t, "advice", changeOwner(in("Sales", "order lines"), `"ann"`),
		createSchemaFor("Sales", `"ann"`), grantSchema("Sales", `"ann"`), grantTemporary(`"ann"`), grantAssume(copyRole, `"ann"`), createReader("Ann"), createReader("role Readers"), ignorePolicies(`"ann"`), forgetPolicies(in("Sales", "order lines")), changePassword("Ann"), unlockUser("Ann"), unlockUser(""),
		grantColumn(in("Sales", "order lines"), "note"), attachPolicy(in("Sales", "order lines"), "note", maskingPolicy{name: "mask", grantee: "Ann", granteeType: "user", priority: "10"}),
		attachPolicy(in("Sales", "order lines"), "note", maskingPolicy{name: "mask", grantee: "analysts", granteeType: "role", priority: "20"}),
		attachPolicy(in("Sales", "order lines"), "note", maskingPolicy{name: "mask", grantee: "public", granteeType: "public", priority: "0"}))
}

// statement tells statements from prose.
var statement = regexp.MustCompile(`\b(CREATE (TABLE|TEMP|SCHEMA|VIEW|USER|OR)|INSERT INTO|DELETE FROM|UPDATE [%"]|SELECT |COPY [%"]|GRANT [A-Z]+(,| ON)|ALTER TABLE|DROP TABLE|LOCK |TRUNCATE )`)

func TestStatementsAreWrittenInOnePlace(t *testing.T) {
	sources, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, source := range sources {
		ours := strings.HasPrefix(source, "sql_") || source == "quote.go"
		if strings.HasSuffix(source, "_test.go") {
			continue
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, source, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			l, ok := n.(*ast.BasicLit)
			if !ok || l.Kind != token.STRING || !statement.MatchString(l.Value) {
				return true
			}
			if found++; !ours {
				t.Errorf("%s: a statement outside of sql_*.go: %s", set.Position(l.Pos()), l.Value)
			}
			return true
		})
	}
	if found < 30 {
		t.Errorf("%d statements were recognised", found)
	}
}
