package app_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-sre/holdfast/internal/app"
	"github.com/holdfast-sre/holdfast/internal/config"
	"github.com/holdfast-sre/holdfast/internal/severity"
)

// explained asks about a restart of the demo's kind of worker.
func explained(t *testing.T, bounds string, change func(*app.BoundaryQuestion)) app.BoundaryExplanation {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"holdfast.yaml":   "environment: live\ncatalog: catalog\nrunbooks: runbooks\nboundaries: boundaries.yaml\nusers: [{name: ana, token_file: t1, approver: true}, {name: bo, token_file: t2, approver: true}, {name: cy, token_file: t3}]\n",
		"boundaries.yaml": bounds,
		"t1":              strings.Repeat("a", 40), "t2": strings.Repeat("b", 40), "t3": strings.Repeat("c", 40),
		"catalog/services.yaml": `services:
  - {name: relay, owner: team, tier: 2, restart_safe: true, targets: [{environment: live, kind: process, name: relay}], flags: {stateless: true, pii: false, financial: false, auth: false}}
  - {name: till, owner: team, tier: 1, restart_safe: true, targets: [{environment: live, kind: process, name: till}], flags: {stateless: true, pii: false, financial: true, auth: false}}
`,
		"runbooks/stuck.yaml": `name: stuck
title: Workers hang
approved: true
trigger: {alerts: [Stuck]}
diagnostics:
  - {name: busy, promql: busy, capture: busy}
findings:
  - {cause_class: resource_exhaustion.threads, component: "${service}", confirm: ["facts.busy >= 8.0"]}
remediations:
  - name: restart
    when: facts.busy >= 8.0
    treats: [resource_exhaustion.threads]
    action: process.restart
    target: {service: "${service}"}
    risk: low
    lasting: transient
    safety: {code_change: false, loses_data: false, customer_data: false}
    cost: {amount: 0}
    verify: {promql: busy, condition: "value < 8.0", within: 1m}
`,
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	folder, err := config.Open(filepath.Join(dir, "holdfast.yaml"), func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	q := app.BoundaryQuestion{Action: "process.restart", Service: "relay", Severity: severity.SEV3, At: time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)}
	if change != nil {
		change(&q)
	}
	x, err := app.ExplainBoundaries(folder, q)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func TestExplainBoundaries(t *testing.T) {
	t.Parallel()
	const auto = `rules:
  - {name: relay, actions: [process.restart], environments: [live], services: [relay, till], autonomy: auto}
  - {name: low, actions: [process.restart], severities: [SEV-4], autonomy: never}
`
	const earned = "earned:\n  - {runbook: stuck, service: relay, environment: live, stage: auto, override: true, by: ana, reason: rehearsed}\n"
	sev := func(s severity.Severity) func(*app.BoundaryQuestion) {
		return func(q *app.BoundaryQuestion) { q.Severity = s }
	}
	tests := map[string]struct {
		bounds, outcome string
		approvals       int
		reason, where   string
		from            []string
		change          func(*app.BoundaryQuestion)
	}{
		"allowed":            {auto + earned, app.OutcomeAllow, 0, `boundary "relay" allows`, ":2", []string{"ana", "bo"}, nil},
		"not earned":         {auto, app.OutcomeAsk, 1, "no override gives auto", "", []string{"ana", "bo"}, nil},
		"the floor asks":     {auto + earned, app.OutcomeAsk, 1, "SEV-2 always goes to a human", "", []string{"ana", "bo"}, sev(severity.SEV2)},
		"a rule denies":      {auto + earned, app.OutcomeDeny, -1, `boundary "low" denies`, ":3", []string{}, sev(severity.SEV4)},
		"a financial target": {auto, app.OutcomeAsk, 1, "till is financial", "", []string{"ana", "bo"}, func(q *app.BoundaryQuestion) { q.Service = "till" }},
		"held in shadow":     {auto + strings.Replace(earned, "stage: auto", "stage: shadow", 1), app.OutcomeDeny, -1, "set to shadow by ana", "", []string{}, nil},
		"a condition":        {auto + earned + "must_escalate:\n  - {name: tier, when: tier == 2}\n", app.OutcomeAsk, 1, "a person decides: tier", ":7", []string{"ana", "bo"}, nil},
		"a freeze": {
			auto + earned + "freezes:\n  - {name: spring, from: 2026-03-01T00:00:00Z, to: 2026-04-01T00:00:00Z}\n", app.OutcomeAsk, 1,
			"freeze spring is in force", ":7",
			[]string{"ana", "bo"},
			nil,
		},
		"four eyes": {
			"rules:\n  - {name: two, actions: [process.restart], autonomy: approve, approvals: {four_eyes: true}}\n", app.OutcomeAsk, 2,
			"none of them who asked for it", "",
			[]string{"bo"},
			func(q *app.BoundaryQuestion) { q.By = "ana" },
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := explained(t, tt.bounds, tt.change)
			if x.Outcome != tt.outcome || x.Approvals != tt.approvals || !slices.Equal(x.From, tt.from) {
				t.Errorf("%s, %d approvals from %v: %s", x.Outcome, x.Approvals, x.From, x.Summary)
			}
			i := slices.IndexFunc(x.Reasons, func(r app.BoundaryReason) bool { return strings.Contains(r.Text, tt.reason) })
			if i < 0 || !strings.HasSuffix(x.Reasons[i].Where, tt.where) || (tt.where == "") != (x.Reasons[i].Where == "") {
				t.Errorf("reasons %+v, want %q at %q", x.Reasons, tt.reason, tt.where)
			}
			if len(x.Assumed) == 0 || x.SHA256 == "" || x.Floor == "" {
				t.Errorf("%+v", x)
			}
		})
	}
}
