package lint_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/holdfast-sre/holdfast/internal/knowledge/lint"
)

// A hostile document must not hold up a check: work grows with its length, not
// with the square of it.
func TestHostileDocumentsAreCheckedQuickly(t *testing.T) {
	t.Parallel()
	const size = 1 << 14
	for name, unit := range map[string]string{
		"dead links": "[a](b.md#c)\n\n", "dead anchors": "[a](#nowhere-at-all)\n\n# heading\n", "references": "ADR-99, see [x](y) ",
		"references on lines": "**ADR**: ADR-7, Section 9\n", "headings": "# Rollback\n", "commands": "# Rollback\n\n`FLUSHALL`\n\n", "statements": "    DELETE FROM x\n",
		"labels": "**Rollback**: `migrate reset`\n\n", "files": "- `a/b.go`\n", "superseded": "Superseded by ADR-1\n\n", "todo": "TODO(human): x\n\n",
		"switches": "<!-- holdfast-lint: off x -->\n\n", "rows": "| rollback | FLUSHALL |\n| --- | --- |\n", "actions": "## Action items\n\n- [ ] x\n\n",
		"delete": "`delete from a` ", "never": "never do not not never ", "spans": "`DROP TABLE x` never ", "html": "<a name=x href=y>\n\n", "anchors": "<a id=\"x-y\"></a> [a](#x--z) ",
		"items": "- Rollback: drop the table x\n", "files in a list": "# Files\n\n- `a1/b.go`, `a2/c.go`, a3/d.go\n\n",
	} {
		for _, p := range []string{"bolts/BOLT-1.md", "runbooks/RUNBOOK-1.md", "postmortems/INC-1.md", "adr/ADR-1.md"} {
			start := time.Now()
			head := "# " + strings.TrimSuffix(p[strings.LastIndexByte(p, '/')+1:], ".md") + ": X\n\n"
			run(t, lint.Options{}, folder("", lint.Files{p: head + strings.Repeat(unit, size/len(unit)), "adr/ADR-7.md": "# ADR-7: Y\n\n## 1.1 Z\n\n**Status**: superseded\n", "a/b.go": ""}))
			if took := time.Since(start); took > time.Minute {
				t.Errorf("%s in %s: %d bytes took %v", name, p, size, took)
			}
		}
	}
}

// TestStoryInsideTheIDOfItsRequirement: the short ID may stand in the long one.
func TestStoryInsideTheIDOfItsRequirement(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]int{
		"**PRD**: PRD-STORY-1 and STORY-1": 0, "**PRD**: PRD-STORY-1, STORY-1": 0, "**PRD**: STORY-1, PRD-STORY-1": 0,
	} {
		r := run(t, lint.Options{Rules: []string{"missing-story"}}, folder("", lint.Files{
			"adr/ADR-001.md": "# ADR-001: Queue\n\n" + line + "\n", "prd/PRD-STORY-1.md": "# PRD-STORY-1: Orders\n\n## User Story 1: Order\n\nAs a customer I order.\n",
		}))
		if got := len(r.Findings); got != want {
			t.Errorf("%s: %d findings, want %d:\n%s", line, got, want, text(r.Findings))
		}
	}
}

// TestNoTextTripsARule draws documents of what rules look for, in any order and cut
// anywhere: every rule comes to an end, and says the same twice.
func TestNoTextTripsARule(t *testing.T) {
	t.Parallel()
	pieces := []string{
		"# ", "## ", "\n", "\n\n", "- ", "- [ ] ", "1. ", "| ", " | ", "|\n| --- | --- |\n", "```sql\n", "```\n", "    ", "---\n", "**", "`", ": ", ", ", " ", "[", "](", ")", "[[", "]]", "#x", "<a id=\"x\">", "<!-- holdfast-lint: off ", " -- why -->",
		"ADR-001", "ADR-002", "PRD-001", "PRD-US-1", "PRD-STORY-1", "US-1", "STORY-1", "BOLT-001", "DAA-001", "RFC-9110", "INC-2026-0001", "ADR 7", "User Story 1", "Section 3.2", "§ 9", "id", "ADR", "PRD", "Status", "Superseded by", "supersedes", "Accepted", "acepted", "deprecated",
		"Rollback", "Down", "never", "run", "DROP TABLE x", "DELETE FROM x", "delete from", ";", "kubectl delete pvc -n x y", "rm -rf /var/lib/postgresql", "migrate reset", "TRUNCATE", "drop the orders table", "backup", "Files", "a/b.go", "Metrics", "TBD", "Runbook", "Action items", "TODO(human)", "adr-001.md", "../x.md#y", "%zz", "é", "ı", "\u2028", "\x1b[31m", "\x00",
	}
	rapid.Check(t, func(rt *rapid.T) {
		text := func(label string) string {
			return strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 60).Draw(rt, label), "")
		}
		f := folder("", lint.Files{
			"adr/ADR-001.md": "# ADR-001: X\n" + text("decision"), "prd/PRD-STORY-1.md": "# PRD-STORY-1: Y\n\n## User Story 1: Z\n" + text("requirement"),
			"runbooks/RUNBOOK-001.md": text("runbook"), "postmortems/INC-1.md": text("incident"), "notes.md": text("notes"),
		})
		first := run(t, lint.Options{}, f)
		if diff := cmp.Diff(first, run(t, lint.Options{}, f)); diff != "" {
			rt.Errorf("the same files, other findings (-first +second):\n%s", diff)
		}
	})
}
