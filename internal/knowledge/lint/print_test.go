package lint_test

import (
	"encoding/json"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/knowledge/lint"
)

var update = flag.Bool("update", false, "write docs/lint and the golden files again")

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s is not what the code says (go test ./internal/knowledge/lint -update), -want +got:\n%s", path, diff)
	}
}

func TestEveryRuleHasItsPage(t *testing.T) {
	t.Parallel()
	want := map[string]bool{"README.md": true}
	golden(t, "../../../docs/lint/README.md", lint.Index())
	for _, r := range lint.Rules() {
		golden(t, "../../../"+r.Page(), r.Markdown())
		want[r.Name+".md"] = true
	}
	files, err := os.ReadDir("../../../docs/lint")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !want[f.Name()] {
			t.Errorf("docs/lint/%s is the page of no rule", f.Name())
		}
	}
}

// report is a report with a finding of each severity, and text that needs care.
func report(t *testing.T) lint.Report {
	t.Helper()
	return run(t, lint.Options{}, folder("", lint.Files{
		"adr/ADR-001 queue.md": "# ADR-001: Use a queue | \x1b[31mred\n\n**Status**: accepted\n\nSee [x](gone|`x`.md), ADR-009 and TODO(human): <b>who</b>?\n",
		"bolts/BOLT-001.md":    "# BOLT-001: Reader\n\n## Rollback\n\n    redis-cli FLUSHALL\n",
	}))
}

func TestForms(t *testing.T) {
	t.Parallel()
	r := report(t)
	for name, print := range map[string]func(*strings.Builder) error{
		"report.txt":   func(b *strings.Builder) error { return r.Table(b) },
		"report.json":  func(b *strings.Builder) error { return r.JSON(b) },
		"report.md":    func(b *strings.Builder) error { return r.Markdown(b) },
		"report.sarif": func(b *strings.Builder) error { return r.SARIF(b, "v1.2.3") },
	} {
		var b strings.Builder
		if err := print(&b); err != nil {
			t.Fatal(err)
		}
		golden(t, "testdata/"+name, b.String())
	}
}

// TestFormsSayWhenNobodyTakesThem: a report that a full disk swallowed is no report.
func TestFormsSayWhenNobodyTakesThem(t *testing.T) {
	t.Parallel()
	r := report(t)
	for name, print := range map[string]func(io.Writer) error{
		"table": r.Table, "json": r.JSON, "markdown": r.Markdown, "sarif": func(w io.Writer) error { return r.SARIF(w, "") },
	} {
		if err := print(full{}); !errors.Is(err, io.ErrShortWrite) {
			t.Errorf("%s: error %v, want %v", name, err, io.ErrShortWrite)
		}
	}
}

// full takes nothing.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

// TestSARIF checks what the schema of SARIF 2.1.0 requires of what is printed, and
// what code scanning needs beyond it.
func TestSARIF(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	r := report(t)
	if err := r.SARIF(&b, ""); err != nil {
		t.Fatal(err)
	}
	var log struct {
		Schema  string `json:"$schema"`
		Version string
		Runs    []struct {
			Tool struct {
				Driver struct {
					Name, Version, InformationURI string
					Rules                         []struct {
						ID, HelpURI          string
						ShortDescription     struct{ Text string }
						DefaultConfiguration struct{ Level string }
					}
				}
			}
			Results []struct {
				RuleID    string
				RuleIndex int
				Level     string
				Message   struct{ Text string }
				Locations []struct {
					PhysicalLocation struct {
						ArtifactLocation struct{ URI string }
						Region           struct{ StartLine int }
					}
				}
				PartialFingerprints map[string]string
			}
		}
	}
	if err := json.Unmarshal([]byte(b.String()), &log); err != nil {
		t.Fatal(err)
	}
	if log.Version != "2.1.0" || !strings.HasSuffix(log.Schema, "sarif-schema-2.1.0.json") || len(log.Runs) != 1 {
		t.Fatalf("version %q, schema %q, %d runs", log.Version, log.Schema, len(log.Runs))
	}
	one := log.Runs[0]
	if one.Tool.Driver.Name == "" || len(one.Tool.Driver.Rules) != len(lint.Rules()) || len(one.Results) != len(r.Findings) {
		t.Errorf("driver %q, %d rules, %d results", one.Tool.Driver.Name, len(one.Tool.Driver.Rules), len(one.Results))
	}
	levels := map[string]bool{"error": true, "warning": true, "note": true}
	for _, x := range one.Tool.Driver.Rules {
		if x.ShortDescription.Text == "" || !strings.HasPrefix(x.HelpURI, "https://") || !strings.HasSuffix(x.HelpURI, x.ID+".md") || !levels[x.DefaultConfiguration.Level] {
			t.Errorf("rule %+v", x)
		}
	}
	prints := map[string]bool{}
	for _, x := range one.Results {
		print := x.PartialFingerprints["holdfastFinding/v1"]
		if one.Tool.Driver.Rules[x.RuleIndex].ID != x.RuleID || !levels[x.Level] || x.Message.Text == "" || len(x.Locations) != 1 || prints[print] || print == "" {
			t.Errorf("result %+v", x)
		}
		prints[print] = true
		at := x.Locations[0].PhysicalLocation
		if at.Region.StartLine < 1 || strings.HasPrefix(at.ArtifactLocation.URI, "/") || strings.ContainsAny(at.ArtifactLocation.URI, " |\\") {
			t.Errorf("place %+v", at)
		}
	}
}
