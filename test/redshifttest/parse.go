package redshifttest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// statement is a statement that was taken, as the backing server is to run it.
type statement struct {
	class  string // "SELECT", "COPY", ...
	text   string // its words, for faults
	asked  string // as it came
	sql    string // PostgreSQL's; empty if the server does it by itself
	copy   *copying
	tag    string // the command tag, if it is not PostgreSQL's own
	alone  string // it is refused inside a transaction, with these words before " cannot run inside a transaction block"
	commit bool   // it commits the transaction that it runs in

	refusal   *Refusal // it is refused when it is run
	target    string   // the table that it writes, for PostgreSQL
	locks     []string // the tables that LOCK names, for PostgreSQL
	tables    int      // how many users' tables it names
	catalogue bool     // it reads the catalogue alone
	cursor    string   // that it declares, fetches from or closes
	cancels   int      // the session whose statement it ends
	message   string   // for that session
	folding   *bool    // the setting of enable_case_sensitive_identifier that it makes

	own   func(context.Context, *session) error // what is run in sql's place, as one transaction
	later []token                               // it cannot be read before it is run
	named []relationName                        // the tables and views that it names, the catalogue's left out

	sought  []string    // the columns of the table that it writes by which rows of another find theirs
	carried []token     // it, if its plan carries SUPER as strings
	bare    []bareValue // the strings that are put into columns
}

// relationName is the name of a table or view; no schema if it has none.
type relationName struct{ schema, table string }

// sql writes the name for PostgreSQL.
func (n relationName) sql() string {
	if n.schema == "" {
		return quote(n.table)
	}
	return quote(n.schema) + "." + quote(n.table)
}

// refuseOwn refuses the stand-in's own schema, which nobody is to see.
func (n relationName) refuseOwn() {
	if n.schema == catalogueSchema {
		panic(&Refusal{Code: "3F000", Message: fmt.Sprintf("schema %q does not exist", n.schema), Rule: "R-716"})
	}
}

// ends tells the statements that end a transaction.
func (s *statement) ends() bool { return s.class == "COMMIT" || s.class == "ROLLBACK" }

// parser reads tokens and writes PostgreSQL.
type parser struct {
	tokens []token
	at     int

	tables     int            // user tables named so far
	named      []relationName // those tables
	systems    int            // the system's tables named so far
	leader     []string       // what was said of leader-only functions named so far
	catalogued []string       // what was said of the catalogue's tables named so far
	shared     bool           // sharedColumns was named
	compute    bool           // a function was named that needs a user's table
	makes      bool           // a table or materialized view is made of the query
	limited    bool           // a query in it has ORDER BY, LIMIT or OFFSET

	late     map[relationName]string // views that are bound now, and what is read in their place
	defining string                  // the table and column whose type is read

	look         func(relationName) (looked, error) // asks the backing server; nil: it cannot be asked yet
	later        bool                               // SET is ALTER USER's, for sessions to come
	scope        *scope
	common       []commonTable // those in sight
	inWith       bool
	recursive    bool             // WITH RECURSIVE was read
	into         *tableDefinition // what SELECT INTO makes
	seen         map[relationName]looked
	subqueries   int // subqueries read so far
	correlations int // correlated ones
	paths        int // paths into a SUPER read so far
	bare         []bareValue
	sought       []string
}

// parse reads a text of one or more statements, with names in quotes folded.
func parse(text string) ([]*statement, error) { return parseAs(text, false) }

// parseAs reads a text of one or more statements. One with an error of syntax refuses
// all of them; what else is wrong with one is said when it is its turn.
func parseAs(text string, sensitive bool) ([]*statement, error) {
	all, err := tokensOf(text, sensitive)
	if err != nil {
		return nil, err
	}
	var statements []*statement
	for len(all) > 0 {
		end := slices.IndexFunc(all, func(t token) bool { return t.is(";") })
		if end < 0 {
			end = len(all)
		}
		if end > 0 {
			s, err := parseOne(all[:end], nil)
			var refusal *Refusal
			switch {
			case errors.As(err, &refusal) && refusal.Code != "42601":
				s = &statement{class: strings.ToUpper(all[0].text), refusal: refusal}
			case err != nil:
				return nil, err
			}
			s.text, s.asked = joined(all[:end]), joined(all[:end])
			if end == len(all) && len(statements) == 0 {
				s.asked = strings.TrimSpace(text)
			}
			statements = append(statements, s)
		}
		all = all[min(end+1, len(all)):]
	}
	return statements, nil
}

