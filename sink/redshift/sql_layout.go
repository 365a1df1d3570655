package redshift

import "fmt"

// newestLayout is the version of the metadata tables that this binary writes. It reads all earlier
// ones.
//
//	1: changes go to load tables directly
//	2: who wrote the layout
//	3: changes of tables that load wait in held tables; requests
//	4: ledger and quarantine
//	5: the details of tables with thousands of partitions have these apart
const newestLayout = 5

// accounted is the first layout with a ledger and a quarantine. Later ones do not make them, so in
// those somebody has dropped what is missing.
const accounted = 4

// upgrades returns the statements that move the metadata tables up: first those from layout 1 to
// 2, and so on. They run in the transaction that takes the fence, so they are such as Redshift
// can roll back: each adds one column at most, and none is an ALTER COLUMN TYPE.
// https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_TABLE.html
//
// The checkpoint and the tables' states are also read before the fence is taken, in older
// layouts too. So the statements that read them must not read a column that was added there.
func (m metadata) upgrades() [][]string {
	return [][]string{
		{fmt.Sprintf(`ALTER TABLE %s ADD COLUMN "written_by" VARCHAR(64)`, m.checkpoint())},
		{m.createRequest()}, // and what the tables' states say is more
		m.createLedger(),    // and a ledger beside each held table
		{},                  // only details are written that earlier ones do not read
	}
}
