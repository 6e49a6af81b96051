package knowledge_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/knowledge"
)

// remembered is a repository: its files, and the commit of each line that is asked for.
type remembered struct {
	files   map[string]string
	commits map[string]knowledge.Commit
}

func (r remembered) Blame(_ context.Context, _, path string, line int) (knowledge.Commit, error) {
	c, ok := r.commits[fmt.Sprintf("%s:%d", path, line)]
	if !ok {
		return c, errors.New("no such line")
	}
	return c, nil
}

func (r remembered) Files(context.Context, string) ([]string, error) {
	var out []string
	for name := range r.files {
		out = append(out, name)
	}
	return out, nil
}

func (r remembered) Source(_ context.Context, _, path string) ([]byte, error) {
	return []byte(r.files[path]), nil
}

// chainQuery is a line of code or an ID, and the chain that is expected of it, with
// a question mark behind what is guessed.
type chainQuery struct{ target, want string }

// archive reads testdata/repositories: files, and in QUERIES what is asked, the
// commit that answers, and the chain.
func archive(t *testing.T, name string) (remembered, fstest.MapFS, []chainQuery) {
	t.Helper()
	a, err := txtar.ParseFile(name)
	if err != nil {
		t.Fatal(err)
	}
	r := remembered{files: map[string]string{}, commits: map[string]knowledge.Commit{}}
	docs := fstest.MapFS{}
	var qs []chainQuery
	for _, f := range a.Files {
		if f.Name != "QUERIES" {
			r.files[f.Name] = string(f.Data)
			docs[f.Name] = &fstest.MapFile{Data: f.Data}
			continue
		}
		for l := range strings.Lines(string(f.Data)) {
			l = strings.TrimRight(l, "\n")
			rest, indented := strings.CutPrefix(l, "\t")
			if !indented {
				qs = append(qs, chainQuery{target: l})
				continue
			}
			q := &qs[len(qs)-1]
			c := r.commits[q.target]
			c.SHA = "0123456789abcdef"
			word, text, _ := strings.Cut(rest, " ")
			switch word {
			case "message":
				c.Message += text + "\n"
			case "file":
				c.Files = append(c.Files, text)
			case "merge":
				c.Merges = append(c.Merges, text)
			case "want":
				q.want = text
				continue
			}
			r.commits[q.target] = c
		}
	}
	return r, docs, qs
}

// TestRepositoriesInOtherStyles asks collections that were written for it in the
// ways of public ones: MADR, Nygard's, log4brains, arc42, RFCs, Obsidian, exports of
// Confluence, TechDocs, Hugo, in several languages, and of several services.
func TestRepositoriesInOtherStyles(t *testing.T) {
	t.Parallel()
	names, err := filepath.Glob("testdata/repositories/*.txtar")
	if err != nil || len(names) < 19 {
		t.Fatalf("found %d repositories, %v", len(names), err)
	}
	for _, name := range names {
		t.Run(filepath.Base(name), func(t *testing.T) {
			t.Parallel()
			r, docs, qs := archive(t, name)
			base := read(t, docs)
			for _, q := range qs {
				var steps []knowledge.Step
				if at := strings.LastIndexByte(q.target, ':'); at > 0 {
					line := 0
					if _, err := fmt.Sscan(q.target[at+1:], &line); err != nil {
						t.Fatal(err)
					}
					found, err := base.Trace(t.Context(), r, knowledge.Query{Frames: []evidence.Frame{{File: q.target[:at], Line: line}}})
					if err != nil {
						t.Fatal(err)
					}
					steps = found
				} else {
					steps = base.TraceFrom(q.target, "")
				}
				got := strings.ReplaceAll(brief(steps), "commit 0123456789ab", "commit")
				if diff := cmp.Diff(strings.ReplaceAll(q.want, " > ", "\n"), strings.ReplaceAll(got, " > ", "\n")); diff != "" {
					t.Errorf("%s, -want +got:\n%s", q.target, diff)
				}
			}
		})
	}
}

// TestRepositoriesThatEachCountForThemselves: an ID means the decision of the
// repository that the code lies in.
func TestRepositoriesThatEachCountForThemselves(t *testing.T) {
	t.Parallel()
	doc := func(title string) string {
		return "# " + title + "\n\n## Status\n\nAccepted\n\n## Context\n\nAs ADR-0001 says.\n"
	}
	b, err := knowledge.NewReader(knowledge.DefaultScheme()).Read(
		knowledge.Folder{Name: "api", FS: files(map[string]string{"adr/0001-a.md": doc("1. A"), "adr/0002-b.md": doc("2. B"), "adr/0009-only.md": doc("9. Only here")})},
		knowledge.Folder{Name: "web", FS: files(map[string]string{"docs/adr/0001-c.md": doc("1. C"), "docs/adr/0002-d.md": doc("2. D"), "notes.md": "# BOLT-1: X\n\n**ADR**: ADR-2\n"})},
		knowledge.Folder{Name: "bank", FS: files(map[string]string{"adr/ADR-009-other.md": "# ADR-009: Other\n"})},
	)
	if err != nil {
		t.Fatal(err)
	}
	if got := b.Shared("adr-1"); !cmp.Equal(got, []string{"ADR-0001@api", "ADR-0001@web"}) {
		t.Errorf("ADR-1 is %v", got)
	}
	for id, want := range map[string]string{"ADR-2@api": "ADR-0001@api", "adr-0002@web": "ADR-0001@web", "BOLT-1": "ADR-0002@web"} {
		if a, ok := b.Artefact(id); !ok || len(a.Links) != 1 || a.Links[0].To != want {
			t.Errorf("%s names %+v", id, a.Links)
		}
	}
	for repo, want := range map[string]string{"api": "adr ADR-0002@api", "web": "adr ADR-0002@web"} {
		r := remembered{files: map[string]string{"src/x.go": ""}, commits: map[string]knowledge.Commit{"src/x.go:1": {SHA: "0123456789abcdef", Message: "x\n\nADR: ADR-2"}}}
		steps, err := b.Trace(t.Context(), r, knowledge.Query{Frames: []evidence.Frame{{File: "src/x.go", Line: 1}}, Repo: repo})
		if err != nil || brief(steps) != "code src/x.go:1 > commit 0123456789ab > "+want {
			t.Errorf("in %s: %s, %v", repo, brief(steps), err)
		}
	}
	// Two files that write the same ID, in folders that share nothing else, may be a mistake.
	if p := b.Problems(); len(p) != 1 || p[0].File != "bank/adr/ADR-009-other.md" {
		t.Errorf("problems %v", p)
	}
}
