package browse_test

import (
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/knowledge"
	"github.com/holdfast-sre/holdfast/internal/knowledge/browse"
)

// docs is a small repository with every form of artefact and link.
var docs = map[string]string{
	"prd/PRD-015-cancel.md": "# PRD-015: Cancel a booking\n\n**Status**: live\n\n## Stories\n\n| Story | What |\n| --- | --- |\n| User Story 1 | See it |\n| User Story 2 | Cancel it |\n",
	"daa/DAA-003.md":        "# DAA-003: Booking domain\n\n**PRD**: PRD-015\n\n## 3. Aggregates\n\nMany.\n\n### 3.2 Booking\n\nOne of them.\n",
	"adr/ADR-023-outbox.md": "---\nid: ADR-023\nstatus: Accepted (2024-03-01)\nowner: booking team\n---\n# Outbox\n\n**DAA**: DAA-003, section 3.2\n**PRD**: PRD-015, User Story 2\n\n" +
		"## Context\n\nSee [the domain](../daa/DAA-003.md#32-booking), [[ADR-024]], [notes](../notes.md#Why-not), [Context](#context), [gone](../gone.md), [up](../../etc/passwd.md) and <https://example.org/a?b=1&c=2>.\n\n## Decision\n\nThe password=hunter22 stays here.\n",
	"adr/ADR-023-amendment-1.md": "# ADR-023: Amendment 1\n\n## Context\n\nPool size is 20.\n",
	"adr/ADR-024.md":             "# ADR-024: Poll\n\n**Status**: superseded by ADR-023\n",
	"work/sprint-7.md":           "# Sprint 7\n\nWhat we did.\n\n## BOLT-044: Cancel over the API\n\n**ADR**: ADR-023\n\n### Tests\n\nAll.\n\n## BOLT-045: Relay\n\n**ADR**: ADR-023\n\nWorker. BOLT-999 is not there.\n\n## Afterwards\n\nCake.\n",
	"notes.md":                   "# Notes\n\n## Why not\n\nBecause of ADR-023.\n",
}

func files(all map[string]string) fstest.MapFS {
	out := fstest.MapFS{}
	for p, text := range all {
		out[p] = &fstest.MapFile{Data: []byte(text)}
	}
	return out
}

func hide(s string) string { return strings.ReplaceAll(s, "hunter22", "[secret]") }

func open(t testing.TB, all map[string]string) (*browse.Repository, func(repo, path string) ([]byte, error)) {
	t.Helper()
	fsys := files(all)
	base, err := knowledge.Read(fsys)
	if err != nil {
		t.Fatal(err)
	}
	return browse.New(base, hide), func(_, path string) ([]byte, error) { return fs.ReadFile(fsys, path) }
}

func names(nodes []browse.Node) (out []string) {
	for _, n := range nodes {
		out = append(out, n.ID)
	}
	return out
}

func TestListSelects(t *testing.T) {
	t.Parallel()
	r, _ := open(t, docs)
	tests := map[string]struct {
		filter browse.Filter
		want   []string
		total  int
	}{
		"all":           {browse.Filter{}, []string{"ADR-023", "ADR-024", "BOLT-044", "BOLT-045", "DAA-003", "PRD-015"}, 6},
		"kind":          {browse.Filter{Kinds: []knowledge.Kind{knowledge.Bolt, knowledge.DAA}}, []string{"BOLT-044", "BOLT-045", "DAA-003"}, 3},
		"status":        {browse.Filter{Status: "accepted"}, []string{"ADR-023"}, 1},
		"other status":  {browse.Filter{Status: "Superseded"}, []string{"ADR-024"}, 1},
		"words":         {browse.Filter{Text: "relay bolt"}, []string{"BOLT-045"}, 1},
		"a page":        {browse.Filter{Limit: 2, Offset: 1}, []string{"ADR-024", "BOLT-044"}, 6},
		"past the end":  {browse.Filter{Limit: 2, Offset: 100}, nil, 6},
		"none of these": {browse.Filter{Kinds: []knowledge.Kind{knowledge.Incident}}, nil, 0},
	}
	for name, tt := range tests {
		got := r.List(tt.filter)
		if diff := cmp.Diff(tt.want, names(got.Artefacts)); diff != "" || got.Total != tt.total || got.Artefacts == nil {
			t.Errorf("%s: total %d\n%s", name, got.Total, diff)
		}
	}
	want := []browse.Count{{Value: "prd", Count: 1}, {Value: "daa", Count: 1}, {Value: "adr", Count: 2}, {Value: "bolt", Count: 2}}
	if diff := cmp.Diff(want, r.Kinds()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]browse.Count{{Value: "accepted", Count: 1}, {Value: "live", Count: 1}, {Value: "superseded", Count: 1}}, r.Statuses()); diff != "" {
		t.Error(diff)
	}
}