func joined(tokens []token) string {
	var words []string
	for _, t := range tokens {
		words = append(words, t.raw)
	}
	return strings.Join(words, " ")
}

// parseOne reads one statement. Without look, one that cannot be read without the columns
// of a table is left for later.
func parseOne(tokens []token, look func(relationName) (looked, error)) (*statement, error) {
	return (&parser{tokens: tokens, look: look}).whole()
}

// whole reads all tokens as one statement.
func (p *parser) whole() (s *statement, err error) {
	s, err = p.ordinary()
	if escaped(p.tokens) && err == nil {
		s, err = nil, &Refusal{Code: "42704", Message: `type "e" does not exist`, Rule: "R-030"}
	}
	if err != nil {
		s, err = leaderQuery(p.tokens, err)
	}
	if err != nil {
		return nil, err
	}
	s.target, s.catalogue = written(s.class, p.tokens), readsCatalogue(s, p.tokens)
	return s, nil
}

// ordinary reads all tokens as one statement of what is not the catalogue's alone.
func (p *parser) ordinary() (s *statement, err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case *Refusal:
			s, err = nil, r
		case runtime.Error:
			panic(r) // a fault of ours, which is no client's
		case error:
			s, err = nil, r
			if errors.Is(r, errColumns) {
				s, err = &statement{class: p.class(), later: p.tokens}, nil
			}
		default:
			panic(r)
		}
	}()
	s = p.statement()
	if p.at < len(p.tokens) {
		if s.class == "ALTER TABLE" {
			p.failOn("R-430", ",")
		}
		p.fail()
	}
	s.named, s.tables = p.named, p.tables
	s.bare, s.sought = p.bare, p.sought
	if carries(p.tokens) {
		s.carried = p.tokens
	}
	return s, p.nodes()
}

// class is the class of a statement that was not read to its end.
func (p *parser) class() string {
	if first := p.tokens[0].text; first != "with" && first != "(" {
		return strings.ToUpper(first)
	}
	return "SELECT"
}

// nodes refuses a statement that would have to run on the leader node and on others.
// https://docs.aws.amazon.com/redshift/latest/dg/c_SQL_functions_leader_node_only.html
// https://github.com/flyway/flyway/issues/1058
func (p *parser) nodes() error {
	told := slices.Concat(p.leader, p.catalogued)
	switch {
	case p.tables+p.systems > 0 && len(p.leader) > 0, (p.tables > 0 || p.makes) && len(told) > 0:
		return &Refusal{
			Code: "0A000", Rule: "R-220", Told: told,
			Message: "Specified types or functions (one per INFO message) not supported on Redshift tables.",
		}
	case p.shared && len(p.catalogued) > 0:
		return sharedWithLeader()
	case p.compute && p.tables+p.systems == 0:
		return &Refusal{Code: "0A000", Rule: "R-220", Message: "One or more of the used functions must be applied on at least one user created table."}
	}
	return nil
}

// statement reads the statement by its first word.
func (p *parser) statement() *statement {
	first := p.peek()
	readers := map[string]func() *statement{
		"select": p.query, "with": p.query, "insert": p.insert, "update": p.update, "delete": p.delete, "merge": p.merge,
		"create": p.create, "alter": p.alter, "drop": p.drop, "grant": p.grant, "revoke": p.grant,
		"begin": p.begin, "start": p.begin, "commit": p.end, "end": p.end, "rollback": p.end, "abort": p.end,
		"lock": p.lock, "truncate": p.truncate, "copy": p.copyFrom, "set": p.set, "reset": p.set, "show": p.showAny,
		"vacuum": p.vacuum, "analyze": p.analyze, "analyse": p.analyze, "explain": p.explain, "comment": p.comment, "refresh": p.refresh,
		"declare": p.declare, "fetch": p.fetch, "close": p.closeCursor, "cancel": p.cancel,
	}
	read, known := readers[first.text]
	if first.is("(") {
		return p.query()
	}
	if first.kind != wordToken || !known {
		switch first.text {
		case "discard", "do", "listen", "notify", "values", "table":
			p.failBy("R-033")
		case "savepoint", "release":
			panic(&Refusal{Code: "0A000", Message: `SQL command "` + joined(p.tokens) + `" not supported.`, Rule: "R-111"})
		}
		panic(unknown("statement %s is not on the list", strings.ToUpper(first.text)))
	}
	return read()
}

// peek returns the next token without taking it.
func (p *parser) peek() token { return p.peekAt(0) }

