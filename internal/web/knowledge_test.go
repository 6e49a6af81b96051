package web_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/knowledge"
	"github.com/holdfast-sre/holdfast/internal/knowledge/browse"
	"github.com/holdfast-sre/holdfast/internal/problem"
	"github.com/holdfast-sre/holdfast/internal/web"
)

// shelf is a knowledge repository over a file system; hits is what a search finds.
type shelf struct {
	files  fs.FS
	repo   *browse.Repository
	hits   browse.Hits
	asked  string
	err    error
	notice string
	found  []browse.Problem
}

func newShelf(t *testing.T, files fs.FS) *shelf {
	t.Helper()
	base, err := knowledge.Read(files)
	if err != nil {
		t.Fatal(err)
	}
	return &shelf{files: files, repo: browse.New(base, nil)}
}

func (s *shelf) Repository(context.Context) (*browse.Repository, error) { return s.repo, s.err }
func (s *shelf) Notice(context.Context) string                          { return s.notice }

func (s *shelf) Artefact(_ context.Context, id string, at int) (browse.Artefact, error) {
	a, ok := s.repo.Shown(id, at, func(_, path string) ([]byte, error) { return fs.ReadFile(s.files, path) })
	if !ok {
		return a, fmt.Errorf("artefact %s: %w", id, web.ErrNotFound)
	}
	a.Problems = s.found
	return a, s.err
}

func (s *shelf) File(_ context.Context, repo, path string, at int) (browse.File, browse.Document, error) {
	f, ok := s.repo.File(repo, path)
	if !ok {
		return f, browse.Document{}, fmt.Errorf("file %s: %w", path, web.ErrNotFound)
	}
	text, err := fs.ReadFile(s.files, path)
	return f, s.repo.Render(browse.Source{Repo: repo, Path: path, Text: text, At: at}), err
}

func (s *shelf) Search(_ context.Context, query string, _, _ int) (browse.Hits, error) {
	s.asked = query
	return s.hits, s.err
}

// booking is the repository behind the fixture's incident.
func booking() fstest.MapFS {
	return fstest.MapFS{
		"PRD-015.md":     {Data: []byte("# PRD-015: Cancel a booking\n\n**Status**: live\n\n- User Story 2: cancel it\n")},
		"DAA-003.md":     {Data: []byte("# DAA-003: Booking domain\n\n**PRD**: PRD-015\n\n## 3.2 Booking\n\nOne.\n")},
		"ADR-023.md":     {Data: []byte("---\nstatus: accepted\nowner: ana\n---\n# ADR-023: Outbox\n\n**DAA**: DAA-003, section 3.2\n\n## Context\n\nSee [notes](notes.md) and BOLT-045.\n\n## Decision\n\nSo.\n\n## Consequences\n\nMany.\n\n## Runbook\n\nLook.\n")},
		"ADR-022.md":     {Data: []byte("# ADR-022: Poll\n\n**Status**: superseded by ADR-023\n\nNeeds ADR-777.\n")},
		"work/sprint.md": {Data: []byte("# Sprint\n\n## BOLT-044: Cancel\n\n**ADR**: ADR-023\n\n## BOLT-045: Relay\n\n**ADR**: ADR-023\n")},
		"notes.md":       {Data: []byte("# Notes\n\nBecause of ADR-023.\n")},
	}
}

func withShelf(s *shelf) func(*web.Options) {
	return func(o *web.Options) { o.Knowledge = s }
}

func inOrder(t *testing.T, body string, order ...string) {
	t.Helper()
	rest := body
	for _, want := range order {
		_, after, ok := strings.Cut(rest, want)
		if !ok {
			t.Fatalf("%q is missing or stands too early in\n%s", want, body)
		}
		rest = after
	}
}

