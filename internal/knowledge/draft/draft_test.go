package draft_test

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/knowledge"
	"github.com/holdfast-sre/holdfast/internal/knowledge/draft"
	"github.com/holdfast-sre/holdfast/internal/knowledge/lint"
)

var update = flag.Bool("update", false, "rewrite golden files")

func TestDraftsAreGolden(t *testing.T) {
	t.Parallel()
	d := method().write(t, record("BOLT-020", "ADR-011"), draft.Options{})
	var got []string
	for _, f := range d.Files {
		if !strings.HasSuffix(f.Path, ".md") {
			continue
		}
		got = append(got, f.Path)
		path := filepath.Join("testdata", string(f.Kind)+".md")
		if *update {
			if err := os.WriteFile(path, f.New, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(f.New)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
	want := []string{
		"docs/postmortems/inc-2026-0007.md", "docs/fix-its/FIX-008-exhausted-connection-pool-in-mailer.md", "docs/adrs/ADR-011-outbox.md",
		"docs/playbooks/PLAYBOOK-001-exhausted-connection-pool.md", "docs/runbooks/RUNBOOK-001-exhausted-connection-pool-in-mailer.md",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files, -want +got:\n%s", diff)
	}
}

// TestDraftsAreReadBack reads the repository with its drafts: IDs, links and
// sections are found, and lint finds nothing but the open questions.
func TestDraftsAreReadBack(t *testing.T) {
	t.Parallel()
	for name, w := range repositories() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before := w.base(t)
			bolt, adr := first(before, knowledge.Bolt), first(before, knowledge.ADR)
			d := w.write(t, record(bolt, adr), draft.Options{})
			after := w.with(d)
			b := after.base(t)
			if p := b.Problems(); len(p) > 0 {
				t.Errorf("problems: %v", p)
			}
			for _, f := range d.Files {
				if strings.HasSuffix(f.Path, ".svg") {
					continue
				}
				a, ok := b.Artefact(f.ID)
				if !ok || a.Kind != kindOf(f.Kind) {
					t.Errorf("%s: %s is %q in the repository, want %q", f.Path, f.ID, a.Kind, kindOf(f.Kind))
				}
				if f.Kind != draft.Amendment && f.Old == nil && !linksTo(a, "INC-2026-0007") && a.ID != "INC-2026-0007" {
					t.Errorf("%s does not lead to its incident: %v", f.Path, a.Links)
				}
				if f.Kind == draft.FixBolt && bolt != "" && (!linksTo(a, adr) || !linksTo(a, bolt)) {
					t.Errorf("%s lacks its decision or Bolt: %v\n%s", f.Path, a.Links, f.New)
				}
				if !strings.Contains(string(f.New), "**Draft for review**") || !strings.Contains(string(f.New), "record of INC-2026-0007") {
					t.Errorf("%s does not say that it is a draft", f.Path)
				}
			}
			old := report(t, w)
			for _, f := range report(t, after) {
				if f.Rule != "todo-human" && f.Rule != "action-item-without-owner" && !slices.ContainsFunc(old, func(o lint.Finding) bool { return o.Rule == f.Rule && o.Artefact == f.Artefact }) {
					t.Errorf("lint: %s:%d %s %s", f.File, f.Line, f.Rule, f.What)
				}
			}
		})
	}
}

