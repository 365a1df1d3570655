package bucket

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rowshift/replicator"
)

const role = "arn:aws:iam::123456789012:role/path/loader"

// sts answers each request as STS does, with that status and code. The daemon assumes a role
// there, by the token whose file it returns.
func sts(t *testing.T, status int, code string) (token string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/xml")
		w.WriteHeader(status)
		fmt.Fprintf(w, `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>%s</Code><Message>because</Message></Error><RequestId>1</RequestId></ErrorResponse>`, code)
	}))
	t.Cleanup(server.Close)
	cleanEnvironment(t)
	token = filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("a-token-that-must-not-show"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_ENDPOINT_URL_STS", server.URL)
	t.Setenv("AWS_ROLE_ARN", role)
	t.Setenv("AWS_WEB_IDENTITY_TOKEN_FILE", token)
	return token
}

// wanting returns a stager with the credentials that the environment gives it. Nothing answers
// in place of S3.
func wanting(t *testing.T) *Stager {
	t.Helper()
	s, err := New(t.Context(), Options{URL: "s3://acme/prefix", Pipeline: "accounts", Region: "eu-west-1", Endpoint: "http://127.0.0.1:1", Attempts: 1, Patience: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// halted checks what check and a run say of a request that failed for lack of credentials: it is
// tried again for as long as patience, and then is a halt.
func (s *Stager) halted(t *testing.T, says ...string) {
	t.Helper()
	_, ask := s.client.Options().Credentials.Retrieve(t.Context())
	first := s.judge(t.Context(), opPut, "key", ask)
	if _, is := errors.AsType[*CredentialsError](first); !is || replicator.Final(first) || !replicator.Retryable(first) {
		t.Errorf("at first: %v", first)
	}
	var findings []replicator.Finding
	for _, f := range s.Check(t.Context(), func(string) {}) {
		if f.Subject != subject(opDelete) {
			findings = append(findings, f)
		}
	}
	s.options.Patience = -1
	later := s.judge(t.Context(), opPut, "key", ask)
	h, is := errors.AsType[*replicator.Halt](later)
	if !is || h.Reason != replicator.BucketUnfit {
		t.Fatalf("later: %v", later)
	}
	for _, f := range append(findings, replicator.Finding{Subject: "halt", Verdict: replicator.Failure, Found: h.Found + ": " + h.Means, Repair: h.Repair}) {
		text := f.Found + "; " + f.Repair
		if f.Verdict != replicator.Failure {
			t.Errorf("%s is %s: %s", f.Subject, f.Verdict, text)
		}
		for _, word := range says {
			if !strings.Contains(text, word) {
				t.Errorf("%s: %q lacks %q", f.Subject, text, word)
			}
		}
		for _, word := range []string{"Allow", "S3 answers", "bucket: url", "can be reached", "must-not-show"} {
			if strings.Contains(text, word) {
				t.Errorf("%s: %q has %q", f.Subject, text, word)
			}
		}
	}
}

func TestRefusedBySTS(t *testing.T) {
	for _, c := range []struct {
		status int
		code   string
		says   []string
	}{
		{403, "AccessDenied", []string{"STS answers AccessDenied (because) to AssumeRoleWithWebIdentity", role, "trust policy", "--role-name loader", "sts:AssumeRoleWithWebIdentity"}},
		{400, "InvalidIdentityToken", []string{"STS answers InvalidIdentityToken", role, "OIDC provider", "trust policy"}},
		{400, "ExpiredTokenException", []string{"STS answers ExpiredTokenException", role, "has expired", "token renewed"}},
		{403, "RequestExpired", []string{"STS answers RequestExpired", "clock"}},
		{400, "ValidationError", []string{"STS answers ValidationError", role, "AWS_ROLE_ARN"}},
	} {
		t.Run(c.code, func(t *testing.T) {
			sts(t, c.status, c.code)
			wanting(t).halted(t, c.says...)
		})
	}
}

// An STS that fails, but does not refuse, is waited for.
func TestSTSFails(t *testing.T) {
	for _, c := range []struct {
		status int
		code   string
	}{{503, "ServiceUnavailable"}, {400, "Throttling"}, {0, ""}} {
		t.Run(c.code, func(t *testing.T) {
			sts(t, c.status, c.code)
			if c.status == 0 {
				t.Setenv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:1")
			}
			s := wanting(t)
			s.options.Patience = -1
			_, ask := s.client.Options().Credentials.Retrieve(t.Context())
			if err := s.judge(t.Context(), opPut, "key", ask); replicator.Final(err) || !replicator.Retryable(err) {
				t.Errorf("%v", err)
			}
			f := s.Check(t.Context(), func(string) {})[0]
			if f.Verdict != replicator.Unasked || !strings.Contains(f.Repair, "whether STS, which gives the daemon its credentials") {
				t.Errorf("%+v", f)
			}
		})
	}
}

// The agent of EKS or ECS that gives containers their credentials is waited for if it fails or
// does not answer. What it refuses is reported as a refusal.
func TestTheAgentOfContainers(t *testing.T) {
	for name, c := range map[string]struct {
		status int // 0: nobody answers
		waits  bool
	}{"away": {0, true}, "fails": {503, true}, "busy": {429, true}, "refuses": {403, false}} {
		t.Run(name, func(t *testing.T) {
			agent := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(c.status)
				fmt.Fprint(w, `{"code":"AccessDeniedException","message":"because"}`)
			}))
			t.Cleanup(agent.Close)
			cleanEnvironment(t)
			url := agent.URL
			if c.status == 0 {
				url = "http://127.0.0.1:1"
			}
			t.Setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", url)
			s := wanting(t)
			if !c.waits {
				s.halted(t, "the agent that gives this container its credentials answers", "trust policy")
				return
			}
			s.options.Patience = -1
			_, ask := s.client.Options().Credentials.Retrieve(t.Context())
			if err := s.judge(t.Context(), opPut, "key", ask); replicator.Final(err) || !replicator.Retryable(err) {
				t.Errorf("%v", err)
			}
			if f := s.Check(t.Context(), func(string) {})[0]; f.Verdict != replicator.Unasked || !strings.Contains(f.Repair, "look whether the agent") {
				t.Errorf("%+v", f)
			}
		})
	}
}

