package redshifttest

import (
	"fmt"
	"strconv"
	"strings"
)

// function is a function with the same meaning on both sides, perhaps under another name
// in PostgreSQL.
type function struct {
	least, most int // how many arguments it takes; most -1: any number
	sql         string
	kind        functionKind
}

type functionKind int

const (
	scalar functionKind = iota
	aggregate
	ranking // a window function without a frame
	framed  // a window function with a frame
	leader  // a function of the leader node
)

// functionList has a function in each line: its name, how many arguments it takes, and
// PostgreSQL's name if that is another. A name with a point is one of function.sql.
// https://docs.aws.amazon.com/redshift/latest/dg/c_SQL_functions.html
var functionList = map[functionKind]string{
	scalar: `
		abs 1 1; acos 1 1; ascii 1 1; asin 1 1; atan 1 1; atan2 2 2; btrim 1 2; cbrt 1 1; ceil 1 1; ceiling 1 1; char_length 1 1;
		character_length 1 1 char_length; chr 1 1; coalesce 1 -1; concat 2 2 .concat; cos 1 1; cot 1 1; degrees 1 1; dexp 1 1 exp;
		dlog1 1 1 ln; dlog10 1 1 log; exp 1 1; floor 1 1; greatest 1 -1; initcap 1 1; least 1 -1; left 2 2; len 1 1 char_length;
		length 1 1 char_length; ln 1 1; log 1 1; lower 1 1; lpad 2 3; ltrim 1 2; md5 1 1; mod 2 2; nullif 2 2; nvl 1 -1 coalesce; octet_length 1 1;
		pg_backend_pid 0 0; pg_cancel_backend 1 1; pg_last_copy_count 0 0 .pg_last_copy_count; pg_last_copy_id 0 0 .pg_last_copy_id;
		pg_terminate_backend 1 1; pi 0 0; pow 2 2 power; power 2 2; quote_ident 1 1; quote_literal 1 1; radians 1 1; random 0 0; repeat 2 2;
		replace 3 3; replicate 2 2 repeat; reverse 1 1; right 2 2; round 1 2 .round; rpad 2 3; rtrim 1 2; sha2 2 2 .sha2;
		sign 1 1; sin 1 1; split_part 3 3; sqrt 1 1; strpos 2 2; substr 2 3 substr; substring 2 3 substr; tan 1 1; textlen 1 1 char_length; timezone 2 2;
		to_char 2 2; to_date 2 3 .to_date; to_hex 1 1 .to_hex; to_number 2 2; to_timestamp 2 2; translate 3 3; trunc 1 2 .trunc; upper 1 1;
		current_database 0 0; last_day 1 1 .last_day; add_months 2 2 .add_months; months_between 2 2 .months_between; next_day 2 2 .next_day;
		json_parse 1 1 .json_parse; json_serialize 1 1 .json_serialize; is_valid_json 1 1 .is_valid_json; is_valid_json_array 1 1 .is_valid_json_array;
		can_json_parse 1 1 .is_valid_json; json_array_length 1 2 .json_array_length; json_typeof 1 1 jsonb_typeof; is_array 1 1 .is_array;
		is_object 1 1 .is_object; get_array_length 1 1 .get_array_length; regexp_count 2 3; regexp_substr 2 4 .regexp_substr; regexp_replace 2 4 .regexp_replace;
		regexp_instr 2 4 .regexp_instr; strtol 2 2 .strtol; getdate 0 0 .getdate; date_part_year 1 1 .date_part_year; timeofday 0 0; current_user_id 0 0 .user_id`,
	aggregate: `
		count 0 1; sum 1 1; min 1 1; max 1 1; avg 1 1 .avg; any_value 1 1 .first_known; bool_and 1 1; bool_or 1 1; bit_and 1 1; bit_or 1 1;
		grouping 1 1; grouping_id 1 -1 grouping; stddev 1 1; stddev_samp 1 1; stddev_pop 1 1; variance 1 1; var_samp 1 1; var_pop 1 1`,
	ranking: `row_number 0 0; rank 0 0; dense_rank 0 0; percent_rank 0 0; cume_dist 0 0; ntile 1 1; lag 1 2; lead 1 2`,
	framed:  `first_value 1 1; last_value 1 1; nth_value 2 2`,
	leader: `
		age 1 2; current_schema 0 0; current_schemas 1 1 .current_schemas; has_database_privilege 2 3; has_schema_privilege 2 3; has_table_privilege 2 3; isfinite 1 1;
		now 0 0; generate_series 2 3; to_ascii 1 2; get_byte 2 2; set_byte 3 3; get_bit 2 2; set_bit 3 3; pg_get_viewdef 1 2; pg_get_userbyid 1 1;
		has_column_privilege 3 4; format_type 2 2; pg_table_is_visible 1 1; obj_description 1 2; col_description 2 2; pg_get_expr 2 3; pg_get_constraintdef 1 2;
		pg_get_indexdef 1 3; array_to_string 2 2; array_upper 2 2; array_lower 2 2`,
}

