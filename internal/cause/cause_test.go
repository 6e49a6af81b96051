package cause_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/cause"
)

var update = flag.Bool("update", false, "write docs/causes.md again")

func TestEveryFaultHasAClassAndAMeaning(t *testing.T) {
	t.Parallel()
	all := cause.Faults()
	for i, f := range all {
		if i > 0 && all[i-1] == f {
			t.Errorf("%s is listed twice", f)
		}
		if !cause.Known(cause.ClassOf(f)) || cause.Text(f) == "" {
			t.Errorf("%s has class %q and text %q", f, cause.ClassOf(f), cause.Text(f))
		}
	}
	if cause.ClassOf("nonsense") != "" {
		t.Error("an unknown fault has a class")
	}
}

func TestCausesAreDocumented(t *testing.T) {
	t.Parallel()
	const path = "../../docs/causes.md"
	want := page()
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil { //nolint:gosec // a page of the documentation
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("docs/causes.md is not what the lists say (go test ./internal/cause -update):\n%s", diff)
	}
}

// page renders the two closed lists.
func page() string {
	var b strings.Builder
	b.WriteString("# Causes\n\nA hypothesis names a *cause class* and, where the evidence is that fine, a *fault* of the class. Both\n" +
		"lists are closed: what is not here is `unknown`. A new entry needs a record under [adr/](adr/README.md).\n\n" +
		"| class | faults |\n| --- | --- |\n")
	for _, c := range cause.Classes() {
		var fs []string
		for _, f := range cause.Faults() {
			if cause.ClassOf(f) == c {
				fs = append(fs, "`"+string(f)+"`")
			}
		}
		fmt.Fprintf(&b, "| `%s` | %s |\n", c, strings.Join(fs, ", "))
	}
	b.WriteString("\n| fault | what is wrong |\n| --- | --- |\n")
	for _, f := range slices.Sorted(slices.Values(cause.Faults())) {
		fmt.Fprintf(&b, "| `%s` | %s |\n", f, cause.Text(f))
	}
	return b.String()
}
