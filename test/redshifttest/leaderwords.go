package redshifttest

import "strings"

// A query of the catalogue consists of listed words, and of names where a name may stand:
// behind a sign or a listed word, or as an alias. Two names side by side, or a type that
// is not listed, belong to PostgreSQL's grammar; they are not known here.

// words makes a set of words.
func words(list string) map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(list) {
		m[w] = true
	}
	return m
}

var (
	// leaderOpening are words that an operand follows. leaderClosing are words that are
	// an operand or follow one.
	leaderOpening = words(`select distinct from where group order by having limit offset union except intersect and or not in is like ilike between
		case when then else join left right full inner outer cross natural on using as over partition any some all exists cast array operator
		trailing leading both`)
	leaderClosing = words(`null true false end asc desc current_user isnull notnull`)

	// leaderBehind are words that may stand behind certain words only; "+" is any sign.
	leaderBehind = map[string]map[string]bool{
		"by": words("group order partition"), "distinct": words("select ("), "trailing": words("("), "leading": words("("), "both": words("("), "all": words("union +"), "any": words("+"), "some": words("+"),
		"limit": nil, "values": {}, "select": words("( union except intersect all"),
	}
	// leaderAhead are words that only certain words may follow.
	leaderAhead = map[string]map[string]bool{
		"group": words("by"), "order": words("by"), "partition": words("by"), "is": words("null not true false"), "over": words("("),
		"left": words("join outer ("), "right": words("join outer ("), "full": words("join outer"), "inner": words("join"), "outer": words("join"),
		"cross": words("join"), "natural": words("join left right full inner"), "exists": words("("), "array": words("( ["), "cast": words("("),
	}

	leaderSigns = words(`( ) [ ] , . :: = <> != < > <= >= + - * / % || ~ ~* !~ !~* & | # << >>`)
	leaderTypes = words(`bool boolean int int2 int4 int8 smallint integer bigint oid name text char varchar character bpchar numeric decimal real float4 float8
		date timestamp timestamptz regclass regtype regproc regnamespace`)
	leaderSized = words(`char varchar character bpchar numeric decimal`)
)

// leaderPlace is what was read so far within the innermost parenthesis.
type leaderPlace struct {
	operand bool // an operand has just been read
	alias   bool // and its alias as well
	aliases bool // an operand may have an alias here
	from    bool // the aliases are those of relations
	cast    bool // it is the parenthesis of CAST
	call    bool // it is a function's parenthesis
	called  bool // a function's parenthesis has just ended
	columns bool // it lists the columns of an alias, with their types
}

// leaderWords reads the words of a query.
type leaderWords struct {
	leaderReader
	places []leaderPlace
	alone  map[string]token // names without a table before them
	tables map[string]bool  // relations and their aliases
}

// strange returns the first token that is not listed or stands where it may not.
func strange(tokens []token) (token, bool) {
	w := &leaderWords{leaderReader: leaderReader{tokens: tokens}, places: []leaderPlace{{}}, alone: map[string]token{}, tables: map[string]bool{}}
	for w.at < len(tokens) {
		t := w.peek(0)
		if len(w.places) == 0 || !w.read(t) {
			return t, true
		}
	}
	for name, t := range w.alone {
		if w.tables[name] {
			return t, true // a row as a value
		}
	}
	return token{}, false
}

// read takes a token and reports whether it may stand where it does.
func (w *leaderWords) read(t token) bool {
	place := &w.places[len(w.places)-1]
	switch t.kind {
	case signToken:
		return w.sign(t, place)
	case literalToken, numberToken, parameterToken:
		if place.operand {
			return false
		}
		place.operand = true
	case quotedToken:
		return w.name(t, place)
	default:
		listed := leaderOpening[t.text] || leaderClosing[t.text]
		switch {
		case w.peek(-1).is("."), w.peek(-1).is("as"):
			return w.name(t, place)
		case listed && !(leaderFunctions[t.text] && !leaderAhead[t.text]["join"] && w.peek(1).is("(") && !leaderOpening[t.text]):
			return w.listed(t, place)
		case reserved[t.text] && !t.is("oid") && !(leaderFunctions[t.text] && w.peek(1).is("(")):
			return false
		}
		return w.name(t, place)
	}
	w.at++
	return true
}

