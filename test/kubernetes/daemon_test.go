package kubernetes

import (
	"fmt"
	"slices"
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	apps "k8s.io/api/apps/v1"
	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	disruption "k8s.io/api/policy/v1"
)

// container returns the only container of a pod.
func container(t *testing.T, pod core.PodTemplateSpec) core.Container {
	t.Helper()
	if len(pod.Spec.Containers) != 1 || len(pod.Spec.InitContainers) > 0 {
		t.Fatalf("the pod has %d containers", len(pod.Spec.Containers))
	}
	return pod.Spec.Containers[0]
}

// An update never runs one daemon beside another, except a standby; then one of the two
// is always up.
func TestUpdates(t *testing.T) {
	each(t, func(t *testing.T, from objects) {
		spec := one[*apps.Deployment](t, from).Spec
		switch rolling := spec.Strategy.RollingUpdate; {
		case *spec.Replicas == 1 && spec.Strategy.Type == apps.RecreateDeploymentStrategyType && rolling == nil:
		case *spec.Replicas != 1 && rolling != nil && rolling.MaxSurge.IntValue() == 0 && rolling.MaxUnavailable.IntValue() == 1:
		default:
			t.Errorf("%d replicas are updated by %+v", *spec.Replicas, spec.Strategy)
		}
	})
}

// A drain of nodes leaves one of two daemons up. Neither a single daemon nor a halted
// one, which is not ready, holds it up.
func TestDrains(t *testing.T) {
	each(t, func(t *testing.T, from objects) {
		standby := one[*apps.Deployment](t, from).Spec.Strategy.Type == apps.RollingUpdateDeploymentStrategyType
		budgets := all[*disruption.PodDisruptionBudget](from)
		if len(budgets) > 0 != standby {
			t.Errorf("a standby: %v, and there are %d budgets", standby, len(budgets))
		}
		for _, b := range budgets {
			if most, policy := b.Spec.MaxUnavailable, b.Spec.UnhealthyPodEvictionPolicy; most == nil || most.IntValue() != 1 || policy == nil || *policy != disruption.AlwaysAllow {
				t.Errorf("a drain is held up by %+v", b.Spec)
			}
		}
	})
}

// Liveness asks what depends on nothing outside, readiness what the daemon's state is,
// and both on the port that is scraped.
func TestProbes(t *testing.T) {
	each(t, func(t *testing.T, from objects) {
		daemon, _ := from.pods()
		c := container(t, daemon)
		if len(c.Ports) != 1 {
			t.Fatalf("%d ports", len(c.Ports))
		}
		port := c.Ports[0].Name
		for path, probe := range map[string]*core.Probe{"/healthz": c.LivenessProbe, "/readyz": c.ReadinessProbe} {
			if probe == nil || probe.HTTPGet == nil || probe.HTTPGet.Path != path || probe.HTTPGet.Port.String() != port {
				t.Errorf("%s is not asked at the port %s: %+v", path, port, probe)
			}
		}
		for _, m := range all[*monitoring.PodMonitor](from) {
			for _, e := range m.Spec.PodMetricsEndpoints {
				if e.Port == nil || *e.Port != port || e.Path != "" {
					t.Errorf("what is scraped is not /metrics at the port %s: %+v", port, e)
				}
			}
		}
		for _, rule := range one[*networking.NetworkPolicy](t, from).Spec.Ingress {
			if len(rule.From) != 1 || rule.From[0].NamespaceSelector == nil || len(rule.Ports) != 1 || rule.Ports[0].Port.String() != port {
				t.Errorf("more comes in than scrapes: %+v", rule)
			}
		}
	})
}

