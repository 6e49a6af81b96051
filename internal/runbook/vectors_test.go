package runbook_test

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/boundary"
	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/problem"
	"github.com/holdfast-sre/holdfast/internal/runbook"
)

var update = flag.Bool("update", false, "write the expectations of the test vectors again")

const vectors = "../../docs/runbooks/vectors"

// vectorWorld is what the vectors are checked with.
func vectorWorld(t *testing.T) runbook.Around {
	t.Helper()
	read := func(name string) []byte {
		data, err := os.ReadFile(filepath.Join(vectors, name))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	c, err := catalog.Parse("catalog.yaml", read("catalog.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := boundary.Parse("boundaries.yaml", read("boundaries.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return runbook.Around{Catalog: c, Boundaries: b, Sources: runbook.Sources{
		Metrics: []string{"prometheus"}, Loki: []string{"loki"}, VictoriaLogs: []string{"victorialogs"}, SQL: []string{"bookings"},
		Runtime: []string{"cluster"},
	}}
}

// sets returns the vectors below a folder: a file each, and the files of a
// folder together.
func sets(t *testing.T, dir string) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	err := filepath.WalkDir(filepath.Join(vectors, dir), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name := strings.TrimSuffix(filepath.Base(path), ".yaml")
		if parent := filepath.Base(filepath.Dir(path)); parent != dir {
			name = parent
		}
		out[name] = append(out[name], path)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) == 0 {
		t.Fatalf("no vectors in %s", dir)
	}
	return out
}

// problemsOf loads files as one set, as every reader does.
func problemsOf(around runbook.Around, texts []runbook.Text) []problem.Problem {
	set, err := runbook.Load(texts)
	out := problem.All(err)
	return append(out, problem.All(set.Check(around.Catalog, around.Sources, around.Boundaries))...)
}

func texts(t *testing.T, files []string) []runbook.Text {
	t.Helper()
	var out []runbook.Text
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, runbook.Text{Name: f, Data: data})
	}
	return out
}

// TestAcceptedVectors: every file that must be accepted is, by itself and when
// it was printed and read back, and the linter finds no mistake in it.
func TestAcceptedVectors(t *testing.T) {
	t.Parallel()
	around := vectorWorld(t)
	for name, files := range sets(t, "accept") {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := texts(t, files)
			for _, p := range problemsOf(around, in) {
				t.Errorf("%s\nhint: %s", p.Error(), p.Hint)
			}
			for _, f := range in {
				r, err := runbook.Parse(f.Name, f.Data)
				if err != nil {
					t.Fatal(err)
				}
				printed, err := r.Print()
				if err != nil {
					t.Fatal(err)
				}
				again, err := runbook.Parse(f.Name, printed)
				if err != nil {
					t.Fatalf("printed form: %v\n%s", err, printed)
				}
				second, err := again.Print()
				if diff := cmp.Diff(string(printed), string(second)); diff != "" || err != nil {
					t.Errorf("%v %s", err, diff)
				}
			}
			if rep, _ := runbook.Lint(in, around); rep.Count("error") > 0 {
				t.Errorf("the linter disagrees: %+v", rep.Findings)
			}
		})
	}
}

// TestRefusedVectors: every file that must be refused is, with exactly the
// problems that it states, and each names a known rule.
func TestRefusedVectors(t *testing.T) {
	t.Parallel()
	around := vectorWorld(t)
	var rules []string
	for _, r := range runbook.Rules() {
		rules = append(rules, r.Name)
	}
	for name, files := range sets(t, "refuse") {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if *update {
				expectAgain(t, around, files)
			}
			in := texts(t, files)
			got := problemsOf(around, in)
			stated := 0
			for _, f := range in {
				var lines []string
				for _, p := range got {
					if p.File == f.Name {
						lines = append(lines, expectation(p)...)
					}
					if rule := p.Rule; rule != "" && !slices.Contains(rules, rule) {
						t.Errorf("%s: there is no rule %q", p.Error(), rule)
					}
				}
				want, _ := split(string(f.Data))
				stated += len(want)
				if diff := cmp.Diff(want, lines); diff != "" {
					t.Errorf("%s (-stated +got):\n%s", f.Name, diff)
				}
			}
			if stated == 0 {
				t.Errorf("%s states no problem: add # expect: lines, see docs/runbooks/vectors/README.md", name)
			}
			if rep, _ := runbook.Lint(in, around); rep.Count("error") != len(got) {
				t.Errorf("the linter finds %d errors, loading %d", rep.Count("error"), len(got))
			}
		})
	}
}

// expectation is how a vector states a problem.
func expectation(p problem.Problem) []string {
	at := "-"
	if p.Line > 0 {
		at = fmt.Sprint(p.Line)
	}
	if p.Column > 0 {
		at += fmt.Sprintf(":%d", p.Column)
	}
	rule := p.Rule
	if rule == "" {
		rule = "format"
	}
	line := func(s string) string { return strings.ReplaceAll(s, "\n", `\n`) }
	out := []string{fmt.Sprintf("# expect: %s %s %s", at, rule, line(strings.ReplaceAll(p.What, vectors+"/", "")))}
	if p.Hint != "" {
		out = append(out, "# hint: "+line(strings.ReplaceAll(p.Hint, vectors+"/", "")))
	}
	return out
}

// split separates the statement of a vector from what follows.
func split(text string) (stated []string, rest string) {
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "# expect: ") || strings.HasPrefix(line, "# hint: ") {
			stated = append(stated, strings.TrimSuffix(line, "\n"))
			continue
		}
		rest += line
	}
	return stated, rest
}

// expectAgain writes what is found on top of the files.
func expectAgain(t *testing.T, around runbook.Around, files []string) {
	t.Helper()
	for range 3 { // the second time the lines are where they will be, the third what names them
		in := texts(t, files)
		found := problemsOf(around, in)
		for _, f := range in {
			_, rest := split(string(f.Data))
			var head []string
			for _, p := range found {
				if p.File == f.Name {
					head = append(head, expectation(p)...)
				}
			}
			if err := os.WriteFile(f.Name, []byte(strings.Join(append(head, rest), "\n")), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestAFileThatIsTooLargeIsNotRead: too large to publish as a vector.
func TestAFileThatIsTooLargeIsNotRead(t *testing.T) {
	t.Parallel()
	_, err := runbook.Parse("big.yaml", []byte("name: x\ndescription: \""+strings.Repeat("x", 2<<20)+"\"\n"))
	if err == nil || !strings.HasPrefix(err.Error(), "big.yaml: file has ") {
		t.Errorf("got %v", err)
	}
}

// TestRulesAreDocumented: the table of rules in docs/runbooks.md is what the code
// says; -update writes it again.
func TestRulesAreDocumented(t *testing.T) {
	t.Parallel()
	const file, head = "../../docs/runbooks.md", "| rule | severity | finds |\n| --- | --- | --- |\n"
	doc, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, _, ok := strings.Cut(string(doc), head)
	if !ok {
		t.Fatalf("%s has no table of rules", file)
	}
	want := before + head
	for _, r := range runbook.Rules() {
		want += fmt.Sprintf("| `%s` | %s | %s %s |\n", r.Name, r.Severity, r.What, r.Why)
	}
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, string(doc)); diff != "" {
		t.Errorf("go test ./internal/runbook -update (-want +got):\n%s", diff)
	}
}
