package house

import (
	"slices"
	"strconv"
	"strings"
	"testing"
)

// floor says what a package may import, from within the module and from outside. A name
// that ends in a slash stands for everything below it.
type floor struct {
	house   []string
	outside []string
}

var floors = map[string]floor{
	"schema":                     {},
	"replicator":                 {house: []string{"schema"}, outside: []string{"golang.org/x/sync/errgroup"}},
	"replicator/postgres/render": {house: []string{"schema"}},
	"replicator/postgres":        {house: []string{"schema", "replicator", "replicator/postgres/render"}, outside: []string{"github.com/jackc/pgx/v5", "github.com/jackc/pgx/v5/", "github.com/jackc/pglogrepl"}},
	"sink/refusal":               {},
	"sink/bucket":                {house: []string{"schema", "replicator", "sink/refusal"}, outside: []string{"github.com/aws/", "github.com/klauspost/compress/", "golang.org/x/sync/errgroup"}},
	"sink/redshift":              {house: []string{"schema", "replicator", "sink/refusal"}, outside: []string{"github.com/jackc/pgx/v5", "github.com/jackc/pgx/v5/"}},
	"cmd/rowshift": {
		house: []string{"schema", "replicator", "replicator/postgres", "sink/bucket", "sink/redshift"},
		outside: []string{
			"github.com/alecthomas/kong", "github.com/prometheus/client_golang/", "go.uber.org/zap", "go.uber.org/zap/", "github.com/goccy/go-yaml", "github.com/goccy/go-yaml/",
			"github.com/jackc/pgx/v5", "github.com/dustin/go-humanize", "github.com/schollz/progressbar/v3",
			"golang.org/x/sys/unix", "golang.org/x/term",
		},
	},
}

// doubles are the packages under test/ that stand in for the outside. They share no code
// with the rest, so that a mistake of ours is not made twice.
var doubles = []string{"test/pgtest", "test/s3test", "test/proxytest", "test/redshifttest", "test/scratch", "test/freeport", "test/sessions"}

// TestFloors looks for imports that a floor does not permit, and for permissions that nobody
// uses.
func TestFloors(t *testing.T) {
	used := map[string][]string{} // by room
	for _, s := range sources(t) {
		f, known := floors[s.room()]
		switch {
		case s.test() || strings.HasPrefix(s.path, "test/"):
			continue
		case !known:
			t.Errorf("%s: no floor is set for this room", s.path)
			continue
		}
		used[s.room()] = append(used[s.room()], imports(s)...)
		for _, path := range imports(s) {
			if inside, ok := strings.CutPrefix(path, "rowshift/"); ok {
				if !slices.Contains(f.house, inside) {
					t.Errorf("%s imports %s: not of a lower floor", s.path, path)
				}
			} else if strings.Contains(strings.Split(path, "/")[0], ".") && !allowed(f.outside, path) {
				t.Errorf("%s imports %s: not a technology of this room", s.path, path)
			}
		}
	}
	for room, f := range floors {
		for _, permitted := range f.outside {
			if !slices.ContainsFunc(used[room], func(path string) bool { return allowed([]string{permitted}, path) }) {
				t.Errorf("nobody in %s imports %s, which its floor permits", room, permitted)
			}
		}
		for _, inside := range f.house {
			if !slices.Contains(used[room], "rowshift/"+inside) {
				t.Errorf("nobody in %s imports %s, which its floor permits", room, inside)
			}
		}
	}
}

// No production code imports anything made for tests, and the doubles import only each
// other.
func TestDoublesStandApart(t *testing.T) {
	for _, s := range sources(t) {
		for _, path := range imports(s) {
			inside, ok := strings.CutPrefix(path, "rowshift/")
			if !ok {
				continue
			}
			if !s.test() && !strings.HasPrefix(s.path, "test/") && strings.HasPrefix(inside, "test/") {
				t.Errorf("%s imports %s", s.path, path)
			}
			if below(doubles, s.room()) && !below(doubles, inside) {
				t.Errorf("%s imports %s: a double shares no code with the house", s.path, path)
			}
		}
	}
}

func imports(s source) []string {
	var paths []string
	for _, i := range s.file.Imports {
		path, _ := strconv.Unquote(i.Path.Value)
		paths = append(paths, path)
	}
	return paths
}

func allowed(list []string, path string) bool {
	return slices.ContainsFunc(list, func(a string) bool {
		return a == path || strings.HasSuffix(a, "/") && strings.HasPrefix(path, a)
	})
}

func below(rooms []string, room string) bool {
	return slices.ContainsFunc(rooms, func(r string) bool {
		return room == r || strings.HasPrefix(room, r+"/")
	})
}
