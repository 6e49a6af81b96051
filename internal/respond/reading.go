package respond

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/recovery"
	"github.com/holdfast-sre/holdfast/internal/runbook"
	"github.com/holdfast-sre/holdfast/internal/store"
)

// askAloud asks a runbook's questions and keeps how long each took.
func (r *Responder) askAloud(ctx context.Context, rb *runbook.Runbook, ports runbook.Ports, v runbook.Vars) (runbook.Run, []incident.Asked) {
	type answered struct {
		place int
		incident.Asked
	}
	var steps []answered
	began := time.Now()
	run := rb.AskAloud(ctx, ports, v, func(s runbook.Step) {
		steps = append(steps, answered{s.Place, incident.Asked{
			Diagnostic: s.Diagnostic, Answered: s.Answered, Text: s.Summary, TookMS: time.Since(began).Milliseconds(),
		}})
	}).Redacted(r.Redactor)
	slices.SortFunc(steps, func(a, b answered) int { return a.place - b.place })
	out := make([]incident.Asked, 0, len(steps))
	for _, s := range steps {
		s.Text = r.Redactor.String(s.Text)
		out = append(out, s.Asked)
	}
	return run, out
}

// reading explains a run as pick decides on it: by the leading cause where a
// remediation treats it, else by the order of the file.
func reading(rb *runbook.Runbook, run runbook.Run, v runbook.Vars, asked []incident.Asked, hs []diagnose.Hypothesis) *incident.Reading {
	out := &incident.Reading{Asked: asked, PostActions: append([]runbook.PostAction{}, rb.PostActions...)}
	if top, ok := (diagnose.Diagnosis{Hypotheses: hs}).Top(); ok {
		if _, found := rb.Choose(run, v, top); found {
			out.Judged = rb.Explain(run, v, runbook.CauseClass(top.CauseClass), top.Component)
			return out
		}
	}
	out.Judged = rb.Explain(run, v, "", "")
	return out
}

// beginVerification is the watch that follows an action that was done.
func (r *Responder) beginVerification(s snapshot, in action.Intent) *incident.Verification {
	return &incident.Verification{
		Action: in.ID, State: incident.VerificationWatching, Reasons: []string{}, Window: r.recoveryWindow(s).String(),
		Until: incident.Time(s.progress.VerifyUntil),
	}
}

// verified keeps what a look at the signals gave, for whoever watches an action.
func (s *snapshot) verified(state incident.VerificationState, window time.Duration, j recovery.Judgement) {
	v := s.progress.Verification
	if v == nil { // nobody acted
		return
	}
	v.State, v.Judgement, v.Reasons = state, string(j.Kind), append([]string{}, j.Reasons...)
	v.GoodSince, v.Window = incident.Time(s.progress.Recovery.GoodSince), window.String()
	if state != incident.VerificationWatching {
		v.EndedAt = incident.Time(s.now)
	}
}

// Verification is the watch after the last action of an incident; nil = there
// was no action.
func Verification(ctx context.Context, tx *store.Tx, incidentID string) (*incident.Verification, error) {
	var p struct {
		Verification *incident.Verification `json:"verification"`
	}
	if err := tx.Get(ctx, progressKey(incidentID), &p); err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, fmt.Errorf("load verification of %s: %w", incidentID, err)
	}
	return p.Verification, nil
}
