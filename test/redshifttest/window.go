package redshifttest

import (
	"fmt"
	"strings"
)

// window is the content of OVER.
type window struct {
	partition, order, frame string
}

// over reads OVER (...). There is no WINDOW clause, so a window cannot be named.
func (p *parser) over() window {
	p.want("over")
	if !p.peek().is("(") {
		p.failBy("R-244")
	}
	p.want("(")
	if p.scope != nil {
		p.scope.windows++
	}
	var w window
	if p.accept("partition", "by") {
		w.partition = "PARTITION BY " + p.list()
	}
	if p.accept("order", "by") {
		w.order = " ORDER BY " + p.orderList()
	}
	if p.peek().is("range") {
		panic(&Refusal{Code: "0A000", Rule: "R-234", Message: "RANGE clause of window functions not yet implemented"})
	}
	if p.accept("rows") {
		w.frame = " ROWS " + p.frame()
	}
	p.want(")")
	return w
}

func (w window) sql() string { return " OVER (" + w.partition + w.order + w.frame + ")" }

// ordered writes the window of an aggregate function. If it has an order, it must have a
// frame: https://github.com/OHDSI/Achilles/issues/232
func (w window) ordered() string {
	if w.order != "" && w.frame == "" {
		panic(&Refusal{Code: "0A000", Rule: "R-233", Message: "Aggregate window functions with an ORDER BY clause require a frame clause"})
	}
	return w.sql()
}

// unordered writes the window of a function that takes its order from elsewhere or needs
// none.
func (w window) unordered(name string) string {
	if w.order != "" || w.frame != "" {
		panic(ruled("R-232", unknown("%s over a window with ORDER BY or a frame", strings.ToUpper(name))))
	}
	return w.sql()
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
		n, way := p.integer(), p.oneOf("preceding", "following")
		if way == "" {
			p.fail()
		}
		return fmt.Sprint(n, " ", strings.ToUpper(way))
	}
	if !p.accept("between") {
		return bound()
	}
	s := "BETWEEN " + bound()
	p.want("and")
	return s + " AND " + bound()
}

// windowed reads the rest of a window function. IGNORE NULLS stands within the
// parentheses of FIRST_VALUE, LAST_VALUE and NTH_VALUE, and behind those of LAG and LEAD.
// https://docs.aws.amazon.com/redshift/latest/dg/r_WF_first_value.html
// https://docs.aws.amazon.com/redshift/latest/dg/r_WF_LAG.html
func (p *parser) windowed(name string, f function, arguments []string) string {
	sql := f.sql + "(" + strings.Join(arguments, ", ") + ")"
	ignore := p.nulls()
	if f.kind == framed && p.tokens[p.at-1].is("nulls") {
		p.want(")")
	}
	if !p.peek().is("over") {
		p.fail()
	}
	w := p.over()
	if f.kind == framed {
		if ignore {
			return knownValue(name, arguments) + w.ordered()
		}
		return sql + w.ordered()
	}
	if w.frame != "" {
		panic(ruled("R-232", unknown("%s with a frame", strings.ToUpper(name))))
	}
	if !ignore {
		return sql + w.sql()
	}
	switch name {
	case "lag":
		w.frame = " ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING"
		return knownValue("last_value", arguments) + w.sql()
	case "lead":
		w.frame = " ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING"
		return knownValue("first_value", arguments) + w.sql()
	}
	panic(ruled("R-235", unknown("IGNORE NULLS with %s", strings.ToUpper(name))))
}

// knownValue returns the first or last value that is not NULL.
func knownValue(name string, arguments []string) string {
	if len(arguments) > 1 {
		panic(ruled("R-235", unknown("IGNORE NULLS with an offset")))
	}
	which := map[string]string{"first_value": "first_known", "last_value": "last_known"}[name]
	return catalogueSchema + "." + which + "(" + arguments[0] + ")"
}

// nulls reads IGNORE NULLS or RESPECT NULLS, and reports whether NULLs are ignored.
func (p *parser) nulls() bool {
	if p.accept("respect", "nulls") {
		return false
	}
	return p.accept("ignore", "nulls")
}
