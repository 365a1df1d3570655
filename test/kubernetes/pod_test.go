package kubernetes

import (
	"maps"
	"slices"
	"strings"
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	apps "k8s.io/api/apps/v1"
	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	disruption "k8s.io/api/policy/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

// pods returns the templates of the daemon's pod and of the Jobs' pods.
func (all objects) pods() (daemon core.PodTemplateSpec, jobs []core.PodTemplateSpec) {
	for _, o := range all {
		switch o := o.(type) {
		case *apps.Deployment:
			daemon = o.Spec.Template
		case *batch.Job:
			jobs = append(jobs, o.Spec.Template)
		}
	}
	return daemon, jobs
}

// every returns the templates of all pods.
func (all objects) every() []core.PodTemplateSpec {
	daemon, jobs := all.pods()
	return append(jobs, daemon)
}

// A namespace that enforces the strictest of Kubernetes' own standards accepts the pods.
// https://kubernetes.io/docs/concepts/security/pod-security-standards/
func TestPodsAreRestricted(t *testing.T) {
	standard, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	restricted := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
	each(t, func(t *testing.T, from objects) {
		for _, pod := range from.every() {
			result := policy.AggregateCheckResults(standard.EvaluatePod(restricted, &pod.ObjectMeta, &pod.Spec))
			if !result.Allowed {
				t.Errorf("%s: %s", result.ForbiddenReason(), result.ForbiddenDetail())
			}
		}
	})
}

// What the standard does not require.
func TestPodsMayDoNoMoreThanTheyNeed(t *testing.T) {
	each(t, func(t *testing.T, from objects) {
		for _, pod := range from.every() {
			if token := pod.Spec.AutomountServiceAccountToken; token == nil || *token {
				t.Error("a token for Kubernetes' API is mounted")
			}
			if links := pod.Spec.EnableServiceLinks; links == nil || *links {
				t.Error("a Service could set our variables")
			}
			if user := pod.Spec.SecurityContext.RunAsUser; user == nil || *user != 65532 {
				t.Error("the user is not the image's")
			}
			for _, c := range pod.Spec.Containers {
				if only := c.SecurityContext.ReadOnlyRootFilesystem; only == nil || !*only {
					t.Error("the root file system can be written")
				}
				for _, name := range []core.ResourceName{core.ResourceCPU, core.ResourceMemory} {
					request, limit := c.Resources.Requests[name], c.Resources.Limits[name]
					if request.IsZero() || limit.IsZero() || request.Cmp(limit) > 0 {
						t.Errorf("%s: %v is requested, %v the limit", name, &request, &limit)
					}
				}
			}
		}
	})
}

// Passwords come as files of a Secret that is made elsewhere. No object, argument or
// variable has one.
func TestSecretsAreOnlyReferred(t *testing.T) {
	each(t, func(t *testing.T, from objects) {
		for _, pod := range from.every() {
			for _, c := range pod.Spec.Containers {
				for _, e := range c.Env {
					if e.Value != "" && e.Name != "ROWSHIFT_CONFIG" {
						t.Errorf("%s is written in the pod", e.Name)
					}
				}
				for _, arg := range c.Args {
					if strings.Contains(arg, "://") {
						t.Errorf("%q may hold a password", arg)
					}
				}
			}
			for _, v := range pod.Spec.Volumes {
				if v.Secret != nil && (v.Secret.DefaultMode == nil || *v.Secret.DefaultMode != 0o440) {
					t.Errorf("volume %s can be read by others", v.Name)
				}
			}
		}
	})
}

// Whatever an object names exists, or the pages tell one to make it.
func TestNamesLead(t *testing.T) {
	made := []string{"Secret rowshift", "Secret rowshift-aws", "ConfigMap rowshift-ca"}
	each(t, func(t *testing.T, from objects) {
		there := slices.Concat(made)
		for _, o := range from {
			there = append(there, o.GetObjectKind().GroupVersionKind().Kind+" "+o.GetName())
		}
		leads := func(kind, name string) {
			if !slices.Contains(there, kind+" "+name) {
				t.Errorf("there is no %s %s, only %q", kind, name, there)
			}
		}
		for _, pod := range from.every() {
			leads("ServiceAccount", pod.Spec.ServiceAccountName)
			volumes := map[string]bool{}
			for _, v := range pod.Spec.Volumes {
				volumes[v.Name] = true
				switch {
				case v.Secret != nil:
					leads("Secret", v.Secret.SecretName)
				case v.ConfigMap != nil:
					leads("ConfigMap", v.ConfigMap.Name)
				}
			}
			for _, c := range pod.Spec.Containers {
				for _, m := range c.VolumeMounts {
					if !volumes[m.Name] {
						t.Errorf("there is no volume %s", m.Name)
					}
				}
				for _, e := range c.EnvFrom {
					leads("Secret", e.SecretRef.Name)
				}
			}
		}
	})
}

// The Deployment and the budget select only the daemon's pods, the scrape finds only
// these, and the network policy applies to all pods.
func TestSelectorsSelect(t *testing.T) {
	each(t, func(t *testing.T, from objects) {
		daemon, jobs := from.pods()
		selects := func(what string, s *meta.LabelSelector, pod core.PodTemplateSpec, want bool) {
			t.Helper()
			selector, err := meta.LabelSelectorAsSelector(s)
			if err != nil {
				t.Fatal(err)
			}
			if got := selector.Matches(labels.Set(pod.Labels)); got != want {
				t.Errorf("%s selects the pod with %v: %v", what, slices.Sorted(maps.Values(pod.Labels)), got)
			}
		}
		for _, d := range all[*apps.Deployment](from) {
			selects("the Deployment", d.Spec.Selector, daemon, true)
			for _, job := range jobs {
				selects("the Deployment", d.Spec.Selector, job, false)
			}
		}
		for _, b := range all[*disruption.PodDisruptionBudget](from) {
			selects("the PodDisruptionBudget", b.Spec.Selector, daemon, true)
			for _, job := range jobs {
				selects("the PodDisruptionBudget", b.Spec.Selector, job, false)
			}
		}
		for _, m := range all[*monitoring.PodMonitor](from) {
			selects("the PodMonitor", &m.Spec.Selector, daemon, true)
			for _, job := range jobs {
				selects("the PodMonitor", &m.Spec.Selector, job, false)
			}
		}
		for _, pod := range from.every() {
			selects("the NetworkPolicy", &one[*networking.NetworkPolicy](t, from).Spec.PodSelector, pod, true)
		}
	})
}