func TestLinksBothWays(t *testing.T) {
	t.Parallel()
	r, read := open(t, docs)
	a, ok := r.Shown("adr-23", 0, read)
	if !ok {
		t.Fatal("not found")
	}
	type link struct{ id, label, section, story, address string }
	flat := func(all []browse.Relation) (out []link) {
		for _, l := range all {
			out = append(out, link{l.ID, l.Label, l.Section, l.Story, l.Address})
		}
		return out
	}
	want := []link{
		{"DAA-003", "DAA", "3.2", "", "/knowledge/DAA-003#s-32-booking"},
		{"PRD-015", "PRD", "", "2", "/knowledge/PRD-015?at=10#at"},
		{"ADR-024", "", "", "", "/knowledge/ADR-024"},
		{"DAA-003", "", "3.2", "", "/knowledge/DAA-003#s-32-booking"},
	}
	if diff := cmp.Diff(want, flat(a.Outgoing), cmp.AllowUnexported(link{})); diff != "" {
		t.Errorf("links to:\n%s", diff)
	}
	want = []link{
		{"ADR-024", "Status", "", "", "/knowledge/ADR-024?at=3#at"},
		{"BOLT-044", "ADR", "", "", "/knowledge/BOLT-044?at=7#at"},
		{"BOLT-045", "ADR", "", "", "/knowledge/BOLT-045?at=15#at"},
	}
	if diff := cmp.Diff(want, flat(a.Incoming), cmp.AllowUnexported(link{})); diff != "" {
		t.Errorf("linked from:\n%s", diff)
	}
	if n, _ := r.Node("ADR-023"); n.In != 3 || n.Out != 3 {
		t.Errorf("counts %d in, %d out", n.In, n.Out)
	}
	if diff := cmp.Diff([]browse.Field{{Name: "owner", Value: "booking team"}}, a.Fields); diff != "" {
		t.Errorf("fields:\n%s", diff)
	}
	if _, ok := r.Shown("ADR-999", 0, read); ok {
		t.Error("an artefact that is not there")
	}
}

// shown is the HTML of a document, with the anchors of its headings.
func shown(d browse.Document) string {
	var b strings.Builder
	for _, s := range d.Sections {
		if s.Heading != "" {
			b.WriteString("[" + s.ID() + "]")
		}
		b.WriteString(string(s.HTML))
	}
	return b.String()
}

func TestAnArtefactIsShownWithItsAmendments(t *testing.T) {
	t.Parallel()
	r, read := open(t, docs)
	a, _ := r.Shown("ADR-023", 0, read)
	if len(a.Documents) != 2 || a.Documents[1].Path != "adr/ADR-023-amendment-1.md" {
		t.Fatalf("documents %+v", a.Documents)
	}
	text := shown(a.Documents[0])
	for _, want := range []string{
		`<strong>DAA</strong>: <a href="/knowledge/DAA-003#s-32-booking" title="DAA-003 Booking domain">DAA-003</a>, section 3.2<br>`,
		`<a href="/knowledge/PRD-015?at=10#at" title="PRD-015 Cancel a booking">PRD-015</a>, User Story 2`,
		`<a href="/knowledge/DAA-003#s-32-booking">the domain</a>`, `<a href="/knowledge/ADR-024">ADR-024</a>`,
		`<a href="/knowledge/files/notes.md#s-why-not">notes</a>`, `<a href="#s-context">Context</a>`,
		`<span class="nowhere" title="not shown here: ../gone.md">gone</span>`, `<span class="nowhere" title="not shown here: ../../etc/passwd.md">up</span>`,
		`<a href="https://example.org/a?b=1&amp;c=2" rel="noreferrer noopener nofollow">https://example.org/a?b=1&amp;c=2</a>`,
		"[s-context]", "[s-decision]", "password=[secret]",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("lacks %s\nin %s", want, text)
		}
	}
	if strings.Contains(text, "hunter22") {
		t.Error("a secret is shown")
	}
	if second := shown(a.Documents[1]); !strings.Contains(second, "[s-f1-context]<p>Pool size is 20.</p>") {
		t.Errorf("the amendment: %s", second)
	}
}

func TestAPartOfAFileIsShownAlone(t *testing.T) {
	t.Parallel()
	r, read := open(t, docs)
	a, _ := r.Shown("BOLT-044", 0, read)
	text := shown(a.Documents[0])
	if !a.Documents[0].Part || !strings.Contains(text, "[s-tests]<p>All.") || strings.Contains(text, "Worker") || strings.Contains(text, "What we did") || strings.Contains(text, "Cake") {
		t.Errorf("part %t: %s", a.Documents[0].Part, text)
	}
	f, ok := r.File("", "work/sprint-7.md")
	if !ok || f.Is != "" || f.Title != "Sprint 7" || !slices.Equal(names(f.Artefacts), []string{"BOLT-044", "BOLT-045"}) {
		t.Errorf("the file: %+v", f)
	}
	src, _ := read("", "work/sprint-7.md")
	if text := shown(r.Render(browse.Source{Path: "work/sprint-7.md", Text: src})); !strings.Contains(text, "Worker") || !strings.Contains(text, "Cake") ||
		!strings.Contains(text, "BOLT-999 is not there") {
		t.Errorf("the whole file: %s", text)
	}
	if f, _ := r.File("", "adr/ADR-024.md"); f.Is != "ADR-024" {
		t.Errorf("the file of an artefact is %q", f.Is)
	}
	if _, ok := r.File("", "../notes.md"); ok {
		t.Error("a file outside")
	}
}

