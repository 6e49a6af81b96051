package app

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/api"
	"github.com/holdfast-sre/holdfast/internal/knowledge/browse"
	"github.com/holdfast-sre/holdfast/internal/problem"
)

func newTestReadingRoom(t *testing.T, dirs ...string) *readingRoom {
	t.Helper()
	s := newReadingRoom(newTestLibrary(t, t.TempDir(), dirs...), nil)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestReadingRoomAnswersFromTheFolders(t *testing.T) {
	t.Parallel()
	one, two := filepath.Join(t.TempDir(), "docs"), filepath.Join(t.TempDir(), "more")
	write(t, filepath.Join(one, "adr", "ADR-1.md"), "# ADR-1: Pool\n\n**Status**: accepted\n\n## Context\n\nThe zebra has password=hunter22 and [notes](../notes.md).\n\n## Rollback\n\nSee ADR-77.\n")
	write(t, filepath.Join(one, "notes.md"), "# Notes\n\nzebra crossing\n")
	write(t, filepath.Join(two, "ADR-2.md"), "# ADR-2: Other\n\nADR-1 is nearer.\n")
	s := newTestReadingRoom(t, one, two)
	repo, err := s.Repository(t.Context())
	if err != nil || repo.Len() != 2 {
		t.Fatalf("%v, %v", repo, err)
	}
	if again, _ := s.Repository(t.Context()); again != repo {
		t.Error("made anew although nothing changed")
	}
	a, err := s.Artefact(t.Context(), "adr-1", 0)
	if err != nil || len(a.Documents) != 1 || len(a.Incoming) != 1 {
		t.Fatalf("%+v, %v", a, err)
	}
	if html := string(a.Documents[0].Sections[1].HTML); !strings.Contains(html, "password=[secret]") || !strings.Contains(html, `href="/knowledge/files/notes.md?repo=docs"`) {
		t.Errorf("text %s", html)
	}
	s.work.Wait() // for the check
	a, err = s.Artefact(t.Context(), "ADR-1", 0)
	dangling := func(p browse.Problem) bool { return strings.Contains(p.What, "ADR-77") && p.Rule != "" && p.Line == 11 }
	if err != nil || a.Unchecked || len(a.Problems) == 0 || !dangling(a.Problems[0]) {
		t.Errorf("problems %+v, unchecked %t, %v", a.Problems, a.Unchecked, err)
	}
	hits, err := s.Search(t.Context(), "zebra", 10, 0)
	var got []string
	for _, h := range hits.Hits {
		got = append(got, h.Address)
		for _, sp := range h.Snippet {
			if strings.Contains(sp.Text, "hunter22") {
				t.Errorf("a secret in %+v", h.Snippet)
			}
		}
	}
	if diff := cmp.Diff([]string{"/knowledge/files/notes.md?repo=docs#s-notes", "/knowledge/ADR-1#s-context"}, got); err != nil || diff != "" {
		t.Errorf("hits %v:\n%s", err, diff)
	}
	f, doc, err := s.File(t.Context(), "docs", "notes.md", 0)
	if err != nil || f.Title != "Notes" || len(doc.Sections) != 1 {
		t.Errorf("file %+v, %+v, %v", f, doc, err)
	}
}

func TestReadingRoomSaysWhatIsNotThere(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "docs")
	write(t, filepath.Join(dir, "ADR-1.md"), "# ADR-1: Pool\n")
	s := newTestReadingRoom(t, dir)
	if _, err := s.Artefact(t.Context(), "ADR-9", 0); !errors.Is(err, api.ErrNotFound) {
		t.Errorf("artefact: %v", err)
	}
	if _, _, err := s.File(t.Context(), "", "../docs/ADR-1.md", 0); !errors.Is(err, api.ErrNotFound) {
		t.Errorf("file: %v", err)
	}
	_, err := s.Search(t.Context(), "colour:red", 10, 0)
	if bad, ok := errors.AsType[*problem.Problem](err); !ok || bad.Hint == "" {
		t.Errorf("search: %v", err)
	}
	if n := s.Notice(t.Context()); n != "" {
		t.Errorf("notice %q", n)
	}
	if err := os.Rename(dir, dir+"-gone"); err != nil {
		t.Fatal(err)
	}
	s.library.Changed()
	if n := s.Notice(t.Context()); !strings.Contains(n, "open knowledge folder") {
		t.Errorf("notice %q", n)
	}
	a, err := s.Artefact(t.Context(), "ADR-1", 0)
	if err != nil || len(a.Documents) != 1 || len(a.Documents[0].Notes) != 1 {
		t.Errorf("%+v, %v", a, err)
	}
}

