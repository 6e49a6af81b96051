package respond

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/jobs"
	"github.com/holdfast-sre/holdfast/internal/recovery"
	"github.com/holdfast-sre/holdfast/internal/signal"
	"github.com/holdfast-sre/holdfast/internal/store"
)

// verify looks whether the incident is over, after an action or after its
// signals went away by themselves, and comes back until it is or until the time
// for it has passed.
func (r *Responder) verify(ctx context.Context, j jobs.Job) (commit, error) {
	args, err := readArgs[incidentArgs](j)
	if err != nil {
		return nil, err
	}
	s, err := r.load(ctx, args.Incident)
	if err != nil {
		return nil, err
	}
	if s.over() {
		return nil, nil
	}
	if !s.watchesRecovery() {
		return r.verifyNoMore(args.Incident), nil
	}
	if s.ownSignalsOnly() {
		return r.judge(ctx, s, recovery.Check{Now: s.now}, s.ownJudgement(r.recoveryWindow(s)), s.progress.Recovery)
	}
	check := r.measure(ctx, s)
	helped, why := r.remediationHelped(ctx, s)
	judgement, progress := recovery.Judge(check, s.sinceLastEnd(), r.recoveryWindow(s))
	if !helped && judgement.Kind != recovery.Unknown {
		judgement = recovery.Judgement{Kind: recovery.Out, Reasons: append(judgement.Reasons, why)}
		progress.GoodSince = time.Time{}
	}
	return r.judge(ctx, s, check, judgement, progress)
}

// judge does what follows from a judgement.
func (r *Responder) judge(ctx context.Context, s snapshot, check recovery.Check, j recovery.Judgement, p recovery.Progress) (commit, error) {
	switch {
	case j.Kind == recovery.Recovered:
		return r.recovered(s.inc.ID, check, p, r.lookBack(ctx, s)), nil
	case s.now.After(s.progress.VerifyUntil):
		return r.notRecovered(s.inc.ID, j, p, r.undoPlan(ctx, s, p)), nil
	}
	return r.keepVerifying(s.inc.ID, j, p), jobs.Snooze(r.Windows.VerifyEvery)
}

// ownSignalsOnly reports whether an incident is about Holdfast alone: no golden
// signal of a service measures that.
func (s snapshot) ownSignalsOnly() bool {
	return len(s.signals) > 0 && !slices.ContainsFunc(s.signals, func(sig signal.Signal) bool { return sig.Kind != signal.Internal })
}

// ownJudgement trusts what Holdfast says about itself: what ended was measured
// by whoever ended it, such as a Watchdog that arrives again.
func (s snapshot) ownJudgement(need time.Duration) recovery.Judgement {
	for _, sig := range s.signals {
		switch {
		case sig.Status == signal.Firing:
			return recovery.Judgement{Kind: recovery.Out, Reasons: []string{sig.Name + " still fires"}}
		case s.now.Sub(sig.EndsAt) < need:
			return recovery.Judgement{Kind: recovery.Settling}
		}
	}
	return recovery.Judgement{Kind: recovery.Recovered}
}

// watchesRecovery reports whether there is a recovery to watch for: after an
// action, or while nothing fires. While an action is under way, and while
// something fires that nothing was done about, there is none.
func (s snapshot) watchesRecovery() bool {
	_, busy := s.openIntent()
	return !busy && (s.inc.State == incident.Monitoring || len(s.firing()) == 0)
}

// verifyNoMore ends the watch, unless there is a recovery to watch for by now.
func (r *Responder) verifyNoMore(id string) commit {
	return func(ctx context.Context, tx *store.Tx) error {
		s, err := r.loadIn(ctx, tx, id)
		if err != nil || s.over() || !s.watchesRecovery() {
			return err
		}
		return enqueue(ctx, tx, incidentJob(JobVerify, id, "", time.Time{}))
	}
}

// sinceLastEnd is the progress that still counts: what was good before a signal
// fired again does not.
func (s snapshot) sinceLastEnd() recovery.Progress {
	p := s.progress.Recovery
	for _, sig := range s.signals {
		if sig.EndsAt.After(p.GoodSince) {
			p.GoodSince = time.Time{}
		}
	}
	return p
}

// recoveryWindow is how long all signals must be in band.
func (r *Responder) recoveryWindow(s snapshot) time.Duration {
	return recovery.Window(r.Windows.Recovery, r.Windows.Rate, holdOf(s.signals))
}

// measure reads the golden signals of the affected services, of what was acted
// on, and of everything that was out of its usual range.
func (r *Responder) measure(ctx context.Context, s snapshot) recovery.Check {
	names := slices.Clone(s.inc.Services)
	add := func(name string) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if in, ok := s.lastAction(); ok {
		add(in.Action.Service)
	}
	for _, a := range s.inc.Abnormal {
		add(a.Service)
	}
	return r.measureOf(ctx, s, names)
}

