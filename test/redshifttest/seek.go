package redshifttest

import "context"

// seek looks at a statement that joins the table that it writes, and gives the table its
// index if it has none: in the transaction, whose lock on the table is stronger than what
// that takes, so that nobody is waited for; what begins with WITH has no such lock.
// Serializable sessions would not use it, and a table that a cursor reads can be given none.
//
// Redshift finds rows by the columns that are compared alone, on all slices at once, without
// the blocks whose least and greatest values tell that nothing is in them; PostgreSQL reads
// whole rows of a whole table, in one process. So a large table whose rows are sought for
// those of others gets a hash index of its DISTKEY on the backing server, which nobody
// sees. One into which rows are only written has none: it would pay for keeping it up, and
// for nothing.
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
