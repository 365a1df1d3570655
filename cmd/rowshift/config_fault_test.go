package main

import (
	"strings"
	"testing"
)

// faultCase changes one thing in a good config, and has the fault that this must give.
type faultCase struct {
	old, new string
	line     string // without the path and the colon that it begins with
}

func testFaults(t *testing.T, cases []faultCase) {
	t.Helper()
	for _, c := range cases {
		if strings.Count(goodConfig, c.old) != 1 {
			t.Errorf("%q is not once in the good config", c.old)
			continue
		}
		path := writeConfig(t, strings.Replace(goodConfig, c.old, c.new, 1))
		code, stdout, stderr := rowshift(t, "plan", "--config", path)
		if want := path + ":" + c.line + "\n"; code != 2 || stdout != "" || stderr != want {
			t.Errorf("%q: exit code %d, stdout %q\n got %s\nwant %s", c.new, code, stdout, stderr, want)
		}
	}
}

func TestFaultsOfTheFile(t *testing.T) {
	for _, c := range []struct{ text, line string }{
		{"", "1: the file is empty; write the config: the README has one to begin with"},
		{"# nothing\n", "1: the file is empty; write the config: the README has one to begin with"},
		{"pipeline: \"accounts\n", "1: could not find end character of double-quoted text; correct the YAML here"},
		{"pipeline: a\npipeline: b\n", `2: mapping key "pipeline" already defined at [1:1]; correct the YAML here`},
		{"a: 1\n---\nb: 1\n", "1: the file holds more than one YAML document; keep one, without --- between"},
		{"- a\n", "1: the file holds no keys; write keys, like pipeline: accounts"},
		{"accounts\n", "1: the file holds no keys; write keys, like pipeline: accounts"},
		{"\ufeffpipeline: a\npipeline: b\n", `2: mapping key "pipeline" already defined at [1:1]; correct the YAML here`},
		{"pipeline: accounts\nsource:\n  <<: *base\n  slot: x\n", "3: source.<<: is a merge key that cannot be read; write the keys out"},
		{"pipeline: accounts\nsource: *base\n", "2: names an alias that is not there; write a value that begins with * in quotes"},
	} {
		path := writeConfig(t, c.text)
		code, _, stderr := rowshift(t, "plan", "--config", path)
		if want := path + ":" + c.line + "\n"; code != 2 || stderr != want {
			t.Errorf("%q: exit code %d\n got %swant %s", c.text, code, stderr, want)
		}
	}
}

