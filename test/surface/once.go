package surface

import (
	"slices"
	"strings"
)

// clauses are words at which a list ends or after which one begins.
var clauses = []string{
	"SELECT", "DISTINCT", "SET", "VALUES", "FROM", "USING", "INTO", "WHERE", "ON", "BY", "EXISTS", "WHEN", "THEN", "ELSE",
}

// separators separate the parts of a list.
var separators = []string{",", "AND", "OR"}

// list is a list that is being read: its parts so far, where the last one begins, and
// whether it belongs to an IN, whose length is chance.
type list struct {
	parts []string
	from  int
	in    bool
}

// once keeps only the first of equal parts of a list. Lists are separated by commas, or
// are conditions. Parts without a name of the user's are all kept.
func once(all []token) []token {
	var out []token
	stack := []list{{}}
	part := func() {
		l := &stack[len(stack)-1]
		text := strings.TrimSpace(written(out[l.from:]))
		if text != "" && slices.Contains(l.parts, text) && (l.in || varies(text)) {
			out = out[:l.from-1] // with the separator before it
		}
		l.parts = append(l.parts, text)
	}
	for _, t := range all {
		switch {
		case t.text == "(" || t.text == "CASE":
			in := len(out) > 0 && out[len(out)-1].text == "IN"
			out = append(out, t)
			stack = append(stack, list{from: len(out), in: in})
			continue
		case (t.text == ")" || t.text == "END") && len(stack) > 1:
			part()
			stack = stack[:len(stack)-1]
		case slices.Contains(separators, t.text):
			part()
			out = append(out, t)
			stack[len(stack)-1].from = len(out)
			continue
		case slices.Contains(clauses, t.text):
			part()
			out = append(out, t)
			stack[len(stack)-1] = list{from: len(out)}
			continue
		}
		out = append(out, t)
	}
	part()
	return out
}

// names are what the names of the user, and the numbers of tables, were replaced with.
var names = []string{`"name"`, `"c0"`, `"o0"`, `"u0"`, `"rowshift_tmp_stage_0"`, `"rowshift_tmp_gone_0"`, `"load_0_0_0"`}

// varies reports whether a part exists for each column, table or row.
func varies(part string) bool {
	return part[0] == '(' || slices.ContainsFunc(names, func(s string) bool { return strings.Contains(part, s) })
}
