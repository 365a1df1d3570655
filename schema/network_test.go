package schema

import "testing"

func TestNetworks(t *testing.T) {
	crosses(t, []crossing{
		{of: typed("inet", 'I', -1), holds: "VARCHAR(64)", cases: []string{"::ffff:255.255.255.255/128"}},
		{of: typed("macaddr", 'U', -1), holds: "VARCHAR(17)", cases: []string{"08:00:2b:01:02:03"}},
		{of: typed("macaddr8", 'U', -1), holds: "VARCHAR(23)", cases: []string{"08:00:2b:01:02:03:04:05"}},
	})
}