func TestFaultsOfTheSource(t *testing.T) {
	const dsn = "dsn: postgres://rowshift@db.internal/app"
	const form = "; write postgres://user@host:port/database"
	testFaults(t, []faultCase{
		{"pipeline: accounts", "pipeline: Accounts", `1: pipeline: "Accounts" does not have the right form; write 1 to 40 of a-z, 0-9, _ and -, a letter first`},
		{"pipeline: accounts", "pipeline:", "1: pipeline: is missing; write it"},
		{"pipeline: accounts", "pipeline: ''", "1: pipeline: is empty; write a value"},
		{dsn, "dsn: host=db user=x", "3: source.dsn: is not a URL of a database" + form},
		{dsn, "dsn: mysql://rowshift@db/app", "3: source.dsn: is not a URL of a database" + form},
		{dsn, "dsn: 'postgres://rowshift@db internal/app'", "3: source.dsn: is not a URL of a database" + form},
		{dsn, "dsn:", "3: source.dsn: is missing; write it"},
		{dsn, "dsn: postgres:///app", "3: source.dsn: does not name one host" + form + "; a DNS name may follow the primary"},
		{dsn, "dsn: postgres://rowshift@db1,db2/app", "3: source.dsn: does not name one host" + form + "; a DNS name may follow the primary"},
		{dsn, "dsn: postgres://db.internal/app", "3: source.dsn: names no user" + form},
		{dsn, "dsn: postgres://rowshift@db.internal", "3: source.dsn: names no database" + form},
		{dsn, "dsn: postgres://rowshift@db.internal/app/x", "3: source.dsn: names no database" + form},
		{dsn, "dsn: postgres://rowshift@db.internal:0/app", "3: source.dsn: has a port that is not valid; write 1 to 65535"},
		{dsn, "dsn: postgres://rowshift@db.internal:70000/app", "3: source.dsn: has a port that is not valid; write 1 to 65535"},
		{dsn, "dsn: postgres://rowshift:" + canary + "@db.internal/app", `3: source.dsn: holds a password; take it out, and write source.password as "${ENV}" or file:PATH`},
		{dsn, "dsn: postgres://rowshift:${ROWSHIFT_TEST_PASSWORD}@db.internal/app", `3: source.dsn: holds a password; take it out, and write source.password as "${ENV}" or file:PATH`},
		{dsn, "dsn: postgres://rowshift@db.internal/app?password=" + canary, `3: source.dsn: holds a password; take it out, and write source.password as "${ENV}" or file:PATH`},
		{dsn, "dsn: postgres://rowshift@db.internal/app?sslmode=disable", "3: source.dsn: has an sslmode that does not verify who answers; take it out: TLS is verify-full unless source.tls says otherwise"},
		{dsn, "dsn: postgres://rowshift@db.internal/app?sslmode=prefer", "3: source.dsn: has an sslmode that does not verify who answers; take it out: TLS is verify-full unless source.tls says otherwise"},
		{dsn, "dsn: postgres://rowshift@db.internal/app?sslmode=verify-ca", "3: source.dsn: has an sslmode that does not verify who answers; take it out: TLS is verify-full unless source.tls says otherwise"},
		{dsn, "dsn: postgres://rowshift@db.internal/app?sslrootcert=/x", "3: source.dsn: has sslrootcert; write source.ca in its place"},
		{dsn, "dsn: postgres://rowshift@db.internal/app?application_name=x", `3: source.dsn: has an option that is not for a DSN to set here; take it out: behind the question mark may stand connect_timeout`},
		{dsn, "dsn: postgres://rowshift@db.internal/app?connect_timeout=soon", "3: source.dsn: has a connect_timeout that is not valid; write 1 to 1023, in seconds"},
		{dsn, "dsn: ${ROWSHIFT_TEST_NOWHERE}", "3: source.dsn: names the environment variable ROWSHIFT_TEST_NOWHERE, which is not set; set it, or write the value"},
		{dsn, "dsn: postgres://${}@db.internal/app", "3: source.dsn: has ${ without a variable's name and } behind it; set it, or write the value"},
		{dsn, dsn + "\n  tls: disable", "4: source.tls: is disabled, and the host is not on this machine: passwords and rows would cross the network in clear; " +
			"leave it out; or, where something else encrypts the way, say tls_insecure: true"},
		{dsn, dsn + "\n  tls: require", `4: source.tls: is not a way to use TLS; leave it out: the server's certificate and name are then verified; or write disable`},
		{dsn, dsn + "\n  tls_insecure: true", "4: source.tls_insecure: is true, and TLS is on; take it out, or add tls: disable"},
		{dsn, dsn + "\n  tls_insecure: yes", `4: source.tls_insecure: "yes" is neither true nor false; write true or false`},
		{dsn, dsn + "\n  ca: |\n    -----BEGIN KEY-----\n    abc\n", "4: source.ca: has several lines, so it is no path; name a file of certificates in PEM; RDS' are at https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem"},
		{dsn, dsn + "\n  ca: /nowhere/rds.pem", "4: source.ca: /nowhere/rds.pem: no such file or directory; name a file of certificates in PEM; RDS' are at https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem"},
		{"create: true", "create: 1", `7: source.create: "1" is neither true nor false; write true or false`},
		{"create: true", "create: {a: b}", "7: source.create: has keys under it, or is an alias; write one value"},
		{"slot: rowshift_accounts", "slot: Rowshift", `5: source.slot: "Rowshift" does not have the right form; write 1 to 63 of a-z, 0-9 and _`},
		{"slot: rowshift_accounts", "slot: " + strings.Repeat("s", 64), `5: source.slot: "` + strings.Repeat("s", 64) + `" does not have the right form; write 1 to 63 of a-z, 0-9 and _`},
		{"slot: rowshift_accounts", "slot: rds_accounts", `5: source.slot: "rds_accounts" begins as Amazon's own slots do, and RDS refuses it; begin it otherwise, as with rowshift_`},
		{"slot: rowshift_accounts", "slot: amazon1", `5: source.slot: "amazon1" begins as Amazon's own slots do, and RDS refuses it; begin it otherwise, as with rowshift_`},
		{"publication: rowshift_accounts", "publication: my publication", `6: source.publication: "my publication" has a blank; write a name without`},
		{"publication: rowshift_accounts", "publication: public.accounts", `6: source.publication: "public.accounts" has a dot; write the name alone, without what it is in`},
		{"publication: rowshift_accounts", "publication: " + strings.Repeat("p", 70), "6: source.publication: has a name of 70 bytes, and 7 are cut off; write 63 bytes at most"},
		{"load_yield: 10s", "load_yield: 10", `8: source.load_yield: "10" is not a duration; write a number with its unit, like 500ms, 5s or 10m`},
		{"load_yield: 10s", "protocol_format: json", `8: source.protocol_format: "json" is not one of the choices; write auto, text or binary`},
		{"load_yield: 10s", "on_slot_lost: drop", `8: source.on_slot_lost: "drop" is not one of the choices; write halt or resync`},
		{"load_yield: 10s", "load_yield: -1s", "8: source.load_yield: \"-1s\" is out of range; write 1s to 1h0m0s"},
	})
}

