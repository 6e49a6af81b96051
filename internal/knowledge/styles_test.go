package knowledge_test

import (
	"path"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/knowledge"
)

func files(m map[string]string) fstest.MapFS {
	fs := fstest.MapFS{}
	for name, body := range m {
		fs[name] = &fstest.MapFile{Data: []byte(body)}
	}
	return fs
}

// TestCollectionsOfDecisions reads the ways in which public collections write
// records without an ID.
func TestCollectionsOfDecisions(t *testing.T) {
	t.Parallel()
	b := read(t, files(map[string]string{
		"doc/adr/0001-record-architecture-decisions.md": "# 1. Record architecture decisions\n\nDate: 2024-02-01\n\n## Status\n\nAccepted\n\n## Context\n\nWe forget.\n\n## Decision\n\nWe write.\n\n## Consequences\n\nSee [the tool](0002-use-the-tool.md).\n",
		"doc/adr/0002-use-the-tool.md":                  "# 2. Use the tool\n\n## Status\n\nSuperseded by [3. Use another](0003-use-another.md)\n\n## Context\n\nBy hand is slow (ADR 1).\n",
		"doc/adr/0003-use-another.md":                   "# 3. Use another\n\n## Status\n\nAccepted\n\nSupersedes [2. Use the tool](0002-use-the-tool.md)\n",
		"docs/decisions/0004-choose-a-queue.md":         "---\nstatus: accepted\ndate: 2024-03-01\ndeciders: Ana, Bo\n---\n# Choose a queue\n\n## Context and Problem Statement\n\nMany events. See [[0003-use-another]].\n\n## Decision Outcome\n\nChosen option: \"one\", because ADR-0001.\n",
		"design/use-postgres.md":                        "# Use PostgreSQL\n\n* Status: accepted\n* Date: 2023-01-01\n\n## Context\n\nWe need a store.\n\n## Decision\n\nThat one.\n",
		"docs/decisions/0005-number-twice.md":           "# 0005 Number twice\n",
		"docs/decisions/README.md":                      "# Decisions\n\n- [ADR-0001](../../doc/adr/0001-record-architecture-decisions.md)\n",
		"docs/decisions/template.md":                    "# Title\n\n## Context\n\n## Decision\n",
		"notes/0007-party.md":                           "# Party\n\nCake.\n",
	}))
	type row struct{ ID, Title, Status, Path string }
	var got []row
	for _, a := range b.Artefacts() {
		got = append(got, row{a.ID, a.Title, a.Status, a.Path})
		if a.Kind != knowledge.ADR {
			t.Errorf("%s is %s", a.ID, a.Kind)
		}
	}
	want := []row{
		{"ADR-0001", "Record architecture decisions", "Accepted", "doc/adr/0001-record-architecture-decisions.md"},
		{"ADR-0002", "Use the tool", "Superseded by 3. Use another", "doc/adr/0002-use-the-tool.md"},
		{"ADR-0003", "Use another", "Accepted", "doc/adr/0003-use-another.md"},
		{"ADR-0004", "Choose a queue", "accepted", "docs/decisions/0004-choose-a-queue.md"},
		{"ADR-0005", "Number twice", "", "docs/decisions/0005-number-twice.md"},
		{"ADR-USE-POSTGRES", "Use PostgreSQL", "accepted", "design/use-postgres.md"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for from, want := range map[string][]string{
		"ADR-1": {"ADR-0002"}, "ADR-2": {"ADR-0003", "ADR-0001"}, "ADR-3": {"ADR-0002"}, "ADR-4": {"ADR-0003", "ADR-0001"},
	} {
		a, _ := b.Artefact(from)
		var to []string
		for _, l := range a.Links {
			to = append(to, l.To)
		}
		if diff := cmp.Diff(want, to); diff != "" {
			t.Errorf("links of %s, -want +got:\n%s", from, diff)
		}
	}
	if p := b.Problems(); len(p) > 0 {
		t.Errorf("problems: %v", p)
	}
}

// TestOwnNames reads a repository with other prefixes and folders.
func TestOwnNames(t *testing.T) {
	t.Parallel()
	s := knowledge.DefaultScheme().With(map[string]knowledge.Kind{"SHOP": knowledge.Bolt, "DEC": knowledge.ADR}, map[string]knowledge.Kind{"product_specs": knowledge.PRD})
	b, err := knowledge.NewReader(s).Read(knowledge.Folder{FS: files(map[string]string{
		"tickets/SHOP-1234.md":          "# SHOP-1234 Pay by card\n\nDecision: DEC-9\n",
		"dec/DEC-009.md":                "# DEC-009: One provider\n\nRequirement: [pay](../product_specs/pay-by-card.md)\n",
		"product_specs/pay-by-card.md":  "# Paying\n\n| Story | What |\n| --- | --- |\n| US-3 | Pay by card |\n",
		"product_specs/ship-by-post.md": "# Shipping\n",
	})})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := brief(b.TraceFrom("shop-1234", "")), "bolt SHOP-1234 > adr DEC-009 > prd PRD-PAY-BY-CARD"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestSeveralArtefactsInOneFile(t *testing.T) {
	t.Parallel()
	b := read(t, files(map[string]string{
		"bolts.md": "# Bolts of the spring\n\nWork.\n\n## BOLT-001: First\n\n**ADR**: ADR-001\n\n### Goal\n\nOne.\n\n## BOLT-002: Second\n\n**ADR**: ADR-002\n\n## Glossary\n\nADR-003 is named here.\n",
		"adr.md":   "# ADR-001: A\n\n## ADR-002: what it replaced\n\nText.\n\n## ADR-001: A (Amendment 1)\n\nThe pool size is 5.\n",
		"ADR-2.md": "# ADR-002: B\n",
		"ADR-3.md": "# ADR-003: C\n",
	}))
	type row struct {
		ID, Title string
		Line      int
		Links     int
	}
	var got []row
	for _, a := range b.Artefacts() {
		got = append(got, row{a.ID, a.Title, a.Line, len(a.Links)})
	}
	want := []row{{"ADR-001", "A", 1, 0}, {"ADR-002", "B", 1, 0}, {"ADR-003", "C", 1, 0}, {"BOLT-001", "First", 5, 1}, {"BOLT-002", "Second", 13, 1}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	a, _ := b.Artefact("BOLT-001")
	if s, ok := a.Headed("goal"); !ok || s.Text != "One." {
		t.Errorf("the goal of BOLT-001 is %+v", s)
	}
	a, _ = b.Artefact("ADR-001")
	if got := knowledge.Unspecified(a, "resource_exhaustion.connection_pool"); len(got) > 0 && got[0] == "connection pool size" {
		t.Error("the amendment in the same file is not read")
	}
}

func TestStories(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"heading":      "### User Story 2: Cancel booking\n",
		"short":        "### US-2 Cancel booking\n",
		"bold line":    "**User Story 2**: Cancel booking\n",
		"list":         "## User stories\n\n- **US2**: Cancel booking\n",
		"table":        "| Story | What |\n|---|---|\n| US-2 | Cancel booking |\n",
		"story number": "#### Story 2 — Cancel booking\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := read(t, files(map[string]string{
				"p.md": "# PRD-015: Change of plans\n\n" + body,
				"b.md": "# BOLT-1: X\n\n**PRD**: PRD-015, User Story 2\n",
			}))
			steps := b.TraceFrom("BOLT-1", "")
			if last := steps[len(steps)-1]; last.ID != "PRD-015 story 2" || last.Title != "Cancel booking" || last.Line < 3 {
				t.Errorf("got %+v", last)
			}
		})
	}
}

