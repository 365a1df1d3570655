package redshift

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"net"
	"strings"
	"time"

	"rowshift/replicator"

	"github.com/jackc/pgx/v5/pgconn"
)

// logins remembers, for all sessions of a Warehouse, which logins Redshift refused. So a
// password that was changed is not tried until its user is locked: five refusals in a row do
// that, unless the cluster says otherwise, and then the right password does not help either.
// https://docs.aws.amazon.com/redshift/latest/dg/max_failed_login_attempts.html
//
// One login is made at a time, because several that begin together would all be refused. Two
// refusals in a row are allowed, the second of the same password only after a pause, and after
// that one refusal of each password that was not tried yet.
type logins struct {
	turn  chan struct{} // full while a login is made; whoever filled it may use the other fields
	seed  maphash.Seed
	tried map[uint64]bool // hashes of the users and passwords that were refused since the last login
	times int             // refusals since then
	at    time.Time       // of the last one
	last  *Error
	now   func() time.Time // replaced in tests
}

const (
	// mostRefused is how many refusals in a row are allowed. A second daemon that waits for the
	// slot may add as many.
	mostRefused = 2

	// loginPause is how long a password that was refused once is not tried again. A mounted
	// Secret is updated within this time, so the second try is not wasted on the old password.
	// https://kubernetes.io/docs/concepts/configuration/secret/#using-secrets-as-files-from-a-pod
	loginPause = 2 * time.Minute
)

func newLogins() logins {
	return logins{turn: make(chan struct{}, 1), seed: maphash.MakeSeed(), now: time.Now}
}

// dial connects, unless the password is known to be refused.
func (w *Warehouse) dial(ctx context.Context) (*pgconn.PgConn, error) {
	l := &w.logins
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-ctx.Done():
		return nil, &Error{Op: OpConnect, Message: ctx.Err().Error(), retry: true}
	}
	config, err := w.options.Config(ctx)
	if err != nil {
		return nil, fmt.Errorf("redshift: %w", err)
	}
	c := &config.Config
	if err := l.before(c); err != nil {
		return nil, err
	}
	c.RuntimeParams["application_name"] = w.application()
	c.RuntimeParams["client_encoding"] = "UTF8"
	refusedOnce(c)
	conn, err := pgconn.ConnectConfig(ctx, c)
	return conn, l.after(c, err)
}

// before returns an error in place of a login that must not be tried, nil if it may be.
func (l *logins) before(c *pgconn.Config) error {
	switch {
	case fromIAM(c.User) || !l.tried[l.hash(c)]:
		return nil
	case l.times >= mostRefused:
		return loginRefused(l.last)
	case l.now().Sub(l.at) < loginPause:
		return l.last
	}
	return nil
}

// after takes note of how a login ended, and types its error.
func (l *logins) after(c *pgconn.Config, err error) error {
	if err == nil {
		l.tried, l.times, l.last = nil, 0, nil
		return nil
	}
	e := &Error{Op: OpConnect, Code: codeOf(err), Message: bare(err), retry: true}
	switch {
	case strings.Contains(e.Message, unknownLogin):
		return loginUnknown(c.User, e)
	case !strings.HasPrefix(e.Code, "28") || fromIAM(c.User) || strings.Contains(e.Message, "pg_hba.conf"): // no password was looked at
		return e
	}
	if l.tried == nil {
		l.tried = map[uint64]bool{}
	}
	e.user = c.User
	l.tried[l.hash(c)], l.last, l.at = true, e, l.now()
	if l.times++; l.times >= mostRefused {
		return loginRefused(e)
	}
	return e
}

// hash returns what a user and a password are remembered by; the password is not kept.
func (l *logins) hash(c *pgconn.Config) uint64 {
	return maphash.Comparable(l.seed, [2]string{c.User, c.Password})
}

// fromIAM reports whether a user name comes with a password that IAM issued. Such users are not
// locked.
// https://docs.aws.amazon.com/redshift/latest/mgmt/generating-iam-credentials-cli-api.html
// https://docs.aws.amazon.com/redshift/latest/dg/r_Users-user-lockout.html
func fromIAM(user string) bool {
	prefix, _, ok := strings.Cut(user, ":")
	return ok && strings.HasPrefix(prefix, "IAM")
}

// refusedOnce has a login that was refused not tried again at the host's next address: pgconn
// stops after 28P01, but goes on after the 28000 that Redshift answers with.
func refusedOnce(c *pgconn.Config) {
	refused := false
	heard, dial := c.OnPgError, c.DialFunc
	c.OnPgError = func(conn *pgconn.PgConn, e *pgconn.PgError) bool {
		refused = refused || strings.HasPrefix(e.Code, "28")
		return heard == nil || heard(conn, e)
	}
	c.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		if refused {
			return nil, errors.New("not tried: the login was refused at another address")
		}
		return dial(ctx, network, address)
	}
}

// loginRefused returns the halt for a password that is not tried any more. As far as is known,
// no code of class 28 says that a user is locked.
// https://docs.aws.amazon.com/redshift/latest/dg/r_SHOW_USER_LOCKOUT.html
// https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_USER.html
func loginRefused(e *Error) *replicator.Halt {
	cause := *e
	cause.retry = false
	return &replicator.Halt{
		Reason: replicator.WarehouseUnfit,
		Found:  fmt.Sprintf("Redshift refuses the login of user %q: %s", e.user, e.Message),
		Means: "warehouse.password is not the user's, or the user is locked: Redshift locks one after five refused logins in a row (max_failed_login_attempts), " +
			"so rowshift does not try this password any more",
		Repair: fmt.Sprintf("write the user's password into what warehouse.password names, which is tried at the next look, or give the user that password and restart rowshift. "+
			"If SHOW USER LOCKOUT tells a superuser that the user is locked: %s then restart rowshift", unlockUser(e.user)),
		Cause: &cause,
	}
}

// unknownLogin is what pgproto3 says of an authentication type that it does not know.
const unknownLogin = "unknown authentication type: "

// loginUnknown returns the halt for a user whose password is kept as a SHA-256 digest. The
// server asks for it by a type of its own (13, which is in Amazon's drivers:
// github.com/aws/amazon-redshift-jdbc-driver, ConnectionFactoryImpl.java).
// https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_USER.html
func loginUnknown(user string, e *Error) *replicator.Halt {
	e.retry = false
	return &replicator.Halt{
		Reason: replicator.WarehouseUnfit,
		Found:  fmt.Sprintf("Redshift asks for the password of user %q in a way that rowshift does not know: %s", user, e.Message),
		Means:  "its password was given as sha256|..., or an identity provider keeps it",
		Repair: fmt.Sprintf("give it in clear, or as an MD5 hash: %s", changePassword(user)),
		Cause:  e,
	}
}