func TestFaultsOfSecrets(t *testing.T) {
	const remedy = `; write "${ENV}", of a variable that is set, or file:PATH, of a file that can be read`
	const leave = `; write "${ENV}" or file:PATH, or leave it out for a server that asks for none`
	const password = "password: ${ROWSHIFT_TEST_PASSWORD}\n  slot"
	t.Setenv("ROWSHIFT_TEST_EMPTY", "")
	t.Setenv("ROWSHIFT_TEST_LINES", canary+"\n"+canary)
	testFaults(t, []faultCase{
		{password, "password: " + canary + "\n  slot", "4: source.password: is a secret in the file itself" + remedy},
		{password, "password: $${" + canary + "}\n  slot", "4: source.password: is a secret in the file itself" + remedy},
		{password, "password: ${ROWSHIFT_TEST_NOWHERE}\n  slot", "4: source.password: names the environment variable ROWSHIFT_TEST_NOWHERE, which is not set" + remedy},
		{password, "password: ${ROWSHIFT_TEST_EMPTY}\n  slot", "4: source.password: names the environment variable ROWSHIFT_TEST_EMPTY, which is empty" + remedy},
		{password, "password: ${ROWSHIFT_TEST_LINES}\n  slot", "4: source.password: names the environment variable ROWSHIFT_TEST_LINES, which holds more than one line" + remedy},
		{password, "password: ''\n  slot", "4: source.password: is empty" + leave},
		{password, "password: ~\n  slot", "4: source.password: is empty" + leave},
		{password, "password: 'file:'\n  slot", "4: source.password: names no file" + remedy},
		{password, "password: file:/nowhere/secret\n  slot", "4: source.password: open /nowhere/secret: no such file or directory" + remedy},
		{password, "password: file:/dev/null\n  slot", "4: source.password: /dev/null is empty" + remedy},
		{password, "password: [" + canary + "]\n  slot", `4: source.password: is not one value; write "${ENV}" or file:PATH`},
	})
}

// A password that is not text to YAML is not quoted in the fault about it.
func TestFaultsOfSecretsThatAreNoText(t *testing.T) {
	for value, fault := range map[string]string{
		"*" + canary:         "4: names an alias that is not there; write a value that begins with * in quotes",
		"|" + canary:         "4: has text right behind | or >; write a value that begins with | or > in quotes",
		">" + canary:         "4: has text right behind | or >; write a value that begins with | or > in quotes",
		"!" + canary + "{":   "4: has a tag that cannot be read; write a value that begins with ! in quotes",
		`"\q` + canary + `"`: `4: has a \ that escapes nothing; write it twice, or the value in single quotes`,
		"@" + canary:         "4: begins with a character that YAML reserves; write the value in quotes",
		"!!bool " + canary:   "4: cannot be read as YAML; correct the YAML here",
	} {
		testFaults(t, []faultCase{{"password: ${ROWSHIFT_TEST_PASSWORD}\n  slot", "password: " + value + "\n  slot", fault}})
	}
}

