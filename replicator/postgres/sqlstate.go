package postgres

import (
	"errors"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"
)

// SQLSTATEs that are acted on.
// https://www.postgresql.org/docs/current/errcodes-appendix.html
const (
	notSupported         = "0A000" // of a condition that PostgreSQL would take elsewhere
	notInRepertoire      = "22021" // bytes that are invalid in the database's encoding
	untranslatable       = "22P05" // a character that UTF-8 lacks
	invalidAuthorization = "28000" // pg_hba.conf, or a role that is not there or may not log in
	invalidPassword      = "28P01"
	undefinedDatabase    = "3D000"
	deadlockDetected     = "40P01"
	insufficientRights   = "42501"
	undefinedObject      = "42704"
	tooManyConnections   = "53300"
	objectInUse          = "55006"
	lockNotAvailable     = "55P03"
	cannotConnectNow     = "57P03" // the server starts up or, while a stream of it lives, shuts down
	undefinedFile        = "58P01"
	internalError        = "XX000"
)

// Classes of SQLSTATEs that are acted on: the first two characters.
const (
	connectionFailure    = "08"
	dataException        = "22" // what a value causes, such as a division by zero
	integrityViolation   = "23"
	syntaxOrAccess       = "42" // what is wrong with a statement, or with the rights to run it
	resourcesLacking     = "53"
	operatorIntervention = "57"
	systemError          = "58"
)

// codeOf returns the SQLSTATE of an error, empty if it has none.
func codeOf(err error) string {
	if p, ok := errors.AsType[*pgconn.PgError](err); ok {
		return p.Code
	}
	if f, ok := errors.AsType[*fault](err); ok {
		return f.code
	}
	return ""
}

// ofClass reports whether a code is of one of the classes.
func ofClass(code string, classes ...string) bool {
	return len(code) == 5 && slices.Contains(classes, code[:2])
}

// transient reports whether an error of the server says nothing about the slot: the server
// shuts down, lacks something, or was told to end the session.
func transient(code string) bool {
	return ofClass(code, connectionFailure, resourcesLacking, operatorIntervention, systemError)
}

// lockedOut reports whether err says that somebody else has a lock that we need.
func lockedOut(err error) bool {
	code := codeOf(err)
	return code == lockNotAvailable || code == deadlockDetected
}

// unsendable reports whether err is about text that the server cannot send in UTF-8. Such
// an error says nothing about the slot.
func unsendable(err error) bool {
	code := codeOf(err)
	return code == notInRepertoire || code == untranslatable
}
