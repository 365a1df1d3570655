package redshifttest

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// settings are the session's settings that may be set, each with the name that the
// backing server has for it.
// https://docs.aws.amazon.com/redshift/latest/dg/cm_chap_ConfigurationRef.html
var settings = map[string]string{
	"query_group": "redshift.query_group", "statement_timeout": "statement_timeout", "application_name": "application_name",
	"search_path": "search_path", "timezone": "TimeZone", "datestyle": "DateStyle", "client_encoding": "client_encoding",
	"extra_float_digits": "extra_float_digits", "enable_result_cache_for_session": "redshift.result_cache",
	"enable_case_sensitive_identifier": "redshift.case_sensitive", "error_on_nondeterministic_update": "redshift.nondeterministic",
	"wlm_query_slot_count": "redshift.slots", "json_parse_dedup_attributes": "redshift.dedup", "analyze_threshold_percent": "redshift.threshold",
}

// settingDefaults are the values at the beginning of a session of the settings that
// PostgreSQL does not have.
var settingDefaults = map[string]string{
	"query_group": "default", "enable_result_cache_for_session": "on", "enable_case_sensitive_identifier": "off",
	"error_on_nondeterministic_update": "off", "wlm_query_slot_count": "1", "json_parse_dedup_attributes": "off",
	"analyze_threshold_percent": "10", "extra_float_digits": "0",
}

// switches are the settings that are on or off.
var switches = []string{"enable_result_cache_for_session", "enable_case_sensitive_identifier", "error_on_nondeterministic_update", "json_parse_dedup_attributes"}

// switched are the words for on and off.
var switched = map[string]string{
	"on": "on", "true": "on", "t": "on", "yes": "on", "y": "on", "1": "on",
	"off": "off", "false": "off", "f": "off", "no": "off", "n": "off", "0": "off",
}

// dateStyles are the styles that Redshift has. A session of the stand-in speaks ISO, but
// may begin with another style from ALTER USER, which a client can then set back.
// https://docs.aws.amazon.com/redshift/latest/dg/r_datestyle.html
var dateStyles = words("iso postgres sql german")

func styleOf(value string) string {
	style, _, _ := strings.Cut(lower(value), ",")
	return strings.TrimSpace(style)
}

// settled returns a value as it is kept: a switch is on or off.
func settled(name, value string) string {
	if slices.Contains(switches, name) {
		return switched[lower(value)]
	}
	return value
}

// settingValue returns the expression for what current_setting says of a setting. It
// refuses the server's version: https://github.com/duckdb/duckdb-postgres/issues/181
func settingValue(name string) (string, *Refusal) {
	name = lower(name)
	own, known := settings[name]
	switch {
	case name == "server_version":
		return "", &Refusal{Code: "42501", Rule: "R-231", Message: `must be superuser to examine "server_version"`}
	case !known:
		return "", unrecognized(name)
	case own == "search_path":
		return catalogueSchema + ".shown_setting(" + text(own) + ")", nil
	}
	return "current_setting(" + text(own) + ")", nil
}

// unrecognized returns the refusal of a setting that the stand-in does not have.
func unrecognized(name string) *Refusal {
	if !absent[lower(name)] {
		return &Refusal{Code: "42704", Message: fmt.Sprintf("[stand-in] the setting %q is not on the list", name), Rule: "R-002"}
	}
	return &Refusal{Code: "42704", Message: fmt.Sprintf("unrecognized configuration parameter %q", name), Rule: "R-002"}
}

// shownSetting returns Redshift's name for the column with which SHOW answers.
func shownSetting(name string) string {
	if !strings.HasPrefix(name, "redshift.") {
		return name
	}
	for own, backing := range settings {
		if backing == name {
			return own
		}
	}
	return name
}

// absent are settings that a Redshift was seen to refuse.
// https://github.com/sqlalchemy/sqlalchemy/issues/9442
var absent = words("standard_conforming_strings intervalstyle replication")

func (p *parser) setting() (name, own string) {
	name = p.take().text
	if name == "time" && p.accept("zone") {
		name = "timezone"
	}
	own, ok := settings[name]
	if !ok {
		panic(unrecognized(name))
	}
	return name, own
}

// set reads SET and RESET.
// https://docs.aws.amazon.com/redshift/latest/dg/r_SET.html
func (p *parser) set() *statement {
	if p.accept("reset") {
		if p.peek().is("all") {
			panic(ruled("R-006", unknown("RESET ALL is not on the list")))
		}
		name, own := p.setting()
		return &statement{class: "SET", sql: "RESET " + own, tag: "RESET", folding: folding(name, "off")}
	}
	p.want("set")
	if p.peek().is("session") && (p.peekAt(1).is("authorization") || p.peekAt(1).is("characteristics")) {
		panic(ruled("R-006", unknown("SET SESSION %s is not on the list", strings.ToUpper(p.peekAt(1).text))))
	}
	scope := ""
	if word := p.oneOf("session", "local"); word == "local" {
		scope = "LOCAL "
	}
	name, own := p.setting()
	if p.oneOf("to", "=") == "" && name != "timezone" {
		p.fail()
	}
	if p.accept("default") {
		return &statement{class: "SET", sql: "SET " + scope + own + " TO DEFAULT", tag: "SET", folding: folding(name, "off")}
	}
	values := p.settingValues()
	if refusal := checkSetting(name, values[0]); refusal != nil && !(p.later && name == "datestyle" && dateStyles[styleOf(values[0])]) {
		panic(refusal)
	}
	var written []string
	for _, v := range values {
		written = append(written, text(settled(name, v)))
	}
	if name == "search_path" {
		written = append(written, text(catalogueSchema))
	}
	if scope != "" && name == "enable_case_sensitive_identifier" {
		panic(ruled("R-006", unknown("SET LOCAL of %s is not on the list", name)))
	}
	return &statement{class: "SET", sql: "SET " + scope + own + " TO " + strings.Join(written, ", "), tag: "SET", folding: folding(name, values[0])}
}