// What JSON in a document names as secret is, whatever the form of its value.
func TestReadingRoomHidesSecretsInExamples(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "docs")
	write(t, filepath.Join(dir, "ADR-1.md"), "# ADR-1: Pool\n\n```json\n{\"password\": [\"hunter22\"], \"db_password\": {\"value\": \"hunter23\"}, \"zebra\": 1}\n```\n")
	s := newTestReadingRoom(t, dir)
	a, err := s.Artefact(t.Context(), "ADR-1", 0)
	if err != nil || len(a.Documents) != 1 || len(a.Documents[0].Sections) != 1 {
		t.Fatalf("%+v, %v", a, err)
	}
	if html := string(a.Documents[0].Sections[0].HTML); strings.Contains(html, "hunter2") || !strings.Contains(html, "zebra") {
		t.Errorf("text %s", html)
	}
}

// A snippet gives no secret away, wherever it is cut, and is shown where none stands.
func TestSnippetsHideSecrets(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "docs")
	for n := range 30 {
		write(t, filepath.Join(dir, fmt.Sprintf("RUNBOOK-%03d.md", n+1)), "# RUNBOOK: X\n\n## Login with password: hunter2secret\n\n"+
			strings.Repeat("lorem ipsum ", 30)+"the password: hunter2secret is good for "+strings.Repeat("a ", n)+"zebra and then more\n\n"+strings.Repeat("dolor sit ", 60)+"okapi\n")
	}
	s := newTestReadingRoom(t, dir)
	hits, err := s.Search(t.Context(), "zebra", 50, 0)
	if err != nil || len(hits.Hits) != 30 {
		t.Fatalf("%d hits, %v", len(hits.Hits), err)
	}
	for _, h := range hits.Hits {
		if text := fmt.Sprintf("%+v", h); strings.Contains(text, "hunter2secret") || !strings.HasSuffix(h.Address, "#s-line-3") {
			t.Error(text)
		}
	}
	hits, err = s.Search(t.Context(), "okapi", 1, 0)
	if err != nil || len(hits.Hits) != 1 || !strings.Contains(fmt.Sprint(hits.Hits[0].Snippet), "dolor") {
		t.Errorf("far from the secret: %+v, %v", hits.Hits, err)
	}
}

// A check that failed says so, is in the log, keeps what it found, and is made anew
// when it is old.
func TestAFailedCheckIsSaid(t *testing.T) {
	t.Parallel()
	one, two := filepath.Join(t.TempDir(), "docs"), filepath.Join(t.TempDir(), "more")
	write(t, filepath.Join(one, "ADR-1.md"), "# ADR-1: Pool\n\nSee ADR-77.\n")
	write(t, filepath.Join(two, "ADR-2.md"), "# ADR-2: Other\n")
	s := newTestReadingRoom(t, one, two)
	var log bytes.Buffer
	s.library.log = slog.New(slog.NewTextHandler(&log, nil))
	if _, err := s.Repository(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(two, two+"-gone"); err != nil {
		t.Fatal(err)
	}
	problems := func() (out []string) {
		t.Helper()
		a, err := s.Artefact(t.Context(), "ADR-1", 0)
		s.work.Wait()
		if err == nil {
			a, err = s.Artefact(t.Context(), "ADR-1", 0)
		}
		if err != nil || a.Unchecked {
			t.Errorf("unchecked %t, %v", a.Unchecked, err)
		}
		for _, p := range a.Problems {
			out = append(out, p.What)
		}
		return out
	}
	const failed = "check of the knowledge repository failed"
	if text := strings.Join(problems(), "\n"); !strings.Contains(text, failed) || !strings.Contains(text, "ADR-77") {
		t.Errorf("problems:\n%s", text)
	}
	if n := strings.Count(log.String(), "can't be checked"); n != 1 {
		t.Errorf("%d lines in the log: %s", n, log.String())
	}
	if err := os.Rename(two+"-gone", two); err != nil {
		t.Fatal(err)
	}
	s.check.ended = s.check.ended.Add(-2 * checkAgain)
	if text := strings.Join(problems(), "\n"); strings.Contains(text, failed) || !strings.Contains(text, "ADR-77") {
		t.Errorf("problems after a minute:\n%s", text)
	}
}