func TestNoCredentials(t *testing.T) {
	t.Run("none", func(t *testing.T) {
		cleanEnvironment(t)
		wanting(t).halted(t, "there are no credentials for S3", "AWS_ACCESS_KEY_ID", "role of its pod")
	})
	t.Run("no token", func(t *testing.T) {
		token := sts(t, 200, "")
		if err := os.Remove(token); err != nil {
			t.Fatal(err)
		}
		wanting(t).halted(t, "there are no credentials for S3", token, role, "service account")
	})
	t.Run("a machine without a role", func(t *testing.T) {
		cleanEnvironment(t)
		metadata(t, "")
		wanting(t).halted(t, "there are no credentials for S3", "role of its pod or machine")
	})
	t.Run("a process", func(t *testing.T) {
		cleanEnvironment(t)
		profile := filepath.Join(t.TempDir(), "config")
		if err := os.WriteFile(profile, []byte("[default]\ncredential_process = echo a-secret-that-must-not-show\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		t.Setenv("AWS_CONFIG_FILE", profile)
		wanting(t).halted(t, "credential_process failed")
	})
}

// metadata is the metadata service of a machine, of the kind that has no sessions. The machine
// has that role, or none if role is empty.
func metadata(t *testing.T, role string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch path, _ := strings.CutPrefix(r.URL.Path, "/latest/meta-data/iam/security-credentials/"); {
		case r.Method == http.MethodGet && role != "" && path == "":
			fmt.Fprint(w, role)
		case r.Method == http.MethodGet && role != "" && path == role:
			fmt.Fprint(w, `{"Code":"Success","AccessKeyId":"key","SecretAccessKey":"secret","Token":"token","Expiration":"2099-01-01T00:00:00Z"}`)
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(server.Close)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "false")
	t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", server.URL)
}

// TestTheKeysResource shows that the policy for a key names it as IAM does, however the config
// names it.
func TestTheKeysResource(t *testing.T) {
	for key, want := range map[string]string{
		"arn:aws:kms:eu-west-1:123456789012:key/1234abcd": `"Resource":"arn:aws:kms:eu-west-1:123456789012:key/1234abcd"}`,
		"mrk-1234abcd": `"Resource":"arn:aws:kms:eu-west-1:*:key/mrk-1234abcd"}`,
		"alias/x":      `"Resource":"arn:aws:kms:eu-west-1:*:key/*","Condition":{"ForAnyValue:StringEquals":{"kms:ResourceAliases":"alias/x"}}}`,
		"arn:aws:kms:eu-west-1:123456789012:alias/team/key": `"Resource":"arn:aws:kms:eu-west-1:123456789012:key/*","Condition":{"ForAnyValue:StringEquals":{"kms:ResourceAliases":"alias/team/key"}}}`,
	} {
		s := stager(t, func(o *Options) { o.KMSKey = key })
		if got := s.statement(opPut); !strings.HasSuffix(got, want) {
			t.Errorf("%s: %s", key, got)
		}
	}
}

// TestTheSDKWritesNothingItself shows that the SDK's warnings go to Options.Warned only, and not
// to stderr, which belongs to the log.
func TestTheSDKWritesNothingItself(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	stderr := os.Stderr
	os.Stderr = file
	defer func() { os.Stderr = stderr }()
	cleanEnvironment(t)
	metadata(t, "loader")
	for _, listens := range []bool{true, false} {
		var heard []string
		o := Options{URL: "s3://acme/prefix", Pipeline: "accounts", Region: "eu-west-1"}
		if listens {
			o.Warned = func(text string) { heard = append(heard, text) }
		}
		s, err := New(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.client.Options().Credentials.Retrieve(t.Context()); err != nil {
			t.Fatal(err)
		}
		if told := strings.Contains(strings.Join(heard, "\n"), "falling back to IMDSv1"); told != listens {
			t.Errorf("listens: %v; heard %q", listens, heard)
		}
	}
	if written, err := os.ReadFile(file.Name()); err != nil || len(written) != 0 {
		t.Errorf("stderr has %q, %v", written, err)
	}
}
