package main

import (
	"bytes"
	"encoding/csv"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/bench/benchtest"
	"github.com/holdfast-sre/holdfast/internal/bench/comparator"
)

// benchRun runs a command line and returns what it printed.
func benchRun(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	e := &env{ctx: t.Context(), stdin: strings.NewReader(""), stdout: &out, stderr: &errs, getenv: func(string) (string, bool) { return "", false }}
	code = run(e, args)
	return code, out.String(), errs.String()
}

// sample makes a folder with some cases of a set; without what tells the truth
// where truth is false. Files of the set are linked, not copied.
func sample(t *testing.T, set string, cases int, truth bool) string {
	t.Helper()
	from, to := filepath.Join(benchtest.Root(t), set), t.TempDir()
	entries, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		tells := slices.Contains([]string{"labels.csv", "truth", "published.csv", "README.md"}, e.Name())
		if e.Name() == caseList || tells && !truth {
			continue
		}
		if err := os.Symlink(filepath.Join(from, e.Name()), filepath.Join(to, e.Name())); err != nil {
			t.Fatal(err)
		}
	}
	f, err := os.Open(filepath.Join(from, caseList))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	kept := [][]string{rows[0]}
	for i := range min(cases, len(rows)-1) { // spread over the list
		kept = append(kept, rows[1+i*(len(rows)-1)/cases])
	}
	var b bytes.Buffer
	if err := csv.NewWriter(&b).WriteAll(kept); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(to, caseList), b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return to
}

// Prediction must not depend on anything that tells the truth: without it, the
// predictions are the same, byte for byte, however many cases run at once.
func TestPredictionNeedsNoTruth(t *testing.T) {
	t.Parallel()
	benchtest.Root(t)
	for _, set := range setNames() {
		t.Run(set, func(t *testing.T) {
			t.Parallel()
			const cases = 2
			predict := func(truth bool, jobs string) string {
				out := filepath.Join(t.TempDir(), "predictions.jsonl")
				code, _, stderr := benchRun(t, "bench", "predict", set, "--data", sample(t, set, cases, truth), "--out", out, "--jobs", jobs)
				if code != exitOK || stderr != "" {
					t.Fatalf("exit code %d: %s", code, stderr)
				}
				b, err := os.ReadFile(out)
				if err != nil {
					t.Fatal(err)
				}
				return string(b)
			}
			with, without := predict(true, "1"), predict(false, "4")
			if n := strings.Count(without, "\n"); n != cases {
				t.Errorf("%d predictions, want %d", n, cases)
			}
			if diff := cmp.Diff(with, without); diff != "" {
				t.Errorf("with and without the truth (-with +without):\n%s", diff)
			}
		})
	}
}

func TestAVoidComparisonSaysWhy(t *testing.T) {
	t.Parallel()
	row := comparedRow{Method: "other", Check: comparator.Void, Why: "AC@1 of core is .300, README of the set says .500"}
	err := void([]comparedRow{{Method: "Holdfast"}, row})
	if err == nil || !strings.Contains(err.Error(), "the comparison is void: other: AC@1 of core") {
		t.Errorf("error %v, want which method and why", err)
	}
	if got := row.note(); !strings.HasPrefix(got, "void: AC@1") {
		t.Errorf("note %q, want it to say so", got)
	}
}
