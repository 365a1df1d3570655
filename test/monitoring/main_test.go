package monitoring

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"

	"rowshift/test/harness"

	"github.com/goccy/go-yaml"
)

const (
	folder    = "../../deploy/prometheus"
	rules     = folder + "/rules.yaml"
	page      = folder + "/README.md"
	dashboard = "../../deploy/grafana/rowshift.json"
)

func TestMain(m *testing.M) {
	code := m.Run()
	harness.RemoveBuilds()
	os.Exit(code)
}

// install makes sure, once, that prometheus and promtool are there.
var install = sync.OnceValue(func() error {
	if _, err := exec.LookPath("promtool"); err == nil {
		return nil
	}
	apt, err := exec.LookPath("apt-get")
	if err != nil || os.Geteuid() != 0 {
		return fmt.Errorf("there is no promtool: install Prometheus (Debian: apt-get install prometheus)")
	}
	for _, args := range [][]string{{"-q", "update"}, {"-q", "-y", "--no-install-recommends", "install", "prometheus"}} {
		c := exec.Command(apt, args...)
		c.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if out, err := c.CombinedOutput(); err != nil {
			return fmt.Errorf("apt-get %s: %w\n%s", args[1], err, out)
		}
	}
	return nil
})

// promtool runs it and returns what it prints.
func promtool(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	if err := install(); err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), "promtool", args...)
	c.Dir = folder
	c.Stdin = strings.NewReader(stdin)
	out, err := c.CombinedOutput()
	if err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// rule is one of rules.yaml.
type rule struct {
	Record, Alert, Expr string
}

// allRules are the rules of rules.yaml.
func allRules(t *testing.T) (all []rule) {
	t.Helper()
	var file struct{ Groups []struct{ Rules []rule } }
	read(t, rules, &file)
	for _, g := range file.Groups {
		all = append(all, g.Rules...)
	}
	if len(all) < 20 {
		t.Fatalf("only %d rules found", len(all))
	}
	return all
}

// read decodes a file of YAML, or JSON.
func read(t *testing.T, path string, into any) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(b, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

var (
	ofDaemon     = regexp.MustCompile(`\browshift_[a-z_0-9]+`)
	recordedName = regexp.MustCompile(`\bpipeline:[a-z_0-9:]+`)
)

// listed fails if an expression names a metric of the daemon that the page does not
// list.
func listed(t *testing.T, what, expr string) {
	t.Helper()
	b, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range ofDaemon.FindAllStringIndex(expr, -1) {
		if m[0] > 0 && expr[m[0]-1] == ':' {
			continue // a rule's name
		}
		name := expr[m[0]:m[1]]
		for _, suffix := range []string{"_bucket", "_sum", "_count"} {
			name = strings.TrimSuffix(name, suffix)
		}
		if !strings.Contains(string(b), "| `"+name+"` |") {
			t.Errorf("%s: %s is not listed in %s", what, name, page)
		}
	}
}
