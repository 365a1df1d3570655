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
)

// oneLine returns the text of an error as one line. The rooms let no error of a server out whose
// text holds values of rows, so there is nothing to take out of it here.
func oneLine(err error) string {
	if err == nil {
		return ""
	}
	return strings.Join(strings.Fields(err.Error()), " ")
}

// causes are the labels that restarts are counted by.
var causes = []string{"fenced", "undecodable", "yielded", "altered", "parked", "timeout", "connect", "server", "bucket", "connection", "other"}

// causeOf returns the cause, one of causes, of the error that ended a pass.
func causeOf(err error) string {
	var (
		connect *postgres.ConnectError
		keyless *bucket.CredentialsError
		answer  *redshift.Error
		server  interface{ SQLState() string }  // the source's errors
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
