package redshifttest

import (
	"errors"
	"fmt"
	"strings"
)

// A query of the catalogue alone runs on Redshift's leader node, which is PostgreSQL 8.0
// and takes operators, casts and functions that queries of tables do not. Here such a
// query is read word by word: the names of relations are looked up in the list of the
// catalogue and functions in a list of their own. Whatever is in neither is refused.
// https://docs.aws.amazon.com/redshift/latest/dg/c_SQL_functions_leader_node_only.html

// leaderFunctions are the functions that queries of the catalogue may call, and types
// that take a length.
var leaderFunctions = func() map[string]bool {
	m := map[string]bool{}
	for f := range strings.FieldsSeq(`format_type pg_get_userbyid pg_table_is_visible pg_type_is_visible pg_function_is_visible
		obj_description col_description shobj_description pg_get_expr pg_get_viewdef pg_get_constraintdef pg_get_indexdef pg_get_ruledef
		pg_encoding_to_char array_to_string current_schemas current_schema current_database current_user pg_backend_pid quote_ident
		has_schema_privilege has_table_privilege has_database_privilege has_column_privilege has_any_column_privilege pg_size_pretty pg_table_size
		pg_get_function_result pg_get_function_arguments pg_get_partkeydef generate_series version current_setting unnest
		count sum min max coalesce nullif isnull nvl replace lower upper trim btrim ltrim rtrim substring length len strpos
		regexp_substr regexp_replace charindex left right lpad rpad cast case array exists any all some in and or not on as from where then else when by between like ilike union except having limit join select distinct
		varchar char numeric decimal timestamp over row_number using concat abs mod position
		pg_get_late_binding_view_cols lbv_cols`) {
		m[f] = true
	}
	return m
}()

// leaderOwn are functions that PostgreSQL does not have, or that mean something else
// there.
var leaderOwn = map[string]string{
	"format_type": catalogueSchema + ".format_type", "regexp_substr": catalogueSchema + ".leader_regexp_substr", "charindex": catalogueSchema + ".leader_charindex",
	"regexp_replace": catalogueSchema + ".leader_regexp_replace", "isnull": "coalesce", "nvl": "coalesce", "len": "length",
	"pg_get_late_binding_view_cols": catalogueSchema + ".pg_get_late_binding_view_cols", "current_schemas": catalogueSchema + ".current_schemas", "version": catalogueSchema + ".leader_version",
	"pg_get_userbyid": catalogueSchema + ".leader_user", "pg_get_expr": catalogueSchema + ".leader_expression",
}

// leaderRefused are words that no query of the catalogue may contain.
var leaderRefused = map[string]bool{"into": true, "lateral": true, "filter": true, "window": true, "fetch": true, "returning": true, "insert": true, "delete": true}

// leaderLevel is an open parenthesis, or the outermost level.
type leaderLevel struct {
	call bool              // it is a function's parenthesis
	from bool              // it is in a FROM clause
	next bool              // a relation must come next
	rows bool              // it holds a subquery in a FROM clause
	item int               // where in the output the current item of a list begins
	said map[string]string // the outputs so far, by name
}

// leaderReader writes a query of the catalogue for PostgreSQL.
type leaderReader struct {
	tokens []token
	at     int
	out    []string
	open   []leaderLevel
	found  bool // a relation of the catalogue was named
	local  bool // one of them is onLeader
	shared bool // sharedColumns was named
	wrong  *Refusal
}

// leaderQuery reads a statement as a query of the catalogue alone. If it is not one, its
// earlier refusal, was, stands. If it contains anything that is not on the lists, it is
// refused for that.
func leaderQuery(tokens []token, was error) (*statement, error) {
	if len(tokens) == 0 || !tokens[0].is("select") {
		return nil, was
	}
	r := &leaderReader{tokens: tokens, open: []leaderLevel{{}}}
	for r.at < len(r.tokens) {
		if r.step() {
			continue
		}
		if r.wrong != nil {
			return nil, r.wrong
		}
		var refusal *Refusal
		if r.found && errors.As(was, &refusal) && refusal.Code == "42601" {
			return nil, ruled("R-703", unknown("in a query of the catalogue, at %q", r.peek(0).raw))
		}
		return nil, was
	}
	if !r.found || len(r.open) != 1 {
		return nil, was
	}
	if t, is := strange(tokens); is {
		return nil, ruled("R-703", unknown("in a query of the catalogue, at %q", t.raw))
	}
	return &statement{class: "SELECT", tag: "SELECT", sql: strings.Join(r.out, " ")}, nil
}

func (r *leaderReader) peek(n int) token {
	if r.at+n < 0 || r.at+n >= len(r.tokens) {
		return token{}
	}
	return r.tokens[r.at+n]
}

func (r *leaderReader) put(s string, taken int) bool {
	r.out = append(r.out, s)
	r.at += taken
	return true
}

