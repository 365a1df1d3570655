package render

// Builtin is one of PostgreSQL's own types, for tests.
type Builtin struct {
	Name       string
	OID, Array uint32
}

// Builtins are all that have a form.
var Builtins = func() (all []Builtin) {
	for _, b := range builtins {
		all = append(all, Builtin{b.name, b.oid, b.array})
	}
	return all
}()
