package redshifttest

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// sessionViews show sessions with what they run as clients wrote it, not as the backing
// server gets it.
var sessionViews = []string{"stv_recents", "stv_inflight"}

// tellSessions tells the backing session what each session was asked, for the views that
// show it.
func (c *session) tellSessions(ctx context.Context, s *statement, on *pgconn.PgConn) error {
	names := false
	for _, view := range sessionViews {
		names = names || strings.Contains(lower(s.text), view)
	}
	if !names {
		return nil
	}
	asked := map[string]string{}
	c.server.mu.Lock()
	for pid, other := range c.server.sessions {
		if text := other.asked.Load(); text != nil {
			asked[fmt.Sprint(pid)] = *text
		}
	}
	c.server.mu.Unlock()
	list, err := json.Marshal(asked)
	if err != nil {
		return fmt.Errorf("redshifttest: what sessions were asked: %w", err)
	}
	return on.ExecParams(ctx, "SELECT set_config('redshift.asked', $1, false)", [][]byte{list}, nil, nil, nil).Read().Err
}
