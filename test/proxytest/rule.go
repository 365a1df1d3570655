package proxytest

import (
	"context"
	"net/http"
)

type ruleKey struct{}

// withRule carries a rule from the request to the place where its answer is
// rewritten.
func withRule(ctx context.Context, rule *Rule) context.Context {
	return context.WithValue(ctx, ruleKey{}, rule)
}

func ruleOf(r *http.Request) *Rule {
	rule, _ := r.Context().Value(ruleKey{}).(*Rule)
	return rule
}