func TestFormsOfLinks(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"front matter list":  "---\nadr: [ADR-023]\n---\n# BOLT-1: X\n",
		"front matter text":  "---\nimplements: ADR-023\n---\n# BOLT-1: X\n",
		"nested front":       "---\nlinks:\n  - adr: adr/decision.md\n  - decision: ADR-023\n---\n# BOLT-1: X\n",
		"line":               "# BOLT-1: X\n\n**ADR**: ADR-023\n",
		"table by field":     "# BOLT-1: X\n\n| | |\n|---|---|\n| **ADR** | ADR-023 |\n",
		"table by header":    "# BOLT-1: X\n\n| ADR | Owner | Since |\n|---|---|---|\n| ADR-023 | Ana | may |\n",
		"Markdown link":      "# BOLT-1: X\n\nFollows [the decision](adr/decision.md#context).\n",
		"reference link":     "# BOLT-1: X\n\nFollows [the decision][d].\n\n[d]: adr/decision.md\n",
		"rooted link":        "# BOLT-1: X\n\nFollows [the decision](/adr/decision.md).\n",
		"wiki by ID":         "# BOLT-1: X\n\nFollows [[ADR-023]].\n",
		"wiki by file":       "# BOLT-1: X\n\nFollows [[decision|that one]].\n",
		"wiki by path":       "# BOLT-1: X\n\nFollows [[adr/decision#Context]].\n",
		"prose":              "# BOLT-1: X\n\nAs ADR-023 says.\n",
		"prose with a space": "# BOLT-1: X\n\nAs ADR 23 says.\n",
		"list under a label": "# BOLT-1: X\n\nDecisions:\n\n- ADR-023\n",
		"in a code span":     "# BOLT-1: X\n\nSee `ADR-023`.\n",
		"in emphasis":        "# BOLT-1: X\n\nSee *ADR-023*.\n",
		"other zeros":        "# BOLT-1: X\n\n**ADR**: ADR-23\n",
		"only back":          "# BOLT-1: X\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			adr := "# ADR-023: Outbox\n\n## Context\n"
			if name == "only back" {
				adr += "\n**Bolts**: BOLT-1\n"
			}
			b := read(t, files(map[string]string{"b.md": body, "adr/decision.md": adr}))
			if got := brief(b.TraceFrom("BOLT-1", "")); got != "bolt BOLT-1 > adr ADR-023" {
				t.Errorf("got %q", got)
			}
		})
	}
}

