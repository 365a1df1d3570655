package redshift

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"rowshift/replicator"
	"rowshift/schema"
)

// model is table words as the source has it: the other columns, by key.
type model map[string][2]string

// generator makes changes that the source could have made.
type generator struct {
	*rand.Rand
	t     testing.TB
	table *schema.Table
	rows  model
	log   []string
}

// keys differ mostly in trailing blanks.
var keys = []string{"a", "a ", "a  ", "b", "b ", "", " ", "é", `q"'\`}

var bodies = []string{"~", "", " ", "x", "x ", "a,b", "line\nbreak", `\N`, `"quoted"`, `it's \ `}

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

// key returns a key that the table has or, if there is false, one that it does not have. It
// returns false if no key is such.
func (g *generator) key(there bool) (string, bool) {
	var able []string
	for _, k := range keys {
		if _, ok := g.rows[k]; ok == there {
			able = append(able, k)
		}
	}
	if len(able) == 0 {
		return "", false
	}
	return pick(g.Rand, able), true
}

// change returns the next change and makes it in the model.
func (g *generator) change() replicator.Change {
	c := replicator.Change{Table: g.table}
	n := fmt.Sprint(g.IntN(100))
	present, some := g.key(true)
	absent, room := g.key(false)
	switch p := g.IntN(100); {
	case p < 3:
		c.Op = replicator.Truncate
		clear(g.rows)
		g.log = append(g.log, "truncate")
	case room && (p < 30 || !some):
		c.Op, c.New = replicator.Insert, tuple(absent, n, pick(g.Rand, bodies))
		g.rows[absent] = [2]string{n, text3(c.New)}
		g.log = append(g.log, fmt.Sprintf("insert %q", c.New))
	case p < 50:
		c.Op, c.Key = replicator.Delete, tuple(present)
		delete(g.rows, present)
		g.log = append(g.log, fmt.Sprintf("delete %q", c.Key))
	default:
		g.update(&c, present, n)
		if room && p < 75 {
			g.rekey(&c, present, absent)
		}
		g.log = append(g.log, fmt.Sprintf("update %q -> %q", c.Key, c.New))
	}
	return c
}

// update changes a row that keeps its key. A long value that did not change may not be sent, nor
// may the key.
func (g *generator) update(c *replicator.Change, key, n string) {
	c.Op = replicator.Update
	body := pick(g.Rand, bodies)
	word := key
	if g.IntN(5) == 0 {
		c.Key, word = tuple(key), "^"
	}
	if g.rows[key][1] != "~" && g.IntN(2) == 0 {
		body = "^"
	} else {
		g.rows[key] = [2]string{n, body}
	}
	g.rows[key] = [2]string{n, g.rows[key][1]}
	c.New = tuple(word, n, body)
}

// rekey makes an update change the key as well.
func (g *generator) rekey(c *replicator.Change, was, now string) {
	c.Key = tuple(was)
	changed := tuple(now).Append(c.New.At(1)).Append(c.New.At(2))
	c.New = changed
	g.rows[now] = g.rows[was]
	delete(g.rows, was)
}

// text3 is the third value of a row, as the model has it.
func text3(row replicator.Tuple) string {
	if v := row.At(2); v.Kind == replicator.Text {
		return string(v.Text)
	}
	return "~"
}

// batches folds a list of changes into batches, cut at some places inside the transaction.
func (g *generator) batches() []*replicator.Batch {
	all := []*replicator.Batch{}
	for range 1 + g.IntN(3) {
		f := replicator.NewFold(g.table, "")
		for range 1 + g.IntN(8) {
			f.Add(g.change())
		}
		all = append(all, &replicator.Batch{Folds: []*replicator.Fold{f}})
		g.log = append(g.log, "sealed")
	}
	all[len(all)-1].Commit = true
	return all
}

// shown returns the model's rows.
func (m model) shown() []string {
	shown := []string{}
	for key, row := range m {
		shown = append(shown, strings.Join([]string{key, row[0], row[1]}, "|"))
	}
	slices.Sort(shown)
	return shown
}

// drawn returns how many lists of changes a test draws: the usual number and as many more as
// ROWSHIFT_TEST_SEEDS says, or few with -short.
func drawn(usual int) int {
	if testing.Short() {
		return usual / 5
	}
	more, _ := strconv.Atoi(os.Getenv("ROWSHIFT_TEST_SEEDS")) // mostly unset
	return usual + more
}

// Whatever the source does, and wherever its changes are cut, the target ends up as if the
// changes had been made one by one.
func TestMergesEqualChangesOneByOne(t *testing.T) {
	t.Parallel()
	lists := drawn(100)
	w := newWorld(t)
	r, table := w.withWords()
	g := &generator{t: t, table: table, rows: model{}}
	for list := range lists {
		g.Rand, g.log = rand.New(rand.NewPCG(uint64(list), 7)), nil
		before := maps.Clone(g.rows)
		w.apply(r, g.batches()...)
		got := w.ask("SELECT word, n, body FROM public_copy.words")
		slices.Sort(got)
		if want := g.rows.shown(); !slices.Equal(got, want) {
			t.Fatalf("list %d: rows\n%q\nwant\n%q\nfrom\n%q\nby\n%s", list, got, want, before.shown(), strings.Join(g.log, "\n"))
		}
	}
}

// Whatever a target holds, the join makes it equal to the load table.
func TestJoinsEqualTheirLoadTables(t *testing.T) {
	t.Parallel()
	lists := drawn(60)
	w := newWorld(t)
	r, table := w.withWords()
	g := &generator{t: t, table: table}
	for list := range lists {
		g.Rand = rand.New(rand.NewPCG(uint64(list), 11))
		rows := model{}
		var written []replicator.Tuple
		for _, key := range keys {
			if g.IntN(3) == 0 {
				continue
			}
			rows[key] = [2]string{fmt.Sprint(g.IntN(2)), pick(g.Rand, bodies)}
			written = append(written, tuple(key, rows[key][0], rows[key][1]))
		}
		from := fmt.Sprintf("load_1_%d_16504", list)
		w.loadTuples(r, from, table, written)
		w.join(r, table, from)
		got := w.ask("SELECT word, n, body FROM public_copy.words")
		slices.Sort(got)
		if want := rows.shown(); !slices.Equal(got, want) {
			t.Fatalf("list %d: rows\n%q\nwant\n%q", list, got, want)
		}
	}
}