func TestFaultsOfTheWarehouse(t *testing.T) {
	const role = "copy_role: arn:aws:iam::123456789012:role/copy"
	const allowed = "; write the ARN of the role that COPY reads the bucket with, like arn:aws:iam::123456789012:role/copy"
	testFaults(t, []faultCase{
		{"dsn: postgres://loader@dw.internal:5439/dw", "dsn: postgres://loader@dw.internal:5439/dw?sslmode=require",
			"10: warehouse.dsn: has an sslmode that does not verify who answers; take it out: TLS is verify-full unless warehouse.tls says otherwise"},
		{"schema: userdata", "schema:", "12: warehouse.schema: is missing; write it"},
		{"schema: userdata", "schema: dw.userdata", `12: warehouse.schema: "dw.userdata" has a dot; write the name alone, without what it is in`},
		{"schema: userdata", "schema: user data", `12: warehouse.schema: "user data" has a blank; write a name without`},
		{"schema: userdata", "schema: pg_catalog", `12: warehouse.schema: "pg_catalog" is a schema of Redshift's own; name another`},
		{"schema: userdata", "schema: Information_Schema", `12: warehouse.schema: "Information_Schema" is a schema of Redshift's own; name another`},
		{"metadata_schema: rowshift", "metadata_schema: UserData",
			`13: warehouse.metadata_schema: is warehouse.schema too: "userdata"; give what Rowshift remembers a schema of its own, like rowshift`},
		{role, "copy_role: copy", `14: warehouse.copy_role: "copy" does not have the right form` + allowed},
		{role, "copy_role: arn:aws:iam::1234:role/copy", `14: warehouse.copy_role: "arn:aws:iam::1234:role/copy" does not have the right form` + allowed},
		{role, "copy_role: arn:aws:iam::123456789012:user/copy", `14: warehouse.copy_role: "arn:aws:iam::123456789012:user/copy" does not have the right form` + allowed},
		{role, "copy_role: \"arn:aws:iam::123456789012:role/x' --\"", `14: warehouse.copy_role: "arn:aws:iam::123456789012:role/x' --" does not have the right form` + allowed},
		{"  " + role + "\n", "", "9: warehouse.copy_role: is missing; write it"},
		{"readers: [analysts]", "readers: [analysts, analysts]", `15: warehouse.readers: names "analysts" twice; keep one`},
		{"readers: [analysts]", "readers: ['']", "15: warehouse.readers: has an empty entry; take it out"},
		{"readers: [analysts]", "readers: ['group ']", `15: warehouse.readers: "group " is neither a user, nor group or role and a name; write like analysts, "group bi" or "role analyst"`},
		{"readers: [analysts]", "readers: [team bi]", `15: warehouse.readers: "team bi" is neither a user, nor group or role and a name; write like analysts, "group bi" or "role analyst"`},
		{"readers: [analysts]", "readers: [group  bi]", `15: warehouse.readers: "group  bi" is neither a user, nor group or role and a name; write like analysts, "group bi" or "role analyst"`},
		{"readers: [analysts]", "readers: {a: b}", "15: warehouse.readers: has keys under it, or is an alias; write one value"},
		{"query_group: rowshift", "on_copy_error: drop", `16: warehouse.on_copy_error: "drop" is not one of the choices; write quarantine or halt`},
		{"query_group: rowshift", "ddl: ask", `16: warehouse.ddl: "ask" is not one of the choices; write apply or print`},
		{"query_group: rowshift", "query_group: [a]", "16: warehouse.query_group: is a list; write one value"},
	})
}

func TestFaultsOfTheBucket(t *testing.T) {
	const url = "url: s3://acme-rowshift/accounts"
	testFaults(t, []faultCase{
		{url, "url: https://acme.s3.amazonaws.com", "18: bucket.url: is not the URL of a bucket; write s3://bucket/prefix"},
		{url, "url: s3://key:" + canary + "@acme/x", "18: bucket.url: is not the URL of a bucket; write s3://bucket/prefix"},
		{url, "url: s3://Acme_Rowshift/x", `18: bucket.url: "s3://Acme_Rowshift/x" does not name a bucket; write s3://bucket/prefix, the bucket of 3 to 63 of a-z, 0-9, . and -`},
		{url, "url: s3://acme/a//b", "18: bucket.url: has a prefix with characters that objects' names should not have; write s3://bucket/prefix, the prefix of letters, digits and !_.*()=-/"},
		{url, "url:", "18: bucket.url: is missing; write it"},
		{"region: eu-west-1", "region: Ireland", `19: bucket.region: "Ireland" does not have the right form; write the bucket's region, like eu-west-1`},
		{"region: eu-west-1", "region: eu-west-1\n  kms_key: my key", `20: bucket.kms_key: "my key" does not have the right form; write a KMS key's ARN, id or alias/name; or leave it out, for the bucket's own encryption`},
		{"region: eu-west-1", "region: eu-west-1\n  endpoint: http://s3.internal:9000", "20: bucket.endpoint: is without TLS, and the host is not on this machine; write https://"},
		{"region: eu-west-1", "region: eu-west-1\n  compression: lzo", `20: bucket.compression: "lzo" is not one of the choices; write zstd or gzip`},
		{"region: eu-west-1", "region: eu-west-1\n  endpoint: s3.internal", "20: bucket.endpoint: is not the URL of an S3 endpoint; write https://host:port, or leave it out for AWS"},
	})
	t.Setenv("AWS_ENDPOINT_URL", "http://s3.internal:9000")
	testFaults(t, []faultCase{{"region: eu-west-1", "region: eu-west-1 ",
		"17: bucket.endpoint: the environment variable AWS_ENDPOINT_URL is without TLS, and the host is not on this machine; write https://"}})
}

