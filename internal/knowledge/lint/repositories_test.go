package lint_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/knowledge"
	"github.com/holdfast-sre/holdfast/internal/knowledge/lint"
)

// TestCleanRepositories: repositories in the styles of public ones have no
// findings at all.
func TestCleanRepositories(t *testing.T) {
	t.Parallel()
	for name, files := range map[string]lint.Files{
		"records by tool": {
			"doc/adr/0001-record-architecture-decisions.md": "# 1. Record architecture decisions\n\nDate: 2024-02-01\n\n## Status\n\nAccepted\n\n## Context\n\nWe forget.\n\n## Decision\n\nWe will use Architecture Decision Records, as [described](http://thinkrelevance.com/blog).\n\n## Consequences\n\nSee above.\n",
			"doc/adr/0002-poll.md":                          "# 2. Poll\n\nDate: 2024-02-01\n\n## Status\n\nSuperseded by [3. Queue](0003-queue.md)\n\n## Context\n\nX\n\n## Decision\n\nY\n",
			"doc/adr/0003-queue.md":                         "# 3. Queue\n\nDate: 2024-02-01\n\n## Status\n\nAccepted\n\nSupersedes [2. Poll](0002-poll.md)\n\nAmended by [4. Size](0004-size.md)\n\n## Context\n\nHTTP says so (RFC-7231, RFC 7807 section 3.1, and RFC-2119).\n\n## Decision\n\nY\n",
			"doc/adr/0004-size.md":                          "# 4. Size\n\nDate: 2024-02-01\n\n## Status\n\nProposed\n\nAmends [3. Queue](0003-queue.md)\n\n## Context\n\nSee [context](#context) and [the first](0001-record-architecture-decisions.md#decision).\n",
			"doc/adr/README.md":                             "# Decisions\n\n* [1. Record](0001-record-architecture-decisions.md)\n* [2. Poll](0002-poll.md)\n* [3. Queue](0003-queue.md)\n",
			"doc/adr/template.md":                           "# Title\n\n## Status\n\n{proposed | accepted}\n\nSee [next](0000-x.md)\n",
			"README.md":                                     "# Project\n\n[![Build](https://ci.example.com/x.svg)](https://ci.example.com)\n\nSee [decisions](doc/adr/), [licence](LICENSE) and [top](#project).\n",
			"LICENSE":                                       "…",
		},
		"records with front matter": {
			"docs/decisions/0000-use-markdown.md": "---\nstatus: accepted\ndate: 2024-03-01\n---\n# Use Markdown Architectural Decision Records\n\n## Context and Problem Statement\n\nX\n\n## Considered Options\n\n* [MADR](https://adr.github.io/madr/)\n\n## Decision Outcome\n\nY\n\n<!-- This is an optional element. -->\n### Consequences\n\n* Good\n",
			"docs/decisions/0001-choose.md":       "---\nstatus: superseded by [ADR-0002](0002-choose-again.md)\ndate: 2024-03-01\n---\n# Choose\n\n## Context and Problem Statement\n\nX\n\n## Decision Outcome\n\nY\n",
			"docs/decisions/0002-choose-again.md": "---\nstatus: accepted\nsupersedes: ADR-0001\n---\n# Choose again\n\n## Context and Problem Statement\n\nBefore, ADR-0001 chose otherwise.\n\n## Decision Outcome\n\nThe old way came back.\n",
			"docs/decisions/adr-template.md":      "---\nstatus: \"{proposed | rejected | accepted | deprecated | … | superseded by [ADR-0123](0123-example.md)}\"\n---\n# {title}\n",
			"docs/index.md":                       "---\nlayout: default\n---\n# Home\n\n[Decisions]({% link decisions/index.md %}) {{ site.url }}\n",
		},
		"records with a table": {
			"adr/ADR-001-queue.md": "# ADR-001: Queue\n\n| Status | Accepted |\n| --- | --- |\n| Deciders | Ana, Bo |\n\n## Context\n\nA ticket: [INC-4711](https://tickets.example.com/INC-4711). UTF-8, SHA-256.\n",
			"adr/ADR-002-size.md":  "# ADR-002: Size\n\n| Status | Deprecated |\n| --- | --- |\n\n## Context\n\nX\n",
			"adr/ADR-003-x.md":     "# ADR-003: X\n\n| Status | Rejected |\n| --- | --- |\n\nBuilds on ADR-001.\n",
			"adr/ADR-004-y.md":     "# ADR-004: Y\n\n| Status | Accepted |\n| --- | --- |\n\nWe rejected ADR-003 because of [the decision of the others](https://github.com/o/r/blob/main/adr/ADR-099.md), see [ADR-099](https://github.com/o/r).\n",
			"adr/ADR-005-z.md":     "# ADR-005: Z\n\n| Status | Accepted |\n| --- | --- |\n\nText.\n",
			"adr/ADR-006-z.md":     "# ADR-006: Other\n\n| Status | Accepted |\n| --- | --- |\n\nText.\n",
		},
		"monorepo with numbers of their own": {
			"services/a/docs/adr/0001-x.md": "# X\n\n## Status\n\nAccepted\n\n## Context\n\nC\n\n## Decision\n\nD\n",
			"services/a/docs/adr/0002-y.md": "# Y\n\n## Status\n\nAccepted\n\n## Context\n\nC\n\n## Decision\n\nD\n",
		},
		"services that count each for themselves": {
			"services/a/docs/adr/ADR-001.md": "# ADR-001: X\n\n## Status\n\nProposed\n\n## Context\n\nC\n\n## Decision\n\nD\n",
			"services/b/docs/adr/ADR-001.md": "# ADR-001: Y\n\n## Status\n\nProposed\n\n## Context\n\nC\n\n## Decision\n\nD\n",
		},
		"a wiki in German": {
			"Anforderungen/PRD-012.md":    "# PRD-012: Auskunft\n\n| Feld | Wert |\n| --- | --- |\n| Kennzahl | 95 % in 30 s |\n\n### Nutzergeschichte 1: Anzeige\n\nAls Fahrgast sehe ich sie.\n",
			"Entscheidungen/0011-mqtt.md": "# 11. Tafeln beliefern\n\n| Merkmal | Inhalt |\n| --- | --- |\n| Status | Akzeptiert |\n| PRD | PRD-012, Nutzergeschichte 1 |\n\n## Kontext\n\nFunk.\n\n## Entscheidung\n\nMQTT.\n\n## Überwachung\n\n- Alarm ab 30 s\n\n## Ablauf bei Störung\n\nBroker prüfen.\n",
			"Entscheidungen/0012-alt.md":  "# 12. Abschalten\n\n**Status**: Ersetzt durch 11\n\n## Kontext\n\nAlt.\n\n## Entscheidung\n\nAus.\n",
		},
		"the method": method(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if found := run(t, lint.Options{}, folder("", files)).Findings; len(found) > 0 {
				t.Errorf("findings in a clean repository:\n%s", text(found))
			}
		})
	}
}

