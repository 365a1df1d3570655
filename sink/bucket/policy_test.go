package bucket

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The README's policy for the pod has the actions that check asks for, and no other.
func TestREADMEsPolicyIsTheLeast(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(readme), "### 3. S3 and IAM")
	_, after, _ = strings.Cut(after, "```json\n")
	text, _, _ := strings.Cut(after, "```")
	var policy struct{ Statement []struct{ Action any } }
	if err := json.Unmarshal([]byte(text), &policy); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	var granted []string
	for _, s := range policy.Statement {
		switch a := s.Action.(type) {
		case string:
			granted = append(granted, a)
		case []any:
			for _, action := range a {
				granted = append(granted, action.(string))
			}
		}
	}
	s := newWorld(t).stager(func(o *Options) { o.KMSKey = "arn:aws:kms:eu-west-1:1:key/a" })
	var needed []string
	for _, o := range []op{opPut, opList, opDelete} {
		for _, action := range regexp.MustCompile(`"Action":"(\w+:\w+)"`).FindAllStringSubmatch(s.statement(o), -1) {
			needed = append(needed, action[1])
		}
	}
	slices.Sort(granted)
	slices.Sort(needed)
	if len(needed) < 4 || !slices.Equal(granted, needed) {
		t.Errorf("the README grants %v; needed are %v", granted, needed)
	}
}

// The README's lifecycle has the rule that check prints for a bucket with versions, and
// nothing in it expires rows in quarantine.
func TestREADMEsLifecycle(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(readme), "A lifecycle")
	_, after, _ = strings.Cut(after, "```json\n")
	text, _, _ := strings.Cut(after, "```")
	type rule struct {
		Filter                      struct{ Prefix string }
		Expiration                  struct{ Days int }
		NoncurrentVersionExpiration struct{ NoncurrentDays int }
	}
	var lifecycle struct{ Rules []json.RawMessage }
	if err := json.Unmarshal([]byte(text), &lifecycle); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	s := stager(t, func(o *Options) { o.URL = "s3://acme-rowshift/accounts" })
	printed := false
	for _, raw := range lifecycle.Rules {
		var r rule
		if err := json.Unmarshal(raw, &r); err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(s.folder+"quarantine/", r.Filter.Prefix) && r.Expiration.Days != 0 {
			t.Errorf("%s expires rows in quarantine", raw)
		}
		printed = printed || strings.ReplaceAll(string(raw), " ", "") == s.versionRule()
	}
	if !printed || len(lifecycle.Rules) != 2 {
		t.Errorf("the README's rules are %s; check prints %s", text, s.versionRule())
	}
}
