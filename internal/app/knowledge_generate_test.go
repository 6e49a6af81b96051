package app_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/app"
	"github.com/holdfast-sre/holdfast/internal/knowledge"
	"github.com/holdfast-sre/holdfast/internal/knowledge/operate"
)

func generated(path, text string) operate.File {
	return operate.File{Kind: operate.Rules, Path: path, Text: []byte("# " + operate.Notice + "\n" + text)}
}

func TestTwoFilesAreNotWrittenAsOne(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, err := app.SaveGenerated(dir, []operate.File{generated("rules/a.yaml", "1"), generated("rules/A.yaml", "2")}, false)
	if err == nil || !strings.Contains(err.Error(), "rules/A.yaml") {
		t.Errorf("got %v", err)
	}
	if made, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || len(made) > 0 {
		t.Errorf("written all the same: %v, %v", made, err)
	}
}

func TestAGeneratedFileIsWrittenWhole(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "rules"), 0o755); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "rules", "a.yaml")
	if err := os.WriteFile(name, nil, 0o644); err != nil { // what a cut-off write left
		t.Fatal(err)
	}
	old, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = old.Close() }()
	got, err := app.SaveGenerated(dir, []operate.File{generated("rules/a.yaml", "1")}, false)
	if err != nil || !slices.Equal(got, []app.Written{app.Changed}) {
		t.Fatalf("%v, %v", got, err)
	}
	is, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	was, err := old.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if os.SameFile(was, is) {
		t.Error("the old file was cut and written over: one who reads meanwhile sees half of it")
	}
	left, err := filepath.Glob(filepath.Join(dir, "rules", "*"))
	if diff := cmp.Diff([]string{name}, left); diff != "" || err != nil {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
}

// A file of people beside a generated one stays as it is, whatever its name, and so
// does what it leads to.
func TestFilesBesideGeneratedOnesStay(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "rules"), 0o755); err != nil {
		t.Fatal(err)
	}
	mine := filepath.Join(dir, "rules", "mine.yaml")
	if err := errors.Join(os.WriteFile(mine, []byte("groups: []\n"), 0o644), os.Symlink("mine.yaml", filepath.Join(dir, "rules", "a.yaml.tmp"))); err != nil {
		t.Fatal(err)
	}
	if _, err := app.SaveGenerated(dir, []operate.File{generated("rules/a.yaml", "1")}, false); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(mine); err != nil || string(text) != "groups: []\n" {
		t.Errorf("written over: %q, %v", text, err)
	}
	if _, err := os.Lstat(filepath.Join(dir, "rules", "a.yaml.tmp")); err != nil {
		t.Errorf("taken away: %v", err)
	}
}

func TestFilesOfNoDocumentAreFound(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	kept := generated("rules/a.yaml", "1")
	gone := generated("rules/b.yaml", "1")
	if _, err := app.SaveGenerated(dir, []operate.File{kept, gone, {Kind: operate.Runbook, Path: "runbooks/b.yaml", Text: gone.Text}}, false); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "rules", "mine.yaml"), []byte("groups: []\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	got, err := app.StaleGenerated(dir, operate.Kinds(), []operate.File{kept})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]operate.File{{Kind: operate.Rules, Path: "rules/b.yaml"}}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if got, err := app.StaleGenerated(filepath.Join(dir, "none"), operate.Kinds(), nil); err != nil || len(got) > 0 {
		t.Errorf("a folder that is not there: %v, %v", got, err)
	}
}

func TestOperateOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "ADR-001-x.md"), []byte("# ADR-001: Jobs\n\n## Monitoring\n\n- `queue_depth` > 5 → page\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	k, err := app.OpenKnowledge([]string{dir}, knowledge.DefaultScheme(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = k.Close() }()
	got, err := k.Operate(t.Context(), []string{"ADR-001", "adr-1"}, "")
	if err != nil || len(got) != 1 {
		t.Errorf("%d results, %v", len(got), err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := k.Operate(ctx, nil, ""); !errors.Is(err, context.Canceled) {
		t.Errorf("a command that is ended goes on: %v", err)
	}
}
