package redshifttest

import (
	"context"
	"crypto/md5"
	"crypto/rand"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"sync/atomic"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// session is one client's, with its session on the backing server.
type session struct {
	server      *Server
	client      net.Conn
	wire        *pgproto3.Backend
	backing     *pgconn.PgConn
	user        string
	application string
	secret      uint32

	inTransaction atomic.Bool
	failed        bool // a message of the extended protocol failed: all until Sync is skipped
	prepared      map[string]*preparation
	portals       map[string]*portal
}

// errGone says that the client has left, or was dropped.
var errGone = errors.New("redshifttest: the client is gone")

// attend serves one connection to its end.
func (s *Server) attend(conn net.Conn) {
	defer conn.Close()
	c := &session{server: s, client: conn, prepared: map[string]*preparation{}, portals: map[string]*portal{}}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ok, err := c.begin(ctx)
	if err != nil || !ok {
		return
	}
	pid := int(c.backing.PID())
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		_ = c.backing.Close(ctx)
		return
	}
	s.sessions[pid] = c
	s.mu.Unlock()
	left := c.serve(ctx)
	s.mu.Lock()
	delete(s.sessions, pid)
	ghost := !left && c.backing.TxStatus() != 'I' && !s.closed
	if ghost {
		s.ghosts = append(s.ghosts, c.backing) // its transaction and locks stay
	}
	s.mu.Unlock()
	if !ghost {
		_ = c.backing.Close(ctx)
	}
}

// begin takes the start-up messages and opens the backing session; false if the
// connection was for something else.
func (c *session) begin(ctx context.Context) (bool, error) {
	for {
		c.wire = pgproto3.NewBackend(c.client, c.client)
		message, err := c.wire.ReceiveStartupMessage()
		if err != nil {
			return false, err
		}
		switch m := message.(type) {
		case *pgproto3.SSLRequest:
			if c.server.options.TLS == nil {
				if _, err := c.client.Write([]byte{'N'}); err != nil {
					return false, err
				}
				continue
			}
			if _, err := c.client.Write([]byte{'S'}); err != nil {
				return false, err
			}
			c.client = tls.Server(c.client, c.server.options.TLS)
		case *pgproto3.GSSEncRequest:
			if _, err := c.client.Write([]byte{'N'}); err != nil {
				return false, err
			}
		case *pgproto3.CancelRequest:
			return false, c.server.cancel(ctx, m)
		case *pgproto3.StartupMessage:
			return true, c.start(ctx, m.Parameters)
		}
	}
}

// start checks the start-up options and the password.
func (c *session) start(ctx context.Context, parameters map[string]string) error {
	for name, value := range parameters {
		if err := startOption(name, value); err != nil {
			return c.fatal(err)
		}
	}
	c.user, c.application = lower(parameters["user"]), parameters["application_name"]
	if database := parameters["database"]; lower(database) != c.server.options.Database {
		return c.fatal(&Refusal{Code: "3D000", Message: fmt.Sprintf("database %q does not exist", database)})
	}
	password, known := c.server.options.Users[c.user]
	if ok, err := c.authenticate(password); err != nil || !ok || !known {
		return errors.Join(err, c.fatal(&Refusal{Code: "28000", Message: fmt.Sprintf("password authentication failed for user %q", c.user)}))
	}
	if err := c.open(ctx, password); err != nil {
		return c.fatal(&Refusal{Code: "08006", Message: "[stand-in] the backing server: " + err.Error()})
	}
	c.wire.Send(&pgproto3.AuthenticationOk{})
	encoding := "UNICODE"
	if parameters["client_encoding"] != "" {
		encoding = "UTF8"
	}
	for _, status := range [][2]string{
		{"server_version", "8.0.2"}, {"client_encoding", encoding}, {"DateStyle", "ISO, MDY"}, {"integer_datetimes", "on"},
		{"TimeZone", "UTC"}, {"is_superuser", map[bool]string{true: "on", false: "off"}[c.user == "dev"]}, {"session_authorization", c.user},
	} {
		c.wire.Send(&pgproto3.ParameterStatus{Name: status[0], Value: status[1]})
	}
	var secret [4]byte
	_, _ = rand.Read(secret[:])
	c.secret = binary.BigEndian.Uint32(secret[:])
	c.wire.Send(&pgproto3.BackendKeyData{ProcessID: c.backing.PID(), SecretKey: secret[:]})
	c.wire.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	return c.wire.Flush()
}

// startOption checks an option of the start-up message: one that Redshift does not
// know ends the connection.
func startOption(name, value string) error {
	switch lower(name) {
	case "user", "database", "options", "replication":
		return nil
	case "extra_float_digits":
		if value == "3" {
			return &Refusal{Code: "22023", Message: `3 is outside the valid range for parameter "extra_float_digits" (-15 .. 2)`}
		}
		return nil
	}
	if _, known := settings[lower(name)]; !known {
		return &Refusal{Code: "42704", Message: fmt.Sprintf("unrecognized configuration parameter %q", name)}
	}
	return nil
}

// authenticate asks for the password.
func (c *session) authenticate(password string) (bool, error) {
	var salt [4]byte
	_, _ = rand.Read(salt[:])
	c.wire.Send(&pgproto3.AuthenticationMD5Password{Salt: salt})
	if err := c.wire.Flush(); err != nil {
		return false, err
	}
	if err := c.wire.SetAuthType(pgproto3.AuthTypeMD5Password); err != nil {
		return false, err
	}
	message, err := c.wire.Receive()
	if err != nil {
		return false, err
	}
	answer, ok := message.(*pgproto3.PasswordMessage)
	return ok && answer.Password == "md5"+hashed(hashed(password+c.user)+string(salt[:])), nil
}

func hashed(s string) string {
	h := md5.Sum([]byte(s))
	return hex.EncodeToString(h[:])
}

// open opens the backing session, as the user that has the same name there.
func (c *session) open(ctx context.Context, password string) error {
	config := c.server.backing.Config.Copy()
	config.Database, config.User, config.Password = c.server.options.Database, c.user, password
	level := "repeatable read"
	if c.server.options.Isolation == Serializable {
		level = "serializable"
	}
	for name, value := range map[string]string{
		"search_path": `"$user",public,` + catalogueSchema, "default_transaction_isolation": level, "TimeZone": "UTC",
		"DateStyle": "ISO, MDY", "IntervalStyle": "postgres", "bytea_output": "hex", "standard_conforming_strings": "on",
		"application_name": c.application, "client_encoding": "UTF8", "jit": "off", "extra_float_digits": "0",
	} {
		config.RuntimeParams[name] = value
	}
	var err error
	c.backing, err = pgconn.ConnectConfig(ctx, config)
	return err
}

// fatal answers with an error and ends the connection.
func (c *session) fatal(err error) error {
	c.sendError(err, "FATAL")
	_ = c.wire.Flush()
	return err
}

// cancel ends the statement that a session runs.
func (s *Server) cancel(ctx context.Context, m *pgproto3.CancelRequest) error {
	s.mu.Lock()
	c := s.sessions[int(m.ProcessID)]
	s.mu.Unlock()
	if c == nil || len(m.SecretKey) != 4 || c.secret != binary.BigEndian.Uint32(m.SecretKey) {
		return nil
	}
	return c.backing.CancelRequest(ctx)
}