func (p *parser) peekAt(n int) token {
	if p.at+n >= len(p.tokens) {
		return token{}
	}
	return p.tokens[p.at+n]
}

func (p *parser) take() token {
	t := p.peek()
	if t.kind == endToken {
		p.fail()
	}
	p.at++
	return t
}

// fail refuses the next token, of which no rule tells what Redshift says.
func (p *parser) fail() {
	refusal := syntaxError(p.peek())
	refusal.Message, refusal.Rule = "[stand-in] "+refusal.Message+": it is not on the list", "R-035"
	panic(refusal)
}

// failOn refuses the next token, by a rule if it is one of the words that the rule is
// about.
func (p *parser) failOn(rule string, words ...string) {
	if slices.Contains(words, p.peek().text) {
		p.failBy(rule)
	}
	p.fail()
}

// failBy refuses the next token, by a rule.
func (p *parser) failBy(rule string) { panic(ruled(rule, syntaxError(p.peek()))) }

// accept takes words or signs if they come next.
func (p *parser) accept(words ...string) bool {
	for i, w := range words {
		if !p.peekAt(i).is(w) {
			return false
		}
	}
	p.at += len(words)
	return true
}

// want takes words or signs that must come next.
func (p *parser) want(words ...string) {
	for _, w := range words {
		if !p.accept(w) {
			p.fail()
		}
	}
}

// oneOf takes one of the words, and returns it; empty if none comes.
func (p *parser) oneOf(words ...string) string {
	for _, w := range words {
		if p.accept(w) {
			return w
		}
	}
	return ""
}

// name reads an identifier. Reserved words have to be quoted.
// https://docs.aws.amazon.com/redshift/latest/dg/r_pg_keywords.html
func (p *parser) name() string {
	t := p.peek()
	switch {
	case t.kind == quotedToken:
	case t.kind == wordToken && !reserved[t.text]:
	case t.kind == wordToken:
		p.failBy("R-421")
	default:
		p.fail()
	}
	p.at++
	return t.text
}

// column reads the name of a column that is made; the system's are refused.
func (p *parser) columnName() string {
	n := p.name()
	if slices.Contains([]string{"oid", "tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"}, n) {
		panic(&Refusal{Code: "42701", Message: "column name \"" + n + "\" conflicts with a system column name", Rule: "R-421"})
	}
	return n
}

// maxBackingName is how many bytes of a name PostgreSQL keeps; two longer names could
// be one there.
const maxBackingName = 63

// quote writes a name for PostgreSQL.
func quote(name string) string {
	if len(name) > maxBackingName {
		panic(ruled("R-423", unknown("a name of %d bytes: the backing server holds %d", len(name), maxBackingName)))
	}
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}

// text writes a string for PostgreSQL.
func text(value string) string {
	if strings.Contains(value, `\`) {
		return `E'` + strings.NewReplacer(`\`, `\\`, `'`, `''`).Replace(value) + `'`
	}
	return `'` + strings.ReplaceAll(value, `'`, `''`) + `'`
}

// table reads the name of a table and writes it for PostgreSQL.
func (p *parser) table() string {
	n := relationName{table: p.name()}
	if p.accept(".") {
		n = relationName{schema: n.table, table: p.name()}
	}
	if own, known := catalogueName(n); known {
		return own
	}
	if ofCatalogue(n) {
		panic(&Refusal{Code: "42P01", Message: fmt.Sprintf("relation %q does not exist", n.table), Rule: "R-702"})
	}
	if n.schema == "" {
		n.table = strings.TrimPrefix(n.table, "#")
	}
	return p.userTable(n)
}

// userTable notes a table or view that is not the catalogue's, and writes its name.
func (p *parser) userTable(n relationName) string {
	n.refuseOwn()
	p.tables++
	p.named = append(p.named, n)
	if view, late := p.late[n]; late {
		return p.lateView(n, view)
	}
	return n.sql()
}

// names reads a list of names in parentheses.
func (p *parser) names(read func() string) []string {
	p.want("(")
	list := []string{quote(read())}
	for p.accept(",") {
		list = append(list, quote(read()))
	}
	p.want(")")
	return list
}

// integer reads a whole number.
func (p *parser) integer() int {
	t := p.take()
	n, err := strconv.Atoi(t.text)
	if t.kind != numberToken || err != nil {
		p.at--
		p.fail()
	}
	return n
}

// literal reads a string.
func (p *parser) literal() string {
	t := p.peek()
	if t.kind != literalToken {
		p.fail()
	}
	p.at++
	return t.text
}