// method is a clean repository of a shop, from requirement to post-mortem.
func method() lint.Files {
	return lint.Files{
		"product/PRD-100-checkout.md": "---\nid: PRD-100\ntitle: Checkout\nowner: shop\n---\n# Checkout\n\n## Problem\n\nPeople leave.\n\n## User stories\n\n| Story | As a … |\n| --- | --- |\n| US-1 | customer I pay by card |\n| US-2 | customer I pay later |\n\n## KPIs\n\n- Conversion from 2.1 % to 2.5 %\n",
		"product/PRD-101-returns.md":  "# PRD-101: Returns\n\n## Goals\n\nReturn within 14 days for 99 % of orders.\n\n- **User Story 1**: Send back\n",
		"domain/DAA-010-orders.md":    "# DAA-010: Orders\n\nServes PRD-100.\n\n## 1. Words\n\n## 2. Aggregates\n\n### 2.1 Order\n\nServes PRD-100, US-1.\n\n### 2.2 Return\n\nServes PRD-101.\n",
		"adr/ADR-200-saga.md":         "# ADR-200: Pay by a saga\n\n- **Status**: Accepted\n- **DAA**: Section 2.1 (Order)\n- **Date**: 2025-01-01\n\n## Context\n\n## Decision\n\nA saga.\n\n## Monitoring & Observability\n\n**Metrics**: `saga_open`\n\n**Alerts**: `saga_open > 100`\n\n## Runbook\n\nSee [the runbook](../ops/runbooks/saga.md).\n",
		"adr/ADR-201-ledger.md":       "# ADR-201: A ledger\n\n- **Status**: Superseded by ADR-202\n\n## Decision\n\nOne table.\n",
		"adr/ADR-202-ledgers.md":      "# ADR-202: Two ledgers\n\n- **Status**: Accepted (supersedes ADR-201)\n- **PRD**: PRD-101, User Story 1\n\n## Decision\n\nTwo.\n\n## Observability\n\n- Metric `ledger_lag_seconds`\n\n## Operational runbook\n\nLag: ask the ledger team. Escalation: page them.\n",
		"adr/ADR-203-later.md":        "# ADR-203: Shard\n\n- **Status**: Proposed\n- **DAA**: DAA-010, section 2.2\n\n## Decision\n\nPerhaps.\n",
		"bolts/BOLT-300.md":           "# BOLT-300: Saga\n\n**Status**: done\n**ADR**: ADR-200\n**PRD**: PRD-100, US-2\n\n## Files\n\n- `src/saga.go`\n",
		"bolts/BOLT-301.md":           "# BOLT-301: Ledger\n\n**ADR**: [ADR-202](../adr/ADR-202-ledgers.md#decision)\n\nTests wait for FIX-900.\n",
		"src/saga.go":                 "package src\n",
		"ops/runbooks/saga.md":        "# Runbook: saga (ADR-200)\n\n## Mitigation\n\n1. `kubectl rollout restart deploy/saga`\n2. Never `TRUNCATE saga_log`.\n\n## Rollback\n\n`helm rollback saga`. The schema stays: no `DROP COLUMN` before the next release.\n\n## Escalation\n\nPage the shop team.\n",
		"fixes/FIX-900.md":            "# FIX-900: Smaller batches\n\n**Related Incident**: INC-2025-001\n**ADR**: ADR-200\n**Bolt**: BOLT-300\n\n### Rollback Plan\n\nRevert to BOLT-300 (restart).\n",
		"postmortems/inc-2025-001.md": "# INC-2025-001: Payments fail\n\n**Severity**: SEV-2\n\n## Timeline\n\n- 10:02 somebody ran `migrate reset` as a rollback\n\n## Action items\n\n| Action | Owner | Due |\n| --- | --- | --- |\n| Amend ADR-201 | @ana | 2025-02-01 |\n| Load test | Bo | next week |\n\n## Traceability\n\nPRD-100, DAA-010, ADR-200, BOLT-300, FIX-900\n",
		"playbook/PLAYBOOK-400.md":    "# PLAYBOOK-400: Sagas\n\n## Example\n\nADR-200\n",
		"README.md":                   "# Knowledge\n\nStart with PRD-100. IDs look like `ADR-999`. ![map](img/map.svg)\n",
		"img/map.svg":                 "<svg/>",
	}
}

