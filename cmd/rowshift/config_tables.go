package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"rowshift/schema"
)

// maxSourceName is how many bytes of a name PostgreSQL keeps.
// https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS
const maxSourceName = 63

// tables reads the tables and sorts them by name.
func (r *reading) tables(d map[string]tableDocument) []schema.Choice {
	if len(d) == 0 {
		if _, there := r.at["tables"]; !there || len(r.found) == 0 {
			r.add("tables", "names no table", "write one key for each table, like public.company: {columns: [id, plan]}")
		}
		return nil
	}
	var choices []schema.Choice
	targets, names := map[string]string{}, map[schema.Name]string{}
	for _, key := range slices.Sorted(maps.Keys(d)) {
		path := "tables." + key
		name, ok := tableName(key)
		switch {
		case strings.Contains(key, "*") && !strings.Contains(key, `"`):
			r.add(path, "is a wildcard, and wildcards are not supported", "list the tables, one key for each")
		case !ok:
			r.add(path, "is not a table's name with its schema",
				`write schema.table, as the catalogue spells it; "my.schema".table where a name holds a dot`)
		case r.fits(path, name.Schema, maxSourceName):
			r.fits(path, name.Table, maxSourceName)
		}
		if other, there := names[name]; there && ok {
			r.add(path, fmt.Sprintf("is the table %v, which tables.%s is as well", name, other), "keep one of them")
			continue
		}
		names[name] = key
		c := r.table(path, d[key])
		c.Name = name
		target := cmp.Or(c.Target, name.Table)
		if other, taken := targets[schema.Fold(target)]; taken && ok {
			r.add(path, fmt.Sprintf("has the target %s, which is that of %s as well", r.quote(target), other), "give one of them another target")
		}
		targets[schema.Fold(target)] = key
		choices = append(choices, c)
	}
	return choices
}

// table reads the entry of one table.
func (r *reading) table(path string, d tableDocument) schema.Choice {
	c := schema.Choice{
		Target:         r.plainName(path+".target", d.Target, "", schema.MaxName),
		DistKey:        r.text(path+".distkey", d.DistKey, ""),
		SortKey:        r.list(path+".sortkey", d.SortKey),
		UnlistedOnWire: r.boolean(path+".unlisted_on_wire", d.UnlistedOnWire, false),
		Hash:           r.list(path+".hash", d.Hash),
		Rename:         r.renames(path+".rename", d.Rename),
		Types:          r.types(path+".types", d.Types),
		Rules:          r.rules(path+".rules", d.Rules),
		Where:          r.text(path+".where", d.Where, ""),
	}
	switch {
	case d.Columns.kind == unset && d.Exclude.kind == unset:
		r.add(path, "does not say which columns leave the database", "write columns: [...], exclude: [...] or columns: all")
		return c
	case d.Columns.kind != unset && d.Exclude.kind != unset:
		r.add(path, "has both columns and exclude", "keep one of them")
		return c
	case d.Columns.kind == scalar:
		text, ok := r.scalar(path+".columns", d.Columns, required)
		if !ok {
			return c
		}
		c.All = text == "all"
		if !c.All {
			r.add(path+".columns", r.quote(text)+" is neither a list nor all", "write [name, ...] or all")
			return c
		}
	case d.Columns.kind != unset:
		c.Columns = r.columns(path+".columns", d.Columns)
		if slices.Equal(c.Columns, []string{"all"}) {
			r.add(path+".columns", "lists a column called all alone", "write columns: all for all columns")
		}
	default:
		c.Exclude = r.columns(path+".exclude", d.Exclude)
	}
	r.chosen(path+".distkey", c, c.DistKey)
	r.chosen(path+".sortkey", c, c.SortKey...)
	r.chosen(path+".hash", c, c.Hash...)
	r.chosen(path+".rename", c, slices.Sorted(maps.Keys(c.Rename))...)
	r.chosen(path+".types", c, slices.Sorted(maps.Keys(c.Types))...)
	r.chosen(path+".rules", c, slices.Sorted(maps.Keys(c.Rules))...)
	if _, there := r.at["hash_key"]; len(c.Hash) > 0 && !there {
		r.add(path+".hash", "has no key to hash with", `write hash_key: "${ENV}" or file:PATH beside tables`)
	}
	return c
}

// renames reads the names that columns have in the warehouse, where those differ.
func (r *reading) renames(path string, d map[string]setting) map[string]string {
	var renames map[string]string
	for _, column := range slices.Sorted(maps.Keys(d)) {
		at := path + "." + column
		r.fits(at, column, maxSourceName)
		to, ok := r.scalar(at, d[column], required)
		if !ok || !r.fits(at, to, schema.MaxName) || !r.plain(at, to) {
			continue
		}
		for other, taken := range renames {
			if sameName(taken, to) {
				r.add(at, fmt.Sprintf("%s is the name of %q as well", r.quote(to), other), "give one of them another")
			}
		}
		if renames == nil {
			renames = map[string]string{}
		}
		renames[column] = to
	}
	return renames
}

// columns reads a list of columns of the source.
func (r *reading) columns(path string, s setting) []string {
	switch {
	case s.kind != sequence:
		r.add(path, "is not a list", "write [name, ...]")
		return []string{}
	case len(s.list) == 0:
		r.add(path, "is an empty list", "name at least one column, or write columns: all")
	}
	columns := r.list(path, s)
	for _, c := range columns {
		r.fits(path, c, maxSourceName)
	}
	return columns
}

// chosen adds a fault for each of the names that is not among the chosen columns, as far
// as that is known without the catalogue.
func (r *reading) chosen(path string, c schema.Choice, names ...string) {
	for _, name := range names {
		switch {
		case name == "":
		case len(c.Columns) > 0 && !slices.Contains(c.Columns, name):
			r.add(path, r.quote(name)+" is not among the columns", "add it to columns, or name another")
		case slices.Contains(c.Exclude, name):
			r.add(path, r.quote(name)+" is excluded", "take it out of exclude, or name another")
		}
	}
}

// tableName reads schema.table. Either part may be in double quotes, which it needs only
// if it holds a dot or a quote. Unlike in SQL, case is kept without quotes too, as the
// catalogue has it.
func tableName(text string) (schema.Name, bool) {
	first, rest, ok := identifier(text)
	if !ok || !strings.HasPrefix(rest, ".") {
		return schema.Name{}, false
	}
	second, rest, ok := identifier(rest[1:])
	return schema.Name{Schema: first, Table: second}, ok && rest == ""
}

// asRead writes a name so that tableName reads it back, with quotes only where needed.
func asRead(n schema.Name) string {
	quoted := func(name string) string {
		if !strings.ContainsAny(name, `."`) && name == strings.TrimSpace(name) {
			return name
		}
		return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
	}
	return quoted(n.Schema) + "." + quoted(n.Table)
}

// identifier reads one name from the start of text and returns the rest.
func identifier(text string) (name, rest string, ok bool) {
	if !strings.HasPrefix(text, `"`) {
		end := strings.IndexAny(text, `."`)
		if end < 0 {
			end = len(text)
		}
		name = text[:end]
		return name, text[end:], name != "" && name == strings.TrimSpace(name)
	}
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] != '"':
			b.WriteByte(text[i])
		case strings.HasPrefix(text[i:], `""`):
			b.WriteByte('"')
			i++
		default:
			return b.String(), text[i+1:], b.Len() > 0
		}
	}
	return "", "", false
}
