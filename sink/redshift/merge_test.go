package redshift

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"rowshift/replicator"
	"rowshift/schema"
	"rowshift/test/redshifttest"
)

// change makes a change of a table from words: "insert row", "update row", "update key -> row",
// "delete key", "truncate".
func change(t *schema.Table, words string) replicator.Change {
	verb, rest, _ := strings.Cut(words, " ")
	c := replicator.Change{Table: t}
	switch verb {
	case "insert":
		c.Op, c.New = replicator.Insert, row(rest)
	case "update":
		c.Op = replicator.Update
		if key, now, ok := strings.Cut(rest, " -> "); ok {
			c.Key, rest = row(key), now
		}
		c.New = row(rest)
	case "delete":
		c.Op, c.Key = replicator.Delete, row(rest)
	case "truncate":
		c.Op = replicator.Truncate
	default:
		panic("no such change: " + words)
	}
	return c
}

// batch folds changes of one table into a batch.
func batch(t testing.TB, table *schema.Table, changes ...string) *replicator.Batch {
	t.Helper()
	f := replicator.NewFold(table, "")
	for _, words := range changes {
		f.Add(change(table, words))
	}
	return &replicator.Batch{Commit: true, Folds: []*replicator.Fold{f}}
}

// stage stages batches, the first of which begins where the last merge ended.
func (w *world) stage(batches ...*replicator.Batch) []*replicator.Staged {
	w.t.Helper()
	var staged []*replicator.Staged
	for i, b := range batches {
		b.End = w.position + replicator.LSN(10*(i+1))
		s, err := w.stager.Stage(w.t.Context(), max(w.epoch, 1), b)
		if err != nil {
			w.t.Fatal(err)
		}
		staged = append(staged, s)
	}
	return staged
}

// merging returns a merge of what was staged, from where the checkpoint stands.
func (w *world) merging(staged ...*replicator.Staged) *replicator.Merge {
	c := first()
	c.Epoch, c.Phase, c.LSN = w.epoch, replicator.Streaming, w.position
	if len(staged) > 0 {
		c.LSN = staged[len(staged)-1].End
	}
	return &replicator.Merge{Expect: w.position, Checkpoint: c, Staged: staged}
}

// apply stages batches and merges them in one transaction.
func (w *world) apply(r *Warehouse, batches ...*replicator.Batch) replicator.Merged {
	w.t.Helper()
	m := w.merging(w.stage(batches...)...)
	merged, err := r.Merge(w.t.Context(), m)
	if err != nil {
		w.t.Fatal(err)
	}
	w.position = m.Checkpoint.LSN
	return merged
}

// words returns the rows of table words, each as "word|n|body".
func (w *world) words() []string {
	return w.ask("SELECT word, n, body FROM public_copy.words ORDER BY OCTET_LENGTH(word), word")
}

