package redshifttest

import (
	"fmt"
	"slices"
	"strings"
)

// plain are functions that both sides have, under one name and with one meaning.
var plain = func() map[string]bool {
	m := map[string]bool{}
	for f := range strings.FieldsSeq(`count sum min max avg coalesce nullif greatest least octet_length length lower upper
		trim btrim ltrim rtrim substring abs round floor ceil ceiling sign mod power sqrt md5 replace strpos reverse repeat
		lpad rpad initcap date_trunc to_char row_number rank dense_rank lag lead first_value last_value ntile
		bool_and bool_or stddev variance has_schema_privilege has_table_privilege has_database_privilege pg_backend_pid
		pg_terminate_backend pg_cancel_backend pg_get_viewdef current_database quote_ident quote_literal
		position split_part chr ascii`) {
		m[f] = true
	}
	return m
}()

// leaders are functions that run on the leader node only: with a user's table they
// are refused.
// https://docs.aws.amazon.com/redshift/latest/dg/c_SQL_functions_leader_node_only.html
var leaders = []string{
	"now", "age", "current_schema", "current_schemas", "has_schema_privilege", "has_table_privilege", "has_database_privilege",
	"generate_series", "to_ascii", "localtime", "pg_get_viewdef", "current_setting", "version",
}

// call reads a call of a function.
func (p *parser) call() string {
	name := p.take().text
	if slices.Contains(leaders, name) {
		p.leader = append(p.leader, name+"()")
	}
	p.want("(")
	if own, ok := ownFunctions[name]; ok {
		s := own(p)
		p.want(")")
		return s + p.window()
	}
	if !plain[name] && !slices.Contains(leaders, name) {
		p.refuse("42883", fmt.Sprintf("function %s(...) does not exist", name))
	}
	s := name + "("
	switch {
	case p.accept("*"):
		s += "*"
	case p.peek().is(")"):
	default:
		if p.accept("distinct") {
			s += "DISTINCT "
		}
		s += p.list()
	}
	p.want(")")
	return s + ")" + p.window()
}

// window reads OVER (...), if it comes.
func (p *parser) window() string {
	if p.peek().is("filter") {
		p.fail()
	}
	if !p.accept("over") {
		return ""
	}
	p.want("(")
	s := " OVER ("
	if p.accept("partition", "by") {
		s += "PARTITION BY " + p.list()
	}
	if p.accept("order", "by") {
		s += " ORDER BY " + p.orderList()
	}
	if p.accept("rows") {
		s += " ROWS " + p.frame()
	}
	p.want(")")
	return s + ")"
}

// frame reads a window's frame.
func (p *parser) frame() string {
	bound := func() string {
		switch {
		case p.accept("unbounded", "preceding"):
			return "UNBOUNDED PRECEDING"
		case p.accept("unbounded", "following"):
			return "UNBOUNDED FOLLOWING"
		case p.accept("current", "row"):
			return "CURRENT ROW"
		}
		n := p.integer()
		return fmt.Sprint(n, " ", strings.ToUpper(p.oneOf("preceding", "following")))
	}
	if !p.accept("between") {
		return bound()
	}
	s := "BETWEEN " + bound()
	p.want("and")
	return s + " AND " + bound()
}

// ownFunctions are Redshift's own; each reads its arguments.
var ownFunctions map[string]func(*parser) string

func init() {
	ownFunctions = map[string]func(*parser) string{
		"nvl":                func(p *parser) string { return "COALESCE(" + p.list() + ")" },
		"len":                func(p *parser) string { return "char_length((" + p.expression() + ")::" + catalogueSchema + ".text)" },
		"getdate":            func(*parser) string { return "(statement_timestamp() AT TIME ZONE 'UTC')" },
		"pg_last_copy_count": func(*parser) string { return catalogueSchema + ".pg_last_copy_count()" },
		"pg_last_copy_id":    func(*parser) string { return catalogueSchema + ".pg_last_copy_id()" },
		"version":            func(*parser) string { return text(versionText) },
		"current_setting":    currentSetting,
		"decode":             decode,
		"json_parse":         func(p *parser) string { return "((" + p.expression() + ")::text::jsonb)" },
		"json_serialize":     func(p *parser) string { return "((" + p.expression() + ")::text)" },
		"dateadd":            dateAdd,
		"datediff":           dateDiff,
		"extract":            extract,
		"listagg":            listAgg,
	}
}

// versionText is what version() says.
const versionText = "PostgreSQL 8.0.2 on i686-pc-linux-gnu, compiled by GCC gcc (GCC) 3.4.2 20041017 (Red Hat 3.4.2-6.fc3), Redshift 1.0.122914"

func currentSetting(p *parser) string {
	name := p.literal()
	if lower(name) == "server_version" {
		p.refuse("42501", `must be superuser to examine "server_version"`)
	}
	return "current_setting(" + text(name) + ")"
}

// decode is CASE with an equality that holds for two NULLs.
// https://docs.aws.amazon.com/redshift/latest/dg/r_DECODE_expression.html
func decode(p *parser) string {
	of := p.expression()
	var arguments []string
	for p.accept(",") {
		arguments = append(arguments, p.expression())
	}
	if len(arguments) < 2 {
		p.fail()
	}
	s := "CASE"
	for len(arguments) >= 2 {
		s += " WHEN (" + of + ") IS NOT DISTINCT FROM (" + arguments[0] + ") THEN " + arguments[1]
		arguments = arguments[2:]
	}
	if len(arguments) == 1 {
		s += " ELSE " + arguments[0]
	}
	return s + " END"
}

var dateParts = []string{"microsecond", "millisecond", "second", "minute", "hour", "day", "week", "month", "quarter", "year"}

func (p *parser) datePart() string {
	t := p.take()
	part := strings.TrimSuffix(t.text, "s")
	if !slices.Contains(dateParts, part) {
		panic(unknown("date part %q", t.text))
	}
	return part
}

func dateAdd(p *parser) string {
	part := p.datePart()
	p.want(",")
	n := p.expression()
	p.want(",")
	if part == "quarter" {
		part, n = "month", "3 * ("+n+")"
	}
	return "((" + p.expression() + ")::timestamp + (" + n + ") * INTERVAL '1 " + part + "')"
}

// dateDiff counts the boundaries of a part that lie between two times.
func dateDiff(p *parser) string {
	part := p.datePart()
	p.want(",")
	from := p.expression()
	p.want(",")
	to := p.expression()
	return catalogueSchema + ".datediff(" + text(part) + ", (" + from + ")::timestamp, (" + to + ")::timestamp)"
}

func extract(p *parser) string {
	part := p.take().text
	p.want("from")
	return "EXTRACT(" + quote(part) + " FROM " + p.expression() + ")"
}

func listAgg(p *parser) string {
	distinct := ""
	if p.accept("distinct") {
		distinct = "DISTINCT "
	}
	what, by := p.expression(), "''"
	if p.accept(",") {
		by = p.expression()
	}
	order := ""
	if p.peek().is(")") && p.peekAt(1).is("within") {
		p.at++
		p.want("within", "group", "(", "order", "by")
		order = " ORDER BY " + p.orderList()
	}
	return "string_agg(" + distinct + "(" + what + ")::text, " + by + order + ")"
}