// Traffic may go out to DNS, both databases and HTTPS, and never to the address with the
// node's credentials.
func TestNothingElseGoesOut(t *testing.T) {
	each(t, func(t *testing.T, from objects) {
		policy := one[*networking.NetworkPolicy](t, from).Spec
		if !slices.Equal(policy.PolicyTypes, []networking.PolicyType{networking.PolicyTypeIngress, networking.PolicyTypeEgress}) {
			t.Errorf("the policy is of %v only", policy.PolicyTypes)
		}
		var ports []string
		for _, rule := range policy.Egress {
			if len(rule.To) == 0 || len(rule.Ports) == 0 {
				t.Errorf("everything goes out by %+v", rule)
			}
			for _, p := range rule.Ports {
				ports = append(ports, fmt.Sprintf("%s %s", *p.Protocol, p.Port))
			}
			for _, to := range rule.To {
				if b := to.IPBlock; b != nil && b.CIDR == "0.0.0.0/0" && !slices.Contains(b.Except, "169.254.169.254/32") {
					t.Error("the node's credentials can be asked for")
				}
			}
		}
		if want := []string{"UDP 53", "TCP 53", "TCP 5432", "TCP 5439", "TCP 443"}; !slices.Equal(ports, want) {
			t.Errorf("%q goes out, not %q", ports, want)
		}
	})
}

// IRSA needs only the annotation. It projects a token of its own.
// https://docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html
func TestProductionHasARole(t *testing.T) {
	const want = "arn:aws:iam::123456789012:role/rowshift"
	for _, from := range []objects{kustomize(t, "overlays/production"), template(t, "-f", chart+"/ci/production-values.yaml")} {
		account := one[*core.ServiceAccount](t, from)
		if got := account.Annotations["eks.amazonaws.com/role-arn"]; got != want {
			t.Errorf("the role is %q", got)
		}
		daemon, _ := from.pods()
		if len(container(t, daemon).EnvFrom) > 0 {
			t.Error("keys would come before the role")
		}
	}
}

// A Job is tried again, except after exit code 2 and except a check, whose findings a person
// mends. Its arguments say what it does, and it is removed after its end, so that it is not in the
// way of the next one.
func TestJobs(t *testing.T) {
	want := map[string][]string{
		"check":      {"check"},
		"reset-slot": {"reset-slot", "--token=" + token},
		"teardown":   {"teardown", "--yes"},
	}
	each(t, func(t *testing.T, from objects) {
		daemon, _ := from.pods()
		for _, job := range all[*batch.Job](from) {
			c := container(t, job.Spec.Template)
			if !slices.Equal(c.Args, want[job.Labels["app.kubernetes.io/component"]]) {
				t.Errorf("%s does %q", job.Name, c.Args)
			}
			if c.Image != container(t, daemon).Image {
				t.Errorf("%s is of image %s, the daemon of %s", job.Name, c.Image, container(t, daemon).Image)
			}
			if rules := job.Spec.PodFailurePolicy.Rules; !slices.Equal(rules[0].OnExitCodes.Values, []int32{2}) || rules[0].Action != batch.PodFailurePolicyActionFailJob {
				t.Errorf("%s is tried again for a bad config: %+v", job.Name, rules)
			}
			if once := c.Args[0] == "check"; job.Spec.TTLSecondsAfterFinished == nil || (*job.Spec.BackoffLimit == 0) != once {
				t.Errorf("%s is tried again %d times, or stays for ever", job.Name, *job.Spec.BackoffLimit)
			}
		}
	})
}

// No daemon runs while the slot is dropped, or the Job could never end; nor before all is checked.
func TestJobsWithoutADaemon(t *testing.T) {
	for _, from := range []objects{
		kustomize(t, "overlays/teardown"), template(t, "-f", chart+"/ci/production-values.yaml", "--set", "teardown=true"),
		kustomize(t, "overlays/check"), template(t, "-f", chart+"/ci/production-values.yaml", "--set", "check=true"),
	} {
		if n := *one[*apps.Deployment](t, from).Spec.Replicas; n != 0 {
			t.Errorf("%d daemons run", n)
		}
	}
}
