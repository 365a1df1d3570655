// Package schema holds what is known of a table: its shape in the source, the
// choices made for it in the config, its shape in the warehouse, and how each
// value's text crosses from one to the other.
//
// It is the lowest floor of the house. It imports the standard library only,
// speaks to nothing and remembers nothing: a Relation (the source's catalogue as
// of now) and a Choice (the operator's wishes) make a Table, and a Table is not
// changed after that.
//
// # From a type to a type
//
// Each family of PostgreSQL types has a file of its own, its test beside it. A
// family says which Redshift type holds its values and how a value's text, as
// PostgreSQL's output function printed it, is written for Redshift's COPY. A
// value that the Redshift type cannot hold as it is makes a *Misfit: what is
// done about it is not decided here.
//
// # Columns made on the way
//
// A choice may have a column hashed, whatever its type, or called otherwise in the
// warehouse. Its values are hashed where they are written for COPY; above that a key is
// the source's own, so a table is folded and filled the same. The shape that a load
// remembers tells both, so that another choice or key has the table loaded again.
package schema
