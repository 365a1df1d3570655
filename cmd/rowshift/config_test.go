package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rowshift/replicator"
	"rowshift/replicator/postgres"
	"rowshift/schema"
	"rowshift/sink/bucket"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap/zapcore"
)

// load reads a config, and fails the test if it has faults.
func load(t *testing.T, text string) *config {
	t.Helper()
	c, err := loadConfig(writeConfig(t, text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func compare(t *testing.T, want, got any) {
	t.Helper()
	all := cmp.AllowUnexported(config{}, sourceConfig{}, warehouseConfig{}, bucketConfig{}, database{}, secret{})
	if d := cmp.Diff(want, got, all); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

func TestGoodConfig(t *testing.T) {
	password := secret{text: "${ROWSHIFT_TEST_PASSWORD}"}
	compare(t, &config{
		pipeline: "accounts",
		source: sourceConfig{
			database: database{host: "db.internal", port: 5432, user: "rowshift", name: "app", timeout: 10 * time.Second, password: password},
			slot:     "rowshift_accounts", publication: "rowshift_accounts", create: true, loadYield: 10 * time.Second, cataloguePoll: 10 * time.Second,
		},
		warehouse: warehouseConfig{
			database: database{host: "dw.internal", port: 5439, user: "loader", name: "dw", timeout: 10 * time.Second, password: password},
			schema:   "userdata", metadataSchema: "rowshift", copyRole: "arn:aws:iam::123456789012:role/copy",
			readers: []string{"analysts"}, queryGroup: "rowshift",
		},
		bucket: bucketConfig{url: "s3://acme-rowshift/accounts", region: "eu-west-1", compression: bucket.Zstd},
		limits: replicator.Limits{Rows: 500_000, Bytes: 128 << 20, MaxAge: 5 * time.Second, MinInterval: time.Second},
		tables: []schema.Choice{
			{Name: schema.Name{Schema: "public", Table: "company"}, Columns: []string{"id", "plan", "created_at"}},
			{Name: schema.Name{Schema: "public", Table: "company_person"}, Columns: []string{"person_uuid", "company_uuid"}, Target: "companyperson", DistKey: "company_uuid"},
			{Name: schema.Name{Schema: "public", Table: "person"}, Exclude: []string{"email", "full_name"}},
			{Name: schema.Name{Schema: "public", Table: "plan"}, All: true},
		},
		refresh: 5 * time.Minute, refreshBytes: 256 << 20, listen: ":9187", level: zapcore.InfoLevel,
	}, load(t, goodConfig))
}

// Promise 6: the config holds only where the key for hashed columns can be read, and the
// rooms get its value.
func TestHashAndRename(t *testing.T) {
	t.Setenv("ROWSHIFT_TEST_HASH_KEY", canary+"-of-32-bytes")
	text := strings.Replace(goodConfig, "  public.person: {exclude: [email, full_name]}",
		"  public.person: {exclude: [full_name], hash: [email, id], rename: {email: email_hash}}", 1)
	c := load(t, text+"hash_key: ${ROWSHIFT_TEST_HASH_KEY}\n")
	compare(t, schema.Choice{Name: schema.Name{Schema: "public", Table: "person"}, Exclude: []string{"full_name"},
		Hash: []string{"email", "id"}, Rename: map[string]string{"email": "email_hash"}}, c.tables[2])
	compare(t, secret{text: "${ROWSHIFT_TEST_HASH_KEY}"}, c.hashKey)
	choices, err := c.choices()
	if err != nil || choices[2].HashKey == nil || c.tables[2].HashKey != nil {
		t.Fatalf("%+v, %v", choices, err)
	}
	first := choices[2].HashKey.Fingerprint()
	t.Setenv("ROWSHIFT_TEST_HASH_KEY", canary+"-of-32-bytes-and-more")
	if choices, err = c.choices(); err != nil || choices[2].HashKey.Fingerprint() == first {
		t.Errorf("another key, and %v: the fingerprint is the same", err)
	}
}

func TestTypesAndRules(t *testing.T) {
	text := strings.Replace(goodConfig, "  public.company: {columns: [id, plan, created_at]}",
		`  public.company: {columns: all, types: {plan: "character varying(300)", seats: numeric(12)}, rules: {plan: null, seats: {nan: null, infinity: "null", out_of_range: quarantine}, "Odd": truncate}}`, 1)
	compare(t, schema.Choice{
		Name: schema.Name{Schema: "public", Table: "company"}, All: true,
		Types: map[string]string{"plan": "VARCHAR(300)", "seats": "DECIMAL(12,0)"},
		Rules: map[string]map[string]schema.Rule{
			"plan":  {schema.AnyMisfit: schema.Null},
			"seats": {schema.NotNumber: schema.Null, schema.Infinite: schema.Null, schema.OutOfRange: schema.Quarantine},
			"Odd":   {schema.AnyMisfit: schema.Truncate},
		},
	}, load(t, text).tables[0])
}

// minimal leaves out everything that has a default.
const minimal = `pipeline: my-accounts
source: {dsn: "postgresql://rowshift@[::1]/app?connect_timeout=3&sslmode=verify-full"}
warehouse: {dsn: "postgres://loader@dw.internal/dw", schema: userdata, copy_role: "arn:aws:iam::123456789012:role/a,arn:aws:iam::210987654321:role/b"}
bucket: {url: s3://acme, region: us-gov-west-1}
tables: {public.company: {columns: all}}
`

func TestDefaults(t *testing.T) {
	compare(t, &config{
		pipeline: "my-accounts",
		source: sourceConfig{
			database: database{host: "::1", port: 5432, user: "rowshift", name: "app", timeout: 3 * time.Second},
			slot:     "rowshift_my_accounts", publication: "rowshift_my_accounts", create: true, loadYield: 10 * time.Second, cataloguePoll: 10 * time.Second,
		},
		warehouse: warehouseConfig{
			database: database{host: "dw.internal", port: 5439, user: "loader", name: "dw", timeout: 10 * time.Second},
			schema:   "userdata", metadataSchema: "rowshift",
			copyRole: "arn:aws:iam::123456789012:role/a,arn:aws:iam::210987654321:role/b",
		},
		bucket:  bucketConfig{url: "s3://acme", region: "us-gov-west-1", compression: bucket.Zstd},
		limits:  replicator.Limits{Rows: 500_000, Bytes: 128 << 20, MaxAge: 5 * time.Second, MinInterval: time.Second},
		tables:  []schema.Choice{{Name: schema.Name{Schema: "public", Table: "company"}, All: true}},
		refresh: 5 * time.Minute, refreshBytes: 256 << 20, listen: ":9187", level: zapcore.InfoLevel,
	}, load(t, minimal))
}

// TestDefaultsAreTheReplicators checks that the defaults here equal what the zero value
// means to the replicator.
func TestDefaultsAreTheReplicators(t *testing.T) {
	var o replicator.Options
	o.EnsureDefaults()
	c := load(t, minimal)
	compare(t, o.Limits, c.limits)
	compare(t, o.Refresh, c.refresh)
	compare(t, o.RefreshBytes, c.refreshBytes)
}

func TestValues(t *testing.T) {
	t.Setenv("ROWSHIFT_TEST_HOST", "127.0.0.1")
	t.Setenv("ROWSHIFT_TEST_COLUMNS", "all")
	for _, c := range []struct {
		name, old, new string
		check          func(*config) bool
	}{
		{"refresh by log alone", "checkpoint_refresh: 5m", "checkpoint_refresh: 0", func(c *config) bool { return c.refresh < 0 }},
		{"no rest", "min_interval: 1s", "min_interval: 0s", func(c *config) bool { return c.limits.MinInterval == 1 }},
		{"a long interval takes the age along", "max_age: 5s, min_interval: 1s", "min_interval: 5m",
			func(c *config) bool {
				return c.limits.MinInterval == 5*time.Minute && c.limits.MaxAge == 5*time.Minute
			}},
		{"plain on this machine", "dsn: postgres://rowshift@db.internal/app", "dsn: postgres://rowshift@${ROWSHIFT_TEST_HOST}:5433/app\n  tls: disable",
			func(c *config) bool {
				return c.source.plain && c.source.host == "127.0.0.1" && c.source.port == 5433
			}},
		{"plain elsewhere, said twice", "dsn: postgres://rowshift@db.internal/app", "dsn: postgres://rowshift@db.internal/app\n  tls: disable\n  tls_insecure: true",
			func(c *config) bool { return c.source.plain }},
		{"a local bucket", "region: eu-west-1", "region: eu-west-1\n  endpoint: http://localhost:7070/\n  kms_key: alias/rowshift\n  compression: gzip",
			func(c *config) bool {
				return c.bucket.endpoint == "http://localhost:7070" && c.bucket.kmsKey == "alias/rowshift" && c.bucket.compression == bucket.Gzip
			}},
		{"one sort key", "public.plan: {columns: all}", "public.plan: {columns: all, sortkey: created_at}",
			func(c *config) bool { return len(c.tables[3].SortKey) == 1 && c.tables[3].SortKey[0] == "created_at" }},
		{"sort keys", "public.plan: {columns: all}", "public.plan: {columns: all, sortkey: [a, b], unlisted_on_wire: true}",
			func(c *config) bool { return len(c.tables[3].SortKey) == 2 && c.tables[3].UnlistedOnWire }},
		{"some rows", "public.plan: {columns: all}", "public.plan: {columns: all, where: \"code <> 'x'\"}", func(c *config) bool { return c.tables[3].Where == "code <> 'x'" }},
		{"a column called all", "public.plan: {columns: all}", "public.plan: {columns: [id, all]}",
			func(c *config) bool { return !c.tables[3].All && c.tables[3].Columns[1] == "all" }},
		{"all columns, by the environment", "public.company: {columns: [id, plan, created_at]}", `public.company: {columns: "${ROWSHIFT_TEST_COLUMNS}"}`,
			func(c *config) bool { return c.tables[0].All && c.tables[0].Columns == nil }},
		{"quoted names", "public.plan: {columns: all}", `'"my.Schema"."a""b"': {columns: all}`,
			func(c *config) bool { return c.tables[0].Name == schema.Name{Schema: "my.Schema", Table: `a"b`} }},
		{"one reader", "readers: [analysts]", "readers: analysts", func(c *config) bool { return c.warehouse.readers[0] == "analysts" }},
		{"readers of all kinds", "readers: [analysts]", "readers: [analysts, group bi, role analyst]", func(c *config) bool { return len(c.warehouse.readers) == 3 }},
		{"a name to listen on", "listen: :9187", "listen: rowshift-0.pods.internal:9187", func(c *config) bool { return c.listen == "rowshift-0.pods.internal:9187" }},
		{"an address to listen on", "listen: :9187", "listen: '[::1]:0'", func(c *config) bool { return c.listen == "[::1]:0" }},
		{"a byte order mark", "pipeline: accounts", "\ufeffpipeline: accounts", func(c *config) bool { return c.pipeline == "accounts" }},
		{"debug", "level: info", "level: debug", func(c *config) bool { return c.level == zapcore.DebugLevel }},
	} {
		if strings.Count(goodConfig, c.old) != 1 {
			t.Errorf("%s: %q is not once in the good config", c.name, c.old)
		}
		if !c.check(load(t, strings.Replace(goodConfig, c.old, c.new, 1))) {
			t.Errorf("%s: %q is not read as it should be", c.name, c.new)
		}
	}
}

func TestExpand(t *testing.T) {
	t.Setenv("ROWSHIFT_TEST_A", "a${ROWSHIFT_TEST_B}$$")
	t.Setenv("ROWSHIFT_TEST_B", "b")
	for _, c := range []struct{ text, want string }{
		{"", ""},
		{"$ and $5 and $$", "$ and $5 and $$"},
		{"${ROWSHIFT_TEST_B}", "b"},
		{"x${ROWSHIFT_TEST_B}y${ROWSHIFT_TEST_B}", "xbyb"},
		{"${ROWSHIFT_TEST_A}", "a${ROWSHIFT_TEST_B}$$"}, // references within a variable's value are not expanded
		{"$${ROWSHIFT_TEST_B}${ROWSHIFT_TEST_B}", "${ROWSHIFT_TEST_B}b"},
	} {
		if got, err := expand(c.text); err != nil || got != c.want {
			t.Errorf("expand(%q) = %q, %v; want %q", c.text, got, err, c.want)
		}
	}
	for _, text := range []string{"${", "${}", "${A", "${5}", "${A-B}", "${ROWSHIFT_TEST_NOWHERE}"} {
		if got, err := expand(text); err == nil {
			t.Errorf("expand(%q) = %q; want an error", text, got)
		}
	}
}

func TestSecretsAreReadAnew(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("one\n")
	c := load(t, strings.Replace(goodConfig, "password: ${ROWSHIFT_TEST_PASSWORD}\n  slot", "password: file:"+file+"\n  slot", 1))
	for _, text := range []string{"one\n", "two", "three\r\n", " four \n\n"} {
		write(text)
		got, err := c.source.connect(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if want := strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r"); got.Password != want {
			t.Errorf("the password is %q, want %q", got.Password, want)
		}
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if _, err := c.source.connect(t.Context()); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("without its file: %v", err)
	}
}

func TestProtocolFormat(t *testing.T) {
	for says, want := range map[string]postgres.Format{"protocol_format: auto": postgres.Auto, "protocol_format: text": postgres.Text, "protocol_format: binary": postgres.Binary, "load_yield: 10s": postgres.Auto} {
		c := load(t, strings.Replace(goodConfig, "load_yield: 10s", says, 1))
		if c.source.format != want {
			t.Errorf("%s: %q", says, c.source.format)
		}
	}
}

func TestOnSlotLost(t *testing.T) {
	for says, want := range map[string]bool{"on_slot_lost: resync": true, "on_slot_lost: halt": false, "load_yield: 10s": false} {
		c := load(t, strings.Replace(goodConfig, "load_yield: 10s", says, 1))
		if c.source.resyncLost != want {
			t.Errorf("%s: %v", says, c.source.resyncLost)
		}
	}
}
