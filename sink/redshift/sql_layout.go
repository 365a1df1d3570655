package redshift

import "fmt"

// layout is the version of the metadata tables that this binary writes. It reads all
// that are before it.
//
//	1: load tables take their changes themselves
//	2: who wrote the layout
//	3: changes of tables that load wait in held tables; requests
//	4: ledger and quarantine
const layout = 4

// upgrades are the statements that move the metadata tables up: the first ones from
// layout 1 to 2, and so on. They run in the transaction that takes the
// fence, so they are such as Redshift can roll back: one ADD COLUMN a statement, and
// no ALTER COLUMN TYPE. https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_TABLE.html
//
// What is read before the fence is taken, the checkpoint and the tables' states, is
// read in older layouts as well: a column that is added there is not read by those
// statements before it is.
func (m metadata) upgrades() [][]string {
	return [][]string{
		{fmt.Sprintf(`ALTER TABLE %s ADD COLUMN "written_by" VARCHAR(64)`, m.checkpoint())},
		{m.createRequest()}, // and what the tables' states say is more
		m.createLedger(),    // and a ledger beside each held table
	}
}
