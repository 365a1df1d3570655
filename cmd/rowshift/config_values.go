package main

import (
	"maps"
	"slices"
	"strings"

	"rowshift/schema"

	"github.com/goccy/go-yaml/ast"
)

// rulesSetting holds the rules for values of a column that do not fit: one rule for all
// of them, or one for each kind of misfit.
type rulesSetting struct {
	every setting
	kinds map[string]setting
}

// UnmarshalYAML never fails, like that of a setting.
func (s *rulesSetting) UnmarshalYAML(n ast.Node) error {
	m, isMap := n.(*ast.MappingNode)
	if !isMap {
		return s.every.UnmarshalYAML(n)
	}
	s.kinds = map[string]setting{}
	for _, v := range m.Values {
		var of setting
		if v.Value.Type() != ast.NullType { // a rule named null is read as YAML's null
			if err := of.UnmarshalYAML(v.Value); err != nil {
				return err
			}
		}
		s.kinds[v.Key.GetToken().Value] = of
	}
	return nil
}

// types reads which columns get another Redshift type than their own maps to. Whether
// that type can hold the column's values is checked later, against the catalogue.
func (r *reading) types(path string, d map[string]setting) map[string]string {
	var types map[string]string
	for _, column := range slices.Sorted(maps.Keys(d)) {
		at := path + "." + column
		r.fits(at, column, maxSourceName)
		text, ok := r.scalar(at, d[column], required)
		if !ok {
			continue
		}
		spelled, err := schema.Spelled(text)
		if err != nil {
			found := err.Error()
			if r.asWritten(text) != text { // the error quotes a variable's value
				found = r.quote(text) + " is not a type of Redshift that rowshift makes"
			}
			r.add(at, found, "write a type with its length, like VARCHAR(300) or DECIMAL(12,2)")
			continue
		}
		if types == nil {
			types = map[string]string{}
		}
		types[column] = spelled
	}
	return types
}

// rules reads the rules for values that do not fit. Whether the column's type has such a
// rule is checked later, against the catalogue.
func (r *reading) rules(path string, d map[string]rulesSetting) map[string]map[string]schema.Rule {
	var rules map[string]map[string]schema.Rule
	for _, column := range slices.Sorted(maps.Keys(d)) {
		at := path + "." + column
		r.fits(at, column, maxSourceName)
		of := map[string]schema.Rule{}
		if d[column].kinds == nil {
			r.rule(at, d[column].every, of, schema.AnyMisfit)
		}
		for _, kind := range slices.Sorted(maps.Keys(d[column].kinds)) {
			if !slices.Contains(schema.Misfits, kind) {
				r.add(at+"."+kind, "is not a kind of misfit", "write one of "+strings.Join(schema.Misfits, ", "))
				continue
			}
			r.rule(at+"."+kind, d[column].kinds[kind], of, kind)
		}
		if rules == nil {
			rules = map[string]map[string]schema.Rule{}
		}
		rules[column] = of
	}
	return rules
}

// rule reads one rule. Here YAML's null means the rule of that name.
func (r *reading) rule(path string, s setting, into map[string]schema.Rule, kind string) {
	text := string(schema.Null)
	if s.kind != unset {
		var ok bool
		if text, ok = r.scalar(path, s, required); !ok {
			return
		}
	}
	if !slices.Contains(schema.Rules, schema.Rule(text)) {
		r.add(path, r.quote(text)+" is not a rule", "write fail, null, clamp, truncate or quarantine")
		return
	}
	into[kind] = schema.Rule(text)
}