// listed takes a word of the lists.
func (w *leaderWords) listed(t token, place *leaderPlace) bool {
	before, after := w.peek(-1), w.peek(1)
	if ahead := leaderAhead[t.text]; ahead != nil && !ahead[after.text] {
		return false
	}
	if behind := leaderBehind[t.text]; behind != nil && before.kind != endToken && !behind[before.text] && !(behind["+"] && before.kind == signToken) {
		return false
	}
	switch t.text {
	case "operator":
		return w.operator(place)
	case "is":
		if after.is("not") && !leaderAhead["is"][w.peek(2).text] {
			return false
		}
	case "distinct":
		if after.is("on") {
			return false
		}
	case "as":
		if place.cast {
			w.at++
			place.operand = true
			return w.typeName()
		}
	case "select":
		place.aliases, place.from = true, false
	case "from", "join":
		if place.call && t.is("from") { // of TRIM
			break
		}
		if !place.aliases {
			return false
		}
		place.from = true
	case "where", "group", "order", "having", "limit", "offset":
		place.aliases, place.from = false, false
	case "union", "except", "intersect":
		if !t.is("union") && after.is("all") {
			return false
		}
	case "on":
		place.aliases = place.from
	}
	place.operand, place.alias = leaderClosing[t.text], false
	w.at++
	return true
}

// operator takes OPERATOR(pg_catalog.~).
func (w *leaderWords) operator(place *leaderPlace) bool {
	is := w.peek(1).is("(") && w.peek(2).is("pg_catalog") && w.peek(3).is(".") && leaderSigns[w.peek(4).text] && w.peek(5).is(")")
	w.at += 6
	place.operand = false
	return is
}

// sign takes a sign.
func (w *leaderWords) sign(t token, place *leaderPlace) bool {
	before, after := w.peek(-1), w.peek(1)
	w.at++
	switch {
	case !leaderSigns[t.text]:
		return false
	case t.is("::"):
		return place.operand && w.typeName()
	case t.is("("):
		w.places = append(w.places, leaderPlace{cast: before.is("cast"), call: before.kind == wordToken && leaderFunctions[before.text] && !leaderOpening[before.text], columns: place.from && place.alias})
	case t.is(")"):
		w.places = w.places[:len(w.places)-1]
		if len(w.places) == 0 || after.is(".") {
			return false
		}
		around := &w.places[len(w.places)-1]
		around.operand, around.called = true, place.call
	case t.is("*") && before.is("."):
		place.operand = true
		return after.is(",") || after.is("from")
	case t.is("*") && !place.operand, t.is("]"):
		place.operand = true
	case t.is("."):
	case t.is(","):
		place.operand, place.alias = false, false
	default:
		place.operand = false
	}
	return true
}

// name takes a name.
func (w *leaderWords) name(t token, place *leaderPlace) bool {
	before, after := w.peek(-1), w.peek(1)
	w.at++
	switch {
	case before.is("."):
		if place.from && !after.is("(") && !place.alias && !w.peek(-3).is("=") {
			w.tables[t.text] = true
		}
	case place.operand || before.is("as"):
		if place.columns {
			w.at--
			return w.typeName()
		}
		if place.alias || !place.aliases {
			return false
		}
		place.alias = true
		if place.from && !after.is("(") && !(before.is(")") && place.called) {
			w.tables[t.text] = true
		}
		if !place.from && after.is("(") {
			return false
		}
	case after.is("(") || after.is("."):
	case place.from && (before.is("from") || before.is("join") || before.is(",")):
		w.tables[t.text] = true
	case !place.columns:
		w.alone[t.text] = t
	}
	place.operand = true
	return true
}

// typeName takes the name of a type.
func (w *leaderWords) typeName() bool {
	if w.peek(0).is("pg_catalog") && w.peek(1).is(".") {
		w.at += 2
	}
	t := w.peek(0)
	if !leaderTypes[t.text] && !(t.kind == quotedToken && t.text == "char") {
		return false
	}
	w.at++
	if t.is("character") && w.peek(0).is("varying") {
		w.at++
	}
	if w.peek(0).is("(") {
		if !leaderSized[t.text] || w.peek(1).kind != numberToken {
			return false
		}
		w.at += 2
		if w.peek(0).is(",") && w.peek(1).kind == numberToken {
			w.at += 2
		}
		if !w.peek(0).is(")") {
			return false
		}
		w.at++
	}
	if w.peek(0).is("[") && w.peek(1).is("]") {
		w.at += 2
	}
	return true
}
