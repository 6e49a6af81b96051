package knowledge_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/holdfast-sre/holdfast/internal/knowledge"
)

// library is a knowledge repository in which each link is written another way.
func library() fstest.MapFS {
	fs := fstest.MapFS{}
	for name, body := range map[string]string{
		"prd/PRD-015-cancel.md": `---
id: PRD-015
title: Change of plans
---
# PRD-015: Change of plans

## User Story 1: Move a booking
As a guest I move my booking.

## User Story 2: Cancel booking
As a guest I cancel and my room is free again.
`,
		"daa/booking.md": `---
id: DAA-003
prd: [PRD-015]
---
# Booking domain

## 3. Aggregates
### 3.1 Room
### 3.2 Booking aggregate
Cancelling emits an event. Serves PRD-015, User Story 2.
`,
		"adr/adr-023-outbox.md": `# ADR-023: Cancel through an outbox

**Status**: accepted
**DAA**: Section 3.2 (Booking aggregate)
**PRD**: PRD-015, User Story 2

## Decision
The cancel writes the booking and an outbox row in one transaction. A relay
publishes the rows. How many connections the relay may hold is not specified.

## Monitoring & Observability
An alert fires when too many rows are pending.

` + "```yaml\n# ADR-999 is only in an example\n```\n",
		"bolts/BOLT-045.md": `# BOLT-045 — Outbox relay

| Field | Value |
| --- | --- |
| ADR | [the decision](../adr/adr-023-outbox.md) |
| After | BOLT-044 |

**Files**: ` + "`services/relay/worker.go`" + `, services/relay/batch.go
`,
		"bolts/BOLT-044.md":  "# BOLT-044: Cancel API\n\n- **ADR**: ADR-023\n- Files: services/api/cancel.go\n",
		"adr/ADR-030.md":     "# ADR-030: Search\n\nThe index in services/search/search.go is rebuilt nightly. See TIP-002.\n",
		"tip/tip-002.md":     "# TIP-002: Full text\n\nNeeded by PRD-015, story 1.\n",
		"patterns/outbox.md": "# OUTBOX-001: Transactional outbox\n",
		"README.md":          "# Welcome\n\nStart with PRD-015.\n",
	} {
		fs[name] = &fstest.MapFile{Data: []byte(body)}
	}
	return fs
}

func read(t *testing.T, fs fstest.MapFS) *knowledge.Base {
	t.Helper()
	b, err := knowledge.Read(fs)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// history answers from a map of "path:line" to a commit message.
type history struct {
	commits map[string]string
	files   []string
}

func (h history) Blame(_ context.Context, _, path string, line int) (knowledge.Commit, error) {
	m, ok := h.commits[fmt.Sprintf("%s:%d", path, line)]
	if !ok {
		return knowledge.Commit{}, errors.New("no such path")
	}
	return knowledge.Commit{SHA: "0123456789abcdef0123", At: time.Unix(0, 0), Message: m, Path: path, Line: line}, nil
}

func (h history) Files(context.Context, string) ([]string, error) { return h.files, nil }

var repository = []string{
	"main.go", "services/api/cancel.go", "services/api/main.go", "services/relay/batch.go", "services/relay/main.go",
	"services/relay/worker.go", "services/search/search.go",
}

// brief prints a chain: "code services/relay/worker.go:78 > bolt BOLT-045?",
// with a question mark where a step was guessed.
func brief(steps []knowledge.Step) string {
	var parts []string
	for _, s := range steps {
		p := s.Kind + " " + s.ID
		if s.Inferred {
			p += "?"
		}
		parts = append(parts, p)
	}
	return strings.Join(parts, " > ")
}