var functions = func() map[string]function {
	all := map[string]function{}
	for kind, list := range functionList {
		for line := range strings.SplitSeq(list, ";") {
			words := strings.Fields(line)
			f := function{kind: kind, sql: words[0]}
			f.least, _ = strconv.Atoi(words[1])
			f.most, _ = strconv.Atoi(words[2])
			if len(words) > 3 {
				f.sql = words[3]
			}
			if strings.HasPrefix(f.sql, ".") {
				f.sql = catalogueSchema + f.sql
			}
			all[words[0]] = f
		}
	}
	return all
}()

// unsupported are functions of PostgreSQL that Redshift's documentation says it does not
// have.
// https://docs.aws.amazon.com/redshift/latest/dg/c_unsupported-postgresql-functions.html
var unsupported = words(`string_agg array_agg every xml_agg xmlagg corr covar_pop covar_samp clock_timestamp justify_days justify_hours justify_interval
	pg_sleep transaction_timestamp div setseed width_bucket generate_subscripts bit_length overlay convert_from convert_to encode format quote_nullable
	regexp_matches regexp_split_to_array regexp_split_to_table nextval currval setval lastval`)

// call reads a call of a function.
func (p *parser) call() node {
	name := p.take().text
	p.want("(")
	if own, ok := ownFunctions[name]; ok {
		return node{sql: own(p), name: name}
	}
	f, ok := functions[name]
	if !ok && (unsupported[name] || strings.HasPrefix(name, "regr_") || strings.HasPrefix(name, "pg_advisory_")) {
		panic(notThere(name))
	}
	if !ok {
		panic(ruled("R-231", unknown("the function %s is not on the list", name)))
	}
	if f.kind == leader {
		p.leaderOnly(name)
	}
	arguments := p.arguments(name, f)
	if (name == "left" || name == "right" || name == "split_part") && strings.HasPrefix(arguments[f.least-1], "-") {
		panic(ruled("R-255", unknown("%s by a negative number", strings.ToUpper(name))))
	}
	sql := f.sql + "(" + strings.Join(arguments, ", ") + ")"
	switch f.kind {
	case aggregate:
		return node{sql: p.aggregated(name, sql), name: name}
	case framed, ranking:
		return node{sql: p.windowed(name, f, arguments), name: name}
	}
	if p.peek().is("over") {
		panic(ruled("R-232", unknown("%s is no window function", name)))
	}
	n := node{sql: sql, name: name}
	if name == "json_parse" {
		n.shape = superShape
	}
	return n
}

// notThere returns Redshift's refusal of a function that does not exist.
func notThere(name string) *Refusal {
	return &Refusal{Code: "42883", Rule: "R-231", Message: fmt.Sprintf("function %s(...) does not exist", name)}
}

// arguments reads the arguments of a function, up to the closing parenthesis or to an
// IGNORE NULLS before it.
func (p *parser) arguments(name string, f function) []string {
	var list []string
	distinct := ""
	switch {
	case f.kind == aggregate && name == "count" && p.accept("*"):
		list = []string{"*"}
	case f.kind == aggregate && p.accept("distinct"):
		distinct = "DISTINCT "
	}
	for len(list) == 0 && !p.peek().is(")") || p.accept(",") {
		argument := p.node()
		if argument.shape == rowShape {
			panic(ruled("R-255", unknown("a row as an argument of %s", strings.ToUpper(name))))
		}
		list = append(list, argument.sql)
	}
	if !p.peek().is("ignore") && !p.peek().is("respect") || f.kind != framed {
		p.want(")")
	}
	if len(list) < f.least || f.most >= 0 && len(list) > f.most || name == "count" && len(list) == 0 {
		panic(ruled("R-231", unknown("the function %s with %d arguments is not on the list", name, len(list))))
	}
	if distinct != "" {
		list[0] = distinct + list[0]
	}
	return list
}

// aggregated reads what may follow an aggregate function. There is no FILTER.
func (p *parser) aggregated(name, sql string) string {
	if p.peek().is("filter") {
		p.failBy("R-244")
	}
	if p.peek().is("over") {
		return sql + p.over().ordered()
	}
	if p.scope != nil {
		p.scope.aggregates = append(p.scope.aggregates, name)
	}
	return sql
}
