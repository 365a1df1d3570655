package schema

import (
	"errors"
	"maps"
	"slices"
)

// Rule says what is done with a value that its Redshift type cannot hold.
type Rule string

// The rules.
const (
	Fail       Rule = "fail"       // the pipeline halts
	Null       Rule = "null"       // NULL takes its place
	Clamp      Rule = "clamp"      // the nearest value that the type holds takes its place
	Truncate   Rule = "truncate"   // its beginning takes its place: text is cut between characters, a number behind a digit
	Quarantine Rule = "quarantine" // its row is kept out of the target
)

// Rules are all rules, for the config.
var Rules = []Rule{Fail, Null, Clamp, Truncate, Quarantine}

// Remedy is what may be done with one kind of Misfit of a type. Fail, Null and
// Quarantine always may.
type Remedy struct {
	Kind     string
	Default  Rule
	Clamp    bool
	Truncate bool
}

// Admits tells whether the rule may be chosen.
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

// Write writes value, the text that PostgreSQL's output function gave, to dst as
// COPY is to read it, before any quoting: as it is, or adjusted by the column's rule.
// Where that is Null, nothing is written. The error is a *Misfit whose Rule is Fail or
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
	rule := c.RuleOf(misfit.Kind)
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

// RuleOf returns the rule for a kind of Misfit.
func (c *Column) RuleOf(kind string) Rule {
	if rule, ok := c.Rules[kind]; ok {
		return rule
	}
	return Fail
}

// rules gives each column its rule for each kind of Misfit: that of the choice, else
// the type's own. A key is never adjusted: where it does not fit, its row does not.
func (v *resolver) rules(t *Table) {
	for _, name := range slices.Sorted(maps.Keys(v.choice.Rules)) {
		v.chosen("rules", name, t.Columns)
	}
	for i := range t.Columns {
		c := &t.Columns[i]
		c.Rules = map[string]Rule{}
		asked := v.choice.Rules[c.Name]
		for _, r := range c.Mapping.Remedies {
			c.Rules[r.Kind] = Fail
			if rule, ok := asked[r.Kind]; ok && r.Admits(rule) {
				c.Rules[r.Kind] = rule
			}
			if slices.Contains(t.Key, i) && c.Rules[r.Kind] != Fail {
				c.Rules[r.Kind] = Quarantine
			}
		}
	}
}
