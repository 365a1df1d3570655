package main

import (
	"fmt"
	"strings"
)

// backlog is a set of changes that is written before it is drained.
type backlog struct {
	name string
	rows func(s sizes) int64  // how many changes of rows it has
	sql  func(s sizes) string // the statement that writes it

	tables []string // the tables that it changes
}

// sizes say how much there is of everything.
type sizes struct{ scale float64 }

// of returns n at the scale, and no less than least.
func (s sizes) of(n float64, least int64) int64 { return max(least, int64(n*s.scale)) }

func (s sizes) persons() int64   { return s.of(1_000_000, 1_000) }
func (s sizes) companies() int64 { return s.of(200_000, 1_000) }
func (s sizes) accounts() int64  { return s.of(1_000_000, 1_000) }

// backlogs are what a service may leave behind, from many small transactions to one huge
// one.
var backlogs = []backlog{
	{
		name: "three tables, 20 rows a transaction", tables: []string{"company", "person", "company_person"},
		rows: func(s sizes) int64 { return 20 * s.of(40_000, 20) },
		sql: func(s sizes) string {
			return fmt.Sprintf("CALL write_three(%d, %d, %d)", s.of(40_000, 20), s.persons(), s.companies())
		},
	},
	{
		name: "one row a transaction", tables: []string{"person"},
		rows: func(s sizes) int64 { return s.of(300_000, 100) },
		sql:  func(s sizes) string { return fmt.Sprintf("CALL write_single(%d, %d)", s.of(300_000, 100), s.persons()) },
	},
	{
		name: "one transaction", tables: []string{"person"},
		rows: sizes.persons,
		sql: func(s sizes) string {
			return fmt.Sprintf("UPDATE person SET last_seen_at = last_seen_at + interval '1 s' WHERE id IN (SELECT uid('p', n) FROM generate_series(1, %d) n)", s.persons())
		},
	},
	{
		name: "hot rows, 10 a transaction", tables: []string{"company"},
		rows: func(s sizes) int64 { return 10 * s.of(40_000, 20) },
		sql:  func(s sizes) string { return fmt.Sprintf("CALL write_hot(%d)", s.of(40_000, 20)) },
	},
	{
		name: "TPC-B", tables: []string{"tpcb_account", "tpcb_branch", "tpcb_history", "tpcb_teller"},
		rows: func(s sizes) int64 { return 4 * s.of(100_000, 50) },
		sql:  func(s sizes) string { return fmt.Sprintf("CALL write_tpcb(%d, %d)", s.of(100_000, 50), s.accounts()) },
	},
}

// begins returns the first word of a name, or the first two, by which a backlog is
// chosen.
func begins(name string) string {
	first := strings.FieldsFunc(name, func(r rune) bool { return r == ',' || r == ' ' })
	if first[0] == "one" {
		return strings.Join(first[:2], "-")
	}
	return first[0]
}

