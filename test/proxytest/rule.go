package proxytest

import (
	"context"
	"net/http"
)

type ruleKey struct{}

// withRule passes a rule along with the request to the function that rewrites the
// answer.
func withRule(ctx context.Context, rule *Rule) context.Context {
	return context.WithValue(ctx, ruleKey{}, rule)
}

func ruleOf(r *http.Request) *Rule {
	rule, _ := r.Context().Value(ruleKey{}).(*Rule)
	return rule
}
