package schema

import (
	"strings"
	"testing"
)

// root is the root of a partitioned table with one partition that is fit.
func root() Relation {
	r := person()
	r.Kind = 'p'
	r.Attributes = r.Attributes[:3]
	r.Parts = []Part{{OID: 8, File: 8, Name: Name{"public", "p1"}, Kind: 'r', Persistence: 'p', Identity: IdentityDefault, Key: []string{"id"}}}
	return r
}

// TestPartitions shows which partitions a root can be followed with.
func TestPartitions(t *testing.T) {
	some := Choice{Columns: []string{"id", "seen"}}
	for _, c := range []struct {
		name   string
		alter  func(r *Relation, p *Part)
		choice Choice
		want   string // found ... repair; empty: it is fit
	}{
		{"fit", func(*Relation, *Part) {}, some, ""},
		{"partitioned again", func(_ *Relation, p *Part) { p.Kind, p.File, p.Key = 'p', 0, nil }, some, ""},
		{"none yet", func(r *Relation, _ *Part) { r.Parts = nil }, some, ""},
		{"a full partition of all columns", func(_ *Relation, p *Part) { p.Identity, p.Key = IdentityFull, nil }, Choice{All: true}, ""},
		{"a full partition of a list", func(_ *Relation, p *Part) { p.Identity, p.Key = IdentityFull, nil }, some,
			`public.p1 with REPLICA IDENTITY FULL, which admits no column list ... ALTER TABLE "public"."p1" REPLICA IDENTITY DEFAULT`},
		{"nothing", func(_ *Relation, p *Part) { p.Identity, p.Key = IdentityNothing, nil }, some, `REPLICA IDENTITY NOTHING, so updates ... "public"."p1" REPLICA IDENTITY DEFAULT`},
		{"another index", func(_ *Relation, p *Part) { p.Identity, p.Key = IdentityIndex, []string{"seen"} }, some, `whose replica identity is (seen) and not (id) ... REPLICA IDENTITY DEFAULT`},
		{"an index, and the partition has none", func(r *Relation, p *Part) { r.Identity, p.Key = IdentityIndex, nil }, some, `is () and not (id) ... REPLICA IDENTITY USING INDEX`},
		{"a full root", func(r *Relation, _ *Part) { r.Identity = IdentityFull }, Choice{All: true}, `root of a partitioned table with REPLICA IDENTITY FULL ... ALTER TABLE "public"."person" REPLICA IDENTITY DEFAULT`},
		{"foreign", func(_ *Relation, p *Part) { p.Kind = 'f' }, some, `public.p1, a foreign table ... detach it`},
		{"unlogged", func(_ *Relation, p *Part) { p.Persistence = 'u' }, some, `unlogged ... ALTER TABLE "public"."p1" SET LOGGED`},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := root()
			c.alter(&r, &r.Parts[0])
			table, err := c.choice.Resolve(r, 17)
			if c.want == "" {
				if err != nil || !table.Partitioned || len(table.Parts) != len(r.Parts) {
					t.Errorf("%+v, %v", table, err)
				}
				return
			}
			faults := Faults(err)
			if len(faults) != 1 {
				t.Fatalf("faults %v", faults)
			}
			found, repair, _ := strings.Cut(c.want, " ... ")
			if !strings.Contains(faults[0].Found, found) || !strings.Contains(faults[0].Repair, repair) {
				t.Errorf("%q; %q", faults[0].Found, faults[0].Repair)
			}
		})
	}
}

// TestUnseen shows what can become of partitions without a trace in the log.
func TestUnseen(t *testing.T) {
	one, two := Part{OID: 1, File: 1}, Part{OID: 2, File: 2}
	born := Part{OID: 3, File: 3, Born: true}
	for _, c := range []struct {
		name     string
		was, now []Part
		want     string
	}{
		{"nothing", []Part{one, two}, []Part{one, two}, ""},
		{"made as a partition", []Part{one}, []Part{one, born}, ""},
		{"attached", []Part{one}, []Part{one, two}, "attached"},
		{"dropped", []Part{one, two}, []Part{one}, "dropped or detached"},
		{"truncated", []Part{one, two}, []Part{one, {OID: 2, File: 9}}, "truncated"},
		{"one for another", []Part{two}, []Part{born}, "dropped or detached"},
		{"detached for a while", []Part{{OID: 1, File: 1, XMin: 5}}, []Part{{OID: 1, File: 1, XMin: 6}}, "attached again"},
		{"known by an older rowshift", []Part{one}, []Part{{OID: 1, File: 1, XMin: 6}}, ""},
		{"none was known", nil, []Part{one}, "attached"},
	} {
		if got := Unseen(c.was, c.now, true); (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	if got := Unseen([]Part{one}, []Part{one}, false); got != "" {
		t.Errorf("another run of the server alone: %q", got)
	}
	if got := Unseen([]Part{one}, []Part{one, born}, false); !strings.Contains(got, "may have been attached") {
		t.Errorf("made as a partition before another run of the server: %q", got)
	}
}
