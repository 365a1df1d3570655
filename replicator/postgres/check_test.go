package postgres

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"rowshift/replicator"
	"rowshift/schema"
	"rowshift/test/pgtest"
)

// found returns the finding for a subject.
func found(t *testing.T, all []replicator.Finding, subject string) replicator.Finding {
	t.Helper()
	i := slices.IndexFunc(all, func(f replicator.Finding) bool { return f.Subject == "source: "+subject })
	if i < 0 {
		t.Fatalf("nothing was found of %q in %+v", subject, all)
	}
	return all[i]
}

// TestCheckOfAFitSource shows that Check finds nothing in the way, before a first run and
// beside a running one, and that looking changes nothing.
func TestCheckOfAFitSource(t *testing.T) {
	w := newWorld(t)
	other := w.dial()
	w.exec(other, `CREATE TABLE a (id int PRIMARY KEY)`)
	w.choose(every("a")...)
	w.named(true)
	for _, running := range []bool{false, true} {
		if running {
			w.create()
			w.follow(w.confirmed())
		}
		all := w.Check(t.Context())
		for _, f := range all {
			if f.Verdict == replicator.Failure || f.Verdict == replicator.Unasked || f.Verdict == replicator.Fine != (f.Repair == "") {
				t.Errorf("%+v", f)
			}
		}
		if f := found(t, all, "max_slot_wal_keep_size"); f.Verdict != replicator.Warning || !strings.Contains(f.Repair, "ALTER SYSTEM") || !strings.Contains(f.Repair, "on Amazon RDS or Aurora: max_slot_wal_keep_size = ") {
			t.Errorf("%+v", f)
		}
		w.until(other, fmt.Sprintf(`EXISTS (SELECT FROM pg_publication) = %v`, running))
	}
}

// TestCheckFails shows each thing that may be wrong, with the command that repairs it: once
// the command has run, the finding is fine.
func TestCheckFails(t *testing.T) {
	const table = `CREATE TABLE a (id int PRIMARY KEY, v text); CREATE ROLE $ LOGIN REPLICATION; GRANT CREATE ON DATABASE @ TO $; ALTER TABLE a OWNER TO $`
	choice := schema.Choice{Name: schema.Name{Schema: "public", Table: "a"}, Columns: []string{"id", "v"}, UnlistedOnWire: true}
	tests := []struct {
		name    string
		spoil   string
		create  bool
		subject string
		verdict replicator.Verdict
		repair  string // the part of it to run; * for all of it
	}{
		{"fine", ``, true, "table public.a", replicator.Fine, ""},
		{"no replication", `ALTER ROLE $ NOREPLICATION`, true, "replication connection", replicator.Failure, `ALTER ROLE "$" REPLICATION`},
		{"no such table", `ALTER TABLE a RENAME TO z`, true, "table public.a", replicator.Failure, ""},
		{"no such column", `ALTER TABLE a RENAME v TO z`, true, "table public.a", replicator.Failure, ""},
		{"no key", `ALTER TABLE a DROP CONSTRAINT a_pkey`, true, "table public.a", replicator.Failure, ""},
		{"no identity", `ALTER TABLE a REPLICA IDENTITY NOTHING`, true, "table public.a", replicator.Failure, "*"},
		{"unlogged", `ALTER TABLE a SET UNLOGGED`, true, "table public.a", replicator.Failure, `ALTER TABLE "public"."a" SET LOGGED`},
		{"no grant", `ALTER TABLE a OWNER TO postgres`, true, "table public.a", replicator.Failure, "*"},
		{"a grant on too few columns", `ALTER TABLE a OWNER TO postgres; GRANT SELECT (id) ON a TO $`, true, "table public.a", replicator.Failure, "*"},
		{"a grant without ctid", `ALTER TABLE a OWNER TO postgres; GRANT SELECT (id, v) ON a TO $`, true, "table public.a", replicator.Warning, "*"},
		{"no schema", `REVOKE USAGE ON SCHEMA public FROM PUBLIC`, true, "table public.a", replicator.Failure, "*"},
		{"policies", `ALTER TABLE a ENABLE ROW LEVEL SECURITY; ALTER TABLE a FORCE ROW LEVEL SECURITY`, true, "table public.a", replicator.Failure, "*"},
		{"a publication of all", `CREATE PUBLICATION rowshift FOR ALL TABLES`, true, "publication rowshift", replicator.Failure, ""},
		{"a DBA's publication", ``, false, "publication rowshift", replicator.Failure, "*"},
		{"a DBA's slot", ``, false, "slot @", replicator.Failure, "*"},
		{"another plugin's slot", `SELECT pg_create_logical_replication_slot('@', 'test_decoding')`, true, "slot @", replicator.Failure, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			other := w.dial()
			names := strings.NewReplacer("$", w.role(), "@", w.config.Database)
			w.exec(other, names.Replace(table))
			w.exec(other, names.Replace(test.spoil))
			w.choose(choice)
			w.named(test.create)
			w.program.User = w.role()
			subject := names.Replace(test.subject)
			f := found(t, w.Check(t.Context()), subject)
			if f.Verdict != test.verdict || (f.Repair == "") != (test.verdict == replicator.Fine) {
				t.Fatalf("%+v", f)
			}
			repair := names.Replace(test.repair)
			if test.repair == "*" {
				repair = f.Repair
			}
			if !strings.Contains(f.Repair, repair) {
				t.Errorf("%q is not to be found in %+v", repair, f)
			}
			if repair == "" {
				return
			}
			w.exec(other, repair)
			if f := found(t, w.Check(t.Context()), subject); f.Verdict != replicator.Fine {
				t.Errorf("repaired by %q: %+v", repair, f)
			}
		})
	}
}

