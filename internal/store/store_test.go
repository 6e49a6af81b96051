package store_test

import (
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/holdfast-sre/holdfast/internal/store"
	"github.com/holdfast-sre/holdfast/internal/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSQLite(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) storetest.Database {
		t.Helper()
		path := filepath.Join(t.TempDir(), "holdfast.db")
		return func(t *testing.T, o store.Options) *store.Store {
			t.Helper()
			s, err := store.Open(t.Context(), "sqlite:"+path, o)
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
	})
}
