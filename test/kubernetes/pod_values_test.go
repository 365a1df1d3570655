package kubernetes

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	core "k8s.io/api/core/v1"
)

// securityCases are values of who the pod is and what it may, and what each pod has of them.
var securityCases = map[string]struct {
	values string
	check  func(*testing.T, core.PodTemplateSpec)
}{
	"ids of OpenShift": {`podSecurityContext: {runAsUser: null, runAsGroup: null, fsGroup: null}`, func(t *testing.T, pod core.PodTemplateSpec) {
		s := pod.Spec.SecurityContext
		if s.RunAsUser != nil || s.RunAsGroup != nil || s.FSGroup != nil || !*s.RunAsNonRoot || s.SeccompProfile.Type != core.SeccompProfileTypeRuntimeDefault {
			t.Errorf("%+v", s)
		}
	}},
	"nothing of a pod": {`podSecurityContext: {runAsNonRoot: null, runAsUser: null, runAsGroup: null, fsGroup: null, seccompProfile: null}`, func(t *testing.T, pod core.PodTemplateSpec) {
		if diff := cmp.Diff(&core.PodSecurityContext{}, pod.Spec.SecurityContext); diff != "" {
			t.Error(diff)
		}
	}},
	"another user": {`podSecurityContext: {runAsUser: 1000, supplementalGroups: [7]}`, func(t *testing.T, pod core.PodTemplateSpec) {
		if s := pod.Spec.SecurityContext; *s.RunAsUser != 1000 || *s.RunAsGroup != 65532 || s.SupplementalGroups[0] != 7 {
			t.Errorf("%+v", s)
		}
	}},
	"of the container": {`securityContext: {seLinuxOptions: {level: "s0:c1"}, readOnlyRootFilesystem: false}`, func(t *testing.T, pod core.PodTemplateSpec) {
		if s := container(t, pod).SecurityContext; s.SELinuxOptions.Level != "s0:c1" || *s.ReadOnlyRootFilesystem || *s.AllowPrivilegeEscalation || s.Capabilities.Drop[0] != "ALL" {
			t.Errorf("%+v", s)
		}
	}},
}

// The Jobs are no other than the daemon.
func TestWhoThePodsAre(t *testing.T) {
	for name, test := range securityCases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			from, err := valued(t, "{resetSlot: {token: again}, "+test.values+"}")
			if err != nil {
				t.Fatal(err)
			}
			pods := from.every()
			if len(pods) != 2 {
				t.Fatalf("%d pods", len(pods))
			}
			for _, pod := range pods {
				test.check(t, pod)
			}
		})
	}
}

// since are the blocks of values that came after the chart's first release.
var since = []string{"podSecurityContext", "securityContext"}

// `helm upgrade --reuse-values` of a release that is older than a block leaves it out: what
// is rendered then is what the defaults give.
func TestValuesOfAnOlderRelease(t *testing.T) {
	want := template(t, "-f", chart+"/ci/production-values.yaml", "--set", "resetSlot.token=again").meaning(t)
	for _, block := range since {
		t.Run(block, func(t *testing.T) {
			t.Parallel()
			got := template(t, "-f", chart+"/ci/production-values.yaml", "--set", "resetSlot.token=again,"+block+"=null").meaning(t)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("with the default (-) and without (+):\n%s", diff)
			}
		})
	}
}
