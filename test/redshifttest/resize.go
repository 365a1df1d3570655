package redshifttest

import (
	"context"
	"fmt"
	"slices"
)

// sizeQuery returns everything that decides whether the size of a VARCHAR may change. $1
// is the table, $2 the column.
const sizeQuery = `SELECT format_type(a.atttypid, NULL), ` + catalogueSchema + `.bytes(a.attrelid, a.attname), coalesce(r.encoding, ''), a.atthasdef,
	EXISTS (SELECT FROM ` + catalogueSchema + `.key k WHERE k.relation = a.attrelid AND a.attnum = ANY (k.columns) OR k.referenced = a.attrelid AND a.attnum = ANY (k.referenced_columns)),
	EXISTS (SELECT FROM pg_depend d WHERE d.refobjid = a.attrelid AND d.refobjsubid = a.attnum AND d.classid = 'pg_rewrite'::regclass),
	coalesce(r.distkey OR r.sortkey <> 0, false)
	FROM pg_attribute a LEFT JOIN ` + catalogueSchema + `.attribute r ON r.relation = a.attrelid AND r.attnum = a.attnum
	WHERE a.attrelid = $1::text::oid AND a.attnum = ` + catalogueSchema + `.attnum($1::text::oid, $2)`

// fixedEncodings are the encodings of columns whose size cannot change.
var fixedEncodings = []string{"bytedict", "runlength", "text255", "text32k"}

// resize changes the size of a VARCHAR.
// https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_TABLE.html
func (a *alteration) resize(column string, to columnType) {
	a.s.own = func(ctx context.Context, c *session) error {
		oid, err := c.oid(ctx, a.table)
		if err != nil {
			return err
		}
		is, err := c.ask(ctx, sizeQuery, oid, column)
		if err != nil {
			return err
		}
		if r := refusedSize(is[0], column, to); r != nil {
			return r
		}
		largest, err := c.value(ctx, fmt.Sprintf("SELECT coalesce(max(octet_length(%s)), 0) > %d FROM %s", quote(column), to.bytes, a.table.sql()))
		if err != nil {
			return err
		}
		if largest == "t" {
			return &Refusal{Code: "0A000", Message: "target column size should be larger or equal to current maximum column size", Rule: "R-434"}
		}
		_, err = c.ask(ctx, "ALTER TABLE "+a.table.sql()+" ALTER COLUMN "+quote(column)+" TYPE "+to.sql)
		return err
	}
}

// refusedSize returns why the size of a column cannot change, and nil if it can.
func refusedSize(is []string, column string, to columnType) *Refusal {
	switch {
	case is[0] != "character varying":
		return ruled("R-434", unknown("ALTER COLUMN TYPE is for VARCHAR only, %q is none", column))
	case is[1] == fmt.Sprint(to.bytes):
		return &Refusal{Code: "0A000", Message: "target column size should be different", Rule: "R-434"}
	case slices.Contains(fixedEncodings, is[2]):
		return ruled("R-434", unknown("the size of %q cannot change: it is encoded as %s", column, is[2]))
	case is[3] == "t":
		return ruled("R-434", unknown("the size of %q cannot change: it has a DEFAULT", column))
	case is[4] == "t":
		return ruled("R-434", unknown("the size of %q cannot change: it is of a key", column))
	case is[6] == "t": // github.com/estuary/connectors issue 4893
		return &Refusal{Code: "XX000", Message: "found unexpected dependency for column", Rule: "R-434"}
	case is[5] == "t":
		return &Refusal{Code: "0A000", Message: "cannot alter type of a column used by a view or rule", Rule: "R-434"}
	}
	return nil
}