// TestASectionServesItsOwnStory: the DAA serves several requirements; the section
// that the decision names knows which.
func TestASectionServesItsOwnStory(t *testing.T) {
	t.Parallel()
	b := read(t, files(map[string]string{
		"b.md":   "# BOLT-1: X\n\n**ADR**: ADR-1\n",
		"a.md":   "# ADR-1: Y\n\n**DAA**: DAA-1, Section 3.2\n",
		"d.md":   "# DAA-1: Z\n\n## 3.1 Rooms\n\nServes PRD-1, User Story 1.\n\n## 3.2 Bookings\n\nServes PRD-2, User Story 7.\n",
		"p-1.md": "# PRD-1: One\n", "p-2.md": "# PRD-2: Two\n\n## User Story 7: Leave\n",
	}))
	want := "bolt BOLT-1 > adr ADR-1 > daa DAA-1 > prd PRD-2 > story PRD-2 story 7"
	if got := brief(b.TraceFrom("BOLT-1", "")); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestTheNearestIsTakenAndMarked: nothing names a decision, one speaks of the same.
func TestTheNearestIsTakenAndMarked(t *testing.T) {
	t.Parallel()
	b := read(t, files(map[string]string{
		"b.md": "# BOLT-1: Relay publishes pending outbox events in batches\n",
		"a.md": "# ADR-1: Publish events through an outbox and a relay\n",
		"c.md": "# ADR-2: Colours of the buttons\n",
		"d.md": "# ADR-3: Outbox retention\n\n## Status\n\nSuperseded by ADR-1\n",
	}))
	steps := b.TraceFrom("BOLT-1", "")
	if len(steps) != 2 || steps[1].ID != "ADR-1" || !steps[1].Inferred || steps[1].Score <= 0 || steps[1].Score > 0.6 || steps[1].Why == "" {
		t.Errorf("got %+v", steps)
	}
	b = read(t, files(map[string]string{"b.md": "# BOLT-1: Relay publishes events\n", "c.md": "# ADR-2: Colours of the buttons\n"}))
	if got := brief(b.TraceFrom("BOLT-1", "")); got != "bolt BOLT-1" {
		t.Errorf("nothing is near, got %q", got)
	}
}

func TestReadingAgainCostsWhatChanged(t *testing.T) {
	t.Parallel()
	fs := library()
	r := knowledge.NewReader(knowledge.DefaultScheme())
	if _, err := r.Read(knowledge.Folder{FS: fs}); err != nil {
		t.Fatal(err)
	}
	fs["bolts/BOLT-046.md"] = &fstest.MapFile{Data: []byte("# BOLT-046: Next\n")}
	delete(fs, "bolts/BOLT-044.md")
	b, err := r.Read(knowledge.Folder{FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := b.Artefact("BOLT-046"); !ok {
		t.Error("the new file is not read")
	}
	if _, ok := b.Artefact("BOLT-044"); ok {
		t.Error("the file that went is still there")
	}
}

func TestFoldersAreToldApart(t *testing.T) {
	t.Parallel()
	r := knowledge.NewReader(knowledge.DefaultScheme())
	b, err := r.Read(
		knowledge.Folder{Name: "shop", FS: files(map[string]string{"a.md": "# BOLT-1: X\n\nSee [it](adr.md).\n", "adr.md": "# ADR-1: Shop\n"})},
		knowledge.Folder{Name: "bank", FS: files(map[string]string{"adr.md": "# ADR-2: Bank\n", "again.md": "# ADR-1: Twice\n"})},
	)
	if err != nil {
		t.Fatal(err)
	}
	if got := brief(b.TraceFrom("BOLT-1", "")); got != "bolt BOLT-1 > adr ADR-1" {
		t.Errorf("got %q", got)
	}
	if p := b.Problems(); len(p) != 1 || p[0].File != "bank/again.md" {
		t.Errorf("problems %v", p)
	}
}

// Services that count each for themselves have no duplicates; one ID twice, in
// collections that go on from each other, is one.
func TestWhoCountsForItself(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		paths []string
		want  int
	}{
		"the first of each":         {[]string{"services/cart/docs/adr/ADR-001.md", "services/mail/docs/adr/ADR-001.md"}, 0},
		"two kinds":                 {[]string{"services/cart/adr/ADR-004.md", "services/mail/adr/ADR-004.md", "services/cart/bolts/BOLT-009.md", "services/mail/bolts/BOLT-009.md"}, 0},
		"one of many":               {[]string{"services/cart/adr/ADR-004.md", "services/cart/adr/ADR-005.md", "services/mail/adr/ADR-004.md"}, 1},
		"one folder":                {[]string{"adr/ADR-001-a.md", "adr/ADR-001-b.md"}, 1},
		"two kinds, and two owners": {[]string{"a/adr/ADR-004.md", "b/adr/ADR-004.md", "a/bolts/BOLT-009.md", "c/bolts/BOLT-009.md"}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all := map[string]string{}
			for _, p := range tt.paths {
				all[p] = "# " + strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(path.Base(p), ".md"), "-a"), "-b") + ": Something\n"
			}
			b := read(t, files(all))
			if got := b.Problems(); len(got) != tt.want {
				t.Errorf("%d problems, want %d: %v", len(got), tt.want, got)
			}
		})
	}
}

