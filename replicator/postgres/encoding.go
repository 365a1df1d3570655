package postgres

import (
	"fmt"

	"rowshift/replicator"
	"rowshift/schema"
)

// sqlASCII is the encoding of a database that does not know how its text is encoded.
const sqlASCII = "SQL_ASCII"

// sendAsStored makes a session in a database in SQL_ASCII send text as it is stored. Such a
// database converts nothing. But if the client asks for UTF-8, the server checks the text
// as it sends it, and ends the stream or the load where it is not UTF-8.
// https://www.postgresql.org/docs/current/multibyte.html#MULTIBYTE-CONVERSIONS-SUPPORTED
const sendAsStored = `SELECT set_config('client_encoding', 'SQL_ASCII', false) WHERE current_setting('server_encoding') = 'SQL_ASCII'`

// howToFind says how to find the value that cannot be sent: a client that asks for UTF-8 is
// refused as we are.
const howToFind = "find it by psql: SET client_encoding = 'UTF8', then SELECT * FROM %s, which fails as long as the value is there, and correct it"

// unsendableHalt returns the Halt for a stream that ended because a change after the
// position at cannot be sent. The server does not say whose row it is. What is in the log
// stays there, so only a new slot leads past it.
func unsendableHalt(slot string, at replicator.LSN, cause error) *replicator.Halt {
	return &replicator.Halt{
		Reason: replicator.SourceUnfit,
		Found:  fmt.Sprintf("a row that was changed behind %v has text which the server cannot send in UTF-8: %v", at, cause),
		Means:  fmt.Sprintf("slot %q is whole, but the log keeps the change, and each stream ends there", slot),
		Repair: fmt.Sprintf(howToFind, "each table of the config") + "; then " + startOver,
		Cause:  cause,
	}
}

// unsendableTable returns the error for such text in a table that is being loaded. Only
// that table is parked; the others go on.
func unsendableTable(t *schema.Table, cause error) *replicator.Unfit {
	return &replicator.Unfit{OID: t.OID, Name: t.Configured, Why: &replicator.Halt{
		Reason: replicator.TableUnfit,
		Found:  fmt.Sprintf("%v has text which the server cannot send in UTF-8: %v", t.Name, cause),
		Means:  "it cannot be loaded with that",
		Repair: fmt.Sprintf(howToFind, quoted(t.Name)) + "; then rowshift resync " + t.Configured.String(),
		Cause:  cause,
	}}
}
