//go:build integration

package integration

import (
	"database/sql"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver

	"github.com/holdfast-sre/holdfast/internal/app/audittest"
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
