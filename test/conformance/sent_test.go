package conformance

import (
	"context"
	"io"
	"strings"
	"testing"

	"rowshift/test/surface"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"
)

// recorded is a config whose sessions note what the sink sends, on a real server too.
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
// which is all that the sink uses. Each is written at once: 'Q', its length and its text,
// which ends with a zero.
type requests struct {
	io.Writer
	sent *surface.Recorder
}

// Write takes a message.
func (r requests) Write(p []byte) (int, error) {
	const head = 5
	if len(p) > head && p[0] == 'Q' {
		r.sent.Record(surface.Daemon, string(p[head:len(p)-1]))
	}
	return r.Writer.Write(p)
}

// tellSent tells how much of what the daemon sends was tried, and with -v what was not. A
// form that is not on the list fails.
func (p *place) tellSent(t *testing.T) {
	t.Helper()
	missing, all := p.sent.Missing()
	t.Logf("the sink sent %d of the %d forms of test/surface/statements.sql", all-len(missing), all)
	if testing.Verbose() {
		t.Logf("not sent:\n  %s", strings.Join(missing, "\n  "))
	}
	if len(missing) == all {
		t.Error("nothing that the sink sent was noted")
	}
	if err := p.sent.Check(); err != nil {
		t.Error(err)
	}
}
