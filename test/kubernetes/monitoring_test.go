package kubernetes

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	core "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// applied is the greatest size of an object for `kubectl apply`, which remembers it in an
// annotation.
// https://github.com/kubernetes/apimachinery/blob/v0.37.2/pkg/api/validation/objectmeta.go#L36
const applied = 256 << 10

// Prometheus loads and the operator is given the same groups, and the types know every
// field of them.
func TestTheRulesAreThoseOfPrometheus(t *testing.T) {
	text, err := os.ReadFile("../../deploy/prometheus/rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var want monitoring.PrometheusRuleSpec
	if err := yaml.UnmarshalStrict(text, &want); err != nil || len(want.Groups) == 0 {
		t.Fatalf("%d groups, %v", len(want.Groups), err)
	}
	wanted, _ := json.Marshal(want)
	each(t, func(t *testing.T, from objects) {
		for _, r := range all[*monitoring.PrometheusRule](from) {
			if got, _ := json.Marshal(r.Spec); !bytes.Equal(got, wanted) {
				t.Errorf("the groups are\n%s\nnot\n%s", got, wanted)
			}
		}
	})
}

// The dashboard is the one that Grafana would import by hand, has the label for which its
// sidecar looks, and is small enough to be applied.
func TestTheDashboardIsThatOfGrafana(t *testing.T) {
	want, err := os.ReadFile("../../deploy/grafana/rowshift.json")
	if err != nil {
		t.Fatal(err)
	}
	each(t, func(t *testing.T, from objects) {
		for _, c := range all[*core.ConfigMap](from) {
			got, is := c.Data["rowshift.json"]
			if !is {
				continue
			}
			if got != string(want) {
				t.Error("the dashboard is another")
			}
			if c.Labels["grafana_dashboard"] != "1" {
				t.Errorf("the labels are %v", c.Labels)
			}
			if len(got) > applied*3/4 {
				t.Errorf("%d bytes, and an apply takes %d in all", len(got), applied)
			}
		}
	})
}