func TestKnowledgeShowsGraphAndList(t *testing.T) {
	t.Parallel()
	s := newShelf(t, booking())
	s.notice = "Not complete: docs2 is gone"
	h, _ := serve(t, fixture(), withShelf(s))
	code, _, body := page(h, "/knowledge")
	if code != http.StatusOK {
		t.Fatalf("status %d", code)
	}
	inOrder(t, body,
		`<a href="/">Incidents</a>`, `aria-current="page">Knowledge`, "docs2 is gone", "6 artefacts", `name="q"`, `value="prd"`, "PRD", `value="adr"`, `<option value="accepted">accepted (1)`,
		`id="graph"`, "Requirement", "Analysis", "Decision", "Work item", `<path class="edge"`, `href="/knowledge?chain=ADR-022#graph"`, "<title>ADR-022: Poll · ADR · superseded by ADR-023</title>",
		"<table>", `<a href="/knowledge/ADR-023">ADR-023</a>`,
		`id="list"`, `<a href="/knowledge/ADR-022">`, `class="old">superseded by ADR-023`, "work/sprint.md", "PRD-015",
	)
	if n := strings.Count(body, "<rect"); n != 6 {
		t.Errorf("%d boxes", n)
	}
	_, _, body = page(h, "/knowledge?kind=bolt&kind=nonsense&status=")
	if !strings.Contains(body, "BOLT-044") || strings.Contains(body, "PRD-015") || !strings.Contains(body, `value="bolt" checked`) {
		t.Errorf("bolts: %s", body)
	}
	if _, _, body = page(h, "/knowledge?kind=incident"); !strings.Contains(body, "No artefact is of this kind") {
		t.Error("nothing selected says nothing")
	}
}

// classOf is the class of the box, or line, of a graph with these attributes.
func classOf(t *testing.T, body, name string) string {
	t.Helper()
	m := regexp.MustCompile(`<a class="([^"]*)" href="[^"]*" data-n="\d+" data-c="\d+" data-name="` + name + `"`).FindStringSubmatch(body)
	if m == nil {
		t.Fatalf("no box %s", name)
	}
	return m[1]
}

