package bucket

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/processcreds"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// CredentialsError says that there are no credentials to sign a request with: none were found,
// or the service that issues them refused. Nothing was sent to S3. The SDK has no type for it.
type CredentialsError struct{ err error }

func (e *CredentialsError) Error() string { return e.err.Error() }

func (e *CredentialsError) Unwrap() error { return e.err }

// keyring provides the daemon's credentials, and knows where they come from.
type keyring struct {
	*aws.CredentialsCache
	role  string // that the daemon assumes; empty if not known
	token string // file of the token that it assumes the role with
}

// newKeyring wraps the credentials that LoadDefaultConfig found into a keyring. It returns
// credentials that the SDK does not cache as they are.
func newKeyring(c aws.Config) aws.CredentialsProvider {
	cache, ok := c.Credentials.(*aws.CredentialsCache)
	if !ok {
		return c.Credentials
	}
	k := &keyring{CredentialsCache: cache}
	for _, source := range c.ConfigSources { // the environment comes before the files
		role, token := "", ""
		switch s := source.(type) {
		case config.EnvConfig:
			if s.WebIdentityTokenFilePath != "" {
				role, token = s.RoleARN, s.WebIdentityTokenFilePath
			}
		case config.SharedConfig:
			role, token = s.RoleARN, s.WebIdentityTokenFile
		}
		if k.role == "" {
			k.role, k.token = role, token
		}
	}
	return k
}

// Retrieve returns the credentials. Its error is a *CredentialsError unless ctx has ended.
func (k *keyring) Retrieve(ctx context.Context) (aws.Credentials, error) {
	c, err := k.CredentialsCache.Retrieve(ctx)
	if err == nil || ctx.Err() != nil {
		return c, err
	}
	if inner := errors.Unwrap(err); inner != nil {
		err = inner // the cache's own layer only says that it failed, which is clear
	}
	if _, is := errors.AsType[*processcreds.ProviderError](err); is {
		err = errors.New("the profile's credential_process failed") // the SDK's error quotes what the process printed
	}
	return c, &CredentialsError{err}
}

// keyring returns the client's keyring, or an empty one if its credentials come from elsewhere.
func (s *Stager) keyring() *keyring {
	if k, ok := s.client.Options().Credentials.(*keyring); ok {
		return k
	}
	return &keyring{}
}

// giveKeys names the ways in which the daemon is given credentials, for repairs.
const giveKeys = "the role of its pod or machine, or AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN"

// diagnoseCredentials diagnoses an error that came before S3 was asked. It is transient if the
// service that issues the credentials fails, throttles or cannot be reached. That does not hold
// for the metadata service of the machine: the SDK asks it last, whether or not it is there, so
// its failure means that no credentials were found.
func (s *Stager) diagnoseCredentials(e *CredentialsError) diagnosis {
	var from *smithy.OperationError
	for err := error(e); ; err = from.Err {
		inner, is := errors.AsType[*smithy.OperationError](err)
		if !is {
			break
		}
		from = inner
	}
	if from == nil {
		if d, is := ofEndpoint(e); is {
			return d
		}
	}
	k := s.keyring()
	missing := "there are no credentials for S3: " + brief(e)
	switch {
	case from == nil && k.token != "":
		return diagnosis{refused, missing, "the token by which the daemon takes on the role " + k.role + " cannot be read",
			"have " + k.token + " there, which AWS_WEB_IDENTITY_TOKEN_FILE or the profile names: in Kubernetes it is mounted when a pod is made whose service account is annotated with the role"}
	case from == nil || from.ServiceID == "ec2imds":
		return diagnosis{refused, missing, "nothing that the daemon looks at has any", "give the daemon credentials: " + giveKeys}
	}
	api, is := errors.AsType[smithy.APIError](e)
	status, _ := response(e)
	if !is || status >= 500 || status == http.StatusTooManyRequests || throttled(api.ErrorCode()) {
		return diagnosis{verdict: transient, repair: "look whether " + from.ServiceID + ", which gives the daemon its credentials, can be reached from here"}
	}
	means, repair := k.refused(from, api.ErrorCode())
	return diagnosis{refused, fmt.Sprintf("%s answers %s to %s", from.ServiceID, brief(e), from.OperationName), means, repair}
}

// ofEndpoint diagnoses an error of the agent of EKS or ECS that gives a container its
// credentials. The SDK has no operation for it, so no OperationError names it.
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
func ofEndpoint(e *CredentialsError) (d diagnosis, is bool) {
	answer, answered := errors.AsType[interface {
		error
		HTTPStatusCode() int
	}](e)
	_, unsent := errors.AsType[*smithyhttp.RequestSendError](e)
	switch {
	case unsent, answered && (answer.HTTPStatusCode() >= 500 || answer.HTTPStatusCode() == http.StatusTooManyRequests):
		return diagnosis{verdict: transient, repair: "look whether the agent that gives this container its credentials is at work on its machine"}, true
	case answered:
		return diagnosis{refused, "the agent that gives this container its credentials answers " + brief(e), "the daemon is given none",
			"correct the role of its task, or the association of its service account with a role and that role's trust policy; or give the daemon others: " + giveKeys}, true
	}
	return d, false
}

func throttled(code string) bool {
	_, is := retry.DefaultThrottleErrorCodes[code]
	return is
}

// refused says what it means that a service issues no credentials, and what repairs it.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html#API_AssumeRoleWithWebIdentity_Errors
func (k *keyring) refused(from *smithy.OperationError, code string) (means, repair string) {
	role, trust := "the role", "the role's trust policy"
	if k.role != "" {
		role = "the role " + k.role
		trust = "its trust policy (aws iam get-role --role-name " + k.role[strings.LastIndexByte(k.role, '/')+1:] + " shows it)"
	}
	if means := ofClock(code); means != "" {
		return means, setClock
	}
	if means := ofCredentials(code); means != "" {
		return means, "correct the credentials that the daemon finds: " + giveKeys
	}
	if from.ServiceID == "STS" {
		switch code {
		case "AccessDenied":
			return "the daemon may not take on " + role, "have " + trust + " allow sts:" + from.OperationName + " to the daemon: in Kubernetes, to the issuer and the service account of its pod"
		case "InvalidIdentityToken", "IDPRejectedClaim", "IDPCommunicationError":
			return "the daemon's token is not taken for " + role,
				"have the issuer of the token, in Kubernetes the cluster, be an OIDC provider of IAM with the audience sts.amazonaws.com, and " + trust + " name it"
		case "ExpiredTokenException":
			return "the token by which the daemon takes on " + role + " has expired", "have " + cmp.Or(k.token, "it") + " renewed: in Kubernetes start the pod again"
		}
	}
	return "the daemon is not given the credentials of " + role, "correct AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE, or the profile; or give the daemon others: " + giveKeys
}

// setClock is the repair for a wrong clock.
const setClock = "set this machine's clock, and have NTP keep it"

// ofClock says that the daemon's clock is wrong, if the code means that; no change of a policy
// would help then. Else it returns an empty string.
func ofClock(code string) string {
	switch code {
	case "RequestTimeTooSkewed", "RequestExpired", "RequestInTheFuture":
		return "the time that the daemon signs its requests with is over a few minutes off"
	}
	return ""
}
