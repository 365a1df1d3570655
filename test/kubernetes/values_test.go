package kubernetes

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	apps "k8s.io/api/apps/v1"
	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	disruption "k8s.io/api/policy/v1"
)

// valued renders the chart with values in addition to the required ones.
func valued(t *testing.T, values string) (objects, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "values.yaml")
	if err := os.WriteFile(path, []byte(values), 0o600); err != nil {
		t.Fatal(err)
	}
	return rendered(t, "-f", chart+"/ci/base-values.yaml", "-f", path)
}

// valueCases are values and what is rendered with them.
var valueCases = map[string]struct {
	values string
	check  func(*testing.T, objects)
}{
	"a hot standby": {`replicas: 2`, func(t *testing.T, from objects) {
		spec := one[*apps.Deployment](t, from).Spec
		if *spec.Replicas != 2 || spec.Strategy.Type != apps.RollingUpdateDeploymentStrategyType || len(spec.Template.Spec.TopologySpreadConstraints) != 1 {
			t.Errorf("%d replicas, %+v, spread %+v", *spec.Replicas, spec.Strategy, spec.Template.Spec.TopologySpreadConstraints)
		}
		one[*disruption.PodDisruptionBudget](t, from)
	}},
	"a Secret that is there": {`existingSecret: vault-made`, func(t *testing.T, from objects) {
		daemon, _ := from.pods()
		if s := daemon.Spec.Volumes[1].Secret; s.SecretName != "vault-made" {
			t.Errorf("the passwords are of %s", s.SecretName)
		}
	}},
	"certificates that must be there": {`caConfigMap: trusted`, func(t *testing.T, from objects) {
		daemon, _ := from.pods()
		if c := daemon.Spec.Volumes[2].ConfigMap; c.Name != "trusted" || *c.Optional {
			t.Errorf("the certificates are of %+v", c)
		}
	}},
	"resources": {`resources: {requests: {cpu: 2}, limits: {memory: 2Gi}}`, func(t *testing.T, from objects) {
		daemon, _ := from.pods()
		r := container(t, daemon).Resources
		if r.Requests.Cpu().String() != "2" || r.Requests.Memory().String() != "256Mi" || r.Limits.Memory().String() != "2Gi" {
			t.Errorf("%+v", r)
		}
	}},
	"no limit of CPU": {`resources: {requests: {cpu: null}, limits: {cpu: null}}`, func(t *testing.T, from objects) {
		daemon, _ := from.pods()
		r := container(t, daemon).Resources
		if len(r.Requests) != 1 || len(r.Limits) != 1 || r.Requests.Memory().String() != "256Mi" || r.Limits.Memory().String() != "512Mi" {
			t.Errorf("%+v", r)
		}
	}},
	"another table": {`config: {tables: {public.invoice: {columns: [id, total], distkey: id}}}`, func(t *testing.T, from objects) {
		text := one[*core.ConfigMap](t, from).Data["rowshift.yaml"]
		if !strings.Contains(text, "public.company_person:") || !strings.Contains(text, "public.invoice:") {
			t.Errorf("the config is\n%s", text)
		}
		daemon, _ := from.pods()
		if code, _, stderr := local(t, from, daemon).run(t, "status"); code != 1 {
			t.Errorf("the binary ends with %d\n%s", code, stderr)
		}
	}},
	"names in quotes": {`config: {tables: {public.invoice: {columns: ["n", "on", "1.50", "true"], target: "y", distkey: "n", unlisted_on_wire: yes, rename: {"n": "no", "true": "off"}, types: {"on": VARCHAR(300)}, rules: {"1.50": null, "on": {too_long: truncate}}}}}`, func(t *testing.T, from objects) {
		text := one[*core.ConfigMap](t, from).Data["rowshift.yaml"]
		for _, name := range []string{`- "n"`, `- "on"`, `- "1.50"`, `- "true"`, `target: "y"`, `"n": "no"`, `"true": "off"`, `"on": VARCHAR(300)`} {
			if !strings.Contains(text, name) {
				t.Errorf("%s is not in\n%s", name, text)
			}
		}
		daemon, _ := from.pods()
		if code, _, stderr := local(t, from, daemon).run(t, "status"); code != 1 {
			t.Errorf("the binary ends with %d\n%s", code, stderr)
		}
	}},
	"another port": {`config: {listen: ":8080"}`, func(t *testing.T, from objects) {
		daemon, _ := from.pods()
		if p := container(t, daemon).Ports[0].ContainerPort; p != 8080 {
			t.Errorf("the port is %d", p)
		}
	}},
	"ports of the databases": {`config: {source: {dsn: "postgres://a@[2001:db8::1]:5433/app?sslmode=verify-full"}, warehouse: {dsn: "postgres://b@dw.internal/dw"}}`, func(t *testing.T, from objects) {
		egress := one[*networking.NetworkPolicy](t, from).Spec.Egress
		if s, w := egress[1].Ports[0].Port.String(), egress[2].Ports[0].Port.String(); s != "5433" || w != "5439" {
			t.Errorf("%s and %s go out", s, w)
		}
	}},
	"a password by a variable": {`{config: {source: {password: "${SOURCE}"}}, extraEnv: [{name: SOURCE, valueFrom: {secretKeyRef: {name: of-the-dba, key: it}}}]}`, func(t *testing.T, from objects) {
		daemon, _ := from.pods()
		if e := container(t, daemon).Env[1]; e.Name != "SOURCE" || e.ValueFrom.SecretKeyRef.Name != "of-the-dba" {
			t.Errorf("%+v", e)
		}
	}},
	"a token that is no name": {`resetSlot: {token: "After The Failover!"}`, func(t *testing.T, from objects) {
		job := one[*batch.Job](t, from)
		if len(job.Name) > 63 || strings.ContainsAny(job.Name, " !A") || !slices.Contains(container(t, job.Spec.Template).Args, "--token=After The Failover!") {
			t.Errorf("%s does %q", job.Name, container(t, job.Spec.Template).Args)
		}
	}},
	"somebody else's account": {`serviceAccount: {create: false, name: theirs}`, func(t *testing.T, from objects) {
		daemon, _ := from.pods()
		if n := len(all[*core.ServiceAccount](from)); n != 0 || daemon.Spec.ServiceAccountName != "theirs" {
			t.Errorf("%d accounts, and the pod's is %s", n, daemon.Spec.ServiceAccountName)
		}
	}},
	"addresses of the runbook": {`monitoring: {rules: {enabled: true, labels: {release: prometheus}, runbooks: "https://git.example.com/rowshift/"}}`, func(t *testing.T, from objects) {
		r := one[*monitoring.PrometheusRule](t, from)
		if r.Labels["release"] != "prometheus" {
			t.Errorf("the labels are %v", r.Labels)
		}
		for _, g := range r.Spec.Groups {
			for _, rule := range g.Rules {
				if rule.Alert != "" && !strings.HasPrefix(rule.Annotations["runbook_url"], "https://git.example.com/rowshift/deploy/README.md#") {
					t.Errorf("%s leads to %s", rule.Alert, rule.Annotations["runbook_url"])
				}
			}
		}
	}},
	"no policy": {`networkPolicy: {enabled: false}`, func(t *testing.T, from objects) {
		if len(all[*networking.NetworkPolicy](from)) != 0 {
			t.Error("there is one")
		}
	}},
	"passwords by a driver": {`{extraVolumes: [{name: vault, csi: {driver: secrets-store.csi.k8s.io, readOnly: true}}], extraVolumeMounts: [{name: vault, mountPath: /run/vault, readOnly: true}]}`, func(t *testing.T, from objects) {
		daemon, _ := from.pods()
		if v, m := daemon.Spec.Volumes[3], container(t, daemon).VolumeMounts[3]; v.CSI == nil || v.Name != m.Name || m.MountPath != "/run/vault" {
			t.Errorf("%+v is mounted by %+v", v, m)
		}
	}},
	"where it runs": {`{nodeSelector: {disk: ssd}, tolerations: [{operator: Exists}], priorityClassName: high, podLabels: {team: accounts}, podAnnotations: {note: "1"}, imagePullSecrets: [{name: registry}]}`, func(t *testing.T, from objects) {
		pod, _ := from.pods()
		if pod.Spec.NodeSelector["disk"] != "ssd" || len(pod.Spec.Tolerations) != 1 || pod.Spec.PriorityClassName != "high" ||
			pod.Labels["team"] != "accounts" || pod.Annotations["note"] != "1" || pod.Spec.ImagePullSecrets[0].Name != "registry" {
			t.Errorf("%+v", pod)
		}
	}},
}