func TestTheChainOfAnArtefactIsHighlighted(t *testing.T) {
	t.Parallel()
	h, _ := serve(t, fixture(), withShelf(newShelf(t, booking())))
	_, _, body := page(h, "/knowledge?chain=bolt-45")
	for name, want := range map[string]string{
		"BOLT-045": "node on chosen", "ADR-023": "node on", "DAA-003": "node on", "PRD-015": "node on", "BOLT-044": "node off", "ADR-022": "node old off",
	} {
		if got := classOf(t, body, name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	inOrder(t, body, "data-chosen", `<a href="/knowledge/BOLT-045">BOLT-045</a>`, "Relay", "up:", "PRD-015", "DAA-003", "ADR-023", "down: nothing", `href="/knowledge#graph">show all`)
	if n := strings.Count(body, `class="edge on"`); n != 3 {
		t.Errorf("%d lines on the chain", n)
	}
	_, _, body = page(h, "/knowledge?chain=BOLT-044") // BOLT-045 hangs on the same decision
	if n := strings.Count(body, `class="edge on"`); n != 3 {
		t.Errorf("%d lines on the chain of BOLT-044", n)
	}
	if _, _, body = page(h, "/knowledge?chain=ADR-9"); !strings.Contains(body, "There is no artefact ADR-9") || strings.Contains(body, "node on") {
		t.Error("a chain of nothing")
	}
}

// large is a repository that is too large to draw.
func large(n int) fstest.MapFS {
	files := fstest.MapFS{}
	for i := range n {
		files[fmt.Sprintf("prd/PRD-%04d.md", i)] = &fstest.MapFile{Data: []byte(fmt.Sprintf("# PRD-%04d: Requirement\n", i))}
		for k := range 3 {
			files[fmt.Sprintf("adr/ADR-%04d.md", 3*i+k)] = &fstest.MapFile{Data: []byte(fmt.Sprintf("# ADR-%04d: Decision\n\n**PRD**: PRD-%04d\n", 3*i+k, i))}
		}
	}
	return files
}

func TestALargeRepositoryIsShownByKindAndAroundAnArtefact(t *testing.T) {
	t.Parallel()
	h, _ := serve(t, fixture(), withShelf(newShelf(t, large(500))))
	_, _, body := page(h, "/knowledge")
	inOrder(t, body, "2000 artefacts", "2000 artefacts are too many to draw each", "Most linked", `href="/knowledge?chain=PRD-0000#graph"`, "at most", "links away",
		`href="/knowledge?kind=prd#list"`, "500 artefacts", `href="/knowledge?kind=adr#list"`, "1500 artefacts", ">1500</text>", "1 to 50 of 2000", `href="/knowledge?page=1#list"`)
	if n := strings.Count(body, "<rect"); n != 2 {
		t.Errorf("%d boxes", n)
	}
	_, _, body = page(h, "/knowledge?chain=PRD-7&depth=1")
	if n := strings.Count(body, "<rect"); n != 4 || !strings.Contains(body, "What is at most 1 link from PRD-0007.") || !strings.Contains(body, "<option selected>1</option>") {
		t.Errorf("%d boxes around PRD-7", n)
	}
	_, _, body = page(h, "/knowledge?page=39")
	if !strings.Contains(body, "1951 to 2000 of 2000") || strings.Contains(body, `rel="next"`) || !strings.Contains(body, `href="/knowledge?page=38#list"`) {
		t.Error("the last page")
	}
	if _, _, body = page(h, "/knowledge?page=99999999999"); !strings.Contains(body, "No artefact") {
		t.Error("a page past the end")
	}
}

func TestSearchShowsWhatItFound(t *testing.T) {
	t.Parallel()
	s := newShelf(t, booking())
	s.hits = browse.Hits{Total: 60, Scattered: true, Hits: []browse.Hit{
		{
			ID: "ADR-023", Kind: "adr", Title: "Outbox", Status: "accepted", Path: "ADR-023.md", Line: 9, Heading: "Context", Address: "/knowledge/ADR-023#s-context", Sections: 2,
			Snippet: []browse.Span{{Text: "the <b>"}, {Text: "pool", Match: true}},
		},
	}}
	h, _ := serve(t, fixture(), withShelf(s))
	_, _, body := page(h, "/knowledge?q=pool+size&kind=adr&kind=bolt&status=accepted")
	inOrder(t, body, `value="pool size"`, "60 artefacts found", "in different sections", `href="/knowledge/ADR-023#s-context"`, "Outbox", "§ Context", "the &lt;b&gt;", "<mark>pool</mark>", "ADR-023.md:9 · 2 sections match", `rel="next"`)
	if want := `pool size kind:adr,bolt status:"accepted"`; s.asked != want {
		t.Errorf("asked %s, want %s", s.asked, want)
	}
}

func TestAQueryThatCanNotBeUnderstoodIsTold(t *testing.T) {
	t.Parallel()
	s := &badSearch{newShelf(t, booking())}
	h, _ := serve(t, fixture(), func(o *web.Options) { o.Knowledge = s })
	code, _, body := page(h, "/knowledge?q=colour:red")
	if code != http.StatusOK {
		t.Errorf("status %d", code)
	}
	inOrder(t, body, `value="colour:red"`, `role="alert"`, "there is no field colour", "kind")
}

type badSearch struct{ *shelf }

func (badSearch) Search(context.Context, string, int, int) (browse.Hits, error) {
	return browse.Hits{}, fmt.Errorf("search: %w", &problem.Problem{What: "there is no field colour", Hint: "did you mean kind?"})
}

func TestAnArtefactHasAPage(t *testing.T) {
	t.Parallel()
	s := newShelf(t, booking())
	s.found = []browse.Problem{{Severity: "warning", Rule: "adr-without-prd", What: "ADR-023 names no requirement", Fix: "Name one.", Line: 5}}
	h, _ := serve(t, fixture(), withShelf(s))
	code, _, body := page(h, "/knowledge/ADR-023")
	if code != http.StatusOK {
		t.Fatalf("status %d", code)
	}
	inOrder(t, body,
		"<title>ADR-023 Outbox</title>", "ADR-023", "accepted", "ADR-023.md:5", "<h1>Outbox</h1>", `href="/knowledge?chain=ADR-023#graph"`,
		"owner", "ana", "4 sections", `href="#s-context"`, `<h2 id="s-context">Context</h2>`, `<a href="/knowledge/files/notes.md">notes</a>`,
		`<a href="/knowledge/BOLT-045" title="BOLT-045 Relay">BOLT-045</a>`,
		"Links to", `<a href="/knowledge/DAA-003#s-32-booking">DAA, section 3.2, line 7</a>`,
		"Linked from", "BOLT-044", `<a href="/knowledge/BOLT-044?at=5#at">ADR, line 5</a>`,
		"What is wrong with it", "warning", "ADR-023 names no requirement. ", "Name one.", `<a href="?at=5#at">line 5</a>`, "adr-without-prd",
		"Around it", `href="/knowledge/DAA-003"`,
	)
	if classOf(t, body, "ADR-023") != "node chosen" {
		t.Error("the artefact is not marked in its graph")
	}
	_, _, body = page(h, "/knowledge/ADR-22")
	inOrder(t, body, `class="status old">superseded`, "ADR-777", "not in the repository")
	_, _, body = page(h, "/knowledge/BOLT-044?at=5")
	inOrder(t, body, `part of <a href="/knowledge/files/work/sprint.md">the whole file`, `<p id="at"><strong>ADR</strong>`)
	_, _, body = page(h, "/knowledge/files/work/sprint.md")
	inOrder(t, body, "<h1>Sprint</h1>", "In this file:", "BOLT-044", "BOLT-045", `<h2 id="s-bolt-044-cancel">`)
}

func TestAFileThatIsAnArtefactLeadsToIt(t *testing.T) {
	t.Parallel()
	h, _ := serve(t, fixture(), withShelf(newShelf(t, booking())))
	code, header, _ := page(h, "/knowledge/files/ADR-023.md?at=9")
	if got := header.Get("Location"); code != http.StatusFound || got != "/knowledge/ADR-023?at=9#at" {
		t.Errorf("%d to %q", code, got)
	}
}

func TestKnowledgePagesThatCanNotBeMade(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		path   string
		err    error
		status int
		text   string
	}{
		"no such artefact": {"/knowledge/ADR-999", nil, 404, "no artefact of this ID"},
		"no such file":     {"/knowledge/files/x/y.md", nil, 404, "no such file"},
		"out of the tree":  {"/knowledge/files/..%2f..%2fetc%2fpasswd", nil, 404, "no such file"},
		"unreadable":       {"/knowledge", errors.New("open /srv/secret: denied"), 503, "knowledge repository can"},
	}
	for name, tt := range tests {
		s := newShelf(t, booking())
		s.err = tt.err
		h, log := serve(t, fixture(), withShelf(s))
		code, _, body := page(h, tt.path)
		if code != tt.status || !strings.Contains(body, tt.text) || strings.Contains(body, "/srv/secret") {
			t.Errorf("%s: %d %s", name, code, body)
		}
		if tt.err != nil && !strings.Contains(log.String(), "/srv/secret") {
			t.Errorf("%s: the log lacks the reason", name)
		}
	}
}

func TestWithoutARepositoryThePageSaysWhatToAdd(t *testing.T) {
	t.Parallel()
	h, _ := serve(t, fixture())
	for _, path := range []string{"/knowledge", "/knowledge/ADR-023", "/knowledge/files/x.md"} {
		code, _, body := page(h, path)
		if code != http.StatusOK || !strings.Contains(body, "No knowledge repository is configured") || !strings.Contains(body, "knowledge:\n  - ./docs") {
			t.Errorf("%s: %d %s", path, code, body)
		}
	}
	h, _ = serve(t, fixture(), withShelf(newShelf(t, fstest.MapFS{"notes.md": {Data: []byte("# Notes\n")}})))
	if _, _, body := page(h, "/knowledge"); !strings.Contains(body, "The folders hold no artefact yet") {
		t.Error("a folder without artefacts says nothing")
	}
}

func TestTheChainOfAnIncidentLeadsToItsArtefacts(t *testing.T) {
	t.Parallel()
	l := fixture()
	l.view.Trace = []incident.TraceStep{
		{Kind: "code", ID: "code", Path: "outbox_worker.go", Line: 78, Why: "which revision runs is not known"},
		{Kind: "commit", ID: "4f2a91c", Path: "outbox_worker.go", Line: 78},
		{Kind: "bolt", ID: "BOLT-045", Path: "work/sprint.md", Line: 7, Title: "Relay", Inferred: true, Score: .75, Why: "its list names the file", Others: []incident.TraceCandidate{{ID: "BOLT-044", Score: .4}}},
		{Kind: "adr", ID: "ADR-023", Path: "ADR-023.md", Line: 9, Missing: []string{"pool size"}},
		{Kind: "daa", ID: "DAA-777", Title: ""},
		{Kind: "story", ID: "PRD-015 story 2", Path: "PRD-015.md", Line: 5},
		{Kind: "prd", ID: "PRD-016", Path: "PRD-016.md", Line: 1},
		{Kind: "story", ID: "PRD-016 story 3", Path: "PRD-016-amendment.md", Line: 5},
	}
	l.view.Similar = []incident.Like{{Kind: "playbook", ID: "PLAYBOOK-1", Path: "p.md", Line: 3, Score: .8}, {Kind: "runbook", Path: "r/x.md", Repo: "docs", Score: .8}}
	h, _ := serve(t, l, withShelf(newShelf(t, booking())))
	_, _, body := page(h, "/incidents/"+known)
	for _, want := range []string{`href="/knowledge/PLAYBOOK-1?at=3#at"`, `href="/knowledge/files/r/x.md?repo=docs"`} {
		if !strings.Contains(body, want) {
			t.Errorf("what it resembles lacks %s", want)
		}
	}
	inOrder(t, body, `id="why"`, `<span class="id">outbox_worker.go:78</span>`, "which revision runs is not known", `<span class="id">4f2a91c</span>`,
		`href="/knowledge/BOLT-045?at=7#at">BOLT-045</a>`, "Relay", "guess", ".75", ": its list names the file", "or", `href="/knowledge/BOLT-044">BOLT-044</a>`,
		`href="/knowledge/ADR-023?at=9#at">ADR-023</a>`, `<span class="id">DAA-777</span>`, `href="/knowledge/PRD-015?at=5#at">PRD-015 story 2</a>`, `href="/knowledge/PRD-016">PRD-016 story 3</a>`,
		`<a href="/knowledge/ADR-023?at=9#at">ADR-023</a> says nothing about pool size.`)
	h, _ = serve(t, l)
	if _, _, body := page(h, "/incidents/"+known); strings.Contains(body, `href="/knowledge/ADR`) || !strings.Contains(body, "BOLT-044") {
		t.Error("a link to pages that are not there")
	}
}

// TestHostileRepositoryStaysText: titles, statuses and names of files are people's.
func TestHostileRepositoryStaysText(t *testing.T) {
	t.Parallel()
	evil := `"><script>alert(1)</script><img src=x onerror=alert(1)> {{.}} ` + "\u202e"
	files := booking()
	files[`a"><script>alert(1)</script>.md`] = &fstest.MapFile{Data: []byte("# ADR-666: " + evil + "\n\n**Status**: " + evil + "\n\n**" + evil + "**: ADR-023\n\n## " + evil + "\n\n" + evil + " [x](javascript:alert(1))\n")}
	s := newShelf(t, files)
	s.notice = evil
	s.found = []browse.Problem{{Severity: evil, Rule: evil, What: evil, Fix: evil, Line: 3}}
	s.hits = browse.Hits{Total: 1, Hits: []browse.Hit{{ID: evil, Kind: knowledge.Kind("adr"), Title: evil, Status: evil, Path: evil, Heading: evil, Address: browse.Address(evil, evil), Snippet: []browse.Span{{Text: evil, Match: true}}}}}
	l := fixture()
	l.view.Trace = []incident.TraceStep{{Kind: "adr", ID: evil, Path: evil, Line: 3, Title: evil, Inferred: true, Score: .5, Why: evil, Others: []incident.TraceCandidate{{ID: evil, Why: evil}}, Missing: []string{evil}}}
	h, _ := serve(t, l, withShelf(s))
	for path, scripts := range map[string]int{
		"/knowledge": 2, "/knowledge?q=x": 2, "/knowledge?chain=ADR-666": 2, "/knowledge/ADR-666": 2, "/knowledge/ADR-023": 2, "/incidents/" + known: 1,
		"/knowledge?chain=" + `%22%3E%3Cscript%3E`: 2, "/knowledge?q=%22%3E%3Cscript%3E&status=%22%3E%3Cscript%3E": 2,
	} {
		code, _, body := page(h, path)
		if code != http.StatusOK {
			t.Errorf("%s: status %d", path, code)
		}
		harmlessScripts(t, path, body, scripts)
	}
}
