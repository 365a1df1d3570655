package schema

// Major versions of PostgreSQL from which on its publications can do more.
const (
	// ColumnListMajor is the first whose publications can name columns, and choose rows.
	// https://www.postgresql.org/docs/15/release-15.html
	ColumnListMajor = 15

	// GeneratedMajor is the first whose publications can have generated columns.
	// https://www.postgresql.org/docs/18/logical-replication-gencols.html
	GeneratedMajor = 18
)
