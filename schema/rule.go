package schema

import (
	"errors"
	"maps"
	"slices"
	"strings"
)

// Rule says what is done with a value that its Redshift type cannot hold.
type Rule string

// The rules.
const (
	Fail       Rule = "fail"       // the pipeline halts
	Null       Rule = "null"       // NULL takes its place
	Clamp      Rule = "clamp"      // the nearest value that the type holds takes its place
	Truncate   Rule = "truncate"   // its beginning takes its place: text is cut between characters, a number between digits
	Quarantine Rule = "quarantine" // its row is kept out of the target
)

// Rules are all rules, for the config.
var Rules = []Rule{Fail, Null, Clamp, Truncate, Quarantine}

// Remedy says what may be done with one kind of Misfit of a type, besides Fail, Null and
// Quarantine, which may always be chosen.
type Remedy struct {
	Kind     string
	Default  Rule
	Clamp    bool
	Truncate bool
}

// Admits reports whether the rule may be chosen.
func (r Remedy) Admits(rule Rule) bool {
	switch rule {
	case Clamp:
		return r.Clamp
	case Truncate:
		return r.Truncate
	}
	return slices.Contains(Rules, rule)
}

// Adjustment says that a value was changed by a rule. It never holds the value.
type Adjustment struct {
	Kind string // of the Misfit
	Rule Rule   // Null, Clamp or Truncate
	Size int    // length of the source's text in bytes
}

// Write writes value, the text that PostgreSQL's output function gave, to dst as COPY is to
// read it, before any quoting. It writes the value as it is, or adjusted by the column's
// rule; if the rule is Null it writes nothing. The error is a *Misfit whose Rule is Fail or
// Quarantine, and dst then comes back as it was.
func (c *Column) Write(dst, value []byte) ([]byte, *Adjustment, error) {
	if c.Mapping.Append == nil {
		return append(dst, value...), nil, nil
	}
	out, err := c.Mapping.Append(dst, value)
	if err == nil {
		return out, nil, nil
	}
	misfit, ok := errors.AsType[*Misfit](err)
	if !ok {
		return dst, nil, err
	}
	var rule Rule
	misfit.Kind, rule = c.strictest(misfit.Kind, value)
	switch rule {
	case Clamp, Truncate:
		dst = c.Mapping.adjust(dst, value, misfit.Kind, rule)
	case Null:
	default:
		misfit.Rule = rule
		return dst, nil, misfit
	}
	return dst, &Adjustment{Kind: misfit.Kind, Rule: rule, Size: misfit.Size}, nil
}

// strictest returns the rule for a value that is a Misfit of that kind, and perhaps of
// others too, and the kind that has this rule. What the rule for one kind allows, the rule
// for another may forbid.
func (c *Column) strictest(kind string, value []byte) (string, Rule) {
	rule := c.RuleOf(kind)
	if c.Mapping.kinds == nil {
		return kind, rule
	}
	for _, other := range c.Mapping.kinds(value) {
		if r := c.RuleOf(other); slices.Index(strictness, r) > slices.Index(strictness, rule) {
			kind, rule = other, r
		}
	}
	return kind, rule
}

// strictness has the rules that keep nothing of a value, the strictest last. All other
// rules are less strict than these.
var strictness = []Rule{Null, Quarantine, Fail}

// RuleOf returns the rule for a kind of Misfit.
func (c *Column) RuleOf(kind string) Rule {
	if rule, ok := c.Rules[kind]; ok {
		return rule
	}
	return Fail
}

// AnyMisfit stands for all kinds of Misfit in Choice.Rules.
const AnyMisfit = ""

// rules gives each column its rule for each kind of Misfit: that of the choice, else the
// type's own. A key is never adjusted: if it does not fit, its row is refused.
func (v *resolver) rules(t *Table) {
	for _, name := range slices.Sorted(maps.Keys(v.choice.Rules)) {
		if i := v.chosen("rules", name, t.Columns); i >= 0 {
			v.admitted(t.Columns[i], slices.Contains(t.Key, i))
		}
	}
	for i := range t.Columns {
		c := &t.Columns[i]
		asked := v.choice.Rules[c.Name]
		c.Rules = map[string]Rule{}
		for _, r := range c.Mapping.Remedies {
			rule, named := asked[r.Kind]
			if every, ok := asked[AnyMisfit]; ok && !named && r.Admits(every) {
				rule, named = every, true
			}
			if !named {
				rule = r.Default
			}
			if rule != Fail && slices.Contains(t.Key, i) {
				rule = Quarantine
			}
			c.Rules[r.Kind] = rule
		}
	}
}

// admitted faults rules that the column cannot have.
func (v *resolver) admitted(c Column, key bool) {
	where := v.config("rules." + c.Name)
	if len(c.Mapping.Remedies) == 0 {
		v.fault("take out "+where, "column %q has a rule, and every value of it fits into %s", c.Name, c.Mapping.Type)
		return
	}
	asked := v.choice.Rules[c.Name]
	for _, kind := range slices.Sorted(maps.Keys(asked)) {
		rule := asked[kind]
		if key && rule != Fail && rule != Quarantine {
			v.fault("write fail or quarantine: "+where, "column %q is of the key, which is never adjusted, and has the rule %s", c.Name, rule)
			continue
		}
		if !slices.ContainsFunc(c.Mapping.Remedies, func(r Remedy) bool { return (kind == AnyMisfit || r.Kind == kind) && r.Admits(rule) }) {
			v.fault("correct "+where+": for "+c.Mapping.Type+" there are "+shown(c.Mapping.Remedies), "column %q has the rule %s, which there is not", c.Name, ruling(kind, rule))
		}
	}
}

// ruling returns a rule for a kind as the config spells it.
func ruling(kind string, rule Rule) string {
	if kind == AnyMisfit {
		return string(rule)
	}
	return kind + ": " + string(rule)
}

// shown returns what may be done with the values of a type, for people.
func shown(remedies []Remedy) string {
	var kinds []string
	for _, r := range remedies {
		may := r.Kind
		for _, rule := range []Rule{Clamp, Truncate} {
			if r.Admits(rule) {
				may += " " + string(rule)
			}
		}
		kinds = append(kinds, may)
	}
	return strings.Join(kinds, ", ") + ", and fail, null and quarantine for each"
}
