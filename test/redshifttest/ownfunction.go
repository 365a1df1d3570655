package redshifttest

import (
	"strings"
)

// ownFunctions are functions that PostgreSQL does not have, or has with another syntax.
// Each reads what follows the opening parenthesis.
var ownFunctions map[string]func(*parser) string

func init() {
	ownFunctions = map[string]func(*parser) string{
		"version": version, "current_setting": currentSetting,
		"decode": decode, "nvl2": nvl2, "trim": trim, "position": position, "charindex": charIndex,
		"dateadd": dateAdd, "date_add": dateAdd, "datediff": dateDiff, "date_diff": dateDiff, "extract": extract,
		"date_part": datePart, "pgdate_part": datePart, "date_trunc": dateTrunc, "convert_timezone": convertTimezone,
		"listagg": listAgg, "median": median, "percentile_cont": percentile, "ratio_to_report": ratio,
		"json_extract_path_text": jsonPath, "json_extract_array_element_text": jsonElement, "convert": convert,
	}
}

// closed reads expressions that are separated by commas, up to the closing parenthesis,
// and refuses too few or too many.
func (p *parser) closed(name string, least, most int) []string {
	return p.arguments(name, function{least: least, most: most})
}

// versionText is the result of version().
const versionText = "PostgreSQL 8.0.2 on i686-pc-linux-gnu, compiled by GCC gcc (GCC) 3.4.2 20041017 (Red Hat 3.4.2-6.fc3), Redshift 1.0.122914"

func version(p *parser) string {
	p.want(")")
	p.leaderOnly("version")
	return text(versionText)
}

// currentSetting reads current_setting of a setting that Redshift has.
func currentSetting(p *parser) string {
	name := p.literal()
	p.want(")")
	p.leaderOnly("current_setting")
	value, refusal := settingValue(name)
	if refusal != nil {
		panic(refusal)
	}
	return value
}

// decode reads DECODE and writes a CASE whose comparisons hold for two NULLs.
// https://docs.aws.amazon.com/redshift/latest/dg/r_DECODE_expression.html
func decode(p *parser) string {
	list := p.closed("decode", 3, -1)
	of, pairs := list[0], list[1:]
	s := "CASE"
	for ; len(pairs) >= 2; pairs = pairs[2:] {
		s += " WHEN (" + of + ") IS NOT DISTINCT FROM (" + pairs[0] + ") THEN " + pairs[1]
	}
	if len(pairs) == 1 {
		s += " ELSE " + pairs[0]
	}
	return s + " END"
}

func nvl2(p *parser) string {
	list := p.closed("nvl2", 3, 3)
	return "CASE WHEN (" + list[0] + ") IS NOT NULL THEN " + list[1] + " ELSE " + list[2] + " END"
}

// trim reads TRIM([BOTH | LEADING | TRAILING] [characters FROM] string).
// https://docs.aws.amazon.com/redshift/latest/dg/r_TRIM.html
func trim(p *parser) string {
	function := map[string]string{"": "btrim", "both": "btrim", "leading": "ltrim", "trailing": "rtrim"}[p.oneOf("both", "leading", "trailing")]
	first := "' '"
	if !p.peek().is("from") {
		first = p.expression()
	}
	if p.accept("from") {
		s := function + "(" + p.expression() + ", " + first + ")"
		p.want(")")
		return s
	}
	if p.accept(",") {
		first += ", " + p.expression()
	}
	p.want(")")
	return function + "(" + first + ")"
}

func position(p *parser) string {
	part := p.sum().sql
	p.want("in")
	s := "strpos(" + p.expression() + ", " + part + ")"
	p.want(")")
	return s
}

func charIndex(p *parser) string {
	list := p.closed("charindex", 2, 2)
	return "strpos(" + list[1] + ", " + list[0] + ")"
}

// convert reads CONVERT(type, value), which casts.
// https://docs.aws.amazon.com/redshift/latest/dg/CONVERT_function.html
func convert(p *parser) string {
	t := p.columnType()
	p.want(",")
	s := t.cast(p.expression())
	p.want(")")
	return s
}

// computed notes a function that requires a user's table in its statement.
// https://docs.aws.amazon.com/redshift/latest/dg/c_SQL_functions_compute_node_only.html
func (p *parser) computed(name string) {
	p.compute = true
	if p.scope != nil && !p.peek().is("over") {
		p.scope.aggregates = append(p.scope.aggregates, name)
	}
}

