package redshifttest

import "strings"

// begin reads BEGIN. A level of isolation is read and has no effect.
// https://docs.aws.amazon.com/redshift/latest/dg/r_BEGIN.html
func (p *parser) begin() *statement {
	if p.accept("start") {
		p.want("transaction")
	} else {
		p.want("begin")
		p.oneOf("work", "transaction")
	}
	if p.accept("isolation", "level") {
		if !p.accept("serializable") && !p.accept("snapshot") && !p.accept("repeatable", "read") &&
			!p.accept("read", "committed") && !p.accept("read", "uncommitted") {
			p.fail()
		}
	}
	if p.accept("read") && p.oneOf("write", "only") == "" {
		p.fail()
	}
	return &statement{class: "BEGIN", sql: "BEGIN"}
}

func (p *parser) end() *statement {
	verb := p.take().text
	p.oneOf("work", "transaction")
	if p.peek().is("to") {
		p.refuse("0A000", `SQL command "`+joined(p.tokens)+`" not supported.`)
	}
	if verb == "commit" || verb == "end" {
		return &statement{class: "COMMIT", sql: "COMMIT"}
	}
	return &statement{class: "ROLLBACK", sql: "ROLLBACK"}
}

// lock reads LOCK, which has one mode and takes no snapshot.
// https://docs.aws.amazon.com/redshift/latest/dg/r_LOCK.html
func (p *parser) lock() *statement {
	p.want("lock")
	p.accept("table")
	list := []string{p.table()}
	for p.accept(",") {
		list = append(list, p.table())
	}
	return &statement{class: "LOCK", sql: "LOCK TABLE " + strings.Join(list, ", ") + " IN ACCESS EXCLUSIVE MODE", tag: "LOCK TABLE"}
}

// truncate reads TRUNCATE, which commits the transaction that it runs in.
// https://docs.aws.amazon.com/redshift/latest/dg/r_TRUNCATE.html
func (p *parser) truncate() *statement {
	p.want("truncate")
	p.accept("table")
	return &statement{class: "TRUNCATE", sql: "TRUNCATE TABLE " + p.table(), commit: true, tag: "TRUNCATE TABLE"}
}

// settings are the session's settings that may be set, each with PostgreSQL's name,
// if it has such a one.
var settings = map[string]string{
	"query_group": "redshift.query_group", "statement_timeout": "statement_timeout", "application_name": "application_name",
	"search_path": "search_path", "timezone": "TimeZone", "datestyle": "DateStyle", "client_encoding": "client_encoding",
	"extra_float_digits": "extra_float_digits", "enable_result_cache_for_session": "redshift.result_cache",
	"enable_case_sensitive_identifier": "redshift.case_sensitive", "error_on_nondeterministic_update": "redshift.nondeterministic",
	"wlm_query_slot_count": "redshift.slots", "json_parse_dedup_attributes": "redshift.dedup", "analyze_threshold_percent": "redshift.analyze",
}

func (p *parser) setting() string {
	name := p.take().text
	own, ok := settings[name]
	if !ok {
		p.refuse("42704", `unrecognized configuration parameter "`+name+`"`)
	}
	return own
}

func (p *parser) set() *statement {
	if p.accept("reset") {
		return &statement{class: "SET", sql: "RESET " + p.setting(), tag: "RESET"}
	}
	p.want("set")
	if p.peek().is("session") {
		panic(unknown("SET SESSION is not on the list"))
	}
	name := p.setting()
	if p.oneOf("to", "=") == "" {
		p.fail()
	}
	var values []string
	for {
		t := p.take()
		switch t.kind {
		case literalToken, quotedToken, wordToken, numberToken:
			values = append(values, text(t.text))
		default:
			p.at--
			p.fail()
		}
		if !p.accept(",") {
			break
		}
	}
	value := strings.Join(values, ", ")
	if name == "search_path" {
		value += ", " + text(catalogueSchema)
	}
	return &statement{class: "SET", sql: "SET " + name + " TO " + value, tag: "SET"}
}

func (p *parser) show() *statement {
	p.want("show")
	if p.peek().is("table") || p.peek().is("tables") || p.peek().is("columns") {
		panic(unknown("SHOW %s is not on the list", strings.ToUpper(p.peek().text)))
	}
	return &statement{class: "SHOW", sql: "SHOW " + p.setting(), tag: "SHOW"}
}
