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

// statement is a statement that the grammar accepts, as the backing server is to run it.
type statement struct {
	class  string // "SELECT", "COPY", ...
	text   string // its words, to which faults are matched
	asked  string // as the client wrote it
	sql    string // in PostgreSQL's words; empty if the stand-in runs it by itself
	copy   *copying
	tag    string // the command tag, if it is not PostgreSQL's own
	alone  string // if set, it is refused inside a transaction, with these words before " cannot run inside a transaction block"
	commit bool   // it commits the transaction that it runs in

	refusal   *Refusal // the refusal with which it answers once it is run
	target    string   // the table that it writes, as PostgreSQL writes it
	locks     []string // the tables that LOCK names, as PostgreSQL writes them
	tables    int      // how many users' tables it names
	catalogue bool     // it reads the catalogue alone
	cursor    string   // the cursor that it declares, fetches from or closes
	cancels   int      // the session whose statement it cancels
	message   string   // what that session's client is told
	folding   *bool    // the case of names in quotes, if it sets enable_case_sensitive_identifier

	own   func(context.Context, *session) error // what runs instead of sql, as one transaction
	later []token                               // the tokens, if it can be read only when it is run
	named []relationName                        // the tables and views that it names, except the catalogue's

	sought  []string    // the columns of the table that it writes by which it finds rows that match rows of other tables
	carried []token     // its tokens, if its plan carries SUPER as strings
	bare    []bareValue // the strings that are put into columns
}

// relationName is the name of a table or view. The schema is empty if none was given.
type relationName struct{ schema, table string }

// sql returns the name as PostgreSQL writes it.
func (n relationName) sql() string {
	if n.schema == "" {
		return quote(n.table)
	}
	return quote(n.schema) + "." + quote(n.table)
}

// refuseOwn refuses names in the stand-in's own schema, which clients must not see.
func (n relationName) refuseOwn() {
	if n.schema == catalogueSchema {
		panic(&Refusal{Code: "3F000", Message: fmt.Sprintf("schema %q does not exist", n.schema), Rule: "R-716"})
	}
}

// ends reports whether the statement ends a transaction.
func (s *statement) ends() bool { return s.class == "COMMIT" || s.class == "ROLLBACK" }

// parser reads tokens and writes PostgreSQL's SQL.
type parser struct {
	tokens []token
	at     int

	tables     int            // user tables named so far
	named      []relationName // those tables
	systems    int            // the system's tables named so far
	leader     []string       // what to say about the leader-only functions named so far
	catalogued []string       // what to say about the catalogue's tables named so far
	shared     bool           // sharedColumns was named
	compute    bool           // a function was named that needs a user's table
	makes      bool           // a table or materialized view is made of the query
	limited    bool           // a query in the statement has ORDER BY, LIMIT or OFFSET

	late     map[relationName]string // the views that are bound late and open now, and what is read in their place
	defining string                  // the table and column whose type is being read

	look         func(relationName) (looked, error) // asks the backing server; nil: it cannot be asked yet
	later        bool                               // SET belongs to ALTER USER, for sessions to come
	scope        *scope
	common       []commonTable // the common tables in sight
	inWith       bool
	recursive    bool             // WITH RECURSIVE was read
	into         *tableDefinition // the table that SELECT INTO makes
	seen         map[relationName]looked
	subqueries   int // subqueries read so far
	correlations int // correlated ones
	paths        int // paths into a SUPER read so far
	bare         []bareValue
	sought       []string
}

// parse reads a text of one or more statements, with names in quotes folded.
func parse(text string) ([]*statement, error) { return parseAs(text, false) }

// parseAs reads a text of one or more statements. A syntax error in one refuses all;
// anything else that is wrong with a statement is said when its turn comes.
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

// parseOne reads one statement. If look is nil, a statement that cannot be read without
// the columns of a table is left for later.
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

// ordinary reads all tokens as one statement that is not a query of the catalogue alone.
func (p *parser) ordinary() (s *statement, err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case *Refusal:
			s, err = nil, r
		case runtime.Error:
			panic(r) // a bug of the stand-in, not a mistake of the client
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

// class returns the class of a statement that was not read to its end.
func (p *parser) class() string {
	if first := p.tokens[0].text; first != "with" && first != "(" {
		return strings.ToUpper(first)
	}
	return "SELECT"
}

// nodes refuses a statement that would have to run both on the leader node and on compute
// nodes.
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

// statement reads the statement that the first word begins.
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

// fail refuses the next token, where no rule has Redshift's words for it.
func (p *parser) fail() {
	refusal := syntaxError(p.peek())
	refusal.Message, refusal.Rule = "[stand-in] "+refusal.Message+": it is not on the list", "R-035"
	panic(refusal)
}

// failOn refuses the next token, by the rule if the token is one of its words.
func (p *parser) failOn(rule string, words ...string) {
	if slices.Contains(words, p.peek().text) {
		p.failBy(rule)
	}
	p.fail()
}

// failBy refuses the next token by a rule.
func (p *parser) failBy(rule string) { panic(ruled(rule, syntaxError(p.peek()))) }

// accept takes words or signs if they come next, and reports whether they did.
func (p *parser) accept(words ...string) bool {
	for i, w := range words {
		if !p.peekAt(i).is(w) {
			return false
		}
	}
	p.at += len(words)
	return true
}

// want takes words or signs, and refuses anything else.
func (p *parser) want(words ...string) {
	for _, w := range words {
		if !p.accept(w) {
			p.fail()
		}
	}
}

// oneOf takes one of the words and returns it, or returns an empty string if none comes
// next.
func (p *parser) oneOf(words ...string) string {
	for _, w := range words {
		if p.accept(w) {
			return w
		}
	}
	return ""
}

// name reads an identifier. Reserved words must be quoted.
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

// columnName reads the name of a new column, and refuses names of system columns.
func (p *parser) columnName() string {
	n := p.name()
	if slices.Contains([]string{"oid", "tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"}, n) {
		panic(&Refusal{Code: "42701", Message: "column name \"" + n + "\" conflicts with a system column name", Rule: "R-421"})
	}
	return n
}

// maxBackingName is how many bytes of a name PostgreSQL keeps. Two longer names could
// become the same there.
const maxBackingName = 63

// quote returns a name as PostgreSQL writes it.
func quote(name string) string {
	if len(name) > maxBackingName {
		panic(ruled("R-423", unknown("a name of %d bytes: the backing server holds %d", len(name), maxBackingName)))
	}
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}

// text returns a string as a literal of PostgreSQL.
func text(value string) string {
	if strings.Contains(value, `\`) {
		return `E'` + strings.NewReplacer(`\`, `\\`, `'`, `''`).Replace(value) + `'`
	}
	return `'` + strings.ReplaceAll(value, `'`, `''`) + `'`
}

// table reads the name of a table and returns it as PostgreSQL writes it.
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

// userTable notes a table or view that is not the catalogue's, and returns its name as
// PostgreSQL writes it.
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
