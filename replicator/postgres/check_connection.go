package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
)

// unreached returns what to do about an error of connect.
func (o *Origin) unreached(ctx context.Context, err error) string {
	const unknown = "make sure that source.dsn, its password and its ca are right, and that the server lets us in"
	at, fault := o.config(ctx)
	if fault != nil {
		return unknown
	}
	role, database := identifier(at.User), identifier(at.Database)
	address := net.JoinHostPort(at.Host, strconv.Itoa(int(at.Port)))
	lookup, unnamed := errors.AsType[*net.DNSError](err)
	switch code := codeOf(err); {
	case code == invalidPassword:
		return fmt.Sprintf("write the role's password into what source.password names, or give the role that one: ALTER ROLE %s PASSWORD '...'; "+
			"if there is no such role, which the server does not tell: CREATE ROLE %s LOGIN REPLICATION PASSWORD '...' (on Amazon RDS without REPLICATION)", role, role)
	case code == invalidAuthorization:
		line, plain := "hostssl", ""
		if at.TLSConfig == nil {
			line, plain = "host", "if the server lets nobody in without TLS: take source.tls out of the config; "
		}
		return fmt.Sprintf("let it in by a line of pg_hba.conf: %s %s %s <our address>/32 scram-sha-256, then SELECT pg_reload_conf(); %s"+
			"if there is no such role: CREATE ROLE %s LOGIN REPLICATION PASSWORD '...' (on Amazon RDS without REPLICATION); if it may not log in: ALTER ROLE %s LOGIN", line, database, role, plain, role, role)
	case code == undefinedDatabase:
		return "write a database that is there behind the last / of source.dsn, or make this one: CREATE DATABASE " + database
	case code != "": // another answer of the server
	case unnamed:
		return fmt.Sprintf("correct the host in source.dsn, or let the name server of this machine, container or pod know %s", lookup.Name)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Sprintf("nothing listens at %s: correct host and port in source.dsn, start the server, or have it listen there by listen_addresses and port, which takes a restart", address)
	case timedOut(err):
		return fmt.Sprintf("%s does not answer in time: let our packets through to it (firewall, security group, route), or correct host and port in source.dsn", address)
	}
	return unknown
}

// timedOut reports whether err says that something took too long.
func timedOut(err error) bool {
	network, is := errors.AsType[net.Error](err)
	return errors.Is(err, context.DeadlineExceeded) || is && network.Timeout()
}
