package e2e

import (
	"testing"

	"rowshift/test/harness"
)

// Promises 1 and 3: each kind of change arrives once, and whole.
func TestEachKindOfChange(t *testing.T) {
	s := harness.Setup{
		Accounts: small,
		Config:   harness.Config{Batch: "{rows: 1000, min_interval: 50ms, max_age: 1s}"},
	}
	s.Source.Settings = map[string]string{"max_prepared_transactions": "10"}
	w, _ := live(t, s)
	steps := []struct {
		name       string
		statements []string // each is a transaction of its own
	}{
		{"insert", []string{"INSERT INTO plan VALUES ('gold', 99.90, '{a}')"}},
		{"update", []string{"UPDATE plan SET price = 100 WHERE code = 'gold'"}},
		{"NULL", []string{"UPDATE plan SET price = NULL, features = NULL WHERE code = 'gold'"}},
		{"hostile text", []string{`UPDATE company SET plan = E'a\\b''c"d\n,;\t\\N é 𝄞 ' WHERE id = uid('c', 1)`, `UPDATE company SET plan = '' WHERE id = uid('c', 2)`}},
		{"trailing blanks tell keys apart", []string{"INSERT INTO plan VALUES ('k', 1, NULL), ('k ', 2, NULL)", "DELETE FROM plan WHERE code = 'k '"}},
		{"delete", []string{"DELETE FROM plan WHERE code = 'gold'"}},
		{"key change", []string{"UPDATE person SET id = gen_random_uuid() WHERE id = uid('p', 3)"}},
		{"keys swapped in one transaction", []string{"BEGIN; UPDATE plan SET code = 'x' WHERE code = 'pro'; UPDATE plan SET code = 'pro' WHERE code = 'trial'; UPDATE plan SET code = 'trial' WHERE code = 'x'; COMMIT"}},
		{"delete and insert again", []string{"BEGIN; DELETE FROM plan WHERE code = 'free'; INSERT INTO plan VALUES ('free', 7, '{new}'); COMMIT"}},
		{"TRUNCATE in the middle", []string{"BEGIN; INSERT INTO plan VALUES ('gone', 1, NULL); TRUNCATE plan; INSERT INTO plan VALUES ('only', 1, '{x}'); UPDATE plan SET price = 2; COMMIT"}},
		{"TRUNCATE alone", []string{"TRUNCATE plan", "INSERT INTO plan VALUES ('free', 0, '{}'), ('pro', 49.9, '{sso}'), ('trial', 1, NULL)"}},
		{"unchanged TOAST after an insert in one batch", []string{"BEGIN; INSERT INTO person VALUES (uid('n', 1), 'e', 'f', true, repeat('long ', 3000), now()); UPDATE person SET is_active = false WHERE id = uid('n', 1); COMMIT"}},
		{"unchanged TOAST of a row of the target", []string{"UPDATE person SET is_active = NOT is_active WHERE id IN (SELECT id FROM person WHERE bio IS NOT NULL)"}},
		{"unchanged TOAST with a key change", []string{"UPDATE person SET id = uid('n', 2), last_seen_at = now() WHERE id = uid('n', 1)"}},
		{"unchanged TOAST through swapped keys", []string{"BEGIN; UPDATE person SET id = uid('t', 1) WHERE id = uid('p', 50); UPDATE person SET id = uid('p', 50) WHERE id = uid('p', 100); UPDATE person SET id = uid('p', 100) WHERE id = uid('t', 1); COMMIT"}},
		{"a savepoint rolled back", []string{"BEGIN; UPDATE company SET plan = 'kept' WHERE id = uid('c', 5); SAVEPOINT s; DELETE FROM company WHERE id < uid('c', 50); ROLLBACK TO s; COMMIT"}},
		{"a transaction rolled back", []string{"BEGIN; DELETE FROM company; ROLLBACK"}},
		{"a transaction larger than a batch", []string{"INSERT INTO person SELECT uid('big', n), 'e', 'f', true, NULL, now() FROM generate_series(1, 5000) n", "UPDATE person SET last_seen_at = last_seen_at + interval '1 day'"}},
		{"a large transaction that moves every key", []string{"UPDATE person SET id = gen_random_uuid()"}},
		{"a prepared transaction", []string{"BEGIN; UPDATE company SET plan = 'prepared' WHERE id = uid('c', 7); PREPARE TRANSACTION 'p'", "COMMIT PREPARED 'p'"}},
	}
	for _, step := range steps {
		t.Run(step.name, func(t *testing.T) {
			execute(t, w, step.statements...)
			w.MustBecomeEqual(t)
		})
	}
}