func TestValues(t *testing.T) {
	for name, test := range valueCases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			from, err := valued(t, test.values)
			if err != nil {
				t.Fatal(err)
			}
			test.check(t, from)
		})
	}
}

// Values that cannot be meant are refused by name, before anything is in a cluster.
func TestBadValuesAreRefused(t *testing.T) {
	tests := map[string]struct{ values, named string }{
		"an unknown value":            {`replica: 2`, "replica"},
		"deeper down":                 {`networkPolicy: {enable: false}`, "enable"},
		"three replicas":              {`replicas: 3`, "replicas"},
		"replicas in words":           {`replicas: two`, "replicas"},
		"no image":                    {`image: {repository: ""}`, "repository"},
		"no tables":                   {`config: {tables: null}`, "tables"},
		"no source":                   {`config: {source: {dsn: null}}`, "dsn"},
		"a password":                  {`config: {source: {password: hunter2}}`, "password"},
		"a password in a DSN":         {`config: {warehouse: {dsn: "postgres://a:hunter2@dw/dw"}}`, "dsn"},
		"a password behind it":        {`config: {warehouse: {dsn: "postgres://a@dw/dw?password=hunter2"}}`, "dsn"},
		"a key for hashes":            {`config: {hash_key: hunter2-hunter2-hunter2-hunter2-}`, "hash_key"},
		"a listener for itself":       {`config: {listen: "127.0.0.1:9187"}`, "listen"},
		"a role that is none":         {`serviceAccount: {roleArn: rowshift}`, "roleArn"},
		"no limit of memory":          {`resources: {limits: {memory: null}}`, "memory"},
		"no request of memory":        {`resources: {requests: {memory: null}}`, "memory"},
		"a spread by nothing":         {`topologySpreadConstraints: [{maxSkew: 1}]`, "topologyKey"},
		"a container without one":     {`extraContainers: [{name: proxy}]`, "image"},
		"a name server too many":      {`dnsConfig: {nameserver: [10.0.0.2]}`, "nameserver"},
		"an annotation that is none":  {`deploymentAnnotations: {a: 1}`, "deploymentAnnotations"},
		"a user that is no number":    {`podSecurityContext: {runAsUser: nobody}`, "runAsUser"},
		"a network that is none":      {`networkPolicy: {sourceCIDRs: [db.internal]}`, "sourceCIDRs"},
		"no network":                  {`networkPolicy: {httpsCIDRs: []}`, "httpsCIDRs"},
		"an interval that is none":    {`monitoring: {podMonitor: {interval: often}}`, "interval"},
		"a token that is too long":    {`resetSlot: {token: "` + strings.Repeat("x", 201) + `"}`, "token"},
		"a Secret that has no name":   {`existingSecret: "my secret"`, "existingSecret"},
		"a config that is not a map":  {`config: rowshift.yaml`, "config"},
		"a column n of YAML":          {`config: {tables: {public.invoice: {columns: [id, n]}}}`, "public.invoice.columns: a name is no text; YAML takes n, y,"},
		"a target on of YAML":         {`config: {tables: {public.invoice: {columns: all, target: on}}}`, "public.invoice.target: a name is no text; YAML takes n, y,"},
		"a column 1.50 of YAML":       {`config: {tables: {public.invoice: {exclude: [1.50]}}}`, "public.invoice.exclude: a name is no text; YAML takes n, y,"},
		"a column null":               {`config: {tables: {public.invoice: {columns: [~]}}}`, "public.invoice.columns: a name is no text; YAML takes n, y,"},
		"a key y of YAML":             {`config: {tables: {public.invoice: {columns: all, rename: {y: z}}}}`, "public.invoice.rename: a column is called true; YAML takes n, y,"},
		"a name no of YAML":           {`config: {tables: {public.invoice: {columns: all, rename: {a: no}}}}`, "public.invoice.rename: a name is no text; YAML takes n, y,"},
		"a rule of off of YAML":       {`config: {tables: {public.invoice: {columns: all, rules: {off: truncate}}}}`, "public.invoice.rules: a column is called false; YAML takes n, y,"},
		"a bucket that is none of S3": {`config: {bucket: {url: "gs://a"}}`, "url"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := valued(t, test.values)
			if err == nil || !strings.Contains(err.Error(), test.named) {
				t.Errorf("not refused by the name of %s: %v", test.named, err)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the password is told: %v", err)
			}
		})
	}
}

