package redshifttest

import (
	"context"
	"slices"
	"strings"
)

// sequence returns a function that runs steps one after another.
func sequence(steps []string) func(context.Context, *session) error {
	return func(ctx context.Context, c *session) error {
		for _, step := range steps {
			if _, err := c.ask(ctx, step); err != nil {
				return err
			}
		}
		return nil
	}
}

// granting is a GRANT or REVOKE that is being read.
type granting struct {
	p      *parser
	verb   string // GRANT or REVOKE
	option bool   // REVOKE GRANT OPTION FOR
	rights []string
}

// rightsOf are the rights on each kind of object.
// https://docs.aws.amazon.com/redshift/latest/dg/r_GRANT.html
var rightsOf = map[string][]string{
	"table":    {"select", "insert", "update", "delete", "drop", "references", "alter", "truncate", "all"},
	"schema":   {"create", "usage", "drop", "alter", "all"},
	"database": {"create", "temp", "temporary", "usage", "alter", "all"},
}

// grant reads GRANT and REVOKE.
// https://docs.aws.amazon.com/redshift/latest/dg/r_GRANT.html
func (p *parser) grant() *statement {
	g := &granting{p: p, verb: strings.ToUpper(p.take().text)}
	if g.verb == "REVOKE" && p.accept("grant", "option", "for") {
		g.option = true
	}
	switch {
	case p.accept("assumerole"):
		return g.assumeRole()
	case p.peek().is("role"):
		return g.membership()
	}
	g.readRights()
	p.want("on")
	switch {
	case p.accept("schema"):
		return g.onNames("schema", "SCHEMA")
	case p.accept("database"):
		return g.onNames("database", "DATABASE")
	case p.accept("all", "tables", "in", "schema"):
		return g.onAllTables()
	case p.peek().is("function"), p.peek().is("procedure"), p.peek().is("language"), p.peek().is("external"), p.peek().is("datashare"), p.peek().is("model"), p.peek().is("all"):
		panic(ruled("R-466", unknown("%s ON %s is not on the list", g.verb, strings.ToUpper(p.peek().text))))
	}
	p.accept("table")
	return g.onTables()
}

// readRights reads the rights before ON.
func (g *granting) readRights() {
	p := g.p
	for {
		t := p.take()
		right := t.text
		if right == "all" {
			p.accept("privileges")
		}
		if !slices.Contains(rightsOf["table"], right) && !slices.Contains(rightsOf["schema"], right) && !slices.Contains(rightsOf["database"], right) {
			p.at--
			panic(ruled("R-466", unknown("the right %s is not on the list", strings.ToUpper(t.raw))))
		}
		if p.peek().is("(") {
			right += " (" + strings.Join(p.names(p.name), ", ") + ")"
		}
		g.rights = append(g.rights, right)
		if !p.accept(",") {
			return
		}
	}
}

// split separates the rights into PostgreSQL's and those that only the catalogue knows.
// It refuses a right that does not exist on this kind of object.
func (g *granting) split(kind string) (plain []string, own []string) {
	for _, right := range g.rights {
		word, columns, _ := strings.Cut(right, " ")
		switch {
		case !slices.Contains(rightsOf[kind], word):
			panic(notInGrammar("R-465", "%s is no right on a %s", strings.ToUpper(word), kind))
		case columns != "" && (kind != "table" || word != "select" && word != "update" && word != "all"):
			panic(notInGrammar("R-465", "%s takes no columns", strings.ToUpper(word)))
		case word == "drop" || word == "alter" || word == "usage" && kind == "database":
			own = append(own, strings.ToUpper(word))
		case word == "all" && kind == "table" && columns == "":
			plain = append(plain, "SELECT", "INSERT", "UPDATE", "DELETE", "REFERENCES", "TRUNCATE")
			own = append(own, "DROP", "ALTER")
		default:
			plain = append(plain, strings.ToUpper(word)+strings.TrimPrefix(right, word))
		}
	}
	return plain, own
}

// grantee is one to whom rights are given.
type grantee struct {
	sql    string
	user   bool
	option bool
}