// want compares rows.
func (w *world) want(got []string, want ...string) {
	w.t.Helper()
	if !slices.Equal(got, want) {
		w.t.Errorf("rows\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// unmoved fails the test if the checkpoint moved or a session kept a staging table.
func (w *world) unmoved() {
	w.t.Helper()
	w.at()
	w.unstaged()
}

// at checks where the checkpoint is.
func (w *world) at() {
	w.t.Helper()
	if got := w.ask("SELECT lsn FROM rowshift_accounts.checkpoint"); got[0] != w.position.String() {
		w.t.Errorf("the checkpoint is at %v, want %v", got, w.position)
	}
}

// unstaged waits until no temporary table is left. Those of a session that was closed disappear
// a little after it.
func (w *world) unstaged() {
	w.t.Helper()
	w.eventually("no temporary table is left", func() bool {
		return len(w.below("SELECT relname FROM pg_class WHERE relpersistence = 't' AND relkind = 'r'")) == 0
	})
}

func (w *world) withWords() (*Warehouse, *schema.Table) {
	w.t.Helper()
	r, table := w.warehouse(nil), keyed()
	w.fence(r, table)
	w.make(r, table)
	return r, table
}

func TestMergeMovesTheCheckpointOnce(t *testing.T) {
	w := newWorld(t)
	r, table := w.withWords()
	m := w.merging(w.stage(batch(t, table, "insert a|1|x"))...)
	merged, err := r.Merge(t.Context(), m)
	if err != nil || merged.Rows[table.OID] != 1 {
		t.Fatalf("%v, %v", merged, err)
	}
	if _, err := r.Merge(t.Context(), m); !errors.Is(err, replicator.ErrFenced) || replicator.Retryable(err) {
		t.Errorf("the same merge again: %v", err)
	}
	w.position = m.Checkpoint.LSN
	w.want(w.words(), "a|1|x")
	w.unmoved()
	c, err := r.Checkpoint(t.Context())
	if err != nil || c.LSN != w.position || c.Phase != replicator.Streaming {
		t.Errorf("%+v, %v", c, err)
	}
	for _, step := range []replicator.Step{replicator.StepCopy, replicator.StepDelete, replicator.StepInsert, replicator.StepCheckpoint, replicator.StepCommit} {
		if merged.Steps[step] <= 0 {
			t.Errorf("step %s took %v", step, merged.Steps[step])
		}
	}
}

func TestMergeOfAnOlderEpochWritesNothing(t *testing.T) {
	w := newWorld(t)
	r, table := w.withWords()
	m := w.merging(w.stage(batch(t, table, "insert a|1|x"))...)
	w.fence(w.warehouse(nil))
	if _, err := r.Merge(t.Context(), m); !errors.Is(err, replicator.ErrFenced) {
		t.Errorf("%v", err)
	}
	w.want(w.words())
	w.unmoved()
}

func TestMergeAppliesFoldsInOrder(t *testing.T) {
	w := newWorld(t)
	r, table := w.withWords()
	w.apply(r, batch(t, table, "insert a|1|old", "insert b|2|~", "insert c|3|kept"))
	w.want(w.words(), "a|1|old", "b|2|~", "c|3|kept")
	w.apply(r, batch(t, table, "update a|9|^", "delete b"), batch(t, table, "truncate", "insert d|4|x"), batch(t, table, "update d|5|^", "insert b|6|"))
	w.want(w.words(), "b|6|", "d|5|x")
	w.apply(r, batch(t, table, "truncate"))
	w.want(w.words())
}

func TestMergeSwapsKeysOfUnchangedRows(t *testing.T) {
	w := newWorld(t)
	r, table := w.withWords()
	w.apply(r, batch(t, table, "insert a|1|of a", "insert b|2|of b"))
	w.apply(r, batch(t, table, "update a -> z|1|^", "update b -> a|2|^", "update z -> b|1|^"))
	w.want(w.words(), "a|2|of b", "b|1|of a")
}

func TestMergeTellsTrailingBlanksApart(t *testing.T) {
	w := newWorld(t)
	r, table := w.withWords()
	w.apply(r, batch(t, table, "insert a|1|x", "insert a |2|y", "insert a  |3|z", "insert  |4|", "insert   |5|"))
	w.want(w.words(), " |4|", "a|1|x", "  |5|", "a |2|y", "a  |3|z")
	w.apply(r, batch(t, table, "delete a ", "update a|7|^", "update a  |8|^", "delete   "))
	w.want(w.words(), " |4|", "a|7|x", "a  |8|z")
}

func TestMergeOfCompositeKey(t *testing.T) {
	w := newWorld(t)
	r, table := w.warehouse(nil), composite()
	w.fence(r, table)
	w.make(r, table)
	w.apply(r, batch(t, table, `insert 1|10|x|\xdead`, `insert 2|20|x|\xbeef`, `insert x|30|1|~`))
	w.apply(r, batch(t, table, "update 1|11|x|^", "delete x|2", "update 1|x -> y|30|1|^"))
	w.want(w.below(`SELECT line, amount, "order", encode("a ""quoted"" name", 'hex') FROM public_copy."order lines" ORDER BY amount`),
		"1|11|x|dead", "y|30|1|~")
}

func TestMergeIntoALoadTable(t *testing.T) {
	w := newWorld(t)
	r, table := w.withWords()
	w.loadFiles(r, "load_1_1_16504", table, replicator.StagedLoad{})
	b := batch(t, table, "insert a|1|x")
	b.Folds[0].Into, b.Joins = "load_1_1_16504", joining(table, "load_1_1_16504")
	w.server.Inject(redshifttest.Fault{Class: "DROP", Match: "load_1", Code: "XX000", Message: "assert"})
	w.apply(r, b)
	w.want(w.words(), "a|1|x")
	w.want(w.ask("SELECT word, n FROM rowshift_accounts.load_1_1_16504"), "a|1")
}

func TestMergeOfNothingMovesTheCheckpoint(t *testing.T) {
	w := newWorld(t)
	r, _ := w.withWords()
	m := w.merging()
	m.Checkpoint.LSN += 500
	if _, err := r.Merge(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	w.position = m.Checkpoint.LSN
	w.unmoved()
	if got := w.ask("SELECT COUNT(*) FROM rowshift_accounts.table_state"); got[0] != "0" {
		t.Errorf("%v tables, though the merge names none", got)
	}
}

func TestTableStatesAreWrittenWhenTheyChange(t *testing.T) {
	w := newWorld(t)
	r, table := w.withWords()
	var was []string
	for i, state := range []replicator.State{replicator.Loading, replicator.Loading, replicator.Live, replicator.Live, replicator.Loading, replicator.Loading} {
		if i > 3 { // the states that the fence reads need not be written again
			r = w.warehouse(nil)
			w.fence(r, table)
		}
		m := w.merging()
		m.Checkpoint = first(table)
		m.Checkpoint.Epoch, m.Checkpoint.LSN = w.epoch, w.position+1
		m.Checkpoint.Tables[0].State = state
		if _, err := r.Merge(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		w.position++
		w.want(w.ask("SELECT state, source_table FROM rowshift_accounts.table_state"), fmt.Sprintf("%s|words", state))
		now := w.below("SELECT xmin FROM rowshift_accounts.table_state")
		if rewritten := !slices.Equal(now, was); rewritten != (i%2 == 0) {
			t.Errorf("merge %d: written anew: %v", i, rewritten)
		}
		was = now
	}
}
