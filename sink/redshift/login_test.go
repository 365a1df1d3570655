package redshift

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rowshift/replicator"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"
)

// keyring is a warehouse whose user and password the test changes, and whose clock it sets.
type keyring struct {
	*world
	*Warehouse
	user, password atomic.Value
	clock          atomic.Int64 // nanoseconds
	dialled        atomic.Int64
}

func newKeyring(t *testing.T, alter func(*pgx.ConnConfig)) *keyring {
	w := newWorld(t)
	k := &keyring{world: w}
	k.user.Store("loader")
	k.password.Store("canary")
	k.Warehouse = w.warehouse(func(o *Options) {
		o.Config = func(ctx context.Context) (*pgx.ConnConfig, error) {
			c, err := w.config("loader")(ctx)
			if err != nil {
				return nil, err
			}
			c.User, c.Password = k.user.Load().(string), k.password.Load().(string)
			dial := c.DialFunc
			c.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
				k.dialled.Add(1)
				return dial(ctx, network, address)
			}
			if alter != nil {
				alter(c)
			}
			return c, nil
		}
	})
	k.logins.now = func() time.Time { return time.Unix(0, k.clock.Load()) }
	return k
}

// refused asks the warehouse and expects a refusal: a halt if halts is true, else an error that
// may pass. failed is how many logins in a row were refused by then.
func (k *keyring) refused(halts bool, failed int) {
	k.t.Helper()
	_, err := k.Checkpoint(k.t.Context())
	h, isHalt := errors.AsType[*replicator.Halt](err)
	switch {
	case err == nil, isHalt != halts, replicator.Retryable(err) == halts, replicator.Final(err) != halts:
		k.t.Fatalf("want a halt: %v, got %v", halts, err)
	case halts && (h.Reason != replicator.WarehouseUnfit || !strings.Contains(h.Repair, `ALTER USER "loader" LOGIN PASSWORD`) || !strings.Contains(h.Found, `"loader"`)):
		k.t.Errorf("%v", h)
	case strings.Contains(err.Error(), "canary"):
		k.t.Errorf("the password is shown: %v", err)
	}
	if n := k.server.FailedLogins("loader"); n != failed {
		k.t.Fatalf("%d logins were refused in a row, want %d", n, failed)
	}
}

func TestAWrongPasswordLocksNobody(t *testing.T) {
	k := newKeyring(t, nil)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() { _, _ = k.open(t.Context()) })
	}
	all.Wait()
	k.refused(false, 1)
	for range 10 {
		k.clock.Add(int64(loginPause / 11))
		k.refused(false, 1)
	}
	k.clock.Add(int64(loginPause))
	for range 10 {
		k.refused(true, 2)
		k.clock.Add(int64(24 * time.Hour))
	}
	k.password.Store("canary of another year")
	for range 10 {
		k.refused(true, 3)
	}
	k.password.Store("canary")
	k.refused(true, 3)
	k.password.Store("loader")
	if _, err := k.Checkpoint(t.Context()); err != nil {
		t.Fatalf("the right password: %v", err)
	}
	k.fence(k.Warehouse)
	if n := k.server.FailedLogins("loader"); n != 0 {
		t.Errorf("%d logins were refused since", n)
	}
	k.Close()
	k.password.Store("canary")
	k.refused(false, 1)
}

