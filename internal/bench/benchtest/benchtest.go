// Package benchtest finds the benchmark data for tests. The data are not part
// of the repository, so a test without them is skipped and says so; with
// CI=true it fails, since CI leaves nothing out.
package benchtest

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// Variable names the folder that holds a folder for each set.
const Variable = "HOLDFAST_BENCH_DATA"

// Root is the folder that holds a folder for each set. Without it the test or
// benchmark ends here.
func Root(tb testing.TB) string {
	tb.Helper()
	root := os.Getenv(Variable)
	switch {
	case root != "":
	case os.Getenv("CI") == "true":
		tb.Fatalf("%s is not set, and CI leaves nothing out: set it to the folder that holds a folder for each benchmark set", Variable)
	default:
		tb.Skipf("%s is not set: it names the folder with the benchmark sets, which are not part of the repository", Variable)
	}
	return root
}

// Set is the data of one set. A set that is not there fails the test.
func Set(tb testing.TB, name string) fs.FS {
	tb.Helper()
	dir := filepath.Join(Root(tb), name)
	if _, err := os.Stat(dir); err != nil {
		tb.Fatalf("the set %s of %s: %v", name, Variable, err)
	}
	return os.DirFS(dir)
}