// sourceSQL makes the tables beside the account tables, and the procedures that write
// backlogs. The rows that one statement changes are distinct, so that each counts.
func sourceSQL(s sizes) []string {
	statements := []string{
		"CREATE TABLE marker (n bigint PRIMARY KEY)",
		"CREATE TABLE pulse (id int PRIMARY KEY, n bigint NOT NULL)",
		fmt.Sprintf("INSERT INTO pulse SELECT n, 0 FROM generate_series(0, %d) n", writers-1),
		"CREATE SEQUENCE fresh START 100000000 INCREMENT 10",
		"CREATE TABLE tpcb_branch (id int PRIMARY KEY, balance bigint NOT NULL, filler text)",
		"CREATE TABLE tpcb_teller (id int PRIMARY KEY, branch_id int, balance bigint NOT NULL, filler text)",
		"CREATE TABLE tpcb_account (id int PRIMARY KEY, branch_id int, balance bigint NOT NULL, filler text)",
		"CREATE TABLE tpcb_history (id bigserial PRIMARY KEY, teller_id int, branch_id int, account_id int, delta int, at timestamp, filler text)",
		"INSERT INTO tpcb_branch SELECT n, 0, repeat(' ', 88) FROM generate_series(1, 10) n",
		"INSERT INTO tpcb_teller SELECT n, 1 + n / 10, 0, repeat(' ', 84) FROM generate_series(1, 100) n",
		fmt.Sprintf("INSERT INTO tpcb_account SELECT n, 1 + n / 100000, 0, repeat(' ', 84) FROM generate_series(1, %d) n", s.accounts()),
		`CREATE PROCEDURE write_three(transactions int, persons int, companies int) LANGUAGE plpgsql AS $$
			DECLARE p bigint; c bigint; k bigint;
			BEGIN
				FOR i IN 1..transactions LOOP
					p := floor(random() * persons); c := floor(random() * companies); k := nextval('fresh');
					UPDATE person SET last_seen_at = clock_timestamp(), is_active = NOT is_active
						WHERE id IN (SELECT uid('p', 1 + (p + j) % persons) FROM generate_series(0, 9) j);
					INSERT INTO person SELECT uid('p', k + j), 'new' || k + j || '@example.com', 'New ' || k + j, true, NULL, now() FROM generate_series(0, 3) j;
					INSERT INTO company_person SELECT uid('p', k + j), uid('c', 1 + (c + j) % companies), 'MEMBER', now() FROM generate_series(0, 2) j;
					UPDATE company SET seats = seats + 1, plan = 'pro' WHERE id IN (SELECT uid('c', 1 + (c + j) % companies) FROM generate_series(0, 1) j);
					DELETE FROM company_person WHERE person_uuid = uid('p', k);
					COMMIT;
				END LOOP;
			END $$`,
		`CREATE PROCEDURE write_single(transactions int, persons int) LANGUAGE plpgsql AS $$
			DECLARE p uuid;
			BEGIN
				FOR i IN 1..transactions LOOP
					p := uid('p', 1 + floor(random() * persons)::bigint); -- in the WHERE it would be another one for each row
					UPDATE person SET last_seen_at = clock_timestamp() WHERE id = p;
					COMMIT;
				END LOOP;
			END $$`,
		// The first of the thousand companies gets a third of all updates.
		`CREATE PROCEDURE write_hot(transactions int) LANGUAGE plpgsql AS $$
			DECLARE c uuid;
			BEGIN
				FOR i IN 1..transactions LOOP
					FOR j IN 1..10 LOOP
						c := uid('c', 1 + floor(1000 * power(random(), 6))::bigint);
						UPDATE company SET seats = seats + 1 WHERE id = c;
					END LOOP;
					COMMIT;
				END LOOP;
			END $$`,
		// https://www.postgresql.org/docs/current/pgbench.html#TRANSACTIONS-AND-SCRIPTS
		`CREATE PROCEDURE write_tpcb(transactions int, accounts int) LANGUAGE plpgsql AS $$
			DECLARE a int; t int; b int; d int;
			BEGIN
				FOR i IN 1..transactions LOOP
					a := 1 + floor(random() * accounts); t := 1 + floor(random() * 100); b := 1 + floor(random() * 10); d := floor(random() * 10000) - 5000;
					UPDATE tpcb_account SET balance = balance + d WHERE id = a;
					UPDATE tpcb_teller SET balance = balance + d WHERE id = t;
					UPDATE tpcb_branch SET balance = balance + d WHERE id = b;
					INSERT INTO tpcb_history (teller_id, branch_id, account_id, delta, at) VALUES (t, b, a, d, now());
					COMMIT;
				END LOOP;
			END $$`,
	}
	statements = append(statements, fmt.Sprintf("INSERT INTO tpcb_history (teller_id, branch_id, account_id, delta, at) SELECT 1, 1, n, 0, now() FROM generate_series(1, %d) n", s.of(200_000, 1_000)))
	for _, t := range tables[4:] {
		statements = append(statements, "ALTER TABLE "+t+" OWNER TO app_owner")
	}
	return append(statements, "VACUUM ANALYZE")
}

// touch changes a row of each table in which the backlogs change rows by key.
const touch = `
	UPDATE company SET seats = seats WHERE id = uid('c', 1);
	UPDATE person SET is_active = is_active WHERE id = uid('p', 1);
	UPDATE company_person SET role_in_company = role_in_company WHERE person_uuid = (SELECT person_uuid FROM company_person LIMIT 1);
	UPDATE tpcb_account SET balance = balance WHERE id = 1;
	UPDATE tpcb_history SET delta = delta WHERE id = 1`

// tables are the tables that are replicated, the account tables first.
var tables = []string{
	"company", "company_person", "person", "plan",
	"marker", "pulse", "tpcb_account", "tpcb_branch", "tpcb_history", "tpcb_teller",
}