// grantees reads TO or FROM and the grantees.
func (g *granting) grantees() []grantee {
	p := g.p
	p.want(map[string]string{"GRANT": "to", "REVOKE": "from"}[g.verb])
	var all []grantee
	for {
		var who grantee
		switch {
		case p.accept("group"):
			who.sql = quote(groupPrefix + p.name())
		case p.peek().is("role") && !p.peekAt(1).is(",") && p.peekAt(1).kind != endToken:
			p.at++
			who.sql = quote(rolePrefix + p.name())
		case p.accept("public"):
			who.sql = "PUBLIC"
		default:
			who = grantee{sql: quote(p.account()), user: true}
		}
		if g.verb == "GRANT" && p.accept("with", "grant", "option") {
			if !who.user {
				panic(notInGrammar("R-465", "only a user can be given the GRANT OPTION"))
			}
			who.option = true
		}
		all = append(all, who)
		if !p.accept(",") {
			break
		}
	}
	if g.verb == "REVOKE" {
		p.oneOf("cascade", "restrict")
	}
	return all
}

// statements returns one statement of PostgreSQL for each grantee.
func (g *granting) statements(rights []string, on string, all []grantee) []string {
	var steps []string
	if len(rights) == 0 {
		return nil
	}
	for _, who := range all {
		s := g.verb + " "
		if g.option {
			s += "GRANT OPTION FOR "
		}
		s += strings.Join(rights, ", ") + " ON " + on + map[string]string{"GRANT": " TO ", "REVOKE": " FROM "}[g.verb] + who.sql
		if who.option {
			s += " WITH GRANT OPTION"
		}
		steps = append(steps, s)
	}
	return steps
}

// onNames reads the rest of a GRANT on schemas or databases.
func (g *granting) onNames(kind, word string) *statement {
	p := g.p
	plain, _ := g.split(kind)
	names := []string{quote(p.name())}
	for p.accept(",") {
		names = append(names, quote(p.name()))
	}
	return &statement{class: g.verb, tag: g.verb, own: sequence(g.statements(plain, word+" "+strings.Join(names, ", "), g.grantees()))}
}

// onAllTables reads the rest of a GRANT on the tables that schemas have now.
func (g *granting) onAllTables() *statement {
	p := g.p
	plain, own := g.split("table")
	names := []string{p.name()}
	for p.accept(",") {
		names = append(names, p.name())
	}
	var quoted []string
	for _, n := range names {
		quoted = append(quoted, quote(n))
	}
	all := g.grantees()
	steps := g.statements(plain, "ALL TABLES IN SCHEMA "+strings.Join(quoted, ", "), all)
	for _, n := range names {
		steps = append(steps, g.notes(own, "SELECT oid FROM pg_class WHERE relkind IN ('r', 'v', 'm') AND relnamespace = "+text(quote(n))+"::regnamespace", all)...)
	}
	return &statement{class: g.verb, tag: g.verb, own: sequence(steps)}
}

// onTables reads the rest of a GRANT on tables and views.
func (g *granting) onTables() *statement {
	p := g.p
	plain, own := g.split("table")
	tables := []string{p.table()}
	for p.accept(",") {
		tables = append(tables, p.table())
	}
	all := g.grantees()
	steps := g.statements(plain, strings.Join(tables, ", "), all)
	for _, t := range tables {
		steps = append(steps, g.notes(own, "SELECT "+text(t)+"::regclass::oid AS oid", all)...)
	}
	return &statement{class: g.verb, tag: g.verb, own: sequence(steps)}
}

// notes returns the statements that record rights which only the catalogue knows. Only
// the owner may give those.
func (g *granting) notes(rights []string, relations string, all []grantee) []string {
	var steps []string
	for _, right := range rights {
		for _, who := range all {
			name := who.sql
			if name != "PUBLIC" {
				name = strings.ReplaceAll(strings.Trim(name, `"`), `""`, `"`)
			}
			steps = append(steps, "SELECT "+catalogueSchema+".note_right(current_user, r.oid, "+text(name)+", "+text(right)+", "+yesNo(g.verb == "GRANT")+") FROM ("+relations+") AS r")
		}
	}
	return steps
}

