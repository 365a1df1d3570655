package house

import (
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"rowshift/replicator"
)

var grace = regexp.MustCompile(`terminationGracePeriodSeconds: (\d+)`)

// The pod's grace period is longer than the daemon takes to let what was handed over be
// merged, with room for the rest of its end.
func TestThePodsGraceIsMoreThanADrain(t *testing.T) {
	var o replicator.Options
	o.EnsureDefaults()
	found := 0
	walk(t, func(path string) {
		if !strings.HasPrefix(path, "deploy/") || !slices.Contains([]string{".yaml", ".tpl"}, filepath.Ext(path)) {
			return
		}
		for _, m := range grace.FindAllStringSubmatch(text(t, path), -1) {
			seconds, _ := strconv.Atoi(m[1])
			if found++; time.Duration(seconds)*time.Second < o.Drain+10*time.Second {
				t.Errorf("%s: %d s, and a drain may take %v", path, seconds, o.Drain)
			}
		}
	})
	if found < 4 {
		t.Errorf("only %d grace times found: this test looks in the wrong place", found)
	}
}

// The rules and the dashboard are written in one place, and kustomize and Helm have
// copies.
func TestCopiesAreFresh(t *testing.T) {
	rules, dashboard := text(t, "deploy/prometheus/rules.yaml"), text(t, "deploy/grafana/rowshift.json")
	_, inside, _ := strings.Cut(text(t, "deploy/kubernetes/components/rules-dashboard/prometheusrule.yaml"), "\nspec:\n")
	for path, copied := range map[string]struct{ got, want string }{
		"deploy/helm/rowshift/files/rules.yaml":                            {text(t, "deploy/helm/rowshift/files/rules.yaml"), rules},
		"deploy/helm/rowshift/files/rowshift.json":                         {text(t, "deploy/helm/rowshift/files/rowshift.json"), dashboard},
		"deploy/kubernetes/components/rules-dashboard/rowshift.json":       {text(t, "deploy/kubernetes/components/rules-dashboard/rowshift.json"), dashboard},
		"deploy/kubernetes/components/rules-dashboard/prometheusrule.yaml": {inside, regexp.MustCompile(`(?m)^(.)`).ReplaceAllString(rules, "  $1")},
	} {
		if copied.got != copied.want {
			t.Errorf("%s is stale: run deploy/copies.sh", path)
		}
	}
}
