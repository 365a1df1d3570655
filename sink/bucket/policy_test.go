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