// TestCheckOfTheRightsToPublish shows the two repairs of a role that may not make or alter the
// publication: with the grants a run may, and with what a DBA runs it need not.
func TestCheckOfTheRightsToPublish(t *testing.T) {
	const table = `CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY); CREATE ROLE $ LOGIN REPLICATION; CREATE ROLE $_other; CREATE ROLE $_third; GRANT CREATE ON DATABASE @ TO $_other; GRANT SELECT ON a, b TO $; `
	tests := []struct {
		name, spoil string
		grants      string // empty: a superuser is an owner
		slot        bool   // it is there already, so nobody has to make it
	}{
		{"no right on the database", `ALTER TABLE a OWNER TO $; ALTER TABLE b OWNER TO $`, `GRANT CREATE ON DATABASE "@" TO "$";`, false},
		{"two owners", `GRANT CREATE ON DATABASE @ TO $; ALTER TABLE a OWNER TO $_third; ALTER TABLE b OWNER TO $_other`, `GRANT "$_other" TO "$"; GRANT "$_third" TO "$";`, false},
		{"nothing at all", `ALTER TABLE a OWNER TO $_other; ALTER TABLE b OWNER TO $_other`, `GRANT CREATE ON DATABASE "@" TO "$"; GRANT "$_other" TO "$";`, false},
		{"another's publication", `ALTER TABLE a OWNER TO $; ALTER TABLE b OWNER TO $; GRANT CREATE ON DATABASE @ TO $; CREATE PUBLICATION rowshift FOR TABLE ONLY a; ALTER PUBLICATION rowshift OWNER TO $_other`, `GRANT "$_other" TO "$";`, true},
		{"a superuser's table", `ALTER TABLE a OWNER TO $; GRANT CREATE ON DATABASE @ TO $`, "", false},
	}
	for _, test := range tests {
		for _, byDBA := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, by a DBA: %t", test.name, byDBA), func(t *testing.T) {
				w := newWorld(t)
				other := w.dial()
				names := strings.NewReplacer("$", w.role(), "@", w.config.Database)
				w.exec(other, names.Replace(table+test.spoil))
				w.choose(every("a", "b")...)
				w.named(true)
				if test.slot {
					w.exec(other, createSlot(w.options.Slot))
				}
				w.program.User = w.role()
				f := found(t, w.Check(t.Context()), "publication rowshift")
				lines := strings.Split(f.Repair, "\n")
				if f.Verdict != replicator.Failure || len(lines) != 3 || test.grants != "" && lines[0] != names.Replace(test.grants) {
					t.Fatalf("%+v", f)
				}
				i := slices.IndexFunc(lines, func(l string) bool { return strings.HasSuffix(l, "set source.create to false, and let a DBA run:") })
				switch {
				case byDBA:
					w.exec(other, lines[i+1])
					w.options.Create = false
					if f := found(t, w.Check(t.Context()), "slot "+w.options.Slot); f.Verdict != replicator.Fine {
						t.Errorf("repaired by %q: %+v", lines[i+1], f)
					}
				case test.grants == "":
					if strings.Contains(f.Repair, "GRANT") || !strings.Contains(lines[2], "superuser postgres") {
						t.Errorf("%+v", f)
					}
					return
				default:
					w.exec(other, lines[0])
				}
				if f := found(t, w.Check(t.Context()), "publication rowshift"); f.Verdict != replicator.Fine {
					t.Errorf("repaired by %q: %+v", lines, f)
				}
				if !byDBA && !test.slot {
					w.create()
				}
			})
		}
	}
}

