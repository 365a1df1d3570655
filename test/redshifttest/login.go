package redshifttest

import (
	"context"
	"crypto/md5"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// credential is a temporary password from AWS.
type credential struct {
	password string
	expires  time.Time
}

// SetCredential makes a password that GetClusterCredentials would give out. It opens
// sessions, over TLS only, until it expires; open sessions stay. The name is the full
// one, with its prefix and case: "IAM:name" for an existing user, "IAMA:name" to make the
// user if there is none.
// https://docs.aws.amazon.com/redshift/latest/mgmt/generating-iam-credentials-cli-api.html
func (s *Server) SetCredential(name, password string, expires time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.credentials[name] = credential{password: password, expires: expires}
}

// SetUser makes a user, or gives an existing one another password. It may be called while
// the server runs; open sessions stay.
func (s *Server) SetUser(ctx context.Context, name, password string) error {
	return s.control(ctx, func(conn *pgx.Conn) error { return s.putUser(ctx, conn, name, password) })
}

// putUser makes a user. The user's password is kept as the role's setting
// redshift.password. The role's own password is the stand-in's, which opens the backing
// session with it.
func (s *Server) putUser(ctx context.Context, conn *pgx.Conn, name, password string) error {
	_, err := conn.Exec(ctx, "CREATE ROLE "+quote(name)+" LOGIN")
	if err != nil && !hasCode(err, "42710") {
		return err
	}
	for _, statement := range []string{
		"ALTER ROLE " + quote(name) + " SET redshift.password TO " + text(passwordHash(name, password)),
		"GRANT CREATE, TEMP ON DATABASE " + quote(s.options.Database) + " TO " + quote(name),
	} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// passwordHash returns a password's hash as Redshift keeps it.
// https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_USER.html
func passwordHash(user, password string) string { return "md5" + hashed(password+user) }

func hashed(s string) string {
	h := md5.Sum([]byte(s))
	return hex.EncodeToString(h[:])
}

// control runs f on a superuser's connection to the backing server, one at a time.
func (s *Server) control(ctx context.Context, f func(*pgx.Conn) error) error {
	s.controlMu.Lock()
	defer s.controlMu.Unlock()
	if s.controlConn == nil || s.controlConn.IsClosed() {
		config := s.backing.Copy()
		config.Database = s.options.Database
		conn, err := pgx.ConnectConfig(ctx, config)
		if err != nil {
			return err
		}
		s.controlConn = conn
	}
	return f(s.controlConn)
}

// login checks the user's name and password, and returns the role on the backing server.
func (c *session) login(ctx context.Context, name string) (string, error) {
	wrong := &Refusal{Code: "28000", Message: fmt.Sprintf("password authentication failed for user %q", name), Rule: "R-021"}
	role, temporary := c.server.temporary(name)
	var hash string
	switch {
	case len(name) > 63: // the backing server would cut the name
		return "", wrong
	case temporary == nil:
		role = name
		var err error
		if hash, err = c.server.storedPassword(ctx, role); err != nil {
			return "", err
		}
	case !c.encrypted():
		return "", &Refusal{Code: "28000", Message: "[stand-in] a temporary password needs TLS", Rule: "R-024"}
	default:
		hash = passwordHash(name, temporary.password)
	}
	ok, err := c.authenticate(hash)
	if err == nil && temporary == nil {
		err = c.server.mayLogIn(role, ok)
	}
	if err != nil {
		return "", err
	}
	if !ok || temporary != nil && !time.Now().Before(temporary.expires) {
		return "", wrong
	}
	if known, err := c.server.admit(ctx, role, strings.HasPrefix(name, "IAMA:")); err != nil || !known {
		return "", errors.Join(err, wrong)
	}
	return role, nil
}

func (c *session) encrypted() bool {
	_, ok := c.client.(*tls.Conn)
	return ok
}

// temporary returns the credential of a name with an IAM prefix, and the role for which
// it is.
func (s *Server) temporary(name string) (string, *credential) {
	prefix, role, ok := strings.Cut(name, ":")
	if !ok || prefix != "IAM" && prefix != "IAMA" {
		return "", nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.credentials[name]
	return role, &found
}

// storedPassword returns the hash of a user's password, and an empty string if there is
// no password or no user.
func (s *Server) storedPassword(ctx context.Context, role string) (hash string, err error) {
	const query = `SELECT coalesce(max(split_part(setting, '=', 2)), '') FROM pg_roles, unnest(rolconfig) AS setting
		WHERE rolname = $1 AND rolcanlogin AND setting LIKE 'redshift.password=%'`
	err = s.control(ctx, func(conn *pgx.Conn) error { return conn.QueryRow(ctx, query, role).Scan(&hash) })
	return hash, err
}

// admit prepares a role for logins, the first time. It returns false if there is no such
// role and it may not make one.
func (s *Server) admit(ctx context.Context, role string, create bool) (known bool, err error) {
	err = s.control(ctx, func(conn *pgx.Conn) error {
		oid, err := loginOID(ctx, conn, role)
		if oid == 0 && create && err == nil {
			if err = s.putUser(ctx, conn, role, rand.Text()); err == nil {
				oid, err = loginOID(ctx, conn, role)
			}
		}
		known = oid != 0
		if err != nil || !known || s.admitted[oid] {
			return err
		}
		for _, statement := range []string{
			"ALTER ROLE " + quote(role) + " PASSWORD " + text(s.backingPassword(role)),
			"GRANT redshift_gate TO " + quote(role),
		} {
			if _, err := conn.Exec(ctx, statement); err != nil {
				return err
			}
		}
		s.admitted[oid] = true
		return nil
	})
	return known, err
}

// loginOID returns the OID of a role that may log in, and 0 if there is none.
func loginOID(ctx context.Context, conn *pgx.Conn, role string) (oid uint32, err error) {
	err = conn.QueryRow(ctx, "SELECT coalesce(max(oid::bigint), 0) FROM pg_roles WHERE rolname = $1 AND rolcanlogin", role).Scan(&oid)
	return oid, err
}

// backingPassword returns a role's password on the backing server, which stays the same
// when the stand-in is started again.
func (s *Server) backingPassword(role string) string {
	return hashed("redshifttest " + role + s.backing.Password)
}

// authenticate asks for the password and compares its hash. No password matches an empty
// hash.
func (c *session) authenticate(hash string) (bool, error) {
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
	plain, known := strings.CutPrefix(hash, "md5")
	return ok && known && answer.Password == "md5"+hashed(plain+string(salt[:])), nil
}

// connect opens a session on the backing server, as the user's role.
func (c *session) connect(ctx context.Context) (*pgconn.PgConn, error) {
	config := c.server.backing.Config.Copy()
	config.Database, config.User, config.Password = c.database, c.user, c.server.backingPassword(c.user)
	for name, value := range c.parameters {
		config.RuntimeParams[name] = value
	}
	conn, err := pgconn.ConnectConfig(ctx, config)
	var fault *pgconn.PgError
	if errors.As(err, &fault) {
		return nil, fault
	}
	return conn, err
}

// open opens the backing session and reads what the database and the user set.
func (c *session) open(ctx context.Context) error {
	var err error
	if c.backing, err = c.connect(ctx); err != nil {
		return err
	}
	read := c.backing.ExecParams(ctx, "SELECT * FROM "+catalogueSchema+".begin_session()", nil, nil, nil, nil).Read()
	if read.Err != nil || len(read.Rows) != 1 {
		_ = c.backing.Close(ctx) // the backing database was not made by the stand-in
		return &Refusal{Code: "3D000", Message: fmt.Sprintf("database %q does not exist", c.database), Rule: "R-022"}
	}
	c.level, c.superuser = Isolation(read.Rows[0][0]), string(read.Rows[0][1]) == "t"
	var seconds int
	if _, err := fmt.Sscan(string(read.Rows[0][2]), &seconds); err != nil {
		return err
	}
	c.idle = c.server.options.IdleTimeout
	if seconds > 0 {
		c.idle = time.Duration(seconds) * time.Second
	}
	return nil
}
