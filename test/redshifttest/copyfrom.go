package redshifttest

import (
	"slices"
	"strings"

	"rowshift/test/redshifttest/copyload"
)

// copying is a COPY statement.
type copying struct {
	table   string   // as PostgreSQL writes it
	shown   string   // as messages name it
	columns []string // as PostgreSQL writes them; empty: all
	roles   []string // one, or a chain
	owner   bool     // only the table's owner may run it
	spec    copyload.Spec

	given map[string]bool // the options that were read, by kind
}

// copyFrom reads COPY. Without MANIFEST the path is a prefix that takes in everything
// that begins with it, meant or not, so the stand-in refuses that.
// https://docs.aws.amazon.com/redshift/latest/dg/r_COPY.html
func (p *parser) copyFrom() *statement {
	p.want("copy")
	c := &copying{given: map[string]bool{}}
	c.table = p.table()
	c.shown = strings.Trim(c.table[strings.LastIndex(c.table, ".")+1:], `"`)
	if p.peek().is("(") {
		c.columns = p.names(p.name)
	}
	p.want("from")
	if p.peek().is("stdin") {
		p.failBy("R-641")
	}
	c.spec.From = p.literal()
	if !strings.HasPrefix(c.spec.From, "s3://") {
		panic(ruled("R-641", unknown("COPY from %.5q: only s3:// is served", c.spec.From)))
	}
	for p.peek().kind != endToken {
		p.copyOption(c)
	}
	if !c.spec.Manifest {
		panic(ruled("R-601", unknown("COPY without MANIFEST loads every object whose key begins with the path")))
	}
	if len(c.roles) == 0 {
		panic(ruled("R-642", unknown("COPY needs IAM_ROLE")))
	}
	return &statement{class: "COPY", copy: c, tag: "COPY"}
}

// once notes that an option was read, and refuses a second one of the same kind.
func (c *copying) once(kind string) {
	if c.given[kind] {
		panic(&Refusal{Code: "42601", Rule: "R-643", Message: "conflicting or redundant options"})
	}
	c.given[kind] = true
}

// flag returns where an option without an argument is kept.
func (c *copying) flag(word string) *bool {
	s := &c.spec
	return map[string]*bool{
		"manifest": &s.Manifest, "acceptanydate": &s.AcceptAnyDate, "blanksasnull": &s.BlanksAsNull, "emptyasnull": &s.EmptyAsNull,
		"explicit_ids": &s.ExplicitIDs, "fillrecord": &s.FillRecord, "ignoreblanklines": &s.IgnoreBlankLines,
		"roundec": &s.RoundDec, "trimblanks": &s.TrimBlanks, "truncatecolumns": &s.TruncateColumns, "noload": &s.NoLoad,
	}[word]
}

// compressions are the options that name a compression.
var compressions = map[string]copyload.Compression{"gzip": copyload.GZIP, "zstd": copyload.ZSTD, "bzip2": copyload.BZIP2}

// notModelled are options that Redshift has and the stand-in does not.
var notModelled = strings.Fields(`avro encrypted escape fixedwidth ignoreallerrors lzop master_symmetric_key orc parquet
	readratio removequotes serializetojson shapefile ssh`)

// copyOption reads one of COPY's options, which come in any order.
func (p *parser) copyOption(c *copying) {
	t := p.take()
	word := t.text
	if t.kind != wordToken {
		p.at--
		p.fail()
	}
	if flag := c.flag(word); flag != nil {
		c.once(word)
		*flag = true
		return
	}
	if packed, ok := compressions[word]; ok {
		c.once("compression")
		c.spec.Compression = packed
		return
	}
	switch word {
	case "iam_role", "with", "credentials", "access_key_id", "secret_access_key", "session_token":
		p.authorization(c, word)
	case "format":
		p.accept("as")
		p.copyFormat(c, p.take().text)
	case "csv", "json":
		p.copyFormat(c, word)
	case "compupdate", "statupdate", "comprows", "maxerror", "ignoreheader":
		p.loadOption(c, word)
	case "null", "delimiter", "dateformat", "timeformat", "acceptinvchars", "encoding", "region":
		p.textOption(c, word)
	default:
		if slices.Contains(notModelled, word) {
			panic(ruled("R-636", unknown("COPY ... %s is not on the list", strings.ToUpper(word))))
		}
		p.at--
		p.fail()
	}
}

