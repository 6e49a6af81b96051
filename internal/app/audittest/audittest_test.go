package audittest_test

import (
	"bytes"
	"database/sql"
	"os"
	"path/filepath"
	"testing"

	_ "modernc.org/sqlite" // the driver

	"github.com/holdfast-sre/holdfast/internal/app/audittest"
)

func TestOnSQLite(t *testing.T) {
	t.Parallel()
	path, db := database(t)
	audittest.Run(t, "sqlite:"+path, db)
}

func TestElsewhereOnSQLite(t *testing.T) {
	t.Parallel()
	path, db := database(t)
	audittest.Elsewhere(t, "sqlite:"+path, db)
}

// TestForgetOnSQLite: whom it erases is not in the bytes of the files either.
func TestForgetOnSQLite(t *testing.T) {
	t.Parallel()
	path, db := database(t)
	audittest.Forget(t, "sqlite:"+path, db)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(path + "*")
	if err != nil || len(files) < 2 {
		t.Fatalf("files %v: %v", files, err)
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{"zora.quill", "third host"} {
			if n := bytes.Count(data, []byte(text)); n > 0 {
				t.Errorf("%s holds %q %d times", filepath.Base(f), text, n)
			}
		}
	}
}

func database(t *testing.T) (path string, db *sql.DB) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "holdfast.db")
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(5000)&_pragma=synchronous(0)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return path, db
}
