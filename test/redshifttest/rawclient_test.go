package redshifttest_test

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"maps"
	"net"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
)

// rawClient speaks the protocol one message at a time.
type rawClient struct {
	*pgproto3.Frontend
	t        *testing.T
	conn     net.Conn
	statuses map[string]string
	secret   *pgproto3.BackendKeyData
}

// raw connects and starts a session as dev with additional start-up parameters. It
// returns the error with which the server refused, if it did.
func (c *cluster) raw(version uint32, more map[string]string) (*rawClient, *pgproto3.ErrorResponse) {
	c.t.Helper()
	conn, err := net.Dial("tcp", c.Addr())
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = conn.Close() })
	r := &rawClient{Frontend: pgproto3.NewFrontend(conn, conn), t: c.t, conn: conn, statuses: map[string]string{}}
	parameters := map[string]string{"user": "dev", "database": c.database}
	maps.Copy(parameters, more)
	r.send(&pgproto3.StartupMessage{ProtocolVersion: version, Parameters: parameters})
	for {
		switch m := r.receive().(type) {
		case *pgproto3.ErrorResponse:
			refused := *m
			return nil, &refused
		case *pgproto3.AuthenticationMD5Password:
			r.send(&pgproto3.PasswordMessage{Password: "md5" + md5Hex(md5Hex("dev"+parameters["user"])+string(m.Salt[:]))})
		case *pgproto3.ParameterStatus:
			r.statuses[m.Name] = m.Value
		case *pgproto3.BackendKeyData:
			r.secret = &pgproto3.BackendKeyData{ProcessID: m.ProcessID, SecretKey: append([]byte(nil), m.SecretKey...)}
		case *pgproto3.ReadyForQuery:
			return r, nil
		}
	}
}

func md5Hex(s string) string {
	h := md5.Sum([]byte(s))
	return hex.EncodeToString(h[:])
}

func (r *rawClient) send(messages ...pgproto3.FrontendMessage) {
	r.t.Helper()
	for _, m := range messages {
		r.Send(m)
	}
	if err := r.Flush(); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rawClient) receive() pgproto3.BackendMessage {
	r.t.Helper()
	m, err := r.Receive()
	if err != nil {
		r.t.Fatal(err)
	}
	return m
}

// talk sends messages and returns the answers, up to the one that ends with until.
func (r *rawClient) talk(until string, messages ...pgproto3.FrontendMessage) []string {
	r.t.Helper()
	r.send(messages...)
	var answers []string
	for {
		line := answer(r.receive())
		answers = append(answers, line)
		if line == until {
			return answers
		}
	}
}

// answer returns a message as one line of text.
func answer(m pgproto3.BackendMessage) string {
	switch m := m.(type) {
	case *pgproto3.ReadyForQuery:
		return "ready " + string(m.TxStatus)
	case *pgproto3.CommandComplete:
		return string(m.CommandTag)
	case *pgproto3.ErrorResponse:
		return m.Severity + " " + m.Code + " " + m.Message
	case *pgproto3.NoticeResponse:
		return m.Severity + " " + m.Message
	case *pgproto3.DataRow:
		return fmt.Sprintf("row %q", m.Values)
	case *pgproto3.RowDescription:
		s := "columns"
		for _, f := range m.Fields {
			s += fmt.Sprintf(" %s:%d:%d", f.Name, f.DataTypeOID, f.Format)
		}
		return s
	case *pgproto3.ParameterDescription:
		return fmt.Sprint("parameters ", m.ParameterOIDs)
	case *pgproto3.ParameterStatus:
		return m.Name + "=" + m.Value
	}
	return fmt.Sprintf("%T", m)[len("*pgproto3."):]
}