// step writes one token, or a name of several.
func (r *leaderReader) step() bool {
	t, level := r.peek(0), r.level()
	switch t.kind {
	case literalToken:
		return r.put(text(t.text), 1)
	case numberToken, parameterToken:
		return r.put(t.raw, 1)
	case signToken:
		return r.sign(t)
	}
	if t.kind == wordToken && (leaderRefused[t.text] || t.is("for") && (r.peek(1).is("update") || r.peek(1).is("share"))) {
		return false
	}
	switch {
	case level.next:
		return r.relation()
	case t.is("select"):
		level.from, level.item, level.said = false, len(r.out)+1, map[string]string{}
	case t.is("as") && level.said != nil && !level.from:
		level.said[r.peek(1).text] = strings.Join(r.out[level.item:], " ")
	case level.said[t.text] != "" && level.item == len(r.out) && r.peek(1).is("as"):
		return r.put("("+level.said[t.text]+")", 1) // an earlier output that is called by its name
	case t.is("from") && !level.call, t.is("join"):
		level.from, level.next = true, true
		return r.put(t.text, 1)
	case clauses[t.text] && t.kind == wordToken:
		level.from = false
	case t.is("operator") && r.peek(1).is("("):
		return r.operator()
	}
	return r.word(t)
}

// level returns the innermost open parenthesis.
func (r *leaderReader) level() *leaderLevel { return &r.open[len(r.open)-1] }

// clauses are words that end a FROM clause.
var clauses = map[string]bool{"select": true, "where": true, "group": true, "order": true, "having": true, "union": true, "limit": true}

// sign writes a sign, and keeps track of parentheses.
func (r *leaderReader) sign(t token) bool {
	switch t.text {
	case "(":
		rows := r.level().next && r.peek(1).is("select")
		r.level().next = false
		before, after := r.peek(-1), r.peek(1)
		r.open = append(r.open, leaderLevel{rows: rows, call: before.kind == wordToken && leaderFunctions[before.text] && !after.is("select")})
	case ")":
		if len(r.open) == 1 {
			return false
		}
		rows := r.level().rows
		r.open = r.open[:len(r.open)-1]
		if next := r.peek(1); rows && (next.kind == endToken || next.kind == signToken || reserved[next.text] && !next.is("as")) {
			return r.put(fmt.Sprintf(") AS subquery%d", r.at), 1) // PostgreSQL requires an alias
		}
	case ",":
		r.level().next = r.level().from
		r.level().item = len(r.out) + 1
	case "(+)":
		return false
	}
	return r.put(t.text, 1)
}

// relation writes a relation of the catalogue, or leaves a subquery to the next steps. It
// refuses every other relation.
func (r *leaderReader) relation() bool {
	r.level().next = false
	t := r.peek(0)
	schema, name, taken := "", t.text, 1
	if r.peek(1).is(".") {
		schema, name, taken = t.text, r.peek(2).text, 3
	}
	own, known := catalogueName(relationName{schema, name})
	if !known {
		if r.peek(taken).is("(") && (schema == "" || schema == "pg_catalog") {
			r.at += taken - 1
			r.found = r.found || strings.HasPrefix(name, "pg_")
			return r.function(r.peek(0))
		}
		return false
	}
	r.found = true
	r.shared = r.shared || name == sharedColumns
	r.local = r.local || name != sharedColumns && onLeader(relationName{schema, name})
	if r.shared && r.local {
		r.wrong = sharedWithLeader()
		return false
	}
	r.put(own, taken)
	if next := r.peek(0); next.is(",") || next.is(")") || next.kind == endToken || reserved[next.text] {
		return r.put("AS "+quote(name), 0) // so that columns may be qualified with the relation's name
	}
	return true
}

// operator writes OPERATOR(pg_catalog.~).
func (r *leaderReader) operator() bool {
	if r.peek(2).is("pg_catalog") && r.peek(3).is(".") && r.peek(4).kind == signToken && r.peek(5).is(")") {
		return r.put("OPERATOR(pg_catalog."+r.peek(4).text+")", 6)
	}
	return false
}

// word writes a word or a name.
func (r *leaderReader) word(t token) bool {
	after := r.peek(-1)
	switch {
	case t.is("pg_catalog") && r.peek(1).is(".") && r.peek(3).is("(") && !after.is("::"):
		r.at += 2
		r.found = true
		return r.function(r.peek(0))
	case r.peek(1).is("(") && after.is("."):
		return false // a function of another schema
	case t.is("pg_catalog") && r.peek(1).is("."):
		return r.put("pg_catalog."+r.peek(2).raw, 3)
	case r.peek(1).is("(") && !after.is(")") && !isAlias(after):
		return r.function(t)
	case t.kind == quotedToken:
		return r.put(quote(t.text), 1)
	}
	return r.put(t.text, 1)
}

// function writes the name of a function that is on the list.
func (r *leaderReader) function(t token) bool {
	if t.kind == quotedToken || !leaderFunctions[t.text] {
		return false
	}
	if t.is("current_setting") {
		return r.currentSetting()
	}
	if own := leaderOwn[t.text]; own != "" {
		return r.put(own, 1)
	}
	return r.put(t.text, 1)
}

// currentSetting writes current_setting('name').
func (r *leaderReader) currentSetting() bool {
	if r.peek(2).kind != literalToken || !r.peek(3).is(")") {
		return false
	}
	value, refusal := settingValue(r.peek(2).text)
	if r.wrong = refusal; refusal != nil {
		return false
	}
	return r.put(value, 4)
}

// isAlias reports whether the token before makes what follows an alias, perhaps with
// columns.
func isAlias(before token) bool { return before.is("as") }

// escaped reports whether a statement has a literal of the form E'...'. psql sends such
// literals to the catalogue; queries of tables are refused for them.
func escaped(tokens []token) bool {
	for _, t := range tokens {
		if t.kind == literalToken && !strings.HasPrefix(t.raw, "'") {
			return true
		}
	}
	return false
}
