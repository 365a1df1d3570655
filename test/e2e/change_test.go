package e2e

import (
	"fmt"
	"strings"
	"testing"

	"rowshift/test/harness"
)

// Promises 1 and 3: each kind of change arrives once, and whole.
func TestEachKindOfChange(t *testing.T) {
	t.Parallel()
	s := harness.Setup{
		Accounts: small,
		Config:   harness.Config{Batch: "{rows: 1000, min_interval: 50ms, max_age: 1s}"},
	}
	s.Source.Settings = map[string]string{"max_prepared_transactions": "10"}
	w, d := live(t, s)
	if one(t, w, "SELECT pg_relation_size(reltoastrelid) > 0 FROM pg_class WHERE oid = 'person'::regclass") != "t" {
		t.Fatal("no value is out of line: the tests of TOAST show nothing")
	}
	for n, step := range changes {
		t.Run(step.name, func(t *testing.T) {
			execute(t, w, step.statements...)
			// The last change shows that changes which leave no trace have been read too.
			execute(t, w, fmt.Sprintf("UPDATE company SET created_at = created_at + interval '%d seconds' WHERE id = uid('c', 200)", n+1))
			w.MustBecomeEqual(t)
		})
	}
	if !strings.Contains(d.Log(), `"whole":false`) {
		t.Error("no transaction was larger than a batch")
	}
	if strings.Contains(d.Log(), `"message":"restarting"`) {
		t.Error("the daemon restarted: a change was read twice")
	}
}

// changes are transactions that run one after another. Each statement is one request.
var changes = []struct {
	name       string
	statements []string
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
	{"unchanged TOAST across batches", []string{"INSERT INTO person VALUES (uid('m', 1), 'e', 'f', true, repeat('far ', 3000), now())", "UPDATE person SET is_active = false WHERE id = uid('m', 1)"}},
	{"unchanged TOAST of a row that goes and comes", []string{"BEGIN; DELETE FROM person WHERE id = uid('m', 1); INSERT INTO person VALUES (uid('m', 1), 'e', 'f', true, repeat('other ', 3000), now()); UPDATE person SET is_active = false WHERE id = uid('m', 1); COMMIT"}},
	{"unchanged TOAST through a chain of keys", []string{"BEGIN; UPDATE person SET id = uid('m', 2) WHERE id = uid('m', 1); UPDATE person SET is_active = true WHERE id = uid('m', 2); UPDATE person SET id = uid('m', 3) WHERE id = uid('m', 2); COMMIT"}},
	{"a savepoint rolled back", []string{"BEGIN; UPDATE company SET plan = 'kept' WHERE id = uid('c', 5); SAVEPOINT s; DELETE FROM company WHERE id < uid('c', 50); ROLLBACK TO s; COMMIT"}},
	{"a transaction rolled back", []string{"BEGIN; DELETE FROM company; ROLLBACK"}},
	{"a transaction larger than a batch", []string{"INSERT INTO person SELECT uid('big', n), 'e', 'f', true, NULL, now() FROM generate_series(1, 5000) n", "UPDATE person SET last_seen_at = last_seen_at + interval '1 day'"}},
	{"a large transaction that moves every key", []string{"UPDATE person SET id = gen_random_uuid()"}},
	{"a prepared transaction", []string{"BEGIN; UPDATE company SET plan = 'prepared' WHERE id = uid('c', 7); PREPARE TRANSACTION 'p'", "COMMIT PREPARED 'p'"}},
}
