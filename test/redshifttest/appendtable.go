package redshifttest

import (
	"context"
	"strings"
)

// appendQuery returns how the columns of two tables differ. $1 is the target, $2 the
// source.
const appendQuery = `WITH t AS (SELECT a.attname, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull, r.encoding, r.distkey, r.sortkey, r.identity, r.declared
		FROM pg_attribute a JOIN ` + catalogueSchema + `.attribute r ON r.relation = a.attrelid AND r.attnum = a.attnum WHERE a.attrelid = $1::text::oid AND NOT a.attisdropped),
	s AS (SELECT a.attname, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull, r.encoding, r.distkey, r.sortkey, r.identity, r.declared
		FROM pg_attribute a JOIN ` + catalogueSchema + `.attribute r ON r.relation = a.attrelid AND r.attnum = a.attnum WHERE a.attrelid = $2::text::oid AND NOT a.attisdropped)
	SELECT coalesce(t.attname, s.attname), t.attname IS NULL, s.attname IS NULL,
		t.attname IS NOT NULL AND s.attname IS NOT NULL AND (t.type, t.attnotnull, t.encoding, t.distkey, t.sortkey, t.declared) IS DISTINCT FROM (s.type, s.attnotnull, s.encoding, s.distkey, s.sortkey, s.declared),
		coalesce(t.identity LIKE 'IDENTITY%', false) AND coalesce(s.identity LIKE 'IDENTITY%', false)
	FROM t FULL JOIN s ON t.attname = s.attname`

// append reads ALTER TABLE ... APPEND FROM, which moves all rows and commits.
// https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_TABLE_APPEND.html
func (a *alteration) append() {
	source := a.p.named[len(a.p.named)-1]
	extra := a.p.oneOf("ignoreextra", "filltarget")
	a.s.class, a.s.tag, a.s.alone = "ALTER TABLE APPEND", "ALTER TABLE APPEND", "ALTER TABLE APPEND"
	a.s.own = func(ctx context.Context, c *session) error {
		// the locks come first, so that rows which others have just written are seen and
		// moved
		if _, err := c.ask(ctx, "LOCK TABLE "+a.table.sql()+", "+source.sql()+" IN ACCESS EXCLUSIVE MODE"); err != nil {
			return err
		}
		columns, err := a.moved(ctx, c, source, extra)
		if err != nil {
			return err
		}
		list := strings.Join(columns, ", ")
		for _, sql := range []string{
			"INSERT INTO " + a.table.sql() + " (" + list + ") SELECT " + list + " FROM " + source.sql(),
			"TRUNCATE " + source.sql(),
		} {
			if _, err := c.ask(ctx, sql); err != nil {
				return err
			}
		}
		return nil
	}
}

// moved returns the columns that go from one table to the other. It refuses columns whose
// attributes differ.
func (a *alteration) moved(ctx context.Context, c *session, source relationName, extra string) ([]string, error) {
	var oids []string
	for _, n := range []relationName{a.table, source} {
		oid, err := c.oid(ctx, n)
		if err != nil {
			return nil, err
		}
		if err := c.mustOwn(ctx, oid, n.table); err != nil {
			return nil, err
		}
		oids = append(oids, oid)
	}
	alike, err := c.value(ctx, `SELECT t.diststyle = s.diststyle AND t.sortstyle = s.sortstyle AND NOT EXISTS (SELECT FROM pg_class WHERE oid IN (t.relation, s.relation) AND relpersistence = 't')
		FROM `+catalogueSchema+".relation t, "+catalogueSchema+".relation s WHERE t.relation = $1::text::oid AND s.relation = $2::text::oid", oids...)
	if err != nil {
		return nil, err
	}
	if alike != "t" {
		return nil, ruled("R-439", unknown("APPEND needs two permanent tables of one distribution and sort style"))
	}
	found, err := c.ask(ctx, appendQuery, oids...)
	if err != nil {
		return nil, err
	}
	var columns []string
	for _, f := range found {
		switch {
		case f[1] == "t" && extra != "ignoreextra":
			return nil, ruled("R-439", unknown("the source has a column %q more: APPEND needs IGNOREEXTRA", f[0]))
		case f[2] == "t" && extra != "filltarget":
			return nil, ruled("R-439", unknown("the target has a column %q more: APPEND needs FILLTARGET", f[0]))
		case f[3] == "t" || f[4] == "t":
			return nil, ruled("R-439", unknown("the columns %q differ, or are identities: APPEND needs equal ones", f[0]))
		case f[1] == "f" && f[2] == "f":
			columns = append(columns, quote(f[0]))
		}
	}
	return columns, nil
}
