//go:build integration

package integration

import (
	"testing"

	"github.com/holdfast-sre/holdfast/internal/store"
	"github.com/holdfast-sre/holdfast/internal/store/storetest"
	"github.com/holdfast-sre/holdfast/test/servers"
)

func TestStoreOnPostgres(t *testing.T) {
	t.Parallel()
	server := servers.Postgres(t)
	storetest.Run(t, func(t *testing.T) storetest.Database {
		t.Helper()
		dsn := servers.PostgresSchema(t, server)
		return func(t *testing.T, o store.Options) *store.Store {
			t.Helper()
			s, err := store.Open(t.Context(), dsn, o)
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
	})
}
