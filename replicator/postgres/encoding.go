package postgres

import (
	"fmt"

	"rowshift/replicator"
	"rowshift/schema"
)

// sqlASCII is the encoding of a database that does not know what its text is in.
const sqlASCII = "SQL_ASCII"

// asItLies has a session send text as it lies in a database in SQL_ASCII. Nothing is
// converted there, but a client that asked for UTF-8 gets none of what is not: the server
// checks it as it sends, and ends the stream or the load.
// https://www.postgresql.org/docs/current/multibyte.html#MULTIBYTE-CONVERSIONS-SUPPORTED
const asItLies = `SELECT set_config('client_encoding', 'SQL_ASCII', false) WHERE current_setting('server_encoding') = 'SQL_ASCII'`

// SQLSTATEs of text that cannot be sent in UTF-8.
// https://www.postgresql.org/docs/current/errcodes-appendix.html
const (
	notInRepertoire = "22021" // bytes that are none of the database's encoding
	untranslatable  = "22P05" // a character that UTF-8 lacks
)

// unsendable tells whether err is of text that the server cannot send in UTF-8. That says
// nothing of the slot.
func unsendable(err error) bool {
	code := codeOf(err)
	return code == notInRepertoire || code == untranslatable
}

// lookForIt is how the value is found that cannot be sent: a client that asks for UTF-8
// is refused as we are.
const lookForIt = "find it by psql: SET client_encoding = 'UTF8', then SELECT * FROM %s, which fails as long as the value is there, and correct it"

// unsendableHalt is the Halt for a stream that ended since a change behind a position
// cannot be sent. Whose row it is the server does not say. What is in the log stays as it
// is, so nothing but a new slot leads past it.
func unsendableHalt(slot string, at replicator.LSN, cause error) *replicator.Halt {
	return &replicator.Halt{
		Reason: replicator.SourceUnfit,
		Found:  fmt.Sprintf("a row that was changed behind %v has text which the server cannot send in UTF-8: %v", at, cause),
		Means:  fmt.Sprintf("slot %q is whole, but the log keeps the change, and each stream ends there", slot),
		Repair: fmt.Sprintf(lookForIt, "each table of the config") + "; then " + startOver,
		Cause:  cause,
	}
}

// unsendableTable is the same of a table that is loaded. It is parked, and the others go on.
func unsendableTable(t *schema.Table, cause error) *replicator.Unfit {
	return &replicator.Unfit{OID: t.OID, Name: t.Known, Why: &replicator.Halt{
		Reason: replicator.TableUnfit,
		Found:  fmt.Sprintf("%v has text which the server cannot send in UTF-8: %v", t.Name, bare(cause)),
		Means:  "it cannot be loaded with that",
		Repair: fmt.Sprintf(lookForIt, quoted(t.Name)) + "; then rowshift resync " + t.Known.String(),
		Cause:  bare(cause),
	}}
}
