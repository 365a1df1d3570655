package postgres

import (
	"context"
	"fmt"
	"time"
)

// lastWord is how long a server that is taken for dead may still answer.
const lastWord = time.Second

// doubt is called when the server has left a question unanswered for longer than it may. It
// returns an error unless the server still decodes. Up to version 15 a server does not look
// at its socket while it decodes a transaction of which it sends nothing, such as one that
// writes a table anew or refreshes a materialized view. If the stream ended then, the next
// one would begin at the same position, and end there too. From 16 on the server looks now
// and then, by update_progress_txn.
// https://github.com/postgres/postgres/blob/REL_16_STABLE/src/backend/replication/logical/reorderbuffer.c
func (s *stream) doubt(ctx context.Context) error {
	silent := time.Since(s.open)
	if s.decodes(ctx) {
		s.open = time.Now()
		return nil
	}
	now := time.Now() // its answer may have come just after it was done
	over, err := s.receive(ctx, now, now.Add(lastWord))
	if err == nil && over {
		err = s.broken(fmt.Errorf("the server has said nothing for %v", silent.Round(time.Second)))
	}
	return err
}

// decodesQuery reports whether a process streams from a slot and is at work. One whose
// client is gone is not: it waits for the client or for more log. Other sessions of a role
// are always shown to that role.
// https://www.postgresql.org/docs/current/monitoring-stats.html#WAIT-EVENT-TABLE
const decodesQuery = `
SELECT EXISTS (SELECT FROM pg_replication_slots s JOIN pg_stat_activity a ON a.pid = s.active_pid
               WHERE s.slot_name = $1 AND s.active_pid = $2 AND coalesce(a.wait_event_type, '') NOT IN ('Activity', 'Client'))`

// decodes asks on another session whether the process that streams to us is at work. If
// that cannot be asked, it counts as dead.
func (o *Origin) decodes(ctx context.Context, pid int32) (is bool) {
	ctx, cancel := context.WithTimeout(ctx, watchAnswer)
	defer cancel()
	conn, err := o.connect(ctx)
	if err != nil {
		return false
	}
	defer shut(conn)
	if err := conn.QueryRow(ctx, decodesQuery, o.options.Slot, pid).Scan(&is); err != nil {
		return false
	}
	if is {
		o.waiting(fmt.Sprintf("server process %d to decode a long transaction of which slot %q sends nothing, such as one that wrote a table anew", pid, o.options.Slot))
	}
	return is
}
