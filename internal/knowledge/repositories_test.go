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
	if err != nil || len(names) < 14 {
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
					steps, err = base.Trace(t.Context(), r, knowledge.Query{Frames: []evidence.Frame{{File: q.target[:at], Line: line}}})
					if err != nil {
						t.Fatal(err)
					}
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
