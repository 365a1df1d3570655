package monitoring

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// board is what the tests read of the dashboard.
type board struct {
	UID, Title string
	Templating struct {
		List []struct{ Name, Type string }
	}
	Panels []panel
}

type panel struct {
	ID                       int
	Type, Title, Description string
	GridPos                  struct{ H, W, X, Y int } `yaml:"gridPos"`
	Datasource               *datasource
	FieldConfig              struct {
		Defaults struct {
			Unit     string
			NoValue  string `yaml:"noValue"`
			Mappings []struct {
				Type    string
				Options map[string]struct{ Text string }
			}
		}
	} `yaml:"fieldConfig"`
	Targets []target
}

type target struct {
	RefID      string `yaml:"refId"`
	Expr       string
	Datasource *datasource
}

type datasource struct{ Type, UID string }

// variable matches a variable in an expression.
var variable = regexp.MustCompile(`\$\{?([a-z_]+)\}?`)

// TestDashboard checks the dashboard for mistakes that Grafana would hide, by showing
// something in its own way or not at all.
func TestDashboard(t *testing.T) {
	var b board
	read(t, dashboard, &b)
	if b.UID == "" || b.Title == "" || len(b.Panels) < 20 {
		t.Fatalf("uid %q, title %q, %d panels", b.UID, b.Title, len(b.Panels))
	}
	variables := []string{"__rate_interval"} // one of Grafana's own
	for _, v := range b.Templating.List {
		variables = append(variables, v.Name)
	}
	taken := map[[2]int]string{}
	ids := map[int]bool{}
	for _, p := range b.Panels {
		if ids[p.ID] {
			t.Errorf("%s: the id %d is taken", p.Title, p.ID)
		}
		ids[p.ID] = true
		g := p.GridPos
		if g.X+g.W > 24 || g.W < 1 || g.H < 1 {
			t.Errorf("%s lies at %+v, beyond the 24 columns", p.Title, g)
		}
		for x := g.X; x < g.X+g.W; x++ {
			for y := g.Y; y < g.Y+g.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" {
					t.Errorf("%s lies on %s", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
		if p.Type != "row" {
			p.look(t, variables)
		}
	}
}

// look checks a panel that draws something.
func (p panel) look(t *testing.T, variables []string) {
	t.Helper()
	if p.Title == "" || p.Description == "" || p.FieldConfig.Defaults.Unit == "" || len(p.Targets) == 0 {
		t.Errorf("panel %d, %q, lacks a title, a description, a unit or an expression", p.ID, p.Title)
	}
	refs := map[string]bool{}
	for _, target := range p.Targets {
		for _, d := range []*datasource{p.Datasource, target.Datasource} {
			if d == nil || d.Type != "prometheus" || d.UID != "${datasource}" {
				t.Errorf("%s does not ask the data source that was chosen", p.Title)
			}
		}
		if refs[target.RefID] {
			t.Errorf("%s has two expressions %s", p.Title, target.RefID)
		}
		refs[target.RefID] = true
		listed(t, p.Title, target.Expr)
		for _, v := range variable.FindAllStringSubmatch(target.Expr, -1) {
			if !slices.Contains(variables, v[1]) {
				t.Errorf("%s uses $%s, which there is not", p.Title, v[1])
			}
		}
		for _, chosen := range []string{`pipeline=~"$pipeline"`, `instance=~"$instance"`} {
			if strings.Count(target.Expr, "{") != strings.Count(target.Expr, chosen) {
				t.Errorf("%s shows what was not chosen: %s", p.Title, target.Expr)
			}
		}
		// Without max_slot_wal_keep_size there is nothing to draw, and the panel says
		// why.
		forecast := strings.Contains(target.Expr, "rowshift_slot_safe_bytes") && strings.Contains(target.Expr, "rowshift_source_lsn")
		if forecast && (!strings.Contains(p.FieldConfig.Defaults.NoValue, "the disk") || !strings.Contains(p.Description, "rowshift check")) {
			t.Errorf("%s does not say what it means that there is no limit", p.Title)
		}
	}
}
