package schema

import "testing"

// TestContent shows which contents of a type keep the texts of its values as they were.
func TestContent(t *testing.T) {
	was := Content{{OID: 7, Text: "sad"}, {OID: 9, Text: "happy"}, {Text: "c 1:25 2:7"}}
	for _, c := range []struct {
		name string
		now  Content
		same bool
	}{
		{"nothing", was, true},
		{"told in another order, and twice", Content{was[2], was[1], was[0], was[1]}, true},
		{"a label is added", append(Content{{OID: 10, Text: "blue"}}, was...), true},
		{"a label is renamed", Content{{OID: 7, Text: "blue"}, was[1], was[2]}, false},
		{"two labels swap", Content{{OID: 7, Text: "happy"}, {OID: 9, Text: "sad"}, was[2]}, false},
		{"a label is gone", Content{was[0], was[2]}, false},
		{"an attribute more", Content{was[0], was[1], {Text: "c 1:25 2:7 3:23"}}, false},
		{"nothing any more", nil, false},
	} {
		if same := c.now.keeps(was.digest()); same != c.same {
			t.Errorf("%s: the same: %v", c.name, same)
		}
	}
	if d := Content(nil).digest(); d != "" {
		t.Errorf("of nothing %q is remembered", d)
	}
}