// measureOf reads the golden signals of services.
func (r *Responder) measureOf(ctx context.Context, s snapshot, names []string) recovery.Check {
	req := r.request(s)
	req.Services, req.Affected = r.services(names), names
	req.Now = s.now
	c := recovery.Check{Now: s.now}
	for _, sig := range s.firing() {
		if sig.Kind != signal.Declared { // what a person saw has no trigger: the measurements alone speak
			c.Firing = append(c.Firing, sig.Name)
		}
	}
	for _, it := range evidence.Gather(ctx, r.Golden(s.inc.Environment), req, r.Windows.SourceTimeout, r.Redactor) {
		switch it.Kind {
		case evidence.KindFailure:
			c.Down = append(c.Down, it.Source)
		case evidence.KindMetric:
			if m, err := evidence.Decode[evidence.Metric](it); err == nil {
				c.Metrics = append(c.Metrics, recovery.Measured{Service: it.Service, Stale: it.Stale, Metric: m})
			}
		}
	}
	return c
}

// lastAction returns the latest action that ran.
func (s snapshot) lastAction() (action.Intent, bool) {
	for _, in := range slices.Backward(s.intents) {
		if in.State == action.Done {
			return in, true
		}
	}
	return action.Intent{}, false
}

// longestLookBack bounds the series that are kept of an incident.
const longestLookBack = 6 * time.Hour

// lookBack reads the golden signals over the whole incident once more, so that
// the record shows the way out as well as the way in.
func (r *Responder) lookBack(ctx context.Context, s snapshot) []evidence.Item {
	req := r.request(s)
	req.Window = min(s.now.Sub(req.Onset)+r.Windows.Evidence, longestLookBack)
	return evidence.Gather(ctx, r.Golden(s.inc.Environment), req, r.Windows.SourceTimeout, r.Redactor)
}

func (r *Responder) recovered(id string, check recovery.Check, p recovery.Progress, items []evidence.Item) commit {
	return func(ctx context.Context, tx *store.Tx) error {
		s, err := r.loadIn(ctx, tx, id)
		if err != nil || s.over() {
			return err
		}
		s.progress.Recovery = p
		if s.alerting() || !s.watchesRecovery() { // it fired again while we looked
			s.progress.Recovery.GoodSince = time.Time{}
			s.verified(incident.VerificationWatching, r.recoveryWindow(s), recovery.Judgement{Kind: recovery.Out, Reasons: []string{"a signal fires again"}})
			return r.store(ctx, tx, &s, incidentJob(JobVerify, id, "", s.after(r.Windows.VerifyEvery)))
		}
		s.verified(incident.VerificationRecovered, r.recoveryWindow(s), recovery.Judgement{Kind: recovery.Recovered})
		if err := tx.SaveEvidence(ctx, id, items); err != nil {
			return fmt.Errorf("store evidence of %s: %w", id, err)
		}
		if s.inc.State != incident.Monitoring {
			if err := r.move(ctx, tx, &s, incident.Monitoring, "signals are back in their usual range"); err != nil {
				return err
			}
		}
		declared := len(s.firing()) > 0 // a person declared it, and a person ends it
		if declared && s.progress.Said == string(recovery.Recovered) {
			return r.store(ctx, tx, &s) // told already
		}
		s.progress.Said = string(recovery.Recovered)
		if err := r.record(ctx, tx, s, incident.NewEvent(incident.EventRecovery, incident.ActorRule,
			"back in the usual range for "+r.recoveryWindow(s).String()+": "+inWords(check, s.inc)+r.shortened(),
			"recovery rule", s.now)); err != nil {
			return err
		}
		if declared {
			return r.store(ctx, tx, &s)
		}
		r.metrics.recovered.Inc()
		if err := r.move(ctx, tx, &s, incident.Resolved, "recovered"); err != nil {
			return err
		}
		if err := r.expire(ctx, tx, &s, nil); err != nil {
			return err
		}
		return r.store(ctx, tx, &s, incidentJob(JobDocument, id, "", time.Time{}))
	}
}

