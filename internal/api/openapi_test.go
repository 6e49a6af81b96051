package api_test

import (
	"flag"
	"net/http"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite what is committed")

// TestOpenAPIIsCommitted keeps docs/openapi.yaml what the server answers.
func TestOpenAPIIsCommitted(t *testing.T) {
	t.Parallel()
	const file = "../../docs/openapi.yaml"
	h, _ := serve(t, newWorld())
	code, _, got := do(h, ask("GET", "/openapi.yaml", "", ""))
	if code != http.StatusOK {
		t.Fatalf("status %d", code)
	}
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil { //nolint:gosec // a public file
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("run go test ./internal/api -update (-want +got):\n%s", diff)
	}
}