func TestFaultsOfBatchesAndTheRest(t *testing.T) {
	testFaults(t, []faultCase{
		{"rows: 500000", "rows: 0", "20: batch.rows: \"0\" is out of range; write 1 to 10000000"},
		{"rows: 500000", "rows: many", `20: batch.rows: "many" is not a whole number; write 1 to 10000000`},
		{"bytes: 128MiB", "bytes: 64Mi!", `20: batch.bytes: "64Mi!" is not a size; write a number with its unit, like 64MiB`},
		{"bytes: 128MiB", "bytes: 64", "20: batch.bytes: \"64\" is out of range; write 1.0 MiB to 8.0 GiB"},
		{"max_age: 5s", "max_age: 0s", "20: batch.max_age: \"0s\" is out of range; write 10ms to 24h0m0s"},
		{"min_interval: 1s", "min_interval: 1m", "20: batch.min_interval: is longer than batch.max_age, which seals a batch before it; raise batch.max_age as well, or leave it out"},
		{"checkpoint_refresh: 5m", "checkpoint_refresh: -5m", "26: checkpoint_refresh: \"-5m\" is out of range; write 0s to 24h0m0s"},
		{"checkpoint_refresh_wal: 256MiB", "checkpoint_refresh_wal: 0", "27: checkpoint_refresh_wal: \"0\" is out of range; write 1.0 MiB to 1.0 TiB"},
		{"listen: :9187", "listen: 9187", `28: listen: "9187" is not an address; write host:port, or :9187 for every interface`},
		{"listen: :9187", "listen: localhost:http", `28: listen: "localhost:http" is not an address; write host:port, or :9187 for every interface`},
		{"listen: :9187", "listen: 256.1.1.1:80", `28: listen: "256.1.1.1:80" is not an address; write host:port, or :9187 for every interface`},
		{"listen: :9187", "listen: 'a b:80'", `28: listen: "a b:80" is not an address; write host:port, or :9187 for every interface`},
		{"listen: :9187", "listen: ''", "28: listen: is empty; write host:port, or leave it out for :9187"},
		{"level: info", "level: verbose", `29: log.level: "verbose" is not one of the choices; write info, debug, warn or error`},
		{"log: {level: info}", "log: [info]", "29: log: is a list, and there should be keys under it; known here: level"},
		{"log: {level: info}", "log: info", "29: log: is one value, and there should be keys under it; known here: level"},
	})
}

func TestFaultsOfTheHashKey(t *testing.T) {
	const before = "tables:\n  public.company:"
	with := func(reference string) string { return "hash_key: " + reference + "\n" + before }
	testFaults(t, []faultCase{
		{before, with(canary), `21: hash_key: is a secret in the file itself; write "${ENV}", of a variable that is set, or file:PATH, of a file that can be read`},
		{before, with("file:/nowhere/key"), `21: hash_key: open /nowhere/key: no such file or directory; write "${ENV}", of a variable that is set, or file:PATH, of a file that can be read`},
		{before, with("''"), `21: hash_key: is empty; write "${ENV}" or file:PATH, or leave it out where no table has hash`},
		{before, with("${ROWSHIFT_TEST_PASSWORD}"), "21: hash_key: names a key of 23 bytes, and hashes by a short one can be guessed; make one of 32 bytes or more, as by openssl rand -hex 32"},
	})
}

