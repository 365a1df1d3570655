package surface

import (
	"regexp"
	"slices"
	"strings"
)

// Forms returns a statement's forms, which leave out what varies: literals become '?',
// numbers 0, and the names of replicated tables and of their columns "name"; equal parts
// of a list are written once. Each column in the definition of such a table is a form by
// itself, so that there is not one form for each table. So is each table that is
// dropped, and each user, group or role that is granted something.
func Forms(statement string) []string {
	all := tokens(strings.TrimSuffix(strings.TrimSpace(statement), ";"))
	own := namesOwnTable(all)
	for i := range all {
		all[i].text = masked(all, i, own)
	}
	if parts := formsByName(all); parts != nil {
		return parts
	}
	var defined []string
	if !own && len(all) > 0 && all[0].text == "CREATE" {
		all, defined = cutColumns(all)
	}
	form := written(once(all))
	slices.Sort(defined)
	return append([]string{form}, slices.Compact(defined)...)
}

// split splits a request into its statements.
func split(request string) (statements []string) {
	for all := tokens(request); len(all) > 0; {
		end := slices.IndexFunc(all, func(t token) bool { return t.text == ";" })
		if end < 0 {
			end = len(all)
		}
		if end > 0 {
			statements = append(statements, written(all[:end]))
		}
		all = all[min(end+1, len(all)):]
	}
	return statements
}

// formsByName returns the forms of a DROP TABLE or a GRANT, one for each name, and nil for
// other statements. It is chance which staging tables there are to drop, and the config
// decides which kinds of readers there are.
func formsByName(all []token) (forms []string) {
	from := 0
	switch {
	case len(all) > 4 && written(all[:4]) == "DROP TABLE IF EXISTS":
		from = 4
	case len(all) > 0 && all[0].text == "GRANT":
		from = 1 + slices.IndexFunc(all, func(t token) bool { return t.text == "TO" })
	}
	if from == 0 {
		return nil
	}
	head := written(all[:from])
	for i := from; i <= len(all); i++ {
		if i == len(all) || all[i].text == "," {
			forms = append(forms, head+" "+strings.TrimSpace(written(all[from:i])))
			from = i + 1
		}
	}
	slices.Sort(forms)
	return slices.Compact(forms)
}

// written joins tokens to text.
func written(tokens []token) string {
	var s strings.Builder
	for i, t := range tokens {
		if i > 0 {
			s.WriteString(t.gap)
		}
		s.WriteString(t.text)
	}
	return s.String()
}

// ownTables are the daemon's own tables and its view, whose columns keep their names in
// forms.
var ownTables = []string{"fence", "checkpoint", "table_state", "request", "freshness"}

func namesOwnTable(all []token) bool {
	return slices.ContainsFunc(all, func(t token) bool { return t.quoted() && slices.Contains(ownTables, t.name()) })
}

var (
	// temporary matches a staging table or a table of a load, whose name has numbers in
	// it.
	temporary = regexp.MustCompile(`^(rowshift_tmp_(stage|entries|keys|gone)|load|held|ledger)(_[0-9]+)+$`)
	// positional matches a column of a staging table.
	positional = regexp.MustCompile(`^[cou][0-9]+$`)
	digits     = regexp.MustCompile(`[0-9]+`)
)

// numbered reports whether a name ends in a digit. Few do, which saves matching every
// name of every statement with the expressions above.
func numbered(name string) bool {
	return name != "" && name[len(name)-1] >= '0' && name[len(name)-1] <= '9'
}

// masked returns a token without what varies.
func masked(all []token, i int, own bool) string {
	t := all[i]
	switch c := t.text[0]; {
	case c == '\'' && t.text != "'auto'":
		return "'?'"
	case c >= '0' && c <= '9':
		return "0"
	case !t.quoted():
		return t.text
	case numbered(t.name()) && (temporary.MatchString(t.name()) || positional.MatchString(t.name())):
		return digits.ReplaceAllString(t.text, "0")
	case own && i+2 < len(all) && all[i+1].text == "." && slices.Contains(ownTables, all[i+2].name()):
		return `"metadata"`
	case i > 0 && all[i-1].text == "TO", all[0].text == "GRANT" && slices.ContainsFunc(all[:i], func(t token) bool { return t.text == "TO" }):
		return `"name"`
	case own, slices.Contains([]string{"gone", "rowshift_tmp_probe", "oid", "fold", "xid", "truncated"}, t.name()):
		return t.text
	}
	return `"name"`
}

// cutColumns removes the types from the definition of a table, and returns the
// definitions of its columns separately.
func cutColumns(all []token) (table []token, columns []string) {
	open := slices.IndexFunc(all, func(t token) bool { return t.text == "(" })
	if open < 0 {
		return all, nil
	}
	table = append(table, all[:open+1]...)
	depth, from := 1, open+1
	for i := open + 1; i < len(all); i++ {
		switch all[i].text {
		case "(":
			depth++
		case ")":
			depth--
		}
		if depth == 0 || depth == 1 && all[i].text == "," {
			columns = append(columns, "CREATE TABLE \"column\" ("+written(all[from:i])+")")
			table = append(table, all[from], token{" ", "BIGINT"})
			from = i + 1
			if depth == 0 {
				return append(table, all[i:]...), columns
			}
			table = append(table, all[i])
		}
	}
	return all, nil
}