func report(t *testing.T, w world) []lint.Finding {
	t.Helper()
	r, err := lint.Run(t.Context(), w.base(t), []lint.Folder{{Folder: knowledge.Folder{FS: w.fs()}}}, lint.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r.Findings
}

func linksTo(a knowledge.Artefact, id string) bool {
	return slices.ContainsFunc(a.Links, func(l knowledge.Link) bool { return l.To == id })
}

func kindOf(k draft.Kind) knowledge.Kind {
	return map[draft.Kind]knowledge.Kind{
		draft.PostMortem: knowledge.Incident, draft.FixBolt: knowledge.Fix, draft.Amendment: knowledge.ADR,
		draft.Playbook: knowledge.Playbook, draft.Runbook: knowledge.Runbook,
	}[k]
}

func first(b *knowledge.Base, k knowledge.Kind) string {
	for _, a := range b.Artefacts() {
		if a.Kind == k {
			return a.ID
		}
	}
	return ""
}

// repositories are written in different ways.
func repositories() map[string]world {
	return map[string]world{
		"the method": method(),
		"one folder": {
			"docs/ADR-023-outbox.md": "# ADR-023: Outbox\n\n**Status**: accepted\n\n## Decision\n\nAn outbox.\n\n## Monitoring\n\nAn alert.\n\n## Runbook\n\nPage them.\n",
			"docs/BOLT-045-relay.md": "# BOLT-045: Relay\n\n**ADR**: ADR-023\n\n## What changes\n\nAll at once.\n\n## Acceptance criteria\n\n- It works.\n",
		},
		"plain records": {
			"doc/adr/0001-record.md": "# 1. Record decisions\n\nDate: 2024-02-01\n\n## Status\n\nAccepted\n\n## Context\n\nWe forget.\n\n## Decision\n\nWe write.\n",
		},
		"front matter": {
			"kb/decisions/adr-0004.md":    "---\nid: ADR-0004\ntitle: Outbox\nstatus: accepted\ntags: [mail, outbox]\n---\n\n## Context and Problem Statement\n\nMail is slow.\n\n## Decision Outcome\n\nAn outbox.\n\n## Monitoring\n\nAn alert.\n\n## Runbook\n\nPage them.\n",
			"kb/bolts/bolt_0012.md":       "---\nid: BOLT-0012\ntitle: Mailer\nadr: [ADR-0004]\n---\n\n# Mailer\n\n## Goal\n\nSend.\n",
			"kb/fixes/fix_0003.md":        "---\nid: fix-0003\ntitle: Retry\nstatus: done\nincident: INC-2025-0001\nadr:\n  - ADR-0004\nbolt: BOLT-0012\npriority: high\n---\n\n# Retry\n\n## Problem\n\nNone.\n\n## Solution\n\nOne.\n\n## Rollback\n\nDeploy the release before.\n",
			"kb/incidents/2025-0001.md":   "---\nid: INC-2025-0001\ntitle: Late\nseverity: SEV-3\nadr: ADR-0004\n---\n\n# Late mail\n\n## Summary\n\nLate.\n\n## Root cause\n\nNone.\n",
			"kb/runbooks/mail-is-late.md": "# Mail is late\n\nFor ADR-0099x and [the decision](../decisions/adr-0004.md).\n\n## Steps\n\n1. Look.\n\n## Escalation\n\nPage messaging.\n",
		},
		"tables": {
			"work/ADR-7.md":  "# ADR-7: Outbox\n\n| Field | Value |\n| --- | --- |\n| **Status** | accepted |\n\n## Decision\n\nAn outbox.\n\n## Monitoring\n\nAn alert.\n\n## Runbook\n\nPage them.\n",
			"work/BOLT-9.md": "# BOLT-9: Mailer\n\n| Field | Value |\n| --- | --- |\n| ADR | [ADR-7](ADR-7.md) |\n\n## Goal\n\nSend.\n",
			"work/FIX-2.md":  "# FIX-2: Retry\n\n| Field | Value |\n| --- | --- |\n| ADR | [ADR-7](ADR-7.md) |\n| Owner | Bo |\n\n## Cause\n\nNone.\n\n## Rollback\n\nDeploy the release before.\n",
		},
		"one file": {
			"adr.md":   "# Decisions\n\n## ADR-001: Outbox\n\n**Status**: accepted\n\nAn outbox.\n\n### Monitoring\n\nAn alert.\n\n### Runbook\n\nPage them.\n\n## ADR-002: Other\n\n**Status**: accepted\n\nOther, after ADR-001.\n\n### Monitoring\n\nAn alert.\n\n### Runbook\n\nPage them.\n",
			"bolts.md": "# Work\n\n## BOLT-001: Mailer\n\n**ADR**: ADR-001\n\nSend.\n",
			"fixes.md": "# Fixes\n\n## FIX-001: Retry\n\n**ADR**: ADR-001\n**Bolt**: BOLT-001\n\n### Root Cause\n\nNone.\n\n### Rollback Plan\n\nDeploy the release before.\n",
		},
	}
}

// TestAmendmentLeavesTheDecisionOpen drafts an amendment for every class: until a
// person has filled in the values, the decision still says nothing about them.
func TestAmendmentLeavesTheDecisionOpen(t *testing.T) {
	t.Parallel()
	for _, class := range diagnose.Classes() {
		w := method()
		rec := record("BOLT-020", "ADR-011")
		rec.Incident.Hypotheses[0].CauseClass = class
		rec.Incident.Hypotheses[0].Mechanism, rec.Incident.Impact = "it broke", incident.Impact{}
		rec.Evidence = nil
		rec.Incident.Trace[3].Missing = nil
		was, _ := w.base(t).Artefact("ADR-011")
		d := w.write(t, rec, draft.Options{Kinds: []draft.Kind{draft.Amendment}})
		is, _ := w.with(d).base(t).Artefact("ADR-011")
		if diff := cmp.Diff(knowledge.Unspecified(was, class), knowledge.Unspecified(is, class)); diff != "" {
			t.Errorf("%s (-before +after):\n%s", class, diff)
		}
	}
}

func TestEditsOnlyAdd(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"no final newline":   "# ADR-011: Outbox\n\n## Decision\n\nOne.",
		"several at the end": "# ADR-011: Outbox\n\n## Decision\n\nOne.\n\n\n",
		"windows":            "# ADR-011: Outbox\r\n\r\n## Decision\r\n\r\nOne.\r\n",
		"amended":            "# ADR-011: Outbox\n\n## Amendment 1: Retries (2025-01-02)\n\n### Guidance\n\nOne.\n\n## Links\n\n- none\n",
	} {
		w := method()
		w["docs/adrs/ADR-011-outbox.md"] = text
		f := file(t, w.write(t, record("BOLT-020", "ADR-011"), draft.Options{}), draft.Amendment)
		got := string(f.New)
		if !subsequence(strings.SplitAfter(text, "\n"), strings.SplitAfter(got, "\n")) {
			t.Errorf("%s: the old text is not kept:\n%s", name, got)
		}
		if strings.HasSuffix(text, "\n") != strings.HasSuffix(got, "\n") {
			t.Errorf("%s: the end of the file changed", name)
		}
		if strings.Contains(text, "\r\n") && strings.Contains(strings.ReplaceAll(got, "\r\n", ""), "\n") {
			t.Errorf("%s: line ends are mixed", name)
		}
		want := "(Amendment 1)"
		if name == "amended" {
			want = "## Amendment 2: Exhausted connection pool in mailer (2026-03-05)"
		}
		if !strings.Contains(got, want) {
			t.Errorf("%s: no %q in:\n%s", name, want, got)
		}
	}
}