// TestCheckOfAPlainServer shows a server that was not made for replication.
func TestCheckOfAPlainServer(t *testing.T) {
	s := pgtest.Start(t, pgtest.Options{
		Settings: map[string]string{"wal_level": "replica", "max_wal_senders": "1", "max_replication_slots": "1", "wal_sender_timeout": "0", "logical_decoding_work_mem": "1MB", "max_slot_wal_keep_size": "1GB", "max_prepared_transactions": "1",
			"synchronous_standby_names": "ANY 1 (*)", "synchronous_commit": "local"},
		HBA: []string{"host postgres plain 127.0.0.1/32 trust", "host all plain 127.0.0.1/32 reject"},
	})
	w := on(newWorld(t), s)
	other := w.dial()
	w.exec(other, `CREATE TABLE a (id int PRIMARY KEY)`)
	w.exec(other, `SELECT pg_create_physical_replication_slot('another')`)
	w.choose(every("a")...)
	w.named(true)
	all := w.Check(t.Context())
	for subject, want := range map[string]replicator.Verdict{
		"wal_level": replicator.Failure, "max_replication_slots": replicator.Failure, "max_wal_senders": replicator.Fine,
		"wal_sender_timeout": replicator.Warning, "logical_decoding_work_mem": replicator.Warning, "max_slot_wal_keep_size": replicator.Fine,
		"synchronous_standby_names": replicator.Failure, "version": replicator.Fine, "primary": replicator.Fine, "encoding": replicator.Fine, "old transactions": replicator.Fine,
	} {
		if f := found(t, all, subject); f.Verdict != want || (f.Repair == "") != (want == replicator.Fine) {
			t.Errorf("%s: %+v", subject, f)
		}
		if f := found(t, all, subject); strings.Contains(f.Repair, "ALTER SYSTEM") && !strings.Contains(f.Repair, "in the parameter group") {
			t.Errorf("%s: Amazon RDS refuses all of %q", subject, f.Repair)
		}
	}
	_, err := w.Create(t.Context(), replicator.CreateRequest{})
	if err := refusedWith(err, replicator.SourceUnfit, "wal_level", "rds.logical_replication"); err != nil {
		t.Error(err)
	}
	w.program.Port = 1
	if all := w.Check(t.Context()); len(all) != 1 || all[0].Verdict != replicator.Failure {
		t.Errorf("of a server that is not there: %+v", all)
	}
}

