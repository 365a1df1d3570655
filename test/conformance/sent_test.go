package conformance

import (
	"context"
	"io"
	"slices"
	"strings"
	"testing"

	"rowshift/test/surface"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"
)

// recorded returns a config whose sessions note what the sink sends, to a real server
// too.
func (s *server) recorded(context.Context) (*pgx.ConnConfig, error) {
	c, err := s.config()
	if err != nil {
		return nil, err
	}
	c.BuildFrontend = func(r io.Reader, w io.Writer) *pgproto3.Frontend {
		return pgproto3.NewFrontend(r, requests{Writer: w, sent: &s.sent})
	}
	return c, nil
}

// requests passes on what a client writes, and notes the requests of the simple protocol,
// which is all that the sink uses. A client writes each request at once: 'Q', its length
// and its text, which ends with a zero.
type requests struct {
	io.Writer
	sent *surface.Recorder
}

// Write writes a message.
func (r requests) Write(p []byte) (int, error) {
	const head = 5
	if len(p) > head && p[0] == 'Q' {
		r.sent.Record(surface.Daemon, string(p[head:len(p)-1]))
	}
	return r.Writer.Write(p)
}

// unprovoked are forms that the suite cannot make the sink send at will. If the sink
// sends one all the same, it is noted as sent.
var unprovoked = []string{
	// It is sent where stl_load_errors cannot be read, as on a serverless workgroup, or
	// does not have the COPY yet. A cluster, and the stand-in, answer from
	// stl_load_errors.
	"SELECT TRIM(column_name), error_code, TRIM(file_name), line_number FROM sys_load_error_detail ORDER BY start_time DESC LIMIT 0",
}

// tellSent prints how much of what the daemon sends was tried, which forms could not be
// and, with -v, which others were not. A form that was sent and is not on the list fails
// the test.
func (p *place) tellSent(t *testing.T) {
	t.Helper()
	missing, all := p.sent.Missing()
	t.Logf("the sink sent %d of the %d forms of test/surface/statements.sql", all-len(missing), all)
	cannot := func(form string) bool { return slices.Contains(unprovoked, form) }
	if others := slices.DeleteFunc(slices.Clone(missing), cannot); testing.Verbose() && len(others) > 0 {
		t.Logf("not sent:\n  %s", strings.Join(others, "\n  "))
	}
	if left := slices.DeleteFunc(slices.Clone(missing), func(f string) bool { return !cannot(f) }); len(left) > 0 {
		t.Logf("not sent, as it cannot be provoked:\n  %s", strings.Join(left, "\n  "))
	}
	if len(missing) == all {
		t.Error("nothing that the sink sent was noted")
	}
	if err := p.sent.Check(); err != nil {
		t.Error(err)
	}
}

// TestUnprovokedFormsAreListed checks that each of these forms is still on the list: the
// daemon no longer sends one that is not.
func TestUnprovokedFormsAreListed(t *testing.T) {
	listed, _ := new(surface.Recorder).Missing()
	for _, form := range unprovoked {
		if !slices.Contains(listed, form) {
			t.Errorf("it is not on the list: %s", form)
		}
	}
}
