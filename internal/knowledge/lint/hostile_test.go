package lint_test

import (
	"strings"
	"testing"
	"time"

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
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("%s in %s: %d bytes took %v", name, p, size, took)
			} else if took > time.Second {
				t.Logf("%s in %s took %v", name, p, took)
			}
		}
	}
}
