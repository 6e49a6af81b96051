package lint_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/holdfast-sre/holdfast/internal/knowledge"
	"github.com/holdfast-sre/holdfast/internal/knowledge/lint"
)

// large is a clean repository of n artefacts of about three kilobytes: a tenth
// requirements, three tenths decisions, half Bolts, a tenth runbooks.
func large(n int) lint.Files {
	prose := strings.Repeat("The relay reads what is pending and publishes it; the consumer knows what came twice. See the numbers of last spring.\n", 20)
	files := lint.Files{}
	for i := range n {
		switch of := i / 10; i % 10 {
		case 0:
			files[fmt.Sprintf("prd/PRD-%05d.md", of)] = fmt.Sprintf("# PRD-%05d: Requirement\n\n## User Story 1: Do it\n\n%s\n## Success metrics\n\n99 %% within a second.\n", of, prose)
		case 1, 2, 3:
			id := of*3 + i%10
			files[fmt.Sprintf("adr/ADR-%05d.md", id)] = fmt.Sprintf("# ADR-%05d: Decision\n\n**Status**: accepted\n**PRD**: PRD-%05d, User Story 1\n\n## Context\n\n%s\n## Monitoring & Observability\n\n- Alert: `x > 1`\n\n## Runbook\n\n1. Look\n\n**Escalation**: page the team\n", id, of, prose)
		case 4:
			files[fmt.Sprintf("runbooks/RUNBOOK-%05d.md", of)] = fmt.Sprintf("# RUNBOOK-%05d: Relay\n\nFor ADR-%05d.\n\n## Steps\n\n%s\n## Rollback\n\n1. `kubectl rollout undo deploy/relay`\n2. Never run `migrate reset`.\n\n## Escalation\n\nPage the team.\n", of, of*3+1, prose)
		default:
			id := of*5 + i%10
			files[fmt.Sprintf("bolts/BOLT-%05d.md", id)] = fmt.Sprintf("# BOLT-%05d: Work\n\n**ADR**: [the decision](../adr/ADR-%05d.md#context)\n\n## Goal\n\n%s\n## Rollback\n\nUndo the deployment; the column stays.\n", id, of*3+1+i%3, prose)
		}
	}
	return files
}

func BenchmarkRun(b *testing.B) {
	for _, n := range []int{1000, 10_000} {
		b.Run(fmt.Sprintf("artefacts=%d", n), func(b *testing.B) {
			f := folder("", large(n))
			base, err := knowledge.NewReader(knowledge.DefaultScheme()).Read(f.Folder)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				rep, err := lint.Run(b.Context(), base, []lint.Folder{f}, lint.Options{})
				if err != nil || len(rep.Findings) > 0 {
					b.Fatalf("%v, %s", err, text(rep.Findings[:min(3, len(rep.Findings))]))
				}
			}
		})
	}
}
