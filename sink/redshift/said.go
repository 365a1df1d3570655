package redshift

import (
	"slices"
	"strings"
)

// hidden stands for a message of the server that is not shown.
const hidden = "refused, in words that are not shown because they may quote a value"

// said returns what may be shown of a server's message. Redshift quotes values in messages, and
// not only in their details: "Invalid digit, Value 'x'" comes as XX000. So a message is shown if
// its class is about statements, names, rights or sessions, or if it begins with words after
// which no value is known to follow.
// https://www.postgresql.org/docs/current/errcodes-appendix.html
func said(code, message string) string {
	if len(code) == 5 && slices.Contains(speakable, code[:2]) {
		return message
	}
	if number, _, _ := strings.Cut(message, " "); number == isolationViolation {
		return isolationViolation + ", a serializable isolation violation"
	}
	for _, words := range harmless {
		if strings.HasPrefix(message, words) {
			return message
		}
	}
	for _, words := range passingWords {
		if strings.Contains(strings.ToLower(message), words) {
			return words // without what stands around them
		}
	}
	return hidden
}

// speakable are the classes of SQLSTATE whose messages quote no value.
var speakable = []string{"08", "0A", "25", "26", "28", "3D", "3F", "40", "42", "53", "54", "55", "57", "58"}

// harmless are beginnings of messages that go on with names, numbers, objects of the bucket or
// roles. They are from github.com/awslabs/aws-lambda-redshift-loader issue 73,
// github.com/apache/hop issue 3469, github.com/PostHog/posthog issue 61603,
// github.com/uswitch/blueshift issue 3, github.com/databricks/spark-redshift pull 53 and
// stackoverflow.com/questions/70659682.
var harmless = []string{
	"Load into table '", "S3ServiceException:", "Problem reading manifest file", "The specified S3 prefix '",
	"COPY with MANIFEST parameter requires", "Mandatory url is not present", "Cannot COPY into nonexistent table",
	"User arn:", "exception name :", "Not authorized to get credentials of role",
}