// Kubernetes refuses to change the pod of an existing Job, and the upgrade with it, and
// does not run a failed Job again. So another image or a mended config makes another Job.
// If the token has been carried out, the Job finds that.
func TestAnUpgradeWhileAJobIsThere(t *testing.T) {
	name := func(job, values string) string {
		from, err := valued(t, "{"+job+", "+values+"}")
		if err != nil {
			t.Fatal(err)
		}
		return one[*batch.Job](t, from).Name
	}
	for _, job := range []string{`check: true`, `resetSlot: {token: again}`, `teardown: true`} {
		before := name(job, "replicas: 1")
		for _, values := range []string{`image: {tag: next}`, `extraEnv: [{name: A, value: b}]`, `tolerations: [{operator: Exists}]`, `config: {tables: {public.invoice: {columns: all}}}`} {
			if name(job, values) == before {
				t.Errorf("with %s the Job %s would have to change, or be run again", values, before)
			}
		}
		if again := name(job, "replicas: 2"); again != before {
			t.Errorf("%s is made beside %s for nothing", again, before)
		}
		if long := name(job, "fullnameOverride: "+strings.Repeat("x", 50)); len(long) > 63 {
			t.Errorf("%s has %d characters", long, len(long))
		}
	}
}

// An upgrade that reuses the values of a release lacks the defaults that the chart got
// since, so each upgrade that the page shows names its values.
func TestUpgradesNameTheirValues(t *testing.T) {
	page, err := os.ReadFile(chart + "/README.md")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for line := range strings.Lines(string(page)) {
		if strings.HasPrefix(line, "helm upgrade ") {
			if found++; !strings.Contains(line, " -f values.yaml") || strings.Contains(line, "reuse-values") {
				t.Errorf("the values are not named: %s", line)
			}
		}
	}
	if found < 3 {
		t.Errorf("only %d upgrades found: this test looks in the wrong place", found)
	}
}

