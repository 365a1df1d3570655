package schema

import (
	"fmt"
	"strings"
	"testing"
)

// TestFaults proves that each thing that is wrong is found, with its repair.
func TestFaults(t *testing.T) {
	all := Choice{All: true}
	for _, c := range []struct {
		name   string
		alter  func(*Relation)
		choice Choice
		major  int
		want   []string // "found ... repair", a fault each
	}{
		{name: "view", alter: func(r *Relation) { r.Kind = 'v' }, choice: all, want: []string{"is a view ... out of the config"}},
		{name: "foreign table", alter: func(r *Relation) { r.Kind = 'f' }, choice: all, want: []string{"foreign table ... out of the config"}},
		{name: "unlogged", alter: func(r *Relation) { r.Persistence = 'u' }, choice: all, want: []string{`unlogged ... ALTER TABLE "public"."person" SET LOGGED`}},
		{name: "temporary", alter: func(r *Relation) { r.Persistence = 't' }, choice: all, want: []string{"temporary ... out of the config"}},
		{name: "nothing chosen", choice: Choice{}, want: []string{"has 0 of columns, exclude and all ... set one"}},
		{name: "two ways", choice: Choice{All: true, Exclude: []string{"seen"}}, want: []string{"has 2 of columns, exclude and all ... set one"}},
		{name: "unknown and misspelt", choice: Choice{Columns: []string{"id", "email", "fax"}},
			want: []string{`"email" does not exist ... the table has "Email"`, `"fax" does not exist ... tables.public.person.columns`}},
		{name: "named twice", choice: Choice{Columns: []string{"id", "id"}}, want: []string{`"id" is named twice ... once`}},
		{name: "key not chosen", choice: Choice{Columns: []string{"seen"}}, want: []string{`key column "id" is not chosen ... tables.public.person.columns`}},
		{name: "key excluded", choice: Choice{Exclude: []string{"id"}}, want: []string{`key column "id" is excluded ... tables.public.person.exclude`}},
		{name: "no columns at all", choice: Choice{Columns: []string{}}, want: []string{`key column "id" is not chosen ... add it`}},
		{name: "identity nothing, with a key", alter: func(r *Relation) { r.Identity = IdentityNothing }, choice: all,
			want: []string{`NOTHING ... ALTER TABLE "public"."person" REPLICA IDENTITY DEFAULT`}},
		{name: "identity nothing, without", alter: func(r *Relation) { r.Identity, r.Primary = IdentityNothing, nil }, choice: all,
			want: []string{"NOTHING ... ADD PRIMARY KEY", "-REPLICA IDENTITY USING INDEX"}},
		{name: "no primary key", alter: func(r *Relation) { r.Primary, r.Replica = nil, nil }, choice: all,
			want: []string{"no primary key (a deferrable one does not count) ... ADD PRIMARY KEY"}},
		{name: "full without primary key", alter: func(r *Relation) { r.Identity, r.Primary = IdentityFull, nil }, choice: all,
			want: []string{"FULL and no primary key ... REPLICA IDENTITY USING INDEX"}},
		{name: "index gone", alter: func(r *Relation) { r.Identity, r.Replica = IdentityIndex, nil }, choice: all,
			want: []string{"the index is gone ... REPLICA IDENTITY USING INDEX"}},
		{name: "nullable key", alter: func(r *Relation) { r.Identity, r.Replica = IdentityIndex, []int16{2} }, choice: all,
			want: []string{`key column "Email" can be NULL ... ALTER COLUMN "Email" SET NOT NULL`}},
		{name: "generated, before it is published", choice: Choice{Columns: []string{"id", "initials"}}, major: 17,
			want: []string{`"initials" is generated, and PostgreSQL 17 ... view`}},
		{name: "generated when it is read", alter: func(r *Relation) { r.Attributes[3].Virtual = true }, choice: Choice{Columns: []string{"id", "initials"}}, major: 18,
			want: []string{`"initials" is generated when it is read ... view`}},
		{name: "generated key", alter: func(r *Relation) { r.Primary = []int16{5} }, choice: all,
			want: []string{`key column "initials" is generated ... ADD PRIMARY KEY`}},
		{name: "full admits no list", alter: func(r *Relation) { r.Identity = IdentityFull }, choice: Choice{Exclude: []string{"Email"}},
			want: []string{"FULL admits no column list, so columns that are not chosen would cross the replication connection: Email ... unlisted_on_wire"}},
		{name: "14 has no lists", choice: Choice{Columns: []string{"id", "Email"}}, major: 14,
			want: []string{"PostgreSQL 14 has no column lists, so columns that are not chosen would cross the replication connection: seen ... unlisted_on_wire"}},
		{name: "one name to Redshift", alter: func(r *Relation) { r.Attributes[2].Name = "EMAIL" }, choice: all,
			want: []string{`"Email" and "EMAIL" are one name ... tables.public.person.rename`}},
		{name: "system column", alter: func(r *Relation) { r.Attributes[2].Name = "Oid" }, choice: all,
			want: []string{`"Oid" has the name of one of Redshift's system columns ... tables.public.person.rename`}},
		{name: "long target", choice: Choice{All: true, Target: strings.Repeat("t", 128)}, want: []string{"128 bytes ... target"}},
		{name: "unknown distkey and sortkey", choice: Choice{Exclude: []string{"seen"}, DistKey: "seen", SortKey: []string{"id", "fax", "id"}},
			want: []string{`distkey "seen" is not one of the chosen ... distkey`, `sortkey "fax" is not one ... sortkey`, `"id" is named twice ... sortkey`}},
		{name: "VARBYTE as distkey and sortkey", alter: func(r *Relation) { r.Attributes[1].Type = byteaType },
			choice: Choice{All: true, DistKey: "Email", SortKey: []string{"seen", "Email"}},
			want: []string{`distkey "Email" is VARBYTE(1024000), which Redshift does not take for that ... name a column of another type: tables.public.person.distkey`,
				`sortkey "Email" is VARBYTE(1024000), which Redshift does not take ... sortkey`}},
		{name: "SUPER as sortkey", alter: func(r *Relation) { r.Attributes[1].Type = typed("jsonb", 'U', -1) }, choice: Choice{All: true, SortKey: []string{"Email"}, Types: map[string]string{"Email": "SUPER"}},
			want: []string{`sortkey "Email" is SUPER, which Redshift does not take ... sortkey`}},
		{name: "types that cannot be", choice: Choice{All: true, Types: map[string]string{"id": "VARCHAR(20)", "Email": "INTEGER", "fax": "DATE"}},
			want: []string{`"id": VARCHAR(20) is too short for values of uuid, whose text has up to 36 bytes ... tables.public.person.types.id`,
				`"Email": INTEGER cannot hold the values of text; VARCHAR(65535), or VARCHAR(n), can ... types.Email`, `types "fax" is not one of the chosen columns ... types`}},
		{name: "rules that there are not", choice: Choice{All: true, Rules: map[string]map[string]Rule{
			"Email": {TooLong: Clamp, NotNumber: Null}, "seen": {AnyMisfit: Truncate}, "id": {AnyMisfit: Null}, "fax": {AnyMisfit: Fail}}},
			want: []string{`"Email" has the rule nan: null, which there is not ... for VARCHAR(65535) there are too_long truncate, not_utf8 clamp, zero_byte clamp, and fail, null and quarantine for each`,
				`"Email" has the rule too_long: clamp`, `rules "fax" is not one of the chosen`, `"id" has a rule, and every value of it fits into VARCHAR(36) ... take out`,
				`"seen" has the rule truncate, which there is not ... for TIMESTAMPTZ there are out_of_range clamp`}},
		{name: "rule of a key", alter: func(r *Relation) { r.Primary = []int16{2}; r.Attributes[1].NotNull = true },
			choice: Choice{All: true, Rules: map[string]map[string]Rule{"Email": {TooLong: Truncate}}},
			want:   []string{`"Email" is of the key, which is never adjusted, and has the rule truncate ... write fail or quarantine`}},
		{name: "SUPER in a key", alter: func(r *Relation) { r.Attributes[0].Type = typed("jsonb", 'U', -1) }, choice: Choice{All: true, Types: map[string]string{"id": "SUPER"}},
			want: []string{`"id" is of the key, and values of SUPER are not compared ... take out`}},
		{name: "timetz in a key", alter: func(r *Relation) { r.Attributes[0].Type = typed("timetz", 'D', -1) }, choice: Choice{All: true, Types: map[string]string{"id": "TIMETZ"}},
			want: []string{`times that differ in their offset only are one TIMETZ ... take out`}},
		{name: "several at once", alter: func(r *Relation) { r.Attributes[2].Name = "ctid" },
			choice: Choice{Columns: []string{"fax", "ctid"}, DistKey: "fox"},
			want:   []string{`"fax" does not exist ... correct`, `"id" is not chosen ... add`, `"fox" is not one ... distkey`, `"ctid" has the name ... rename`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := person()
			if c.alter != nil {
				c.alter(&r)
			}
			if c.major == 0 {
				c.major = 15
			}
			got, err := c.choice.Resolve(r, c.major)
			if got != nil || err == nil {
				t.Fatalf("resolved to %v, %v", got, err)
			}
			expect(t, Faults(err), c.want)
		})
	}
}

