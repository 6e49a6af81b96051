package app

import (
	"errors"
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
	s := newReadingRoom(newTestLibrary(t, t.TempDir(), dirs...), func(text string) string { return strings.ReplaceAll(text, "hunter22", "[secret]") })
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