// subsequence reports whether all lines of a stand in b in order; the last may
// have got a line end.
func subsequence(a, b []string) bool {
	for _, l := range b {
		if len(a) > 0 && strings.TrimRight(l, "\r\n") == strings.TrimRight(a[0], "\r\n") {
			a = a[1:]
		}
	}
	return len(a) == 0 || len(a) == 1 && a[0] == ""
}

func TestAmendmentGetsItsOwnFileWhereOthersHave(t *testing.T) {
	t.Parallel()
	w := method()
	w["docs/adrs/ADR-003-queue.md"] = "# ADR-003: Queue\n\n**Status**: accepted\n"
	w["docs/adrs/ADR-003-amendment-1.md"] = "# ADR-003: Queue (Amendment 1)\n\nMore.\n"
	d := w.write(t, record("BOLT-020", "ADR-011"), draft.Options{})
	f := file(t, d, draft.Amendment)
	if want := "docs/adrs/ADR-011-amendment-1.md"; f.Path != want || f.Old != nil {
		t.Errorf("got %s (old %t), want the new file %s", f.Path, f.Old != nil, want)
	}
	b := w.with(d).base(t)
	a, _ := b.Artefact("ADR-011")
	if _, ok := a.Headed("added guidance"); !ok {
		t.Error("the amendment does not belong to its decision")
	}
}

