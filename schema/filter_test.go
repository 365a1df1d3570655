package schema

import (
	"strings"
	"testing"
)

// TestWhere shows which conditions on rows are taken.
func TestWhere(t *testing.T) {
	narrow := Choice{Columns: []string{"id", "seen"}, Where: "w"}
	for _, c := range []struct {
		name   string
		alter  func(*Relation)
		choice Choice
		major  int
		want   string // found ... repair; empty: it is taken
	}{
		{"of the key", func(*Relation) {}, narrow, 15, ""},
		{"of another column", func(r *Relation) { r.Filter.Columns = []int16{1, 4} }, narrow, 15,
			`looks at column "seen", which is not in the replica identity: PostgreSQL would refuse every UPDATE ... look at key columns only`},
		{"of any column under FULL", func(r *Relation) { r.Identity, r.Filter.Columns = IdentityFull, []int16{4} }, Choice{All: true, Where: "w"}, 15, ""},
		{"with what may lie out of line", func(*Relation) {}, Choice{All: true, Where: "w"}, 15,
			`out of line (Email): a row that an update brings into it ... REPLICA IDENTITY FULL`},
		{"before 15", func(*Relation) {}, Choice{All: true, Where: "w"}, 14, `PostgreSQL 14 publishes all rows ... tables.public.person.where`},
		{"refused", func(r *Relation) { r.Filter = Filter{Refused: "syntax error", Repair: "correct it"} }, narrow, 15, `does not take: syntax error ... correct it`},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := person()
			r.Filter = Filter{Text: "(w)", Columns: []int16{1}}
			c.alter(&r)
			table, err := c.choice.Resolve(r, c.major)
			if c.want == "" {
				if err != nil || table.Where != "w" || table.Filter.Text != "(w)" {
					t.Errorf("%+v, %v", table, err)
				}
				return
			}
			found, repair, _ := strings.Cut(c.want, " ... ")
			faults := Faults(err)
			if len(faults) != 1 || !strings.Contains(faults[0].Found, found) || !strings.Contains(faults[0].Repair, repair) {
				t.Errorf("faults %v", faults)
			}
		})
	}
}