// TestCheckOfSenders shows that a slot of ours asks for no other slot, but for a WAL sender
// if nobody streams from it.
func TestCheckOfSenders(t *testing.T) {
	w := on(newWorld(t), pgtest.Start(t, pgtest.Options{Settings: map[string]string{"max_wal_senders": "1", "max_replication_slots": "1"}}))
	w.exec(w.dial(), `CREATE TABLE a (id int PRIMARY KEY)`)
	w.choose(every("a")...)
	w.named(true)
	w.create()
	of := func(who string, want replicator.Verdict) {
		t.Helper()
		all := w.Check(t.Context())
		if f := found(t, all, "max_wal_senders"); f.Verdict != want {
			t.Errorf("%s has the sender: %+v", who, f)
		}
		if f := found(t, all, "max_replication_slots"); f.Verdict != replicator.Fine {
			t.Errorf("%s has the sender: %+v", who, f)
		}
	}
	of("nobody", replicator.Fine)
	other, err := w.connectReplication(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	of("another", replicator.Failure)
	if err := other.Close(t.Context()); err != nil {
		t.Error(err)
	}
	w.until(w.dial(), `(SELECT count(*) = 0 FROM pg_stat_replication)`)
	w.follow(w.confirmed())
	of("a daemon of ours", replicator.Fine)
}

// TestSlotState shows what a slot looks like: missing, idle and streamed from.
func TestSlotState(t *testing.T) {
	w := newWorld(t)
	other := w.dial()
	w.exec(other, `CREATE TABLE a (id int PRIMARY KEY)`)
	w.choose(every("a")...)
	w.named(true)
	state := func() SlotState {
		t.Helper()
		s, err := w.SlotState(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	if s := state(); s.Exists || s.Current == 0 {
		t.Errorf("missing: %+v", s)
	}
	w.create()
	w.exec(other, `INSERT INTO a SELECT generate_series(1, 1000)`)
	idle := state()
	if !idle.Exists || idle.Active || idle.Status != "reserved" || idle.Limited || idle.Confirmed == 0 || idle.Lag != uint64(idle.Current-idle.Confirmed) || idle.Retained < idle.Lag {
		t.Errorf("idle: %+v", idle)
	}
	f := w.follow(idle.Confirmed)
	if s := state(); !s.Active {
		t.Errorf("streamed from: %+v", s)
	}
	f.Close()
}

// TestCheckOfTransactionsThatAreHidden shows that transactions whose age the role may not
// see are not taken for none.
func TestCheckOfTransactionsThatAreHidden(t *testing.T) {
	s := pgtest.Start(t, pgtest.Options{Settings: map[string]string{"autovacuum": "off"}})
	w := on(newWorld(t), s)
	other := w.dial()
	w.exec(other, fmt.Sprintf(`CREATE TABLE a (id int PRIMARY KEY); CREATE ROLE %s LOGIN REPLICATION`, w.role()))
	w.choose(every("a")...)
	w.named(true)
	w.program.User = w.role()
	const subject = "old transactions"
	if f := found(t, w.Check(t.Context()), subject); f.Verdict != replicator.Fine {
		t.Errorf("of none: %+v", f)
	}
	writer := w.dial()
	w.exec(writer, `BEGIN; INSERT INTO a VALUES (1)`)
	f := found(t, w.Check(t.Context()), subject)
	if f.Verdict != replicator.Warning || !strings.Contains(f.Found, "1 of other roles") || f.Repair != fmt.Sprintf("GRANT pg_read_all_stats TO %q", w.role()) {
		t.Fatalf("of one that is hidden: %+v", f)
	}
	w.exec(other, f.Repair)
	if f := found(t, w.Check(t.Context()), subject); f.Verdict != replicator.Fine {
		t.Errorf("of one that is young: %+v", f)
	}
	w.exec(writer, `ROLLBACK`)
}

// TestStandbyNames shows how the names of synchronous standbys are read.
func TestStandbyNames(t *testing.T) {
	for value, want := range map[string][]string{
		"":                        nil,
		"*":                       {"*"},
		"a, b":                    {"a", "b"},
		"1 (*)":                   {"*"},
		"FIRST 2 (a,\"b c\" , *)": {"a", "b c", "*"},
		"any 1(\"*\", Rowshift)":  {"*", "Rowshift"},
		"first, any":              {"first", "any"},
		`"say ""a, b""", 2`:       {`say "a, b"`, "2"},
	} {
		if got := standbyNames(value); !slices.Equal(got, want) {
			t.Errorf("%s: %q", value, got)
		}
	}
}

// TestCheckOfAnOldMinor shows of which servers Check warns: those whose release may lose
// changes of a table that is added, and those that may fail to decode.
func TestCheckOfAnOldMinor(t *testing.T) {
	for version, words := range map[int]string{
		140017: "may be lost", 140018: outOfMemory, 140019: "", 150012: "may be lost", 150013: outOfMemory, 150014: "",
		160008: "may be lost", 160009: outOfMemory, 160010: "", 170000: "may be lost", 170005: outOfMemory, 170006: "", 180000: "",
	} {
		c := &check{server: server{version: version, walLevel: "logical"}}
		c.kind()
		f := found(t, c.findings, "version")
		if (f.Verdict == replicator.Warning) != (words != "") || !strings.Contains(f.Found, words) {
			t.Errorf("%d: %+v", version, f)
		}
		if first := sound[version/10000]; words != "" && !strings.Contains(f.Repair, fmt.Sprintf("%d.%d ", version/10000, first)) {
			t.Errorf("%d: %s", version, f.Repair)
		}
	}
}

// TestAnOvergrownServerHasItsSlot shows that a slot is not taken for lost, nor reset, because
// its server runs out of memory as it decodes, which the next release of PostgreSQL does not.
// On another release the same words are of a slot that leads nowhere.
func TestAnOvergrownServerHasItsSlot(t *testing.T) {
	const overgrown = "invalid memory alloc request size 1140850688"
	for _, test := range []struct {
		version       int
		message, next string // the release that decodes the slot; empty: none does
	}{
		{140018, overgrown, "14.19 "}, {150013, overgrown, "15.14 "}, {160009, overgrown, "16.10 "}, {170005, overgrown, "17.6 "},
		{170004, overgrown, ""}, {170006, overgrown, ""}, {180000, overgrown, ""}, {170005, "could not read block 7", ""},
	} {
		o := &Origin{from: server{version: test.version}}
		var err error
		for range stuckAfter {
			err = o.undecodable(7, newFault(internalError, test.message))
		}
		reason := replicator.SourceUnfit
		if test.next == "" {
			reason = replicator.SlotLost
		}
		if err := refusedWith(err, reason, test.message, test.next); err != nil {
			t.Errorf("%d: %v", test.version, err)
		}
		h, _ := errors.AsType[*replicator.Halt](err)
		if resets := (&replicator.Checkpoint{}).Repairs(h, true); resets != (test.next == "") {
			t.Errorf("%d: %v is answered with a reset: %t", test.version, err, resets)
		}
	}
}

// TestStreamsServer shows that the release of the server that a stream comes from is known,
// by which its errors are judged.
func TestStreamsServer(t *testing.T) {
	w := newWorld(t)
	w.exec(w.dial(), `CREATE TABLE a (id int PRIMARY KEY)`)
	w.choose(every("a")...)
	w.create()
	w.follow(w.confirmed())
	if w.from.major() != w.major() {
		t.Errorf("the stream is taken to come from PostgreSQL %d", w.from.major())
	}
}

// TestCheckOfNumbers shows that Check warns of numbers that will be text, unless the config
// chooses that, and that what it prints is a choice.
func TestCheckOfNumbers(t *testing.T) {
	w := newWorld(t)
	w.exec(w.dial(), `CREATE TABLE a (id int PRIMARY KEY, n numeric, p numeric(10, 2), v text)`)
	w.choose(every("a")...)
	for _, chosen := range []string{"", "DECIMAL(20,4)", "VARCHAR(65535)"} {
		if chosen != "" {
			w.options.Choices[0].Types = map[string]string{"n": chosen}
		}
		var warned []replicator.Finding
		for _, f := range w.Check(t.Context()) {
			if strings.Contains(f.Found, "numeric") {
				warned = append(warned, f)
			}
		}
		if chosen != "" && len(warned) > 0 {
			t.Errorf("as %s: %+v", chosen, warned)
		}
		if chosen == "" && (len(warned) != 1 || warned[0].Verdict != replicator.Warning || !strings.Contains(warned[0].Found, `"n"`) || !strings.Contains(warned[0].Repair, `types: {n: "DECIMAL(20,4)"}`)) {
			t.Errorf("%+v", warned)
		}
	}
}
