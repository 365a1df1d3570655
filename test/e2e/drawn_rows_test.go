package e2e

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// value returns a literal of the column's type. Some do not fit in Redshift.
func (c drawnColumn) value(r *rand.Rand) string {
	if !c.notNull && r.IntN(8) == 0 {
		return "NULL"
	}
	switch c.role {
	case "u":
		return longText(r)
	case "code":
		return keyText(r)
	}
	switch c.kind {
	case numeric, numeric2:
		return odd(r, fmt.Sprintf("%d.%02d", r.IntN(90000), r.IntN(100)), "'NaN'")
	case text:
		return "'" + shortText(r, 30) + "'"
	case jsonb:
		return fmt.Sprintf(`'{"a": %d, "b": [null, "é"]}'`, r.IntN(99))
	case date:
		return odd(r, fmt.Sprintf("date '2026-01-01' + %d", r.IntN(900)), "'infinity'")
	case moment:
		return odd(r, fmt.Sprintf("timestamptz '2026-01-01' + %d * interval '1 hour'", r.IntN(9000)), "'-infinity'")
	case boolean:
		return []string{"true", "false"}[r.IntN(2)]
	case smallint, integer, bigint:
		return fmt.Sprint(r.IntN(10000))
	}
	return "'" + shortText(r, 10) + "'" // of a varchar
}

// shortText returns a text of up to that many characters.
func shortText(r *rand.Rand, most int) string {
	letters := []string{"a", "b", " ", "é", "😀", ",", "''", "\\", "|", "∅"}
	var b strings.Builder
	for range r.IntN(most + 1) {
		b.WriteString(letters[r.IntN(len(letters))])
	}
	return b.String()
}

// longText returns a text. Most are stored out of line, and some are too long for
// Redshift.
func longText(r *rand.Rand) string {
	switch n := r.IntN(20); {
	case n == 0:
		return "repeat('é', 40000)"
	case n < 5:
		return "'" + shortText(r, 20) + "'"
	}
	return fmt.Sprintf("repeat(md5('%d'), %d)", r.IntN(1000), 70+r.IntN(80))
}

// keyText returns a text for a key. Some are equal to Redshift, and some too long for it.
func keyText(r *rand.Rand) string {
	if r.IntN(25) == 0 {
		return "repeat('k', 70000)"
	}
	return []string{"'a'", "'a '", "'A'", "''", "'é'", "'b\"\\\\'"}[r.IntN(6)]
}

// change draws a statement that changes rows of the table.
func (t *drawnTable) change(r *rand.Rand) string {
	id, mod := t.id(), []int{3, 5, 7, 11, 13, 29}[r.IntN(6)]
	some := fmt.Sprintf("%s %% %d = %d", id, mod, r.IntN(mod))
	if t.unfit() != "" {
		return t.insert(r) // PostgreSQL refuses UPDATE and DELETE
	}
	switch n := r.IntN(100); {
	case n < 25:
		return t.insert(r)
	case n < 55:
		c := t.columns[r.IntN(len(t.columns))]
		if c.role == "id" || t.inKey(c.name) {
			c = *t.called("u")
		}
		return fmt.Sprintf("UPDATE %s SET %s = %s WHERE %s", t.full(), c.name, c.value(r), some)
	case n < 65:
		return fmt.Sprintf("UPDATE %s SET %s = %s || '+' WHERE %s AND length(%[2]s) < 30000", t.full(), t.long(), t.long(), some)
	case n < 75: // keys change, long values do not
		return fmt.Sprintf("UPDATE %s AS t SET %[2]s = -%[2]s WHERE %[3]s AND NOT EXISTS (SELECT FROM %[1]s AS o WHERE o.%[2]s = -t.%[2]s)", t.full(), id, "t."+some)
	case n < 80: // two keys are swapped
		return fmt.Sprintf("UPDATE %[1]s SET %[2]s = 30001 WHERE %[2]s = 1; UPDATE %[1]s SET %[2]s = 1 WHERE %[2]s = 2; UPDATE %[1]s SET %[2]s = 2 WHERE %[2]s = 30001", t.full(), id)
	case n < 84:
		return t.moveInKey(r, some)
	case n < 94:
		return fmt.Sprintf("DELETE FROM %s WHERE %s", t.full(), some)
	case n < 97: // rows are deleted and inserted again
		return fmt.Sprintf("DELETE FROM %s WHERE %s BETWEEN 1 AND 9; %s", t.full(), id, t.insert(r))
	default:
		return "TRUNCATE " + t.full()
	}
}

// moveInKey changes a column of the key other than the id.
func (t *drawnTable) moveInKey(r *rand.Rand, some string) string {
	for _, name := range []string{"k", "code"} {
		if c := t.called(name); c != nil && t.inKey(c.name) {
			return fmt.Sprintf("UPDATE %s SET %s = %s WHERE %s", t.full(), c.name, c.value(r), some)
		}
	}
	return t.insert(r)
}

// insert draws an INSERT of a few rows or of many.
func (t *drawnTable) insert(r *rand.Rand) string {
	var names []string
	for _, c := range t.columns {
		names = append(names, c.name)
	}
	into := fmt.Sprintf("INSERT INTO %s (%s) ", t.full(), strings.Join(names, ", "))
	if r.IntN(12) == 0 {
		return into + "SELECT " + t.row(r, "g") + fmt.Sprintf(" FROM generate_series(%d, %[1]d + 399) AS g ON CONFLICT DO NOTHING", 1+r.IntN(400))
	}
	var rows []string
	for range 1 + r.IntN(8) {
		rows = append(rows, "("+t.row(r, fmt.Sprint(1+r.IntN(800)))+")")
	}
	return into + "VALUES " + strings.Join(rows, ", ") + " ON CONFLICT DO NOTHING"
}

func (t *drawnTable) row(r *rand.Rand, id string) string {
	var values []string
	for _, c := range t.columns {
		if c.role == "id" {
			values = append(values, id)
			continue
		}
		values = append(values, c.value(r))
	}
	return strings.Join(values, ", ")
}