func TestASecretThatComesInThePause(t *testing.T) {
	k := newKeyring(t, nil)
	k.refused(false, 1)
	k.password.Store("loader")
	if _, err := k.Checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// The config already has a password that the user is given only later.
func TestASecretThatIsAheadOfTheDatabase(t *testing.T) {
	k := newKeyring(t, nil)
	user := "ahead_" + k.database
	put := func(password string) {
		if err := k.server.SetUser(t.Context(), user, password); err != nil {
			t.Fatal(err)
		}
	}
	put("of before")
	k.user.Store(user)
	for range 2 {
		if _, err := k.Checkpoint(t.Context()); !replicator.Retryable(err) || k.server.FailedLogins(user) != 1 {
			t.Fatal(err)
		}
		put("canary")
	}
	k.clock.Add(int64(loginPause))
	if _, err := k.Checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// After 28000, pgconn goes on to the host's next address.
func TestARefusedLoginIsNotMadeAtAnotherAddress(t *testing.T) {
	k := newKeyring(t, func(c *pgx.ConnConfig) {
		c.LookupFunc = func(context.Context, string) ([]string, error) {
			return []string{"127.0.0.1", "127.0.0.1", "127.0.0.1"}, nil
		}
	})
	k.refused(false, 1)
	if n := k.dialled.Load(); n != 1 {
		t.Errorf("%d were dialled", n)
	}
}

func TestTemporaryPasswordsAreTriedOn(t *testing.T) {
	k := newKeyring(t, nil)
	k.user.Store("IAM:loader")
	for range 2 * mostRefused {
		if _, err := k.Checkpoint(t.Context()); !replicator.Retryable(err) || replicator.Final(err) {
			t.Fatal(err)
		}
	}
	if n := k.dialled.Load(); n != 2*mostRefused {
		t.Errorf("%d were dialled", n)
	}
}

func TestCheckOfAWrongPassword(t *testing.T) {
	k := newKeyring(t, nil)
	if _, err := k.Checkpoint(t.Context()); err == nil { // as the command reads it first
		t.Fatal("let in")
	}
	f := find(t, k.check(k.Warehouse), "connect")
	if f.Verdict != replicator.Unasked || !strings.Contains(f.Found, "Redshift locks one after five") || !strings.Contains(f.Found, "each command with this password is one more") ||
		!strings.Contains(f.Repair, `: ALTER USER "loader" PASSWORD '...';`) || !strings.Contains(f.Repair, `: ALTER USER "loader" LOGIN PASSWORD '...';`) {
		t.Errorf("%+v", f)
	}
	if strings.Contains(f.Found+f.Repair, "any more") || strings.Contains(f.Repair, "restart") {
		t.Errorf("a command talks as a daemon does: %+v", f)
	}
	if n := k.server.FailedLogins("loader"); n != 1 {
		t.Errorf("%d logins were refused", n)
	}
}

// digestServer asks for a password by Redshift's own type, with SHA-256.
func digestServer(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if _, err := pgproto3.NewBackend(conn, conn).ReceiveStartupMessage(); err == nil {
				body := binary.BigEndian.AppendUint32(nil, 13)
				body = append(body, make([]byte, 20)...) // algorithm, salt, nonce
				_, _ = conn.Write(append(binary.BigEndian.AppendUint32([]byte{'R'}, uint32(len(body)+4)), body...))
				_, _ = conn.Read(make([]byte, 1)) // until the client is gone
			}
			_ = conn.Close()
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		serving.Wait()
	})
	return l.Addr().String()
}

func TestAUserWithADigestHalts(t *testing.T) {
	address := digestServer(t)
	w := New(Options{Pipeline: "accounts", Config: func(context.Context) (*pgx.ConnConfig, error) {
		return pgx.ParseConfig("postgres://loader:canary@" + address + "/dev?sslmode=disable")
	}})
	_, err := w.Checkpoint(t.Context())
	h, ok := errors.AsType[*replicator.Halt](err)
	if !ok || h.Reason != replicator.WarehouseUnfit || replicator.Retryable(err) || h.Repair == "" ||
		!strings.Contains(h.Repair, `ALTER USER "loader" PASSWORD`) || strings.Contains(err.Error(), "canary") {
		t.Errorf("%v", err)
	}
	if f := find(t, w.Check(t.Context(), nil, ""), "connect"); f.Verdict != replicator.Unasked || f.Repair != h.Repair {
		t.Errorf("%+v", f)
	}
}
