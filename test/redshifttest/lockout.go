package redshifttest

import (
	"context"
	"fmt"
)

// lockouts counts wrong passwords in a row, by user. A database user who reaches the
// limit is locked until somebody unlocks it; until then even the right password is
// refused. The stand-in's own administrator, dev, is never locked, and temporary
// passwords do not count.
// https://docs.aws.amazon.com/redshift/latest/dg/r_Users-user-lockout.html
// https://docs.aws.amazon.com/redshift/latest/dg/max_failed_login_attempts.html
type lockouts map[string]int

// maxFailedLogins is how many wrong passwords in a row lock a user, unless the options
// say otherwise.
const maxFailedLogins = 5

// FailedLogins returns how many wrong passwords a user has given in a row.
func (s *Server) FailedLogins(user string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed[user]
}

// mayLogIn counts whether a user's password was right, and refuses a locked user either
// way. No public source has Redshift's words for that.
func (s *Server) mayLogIn(role string, right bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	most := s.options.MaxFailedLogins
	if most == 0 {
		most = maxFailedLogins
	}
	switch {
	case s.failed[role] >= most:
		return &Refusal{Code: "28000", Message: fmt.Sprintf("[stand-in] user %q is locked", role), Rule: "R-027"}
	case right:
		delete(s.failed, role)
	case role != "dev":
		s.failed[role]++
	}
	return nil
}

// unlockUser reads ALTER USER ... LOGIN PASSWORD, which unlocks a user.
// https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_USER.html
func (p *parser) unlockUser(name string) *statement {
	s := accounts("ALTER USER", []string{"SELECT " + catalogueSchema + ".only_superuser(current_user)", "ALTER ROLE " + quote(name) + p.password(name)})
	alter := s.own
	s.own = func(ctx context.Context, c *session) error {
		if err := alter(ctx, c); err != nil {
			return err
		}
		c.server.mu.Lock()
		defer c.server.mu.Unlock()
		delete(c.server.failed, name)
		return nil
	}
	return s
}