// What replaces another decision holds; what is replaced does not.
func TestWhichDecisionsHold(t *testing.T) {
	t.Parallel()
	for status, over := range map[string]bool{
		"Accepted": false, "Accepted, supersedes ADR-0003": false, "accepted (supercedes 3)": false, "Superseded by ADR-4": true, "Superceded": true,
		"Ersetzt durch 11": true, "Ersetzt": true, "Akzeptiert, ersetzt ADR-3": false, "ersetzt ADR-3": false, "Remplacée par ADR-4": true, "Remplacé": true,
		"Accepté, remplace ADR-3": false, "Reemplazada por 4": true, "Aceptada, reemplaza 3": false, "Deprecated": true, "rejected": true, "": false,
	} {
		if got := (knowledge.Artefact{Status: status}).Superseded(); got != over {
			t.Errorf("%q: superseded %t, want %t", status, got, over)
		}
	}
}

// A chain in another language than English leads to the story too.
func TestStoriesInOtherLanguages(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ head, ref, title string }{
		"German":     {"### Nutzergeschichte 2: Umplanen", "PRD-7, Nutzergeschichte 2", "Umplanen"},
		"French":     {"### Récit utilisateur 2 : Changer", "PRD-7, récit utilisateur 2", "Changer"},
		"Spanish":    {"### Historia de usuario 2: Cambiar", "PRD-7, historia de usuario 2", "Cambiar"},
		"a number":   {"### User Story 2\n\nAs a rider I change\nplans.", "PRD-7, User Story 2", "As a rider I change"},
		"no heading": {"User Story 2: Change", "PRD-7, story 2", "Change"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := read(t, files(map[string]string{
				"prd/PRD-7.md": "# PRD-7: Riders\n\n## Stories\n\n" + tt.head + "\n",
				"adr/ADR-3.md": "# ADR-3: Push\n\n| Feld | Wert |\n| --- | --- |\n| PRD | " + tt.ref + " |\n\n## Kontext\n\nAlt.\n",
			}))
			steps := b.TraceFrom("ADR-3", "")
			if got := brief(steps); got != "adr ADR-3 > prd PRD-7 > story PRD-7 story 2" || steps[2].Title != tt.title {
				t.Errorf("%s, %q", got, steps[len(steps)-1].Title)
			}
		})
	}
}
