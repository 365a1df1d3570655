package postgres

import (
	"strings"
	"testing"

	"rowshift/replicator"
	"rowshift/schema"
)

// TestLookOfAReset shows that the look before a reset, by a process that has opened nothing
// yet, does not halt for tables that are parked, renamed or out of the config, whoever owns
// the publication, but does for a stranger's publication; and that the reset then finds the
// renamed table.
func TestLookOfAReset(t *testing.T) {
	for name, create := range map[string]bool{"ours": true, "a DBA's": false} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			other := w.dial()
			w.exec(other, `CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY); CREATE TABLE c (id int PRIMARY KEY); CREATE TABLE d (id int PRIMARY KEY); CREATE TABLE e (id int)`)
			w.choose(every("a", "b", "c", "d")...)
			w.create()
			f := w.follow(w.confirmed())
			f.Close()
			reset := replicator.CreateRequest{Resumed: true, Reset: true}
			reset.Known = w.knows()
			for _, p := range f.opened.Tables {
				reset.Known.Tables = append(reset.Known.Tables, replicator.TableState{OID: p.Table.OID, Name: p.Table.Configured, Target: p.Table.Target})
			}
			w.exec(other, `ALTER TABLE a DROP CONSTRAINT a_pkey; ALTER TABLE b RENAME TO z`)
			w.options.Create, w.options.Choices = create, every("a", "b", "d")
			parked := 1
			if !create {
				w.exec(other, `ALTER PUBLICATION `+w.options.Publication+` DROP TABLE c, d`)
				parked = 2
			}
			w.Origin = New(w.options)
			look := func(known replicator.Known, resumed bool) error {
				_, err := w.Create(t.Context(), replicator.CreateRequest{Look: true, Resumed: resumed, Known: known})
				return err
			}
			if err := look(reset.Known, true); err != nil {
				t.Error(err)
			}
			if err := refusedWith(look(replicator.Known{}, true), replicator.PublicationDiffers, "public.z"); err != nil {
				t.Errorf("with nothing known: %v", err)
			}
			w.exec(other, `ALTER PUBLICATION `+w.options.Publication+` ADD TABLE e`)
			if err := refusedWith(look(reset.Known, true), replicator.PublicationDiffers, "public.e"); err != nil {
				t.Errorf("with a stranger's table: %v", err)
			}
			w.exec(other, `ALTER PUBLICATION `+w.options.Publication+` DROP TABLE e`)

			if _, err := w.Create(t.Context(), reset); err != nil {
				t.Fatal(err)
			}
			after := w.follow(w.confirmed())
			defer after.Close()
			if o := after.opened; len(o.Unfit) != parked || o.Unfit[0].Name != (schema.Name{Schema: "public", Table: "a"}) || o.Tables[0].Table.Name.Table != "z" {
				t.Errorf("opened with %v, unfit %v", o.Tables, o.Unfit)
			}
		})
	}
}

// TestResetOfASlotThatCannotDecode shows a reset that is to take the slot which a DBA made,
// and finds that it cannot decode. It halts with the statements that help, and goes on once
// they are run.
func TestResetOfASlotThatCannotDecode(t *testing.T) {
	w := newWorld(t)
	if w.major() >= 18 {
		t.Skip("since 18 a publication that is missing is only warned of")
	}
	other := w.dial()
	w.exec(other, `CREATE TABLE a (id int PRIMARY KEY)`)
	w.choose(every("a")...)
	w.create()
	w.exec(other, `DROP PUBLICATION rowshift`)
	w.exec(other, `INSERT INTO a VALUES (1)`) // the log has no publication for it
	w.options.Create = false
	w.Origin = New(w.options)
	statements, _, err := w.Plan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range statements {
		w.exec(other, s)
	}
	comesTo := func() *replicator.Halt {
		t.Helper()
		halt, _ := w.comesTo(&replicator.Checkpoint{Phase: replicator.Creating, Epoch: 1, Reset: "token"}, false)
		return halt
	}
	drop, create := dropSlot(w.options.Slot), createSlot(w.options.Slot)
	halt := comesTo()
	if halt == nil || halt.Reason != replicator.SlotLost || halt.Repair != drop+"; "+create {
		t.Fatalf("a slot that cannot decode: %v", halt)
	}
	for _, s := range strings.Split(halt.Repair, "; ") {
		w.exec(other, s)
	}
	if halt := comesTo(); halt != nil {
		t.Errorf("a slot that was made anew: %v", halt)
	}
}
