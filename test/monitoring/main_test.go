package monitoring

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
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

// programs returns the folder of prometheus and promtool: where they are installed, or
// where Debian's package is unpacked, once. The package is not installed, because that
// would start a server on this machine.
var programs = sync.OnceValues(func() (string, error) {
	if path, err := exec.LookPath("promtool"); err == nil {
		return filepath.Dir(path), nil
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	folder := filepath.Join(cache, "rowshift", "prometheus")
	bin := filepath.Join(folder, "usr", "bin")
	if _, err := os.Stat(folder); err == nil {
		return bin, nil
	}
	if err := unpack("prometheus", folder); err != nil {
		return "", fmt.Errorf("there is no promtool: install Prometheus, or let Debian's be fetched: %w", err)
	}
	return bin, nil
})

// unpack downloads a Debian package and unpacks it into folder. The folder exists only
// if it is complete.
func unpack(name, folder string) error {
	if err := os.MkdirAll(filepath.Dir(folder), 0o755); err != nil {
		return err
	}
	work, err := os.MkdirTemp(filepath.Dir(folder), name)
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	commands := [][]string{{"apt-get", "-q", "download", name}, {"sh", "-c", "dpkg-deb -x *.deb whole"}}
	if os.Geteuid() == 0 {
		commands = append([][]string{{"apt-get", "-q", "update"}}, commands...)
	}
	for _, args := range commands {
		c := exec.Command(args[0], args[1:]...)
		c.Dir = work
		if out, err := c.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", strings.Join(args, " "), err, out)
		}
	}
	return os.Rename(filepath.Join(work, "whole"), folder)
}

// promtool runs promtool and returns its output.
func promtool(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	bin, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), filepath.Join(bin, "promtool"), args...)
	c.Dir = folder
	c.Stdin = strings.NewReader(stdin)
	out, err := c.CombinedOutput()
	if err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// rule is a rule of rules.yaml.
type rule struct {
	Record, Alert, Expr string
}

// allRules returns the rules of rules.yaml.
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

// read decodes a file of YAML or JSON.
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

// listed fails the test if an expression uses a metric of the daemon that the page does
// not list.
func listed(t *testing.T, what, expr string) {
	t.Helper()
	b, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range ofDaemon.FindAllStringIndex(expr, -1) {
		if m[0] > 0 && expr[m[0]-1] == ':' {
			continue // the name of a recording rule
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
