package redshift

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// A request has at most so many statements, or rows, and so many bytes unless one of them alone
// has more. Redshift takes 16 MB.
// https://docs.aws.amazon.com/redshift/latest/dg/c_redshift-sql.html
const (
	mostTogether  = 200
	togetherBytes = 1 << 20
)

// together runs statements in few requests. Outside of a transaction, Redshift makes each
// request one transaction, and commits wait in a queue, so one request makes or fills many
// tables. It returns the results of the statements that were run; an error is that of the next
// one.
// https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html
func (s *session) together(ctx context.Context, op string, statements []string) (all []*pgconn.Result, err error) {
	for len(statements) > 0 {
		n := fitTogether(statements)
		results, err := s.conn.Exec(ctx, strings.Join(statements[:n], ";\n")).ReadAll()
		for _, r := range results {
			if r.Err == nil {
				all = append(all, r)
			}
		}
		switch {
		case err != nil:
			return all, s.failed(op, err)
		case len(results) != n:
			return all, fmt.Errorf("redshift: %s: %d results of %d statements", op, len(results), n)
		}
		statements = statements[n:]
	}
	return all, nil
}

// fitTogether returns how many of the texts, which are statements or rows, go into one request.
func fitTogether(texts []string) int {
	n := 1
	for bytes := len(texts[0]); n < min(mostTogether, len(texts)); n++ {
		if bytes += len(texts[n]); bytes > togetherBytes {
			break
		}
	}
	return n
}
