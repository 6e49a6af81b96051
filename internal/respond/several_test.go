package respond_test

import (
	"strings"
	"testing"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/severity"
)

// narrower is a runbook with a more specific trigger, whose facts call for nothing.
const narrower = `
name: worker-waits
approved: true
trigger: {alerts: [WorkerStuck], services: [worker]}
diagnostics:
  - {name: busy, promql: worker_busy, unit: threads, capture: busy}
remediations:
  - {name: call, when: facts.busy < 0.0, treats: [external_provider], commands: [call them], target: {service: worker}, risk: low}
`

// TestEveryRunbookOfTheSignalsIsAsked: a more specific runbook that has no answer
// takes no other's away.
func TestEveryRunbookOfTheSignalsIsAsked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.more = []string{narrower}
	st := w.openStore("")
	w.run(st, w.responder(st, nil))
	id := w.open(st, severity.SEV3)
	inc, ins, _ := w.until(st, id, "repaired", acted)
	if len(ins) != 1 || ins[0].Runbook != "worker-stuck" || inc.Hypotheses[0].Probability < 0.95 {
		t.Errorf("actions %+v at %.2f; want the restart of worker-stuck, as sure as alone", ins, inc.Hypotheses[0].Probability)
	}
}

// TestAnyRunbookOfTheSignalsAsksForPeople: what one of them says must be escalated
// is, whichever has the remediation.
func TestAnyRunbookOfTheSignalsAsksForPeople(t *testing.T) {
	t.Parallel()
	for name, condition := range map[string]string{
		"holds":              "facts.busy > 1.0",
		"can't be evaluated": "facts.nobody > 1.0",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			book := strings.Replace(narrower, "capture: busy}\n", "capture: busy}\n  - {name: nobody, logql: {query: '{app=\"worker\"}', since: 5m}, capture: nobody}\n", 1)
			w.more = []string{book + "escalate_when: [\"" + condition + "\"]\n"}
			st := w.openStore("")
			w.run(st, w.responder(st, nil))
			id := w.open(st, severity.SEV3)
			_, ins, props := w.until(st, id, "handed to people", func(inc incident.Incident, _ []action.Intent, ps []incident.Proposal) bool {
				return len(inc.Paged) > 0 && len(ps) > 0
			})
			if len(ins) != 0 || w.restarts != 0 {
				t.Errorf("acted: %+v", ins)
			}
			if !props[0].Recommend || props[0].Runbook != "worker-stuck" {
				t.Errorf("offered %+v; want the restart of worker-stuck first", props[0])
			}
		})
	}
}

// TestADraftProvesNothingForAnApprovedRunbook: what a runbook that nobody approved
// proves does not make an approved one act.
func TestADraftProvesNothingForAnApprovedRunbook(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	from, to := strings.Index(w.book, "findings:"), strings.Index(w.book, "remediations:")
	proofs := w.book[from:to]
	draft := strings.NewReplacer("name: worker-stuck", "name: a-draft", "approved: true", "approved: false").Replace(w.book[:to])
	w.book = w.book[:from] + w.book[to:]
	if !strings.Contains(draft, proofs) {
		t.Fatal("the draft proves nothing")
	}
	w.more = []string{draft}
	st := w.openStore("")
	w.run(st, w.responder(st, nil))
	id := w.open(st, severity.SEV3)
	said := ""
	w.eventually(st, id, "decided", func(e incident.Event) bool {
		if e.Kind == incident.EventVerdict {
			said = e.Text
		}
		return said != ""
	})
	if strings.HasPrefix(said, "remediate") {
		t.Errorf("acts on what a draft proves: %s", said)
	}
}
