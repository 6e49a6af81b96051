package respond_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/holdfast-sre/holdfast/internal/app"
	"github.com/holdfast-sre/holdfast/internal/boundary"
	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/config"
	"github.com/holdfast-sre/holdfast/internal/decide"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/severity"
)

// file draws a boundary file in which much may hold at noon, and much not.
func file(t *rapid.T) string {
	var b strings.Builder
	pick := func(what string, from ...string) string { return rapid.SampledFrom(from).Draw(t, what) }
	b.WriteString("business_hours:\n  - {name: noon, time_zone: Europe/Berlin, days: [wed], from: \"12:00\", to: \"14:00\"}\n  - {name: night, time_zone: UTC, days: [wed], from: \"22:00\", to: \"06:00\"}\n")
	b.WriteString("rules:\n  - {name: all, actions: [process.restart], environments: ['*'], services: ['*'], autonomy: auto}\n")
	for i := range rapid.IntRange(0, 3).Draw(t, "rules") {
		fmt.Fprintf(&b, "  - {name: r%d, actions: [%s], environments: [%s], services: [%s], autonomy: %s%s}\n", i,
			pick("action", "process.restart", "process.restart", "http.call"), pick("environment", "test", "'*'", "live"), pick("service", "worker", "'*'", "api"),
			pick("autonomy", "auto", "auto", "auto", "approve", "never"),
			pick("more", "", "", ", severities: [SEV-3]", ", runbooks: [worker-stuck]", ", runbooks: [other]", ", when: tier == 2", ", when: tier == 1", ", when: replicas > 1", ", when: hour == 12",
				", during: [noon]", ", during: [night]", ", outside: [noon]", ", approvals: {count: 2}", ", approvals: {four_eyes: true}", ", approvals: {from: [bo]}", ", when: \"'worker' in services\""))
	}
	b.WriteString("earned: [" + pick("earned", "{runbook: worker-stuck, service: worker, environment: test, stage: auto, override: true, by: ana, reason: x}",
		"{runbook: worker-stuck, service: worker, environment: test, stage: auto, override: true, by: ana, reason: x}",
		"{runbook: worker-stuck, service: worker, environment: live, stage: auto, override: true, by: ana, reason: x}",
		"{runbook: worker-stuck, service: worker, environment: test, stage: approve, override: true, by: ana, reason: x}") + "]\n")
	b.WriteString(pick("freeze", "", "", "", "freezes:\n  - {name: f, from: 2026-03-04T11:00:00Z, to: 2026-03-04T13:00:00Z}\n",
		"freezes:\n  - {name: f, from: 2026-03-04T11:00:00Z, to: 2026-03-04T13:00:00Z, environments: [live]}\n"))
	b.WriteString(pick("maintenance", "", "", "", "maintenance:\n  - {name: m, from: 2026-03-04T11:00:00Z, to: 2026-03-04T13:00:00Z, services: [worker]}\n",
		"maintenance:\n  - {name: m, from: 2026-03-04T11:00:00Z, to: 2026-03-04T13:00:00Z, services: [api]}\n"))
	b.WriteString(pick("escalate", "", "", "", "", "must_escalate:\n  - {name: t, when: tier == 2}\n", "must_escalate:\n  - {name: t, when: replicas == 1}\n"))
	b.WriteString(pick("limits", "", "", "", "", "", "limits: {restarts_per_hour: 0}\n", "limits: {actions_per_hour: 0}\n", "limits: {cost: {budget: 1, unit: EUR}}\n"))
	b.WriteString(pick("budget", "", "", "", "error_budget: {when_spent: never}\n"))
	return b.String()
}

// TestExplainSaysWhatTheVerdictIs: what `boundaries explain` answers from the
// files is what the responder decides where all that it assumes holds.
func TestExplainSaysWhatTheVerdictIs(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC) // a Wednesday
	w := newWorld(t)
	r := w.responder(nil, nil)
	outcomes := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		bounds := file(t)
		set, err := boundary.Parse("boundaries.yaml", []byte(bounds))
		if err != nil {
			t.Fatal(err)
		}
		flag := func(what string) catalog.Flag {
			return rapid.SampledFrom(append(slices.Repeat([]catalog.Flag{catalog.False}, 9), catalog.True, catalog.Unset)).Draw(t, what)
		}
		w.flags = catalog.Flags{Stateless: catalog.True, PII: flag("pii"), Financial: flag("financial"), Auth: flag("auth")}
		w.unsafe = rapid.SampledFrom([]bool{false, false, false, true}).Draw(t, "unsafe")
		r.Catalog, r.Boundaries = w.catalog(), set
		sev := rapid.SampledFrom([]severity.Severity{severity.SEV3, severity.SEV4, severity.SEV3, severity.SEV4, severity.SEV3, severity.SEV1, severity.SEV2}).Draw(t, "severity")
		inc := incident.Incident{ID: "INC-1", Severity: sev, Environment: "test", Services: []string{"worker"}, StartedAt: now.Add(-time.Second)}
		v := r.VerdictOn(t.Context(), inc, "worker-stuck", "worker", diagnose.ExhaustThreads, now)
		x, err := app.ExplainBoundaries(config.Folder{
			Config:  config.Config{Environment: "test", Users: []config.User{{Name: "ana", Approver: true}, {Name: "bo", Approver: true}}},
			Catalog: r.Catalog, Runbooks: r.Runbooks, Boundaries: set,
		}, app.BoundaryQuestion{Action: "process.restart", Service: "worker", Severity: sev, At: now})
		if err != nil {
			t.Fatal(err)
		}
		outcomes[x.Outcome]++
		want, approvals := app.OutcomeAsk, max(v.Approvers, 1)
		switch {
		case v.Kind == decide.Remediate:
			want, approvals = app.OutcomeAllow, 0
		case v.Approvers == decide.NeverExecuted:
			want, approvals = app.OutcomeDeny, decide.NeverExecuted
		}
		if x.Outcome != want || x.Approvals != approvals {
			t.Fatalf("explained: %s with %d approvals (%v)\nverdict: %s with %d (%v)\n%s", x.Outcome, x.Approvals, x.Reasons, v.Kind, v.Approvers, v.Reasons, bounds)
		}
	})
	if len(outcomes) != 3 {
		t.Errorf("only %v were drawn", outcomes)
	}
}