// notRecovered stops after an action: no second remediation is tried by itself.
func (r *Responder) notRecovered(id string, j recovery.Judgement, p recovery.Progress, undo *plan) commit {
	return func(ctx context.Context, tx *store.Tx) error {
		s, err := r.loadIn(ctx, tx, id)
		if err != nil || s.over() {
			return err
		}
		if !s.watchesRecovery() {
			return nil // an action began meanwhile: its end starts a new watch
		}
		s.progress.Recovery = p
		s.verified(incident.VerificationFailed, r.recoveryWindow(s), j)
		why := fmt.Sprintf("no recovery within %s: %s", r.Windows.VerifyTimeout, strings.Join(j.Reasons, "; "))
		if !s.progress.Unrecovered { // the watch goes on; once is enough
			if err := r.record(ctx, tx, s, incident.NewEvent(incident.EventRecovery, incident.ActorRule, why, "recovery rule", s.now)); err != nil {
				return err
			}
			s.progress.Unrecovered = true
		}
		in, acted := s.lastAction()
		if !acted { // nothing failed: the alert went and left something behind
			return r.store(ctx, tx, &s, incidentJob(JobDecide, id, "", time.Time{}))
		}
		s.progress.Tried = append(s.progress.Tried, in.PlanSHA)
		s.progress.Undo = undo
		if err := r.move(ctx, tx, &s, incident.Mitigating, "no recovery"); err != nil {
			return err
		}
		return r.stop(ctx, tx, &s, "the verification failed")
	}
}

// keepVerifying stores the progress and puts a change of judgement on the
// timeline; the same judgement again is not told twice.
func (r *Responder) keepVerifying(id string, j recovery.Judgement, p recovery.Progress) commit {
	return func(ctx context.Context, tx *store.Tx) error {
		s, err := r.loadIn(ctx, tx, id)
		if err != nil || s.over() {
			return err
		}
		said := s.progress.Said
		s.progress.Recovery, s.progress.Said = p, string(j.Kind)
		s.verified(incident.VerificationWatching, r.recoveryWindow(s), j)
		if err := tx.Put(ctx, progressKey(id), s.progress); err != nil {
			return err
		}
		if said == s.progress.Said {
			return nil
		}
		text := map[recovery.Kind]string{
			recovery.Settling: "all signals are in their usual range; watching for " + r.recoveryWindow(s).String(),
			recovery.Out:      "not recovered yet: ",
			recovery.Unknown:  "recovery can't be judged: ",
		}[j.Kind] + strings.Join(j.Reasons, "; ")
		return r.record(ctx, tx, s, incident.NewEvent(incident.EventRecovery, incident.ActorRule, text, "recovery rule", s.now).With("judgement", s.progress.Said))
	}
}

// inWords tells the figures that people look at first: those of the affected
// services, and the resources that were out of their usual range.
func inWords(c recovery.Check, inc incident.Incident) string {
	var parts []string
	for _, m := range c.Metrics {
		affected := slices.Contains(inc.Services, m.Service)
		switch {
		case m.Signal == evidence.Errors && affected:
			parts = append(parts, fmt.Sprintf("%s errors %.1f %%", m.Service, 100*m.Value))
		case m.Signal == evidence.LatencyP99 && affected:
			parts = append(parts, fmt.Sprintf("%s p99 %.0f ms", m.Service, 1000*m.Value))
		case m.Signal == evidence.Saturation && m.Limit > 0 && m.Consumer == "" && wasAbnormal(inc, m):
			parts = append(parts, fmt.Sprintf("%s %s %.0f/%.0f", m.Service, strings.ReplaceAll(m.Resource, "_", " "), m.Value, m.Limit))
		}
	}
	if len(parts) == 0 {
		return "every golden signal"
	}
	return strings.Join(parts, ", ")
}

func wasAbnormal(inc incident.Incident, m recovery.Measured) bool {
	return slices.ContainsFunc(inc.Abnormal, func(a diagnose.Abnormal) bool {
		return a.Service == m.Service && strings.Contains(a.Signal, m.Resource)
	})
}

// remediationHelped asks what the runbook itself wants to see after its
// remediation. Without an action of ours, or without such a check, the golden
// signals alone decide.
func (r *Responder) remediationHelped(ctx context.Context, s snapshot) (ok bool, why string) {
	in, acted := s.lastAction()
	p, run := s.planOf(in)
	if !acted || run == nil || p == nil || p.PlanSHA != in.PlanSHA || !p.HasVerify {
		return true, ""
	}
	rb, found := r.Runbooks.Runbook(in.Runbook)
	if !found {
		return false, "runbook " + in.Runbook + " is not loaded any more"
	}
	check, _ := rb.Verify(ctx, r.Diagnostics(s.inc.Environment), r.vars(s, run.Service), *run, p.Option)
	switch {
	case check.Error != "":
		return false, check.Error
	case !check.Held:
		return false, check.Name + " does not hold"
	}
	return true, ""
}

// shortened says that the configuration asks for less than the design does.
func (r *Responder) shortened() string {
	if len(r.Windows.Shortened) == 0 {
		return ""
	}
	return " (windows shortened by the configuration: " + strings.Join(r.Windows.Shortened, ", ") + ")"
}
