package main

import (
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/bench/benchtest"
)

// The scores of a series must not depend on what tells the truth: without its
// files and columns they are the same, byte for byte, however many run at once.
func TestScoresNeedNoTruth(t *testing.T) {
	t.Parallel()
	benchtest.Root(t)
	for _, set := range []string{"nab", "cloudmon"} {
		t.Run(set, func(t *testing.T) {
			t.Parallel()
			const cases = 4
			whole := sample(t, set, cases, true)
			with, without := t.TempDir(), t.TempDir()
			for out, args := range map[string][]string{with: {"--data", whole, "--jobs", "1"}, without: {"--data", untold(t, whole), "--jobs", "4"}} {
				code, stdout, stderr := benchRun(t, append([]string{"bench", "predict", set, "--out", out}, args...)...)
				if code != exitOK || stderr != "" || !strings.Contains(stdout, "points a second") {
					t.Fatalf("exit code %d: %s%s", code, stdout, stderr)
				}
			}
			told, blind := contents(t, with), contents(t, without)
			if len(told) != cases {
				t.Errorf("scores of %d series, want %d", len(told), cases)
			}
			if diff := cmp.Diff(told, blind); diff != "" {
				t.Errorf("with and without the truth (-with +without):\n%s", diff)
			}
		})
	}
}

// untold copies cases.csv and its series without the columns that tell the truth.
func untold(t *testing.T, dir string) string {
	t.Helper()
	to := t.TempDir()
	for _, c := range keepColumns(t, filepath.Join(dir, caseList), filepath.Join(to, caseList), "file")[1:] {
		name := filepath.Join("data", filepath.FromSlash(c[0])+".gz")
		keepColumns(t, filepath.Join(dir, name), filepath.Join(to, name), "timestamp", "value")
	}
	return to
}

func keepColumns(t *testing.T, from, to string, columns ...string) (kept [][]string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	var in io.Reader = bytes.NewReader(b)
	packed := strings.HasSuffix(from, ".gz")
	if packed {
		if in, err = gzip.NewReader(in); err != nil {
			t.Fatal(err)
		}
	}
	rows, err := csv.NewReader(in).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		var cells []string
		for i, head := range rows[0] {
			if slices.Contains(columns, head) {
				cells = append(cells, r[i])
			}
		}
		kept = append(kept, cells)
	}
	var out bytes.Buffer
	if err := csv.NewWriter(&out).WriteAll(kept); err != nil {
		t.Fatal(err)
	}
	if packed {
		var z bytes.Buffer
		w := gzip.NewWriter(&z)
		if _, err := w.Write(out.Bytes()); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		out = z
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return kept
}

// contents are the files below a folder, by name.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		out[filepath.ToSlash(name)] = string(b)
		return err
	})
	if err != nil || len(out) == 0 {
		t.Fatalf("%d files in %s: %v", len(out), dir, err)
	}
	return out
}

func TestScoringAFolderThatIsNone(t *testing.T) {
	t.Parallel()
	root := benchtest.Root(t)
	code, _, stderr := benchRun(t, "bench", "score", "nab", "--data", filepath.Join(root, "nab"), "--pred", filepath.Join(root, "nab", caseList))
	if code != exitUsage || !strings.Contains(stderr, "is not a folder with the predictions of nab") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
}