// listAgg reads LISTAGG, which joins strings. With OVER, the order is that of WITHIN
// GROUP.
// https://docs.aws.amazon.com/redshift/latest/dg/r_LISTAGG.html
func listAgg(p *parser) string {
	distinct := p.accept("distinct")
	list := p.closed("listagg", 1, 2)
	arguments := "(" + list[0] + ")::text, "
	if len(list) == 2 {
		arguments += "(" + list[1] + ")::text"
	} else {
		arguments += "''"
	}
	order := ""
	if p.accept("within", "group", "(", "order", "by") {
		order = " ORDER BY " + p.orderList()
		p.want(")")
	}
	p.sameOrder(order)
	p.computed("listagg")
	if !p.peek().is("over") {
		if distinct {
			arguments, order = distinctList(list[0], arguments, order)
		}
		return catalogueSchema + ".listed(string_agg(" + arguments + order + "))"
	}
	w := p.over()
	w.unordered("listagg")
	if distinct {
		panic(ruled("R-236", unknown("LISTAGG(DISTINCT ...) OVER")))
	}
	if order != "" {
		w.order, w.frame = order, " ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING"
	}
	return catalogueSchema + ".listed(string_agg(" + arguments + ")" + w.sql() + ")"
}

// distinctList writes the arguments of a list of distinct strings, which PostgreSQL can
// order only by the strings themselves.
func distinctList(value, arguments, order string) (string, string) {
	way := ""
	switch order {
	case "", " ORDER BY " + value, " ORDER BY " + value + " ASC":
	case " ORDER BY " + value + " DESC":
		way = " DESC"
	default:
		panic(ruled("R-236", unknown("LISTAGG(DISTINCT ...) in the order of something else")))
	}
	return "DISTINCT " + arguments, " ORDER BY (" + value + ")::text" + way
}

// sameOrder refuses a WITHIN GROUP that differs from an earlier one.
// https://docs.aws.amazon.com/redshift/latest/dg/r_LISTAGG.html
func (p *parser) sameOrder(order string) {
	if p.scope == nil || order == "" {
		return
	}
	if p.scope.listOrder != "" && p.scope.listOrder != order {
		panic(ruled("R-236", unknown("LISTAGG, MEDIAN or PERCENTILE_CONT with two orders in one SELECT")))
	}
	p.scope.listOrder = order
}

// median and percentile call aggregates of function.sql, since PostgreSQL's own take no
// OVER.
func median(p *parser) string {
	list := p.closed("median", 1, 1)
	p.computed("median")
	return p.share(list[0], "0.5", false)
}

func percentile(p *parser) string {
	of := p.closed("percentile_cont", 1, 1)[0]
	p.want("within", "group", "(", "order", "by")
	value := p.expression()
	down := p.accept("desc")
	if !down {
		p.accept("asc")
	}
	p.want(")")
	p.computed("percentile_cont")
	return p.share(value, of, down)
}

func (p *parser) share(value, of string, down bool) string {
	if down {
		of = "1 - " + of
	}
	s := catalogueSchema + ".percentile((" + value + ")::float8, (" + of + ")::float8)"
	if p.peek().is("over") {
		return s + p.over().unordered("median")
	}
	order := " ORDER BY " + value
	if down {
		order += " DESC"
	}
	p.sameOrder(order)
	return s
}

// ratio reads RATIO_TO_REPORT, a value's share of the sum over a window.
// https://docs.aws.amazon.com/redshift/latest/dg/r_WF_RATIO_TO_REPORT.html
func ratio(p *parser) string {
	value := p.closed("ratio_to_report", 1, 1)[0]
	if !p.peek().is("over") {
		p.fail()
	}
	w := p.over().unordered("ratio_to_report")
	return "((" + value + ")::float8 / nullif(sum((" + value + ")::float8)" + w + ", 0))"
}

// approximate reads APPROXIMATE COUNT(DISTINCT ...), which is exact here.
// https://docs.aws.amazon.com/redshift/latest/dg/r_COUNT.html
func approximate(p *parser) node {
	p.want("approximate")
	if !p.peek().is("count") || !p.peekAt(2).is("distinct") {
		panic(ruled("R-237", unknown("APPROXIMATE but with COUNT(DISTINCT ...)")))
	}
	return p.call()
}

// jsonPath reads JSON_EXTRACT_PATH_TEXT, the text at a path. Invalid JSON is an error, or
// NULL if the last argument is TRUE.
// https://docs.aws.amazon.com/redshift/latest/dg/JSON_EXTRACT_PATH_TEXT.html
func jsonPath(p *parser) string {
	list := p.closed("json_extract_path_text", 2, -1)
	lax := "false"
	if last := lower(list[len(list)-1]); last == "true" || last == "false" {
		lax, list = last, list[:len(list)-1]
	}
	return catalogueSchema + ".json_path(" + list[0] + ", " + lax + ", ARRAY[" + strings.Join(list[1:], ", ") + "]::text[])"
}

func jsonElement(p *parser) string {
	list := p.closed("json_extract_array_element_text", 2, 3)
	if len(list) == 2 {
		list = append(list, "false")
	}
	return catalogueSchema + ".json_element(" + strings.Join(list, ", ") + ")"
}