// TestTheSameCauseAgainExtendsItsPlaybookEntry: an entry a class of causes, each
// incident an example of it.
func TestTheSameCauseAgainExtendsItsPlaybookEntry(t *testing.T) {
	t.Parallel()
	for name, tail := range map[string]string{
		"an example at the end": "## Example\n\nINC-2025-0003.\n",
		"in the middle":         "## Example\n\nINC-2025-0003.\n\n## Links\n\n- none\n",
		"none":                  "",
	} {
		w := method()
		old := "# PLAYBOOK-004: Exhausted connection pool\n\n## Problem\n\nNo connection is left.\n\n" + tail
		w["docs/playbooks/PLAYBOOK-004-pool.md"] = old
		f := file(t, w.write(t, record("BOLT-020", "ADR-011"), draft.Options{}), draft.Playbook)
		if f.ID != "PLAYBOOK-004" || !subsequence(strings.SplitAfter(strings.TrimRight(old, "\n"), "\n"), strings.SplitAfter(string(f.New), "\n")) {
			t.Errorf("%s: %s\n%s", name, f.ID, f.New)
		}
		example, links := strings.Index(string(f.New), "INC-2026-0007: mailer holds 48"), strings.Index(string(f.New), "## Links")
		if example < strings.Index(string(f.New), "## Example") || links >= 0 && links < example || strings.Count(string(f.New), "## Example") != 1 {
			t.Errorf("%s:\n%s", name, f.New)
		}
	}
}

func TestIDsAreNeverReused(t *testing.T) {
	t.Parallel()
	w := method() // FIX-007 exists, FIX-009 is only named
	for _, c := range []struct {
		taken []string
		want  string
	}{{nil, "FIX-008"}, {[]string{"FIX-008"}, "FIX-010"}, {[]string{"FIX-41"}, "FIX-042"}} {
		f := file(t, w.write(t, record("BOLT-020", "ADR-011"), draft.Options{Taken: c.taken}), draft.FixBolt)
		if f.ID != c.want {
			t.Errorf("with %v taken: %s, want %s", c.taken, f.ID, c.want)
		}
	}
}

func TestWhatTheRecordDoesNotSayIsAsked(t *testing.T) {
	t.Parallel()
	rec := record("", "")
	rec.Incident.Hypotheses, rec.Incident.Trace, rec.Evidence, rec.Intents, rec.Changes = nil, nil, nil, nil, nil
	d := method().write(t, rec, draft.Options{})
	if len(d.Files) != 3 || len(d.Notes) != 2 || !strings.HasPrefix(d.Notes[0], "no adr-amendment: ") {
		t.Errorf("%d files, notes %q", len(d.Files), d.Notes)
	}
	fix := string(file(t, d, draft.FixBolt).New)
	if !strings.Contains(fix, "TODO(human): what was the root cause?") {
		t.Errorf("no question about the cause:\n%s", fix)
	}
	guess := record("", "")
	guess.Incident.Hypotheses[0].Probability, guess.Incident.Trace = 0.1, nil
	for _, f := range method().write(t, guess, draft.Options{}).Files {
		if f.Kind == draft.Playbook || f.Kind == draft.FixBolt && !strings.Contains(string(f.New), "TODO(human): what was the root cause?") {
			t.Errorf("a cause of .10 is written about:\n%s", f.New)
		}
	}
	if _, err := draft.Write(method().base(t), method().read, rec, draft.Options{Kinds: []draft.Kind{draft.Amendment}}); err == nil {
		t.Error("an amendment of nothing")
	}
}

// Where services count each for themselves, drafts write IDs as the service does.
func TestIDsAreWrittenAsTheServiceWritesThem(t *testing.T) {
	t.Parallel()
	w := world{}
	for _, s := range []string{"mail", "mailer"} {
		w["services/"+s+"/docs/adr/ADR-001.md"] = "# ADR-001: Outbox of " + s + "\n\n**Status**: Accepted\n\n## Decision\n\nYes.\n"
		w["services/"+s+"/docs/bolts/BOLT-001.md"] = "# BOLT-001: Build " + s + "\n\n**ADR**: ADR-001\n"
	}
	d := w.write(t, record("BOLT-001@mailer", "ADR-001@mailer"), draft.Options{})
	for _, f := range d.Files {
		if !strings.HasPrefix(f.Path, "services/mailer/") || strings.Contains(string(f.New), "-001@") {
			t.Errorf("%s:\n%s", f.Path, f.New)
		}
	}
	fix := string(file(t, d, draft.FixBolt).New)
	if !strings.Contains(fix, "**ADR**: ADR-001\n") || !strings.Contains(fix, "**Bolt**: BOLT-001\n") {
		t.Error(fix)
	}
	steps := w.with(d).base(t).TraceFrom("FIX-001", "")
	if len(steps) != 2 || steps[1].ID != "ADR-001@mailer" {
		t.Errorf("%+v", steps)
	}
}
