// Package schema holds what is known of a table: its shape in the source, the choices made
// for it in the config, its shape in the warehouse, and how the text of each value crosses
// from one to the other.
//
// It is the lowest floor of the house. It imports the standard library only, speaks to
// nothing and remembers nothing: a Relation (the source's catalogue as of now) and a Choice
// (the operator's wishes) make a Table, and a Table is not changed after that.
//
// # From a type to a type
//
// Each family of PostgreSQL types has a file of its own, its test beside it. A family says
// which Redshift type holds its values, and how the text of a value, as PostgreSQL's output
// function printed it, is written for Redshift's COPY. A value that the Redshift type
// cannot hold as it is makes a *Misfit. The rules of its column say what is done about it.
//
// # Columns made on the way
//
// A choice may have a column hashed, whatever its type, or renamed in the warehouse. Values
// are hashed only where they are written for COPY. Everywhere else a key is the source's
// own, so such a table is folded and filled like any other. The shape that a load remembers
// has the name and the fingerprint of the hash key, so another choice or key has the table
// loaded again.
package schema
