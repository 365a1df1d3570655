package redshifttest

import (
	"slices"
	"strings"

	"rowshift/test/redshifttest/copyload"
)

// copying is a COPY statement.
type copying struct {
	table   string   // for PostgreSQL
	shown   string   // as messages name it
	columns []string // for PostgreSQL; empty: all
	role    string
	spec    copyload.Spec
}

// copyFrom reads COPY. Without MANIFEST the path is a prefix, and takes in whatever
// begins with it, also what nobody meant: it is refused.
// https://docs.aws.amazon.com/redshift/latest/dg/r_COPY.html
func (p *parser) copyFrom() *statement {
	p.want("copy")
	c := &copying{shown: lower(strings.Trim(p.peek().raw, `"`))}
	c.table = p.table()
	if i := strings.LastIndex(c.table, "."); i >= 0 {
		c.shown = strings.Trim(c.table[i+1:], `"`)
	}
	if p.peek().is("(") {
		c.columns = p.names(p.name)
	}
	p.want("from")
	if p.peek().is("stdin") {
		p.fail()
	}
	c.spec.From = p.literal()
	if !strings.HasPrefix(c.spec.From, "s3://") {
		panic(unknown("COPY from %.5q: only s3:// is served", c.spec.From))
	}
	for p.peek().kind != endToken {
		p.copyOption(c)
	}
	if !c.spec.Manifest {
		panic(unknown("COPY without MANIFEST loads every object whose key begins with the path"))
	}
	if c.role == "" {
		p.refuse("0A000", "[stand-in] COPY needs IAM_ROLE")
	}
	return &statement{class: "COPY", copy: c, tag: "COPY"}
}

// copyOption reads one of COPY's options, which come in any order.
func (p *parser) copyOption(c *copying) {
	s := &c.spec
	word := p.take().text
	flags := map[string]*bool{
		"manifest": &s.Manifest, "acceptanydate": &s.AcceptAnyDate, "blanksasnull": &s.BlanksAsNull, "emptyasnull": &s.EmptyAsNull,
		"explicit_ids": &s.ExplicitIDs, "fillrecord": &s.FillRecord, "ignoreblanklines": &s.IgnoreBlankLines,
		"roundec": &s.RoundDec, "trimblanks": &s.TrimBlanks, "truncatecolumns": &s.TruncateColumns, "noload": &s.NoLoad,
	}
	if flag := flags[word]; flag != nil {
		*flag = true
		return
	}
	switch word {
	case "iam_role":
		c.role = p.literal()
	case "region":
		p.accept("as")
		s.Region = p.literal()
	case "format":
		p.accept("as")
		p.copyFormat(s, p.take().text)
	case "csv", "json":
		p.copyFormat(s, word)
	case "gzip", "zstd", "bzip2":
		s.Compression = map[string]copyload.Compression{"gzip": copyload.GZIP, "zstd": copyload.ZSTD, "bzip2": copyload.BZIP2}[word]
	case "null":
		p.want("as")
		marker := p.literal()
		s.NullAs = &marker
	case "delimiter":
		p.accept("as")
		s.Delimiter = p.character()
	case "dateformat":
		p.accept("as")
		s.DateFormat = p.literal()
	case "timeformat":
		p.accept("as")
		s.TimeFormat = p.literal()
	case "compupdate", "statupdate":
		if p.oneOf("off", "on", "preset", "true", "false") == "" {
			p.fail()
		}
	case "maxerror":
		p.accept("as")
		s.MaxError = p.integer()
	case "ignoreheader":
		p.accept("as")
		s.IgnoreHeader = p.integer()
	default:
		p.at--
		p.fail()
	}
}

func (p *parser) copyFormat(s *copyload.Spec, word string) {
	switch word {
	case "csv":
		s.Format = copyload.CSV
		if p.accept("quote") {
			p.accept("as")
			s.Quote = p.character()
		}
	case "json":
		s.Format = copyload.JSON
		modes := []string{"auto", "auto ignorecase", "noshred"}
		p.accept("as")
		mode := slices.Index(modes, lower(p.literal()))
		if mode < 0 {
			panic(unknown("a jsonpaths file is not on the list"))
		}
		s.JSONMode = copyload.JSONMode(mode)
	default:
		panic(unknown("COPY FORMAT %s is not on the list", strings.ToUpper(word)))
	}
}

func (p *parser) character() byte {
	c := p.literal()
	if len(c) != 1 {
		panic(unknown("one ASCII character is wanted, not %d bytes", len(c)))
	}
	return c[0]
}
