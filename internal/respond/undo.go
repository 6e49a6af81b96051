package respond

import (
	"context"
	"fmt"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/id"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/recovery"
	"github.com/holdfast-sre/holdfast/internal/store"
)

// offerUndo shows people how to take an action back when the signals got worse
// after it. It is for their hands: an undo is never run by itself here.
func (r *Responder) offerUndo(ctx context.Context, tx *store.Tx, s *snapshot, in action.Intent) error {
	p := s.progress.Plan
	if p == nil || p.PlanSHA != in.PlanSHA || p.Undo == nil || !recovery.Worse(s.progress.ErrorsAtAction, s.progress.Recovery.Worst) {
		return nil
	}
	prop := incident.Proposal{
		ID: id.New("prop", s.now), IncidentID: s.inc.ID, Runbook: p.Runbook, RunbookSHA: p.RunbookSHA,
		Option: "undo-" + p.Option, Title: "take back: " + title(*p), Action: *p.Undo, PlanSHA: "undo/" + p.PlanSHA,
		Commands: []string{describe(*p.Undo)}, State: incident.Waiting, At: s.now,
		Why: fmt.Sprintf("errors rose from %.1f %% to %.1f %% after %s", 100*s.progress.ErrorsAtAction, 100*s.progress.Recovery.Worst, describe(in.Action)),
	}
	if err := tx.SaveProposal(ctx, prop); err != nil {
		return fmt.Errorf("offer to undo %s: %w", in.ID, err)
	}
	return r.record(ctx, tx, *s, incident.NewEvent(incident.EventProposal, incident.ActorAgent,
		prop.Title+" (by hand)", prop.Why, s.now).With("proposal", prop.ID))
}

// failingShare is the worst share of failing requests that was measured.
func failingShare(ms []diagnose.Measured) float64 {
	worst := 0.0
	for _, m := range ms {
		if m.FailingShare.Known {
			worst = max(worst, m.FailingShare.Value)
		}
	}
	return worst
}