// membership reads GRANT ROLE r TO user or role.
func (g *granting) membership() *statement {
	p := g.p
	var roles []string
	for {
		p.want("role")
		roles = append(roles, quote(rolePrefix+p.name()))
		if !p.accept(",") {
			break
		}
	}
	direction := map[string]string{"GRANT": " TO ", "REVOKE": " FROM "}[g.verb]
	p.want(strings.ToLower(strings.TrimSpace(direction)))
	var steps []string
	for {
		var who string
		if p.accept("role") {
			who = quote(rolePrefix + p.name())
		} else {
			who = quote(p.account())
		}
		s := g.verb + " " + strings.Join(roles, ", ") + direction + who
		if p.accept("with", "admin", "option") {
			s += " WITH ADMIN OPTION"
		}
		steps = append(steps, s)
		if !p.accept(",") {
			break
		}
	}
	return &statement{class: g.verb, tag: g.verb, own: sequence(steps)}
}

// assumeRole reads GRANT ASSUMEROLE, which says who may use which AWS role for what. It
// restricts nobody until it has been granted to somebody and revoked from PUBLIC.
// https://docs.aws.amazon.com/redshift/latest/dg/r_GRANT-usage-notes.html
func (g *granting) assumeRole() *statement {
	p := g.p
	p.want("on")
	var arns []string
	for {
		switch {
		case p.accept("all"):
			arns = append(arns, "ALL")
		case p.accept("default"):
			arns = append(arns, "default")
		default:
			arns = append(arns, p.literal())
		}
		if !p.accept(",") {
			break
		}
	}
	all := g.grantees()
	p.want("for")
	var steps []string
	for {
		purpose := g.purpose()
		for _, arn := range arns {
			for _, who := range all {
				name := strings.ReplaceAll(strings.Trim(who.sql, `"`), `""`, `"`)
				steps = append(steps, "SELECT "+catalogueSchema+".note_assumption("+strings.Join([]string{text(arn), text(name), text(purpose), yesNo(g.verb == "GRANT")}, ", ")+")")
			}
		}
		if !p.accept(",") {
			break
		}
	}
	return &statement{class: g.verb, tag: g.verb, own: sequence(append([]string{"SELECT " + catalogueSchema + ".only_superuser(current_user)"}, steps...))}
}

func (g *granting) purpose() string {
	p := g.p
	switch {
	case p.accept("external", "function"):
		return "EXTERNAL FUNCTION"
	case p.accept("create", "model"):
		return "CREATE MODEL"
	}
	return strings.ToUpper(p.must("all", "copy", "unload"))
}

// defaultPrivileges reads ALTER DEFAULT PRIVILEGES.
// https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_DEFAULT_PRIVILEGES.html
func (p *parser) defaultPrivileges() *statement {
	s := "ALTER DEFAULT PRIVILEGES"
	if p.accept("for", "user") {
		s += " FOR ROLE " + quote(p.account())
		for p.accept(",") {
			s += ", " + quote(p.account())
		}
	}
	if p.accept("in", "schema") {
		s += " IN SCHEMA " + quote(p.name())
		for p.accept(",") {
			s += ", " + quote(p.name())
		}
	}
	g := &granting{p: p, verb: strings.ToUpper(p.must("grant", "revoke"))}
	if g.verb == "REVOKE" && p.accept("grant", "option", "for") {
		g.option = true
	}
	g.readRights()
	p.want("on", "tables")
	plain, own := g.split("table")
	if slices.Contains(g.rights, "all") {
		own = nil
	}
	if len(own) > 0 {
		panic(ruled("R-468", unknown("default privileges for DROP and ALTER are not on the list")))
	}
	steps := g.statements(plain, "TABLES", g.grantees())
	for n := range steps {
		steps[n] = s + " " + steps[n]
	}
	return &statement{class: "ALTER DEFAULT PRIVILEGES", tag: "ALTER DEFAULT PRIVILEGES", own: sequence(steps)}
}
