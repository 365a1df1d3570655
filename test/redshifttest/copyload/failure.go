package copyload

import (
	"errors"
	"fmt"
	"strings"
)

// internalState is the SQLSTATE of everything that goes wrong inside a COPY.
const internalState = "XX000"

// block returns an error with the details that Redshift's internals add. The layout is
// the one in https://github.com/awslabs/aws-lambda-redshift-loader/issues/73.
// https://github.com/awslabs/aws-lambda-redshift-loader/issues/73.
func (s *Spec) block(code int, message, context, location string) *Error {
	const rule = "  -----------------------------------------------"
	lines := []string{
		"", rule,
		"  error:  " + message,
		fmt.Sprintf("  code:      %d", code),
		"  context:   " + context,
		fmt.Sprintf("  query:     %d", s.Query),
		"  location:  " + location,
		fmt.Sprintf("  process:   padbmaster [pid=%d]", s.PID),
		rule, "",
	}
	return &Error{SQLState: internalState, Message: message, Detail: strings.Join(lines, "\n")}
}

// failed returns the error of a COPY that met too many refused rows.
func (s *Spec) failed() *Error {
	view := "stl_load_errors"
	if s.Serverless {
		view = "sys_load_error_detail"
	}
	return &Error{SQLState: internalState,
		Message: fmt.Sprintf("Load into table '%s' failed.  Check '%s' system table for details.", s.Table, view)}
}

// s3Message returns what Redshift says of an error with which S3 answered.
func s3Message(err error) string {
	const ids = ",Rid 0,ExtRid 0,CanRetry 1"
	switch {
	case errors.Is(err, ErrNoSuchKey):
		return "S3ServiceException:The specified key does not exist.,Status 404,Error NoSuchKey" + ids
	case errors.Is(err, ErrNoSuchBucket):
		return "S3ServiceException:The specified bucket does not exist,Status 404,Error NoSuchBucket" + ids
	case errors.Is(err, ErrAccessDenied):
		return "S3ServiceException:Access Denied,Status 403,Error AccessDenied" + ids
	case errors.Is(err, ErrWrongRegion):
		return "S3ServiceException:The bucket you are attempting to access must be addressed using the specified endpoint. " +
			"Please send all future requests to this endpoint.,Status 301,Error PermanentRedirect" + ids
	}
	return "S3ServiceException:" + err.Error()
}

// fault is what is wrong with a field or a row.
type fault struct {
	code   int
	reason string
	pos    int
}

// The codes are those of
// https://docs.aws.amazon.com/redshift/latest/dg/r_Load_Error_Reference.html.
const (
	codeExtraColumns = 1202
	codeTooLong      = 1204
	codeDate         = 1205
	codeTimestamp    = 1206
	codeDigit        = 1207
	codeFloat        = 1208
	codeDecimal      = 1209
	codeBoolean      = 1210
	codeEmptyLine    = 1211
	codeNotNull      = 1213
	codeDelimiter    = 1214
	codeLine         = 1216
	codeNull         = 1218
	codeUTF8         = 1220
	codeOverflow     = 1222
	codeJSON         = 1224
	codeS3           = 8001
)

func digitFault(code int, v []byte, pos int, kind string) *fault {
	return &fault{code: code, pos: pos,
		reason: fmt.Sprintf("Invalid digit, Value '%s', Pos %d, Type: %s", printable(v, pos), pos, kind)}
}

// printable returns the byte at pos as a message shows it.
func printable(v []byte, pos int) string {
	if pos >= len(v) {
		return " "
	}
	if c := v[pos]; c >= ' ' && c < 0x7f {
		return string(rune(c))
	}
	return fmt.Sprintf("\\x%02x", v[pos])
}

// cutText shortens text to what a column of stl_load_errors holds, without
// cutting a character in two.
func cutText(b []byte, n int) string {
	if len(b) > n {
		b = b[:n]
	}
	return strings.ToValidUTF8(strings.ReplaceAll(string(b), "\x00", ""), "?")
}
