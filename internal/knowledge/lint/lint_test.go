package lint_test

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/knowledge"
	"github.com/holdfast-sre/holdfast/internal/knowledge/lint"
)

// folder makes a folder of files.
func folder(name string, files lint.Files) lint.Folder {
	fs := fstest.MapFS{}
	for p, body := range files {
		fs[p] = &fstest.MapFile{Data: []byte(body)}
	}
	return lint.Folder{Folder: knowledge.Folder{Name: name, FS: fs}}
}

// run lints folders with the usual names.
func run(t testing.TB, opts lint.Options, folders ...lint.Folder) lint.Report {
	t.Helper()
	var fs []knowledge.Folder
	for _, f := range folders {
		fs = append(fs, f.Folder)
	}
	b, err := knowledge.NewReader(knowledge.DefaultScheme()).Read(fs...)
	if err != nil {
		t.Fatal(err)
	}
	rep, err := lint.Run(t.Context(), b, folders, opts)
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

// brief prints a finding as "adr/x.md:3 error broken-link".
func brief(fs []lint.Finding) []string {
	var out []string
	for _, f := range fs {
		out = append(out, f.File+":"+strconv.Itoa(f.Line)+" "+string(f.Severity)+" "+f.Rule)
	}
	return out
}

func text(fs []lint.Finding) string {
	var out []string
	for _, f := range fs {
		out = append(out, f.File+":"+strconv.Itoa(f.Line)+" "+string(f.Severity)+" "+f.Rule+": "+f.What+" | "+f.Fix)
	}
	return strings.Join(out, "\n")
}

// Each rule's own examples: the bad one triggers exactly the rule, the good one
// nothing at all.
func TestExamples(t *testing.T) {
	t.Parallel()
	for _, r := range lint.Rules() {
		t.Run(r.Name, func(t *testing.T) {
			t.Parallel()
			bad := run(t, lint.Options{}, folder("", r.Bad)).Findings
			if len(bad) == 0 {
				t.Error("the bad example triggers nothing")
			}
			for _, f := range bad {
				if f.Rule != r.Name || f.Severity != r.Severity {
					t.Errorf("the bad example triggers %s", text([]lint.Finding{f}))
				}
				if f.Fix == "" || f.What == "" || f.Why == "" {
					t.Errorf("finding without text: %+v", f)
				}
			}
			if good := run(t, lint.Options{}, folder("", r.Good)).Findings; len(good) > 0 {
				t.Errorf("the good example triggers\n%s", text(good))
			}
		})
	}
}

func TestRulesAreComplete(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, r := range lint.Rules() {
		if r.Name == "" || r.What == "" || r.Why == "" || r.Fix == "" || r.Detail == "" || seen[r.Name] {
			t.Errorf("rule %q is not complete, or there twice", r.Name)
		}
		seen[r.Name] = true
		if slices.Equal(slices.Sorted(maps.Keys(r.Bad)), nil) || cmp.Equal(r.Bad, r.Good) {
			t.Errorf("%s has no examples", r.Name)
		}
	}
}
