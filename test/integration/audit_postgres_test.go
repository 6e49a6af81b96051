//go:build integration

package integration

import (
	"context"
	"database/sql"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver

	"github.com/holdfast-sre/holdfast/internal/app/audittest"
	"github.com/holdfast-sre/holdfast/internal/store"
	"github.com/holdfast-sre/holdfast/test/servers"
)

// TestAuditOnPostgres: what somebody who may write the database does to the
// audit shows against its anchors.
func TestAuditOnPostgres(t *testing.T) {
	t.Parallel()
	dsn, db := emptyPostgres(t)
	audittest.Run(t, dsn, db)
}

// TestForgetOnPostgres: whom it erases is in no row of any table any more.
func TestForgetOnPostgres(t *testing.T) {
	t.Parallel()
	dsn, db := emptyPostgres(t)
	audittest.Forget(t, dsn, db)
}

func emptyPostgres(t *testing.T) (string, *sql.DB) {
	t.Helper()
	dsn := servers.PostgresSchema(t, servers.Postgres(t))
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return dsn, db
}

// TestErasureLosesNoWrite: somebody pauses actions while the switch is being
// rewritten without the name of who used it before.
func TestErasureLosesNoWrite(t *testing.T) {
	t.Parallel()
	dsn, db := emptyPostgres(t)
	s, err := store.Open(t.Context(), dsn, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if err := s.Tx(t.Context(), func(tx *store.Tx) error {
		return tx.Put(t.Context(), "pause", map[string]any{"paused": false, "by": "zora"})
	}); err != nil {
		t.Fatal(err)
	}
	writer, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = writer.Rollback() }()
	if _, err := writer.ExecContext(t.Context(), `UPDATE kv SET value = '{"paused":true,"by":"bo"}' WHERE key = 'pause'`); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := s.Erase(context.Background(), store.Erasure{Actor: "zora"}, "bo", "request 17")
		ended <- err
	}()
	for waits := 0; waits == 0; { // for the row
		if err := db.QueryRowContext(t.Context(), `SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%kv%'`).Scan(&waits); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-ended:
			t.Fatalf("the erasure did not wait for the writer: %v", err)
		case <-time.After(10 * time.Millisecond):
		}
	}
	if err := writer.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	var got struct {
		Paused bool   `json:"paused"`
		By     string `json:"by"`
	}
	if err := s.View(t.Context(), func(tx *store.Tx) error { return tx.Get(t.Context(), "pause", &got) }); err != nil {
		t.Fatal(err)
	}
	if !got.Paused || got.By != "bo" {
		t.Errorf("after it the switch is %+v: the pause is lost", got)
	}
}