// authorization reads who opens the bucket. It is given once, and by a role: keys in a
// statement would be in every log of statements.
// https://docs.aws.amazon.com/redshift/latest/dg/copy-parameters-authorization.html
func (p *parser) authorization(c *copying, word string) {
	keys := ruled("R-642", unknown("keys in a statement are seen by all who see statements: name a role"))
	var role string
	switch word {
	case "iam_role":
		if role = "default"; !p.accept(role) {
			role = p.literal()
		}
	case "with", "credentials":
		if word == "with" {
			p.want("credentials")
		}
		p.accept("as")
		arn, ok := strings.CutPrefix(p.literal(), "aws_iam_role=")
		if !ok {
			panic(keys)
		}
		role = arn
	default:
		panic(keys)
	}
	c.once("authorization")
	c.roles = strings.Split(role, ",")
	for _, arn := range c.roles {
		if arn != "default" && !strings.HasPrefix(arn, "arn:aws:iam::") || arn == "default" && len(c.roles) > 1 {
			panic(ruled("R-642", unknown("%q is not the ARN of a role, nor a chain of them without blanks", role)))
		}
	}
}

// copyFormat reads the format of the files.
func (p *parser) copyFormat(c *copying, word string) {
	c.once("format")
	s := &c.spec
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
			panic(ruled("R-631", unknown("a jsonpaths file is not on the list")))
		}
		s.JSONMode = copyload.JSONMode(mode)
	default:
		panic(ruled("R-636", unknown("COPY FORMAT %s is not on the list", strings.ToUpper(word))))
	}
}

// textOption reads an option whose argument is a string.
// https://docs.aws.amazon.com/redshift/latest/dg/copy-parameters-data-conversion.html
func (p *parser) textOption(c *copying, word string) {
	c.once(word)
	s := &c.spec
	as := p.accept("as")
	switch word {
	case "null":
		if !as {
			p.fail()
		}
		marker := p.literal()
		s.NullAs = &marker
	case "delimiter":
		s.Delimiter = p.character()
	case "dateformat":
		s.DateFormat = p.literal()
	case "timeformat":
		s.TimeFormat = p.literal()
	case "region":
		s.Region = p.literal()
	case "acceptinvchars":
		s.AcceptInvChars = '?'
		if as || p.peek().kind == literalToken {
			s.AcceptInvChars = p.character()
		}
	case "encoding":
		if !p.accept("utf8") {
			panic(ruled("R-636", unknown("COPY ... ENCODING takes UTF8 only")))
		}
	}
}

// loadOption reads an option about how rows are loaded.
// https://docs.aws.amazon.com/redshift/latest/dg/copy-parameters-data-load.html
func (p *parser) loadOption(c *copying, word string) {
	c.once(word)
	switch word {
	case "compupdate":
		p.oneOf("preset", "on", "off", "true", "false")
	case "statupdate":
		way := p.oneOf("on", "off", "true", "false")
		c.owner = way == "on" || way == "true"
	case "comprows":
		const least, most = 1000, 2147483647
		if n := p.integer(); n < least || n > most {
			panic(&Refusal{Code: "42601", Rule: "R-647", Message: "[stand-in] COMPROWS has to be from 1000 to 2147483647"})
		}
	case "maxerror":
		p.accept("as")
		c.spec.MaxError = p.integer()
	case "ignoreheader":
		p.accept("as")
		c.spec.IgnoreHeader = p.integer()
	}
}

// character reads a string of one ASCII character.
func (p *parser) character() byte {
	c := p.literal()
	if len(c) != 1 || c[0] >= 0x80 {
		panic(ruled("R-620", unknown("one ASCII character is wanted, not %d bytes", len(c))))
	}
	return c[0]
}