// A release that once reset its slot can be torn down, or checked, with the values that it has.
func TestOneJobAtATime(t *testing.T) {
	for values, want := range map[string]string{
		`{resetSlot: {token: once}, teardown: true}`: "teardown",
		`{resetSlot: {token: once}, check: true}`:    "check",
		`{check: true, teardown: true}`:              "teardown",
	} {
		from, err := valued(t, values)
		if err != nil {
			t.Fatal(err)
		}
		if job := one[*batch.Job](t, from); job.Labels["app.kubernetes.io/component"] != want {
			t.Errorf("%s: the Job is %s", values, job.Name)
		}
	}
}

// The chart without values says what is missing.
func TestTheChartNeedsValues(t *testing.T) {
	_, err := helm(t, "template", release, chart)
	for _, name := range []string{"repository", "pipeline", "tables", "bucket", "dsn"} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s is not asked for: %v", name, err)
		}
	}
}

// After an installation the notes say how to end it without filling the source's disk.
// Helm shows the notes only with a cluster, so a copy of the chart has them in a
// ConfigMap.
func TestNotes(t *testing.T) {
	copied := t.TempDir()
	if err := os.CopyFS(copied, os.DirFS(chart)); err != nil {
		t.Fatal(err)
	}
	notes, err := os.ReadFile(copied + "/templates/NOTES.txt")
	if err != nil {
		t.Fatal(err)
	}
	shown := `{{ define "notes" }}` + string(notes) + `{{ end }}
apiVersion: v1
kind: ConfigMap
metadata: {name: notes}
data:
  notes: |
    {{- include "notes" . | nindent 4 }}
`
	if err := os.WriteFile(copied+"/templates/notes.yaml", []byte(shown), 0o600); err != nil {
		t.Fatal(err)
	}
	for values, want := range map[string]string{"teardown=false": " --reset-then-reuse-values --set teardown=true", "teardown=true": "component=teardown", "check=true": "component=check"} {
		out, err := helm(t, "template", release, copied, "-f", chart+"/ci/base-values.yaml", "--set", values, "--show-only", "templates/notes.yaml")
		if err != nil {
			t.Fatal(err)
		}
		if text := one[*core.ConfigMap](t, objects{decode(t, out)}).Data["notes"]; !strings.Contains(text, want) {
			t.Errorf("with %s there is no %q in\n%s", values, want, text)
		}
	}
}
