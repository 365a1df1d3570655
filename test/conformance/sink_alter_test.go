package conformance

import (
	"fmt"
	"strings"

	"rowshift/replicator"
	"rowshift/schema"
	"rowshift/sink/redshift"
)

// altering tries alterations of targets that have rows.
type altering struct {
	*pipeline
}

// becomes returns a step that brings a table's target in line. That must take as many
// statements as due, and none once they have run. A daemon that may alter nothing must
// halt for them.
func (a altering) becomes(t *schema.Table, d schema.Diff, due int) func() error {
	return func() error {
		m, err := a.staging()
		if err != nil {
			return err
		}
		m.Alterations = []replicator.Alteration{{Table: t, Diff: d}}
		if due > 0 {
			_, err := a.another(func(o *redshift.Options) { o.Print = true }).Merge(a.ctx, m)
			if err := halts(err, replicator.AlterationDue, "ALTER TABLE"); err != nil {
				return err
			}
		}
		for _, want := range []int{due, 0} {
			if m, err = a.staging(); err != nil {
				return err
			}
			m.Alterations = []replicator.Alteration{{Table: t, Diff: d}}
			done, err := a.merged(m)
			if err != nil {
				return err
			}
			if len(done.Altered) != want {
				return fmt.Errorf("%d statements were due, and %q were run", want, done.Altered)
			}
		}
		return nil
	}
}

// sinkAlters adds and renames columns, and makes columns longer and wider: also those of
// keys, by which rows are distributed and sorted, and with values in them.
func sinkAlters(s *server) string {
	p, err := s.pipeline("alters")
	if err != nil {
		return err.Error()
	}
	a := altering{p}
	table := func(columns string) *schema.Table {
		t := declared(16510, "sink_altered", columns)
		t.SortKey = []int{0, 1}
		return t
	}
	was := table("id int4, word text VARCHAR(8), note text VARCHAR(20), small int2, sum numeric DECIMAL(10,2)")
	added := table("id int4, word text VARCHAR(8), note text VARCHAR(20), small int2, sum numeric DECIMAL(10,2), d date, big int8, n int4, label text VARCHAR(20)")
	renamed := table("id int4, word text VARCHAR(8), label text VARCHAR(20), small int2, total numeric DECIMAL(10,2), d date, big int8, n int4")
	wider := table("id int8, word text VARCHAR(16), label text VARCHAR(30), small int4, total numeric DECIMAL(20,2), d date, big int8, n int4")
	p.table = was
	rows := func(columns string, want ...string) func() error {
		return p.has("SELECT "+columns+" FROM sink_altered", want...)
	}
	types := func(want ...string) func() error {
		return p.has("SELECT column_name, data_type, distkey, sortkey FROM svv_redshift_columns WHERE database_name = current_database() AND schema_name = '$schema' AND table_name = 'sink_altered' AND "+
			"column_name IN ('id', 'word', 'label', 'small', 'total')", want...)
	}
	return inOrder(
		p.fence,
		func() error { return p.make(was, p.loading(was, 0)) },
		p.do("INSERT INTO sink_altered VALUES (1, 'a', 'x', 7, 1.25), (2, 'b ', NULL, NULL, -2)"),
		a.becomes(was, schema.Diff{}, 0),
		a.becomes(added, schema.Diff{Added: []int{5, 6, 7, 8}}, 4),
		rows("id, word, d, big, n, label", "1|a|NULL|NULL|NULL|NULL", "2|b |NULL|NULL|NULL|NULL"),

		// A column that was dropped in the source, and kept in the target, comes back as
		// another one.
		p.do("UPDATE sink_altered SET big = id, label = 'kept'"),
		a.becomes(added, schema.Diff{Added: []int{6}}, 0),
		rows("id, big, label", "1|NULL|kept", "2|NULL|kept"),

		// One column gets another name, and one gets the name of a column that was kept.
		a.becomes(renamed, schema.Diff{Renamed: []schema.Rename{{From: "sum", To: "total"}, {From: "note", To: "label"}}}, 1),
		rows("id, total, label", "1|1.25|x", "2|-2.00|NULL"),

		a.becomes(wider, schema.Diff{Longer: true}, 28),
		rows("id, word, label, small, total", "1|a|x|7|1.25", "2|b |NULL|NULL|-2.00"),
		types("id|bigint|t|1", "word|character varying(16)|f|2", "label|character varying(30)|f|0", "small|integer|f|0", "total|numeric(20,2)|f|0"),
		p.do("INSERT INTO sink_altered (id, word, label, total) VALUES (9223372036854775807, '0123456789abcdef', '"+strings.Repeat("l", 30)+"', 999999999999999999.99)"),
		rows("COUNT(*)", "3"),
	)
}
