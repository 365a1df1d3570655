package redshifttest

import (
	"strings"
)

// dateParts maps the names of parts of dates, short ones included, to their full names. M
// is a minute.
// https://docs.aws.amazon.com/redshift/latest/dg/r_Dateparts_for_datetime_functions.html
var dateParts = func() map[string]string {
	m := map[string]string{}
	for line := range strings.SplitSeq(`millennium millennia mil mils;century centuries c cent cents;decade decades dec decs;epoch;year years y yr yrs;
		quarter quarters qtr qtrs;month months mon mons;week weeks w;dow dayofweek dw weekday;doy dayofyear dy yearday;day days d;
		hour hours h hr hrs;minute minutes m min mins;second seconds s sec secs;millisecond milliseconds ms msec msecs msecond mseconds millisec millisecs millisecon;
		microsecond microseconds microsec microsecs microsecon us usec usecs usecond useconds;timezone;timezone_hour;timezone_minute`, ";") {
		names := strings.Fields(line)
		for _, name := range names {
			m[name] = names[0]
		}
	}
	return m
}()

// datePartName reads a part of a date, written as a word or as a literal.
func (p *parser) datePartName() string {
	t := p.take()
	part, ok := dateParts[lower(t.text)]
	if !ok || t.kind != wordToken && t.kind != literalToken {
		panic(ruled("R-238", unknown("date part %s", t.raw)))
	}
	return part
}

// moment reads a date or a time; a literal is taken for a timestamp.
func (p *parser) moment() string {
	n := p.node()
	if n.shape == literalShape {
		return n.sql + "::timestamp"
	}
	return n.sql
}

// dateAdd, dateDiff, extract and dateTrunc call functions in function.sql, which differ
// by the type of their argument.
func dateAdd(p *parser) string {
	part := p.datePartName()
	p.want(",")
	n := p.expression()
	p.want(",")
	s := catalogueSchema + ".dateadd(" + text(part) + ", (" + n + ")::bigint, " + p.moment() + ")"
	p.want(")")
	return s
}

func dateDiff(p *parser) string {
	part := p.datePartName()
	p.want(",")
	from := p.moment()
	p.want(",")
	s := catalogueSchema + ".datediff(" + text(part) + ", " + from + ", " + p.moment() + ")"
	p.want(")")
	return s
}

func extract(p *parser) string {
	part := p.datePartName()
	p.want("from")
	s := catalogueSchema + ".extract(" + text(part) + ", " + p.moment() + ")"
	p.want(")")
	return s
}

func datePart(p *parser) string {
	part := p.datePartName()
	p.want(",")
	s := "date_part(" + text(part) + ", " + p.moment() + ")"
	p.want(")")
	return s
}

func dateTrunc(p *parser) string {
	if p.peek().kind != literalToken {
		panic(ruled("R-238", unknown("DATE_TRUNC by %s: it takes a literal", p.peek().raw)))
	}
	part := p.datePartName()
	p.want(",")
	s := catalogueSchema + ".date_trunc(" + text(part) + ", " + p.moment() + ")"
	p.want(")")
	return s
}

// convertTimezone reads CONVERT_TIMEZONE([source,] target, timestamp).
// https://docs.aws.amazon.com/redshift/latest/dg/CONVERT_TIMEZONE.html
func convertTimezone(p *parser) string {
	first := p.expression()
	p.want(",")
	n := p.node()
	second := n.sql
	if !p.accept(",") {
		if n.shape == literalShape {
			second += "::timestamp"
		}
		p.want(")")
		return catalogueSchema + ".convert_timezone('UTC', " + first + ", " + second + ")"
	}
	s := catalogueSchema + ".convert_timezone(" + first + ", " + second + ", " + p.moment() + ")"
	p.want(")")
	return s
}
