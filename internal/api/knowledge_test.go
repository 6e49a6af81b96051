package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/api"
	"github.com/holdfast-sre/holdfast/internal/knowledge"
	"github.com/holdfast-sre/holdfast/internal/knowledge/browse"
	"github.com/holdfast-sre/holdfast/internal/problem"
)

// shelf is a Knowledge over files.
type shelf struct {
	files fstest.MapFS
	repo  *browse.Repository
	asked string
}

func newShelf(t *testing.T) *shelf {
	t.Helper()
	files := fstest.MapFS{
		"PRD-015.md": {Data: []byte("# PRD-015: Cancel\n")},
		"ADR-023.md": {Data: []byte("# ADR-023: Outbox\n\n**Status**: accepted\n**PRD**: PRD-015\n\n## Context\n\nWhy <script>x</script>.\n")},
		"ADR-024.md": {Data: []byte("# ADR-024: Poll\n\n**Status**: rejected\n\nInstead of ADR-023.\n")},
	}
	base, err := knowledge.Read(files)
	if err != nil {
		t.Fatal(err)
	}
	return &shelf{files: files, repo: browse.New(base, nil)}
}

func (s *shelf) Repository(context.Context) (*browse.Repository, error) { return s.repo, nil }

func (s *shelf) Artefact(_ context.Context, id string, at int) (browse.Artefact, error) {
	a, ok := s.repo.Shown(id, at, func(_, path string) ([]byte, error) { return s.files.ReadFile(path) })
	if !ok {
		return a, fmt.Errorf("artefact %s: %w", id, api.ErrNotFound)
	}
	return a, nil
}

func (s *shelf) Search(_ context.Context, query string, limit, offset int) (browse.Hits, error) {
	s.asked = fmt.Sprint(query, " ", limit, " ", offset)
	if strings.Contains(query, "colour:") {
		return browse.Hits{}, &problem.Problem{What: "there is no field colour", Hint: "did you mean kind?"}
	}
	return browse.Hits{Hits: []browse.Hit{{ID: "ADR-023", Snippet: []browse.Span{{Text: "pool", Match: true}}}}, Total: 1}, nil
}

func get[T any](t *testing.T, h http.Handler, path string) (out T) {
	t.Helper()
	code, _, body := do(h, ask("GET", path, "", ""))
	if code != http.StatusOK {
		t.Fatalf("%s: %d %s", path, code, body)
	}
	if err := json.Unmarshal([]byte(body), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestKnowledgeIsReadOverTheAPI(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	h, _ := serve(t, newWorld(), func(o *api.Options) { o.Knowledge = s })
	list := get[browse.List](t, h, "/api/v1/knowledge?kind=adr&status=accepted&q=out&limit=1")
	want := browse.List{Total: 1, Artefacts: []browse.Node{{ID: "ADR-023", Kind: "adr", Title: "Outbox", Status: "accepted", Path: "ADR-023.md", Line: 1, In: 1, Out: 1}}}
	if diff := cmp.Diff(want, list); diff != "" {
		t.Errorf("list:\n%s", diff)
	}
	a := get[browse.Artefact](t, h, "/api/v1/knowledge/artefacts/adr-23")
	if len(a.Documents) != 1 || len(a.Documents[0].Sections) != 2 || a.Documents[0].Sections[1].HTML != "<p>Why x.</p>\n" || len(a.Outgoing) != 1 || len(a.Incoming) != 1 {
		t.Errorf("artefact %+v", a)
	}
	if hits := get[browse.Hits](t, h, "/api/v1/knowledge/search?q=pool&limit=7&offset=14"); hits.Total != 1 || s.asked != "pool 7 14" {
		t.Errorf("search %+v, asked %s", hits, s.asked)
	}
	g := get[browse.Graph](t, h, "/api/v1/knowledge/graph?around=PRD-15&depth=1")
	if len(g.Nodes) != 2 || len(g.Edges) != 1 || g.Edges[0] != (browse.Edge{From: "ADR-023", To: "PRD-015", Label: "PRD"}) {
		t.Errorf("graph %+v", g)
	}
	if g := get[browse.Graph](t, h, "/api/v1/knowledge/graph?kind=adr&limit=1"); len(g.Nodes) != 1 || g.Total != 2 {
		t.Errorf("graph %+v", g)
	}
}

func TestWhatKnowledgeRefuses(t *testing.T) {
	t.Parallel()
	with, _ := serve(t, newWorld(), func(o *api.Options) { o.Knowledge = newShelf(t) })
	without, _ := serve(t, newWorld())
	tests := map[string]struct {
		h      http.Handler
		path   string
		status int
		text   string
	}{
		"no such artefact":   {with, "/api/v1/knowledge/artefacts/ADR-999", 404, "ADR-999"},
		"around nothing":     {with, "/api/v1/knowledge/graph?around=ADR-999", 404, "ADR-999"},
		"no such kind":       {with, "/api/v1/knowledge?kind=adrs", 422, "kind"},
		"too many":           {with, "/api/v1/knowledge?limit=501", 422, "limit"},
		"too deep":           {with, "/api/v1/knowledge/graph?around=ADR-023&depth=11", 422, "depth"},
		"nothing to search":  {with, "/api/v1/knowledge/search", 422, "q"},
		"no such field":      {with, "/api/v1/knowledge/search?q=colour:red", 422, "did you mean kind?"},
		"no repository":      {without, "/api/v1/knowledge", 404, "add a folder under knowledge:"},
		"no repository, one": {without, "/api/v1/knowledge/artefacts/ADR-023", 404, "add a folder under knowledge:"},
	}
	for name, tt := range tests {
		if code, _, body := do(tt.h, ask("GET", tt.path, "", "")); code != tt.status || !strings.Contains(body, tt.text) {
			t.Errorf("%s: %d %s", name, code, body)
		}
	}
	far := ask("GET", "/api/v1/knowledge", "", "")
	far.RemoteAddr = "10.0.0.9:1"
	if code, _, _ := do(with, far); code != http.StatusUnauthorized {
		t.Errorf("from elsewhere without a token: %d", code)
	}
}