func TestFaultsOfTables(t *testing.T) {
	const company = "public.company: {columns: [id, plan, created_at]}"
	testFaults(t, []faultCase{
		{company, "company: {columns: all}", `22: tables.company: is not a table's name with its schema; write schema.table, as the catalogue spells it; "my.schema".table where a name holds a dot`},
		{company, "a.b.c: {columns: all}", `22: tables.a.b.c: is not a table's name with its schema; write schema.table, as the catalogue spells it; "my.schema".table where a name holds a dot`},
		{company, "public.*: {columns: all}", "22: tables.public.*: is a wildcard, and wildcards are not supported; list the tables, one key for each"},
		{company, "public.company: {columns: [all]}", "22: tables.public.company.columns: lists a column called all alone; write columns: all for all columns"},
		{company, "public.company: {columns: all, target: userdata.company}", `22: tables.public.company.target: "userdata.company" has a dot; write the name alone, without what it is in`},
		{company, "public.company: {}", "22: tables.public.company: does not say which columns leave the database; write columns: [...], exclude: [...] or columns: all"},
		{company, "public.company: {columns: [id], exclude: [plan]}", "22: tables.public.company: has both columns and exclude; keep one of them"},
		{company, "public.company: {columns: some}", `22: tables.public.company.columns: "some" is neither a list nor all; write [name, ...] or all`},
		{company, `public.company: {columns: "${NOWHERE_TO_BE_SEEN}"}`, "22: tables.public.company.columns: names the environment variable NOWHERE_TO_BE_SEEN, which is not set; set it, or write the value"},
		{company, "public.company: {columns: x" + strings.Repeat("ä", 40) + "}", "22: tables.public.company.columns: \"x" + strings.Repeat("ä", 31) + "...\" is neither a list nor all; write [name, ...] or all"},
		{company, "public.company: {columns: []}", "22: tables.public.company.columns: is an empty list; name at least one column, or write columns: all"},
		{company, "public.company: {columns: [id, id]}", `22: tables.public.company.columns: names "id" twice; keep one`},
		{company, "public.company: {columns: [[id]]}", "22: tables.public.company.columns: is not a list; write [name, ...]"},
		{company, "public.company: {exclude: all}", "22: tables.public.company.exclude: is not a list; write [name, ...]"},
		{company, "public.company: {columns: [" + strings.Repeat("c", 64) + "]}", "22: tables.public.company.columns: has a name of 64 bytes, and 1 are cut off; write 63 bytes at most"},
		{company, "public.company: {columns: [id], distkey: plan}", `22: tables.public.company.distkey: "plan" is not among the columns; add it to columns, or name another`},
		{company, "public.company: {exclude: [plan], sortkey: plan}", `22: tables.public.company.sortkey: "plan" is excluded; take it out of exclude, or name another`},
		{company, "public.company: {columns: all, sortkey: {a: b}}", "22: tables.public.company.sortkey: has keys under it, or is an alias; write one value"},
		{company, "public.company: {columns: all, target: " + strings.Repeat("t", 128) + "}", "22: tables.public.company.target: has a name of 128 bytes, and 1 are cut off; write 127 bytes at most"},
		{company, "public.company: {columns: all, unlisted_on_wire: perhaps}", `22: tables.public.company.unlisted_on_wire: "perhaps" is neither true nor false; write true or false`},
		{company, "public.company: all", "22: tables.public.company: is one value, and there should be keys under it; known here: columns, exclude, target, distkey, sortkey, where, unlisted_on_wire, hash, rename, types, rules"},
		{company, "public.company: {columns: all, target: Plan}", `24: tables.public.plan: has the target "plan", which is that of public.company as well; give one of them another target`},
		{company, "public.company: {columns: all, hash: [plan]}", `22: tables.public.company.hash: has no key to hash with; write hash_key: "${ENV}" or file:PATH beside tables`},
		{company, "public.company: {columns: [id], rename: {name: title}}", `22: tables.public.company.rename: "name" is not among the columns; add it to columns, or name another`},
		{company, "public.company: {exclude: [plan], rename: {plan: title}}", `22: tables.public.company.rename: "plan" is excluded; take it out of exclude, or name another`},
		{company, "public.company: {columns: all, rename: {plan: ''}}", "22: tables.public.company.rename.plan: is empty; write a value"},
		{company, "public.company: {columns: all, rename: {plan: company.plan}}", `22: tables.public.company.rename.plan: "company.plan" has a dot; write the name alone, without what it is in`},
		{company, "public.company: {columns: all, rename: {id: Key, plan: key}}", `22: tables.public.company.rename.plan: "key" is the name of "id" as well; give one of them another`},
		{company, "public.company: {columns: all, rename: {plan: " + strings.Repeat("t", 128) + "}}", "22: tables.public.company.rename.plan: has a name of 128 bytes, and 1 are cut off; write 127 bytes at most"},
		{company, "public.company: {columns: all, rename: [plan]}", "22: tables.public.company.rename: is a list, and there should be keys under it; known here: one key for each column that is to have another name in the warehouse: full_name: name"},
		{company, "public.company: {columns: [id], types: {plan: DATE}}", `22: tables.public.company.types: "plan" is not among the columns; add it to columns, or name another`},
		{company, "public.company: {columns: all, types: {plan: TEXT}}", `22: tables.public.company.types.plan: "TEXT" is not a type of Redshift that rowshift makes; write a type with its length, like VARCHAR(300) or DECIMAL(12,2)`},
		{company, "public.company: {columns: all, types: {plan: VARCHAR(70000)}}", `22: tables.public.company.types.plan: VARCHAR(70000) is out of range: 1 to 65535; write a type with its length, like VARCHAR(300) or DECIMAL(12,2)`},
		{company, "public.company: {columns: all, types: {plan: [DATE]}}", "22: tables.public.company.types.plan: is a list; write one value"},
		{company, "public.company: {columns: all, types: DATE}", "22: tables.public.company.types: is one value, and there should be keys under it; known here: one key for each column that is to have another type in Redshift: note: VARCHAR(300)"},
		{company, "public.company: {columns: all, rules: {plan: cut}}", `22: tables.public.company.rules.plan: "cut" is not a rule; write fail, null, clamp, truncate or quarantine`},
		{company, "public.company: {columns: all, rules: {plan: {long: truncate}}}", `22: tables.public.company.rules.plan.long: is not a kind of misfit; write one of too_long, out_of_range, inexact, nan, infinity, before_era, odd_offset, not_utf8, zero_byte, empty, too_deep, same_name, malformed`},
		{company, "public.company: {columns: all, rules: {plan: {too_long: [truncate]}}}", "22: tables.public.company.rules.plan.too_long: is a list; write one value"},
		{company, "public.company: {exclude: [plan], rules: {plan: fail}}", `22: tables.public.company.rules: "plan" is excluded; take it out of exclude, or name another`},
		{company, "'\"public\".person': {columns: all, target: people}", `23: tables.public.person: is the table public.person, which tables."public".person is as well; keep one of them`},
		{company, "other.person: {columns: all}", `23: tables.public.person: has the target "person", which is that of other.person as well; give one of them another target`},
	})
	above, rest, _ := strings.Cut(goodConfig, "  public.company:")
	_, below, _ := strings.Cut(rest, "checkpoint_refresh:")
	none := above + "checkpoint_refresh:" + below
	path := writeConfig(t, none)
	code, _, stderr := rowshift(t, "plan", "--config", path)
	if want := path + ":21: tables: names no table; write one key for each table, like public.company: {columns: [id, plan]}\n"; code != 2 || stderr != want {
		t.Errorf("exit code %d\n got %swant %s", code, stderr, want)
	}
}

// TestUnknownKeysAreShown checks that the excerpt has the line and a caret, but not the
// value beside the key, which may be a password.
func TestUnknownKeysAreShown(t *testing.T) {
	text := strings.Replace(goodConfig, "log: {level: info}", "log: {lvl: "+canary+", level: info}\nsorce: {password: "+canary+"}", 1)
	path := writeConfig(t, text)
	code, _, stderr := rowshift(t, "plan", "--config", path)
	if code != 2 {
		t.Errorf("exit code %d", code)
	}
	golden(t, "unknown_keys.txt", strings.ReplaceAll(stderr, path, "rowshift.yaml"))
}

func TestAllFaultsAreToldAtOnce(t *testing.T) {
	code, _, stderr := rowshift(t, "plan", "--config", "testdata/many_faults.yaml")
	if code != 2 {
		t.Errorf("exit code %d", code)
	}
	golden(t, "many_faults.txt", stderr)
}
