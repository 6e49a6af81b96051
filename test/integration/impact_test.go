//go:build integration

package integration

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-sre/holdfast/internal/app"
	"github.com/holdfast-sre/holdfast/internal/config"
	"github.com/holdfast-sre/holdfast/internal/knowledge/impact"
	"github.com/holdfast-sre/holdfast/test/servers"
)

// The catalog declares nothing: that api needs pay is seen by Jaeger, and that pay
// needs the database by PostgreSQL.
func TestImpactOfWhatIsSeen(t *testing.T) {
	t.Parallel()
	query, otlp := servers.Jaeger(t)
	dsn := servers.Postgres(t, "max_connections=20")
	execute(t, session(t, dsn, "holdfast", "psql"), `CREATE ROLE watcher LOGIN IN ROLE pg_monitor`, `CREATE ROLE app LOGIN`)
	session(t, dsn, "app", "pay")
	api, pay := tracer(t, otlp, "api"), tracer(t, otlp, "pay")
	now := time.Now()
	for i := range 30 {
		checkout(t.Context(), api, pay, now.Add(-time.Duration(10+i*20)*time.Second), 40*time.Millisecond, false)
	}

	dir := t.TempDir()
	file := func(name, text string) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file("docs/DU-1-api.md", "# DU-1: The shop\n\n**Service**: api\n")
	file("catalog/shop.yaml", "services:\n  - {name: api, owner: shop, tier: 1}\n  - {name: pay, owner: money, tier: 1}\n  - {name: orders-db, owner: money, tier: 1}\n")
	file("holdfast.yaml", fmt.Sprintf(`environment: shop
store: {dsn: sqlite:holdfast.db}
catalog: catalog
knowledge: [docs]
sources:
  - {name: traces, type: jaeger, url: %q}
  - {name: main, type: postgres, service: orders-db, dsn: %q}
`, query, as(dsn, "watcher")))
	f, err := config.Open(filepath.Join(dir, "holdfast.yaml"), func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	k, err := app.ConfiguredKnowledge(f, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.Close() })
	var r impact.Report
	eventually(t, 30*time.Second, "who calls whom", func() error {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		if r, err = k.Impact(ctx, app.ImpactQuestion{Subject: "orders-db", Action: "restart, 5 min", At: time.Now()}); err == nil && len(r.Services) < 3 {
			err = fmt.Errorf("%d services: %+v, missing %q", len(r.Services), r.Services, r.Missing)
		}
		return err
	})
	var got []string
	for _, s := range r.Services {
		got = append(got, fmt.Sprintf("%s %d", s.Name, s.Distance))
	}
	if want := []string{"orders-db 0", "pay 1", "api 2"}; !slices.Equal(got, want) {
		t.Errorf("services %q, want %q", got, want)
	}
	basis := strings.Join(r.Services[2].Basis, "; ")
	for _, want := range []string{"traces: 30 calls in 1 h", "main: 1 connection now"} {
		if !strings.Contains(basis, want) {
			t.Errorf("the basis %q does not say %q", basis, want)
		}
	}
}
