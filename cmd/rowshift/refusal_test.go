package main

import (
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
)

// listening serves every connection with serve, and returns the address.
func listening(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				serve(c)
			}()
		}
	}()
	return l.Addr().String()
}

// refusing answers each login with an error of that code, and returns the address.
func refusing(t *testing.T, code string) string {
	t.Helper()
	return listening(t, func(c net.Conn) {
		b := pgproto3.NewBackend(c, c)
		if _, err := b.ReceiveStartupMessage(); err == nil {
			b.Send(&pgproto3.ErrorResponse{Severity: "FATAL", SeverityUnlocalized: "FATAL", Code: code, Message: "because"})
			_ = b.Flush()
		}
	})
}

// roomsOf opens the rooms of a config, and closes them at the end of the test.
func roomsOf(t *testing.T, path string) *rooms {
	t.Helper()
	c, err := loadConfig(path)
	if err != nil {
		t.Fatal(err)
	}
	r, err := newRooms(t.Context(), c, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.close)
	return r
}

// TestRefusedLogins has both databases refuse the login. That counts under the runbook's
// cause, whatever the code is, and plan says where to look.
func TestRefusedLogins(t *testing.T) {
	for _, code := range []string{"28P01", "28000", "3D000", "53300", "57P03"} {
		t.Run(code, func(t *testing.T) {
			address := refusing(t, code)
			path := writeConfig(t, strings.NewReplacer(
				"postgres://rowshift@db.internal/app", "postgres://rowshift@"+address+"/app\n  tls: disable",
				"postgres://loader@dw.internal:5439/dw", "postgres://loader@"+address+"/dw\n  tls: disable",
			).Replace(goodConfig))
			r := roomsOf(t, path)
			_, ofSource := r.origin.SlotState(t.Context())
			_, ofWarehouse := r.warehouse.Checkpoint(t.Context())
			for which, err := range map[string]error{"source": ofSource, "warehouse": ofWarehouse} {
				if got := causeOf(err); got != "connect" || !strings.Contains(err.Error(), "because (SQLSTATE "+code+")") {
					t.Errorf("of the %s: cause %s, %v", which, got, err)
				}
			}
			exit, stdout, stderr := rowshift(t, "plan", "--config", path)
			if exit != 1 || stdout != "" || !strings.Contains(stderr, "make sure that warehouse.dsn, its password") {
				t.Errorf("plan: exit code %d, stdout %q, stderr %q", exit, stdout, stderr)
			}
		})
	}
}

// withoutCredentials hides the AWS settings of the user who runs the test.
func withoutCredentials(t *testing.T) {
	t.Helper()
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"} {
		t.Setenv(name, "")
	}
	for _, name := range []string{"AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"} {
		t.Setenv(name, t.TempDir()+"/none")
	}
}

// A restart for lack of credentials counts under "bucket", though the bucket was never
// asked.
func TestMissingCredentialsCountAsTheBuckets(t *testing.T) {
	path, _ := unreachable(t)
	withoutCredentials(t)
	_, err := roomsOf(t, path).stager.Sweep(t.Context(), 1)
	if got := causeOf(err); got != "bucket" {
		t.Errorf("cause %s: %v", got, err)
	}
}

// TestWarningsOfTheS3ClientAreLogged uses a metadata service without sessions, which the
// AWS SDK warns about. The warning must be an ordinary line of the log.
func TestWarningsOfTheS3ClientAreLogged(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	path, _ := unreachable(t)
	withoutCredentials(t)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "false")
	t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", server.URL)
	c, err := loadConfig(path)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	d := newDaemon(c, &log)
	r, err := newRooms(t.Context(), c, nil, d.teller.warned)
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	_, err = r.stager.Sweep(t.Context(), 1)
	d.close()
	var line struct{ Level, Message, Text string }
	if err == nil || json.NewDecoder(&log).Decode(&line) != nil || line.Level != "warn" || line.Message != "the S3 client warns" || !strings.Contains(line.Text, "IMDSv1") {
		t.Errorf("%v; the log has %+v", err, line)
	}
}
