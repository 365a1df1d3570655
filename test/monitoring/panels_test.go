package monitoring

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestPanels has promtool evaluate the panels whose numbers stand for something. Each
// value must be shown as its mapping says or, if there is no value, as the panel's text
// for that.
func TestPanels(t *testing.T) {
	const table, slot = `rowshift_table_state{pipeline="accounts", instance="a", table="%s", state="%s"}`, `%s{pipeline="accounts", instance="a"}`
	states := map[string]string{}
	for _, s := range []struct{ table, is string }{{"fine", "live"}, {"new", "loading"}, {"stuck", "parked"}} {
		for _, state := range []string{"live", "loading", "parked"} {
			states[fmt.Sprintf(table, s.table, state)] = map[bool]string{true: "1x60", false: "0x60"}[state == s.is]
		}
	}
	left := func(safe string) map[string]string {
		all := map[string]string{fmt.Sprintf(slot, "rowshift_source_lsn"): "0+6000x60"} // 100 bytes a second
		if safe != "" {
			all[fmt.Sprintf(slot, "rowshift_slot_safe_bytes")] = safe
		}
		return all
	}
	tests := []struct {
		panel  string
		series map[string]string
		want   map[string]string // values by labels
		text   map[string]string // what the panel shows in place of a value
	}{
		{"Table states", states, map[string]string{`{table="fine"}`: "0", `{table="new"}`: "1", `{table="stuck"}`: "2"}, map[string]string{"0": "live", "1": "loading", "2": "parked"}},
		{"Slot is lost in", left("7000x60"), map[string]string{`{pipeline="accounts"}`: "70"}, nil},
		{"Slot is lost in", left("0x60"), map[string]string{`{pipeline="accounts"}`: "0"}, map[string]string{"0": "it is lost"}},
		{"Slot is lost in", left(""), nil, nil},
	}
	var b board
	read(t, dashboard, &b)
	var all strings.Builder
	all.WriteString("tests:\n")
	for _, test := range tests {
		p := b.titled(t, test.panel)
		fmt.Fprintf(&all, "  - name: %s\n    interval: 1m\n    input_series:\n", test.panel)
		for series, values := range test.series {
			fmt.Fprintf(&all, "      - {series: '%s', values: '%s'}\n", series, values)
		}
		expr := strings.NewReplacer("$pipeline", ".*", "$instance", ".*").Replace(p.Targets[0].Expr)
		fmt.Fprintf(&all, "    promql_expr_test:\n      - expr: '%s'\n        eval_time: 30m\n        exp_samples:\n", expr)
		for labels, value := range test.want {
			fmt.Fprintf(&all, "          - {labels: '%s', value: %s}\n", labels, value)
		}
		for value, text := range test.text {
			if has := p.text(value); has != text {
				t.Errorf("%s: %s is shown as %q, want %q", p.Title, value, has, text)
			}
		}
	}
	file := filepath.Join(t.TempDir(), "panels_test.yaml")
	if err := os.WriteFile(file, []byte(all.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	promtool(t, "", "test", "rules", file)
}

// titled returns the panel with that title.
func (b board) titled(t *testing.T, title string) panel {
	t.Helper()
	for _, p := range b.Panels {
		if p.Title == title {
			return p
		}
	}
	t.Fatalf("there is no panel %q", title)
	return panel{}
}

// text returns what the panel shows in place of a value, or an empty string.
func (p panel) text(value string) string {
	for _, m := range p.FieldConfig.Defaults.Mappings {
		if shown, is := m.Options[value]; is && m.Type == "value" {
			return shown.Text
		}
	}
	return ""
}
