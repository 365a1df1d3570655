package redshifttest

import "strings"

// begin reads BEGIN. An isolation level may be given, but has no effect.
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
	sql := "BEGIN"
	if p.accept("read") {
		switch p.oneOf("write", "only") {
		case "only":
			sql += " READ ONLY"
		case "":
			p.fail()
		}
	}
	return &statement{class: "BEGIN", sql: sql}
}

func (p *parser) end() *statement {
	verb := p.take().text
	p.oneOf("work", "transaction")
	if p.peek().is("to") {
		panic(&Refusal{Code: "0A000", Message: `SQL command "` + joined(p.tokens) + `" not supported.`, Rule: "R-111"})
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
	if p.peek().is("in") {
		panic(ruled("R-106", syntaxError(p.peek())))
	}
	return &statement{class: "LOCK", locks: list, sql: "LOCK TABLE " + strings.Join(list, ", ") + " IN ACCESS EXCLUSIVE MODE", tag: "LOCK TABLE"}
}

// truncate reads TRUNCATE, which commits the transaction that it runs in.
// https://docs.aws.amazon.com/redshift/latest/dg/r_TRUNCATE.html
func (p *parser) truncate() *statement {
	p.want("truncate")
	p.accept("table")
	return &statement{class: "TRUNCATE", sql: "TRUNCATE TABLE " + p.table(), commit: true, tag: "TRUNCATE TABLE"}
}
