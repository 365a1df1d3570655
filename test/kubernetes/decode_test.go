package kubernetes

import (
	"strings"
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	apps "k8s.io/api/apps/v1"
	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	disruption "k8s.io/api/policy/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

// object is anything that has a kind and a name.
type object interface {
	runtime.Object
	meta.Object
}

type objects []object

// kinds are all kinds that may be rendered. Secret is not one of them.
var kinds = map[meta.TypeMeta]func() object{
	{APIVersion: "apps/v1", Kind: "Deployment"}:                      func() object { return &apps.Deployment{} },
	{APIVersion: "batch/v1", Kind: "Job"}:                            func() object { return &batch.Job{} },
	{APIVersion: "v1", Kind: "ConfigMap"}:                            func() object { return &core.ConfigMap{} },
	{APIVersion: "v1", Kind: "ServiceAccount"}:                       func() object { return &core.ServiceAccount{} },
	{APIVersion: "networking.k8s.io/v1", Kind: "NetworkPolicy"}:      func() object { return &networking.NetworkPolicy{} },
	{APIVersion: "policy/v1", Kind: "PodDisruptionBudget"}:           func() object { return &disruption.PodDisruptionBudget{} },
	{APIVersion: "monitoring.coreos.com/v1", Kind: "PodMonitor"}:     func() object { return &monitoring.PodMonitor{} },
	{APIVersion: "monitoring.coreos.com/v1", Kind: "PrometheusRule"}: func() object { return &monitoring.PrometheusRule{} },
}

// decode reads one object as the API server does with strict validation: a field that is
// unknown, comes twice or has the wrong case fails the test.
func decode(t *testing.T, text []byte) object {
	t.Helper()
	o, faults := strictly(text)
	for _, err := range faults {
		t.Errorf("%v in\n%s", err, text)
	}
	if len(faults) > 0 {
		t.FailNow()
	}
	return o
}

func strictly(text []byte) (object, []error) {
	document, err := yaml.YAMLToJSONStrict(text)
	if err != nil {
		return nil, []error{err}
	}
	var kind meta.TypeMeta
	if err := json.UnmarshalCaseSensitivePreserveInts(document, &kind); err != nil {
		return nil, []error{err}
	}
	create, known := kinds[kind]
	if !known {
		return nil, []error{runtime.NewNotRegisteredErrForKind("rowshift", kind.GroupVersionKind())}
	}
	o := create()
	faults, err := json.UnmarshalStrict(document, o)
	if err != nil {
		faults = append(faults, err)
	}
	return o, faults
}

// all returns the objects of one type.
func all[T object](from objects) []T {
	var found []T
	for _, o := range from {
		if o, ok := o.(T); ok {
			found = append(found, o)
		}
	}
	return found
}

// one returns the only object of its type.
func one[T object](t *testing.T, from objects) T {
	t.Helper()
	found := all[T](from)
	if len(found) != 1 {
		t.Fatalf("%d objects of type %T, not one", len(found), *new(T))
	}
	return found[0]
}

// The decoder is as strict as decode says.
func TestDecodeIsStrict(t *testing.T) {
	const good = "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: a}\n"
	if _, faults := strictly([]byte(good)); len(faults) > 0 {
		t.Fatal(faults)
	}
	for name, text := range map[string]string{
		"unknown field":  good + "automountToken: false\n",
		"in other case":  good + "AutomountServiceAccountToken: false\n",
		"twice":          good + "metadata: {name: b}\n",
		"of other type":  good + "automountServiceAccountToken: never\n",
		"deeper down":    strings.Replace(good, "name: a", "name: a, lables: {}", 1),
		"unknown kind":   strings.Replace(good, "ServiceAccount", "Secret", 1),
		"unknown method": strings.Replace(good, "v1", "v2", 1),
	} {
		if _, faults := strictly([]byte(text)); len(faults) == 0 {
			t.Errorf("%s: taken\n%s", name, text)
		}
	}
}

func TestEachObjectIsOneOfKubernetes(t *testing.T) {
	want := map[string][]string{
		"base":                {"ConfigMap", "Deployment", "NetworkPolicy", "ServiceAccount"},
		"overlays/dev":        {"ConfigMap", "Deployment", "NetworkPolicy", "ServiceAccount"},
		"overlays/production": {"ConfigMap", "ConfigMap", "Deployment", "NetworkPolicy", "PodDisruptionBudget", "PodMonitor", "PrometheusRule", "ServiceAccount"},
		"overlays/check":      {"ConfigMap", "ConfigMap", "Deployment", "Job", "NetworkPolicy", "PodDisruptionBudget", "PodMonitor", "PrometheusRule", "ServiceAccount"},
		"overlays/reset-slot": {"ConfigMap", "ConfigMap", "Deployment", "Job", "NetworkPolicy", "PodDisruptionBudget", "PodMonitor", "PrometheusRule", "ServiceAccount"},
		"overlays/teardown":   {"ConfigMap", "ConfigMap", "Deployment", "Job", "NetworkPolicy", "PodDisruptionBudget", "PodMonitor", "PrometheusRule", "ServiceAccount"},
	}
	each(t, func(t *testing.T, from objects) {
		_, form, _ := strings.Cut(t.Name(), "/")
		_, form, _ = strings.Cut(form, "/")
		if got, want := strings.Join(from.kinds(), " "), strings.Join(want[form], " "); got != want {
			t.Errorf("rendered are %s, not %s", got, want)
		}
	})
}