// expect compares faults with "found ... repair" lines; one that begins with a
// hyphen is a further text of the repair before it.
func expect(t *testing.T, faults []*Fault, want []string) {
	t.Helper()
	n := 0
	for _, w := range want {
		if more, ok := strings.CutPrefix(w, "-"); ok {
			if !strings.Contains(faults[n-1].Repair, more) {
				t.Errorf("repair %q lacks %q", faults[n-1].Repair, more)
			}
			continue
		}
		if n == len(faults) {
			t.Fatalf("no fault for %q", w)
		}
		found, repair, _ := strings.Cut(w, " ... ")
		f := faults[n]
		if !strings.Contains(f.Found, found) || !strings.Contains(f.Repair, repair) || f.Table != (Name{"public", "person"}) {
			t.Errorf("fault %q, want %q", f, w)
		}
		n++
	}
	if n != len(faults) {
		t.Errorf("%d more faults, the first: %v", len(faults)-n, faults[n])
	}
}

func TestWideTables(t *testing.T) {
	r := person()
	r.Attributes = r.Attributes[:1]
	for n := int16(2); n <= 798; n++ {
		r.Attributes = append(r.Attributes, Attribute{Attnum: n, Name: fmt.Sprint("c", n), Type: textType, Toastable: true})
	}
	if _, err := (Choice{All: true}).Resolve(r, 15); err != nil {
		t.Errorf("798 columns, 797 of them toastable, one key, four of the held table's own: %v", err)
	}
	r.Attributes = append(r.Attributes, Attribute{Attnum: 799, Name: "c799", Type: intType})
	_, err := Choice{All: true}.Resolve(r, 15)
	expect(t, Faults(err), []string{"needs 1601 columns in the table that holds its changes ... leave columns out"})
	r.Attributes = r.Attributes[:798]
	r.Attributes[0].Type, r.Attributes[0].Toastable = textType, true
	_, err = Choice{All: true}.Resolve(r, 15)
	expect(t, Faults(err), []string{"needs 1601 columns in the table that holds its changes ... leave columns out"})
}

func TestLongSortKey(t *testing.T) {
	r := person()
	var key []string
	for n := int16(6); n < 6+401; n++ {
		name := fmt.Sprint("c", n)
		key = append(key, name)
		r.Attributes = append(r.Attributes, Attribute{Attnum: n, Name: name, Type: intType})
	}
	_, err := Choice{All: true, SortKey: key}.Resolve(r, 15)
	expect(t, Faults(err), []string{"401 columns, and Redshift takes 400 ... sortkey"})
}