// TestPlantedDefects breaks one thing at a time in a clean repository: exactly
// that is found, where it is.
func TestPlantedDefects(t *testing.T) {
	t.Parallel()
	type edit struct{ file, old, new string }
	for name, tt := range map[string]struct {
		edits []edit
		want  []string
	}{
		"broken link":           {[]edit{{"bolts/BOLT-301.md", "[ADR-202](../adr/ADR-202-ledgers.md#", "[ledgers](../adr/ADR-202-ledger.md#"}}, []string{"bolts/BOLT-301.md:3 error broken-link"}},
		"missing image":         {[]edit{{"README.md", "map.svg", "map.png"}}, []string{"README.md:3 error broken-link"}},
		"missing anchor":        {[]edit{{"bolts/BOLT-301.md", "#decision", "#decisions"}}, []string{"bolts/BOLT-301.md:3 warning missing-anchor"}},
		"dangling reference":    {[]edit{{"bolts/BOLT-300.md", "**ADR**: ADR-200", "**ADR**: ADR-299"}}, []string{"bolts/BOLT-300.md:4 error dangling-reference"}},
		"dangling in a README":  {[]edit{{"README.md", "PRD-100", "PRD-199"}}, []string{"README.md:3 error dangling-reference"}},
		"dangling Bolt":         {[]edit{{"fixes/FIX-900.md", "**Bolt**: BOLT-300", "**Bolt**: BOLT-399"}}, []string{"fixes/FIX-900.md:5 error dangling-reference"}},
		"dangling incident":     {[]edit{{"fixes/FIX-900.md", "INC-2025-001", "INC-2025-009"}}, []string{"fixes/FIX-900.md:3 error dangling-reference"}},
		"missing section":       {[]edit{{"adr/ADR-200-saga.md", "Section 2.1", "Section 9.9"}}, []string{"adr/ADR-200-saga.md:4 error missing-section"}},
		"missing section by ID": {[]edit{{"adr/ADR-203-later.md", "section 2.2", "section 4.1"}}, []string{"adr/ADR-203-later.md:4 error missing-section"}},
		"missing story":         {[]edit{{"bolts/BOLT-300.md", "PRD-100, US-2", "PRD-100, US-9"}}, []string{"bolts/BOLT-300.md:5 error missing-story"}},
		"story of another PRD":  {[]edit{{"bolts/BOLT-300.md", "PRD-100, US-2", "PRD-101, US-2"}}, []string{"bolts/BOLT-300.md:5 error missing-story"}},
		"missing user story":    {[]edit{{"adr/ADR-202-ledgers.md", "User Story 1", "User Story 4"}}, []string{"adr/ADR-202-ledgers.md:4 error missing-story"}},
		"Bolt without ADR":      {[]edit{{"bolts/BOLT-300.md", "**ADR**: ADR-200\n", ""}}, []string{"bolts/BOLT-300.md:1 error bolt-without-adr"}},
		"ADR without PRD":       {[]edit{{"adr/ADR-202-ledgers.md", "- **PRD**: PRD-101, User Story 1\n", ""}}, []string{"adr/ADR-202-ledgers.md:1 warning adr-without-prd"}},
		"superseded referenced": {[]edit{{"bolts/BOLT-301.md", "[ADR-202](../adr/ADR-202-ledgers.md#decision)", "ADR-201"}}, []string{"bolts/BOLT-301.md:3 warning superseded-referenced"}},
		"superseded in prose":   {[]edit{{"playbook/PLAYBOOK-400.md", "ADR-200", "As in ADR-201."}}, []string{"playbook/PLAYBOOK-400.md:5 warning superseded-referenced"}},
		"no monitoring":         {[]edit{{"adr/ADR-202-ledgers.md", "## Observability", "## Notes"}, {"adr/ADR-202-ledgers.md", "Metric `ledger_lag_seconds`", "x"}}, []string{"adr/ADR-202-ledgers.md:1 warning adr-without-monitoring"}},
		"empty monitoring":      {[]edit{{"adr/ADR-202-ledgers.md", "- Metric `ledger_lag_seconds`", "TBD"}}, []string{"adr/ADR-202-ledgers.md:1 warning adr-without-monitoring"}},
		"no runbook":            {[]edit{{"adr/ADR-202-ledgers.md", "## Operational runbook\n\nLag: ask the ledger team. Escalation: page them.\n", ""}}, []string{"adr/ADR-202-ledgers.md:1 warning adr-without-runbook"}},
		"no metric":             {[]edit{{"product/PRD-100-checkout.md", "## KPIs\n\n- Conversion from 2.1 % to 2.5 %\n", "## Notes\n\nNone.\n"}}, []string{"product/PRD-100-checkout.md:6 warning prd-without-metric"}},
		"metric to be decided":  {[]edit{{"product/PRD-100-checkout.md", "- Conversion from 2.1 % to 2.5 %", "TBD"}}, []string{"product/PRD-100-checkout.md:19 warning prd-without-metric"}},
		"duplicate ID":          {[]edit{{"adr/ADR-203-later.md", "# ADR-203: Shard", "---\nid: ADR-202\n---\n# Shard"}}, []string{"adr/ADR-203-later.md:4 error duplicate-id"}},
		"orphan":                {[]edit{{"playbook/PLAYBOOK-400.md", "ADR-200", "Text."}}, []string{"playbook/PLAYBOOK-400.md:1 warning orphan"}},
		"rollback resets":       {[]edit{{"ops/runbooks/saga.md", "`helm rollback saga`.", "`helm rollback saga`, then `npx prisma migrate reset`."}}, []string{"ops/runbooks/saga.md:10 error rollback-destroys-data"}},
		"fix drops":             {[]edit{{"fixes/FIX-900.md", "Revert to BOLT-300 (restart).", "```sql\nDROP TABLE saga_log;\n```"}}, []string{"fixes/FIX-900.md:10 error rollback-destroys-data"}},
		"fix without rollback":  {[]edit{{"fixes/FIX-900.md", "### Rollback Plan\n\nRevert to BOLT-300 (restart).\n", ""}}, []string{"fixes/FIX-900.md:1 warning fix-without-rollback"}},
		"superseded by nothing": {[]edit{{"adr/ADR-201-ledger.md", "Superseded by ADR-202", "Superseded"}}, []string{"adr/ADR-201-ledger.md:1 warning superseded-without-successor"}},
		"not mirrored": {[]edit{{"adr/ADR-201-ledger.md", "Superseded by ADR-202", "Rejected"}, {"adr/ADR-202-ledgers.md", "supersedes ADR-201", "supersedes ADR-203"}, {"adr/ADR-203-later.md", "Proposed", "Accepted"}}, []string{
			"adr/ADR-203-later.md:1 warning adr-without-monitoring", "adr/ADR-203-later.md:1 warning adr-without-runbook", "adr/ADR-203-later.md:1 warning supersedes-not-mirrored",
		}},
		"no escalation": {[]edit{{"ops/runbooks/saga.md", "## Escalation\n\nPage the shop team.\n", ""}}, []string{"ops/runbooks/saga.md:1 note runbook-without-escalation"}},
		"no owner":      {[]edit{{"postmortems/inc-2025-001.md", "| Load test | Bo | next week |", "| Load test | | |"}}, []string{"postmortems/inc-2025-001.md:14 note action-item-without-owner"}},
		"moved file":    {[]edit{{"bolts/BOLT-300.md", "- `src/saga.go`", "- `src/saga.go`\n- `src/ledger.go`"}}, []string{"bolts/BOLT-300.md:10 warning bolt-file-missing"}},
		"status":        {[]edit{{"adr/ADR-203-later.md", "Proposed", "Propsed"}}, []string{"adr/ADR-203-later.md:1 warning adr-status"}},
		"no status":     {[]edit{{"adr/ADR-203-later.md", "- **Status**: Proposed\n", ""}}, []string{"adr/ADR-203-later.md:1 note adr-status"}},
		"front matter":  {[]edit{{"product/PRD-100-checkout.md", "owner: shop", "owner: [shop"}}, []string{"product/PRD-100-checkout.md:3 error unreadable-file"}},
		"cycle": {[]edit{{"adr/ADR-203-later.md", "Proposed", "Superseded by ADR-201"}, {"adr/ADR-201-ledger.md", "Superseded by ADR-202", "Superseded by ADR-203"}}, []string{
			"adr/ADR-201-ledger.md:1 error supersedes-cycle",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files := method()
			for _, e := range tt.edits {
				if !strings.Contains(files[e.file], e.old) {
					t.Fatalf("%s has no %q", e.file, e.old)
				}
				files[e.file] = strings.Replace(files[e.file], e.old, e.new, 1)
			}
			found := run(t, lint.Options{}, folder("", files)).Findings
			if diff := cmp.Diff(tt.want, brief(found)); diff != "" {
				t.Errorf("-want +got:\n%s\n%s", diff, text(found))
			}
		})
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	bad := lint.Files{"adr/ADR-001.md": "# ADR-001: X\n\nSee [x](y.md) and ADR-009.\n"}
	if got := brief(run(t, lint.Options{Rules: []string{"broken-link"}}, folder("", bad)).Findings); cmp.Diff([]string{"adr/ADR-001.md:3 error broken-link"}, got) != "" {
		t.Errorf("only one rule: %v", got)
	}
	if got := brief(run(t, lint.Options{Skip: []string{"broken-link"}}, folder("", bad)).Findings); cmp.Diff([]string{"adr/ADR-001.md:3 error dangling-reference"}, got) != "" {
		t.Errorf("without one rule: %v", got)
	}
	if _, err := lint.Run(t.Context(), nil, nil, lint.Options{Skip: []string{"brokenlink"}}); err == nil || !strings.Contains(err.Error(), "brokenlink") {
		t.Errorf("an unknown rule: %v", err)
	}
}

// TestFolders: findings of several folders carry their prefix, and references
// between the folders are known.
func TestFolders(t *testing.T) {
	t.Parallel()
	a := folder("shop", lint.Files{"BOLT-001.md": "# BOLT-001: X\n\n**ADR**: ADR-001, and ADR-002\n"})
	b := folder("bank", lint.Files{"adr/ADR-001.md": "# ADR-001: Y\n\nSee [x](../../shop/BOLT-001.md) and [z](z.md).\n"})
	a.Prefix, b.Prefix = "repos/shop", "repos/bank"
	got := brief(run(t, lint.Options{}, a, b).Findings)
	want := []string{"repos/bank/adr/ADR-001.md:3 error broken-link", "repos/shop/BOLT-001.md:3 error dangling-reference"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func FuzzRun(f *testing.F) {
	for p, body := range method() {
		f.Add(p, []byte(body))
	}
	f.Add("runbooks/x.md", []byte("# X\n\n## Rollback\n\n| a | rollback |\n|---|---|\n| `rm -rf /` | `DELETE FROM x\n"))
	f.Fuzz(func(t *testing.T, name string, src []byte) {
		if strings.ContainsAny(name, "\x00\\") || name == "" || strings.HasPrefix(name, "/") || strings.Contains("/"+name+"/", "/../") || strings.Contains("/"+name+"/", "/./") || strings.Contains(name, "//") || strings.HasSuffix(name, "/") {
			return
		}
		fs := folder("", lint.Files{name: string(src), "adr/ADR-200.md": "# ADR-200: X\n"})
		b, err := knowledge.NewReader(knowledge.DefaultScheme()).Read(fs.Folder)
		if err != nil {
			t.Fatal(err)
		}
		rep, err := lint.Run(t.Context(), b, []lint.Folder{fs}, lint.Options{})
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Count(string(src), "\n") + 1
		for _, x := range rep.Findings {
			if x.Line < 1 || x.Line > max(lines, 1) || x.What == "" || x.Fix == "" {
				t.Errorf("%d lines, finding %+v", lines, x)
			}
		}
	})
}
