package main

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"

	"rowshift/replicator"
	"rowshift/replicator/postgres"
	"rowshift/sink/bucket"
	"rowshift/sink/redshift"

	"github.com/jackc/pgx/v5/pgconn"
)

// safe returns the text of an error without values of rows. Servers quote values in
// their messages about rows, so of such errors it shows only the code and the place.
func safe(err error) string {
	if err == nil {
		return ""
	}
	text := err.Error()
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		text = strings.ReplaceAll(text, pg.Error(), describe(pg))
	}
	return strings.Join(strings.Fields(text), " ")
}

// describe returns what may be printed of a server's error. Classes 22 and 23 are about
// values:
// https://www.postgresql.org/docs/current/errcodes-appendix.html
// Redshift reports those under XX000 too, with the value in quotes.
func describe(e *pgconn.PgError) string {
	about := e.Severity + ": " + e.Message
	switch {
	case strings.HasPrefix(e.Code, "22"), strings.HasPrefix(e.Code, "23"):
		about = e.Severity + ": a value or row was refused"
	case e.Code == "XX000":
		about, _, _ = strings.Cut(about, "'")
	}
	for _, part := range []struct{ word, text string }{
		{"table", e.TableName}, {"column", e.ColumnName}, {"constraint", e.ConstraintName},
	} {
		if part.text != "" {
			about += ", " + part.word + " " + part.text
		}
	}
	return about + " (SQLSTATE " + e.Code + ")"
}

// causes are the labels that restarts are counted by.
var causes = []string{"fenced", "undecodable", "yielded", "altered", "parked", "timeout", "connect", "server", "bucket", "connection", "other"}

// causeOf returns the cause, one of causes, of the error that ended a pass.
func causeOf(err error) string {
	var (
		connect *postgres.ConnectError
		keyless *bucket.CredentialsError
		answer  *redshift.Error
		server  interface{ SQLState() string }  // *pgconn.PgError and the source's errors
		api     interface{ ErrorCode() string } // the AWS SDK's errors
		network net.Error
		altered *replicator.Altered
		unfit   *replicator.Unfit
	)
	switch {
	case errors.Is(err, replicator.ErrFenced):
		return "fenced"
	case errors.Is(err, replicator.ErrUndecodable):
		return "undecodable"
	case errors.Is(err, replicator.ErrYielded):
		return "yielded"
	case errors.As(err, &altered):
		return "altered"
	case errors.As(err, &unfit):
		return "parked"
	case errors.As(err, &keyless): // no credentials, whatever failed while they were fetched
		return "bucket"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return "timeout"
	case errors.As(err, &connect), errors.As(err, &answer) && answer.Op == redshift.OpConnect:
		return "connect"
	case answer != nil && answer.Code == "": // the warehouse did not answer
		return "connection"
	case errors.As(err, &server):
		return "server"
	case errors.As(err, &api):
		return "bucket"
	case errors.As(err, &network), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "connection"
	}
	return "other"
}
