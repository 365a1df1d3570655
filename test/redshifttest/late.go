package redshifttest

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// A view WITH NO SCHEMA BINDING is kept as text. On PostgreSQL, a view of the same name
// that has no columns and refuses to be read stands for its rights, its ownership and
// DROP. A statement that names it is run with a temporary view in its place. That is made
// from the text, belongs to the view's owner, so that the owner's rights count, and is
// dropped after the statement in the same transaction: the tables beneath may come and
// go.
// https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_VIEW.html

// relation is a table or view that a statement names.
type relation struct {
	name         relationName
	oid          string
	view         bool
	materialized bool
	late         string // the text of a view that is bound late
	may          bool   // the user may read it
	supers       []string
}

// relations looks up names, and leaves out those that nothing has.
func (c *session) relations(ctx context.Context, names []relationName) ([]relation, error) {
	if len(names) == 0 {
		return nil, nil
	}
	var values []string
	for _, n := range names {
		values = append(values, `"`+strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(n.sql())+`"`)
	}
	found, err := c.ask(ctx, `SELECT n.ordinality - 1, c.oid, c.relkind IN ('v', 'm'), coalesce(r.late, ''), has_table_privilege(c.oid, 'SELECT'), c.relkind = 'm', `+superColumns+`
		FROM unnest($1::text[]) WITH ORDINALITY n(name) JOIN pg_class c ON c.oid = to_regclass(n.name)
		LEFT JOIN `+catalogueSchema+`.relation r ON r.relation = c.oid ORDER BY 1`, "{"+strings.Join(values, ",")+"}")
	if err != nil {
		return nil, err
	}
	var all []relation
	for _, f := range found {
		var n int
		_, _ = fmt.Sscan(f[0], &n)
		r := relation{name: names[n], oid: f[1], view: f[2] == "t", late: f[3], may: f[4] == "t", materialized: f[5] == "t"}
		if err := json.Unmarshal([]byte(f[6]), &r.supers); err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, nil
}

// namedBy looks up the relations that a statement names, if running it depends on them.
func (c *session) namedBy(ctx context.Context, s *statement) ([]relation, error) {
	if s.carried == nil && !slices.Contains(readers, s.class) {
		return nil, nil
	}
	return c.relations(ctx, s.named)
}

// makeLate makes a view that is bound when it is read. Its columns are noted if they are
// known by then, which they need not be.
func (d *tableDefinition) makeLate(ctx context.Context, c *session, columns []string, replace bool, reads []relationName) error {
	for _, n := range reads {
		known, err := c.value(ctx, "SELECT count(*) FROM pg_namespace WHERE nspname = $1", n.schema)
		if err != nil {
			return err
		}
		if known == "0" {
			return &Refusal{Code: "3F000", Message: fmt.Sprintf("schema %q does not exist", n.schema), Rule: "R-452"}
		}
	}
	if len(columns) > 0 {
		d.Late = "SELECT * FROM (" + d.Late + ") AS late" + listed(columns)
	}
	if err := d.lateColumns(ctx, c); err != nil {
		return err
	}
	old, err := c.relations(ctx, []relationName{d.name})
	if err != nil {
		return err
	}
	if replace && len(old) > 0 {
		if old[0].late == "" {
			return unknown("a late-binding view in place of a bound one is not on the list")
		}
		_, err := c.ask(ctx, "ALTER VIEW "+d.name.sql()+" SET (security_barrier = false)") // only the owner may
		if err == nil {
			_, err = c.ask(ctx, "SELECT "+catalogueSchema+".rewrite($1::text::oid, $2, "+asJSON(d.LateNow)+")", old[0].oid, d.Late)
		}
		return err
	}
	temp := ""
	if d.temp {
		temp = "TEMP "
	}
	if _, err := c.ask(ctx, "CREATE "+temp+"VIEW "+d.name.sql()+" AS SELECT FROM "+catalogueSchema+".unread()"); err != nil {
		return err
	}
	return d.remember(ctx, c)
}

// lateColumn is a column that a view had when it was made.
type lateColumn struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// lateColumns notes the columns of a view, if everything that it reads exists.
func (d *tableDefinition) lateColumns(ctx context.Context, c *session) error {
	if _, err := c.ask(ctx, "SAVEPOINT late"); err != nil {
		return err
	}
	o := &opener{session: c, views: map[relationName]string{}}
	found, err := o.columns(ctx, d.Late)
	if err == nil {
		d.LateNow = found
	}
	_, err = c.ask(ctx, "ROLLBACK TO SAVEPOINT late")
	return err
}

// columns returns the columns of a query, which may name views that are bound late.
func (o *opener) columns(ctx context.Context, query string) ([]lateColumn, error) {
	s, err := o.parse(ctx, query)
	if err != nil {
		return nil, err
	}
	beneath, err := o.session.relations(ctx, s.named)
	if err != nil {
		return nil, err
	}
	if err := o.open(ctx, beneath, 1); err != nil {
		return nil, err
	}
	if s, err = o.parse(ctx, query); err != nil {
		return nil, err
	}
	described, err := o.session.backing.Prepare(ctx, "", s.sql, nil)
	if err != nil {
		return nil, err
	}
	var columns []lateColumn
	for _, f := range described.Fields {
		shown, err := o.session.value(ctx, "SELECT "+catalogueSchema+".format_type($1::text::oid, $2::text::int)", fmt.Sprint(f.DataTypeOID), fmt.Sprint(f.TypeModifier))
		if err != nil {
			return nil, err
		}
		columns = append(columns, lateColumn{f.Name, shown})
	}
	return columns, nil
}

// lateView returns what is read in place of a view, under the view's name.
func (p *parser) lateView(n relationName, view string) string {
	if t := p.peek(); !t.is("as") && !p.isAlias(t) {
		return view + " AS " + quote(n.table)
	}
	return view
}

// readers are the classes of statements that read by a query, or write to something that
// must not be a view.
var readers = []string{"SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "EXPLAIN"}

// writing are PostgreSQL's words for the classes that write.
var writing = map[string]string{"INSERT": "insert into", "UPDATE": "update", "DELETE": "delete from", "MERGE": "merge into"}

// bound calls use with a statement's text for PostgreSQL. If the statement names views
// that are bound late, they exist while use runs.
func (c *session) bound(ctx context.Context, s *statement, known []relation, use func(sql string) error) error {
	if !slices.Contains(readers, s.class) {
		return use(s.sql)
	}
	if verb := writing[s.class]; verb != "" && len(known) > 0 && known[0].view && known[0].name == s.named[0] {
		return &Refusal{Code: "0A000", Message: "cannot " + verb + " a view", Rule: "R-454"}
	}
	if !slices.ContainsFunc(known, func(r relation) bool { return r.late != "" }) {
		return use(s.sql)
	}
	return c.together(ctx, func() error {
		o := &opener{session: c, views: map[relationName]string{}}
		if err := o.open(ctx, known, 0); err != nil {
			return err
		}
		anew, err := o.parse(ctx, s.text)
		if err != nil {
			return err
		}
		if err := use(anew.sql); err != nil {
			return err
		}
		return o.shut(ctx)
	})
}

// reading runs the steps of a definition, and refuses it if its query names a view that
// is bound late.
func (c *session) reading(ctx context.Context, names []relationName, steps func() error) error {
	known, err := c.relations(ctx, names)
	if err != nil {
		return err
	}
	for _, r := range known {
		if r.late != "" {
			return unknown("the late-binding view %q is read by SELECT and INSERT only", r.name.table)
		}
	}
	return steps()
}

// opener makes the temporary views that stand in for views that are bound late.
type opener struct {
	session *session
	views   map[relationName]string
	opened  []string // in the order in which they were made
}

// maxDepth is how deeply views may be nested. The limit finds a view that names itself.
const maxDepth = 16

func (o *opener) open(ctx context.Context, known []relation, depth int) error {
	for _, r := range known {
		switch {
		case r.late == "" || o.views[r.name] != "":
			continue
		case depth == 0 && !r.may:
			return &Refusal{Code: "42501", Message: "permission denied for relation " + r.name.table, Rule: "R-453"}
		case depth > maxDepth:
			return unknown("late-binding views that name each other more than %d deep", maxDepth)
		}
		if err := o.openOne(ctx, r, depth); err != nil {
			return err
		}
	}
	return nil
}

// openOne makes a view, after the views that it names.
func (o *opener) openOne(ctx context.Context, r relation, depth int) error {
	view := "pg_temp." + quote("rs late "+r.oid)
	if slices.Contains(o.opened, view) {
		o.views[r.name] = view
		return nil
	}
	s, err := o.parse(ctx, r.late)
	if err != nil {
		return err
	}
	beneath, err := o.session.relations(ctx, s.named)
	if err != nil {
		return err
	}
	if err := o.open(ctx, beneath, depth+1); err != nil {
		return err
	}
	if s, err = o.parse(ctx, r.late); err != nil {
		return err
	}
	if _, err := o.session.ask(ctx, "SELECT "+catalogueSchema+".open_late($1::text::oid, $2)", r.oid, s.sql); err != nil {
		return err
	}
	o.views[r.name] = view
	o.opened = append(o.opened, view)
	return nil
}

// parse reads a text that may name the open views.
func (o *opener) parse(ctx context.Context, text string) (*statement, error) {
	all, err := tokens(text)
	if err != nil {
		return nil, err
	}
	look := func(n relationName) (looked, error) { return o.session.look(ctx, n) }
	return (&parser{tokens: all, late: o.views, look: look}).whole()
}

// shut drops the views in reverse order, since each may depend on earlier ones.
func (o *opener) shut(ctx context.Context) error {
	for _, view := range slices.Backward(o.opened) {
		if _, err := o.session.ask(ctx, "SELECT "+catalogueSchema+".shut_late($1)", view); err != nil {
			return err
		}
	}
	return nil
}
