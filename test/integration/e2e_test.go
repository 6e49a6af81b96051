//go:build integration

package integration

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/severity"
	"github.com/holdfast-sre/holdfast/internal/signal"
	"github.com/holdfast-sre/holdfast/test/servers"
)

// TestStuckWorkersAreRepairedAlone: a fault that the agent may repair by
// itself, from the real webhook to the post-mortem.
func TestStuckWorkersAreRepairedAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, inLoki())
	w.inject("relay-stuck")
	w.incidentWhere(45*time.Second, "incident opened by the webhook", func(incident.View) error { return nil })
	v := w.incidentWhere(75*time.Second, "resolved and documented", documented)
	w.story(v)
	w.wantCause(v, "resource_exhaustion.threads", "outbox-relay")
	w.wantEvidence(v.ID, "prometheus", "loki", "git", "runtime", "runbook")
	if v.Severity != severity.SEV3 || len(v.Signals) == 0 || v.Signals[0].Name != "OutboxBacklog" || v.Environment != "demo" {
		t.Errorf("the incident is %s in %s with signals %+v", v.Severity, v.Environment, v.Signals)
	}
	if len(v.Actions) != 1 || v.Actions[0].State != "done" || v.Actions[0].By != "agent" || v.Actions[0].ApprovedBy != nil {
		t.Errorf("actions are %+v, want one, done by the agent alone", v.Actions)
	}
	if p := w.process("outbox-relay"); p.Restarts != 1 {
		t.Errorf("the supervisor restarted the relay %d times, want once", p.Restarts)
	}
	w.wantDocument(v.ID, "postmortem", v.ID, v.Hypotheses[0].Mechanism, "outbox-relay")
	w.wantDocument(v.ID, "timeline", "OutboxBacklog", "process.restart")
	w.end()
}

// TestADrainedPoolWaitsForAPerson: SEV-2 escalates by rule; the person approves
// on the command line, and the agent does the rest.
func TestADrainedPoolWaitsForAPerson(t *testing.T) {
	t.Parallel()
	w := newWorld(t, inVictoriaLogs())
	w.inject("pool-exhaustion")
	v := w.incidentWhere(60*time.Second, "escalated with a proposal", func(v incident.View) error {
		_, err := recommended(v)
		return err
	})
	if v.Severity != severity.SEV2 || v.Verdict == nil || v.Verdict.Kind != "escalate" || v.Verdict.Urgency != "page" || len(v.Actions) != 0 {
		t.Errorf("the incident is %s, verdict %+v, actions %+v: want a page and no action", v.Severity, v.Verdict, v.Actions)
	}
	w.wantCause(v, "resource_exhaustion.connection_pool", "outbox-relay")
	w.wantEvidence(v.ID, "prometheus", "victorialogs", "git", "runtime", "runbook")
	w.approve(v.ID)
	v = w.incidentWhere(75*time.Second, "resolved and documented", documented)
	w.story(v)
	if len(v.Actions) != 1 || v.Actions[0].State != "done" || v.Actions[0].ApprovedBy == nil || *v.Actions[0].ApprovedBy != "demo on-call" {
		t.Errorf("actions are %+v, want one, done and approved by the on-call", v.Actions)
	}
	if p := w.process("outbox-relay"); p.Restarts != 1 {
		t.Errorf("the supervisor restarted the relay %d times, want once", p.Restarts)
	}
	w.wantDocument(v.ID, "postmortem", v.ID, v.Hypotheses[0].Mechanism, "outbox-relay", "BOLT-045", "ADR-023", "demo on-call")
	w.wantDocument(v.ID, "timeline", "BookingCancelErrors", "demo on-call")
	w.wantDrafts(v.ID, map[string][]string{
		"post-mortem":   {v.ID, v.Hypotheses[0].Mechanism, "demo on-call", "FIX-001"},
		"fix-bolt":      {"# FIX-001: Exhausted connection pool in outbox-relay", "**Related Incident**: " + v.ID, "**Bolt**: BOLT-045", "booking/relay/worker/outbox_worker.go:78", "- [ ] ", "## Rollback plan"},
		"adr-amendment": {"# ADR-023: Cancel a booking with a transactional outbox\n", "(Amendment 1)", "### Added Guidance", "**Connection pool size**: TODO(human)", "**Rationale**", "**References**"},
		"playbook":      {"# PLAYBOOK-012: ", "## Trade-offs", "- [ ] ", v.ID},
		"runbook":       {"name: relay-holds-connections\n", "  # " + v.ID + " (", "restart-relay ran at ", "approved by demo on-call", "\n  - name: restart-relay\n"},
	})
	w.end()
}

// recommended is the proposal that waits for a yes.
func recommended(v incident.View) (incident.ProposalView, error) {
	for _, p := range v.Proposals {
		if p.Recommended && p.Executable && p.State == incident.Waiting {
			return p, nil
		}
	}
	return incident.ProposalView{}, fmt.Errorf("nothing is proposed: %d proposals", len(v.Proposals))
}

// approve approves on the command line what is recommended. A plan that changed
// between reading and approving is refused: then the new one is read.
func (w *world) approve(id string) {
	w.t.Helper()
	w.incidentWhere(20*time.Second, "approved on the command line", func(v incident.View) error {
		p, err := recommended(v)
		if err != nil {
			return err
		}
		out, err := w.command("incident", "approve", id, p.ID, "--yes")
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	})
}

// TestASilenceDoesNotHideTheEnd: payments are never touched; people repair,
// and because they silenced the alert its end is never announced. Asking
// Alertmanager finds it.
func TestASilenceDoesNotHideTheEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t, inVictoriaLogs(), "reconcile: 30s", "reconcile: 5s")
	w.inject("payments-errors")
	v := w.incidentWhere(60*time.Second, "escalated", func(v incident.View) error {
		if v.Verdict == nil || v.Verdict.Kind != "escalate" {
			return errors.New("it is not escalated")
		}
		return nil
	})
	w.wantCause(v, "resource_exhaustion.threads", "refund-relay")
	servers.Silence(t, w.URLs.Alertmanager, "alertname", "OutboxBacklog")
	w.incidentWhere(30*time.Second, "the silence is seen", func(v incident.View) error {
		return backlog(v, func(s incident.SignalView) bool { return s.Silenced })
	})
	if err := w.RemoveFault(w.ctx); err != nil {
		t.Fatal(err)
	}
	w.incidentWhere(60*time.Second, "the end is seen", func(v incident.View) error {
		return backlog(v, func(s incident.SignalView) bool {
			return s.Status == signal.Resolved && strings.Contains(strings.Join(s.Marks, "\n"), "absent from Alertmanager")
		})
	})
	v = w.incidentWhere(45*time.Second, "resolved and documented", documented)
	w.story(v)
	if len(v.Actions) != 0 {
		t.Errorf("the agent acted where payments depend on it: %+v", v.Actions)
	}
	w.end()
}

// backlog wants the alert about the backlog to be as ok says.
func backlog(v incident.View, ok func(incident.SignalView) bool) error {
	for _, s := range v.Signals {
		if s.Name == "OutboxBacklog" && !ok(s) {
			return fmt.Errorf("signal %s is %s, silenced %t, marks %q", s.Name, s.Status, s.Silenced, s.Marks)
		}
	}
	return nil
}
