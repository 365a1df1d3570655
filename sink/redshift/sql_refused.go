package redshift

import (
	"fmt"
	"strings"

	"rowshift/replicator"
	"rowshift/schema"
)

// loadErrors read what Redshift kept of the last rows that COPY refused: column, code, file and
// line. They do not read values, nor raw lines and reasons, which quote values.
// https://docs.aws.amazon.com/redshift/latest/dg/r_STL_LOAD_ERRORS.html
// https://docs.aws.amazon.com/redshift/latest/dg/SYS_LOAD_ERROR_DETAIL.html
var loadErrors = []string{
	"SELECT TRIM(colname), err_code, TRIM(filename), line_number FROM stl_load_errors ORDER BY starttime DESC LIMIT 20",
	"SELECT TRIM(column_name), error_code, TRIM(file_name), line_number FROM sys_load_error_detail ORDER BY start_time DESC LIMIT 20",
}

// mostErrors is how many rows of one COPY may be refused. If there are more, the fault is not in
// single rows.
// https://docs.aws.amazon.com/redshift/latest/dg/copy-parameters-data-load.html#copy-maxerror
const mostErrors = 100

// createLike makes a temporary table with the columns of another.
func createLike(p, of place) string {
	return fmt.Sprintf("CREATE TEMP TABLE %s (LIKE %s)", p, of)
}

// createTexts makes a temporary table that takes every field as text.
func createTexts(p place, columns []string) string {
	return fmt.Sprintf("CREATE TEMP TABLE %s (%s)", p, list(columns, func(_ int, c string) string { return quoted(c) + " VARCHAR(65535)" }))
}

// copyFitting copies the rows that fit, and leaves out those that COPY refuses.
func copyFitting(copyAll string) string { return fmt.Sprintf("%s MAXERROR %d", copyAll, mostErrors+1) }

// copyTexts copies rows as text. What is too long is cut: no key is, and digests do not tell
// long texts apart.
func copyTexts(copyAll string) string { return copyAll + " TRUNCATECOLUMNS" }

// selectRefused reads the digests, as in replicator.Rows, of the rows in texts that are not in
// fitting.
func selectRefused(texts, fitting place, c copying) string {
	t := c.table
	conditions := []string{}
	for _, k := range t.Key {
		m := t.Columns[k].Mapping
		conditions = append(conditions, sameAsText("a."+quoted(c.name(k)), "b."+quoted(c.name(k)), m))
	}
	if c.held {
		conditions = append(conditions, fmt.Sprintf("CAST(a.%s AS BIGINT) = b.%s", quoted(foldColumn), quoted(foldColumn)))
	}
	var digest []string
	for i := range t.Columns {
		a := "a." + quoted(c.name(i))
		digest = append(digest, fmt.Sprintf("CASE WHEN %[1]s IS NULL THEN '-' WHEN OCTET_LENGTH(%[1]s) > %[2]d THEN '+' ELSE LEFT(SHA2(%[1]s, 256), 16) END || ','", a, replicator.LongText))
	}
	first := quoted(c.name(t.Key[0]))
	return fmt.Sprintf("SELECT %s FROM %s AS a LEFT JOIN %s AS b ON %s WHERE b.%s IS NULL AND a.%s IS NOT NULL",
		strings.Join(digest, " || "), texts, fitting, strings.Join(conditions, " AND "), first, first)
}

// sameAsText compares the text of a key's column with what COPY made of it. Bytes are compared
// as hex digits, which they were copied from, because FROM_HEX may demand a literal.
// https://docs.aws.amazon.com/redshift/latest/dg/r_FROM_HEX.html
// https://docs.aws.amazon.com/redshift/latest/dg/r_TO_HEX.html
func sameAsText(written, c string, m schema.Mapping) string {
	kind, _, _ := strings.Cut(m.Type, "(")
	switch kind {
	case "VARBYTE":
		return written + " = TO_HEX(" + c + ")"
	case "BOOLEAN":
		return "(" + written + " = 't') = " + c
	}
	return same(m.Text, "CAST("+written+" AS "+m.Type+")", c)
}
