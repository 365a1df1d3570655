package harness

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// Workload describes what applications do to the source's account tables.
type Workload struct {
	Seed    uint64
	Writers int           // sessions; 0: 1
	Pause   time.Duration // between two transactions of one writer
	Large   int           // rows of each large transaction; 0: no large ones

	// Truncates limits the number of TRUNCATEs. A load gives way to each, and where
	// reading takes longer than load_yield it would begin again for ever.
	Truncates int64
}

// Load is a running Workload.
type Load struct {
	Transactions atomic.Int64
	truncates    atomic.Int64
	stop         context.CancelFunc
	wg           sync.WaitGroup
	mu           sync.Mutex
	err          error
}

// Load starts a workload on the source. It runs until Stop, even when the source
// restarts.
func (w *World) Load(what Workload) *Load {
	ctx, stop := context.WithCancel(context.Background())
	l := &Load{stop: stop}
	w.loads = append(w.loads, l)
	for i := range max(what.Writers, 1) {
		wr := &writer{
			Workload: what, dsn: w.SourceDSN(), load: l, number: i,
			rng: rand.New(rand.NewPCG(what.Seed, uint64(i))), companies: w.setup.Accounts.Companies, persons: w.setup.Accounts.Persons,
		}
		l.wg.Go(func() { wr.run(ctx) })
	}
	return l
}

// Stop ends the workload and returns the error of a statement that failed, if any.
func (l *Load) Stop() error {
	l.stop()
	l.wg.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// writer is one session of a workload.
type writer struct {
	Workload
	dsn                string
	load               *Load
	number             int
	rng                *rand.Rand
	companies, persons int
	born               int // number of persons that this writer has made
}

// run writes until ctx is done. It reconnects when it loses the session.
func (w *writer) run(ctx context.Context) {
	for ctx.Err() == nil {
		err := w.session(ctx)
		var fault *pgconn.PgError
		if errors.As(err, &fault) && fault.Code[:2] == "42" {
			w.load.mu.Lock()
			w.load.err = errors.Join(w.load.err, err)
			w.load.mu.Unlock()
			return // the statement itself is wrong
		}
	}
}

func (w *writer) session(ctx context.Context) error {
	c, err := pgconn.Connect(ctx, w.dsn)
	if err != nil {
		return err
	}
	defer c.Close(context.WithoutCancel(ctx))
	for ctx.Err() == nil {
		if _, err := c.Exec(ctx, w.transaction()).ReadAll(); err != nil {
			return err
		}
		w.load.Transactions.Add(1)
		if w.Pause > 0 {
			select {
			case <-time.After(w.Pause):
			case <-ctx.Done():
			}
		}
	}
	return nil
}

// transaction returns the statements of a random transaction.
func (w *writer) transaction() string {
	if w.Large > 0 && w.rng.IntN(40) == 0 {
		return fmt.Sprintf("UPDATE person SET last_seen_at = last_seen_at + interval '1 second' WHERE id IN (SELECT id FROM person ORDER BY id LIMIT %d)", w.Large)
	}
	statements := "BEGIN;"
	for range 1 + w.rng.IntN(5) {
		statements += w.statement() + ";"
	}
	if w.rng.IntN(12) == 0 {
		return statements + "ROLLBACK"
	}
	return statements + "COMMIT"
}

func (w *writer) person() string {
	return fmt.Sprintf("uid('p', %d)", 1+w.rng.IntN(max(1, w.persons)))
}
func (w *writer) company() string {
	return fmt.Sprintf("uid('c', %d)", 1+w.rng.IntN(max(1, w.companies)))
}

// mine returns a person that this writer made, so that writers never wait for each
// other.
func (w *writer) mine() string {
	return fmt.Sprintf("uid('w%d-%d', %d)", w.Seed, w.number, 1+w.rng.IntN(max(1, w.born)))
}

// statement returns one random statement.
func (w *writer) statement() string {
	switch w.rng.IntN(14) {
	case 0, 1, 2: // the large value stays unchanged
		return "UPDATE person SET last_seen_at = clock_timestamp(), is_active = NOT is_active WHERE id = " + w.person()
	case 3:
		return fmt.Sprintf("UPDATE person SET bio = repeat('%d ', %d) WHERE id = %s", w.rng.IntN(1000), w.rng.IntN(2500), w.person())
	case 4, 5:
		return fmt.Sprintf("UPDATE company SET plan = (ARRAY['free','trial','pro','enterprise',NULL])[%d], seats = seats + 1 WHERE id = %s", 1+w.rng.IntN(5), w.company())
	case 6, 7:
		w.born++
		return fmt.Sprintf("INSERT INTO person VALUES (uid('w%d-%d', %d), 'x@example.com', 'canary-name', true, repeat('bio ', %d), now()) ON CONFLICT DO NOTHING",
			w.Seed, w.number, w.born, w.rng.IntN(2000))
	case 8: // the key changes, the large value does not
		return fmt.Sprintf("UPDATE person SET id = gen_random_uuid() WHERE id = %s", w.mine())
	case 9:
		return "DELETE FROM person WHERE id = " + w.mine()
	case 10, 11:
		return fmt.Sprintf("INSERT INTO company_person VALUES (%s, %s, 'MEMBER', now()) ON CONFLICT (person_uuid, company_uuid) DO UPDATE SET role_in_company = 'ADMINISTRATOR'", w.person(), w.company())
	case 12:
		return "DELETE FROM company_person WHERE person_uuid = " + w.person()
	default:
		return w.rare()
	}
}

// rare returns a statement of a kind that is hard to get right.
func (w *writer) rare() string {
	kind := w.rng.IntN(5)
	if kind == 1 && (w.rng.IntN(20) > 0 || w.load.truncates.Add(1) > w.Truncates) {
		kind = 0
	}
	switch kind {
	case 0: // two rows swap their keys
		return "UPDATE plan SET code = 'swap' WHERE code = 'pro'; UPDATE plan SET code = 'pro' WHERE code = 'trial'; UPDATE plan SET code = 'trial' WHERE code = 'swap'"
	case 1:
		return "TRUNCATE plan; INSERT INTO plan VALUES ('free', 0, '{}'), ('trial', 0, '{sso}'), ('pro', 49.90, NULL), ('enterprise', NULL, '{\"a b\",NULL}')"
	case 2:
		return "SAVEPOINT s; DELETE FROM company WHERE id = " + w.company() + "; ROLLBACK TO s"
	case 3:
		return "INSERT INTO audit (what) SELECT repeat('elsewhere', 100) FROM generate_series(1, 50)"
	default: // a row is deleted and inserted again
		return "DELETE FROM plan WHERE code = 'free'; INSERT INTO plan VALUES ('free', 1, '{again}') ON CONFLICT DO NOTHING"
	}
}
