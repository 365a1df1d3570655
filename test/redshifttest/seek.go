package redshifttest

import "context"

// seek gives the table that a statement writes a hash index on its DISTKEY, if the
// statement seeks the table's rows for those of another table and the table has no such
// index.
//
// Redshift finds rows by reading only the compared columns, on all slices at once, and
// skips blocks whose least and greatest values rule them out. PostgreSQL reads whole rows
// of a whole table, in one process. So a large table whose rows are sought gets the index
// on the backing server, where clients do not see it. A table into which rows are only
// written gets none: keeping the index up would cost time and help nobody.
//
// The index is made in the statement's transaction, whose lock on the table is stronger
// than the one that this takes, so it waits for nobody. A statement that begins with WITH
// has no such lock, and makes no index. Serializable sessions make none because they would
// not use it. A table that a cursor reads cannot be given one.
// https://docs.aws.amazon.com/redshift/latest/dg/c_columnar_storage_disk_mem_mgmnt.html
// https://docs.aws.amazon.com/redshift/latest/dg/t_Sorting_data.html
func (c *session) seek(ctx context.Context, s *statement) error {
	if s.target == "" || len(s.sought) == 0 || c.level == Serializable || c.transaction.cursor != "" {
		return nil
	}
	oid, err := c.value(ctx, "SELECT "+catalogueSchema+".sought($1, $2::text[])", s.target, textArray(s.sought))
	if err != nil || oid == "" {
		return err
	}
	_, err = c.ask(ctx, "SELECT "+catalogueSchema+".find_by_distkey($1::text::oid)", oid)
	return err
}
