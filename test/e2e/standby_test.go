package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"rowshift/test/harness"
	"rowshift/test/proxytest"
)

// Promise 5: a second daemon is a hot standby. It is ready, waits for the slot, touches
// nothing, and continues within seconds where the first one was killed. If a machine is
// gone without a word, the source gives its connection up after wal_sender_timeout.
func TestStandbyTakesOver(t *testing.T) {
	t.Parallel()
	s := harness.Setup{Accounts: small}
	s.Source.Settings = map[string]string{"wal_sender_timeout": "5s"}
	w := harness.Start(t, s)
	link := proxytest.StartTCP(t, fmt.Sprintf("%s:%d", w.Source.Host, w.Source.Port))
	if err := w.SetConfig(func(c *harness.Config) { c.SourceAddr = link.Addr() }); err != nil {
		t.Fatal(err)
	}
	first := w.MustRun(t)
	w.MustBecomeEqual(t)
	elsewhere(t, w)
	for _, way := range []struct {
		name, addr string
		end        func(*harness.Daemon)
		most       time.Duration
	}{
		{"killed", link.Addr(), (*harness.Daemon).Kill, 30 * time.Second},
		{"cut off", "", func(d *harness.Daemon) { link.Stall(); d.Kill() }, 30 * time.Second},
	} {
		if err := w.SetConfig(func(c *harness.Config) { c.SourceAddr = way.addr }); err != nil {
			t.Fatal(err)
		}
		epoch := warehouse(t, w, epochOf)
		second := w.MustRun(t)
		second.MustSee(t, `"message":"waiting"`)
		execute(t, w, "UPDATE company SET plan = 'before'")
		w.MustBecomeEqual(t)
		if now := warehouse(t, w, epochOf); now != epoch || strings.Contains(second.Log(), `"streaming"`) {
			t.Errorf("a daemon that waits has raised the epoch from %s to %s, or streams", epoch, now)
		}
		isReady(t, first, "streaming")
		isReady(t, second, "waiting")
		way.end(first)
		began := time.Now()
		execute(t, w, "UPDATE company SET plan = 'after' WHERE id < uid('c', 100)")
		second.MustSee(t, `"message":"streaming"`)
		streams := time.Since(began)
		w.MustBecomeEqual(t)
		took := time.Since(began)
		t.Logf("the first was %s: the second streamed after %.1f s, and the warehouse was equal after %.1f s", way.name, streams.Seconds(), took.Seconds())
		if took > way.most {
			t.Errorf("the first was %s: the take-over took %v", way.name, took)
		}
		if now := warehouse(t, w, epochOf); now == epoch {
			t.Errorf("the epoch is still %s: the take-over was not fenced", now)
		}
		isReady(t, second, "streaming")
		first = second
	}
}

// A standby does not halt, and stays ready, while the slot is reset under it.
func TestStandbyWhileTheSlotIsReset(t *testing.T) {
	t.Parallel()
	s := lost()
	s.Config.More = []string{"checkpoint_refresh: 1s"}
	w, first := live(t, s)
	elsewhere(t, w)
	second := w.MustRun(t)
	second.MustSee(t, `"message":"waiting"`)
	for n := range 2 {
		change(t, w, "UPDATE userdata.person SET is_active = NOT is_active")
		token := fmt.Sprint("with a standby ", n)
		load := w.Load(harness.Workload{Seed: uint64(50 + n), Writers: 1, Pause: 50 * time.Millisecond})
		if out, errs, code, err := w.Command(t.Context(), "reset-slot", "--token="+token); err != nil || code != 0 {
			t.Fatalf("reset-slot: exit code %d, %v\n%s%s", code, err, out, errs)
		}
		isDone(t, w, token)
		if err := load.Stop(); err != nil {
			t.Error(err)
		}
		execute(t, w, fmt.Sprintf("UPDATE company SET plan = 'reset %d'", n))
		w.MustBecomeEqual(t)
	}
	for _, d := range []*harness.Daemon{first, second} {
		isReady(t, d, "streaming", "waiting")
		if strings.Contains(d.Log(), `"message":"halted"`) {
			t.Error("a daemon halted")
		}
	}
}

// isReady waits until a daemon is ready and in one of the states.
func isReady(t *testing.T, d *harness.Daemon, states ...string) {
	t.Helper()
	address := ""
	for _, e := range d.Entries() {
		if e["message"] == "listening" {
			address = fmt.Sprint(e["address"])
		}
	}
	harness.Until(t, fmt.Sprintf("the daemon at %s to be ready and %v", address, states), func() (bool, error) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/readyz", http.NoBody)
		if err != nil {
			return false, err
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			return false, err
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		var said struct{ State string }
		if err == nil {
			err = json.Unmarshal(body, &said)
		}
		for _, s := range states {
			if answer.StatusCode == http.StatusOK && said.State == s {
				return true, err
			}
		}
		return false, err
	})
}
