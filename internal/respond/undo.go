package respond

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/decide"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/recovery"
)

// undoPlan is what takes the last action back, when the signals got worse after
// it; nil otherwise. It never brings back a version, flag or configuration that
// is the suspected cause. It is a plan of its own, with its own boundary check.
func (r *Responder) undoPlan(ctx context.Context, s snapshot, after recovery.Progress) *plan {
	in, acted := s.lastAction()
	p, _ := s.planOf(in)
	if !acted || in.IsUndo || p == nil || p.PlanSHA != in.PlanSHA || p.Undo == nil {
		return nil
	}
	if !recovery.Worse(s.progress.ErrorsAtAction, after.Worst) || suspectChange(s.progress.Hypotheses) {
		return nil
	}
	u := *p
	u.Option, u.Title, u.Commands = "undo-"+p.Option, "take back: "+title(*p), nil
	u.Pros, u.Cons = "errors rose after it", "what it did helps no more either"
	u.Action, u.Undo, u.HasUndo, u.Direction = *p.Undo, nil, false, decide.Back
	u.Executable, u.Settles, u.Generation = false, false, ""
	body, err := json.Marshal(struct {
		Of   string        `json:"of"`
		Undo action.Action `json:"undo"`
	}{p.PlanSHA, u.Action})
	if err != nil {
		r.Log.ErrorContext(ctx, "undo has no hash", "runbook", p.Runbook, "error", err)
		return nil
	}
	sum := sha256.Sum256(body)
	u.PlanSHA = hex.EncodeToString(sum[:])
	r.askExecutor(ctx, &u)
	return &u
}

// suspectChange reports whether a change is the leading cause.
func suspectChange(hs []diagnose.Hypothesis) bool {
	if len(hs) == 0 {
		return false
	}
	switch hs[0].CauseClass {
	case diagnose.BadDeploy, diagnose.ConfigChange, diagnose.FlagChange:
		return true
	}
	return false
}

// undoProposal offers the undo to people: it never runs without them.
func (r *Responder) undoProposal(s snapshot) incident.Proposal {
	with := s
	with.progress.Plan, with.undoing = s.progress.Undo, true
	in := r.input(with, decide.Running, "")
	v := decide.Verdict{Approvers: decide.Floor(in), MayApprove: in.Boundary.From, FourEyes: in.Boundary.FourEyes}
	if v.Approvers != decide.NeverExecuted {
		v.Approvers = max(v.Approvers, in.Boundary.Approvers)
	}
	prop := r.proposal(with, *s.progress.Undo, v)
	prop.IsUndo = true
	return prop
}

// stillWorse reports whether what called for the undo holds: users' errors are
// clearly above what they were when the action began.
func stillWorse(s snapshot, items []evidence.Item) catalog.Flag {
	worst, known := 0.0, false
	for _, it := range items {
		if it.Kind != evidence.KindMetric || it.Stale {
			continue
		}
		m, err := evidence.Decode[evidence.Metric](it)
		if err == nil && m.Signal == evidence.Errors && len(m.Now.Points) > 0 {
			worst, known = max(worst, m.Value), true
		}
	}
	if !known {
		return catalog.Unset
	}
	return decide.Is(recovery.Worse(s.progress.ErrorsAtAction, worst))
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
