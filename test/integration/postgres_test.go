//go:build integration

package integration

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/source/postgres"
	"github.com/holdfast-sre/holdfast/test/servers"
)

// session opens a connection of an application, as user.
func session(t *testing.T, dsn, user, application string) *pgx.Conn {
	t.Helper()
	conn, err := open(t.Context(), dsn, user, application)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}

func open(ctx context.Context, dsn, user, application string) (*pgx.Conn, error) {
	return pgx.Connect(ctx, as(dsn, user)+"&application_name="+application)
}

// as is the DSN with another user.
func as(dsn, user string) string {
	u, err := url.Parse(dsn)
	if err != nil {
		return dsn
	}
	u.User = url.User(user)
	return u.String()
}

func execute(t *testing.T, conn *pgx.Conn, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if _, err := conn.Exec(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

func askDatabase(t *testing.T, src *postgres.Source) (evidence.Database, []evidence.Item) {
	t.Helper()
	now := time.Now()
	items := evidence.Gather(t.Context(), []evidence.Collector{src}, evidence.Request{
		IncidentID: "INC-1", Services: []catalog.Service{{Name: "api"}, {Name: "db"}}, Affected: []string{"api"}, Now: now, Window: 30 * time.Minute,
	}, 10*time.Second, nil)
	if len(items) == 0 || items[0].Kind != evidence.KindDatabase {
		t.Fatalf("no evidence of the database: %+v", items)
	}
	d, err := evidence.Decode[evidence.Database](items[0])
	if err != nil {
		t.Fatal(err)
	}
	return d, items
}

func TestPostgresSource(t *testing.T) {
	t.Parallel()
	dsn := servers.Postgres(t, "max_connections=20", "superuser_reserved_connections=3", "shared_preload_libraries=pg_stat_statements")
	admin := session(t, dsn, "holdfast", "admin")
	execute(t, admin, `CREATE EXTENSION pg_stat_statements`, `CREATE ROLE watcher LOGIN IN ROLE pg_monitor`, `CREATE ROLE stranger LOGIN`, `CREATE ROLE app LOGIN`,
		`CREATE TABLE orders (id int PRIMARY KEY, total int)`, `INSERT INTO orders SELECT i, i FROM generate_series(1, 1000) i`, `GRANT ALL ON orders TO app`)
	src, err := postgres.New(postgres.Options{Name: "main", Service: "db", DSN: as(dsn, "watcher"), Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = src.Close() })
	if err := src.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	// The statements' totals of two looks make rates.
	askDatabase(t, src)
	api := session(t, dsn, "app", "api")
	for range 50 {
		execute(t, api, `SELECT sum(total) FROM orders WHERE total > 17`)
	}

	t.Run("locks and slow statements", func(t *testing.T) {
		migrate := session(t, dsn, "app", "migrate")
		execute(t, migrate, `BEGIN`, `UPDATE orders SET total = 0 WHERE id = 7`)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		blocked, slow := session(t, dsn, "app", "worker"), session(t, dsn, "app", "report")
		done := make(chan error, 2)
		go func() { _, err := blocked.Exec(ctx, `UPDATE orders SET total = 41234 WHERE id = 7`); done <- err }()
		go func() { _, err := slow.Exec(ctx, `SELECT 'hunter2', pg_sleep(60)`); done <- err }()
		var d evidence.Database
		eventually(t, 20*time.Second, "a lock and a slow statement", func() error {
			d, _ = askDatabase(t, src)
			if len(d.Locks) == 0 || !slices.ContainsFunc(d.Queries, func(q evidence.DBQuery) bool { return q.Text == "SELECT ?, pg_sleep(?)" && q.Running > time.Second }) {
				return fmt.Errorf("%+v", d)
			}
			return nil
		})
		l := d.Locks[0]
		if l.Blocked != "worker" || l.Blocking != "migrate" || l.HolderState != "idle in transaction" || l.Relation != "public.orders" {
			t.Errorf("the lock is %+v", l)
		}
		if len(d.Unread) > 0 || d.MaxConnections != 20 || d.Reserved != 3 || d.SizeBytes <= 0 || d.Uptime <= 0 {
			t.Errorf("read %+v", d)
		}
		if !slices.ContainsFunc(d.Waits, func(w evidence.DBWait) bool { return w.Type == "Lock" }) {
			t.Errorf("nothing waits for a lock: %+v", d.Waits)
		}
		cancel()
		<-done
		<-done
	})
	t.Run("what statements take", func(t *testing.T) {
		for range 50 {
			execute(t, api, `SELECT sum(total) FROM orders WHERE total > 17`)
		}
		d, _ := askDatabase(t, src)
		i := slices.IndexFunc(d.Queries, func(q evidence.DBQuery) bool { return strings.HasPrefix(q.Text, "SELECT sum(total) FROM orders") })
		if i < 0 || d.Queries[i].Calls <= 0 || d.Queries[i].Load <= 0 || d.Queries[i].User != "app" {
			t.Errorf("queries are %+v", d.Queries)
		}
	})
	t.Run("a role without rights", func(t *testing.T) {
		other, err := postgres.New(postgres.Options{Name: "main", Service: "db", DSN: as(dsn, "stranger"), Timeout: 5 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = other.Close() }()
		if d, _ := askDatabase(t, other); !slices.ContainsFunc(d.Unread, func(s string) bool { return strings.Contains(s, "grant pg_monitor") }) {
			t.Errorf("unread is %v", d.Unread)
		}
	})
	t.Run("its own session does not count", func(t *testing.T) {
		// That of the source before takes a moment to go.
		eventually(t, 10*time.Second, "only other sessions", func() error {
			d, _ := askDatabase(t, src)
			if slices.ContainsFunc(d.Connections, func(c evidence.DBConnections) bool { return c.Application == "holdfast" }) {
				return fmt.Errorf("%+v", d.Connections)
			}
			return nil
		})
	})
	t.Run("a limit of its own role", func(t *testing.T) {
		execute(t, admin, `CREATE ROLE limited LOGIN CONNECTION LIMIT 1 IN ROLE pg_monitor`)
		session(t, dsn, "limited", "other")
		other, err := postgres.New(postgres.Options{Name: "main", Service: "db", DSN: as(dsn, "limited"), Timeout: 5 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		items, err := other.Collect(t.Context(), evidence.Request{Services: []catalog.Service{{Name: "db"}}, Now: time.Now(), Window: time.Minute})
		if err == nil || !strings.Contains(err.Error(), "53300") || len(items) != 0 {
			t.Errorf("a role that has no connection left is taken for a server that has none: %v, %+v", err, items)
		}
	})
	t.Run("every connection taken", func(t *testing.T) { full(t, dsn, src) })
	t.Run("a connection that was cut", func(t *testing.T) {
		execute(t, admin, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'holdfast'`)
		if d, _ := askDatabase(t, src); d.MaxConnections != 20 {
			t.Errorf("after a cut: %+v", d)
		}
	})
}

// full takes all slots: the standing connection still answers, a new one is
// refused, and both say so. The engine names the connections.
func full(t *testing.T, dsn string, src *postgres.Source) {
	t.Helper()
	for {
		conn, err := open(t.Context(), dsn, "app", "relay")
		if err != nil {
			break
		}
		t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	}
	d, items := askDatabase(t, src)
	if !d.Refused || len(d.Connections) == 0 || d.Connections[0].Application != "relay" || d.Connections[0].State != "idle" {
		t.Errorf("the standing connection says %+v", d)
	}
	if want := "a new one is refused"; !strings.Contains(items[0].Summary, want) {
		t.Errorf("%q does not say %q", items[0].Summary, want)
	}
	late, err := postgres.New(postgres.Options{Name: "main", Service: "db", DSN: as(dsn, "watcher"), Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = late.Close() }()
	if err := late.Ready(t.Context()); err == nil || !strings.Contains(err.Error(), "53300") {
		t.Errorf("a new connection: %v", err)
	}
	if d, items := askDatabase(t, late); !d.Refused {
		t.Errorf("the refusal is no evidence: %s", items[0].Summary)
	}
	cat, err := catalog.New([]catalog.Service{
		{Name: "api", Owner: "shop", Tier: 1, DependsOn: []string{"db"}},
		{Name: "relay", Owner: "shop", Tier: 1, DependsOn: []string{"db"}},
		{Name: "db", Owner: "shop", Tier: 1},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	got := diagnose.New(diagnose.DefaultWeights()).Diagnose(diagnose.Input{
		Catalog: cat, Affected: []string{"api"}, FirstSignal: now.Add(-time.Minute), Now: now, Items: items,
	}).Hypotheses[0]
	if got.CauseClass != diagnose.ExhaustPool && got.CauseClass != diagnose.LeakConnections {
		t.Errorf("the engine says %s of %s at %.2f: %s", got.CauseClass, got.Component, got.Probability, got.Mechanism)
	}
}
