package e2e

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"rowshift/test/harness"
	"rowshift/test/redshifttest"
)

// Texts that must not be found where they do not belong.
const excluded, replicated = "canary-7aa0-excluded", "canary-31bd-replicated"

// Promises 6 and 7: secrets and row values are in no log, metric, argument, object name
// or statement, not even when a value is refused. Columns that are not listed are not
// asked for.
func TestNothingLeaks(t *testing.T) {
	t.Parallel()
	s := harness.Setup{
		Accounts: small,
		SQL: []string{
			"UPDATE person SET email = '" + excluded + "', full_name = '" + excluded + "', bio = '" + replicated + "' WHERE id = uid('p', 1)",
		},
	}
	s.Source.Settings = map[string]string{"log_statement": "all", "log_replication_commands": "on"}
	w := harness.Start(t, s)
	marked := w.Warehouse.Inject(redshifttest.Fault{Match: "canary-"}) // it only counts
	counted := w.Warehouse.Inject(redshifttest.Fault{Match: "userdata", Application: "rowshift"})
	d := w.MustRun(t)
	w.MustBecomeEqual(t)
	keys := keysOfABatch(t, w)
	execute(t, w,
		"DELETE FROM person WHERE id = uid('leak', 1)",
		"UPDATE company SET plan = repeat('"+replicated+"', 4000) WHERE id = uid('c', 1)") // the value does not fit, and messages about it must not show it
	harness.Until(t, "the value to be cut", func() (bool, error) {
		rows, err := harness.Rows(t.Context(), w.WarehouseDSN("dev", "dev"), "SELECT COUNT(*) FROM rowshift.ledger WHERE column_name = 'plan'")
		return err == nil && rows[0] == "1", err
	})
	places := told(t, w)
	places["log"], places["objects"] = d.Log(), keys
	arguments, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", d.Pid()))
	if err != nil {
		t.Fatal(err)
	}
	places["arguments"] = string(arguments)
	for place, body := range places {
		if body == "" {
			t.Errorf("%s: nothing to search", place)
		}
		for _, mark := range []string{excluded, replicated, harness.LoaderPassword, harness.SourcePassword, w.S3.SecretKey} {
			if strings.Contains(body, mark) {
				t.Errorf("%s: holds %q", place, mark)
			}
		}
	}
	if marked.Hits() > 0 || counted.Hits() == 0 {
		t.Errorf("%d statements of the warehouse hold a mark; the control counted %d", marked.Hits(), counted.Hits())
	}
	exclusion(t, w)
}

// Promises 6 and 7: Redshift may quote a value in an error, and the daemon passes it on
// to nobody.
func TestRefusalsLeakNothing(t *testing.T) {
	t.Parallel()
	w, d := live(t, harness.Setup{Accounts: small})
	for _, fault := range []redshifttest.Fault{
		{Match: `INSERT INTO "userdata"`, Code: "XX000", Message: "Invalid digit, Value '" + replicated + "', Pos 0, Type: Integer"},
		{Class: "COPY", Code: "XX000", Message: "Invalid digit, Value '" + replicated + "', Pos 0, Type: Integer"},
	} {
		t.Run(fault.Class+fault.Match, func(t *testing.T) {
			fault.Application, fault.Nth = "rowshift", 1 // once only, since repeated errors would park the table
			refusing := w.Warehouse.Inject(fault)
			defer refusing.Remove()
			execute(t, w, "UPDATE person SET is_active = NOT is_active WHERE id = uid('p', 1)")
			reached(t, refusing)
			d.MustSee(t, `"restarting"`)
			places := told(t, w)
			refusing.Remove()
			w.MustBecomeEqual(t)
			places["log"] = d.Log()
			for place, body := range places {
				if strings.Contains(body, replicated) {
					t.Errorf("%s: holds a value that Redshift quoted", place)
				}
			}
		})
	}
}

// keysOfABatch returns the names of the objects of a batch with marked values. It reads
// them while the batch's COPY hangs, since they are deleted afterwards.
func keysOfABatch(t *testing.T, w *harness.World) string {
	t.Helper()
	stalled := w.Warehouse.Inject(redshifttest.Fault{Class: "COPY", Application: "rowshift", Nth: 1, Stall: -1})
	defer stalled.Remove()
	execute(t, w,
		"UPDATE person SET email = '"+excluded+"2', bio = '"+replicated+"2' WHERE id < uid('p', 500)",
		"INSERT INTO person VALUES (uid('leak', 1), '"+excluded+"', '"+excluded+"', true, '"+replicated+"', now())")
	reached(t, stalled)
	return strings.Join(w.S3.Objects(t, ""), "\n")
}

// told returns everything that the daemon and its commands show to those who ask.
func told(t *testing.T, w *harness.World) map[string]string {
	t.Helper()
	places := map[string]string{}
	for _, path := range []string{"/metrics", "/readyz", "/healthz"} {
		_, body, err := w.Get(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		places[path] = body
	}
	for _, command := range []string{"check", "plan", "status"} {
		out, log, _, err := w.Command(t.Context(), command)
		if err != nil {
			t.Fatal(err)
		}
		places[command] = out + log
	}
	return places
}

// exclusion looks for excluded columns in what the source was asked for, in what it
// publishes and in the target. As a control, it finds a listed column there.
func exclusion(t *testing.T, w *harness.World) {
	t.Helper()
	if got := one(t, w, "SELECT string_agg(a, ',' ORDER BY a) FROM pg_publication_tables, unnest(attnames) a WHERE tablename = 'person'"); got != "bio,id,is_active,last_seen_at" {
		t.Errorf("the publication has %s", got)
	}
	asked := 0
	for line := range strings.Lines(w.Source.Log()) {
		if !strings.Contains(line, "COPY ") || !strings.Contains(line, `"bio"`) {
			continue
		}
		asked++
		if strings.Contains(line, "email") || strings.Contains(line, "full_name") {
			t.Errorf("an excluded column is asked for: %s", line)
		}
	}
	if asked == 0 {
		t.Error("the source's log shows no COPY of person: the control failed")
	}
	target, err := harness.Rows(t.Context(), w.WarehouseDSN("dev", "dev"), "SELECT * FROM userdata.person")
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Join(target, "\n")
	if strings.Contains(all, excluded) {
		t.Error("an excluded column is in the warehouse")
	}
	if !strings.Contains(all, replicated) {
		t.Error("the search finds nothing where it must: the control failed")
	}
}
