package kubernetes

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	core "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// kinds returns the kinds of the objects, sorted.
func (all objects) kinds() []string {
	var names []string
	for _, o := range all {
		names = append(names, o.GetObjectKind().GroupVersionKind().Kind)
	}
	slices.Sort(names)
	return names
}

// ofHelm are the labels and annotations that only Helm writes.
var ofHelm = []string{"helm.sh/chart", "app.kubernetes.io/managed-by", "app.kubernetes.io/version", "checksum/config"}

// hashed matches the name that kustomize gives to the config. A changed config has
// another name and so replaces the daemon, as Helm's checksum does.
var hashed = regexp.MustCompile(`"` + release + `-[0-9a-z]{10}"`)

// ofJob matches the name of a Job. With kustomize, one writes the token into that of a
// reset. Helm writes a hash of the config and of everything that the pod consists of.
var ofJob = regexp.MustCompile(`"` + release + `-(check|reset-slot|teardown)-(` + token + `|[0-9a-f]{10})"`)

// meaning returns the content of the objects, by kind and name, without differences in
// notation.
func (all objects) meaning(t *testing.T) map[string]any {
	t.Helper()
	meaning := map[string]any{}
	for _, o := range all {
		text, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		text = hashed.ReplaceAll(text, []byte(`"`+release+`"`))
		text = ofJob.ReplaceAll(text, []byte(`"`+release+`-$1"`))
		var said map[string]any
		if err := json.Unmarshal(text, &said); err != nil {
			t.Fatal(err)
		}
		if c, ok := o.(*core.ConfigMap); ok {
			said["data"] = parsed(t, c.Data)
		}
		delete(said, "status")
		name := said["metadata"].(map[string]any)["name"].(string)
		meaning[o.GetObjectKind().GroupVersionKind().Kind+" "+name] = without(said)
	}
	return meaning
}

// parsed reads YAML or JSON files.
func parsed(t *testing.T, files map[string]string) map[string]any {
	t.Helper()
	read := map[string]any{}
	for name, text := range files {
		var v any
		if err := yaml.UnmarshalStrict([]byte(text), &v); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		read[name] = v
	}
	return read
}

// without removes what only Helm writes.
func without(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			v[name] = without(inner)
		}
		maps.DeleteFunc(v, func(name string, inner any) bool {
			m, _ := inner.(map[string]any)
			return slices.Contains(ofHelm, name) || inner == nil || name == "annotations" && len(m) == 0
		})
	case []any:
		for i := range v {
			v[i] = without(v[i])
		}
	}
	return v
}

func TestBothRenderTheSame(t *testing.T) {
	for _, f := range forms {
		t.Run(f.kustomization, func(t *testing.T) {
			byKustomize := kustomize(t, f.kustomization).meaning(t)
			byHelm := template(t, f.values...).meaning(t)
			if diff := cmp.Diff(byKustomize, byHelm); diff != "" {
				t.Errorf("kustomize (-) and Helm (+) differ:\n%s", diff)
			}
		})
	}
}