// userSettings lets settings from ALTER USER SET take effect where the client gave none.
func (c *session) userSettings(ctx context.Context) error {
	const query = "SELECT split_part(setting, '=', 1), split_part(setting, '=', 2) FROM pg_roles, unnest(rolconfig) AS setting WHERE rolname = $1"
	return c.server.control(ctx, func(conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, query, c.user)
		if err != nil {
			return err
		}
		var own, value string
		_, err = pgx.ForEachRow(rows, []any{&own, &value}, func() error {
			if c.given[lower(own)] {
				return nil
			}
			delete(c.parameters, own)
			if own == settings["enable_case_sensitive_identifier"] {
				c.folding = value == "on"
			}
			return nil
		})
		return err
	})
}

// settingValues reads values that are separated by commas.
func (p *parser) settingValues() []string {
	var values []string
	for {
		sign := ""
		if p.accept("-") {
			sign = "-"
		}
		t := p.take()
		if t.kind != literalToken && t.kind != quotedToken && t.kind != wordToken && t.kind != numberToken || sign != "" && t.kind != numberToken {
			p.at--
			p.fail()
		}
		values = append(values, sign+t.text)
		if !p.accept(",") {
			return values
		}
	}
}

// folding returns what a setting makes of the case of names in quotes, and nil for any
// other setting.
func folding(name, value string) *bool {
	if name != "enable_case_sensitive_identifier" {
		return nil
	}
	keeps := settled(name, value) == "on"
	return &keeps
}

// show reads SHOW of a setting.
// https://docs.aws.amazon.com/redshift/latest/dg/r_SHOW.html
func (p *parser) show() *statement {
	p.want("show")
	if p.peek().is("server_version") {
		p.at++
		return &statement{class: "SHOW", sql: "SELECT " + text(serverVersion) + " AS server_version", tag: "SHOW"}
	}
	if p.peek().is("all") {
		panic(ruled("R-006", unknown("SHOW ALL is not on the list")))
	}
	_, own := p.setting()
	if own == "search_path" {
		return &statement{class: "SHOW", sql: "SELECT " + catalogueSchema + ".shown_setting('search_path') AS search_path", tag: "SHOW"}
	}
	return &statement{class: "SHOW", sql: "SHOW " + own, tag: "SHOW"}
}

// declare reads DECLARE of a cursor, which can only go forward.
// https://docs.aws.amazon.com/redshift/latest/dg/declare.html
func (p *parser) declare() *statement {
	p.want("declare")
	s := &statement{class: "DECLARE", cursor: p.name(), tag: "DECLARE CURSOR"}
	if !p.accept("cursor", "for") {
		panic(ruled("R-120", syntaxError(p.peek())))
	}
	s.sql = "DECLARE " + quote(s.cursor) + " NO SCROLL CURSOR FOR " + p.selectText()
	return s
}

// fetch reads FETCH.
// https://docs.aws.amazon.com/redshift/latest/dg/fetch.html
func (p *parser) fetch() *statement {
	p.want("fetch")
	s := &statement{class: "FETCH", tag: "FETCH", sql: "FETCH "}
	switch {
	case p.accept("next"):
		s.sql += "NEXT"
	case p.accept("all"), p.accept("forward", "all"):
		s.sql += "ALL"
	case p.accept("forward"), p.peek().kind == numberToken:
		s.sql += "FORWARD"
		if p.peek().kind == numberToken {
			s.sql += " " + strconv.Itoa(p.integer())
		}
	}
	if p.oneOf("from", "in") == "" {
		p.fail()
	}
	s.cursor = p.name()
	s.sql += " FROM " + quote(s.cursor)
	return s
}

// closeCursor reads CLOSE.
// https://docs.aws.amazon.com/redshift/latest/dg/close.html
func (p *parser) closeCursor() *statement {
	p.want("close")
	name := p.name()
	return &statement{class: "CLOSE", cursor: name, tag: "CLOSE CURSOR", sql: "CLOSE " + quote(name)}
}

// cancel reads CANCEL.
// https://docs.aws.amazon.com/redshift/latest/dg/r_CANCEL.html
func (p *parser) cancel() *statement {
	p.want("cancel")
	s := &statement{class: "CANCEL", cancels: p.integer(), tag: "CANCEL"}
	if p.peek().kind == literalToken {
		s.message = p.literal()
	}
	return s
}
