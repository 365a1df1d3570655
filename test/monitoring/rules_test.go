package monitoring

import (
	"strings"
	"testing"
)

// TestRules runs promtool's tests of the rules, and checks that they have for each alert
// a case in which it fires and one in which it does not.
func TestRules(t *testing.T) {
	promtool(t, "", "check", "rules", "rules.yaml")
	promtool(t, "", "test", "rules", "rules_test.yaml")
	var file struct {
		Tests []struct {
			Cases []struct {
				Alert string `yaml:"alertname"`
				Fires []any  `yaml:"exp_alerts"`
			} `yaml:"alert_rule_test"`
		}
	}
	read(t, folder+"/rules_test.yaml", &file)
	fires, quiet := map[string]int{}, map[string]int{}
	for _, test := range file.Tests {
		for _, c := range test.Cases {
			if len(c.Fires) > 0 {
				fires[c.Alert]++
			} else {
				quiet[c.Alert]++
			}
		}
	}
	recorded := map[string]bool{}
	for _, r := range allRules(t) {
		listed(t, r.Alert+r.Record, r.Expr)
		for _, name := range recordedName.FindAllString(r.Expr, -1) {
			if !recorded[name] {
				t.Errorf("%s%s uses %s, which is not recorded before it", r.Alert, r.Record, name)
			}
		}
		switch {
		case r.Record != "":
			recorded[r.Record] = true
		case fires[r.Alert] == 0 || quiet[r.Alert] == 0:
			t.Errorf("%s has %d cases in which it fires and %d in which it is quiet", r.Alert, fires[r.Alert], quiet[r.Alert])
		case !strings.HasPrefix(r.Alert, "Rowshift"):
			t.Errorf("%s does not say whose it is", r.Alert)
		}
	}
}
