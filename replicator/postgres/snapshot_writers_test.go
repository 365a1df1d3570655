package postgres

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"
)

// temper is how the writers of one seed behave: chances from 0 to 1.
type temper struct {
	writers  int
	hang     float64 // commits wait for the standby that is missing, for a while
	async    float64 // commits are not flushed
	prepare  float64
	rollback float64
	pause    time.Duration // at most, within a transaction
	hanging  time.Duration // at most, for the standby
}

// tempered draws a temper.
func tempered(random *rand.Rand) temper {
	pick := func(chances ...float64) float64 { return chances[random.IntN(len(chances))] }
	return temper{
		writers:  1 + random.IntN(maxWriters),
		hang:     pick(0, .2, .8, 1),
		async:    pick(0, .5, 1),
		prepare:  pick(0, .1, .4),
		rollback: pick(0, .1, .3),
		pause:    time.Duration(random.IntN(30)) * time.Millisecond,
		hanging:  time.Duration(20+random.IntN(100)) * time.Millisecond,
	}
}

// maxWriters is how many writers there are at most.
const maxWriters = 4

// writer writes transactions of all kinds, one after another.
type writer struct {
	t        testing.TB
	name     string
	conn     *session
	release  *session // lets commits go that wait for the standby
	random   *rand.Rand
	temper   temper
	written  int
	prepared []string
	done     map[string]int // statements that succeeded, by their first two words
}

// keys is how many keys there are in each table.
const keys = 40

// run writes until stop is closed, and leaves nothing open or prepared.
func (w *writer) run(ctx context.Context, stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			for len(w.prepared) > 0 {
				w.finish(ctx)
			}
			return
		case <-ctx.Done():
			return
		default:
		}
		if len(w.prepared) > 0 && w.random.Float64() < .4 {
			w.finish(ctx)
		} else {
			w.transaction(ctx)
		}
	}
}

// transaction writes one, or fails to and rolls it back.
func (w *writer) transaction(ctx context.Context) {
	commit := w.commits()
	statements := []string{`BEGIN`, `SET LOCAL synchronous_commit = ` + commit}
	for range 1 + w.random.IntN(4) {
		statements = append(statements, w.step()...)
	}
	for _, s := range statements {
		if !w.exec(ctx, s) {
			w.exec(ctx, `ROLLBACK`)
			return
		}
	}
	switch chance := w.random.Float64(); {
	case chance < w.temper.rollback:
		w.exec(ctx, `ROLLBACK`)
	case chance < w.temper.rollback+w.temper.prepare:
		w.written++
		gid := fmt.Sprintf("%s.%d", w.name, w.written)
		if w.commit(ctx, commit, `PREPARE TRANSACTION '`+gid+`'`) {
			w.prepared = append(w.prepared, gid)
		}
	default:
		w.commit(ctx, commit, `COMMIT`)
	}
	if w.conn.PgConn().TxStatus() != 'I' {
		w.exec(ctx, `ROLLBACK`)
	}
}

// finish ends the oldest prepared transaction.
func (w *writer) finish(ctx context.Context) {
	end := `COMMIT PREPARED '`
	if w.random.Float64() < .2 {
		end = `ROLLBACK PREPARED '`
	}
	commit := w.commits()
	if w.exec(ctx, `SET synchronous_commit = `+commit) && w.commit(ctx, commit, end+w.prepared[0]+`'`) || ctx.Err() != nil {
		w.prepared = w.prepared[1:]
	}
}

// commits draws a synchronous_commit.
func (w *writer) commits() string {
	switch {
	case w.random.Float64() < w.temper.hang:
		return "on"
	case w.random.Float64() < w.temper.async:
		return "off"
	}
	return "local"
}

// step draws what a transaction does next: sometimes in a subtransaction, which is
// sometimes rolled back.
func (w *writer) step() []string {
	chance := w.random.Float64()
	switch {
	case chance < .15:
		return []string{fmt.Sprintf(`SELECT pg_sleep(%f)`, w.random.Float64()*w.temper.pause.Seconds())}
	case chance < .3:
		return []string{`SAVEPOINT s`, w.write(), `SAVEPOINT deeper`, w.write(), `RELEASE s`}
	case chance < .4:
		return []string{`SAVEPOINT s`, w.write(), w.write(), `ROLLBACK TO s`, w.write()}
	}
	return []string{w.write()}
}

// write draws a statement. What it writes is never the same twice.
func (w *writer) write() string {
	w.written++
	table, value := []string{"a", "b"}[w.random.IntN(2)], fmt.Sprintf("%s.%d", w.name, w.written)
	key, other := w.random.IntN(keys), w.random.IntN(keys)
	switch chance := w.random.Float64(); {
	case chance < .3:
		return fmt.Sprintf(`INSERT INTO %s VALUES (%d, '%s') ON CONFLICT DO NOTHING`, table, key, value)
	case chance < .5:
		return fmt.Sprintf(`UPDATE %s SET v = '%s' WHERE id = %d`, table, value, key)
	case chance < .6:
		return fmt.Sprintf(`UPDATE %s SET v = '%s' WHERE id %% 7 = %d`, table, value, key%7)
	case chance < .75:
		return fmt.Sprintf(`DELETE FROM %s WHERE id = %d`, table, key)
	case chance < .94:
		return fmt.Sprintf(`UPDATE %[1]s SET id = %[2]d, v = '%[3]s' WHERE id = %[4]d AND NOT EXISTS (SELECT FROM %[1]s WHERE id = %[2]d)`, table, other, value, key)
	case chance < .96:
		return `TRUNCATE ` + table
	case chance < .97:
		return `TRUNCATE a, b`
	default: // writes the table anew, and nothing of that to the stream
		return fmt.Sprintf(`ALTER TABLE %s ALTER n TYPE int USING n + 0`, table)
	}
}

// exec tells whether a statement succeeded. It may fail as those of applications do.
func (w *writer) exec(ctx context.Context, statement string) bool {
	_, err := w.conn.Exec(ctx, statement)
	if code := codeOf(err); err != nil && ctx.Err() == nil && (code == "" || strings.HasPrefix(code, "42")) {
		w.t.Errorf("%s: %v", statement, err)
	}
	if err == nil {
		w.done[strings.Join(strings.Fields(statement)[:min(2, len(strings.Fields(statement)))], " ")]++
	}
	return err == nil
}

// commit is exec of a statement that may wait for the standby: for a while.
func (w *writer) commit(ctx context.Context, mode, statement string) bool {
	if mode != "on" {
		return w.exec(ctx, statement)
	}
	patience := time.Duration(w.random.Float64() * float64(w.temper.hanging))
	ctx, cancel := context.WithCancel(ctx)
	over := make(chan struct{})
	var g sync.WaitGroup
	g.Go(func() {
		for {
			select {
			case <-over:
				return
			case <-time.After(patience):
			}
			if _, err := w.release.Exec(ctx, `SELECT pg_cancel_backend($1)`, w.conn.PgConn().PID()); err != nil && ctx.Err() == nil {
				w.t.Error(err)
				return
			}
		}
	})
	ok := w.exec(ctx, statement)
	close(over)
	g.Wait()
	cancel()
	if ok {
		w.done["waited for the standby"]++
	}
	return ok
}