func TestALineIsMarked(t *testing.T) {
	t.Parallel()
	r, read := open(t, docs)
	for line, want := range map[int]string{
		10: "<tr id=\"at\">\n<td>User Story 2", 11: "<tr id=\"at\">\n<td>User Story 2", 3: `<p id="at"><strong>Status`, 7: "<thead id=\"at\">", 0: "", -4: "",
	} {
		a, _ := r.Shown("PRD-015", line, read)
		text := shown(a.Documents[0])
		if want == "" && strings.Contains(text, `id="at"`) || !strings.Contains(text, want) {
			t.Errorf("line %d: %s", line, text)
		}
	}
	a, _ := r.Shown("PRD-015", 5, read)
	if !a.Documents[0].Sections[1].Here {
		t.Errorf("the heading is not marked: %+v", a.Documents[0].Sections)
	}
}

func TestWhatCanNotBeReadIsSaid(t *testing.T) {
	t.Parallel()
	r, _ := open(t, docs)
	a, ok := r.Shown("ADR-024", 0, func(string, string) ([]byte, error) { return nil, fs.ErrPermission })
	if !ok || len(a.Documents) != 1 || !strings.Contains(a.Documents[0].Notes[0], "permission denied") {
		t.Errorf("%+v", a.Documents)
	}
}

func TestAddressesNeedNoTrust(t *testing.T) {
	t.Parallel()
	for got, want := range map[string]string{
		browse.Address("ADR-023", ""):                     "/knowledge/ADR-023",
		browse.Address("../x?y#z", "a b\"c"):              "/knowledge/..%2Fx%3Fy%23z#s-a%20b%22c",
		browse.FileAddress("my docs", "a b/c?.md", "why"): "/knowledge/files/a%20b/c%3F.md?repo=my+docs#s-why",
		browse.FileAddress("", "x.md", ""):                "/knowledge/files/x.md",
		browse.LineAddress("ADR-1", 0):                    "/knowledge/ADR-1",
		browse.LineAddress("ADR-1", 7):                    "/knowledge/ADR-1?at=7#at",
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// A story that an amendment adds is one of the requirement, and lies in its file.
func TestStoriesOfAmendments(t *testing.T) {
	t.Parallel()
	r, read := open(t, map[string]string{
		"prd/PRD-1.md":           "# PRD-1: Book\n\n## User Story 1: See\n\nSee it.\n",
		"prd/PRD-1-amendment.md": "# PRD-1: Amendment 1\n\nWhy.\n\n## User Story 1: See more\n\nmore\n\n## User Story 2: Cancel\n\nCancel it.\n",
		"adr/ADR-1.md":           "# ADR-1: Plan\n\n**PRD**: PRD-1, User Story 2\n\nPRD-1, User Story 1\n",
	})
	a, _ := r.Shown("ADR-1", 0, read)
	for _, want := range []string{`<a href="/knowledge/PRD-1?at=3#at" title="PRD-1 Book">PRD-1</a>, User Story 1`, `<a href="/knowledge/PRD-1#s-f1-user-story-2-cancel" title="PRD-1 Book">PRD-1</a>, User Story 2`} {
		if text := shown(a.Documents[0]); !strings.Contains(text, want) {
			t.Errorf("lacks %s\nin %s", want, text)
		}
	}
	p, _ := r.Shown("PRD-1", 0, read)
	if text := shown(p.Documents[1]); !strings.Contains(text, "[s-f1-user-story-2-cancel]") {
		t.Errorf("the amendment: %s", text)
	}
}

func TestCallouts(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"> [!NOTE]\n> Read *this*.":                    "<strong>Note</strong> <br>\nRead <em>this</em>.</p>",
		"> [!warning]- Do not restart\n> It is **on**": "<strong>Warning</strong> Do not restart<br>\nIt is <strong>on</strong></p>",
		"> [!see-also] ADR-2":                          `<strong>See also</strong> <a href="/knowledge/ADR-2" title="ADR-2 Other">ADR-2</a></p>`,
		"> text\n> [!note] x":                          ">text\n[!note] x</p>",
		"[!note] x":                                    ">[!note] x</p>",
		"> a\n>\n> [!note] x":                          ">[!note] x</p>",
		"> [!<b>] x":                                   "[!] x</p>",
		"> - [!note] x":                                "[!note] x",
	} {
		if got := shown(render(t, "# ADR-1: Title\n\n"+text+"\n")); !strings.Contains(got, want) {
			t.Errorf("%q is %s", text, got)
		}
	}
}
