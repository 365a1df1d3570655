package s3test

import (
	"context"
	"sync"
	"testing"
)

// Start runs a server for one test and removes it when the test is over.
func Start(t testing.TB, options ...Options) *Server {
	t.Helper()
	var o Options
	if len(options) > 0 {
		o = options[0]
	}
	s, err := New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// Shared is one server for all tests of a package. The first test that uses it starts
// it. Keep it in a package variable and close it in TestMain.
type Shared struct {
	// Options may be set before the first use.
	Options Options

	once   sync.Once
	server *Server
	err    error
}

// Server returns the shared server. The test fails if it cannot be started.
func (s *Shared) Server(t testing.TB) *Server {
	t.Helper()
	s.once.Do(func() { s.server, s.err = New(context.Background(), s.Options) })
	if s.err != nil {
		t.Fatal(s.err)
	}
	return s.server
}

// Close ends the server if there is one.
func (s *Shared) Close() error {
	if s.server == nil {
		return nil
	}
	return s.server.Close()
}
