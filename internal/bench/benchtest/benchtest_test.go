package benchtest_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-sre/holdfast/internal/bench/benchtest"
)

// outcome records how a test would have ended.
type outcome struct {
	testing.TB
	said string
}

type ended struct{}

func (o *outcome) Helper()                         {}
func (o *outcome) Fatalf(format string, as ...any) { o.end("fatal: ", format, as) }
func (o *outcome) Skipf(format string, as ...any)  { o.end("skip: ", format, as) }

func (o *outcome) end(how, format string, as []any) {
	o.said = how + fmt.Sprintf(format, as...)
	panic(ended{})
}

// try runs fn as a test would, up to where the test ends.
func try(t *testing.T, fn func(testing.TB)) string {
	t.Helper()
	o := &outcome{TB: t}
	func() {
		defer func() {
			if r := recover(); r != nil && r != any(ended{}) {
				panic(r)
			}
		}()
		fn(o)
	}()
	return o.said
}

func TestDataThatAreNotThereAreNeverPassedOverInSilence(t *testing.T) { //nolint:paralleltest // sets the environment
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, data, ci, set, want string }{
		{"nothing is set", "", "", ".", "skip: HOLDFAST_BENCH_DATA is not set"},
		{"CI", "", "true", ".", "fatal: HOLDFAST_BENCH_DATA is not set, and CI leaves nothing out: set it to"},
		{"no such set", root, "", "none", "fatal: the set none of HOLDFAST_BENCH_DATA"},
		{"there", root, "true", ".", ""},
	}
	for _, tt := range tests { //nolint:paralleltest // sets the environment
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv(benchtest.Variable, tt.data)
			t.Setenv("CI", tt.ci)
			var data fs.FS
			got := try(t, func(tb testing.TB) { data = benchtest.Set(tb, tt.set) })
			if !strings.HasPrefix(got, tt.want) || (tt.want == "") != (got == "") {
				t.Fatalf("got %q, want %q", got, tt.want)
			}
			if tt.want != "" {
				return
			}
			if _, err := fs.Stat(data, "file"); err != nil {
				t.Error(err)
			}
		})
	}
}
