package kubernetes

import (
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
)

// securityCases are values about the identity and the rights of pods, and what each pod
// has because of them.
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

// The Jobs' pods have the same identity and rights as the daemon's.
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

// Additional containers run only in the daemon's pod, and come after the daemon, so that
// `kubectl exec` finds the daemon. Init containers and DNS settings are the Jobs' as
// well.
func TestWhatRunsBeside(t *testing.T) {
	from, err := valued(t, `
resetSlot: {token: again}
initContainers: [{name: fetch, image: "vault:1", volumeMounts: [{name: config, mountPath: /c}]}]
extraContainers: [{name: proxy, image: "proxy:2", ports: [{containerPort: 5432}]}]
dnsConfig: {searches: [db.internal], options: [{name: ndots, value: "1"}]}
`)
	if err != nil {
		t.Fatal(err)
	}
	daemon, jobs := from.pods()
	if c := daemon.Spec.Containers; len(c) != 2 || c[0].Name != "rowshift" || c[1].Name != "proxy" || c[1].Image != "proxy:2" || c[1].Ports[0].ContainerPort != 5432 {
		t.Errorf("the daemon's pod has %+v", c)
	}
	if len(jobs) != 1 || len(jobs[0].Spec.Containers) != 1 {
		t.Fatalf("the Jobs' pods are %+v", jobs)
	}
	for _, pod := range from.every() {
		if c := pod.Spec.InitContainers; len(c) != 1 || c[0].Image != "vault:1" || c[0].VolumeMounts[0].MountPath != "/c" {
			t.Errorf("before it runs %+v", c)
		}
		if d := pod.Spec.DNSConfig; d == nil || d.Searches[0] != "db.internal" || d.Options[0].Name != "ndots" || *d.Options[0].Value != "1" {
			t.Errorf("names are looked up by %+v", d)
		}
	}
}

// The annotations are on the Deployment, where those who watch it look for them.
func TestAnnotationsOfTheDeployment(t *testing.T) {
	const name = "secret.reloader.stakater.com/reload"
	from, err := valued(t, `deploymentAnnotations: {`+name+`: rowshift}`)
	if err != nil {
		t.Fatal(err)
	}
	d := one[*apps.Deployment](t, from)
	if _, inPod := d.Spec.Template.Annotations[name]; inPod || d.Annotations[name] != "rowshift" {
		t.Errorf("the Deployment has %v, its pods have %v", d.Annotations, d.Spec.Template.Annotations)
	}
}

// A constraint counts the daemon's pods unless it says otherwise. A constraint in the
// values replaces the chart's own.
func TestSpread(t *testing.T) {
	own := &meta.LabelSelector{MatchLabels: map[string]string{
		"app.kubernetes.io/name": release, "app.kubernetes.io/instance": release, "app.kubernetes.io/component": "daemon",
	}}
	theirs := &meta.LabelSelector{MatchLabels: map[string]string{"team": "accounts"}}
	zones := core.TopologySpreadConstraint{MaxSkew: 1, TopologyKey: "topology.kubernetes.io/zone", WhenUnsatisfiable: core.DoNotSchedule, LabelSelector: own}
	nodes := core.TopologySpreadConstraint{MaxSkew: 2, TopologyKey: "kubernetes.io/hostname", WhenUnsatisfiable: core.ScheduleAnyway, LabelSelector: theirs}
	from, err := valued(t, `
replicas: 2
topologySpreadConstraints:
  - {maxSkew: 1, topologyKey: topology.kubernetes.io/zone, whenUnsatisfiable: DoNotSchedule}
  - {maxSkew: 2, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: ScheduleAnyway, labelSelector: {matchLabels: {team: accounts}}}
`)
	if err != nil {
		t.Fatal(err)
	}
	daemon, _ := from.pods()
	if diff := cmp.Diff([]core.TopologySpreadConstraint{zones, nodes}, daemon.Spec.TopologySpreadConstraints); diff != "" {
		t.Errorf("asked for (-) and rendered (+):\n%s", diff)
	}
}

// The objects, except pods, name the version of the image, since the chart has none of
// its own to name. The pods do not need to: their image has the tag.
func TestTheVersionIsTheImages(t *testing.T) {
	for tag, want := range map[string]string{
		"0.1.0":                        "0.1.0",
		"1.10":                         "1.10",
		"v1.2.3-4-gabcdef0-dirty":      "v1.2.3-4-gabcdef0-dirty",
		"1.2.3@sha256:0123456789abcd":  "1.2.3",
		"_edge.":                       "edge",
		strings.Repeat("x", 62) + "-1": strings.Repeat("x", 62),
	} {
		from, err := valued(t, "image: {tag: "+strconv.Quote(tag)+"}")
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range from {
			if got := o.GetLabels()["app.kubernetes.io/version"]; got != want || len(validation.IsValidLabelValue(got)) > 0 {
				t.Errorf("of the tag %s %s says %q, want %q", tag, o.GetName(), got, want)
			}
		}
		daemon, _ := from.pods()
		if _, told := daemon.Labels["app.kubernetes.io/version"]; told {
			t.Error("a pod has the label")
		}
	}
}

// since are the blocks of values that were added after the chart's first release.
var since = []string{
	"podSecurityContext", "securityContext", "initContainers", "extraContainers", "deploymentAnnotations", "topologySpreadConstraints", "dnsConfig",
}

// `helm upgrade --reuse-values` of a release that is older than a block leaves the block
// out. The result must be the same as with the defaults.
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
