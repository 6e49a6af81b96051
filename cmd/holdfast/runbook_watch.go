package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/problem"
	"github.com/holdfast-sre/holdfast/internal/signal"
)

// How a run ended.
const (
	outcomeRepaired = "repaired"     // done, and everything is back in its usual range
	outcomeResolved = "resolved"     // done; a person ended the incident before the verification did
	outcomeNothing  = "nothing"      // every question was answered, and no remediation is called for
	outcomeUnsure   = "not_decided"  // something that the remediations depend on is not known, or does not allow them
	outcomeByHand   = "by_hand"      // what is called for is for people
	outcomePlanned  = "planned"      // not confirmed
	outcomeWaiting  = "waiting"      // for others to approve
	outcomeRefused  = "refused"      // not allowed, rejected, or withdrawn before it started
	outcomeFailed   = "failed"       // the action did not succeed, or did not help
	outcomeLeft     = "not_watching" // the run goes on without being watched
)

// Times of following a run.
const (
	lookEvery  = time.Second
	tellEvery  = 10 * time.Second // of a verification that says the same
	lastWords  = 15 * time.Second // for what follows the end: documents, an undo
	longestGap = time.Minute      // without an answer of the server
)

// runRecord is what `runbook run -o json` prints.
type runRecord struct {
	Runbook      string                   `json:"runbook"`
	Service      string                   `json:"service"`
	Environment  string                   `json:"environment"`
	Incident     string                   `json:"incident"`
	Outcome      string                   `json:"outcome"`
	Why          string                   `json:"why"`
	Plan         incident.DelegationPlan  `json:"plan"`
	Task         *incident.DelegationView `json:"task"`
	Action       *incident.ActionView     `json:"action"`
	Verification *incident.Verification   `json:"verification"`
	Offered      []incident.ProposalView  `json:"offered"` // what people may do after a failure, such as an undo
	Steps        []runStep                `json:"steps"`
}

// runStep is one thing that happened.
type runStep struct {
	At   incident.Time `json:"at"`
	Step string        `json:"step"`
	By   string        `json:"by"`
	Text string        `json:"text"`
}

// runWatch follows one run.
type runWatch struct {
	c   *runbookRunCmd
	e   *env
	cl  *client
	rec runRecord

	rows    int       // of the timeline that were read
	told    string    // judgement of the verification that was told
	toldAt  time.Time // when
	over    string    // outcome that is certain while its last words are awaited
	overWhy string
	overAt  time.Time
}

// follow reports each step until the end of the run, or of the watching.
func (w *runWatch) follow() error {
	if w.c.Output == "table" {
		fmt.Fprintf(w.e.stdout, "\nRunning. Ctrl-C stops watching, not the run. Times are UTC.\n")
	}
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	var silentSince time.Time
	for {
		now := w.e.now()
		var v incident.View
		_, err := w.cl.get(incidentPath(w.rec.Incident), &v)
		switch {
		case w.e.ctx.Err() != nil:
		case err == nil:
			silentSince = time.Time{}
			outcome, why, err := w.look(&v, now)
			if err != nil {
				return err
			}
			if outcome != "" {
				return w.end(outcome, why)
			}
		case silentSince.IsZero():
			silentSince = now
			if err := w.tell(runStep{incident.Time(now), "silent", "", "the server does not answer; trying again: " + err.Error()}); err != nil {
				return err
			}
		case now.Sub(silentSince) > longestGap:
			return w.left("the server has not answered for " + age(longestGap) + "; a run that was taken goes on when it is back")
		}
		select {
		case <-tick.C:
		case <-w.e.ctx.Done():
			if isTerminal(w.e.stdout) && w.c.Output == "table" {
				fmt.Fprintln(w.e.stdout) // behind the terminal's ^C
			}
			return w.left("not watching any more; the run goes on")
		}
	}
}

// left ends the watching, not the run.
func (w *runWatch) left(why string) error { return w.end(outcomeLeft, why) }

// look takes in one state of the incident, tells what is new in it, and says how
// the run ended; "" = it goes on.
func (w *runWatch) look(v *incident.View, now time.Time) (outcome, why string, err error) {
	i := slices.IndexFunc(v.Delegations, func(d incident.DelegationView) bool { return d.ID == w.rec.Plan.Delegation })
	if i < 0 {
		return "", "", fmt.Errorf("%s has no task %s", plain(w.rec.Incident), plain(w.rec.Plan.Delegation))
	}
	w.rec.Task, w.rec.Environment = &v.Delegations[i], v.Environment
	w.rec.Action = actionOf(v, w.rec.Task.Proposal)
	w.rec.Verification = nil
	if a := w.rec.Action; a != nil && v.Verification != nil && v.Verification.Action == a.ID {
		w.rec.Verification = v.Verification
	}
	for ; w.rows < len(v.Timeline); w.rows++ {
		if s, ok := w.stepOf(&v.Timeline[w.rows]); ok {
			if err := w.tell(s); err != nil {
				return "", "", err
			}
		}
	}
	if err := w.tellVerification(now); err != nil {
		return "", "", err
	}
	if w.over == "" {
		w.over, w.overWhy = w.ended(v)
		w.overAt = now
	}
	if w.over == "" || w.awaited(v) && now.Sub(w.overAt) < lastWords {
		return "", "", nil
	}
	w.rec.Offered = offered(v)
	return w.over, w.overWhy, nil
}

// actionOf is the action that a proposal led to; nil = none yet.
func actionOf(v *incident.View, proposal string) *incident.ActionView {
	i := slices.IndexFunc(v.Actions, func(a incident.ActionView) bool { return proposal != "" && a.Proposal == proposal })
	if i < 0 {
		return nil
	}
	return &v.Actions[i]
}

// ended says how the run ended, and why; "" = it goes on.
func (w *runWatch) ended(v *incident.View) (outcome, why string) {
	d, a := w.rec.Task, w.rec.Action
	switch {
	case d.State == incident.DelegationRefused:
		return outcomeRefused, d.Why
	case d.State == incident.DelegationWaiting && !w.c.Wait:
		return outcomeWaiting, "until " + clockTime(w.expires(v)) + " UTC: holdfast incident approve " + v.ID + " " + d.Proposal
	case a == nil && d.State == incident.DelegationReported:
		return outcomeNothing, d.Report
	case a == nil || a.State == action.Intended || a.State == action.Started:
		return "", ""
	case a.State != action.Done:
		return outcomeFailed, fmt.Sprintf("%s ended %s: %s", a.Action, a.State, a.Outcome)
	}
	return w.verified(v)
}

// verified says how the verification of an action that was done ended.
func (w *runWatch) verified(v *incident.View) (outcome, why string) {
	ver := w.rec.Verification
	switch {
	case ver != nil && ver.State == incident.VerificationRecovered:
		return outcomeRepaired, "everything has been in its usual range for " + ver.Window
	case ver != nil && ver.State == incident.VerificationFailed:
		return outcomeFailed, "done, and it did not help: " + strings.Join(ver.Reasons, "; ")
	case v.State == incident.Resolved || v.State == incident.Closed:
		return outcomeResolved, "the incident was ended before the verification was"
	case v.State == incident.Merged:
		return outcomeLeft, "the incident was merged into " + v.MergedInto + ": its recovery is watched there"
	case ver == nil && v.Verification != nil:
		return outcomeFailed, "done; another action followed before it was verified"
	}
	return "", ""
}

// awaited reports whether something that belongs to the end is still to come.
func (w *runWatch) awaited(v *incident.View) bool {
	ver := w.rec.Verification
	switch {
	case ver == nil || ver.State == incident.VerificationWatching:
		return false
	case w.over == outcomeRepaired:
		return v.State == incident.Monitoring && !declared(v) || v.State == incident.Resolved && !since(v, incident.EventDocument, ver.EndedAt)
	}
	return w.over == outcomeFailed && !since(v, incident.EventVerdict, ver.EndedAt)
}

// declared reports whether a person ends the incident, since one declared it.
func declared(v *incident.View) bool {
	return slices.ContainsFunc(v.Signals, func(s incident.SignalView) bool { return s.Kind == signal.Declared && s.Status == signal.Firing })
}

// since reports whether the timeline has an event of a kind from a time on.
func since(v *incident.View, kind string, at incident.Time) bool {
	return slices.ContainsFunc(v.Timeline, func(e incident.EventView) bool {
		return e.Kind == kind && !time.Time(e.At).Before(time.Time(at))
	})
}

// offered are the proposals that wait for people.
func offered(v *incident.View) []incident.ProposalView {
	out := []incident.ProposalView{}
	for _, p := range v.Proposals {
		if p.State == incident.Waiting && p.Executable {
			out = append(out, p)
		}
	}
	return out
}

// expires is until when the run's proposal can be approved.
func (w *runWatch) expires(v *incident.View) incident.Time {
	for _, p := range v.Proposals {
		if p.ID == w.rec.Task.Proposal {
			return p.ExpiresAt
		}
	}
	return incident.Time{}
}

// stepOf makes a step of a row of the timeline that belongs to the run: what
// names its task, proposal or action, and what follows its action.
func (w *runWatch) stepOf(e *incident.EventView) (runStep, bool) {
	s := runStep{At: e.At, Step: e.Kind, By: e.Actor, Text: e.Text}
	is := func(key, id string) bool { got, _ := e.Data[key].(string); return id != "" && got == id }
	a := w.rec.Action
	switch {
	case a != nil && is("intent", a.ID) && e.Kind == incident.EventAction:
		s.Step, _ = e.Data["state"].(string)
		if s.Step == "" {
			s.Step = string(action.Started)
		}
		if took := time.Time(a.FinishedAt).Sub(time.Time(a.StartedAt)); s.Step == string(a.State) && !time.Time(a.StartedAt).IsZero() && took >= 0 && a.State != action.Started {
			s.Text += fmt.Sprintf(", after %.1f s", took.Seconds())
		}
		return s, true
	case is("delegation", w.rec.Task.ID):
		return s, e.Kind != incident.EventReported || w.rec.Task.Watch != "" || a == nil
	case is("proposal", w.rec.Task.Proposal):
		return s, true
	case e.Kind == incident.EventRecovery && e.Data["judgement"] != nil: // told as verifying, with the time that is left
		return s, false
	case a == nil || time.Time(a.FinishedAt).IsZero() || time.Time(e.At).Before(time.Time(a.FinishedAt)):
		return s, false
	}
	if e.Kind == incident.EventTransition {
		s.Step = "state"
	}
	return s, slices.Contains([]string{
		incident.EventRecovery, incident.EventSignal, incident.EventTransition, incident.EventNote, incident.EventDocument, incident.EventAction,
		incident.EventProposal, incident.EventVerdict, incident.EventPaged, incident.EventMerged,
	}, e.Kind)
}

// tellVerification tells how the verification stands: when that changes, and
// every ten seconds.
func (w *runWatch) tellVerification(now time.Time) error {
	ver := w.rec.Verification
	if ver == nil || ver.State != incident.VerificationWatching || ver.Judgement == w.told && now.Sub(w.toldAt) < tellEvery {
		return nil
	}
	w.told, w.toldAt = ver.Judgement, now
	return w.tell(runStep{incident.Time(now), "verifying", "", verifying(ver, now)})
}

// verifying says how a verification stands and how much time is left for it.
func verifying(ver *incident.Verification, now time.Time) string {
	text := "first look"
	switch ver.Judgement {
	case "settling":
		text = "everything is in its usual range"
		if good := time.Time(ver.GoodSince); !good.IsZero() {
			text += fmt.Sprintf(" for %s of %s", seconds(now.Sub(good)), ver.Window)
		}
	case "out":
		text = "not yet: " + firstFew(ver.Reasons)
	case "unknown":
		text = "can't be judged: " + firstFew(ver.Reasons)
	}
	return seconds(time.Time(ver.Until).Sub(now)) + " left: " + text
}

// firstFew joins the first reasons; all are in the record.
func firstFew(reasons []string) string {
	const few = 3
	text := strings.Join(reasons[:min(len(reasons), few)], "; ")
	if more := len(reasons) - few; more > 0 {
		text += fmt.Sprintf("; and %d more", more)
	}
	return text
}

func seconds(d time.Duration) string { return max(d, 0).Round(time.Second).String() }

func clockTime(t incident.Time) string { return time.Time(t).UTC().Format("15:04:05") }

// tell keeps a step and prints it.
func (w *runWatch) tell(s runStep) error {
	w.rec.Steps = append(w.rec.Steps, s)
	switch w.c.Output {
	case "json":
		return nil
	case "jsonl":
		return w.jsonLine(s)
	}
	p := newPage(w.e)
	p.step(s)
	return p.flush()
}

func (w *runWatch) jsonLine(v any) error {
	enc := json.NewEncoder(w.e.stdout)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}

// end prints how the run ended, and sets the exit code by it.
func (w *runWatch) end(outcome, why string) error {
	w.rec.Outcome, w.rec.Why = outcome, why
	var err error
	switch w.c.Output {
	case "json":
		err = encodeJSON(w.e.stdout, &w.rec)
	case "jsonl":
		err = w.jsonLine(&w.rec)
	default:
		p := newPage(w.e)
		p.runEnd(&w.rec)
		err = p.flush()
	}
	if err != nil {
		return err
	}
	switch outcome {
	case outcomeRepaired, outcomeResolved, outcomeNothing:
		return nil
	case outcomeRefused:
		if w.rec.Plan.Delegation == "" { // refused as it was planned
			return refusedPlan(&w.rec.Plan)
		}
		return problem.Hinted(errors.New("refused: "+plain(why)), "see: holdfast incident show "+plain(w.rec.Incident))
	case outcomePlanned:
		return &exitError{code: exitWaiting, err: problem.Hinted(errors.New("nothing was done: the plan is not confirmed"), why)}
	case outcomeLeft:
		return &exitError{code: exitWaiting, err: problem.Hinted(errors.New(plain(why)), "see: holdfast incident show "+plain(w.rec.Incident))}
	case outcomeWaiting, outcomeByHand:
		return &exitError{code: exitWaiting}
	}
	return &exitError{code: exitFailed}
}
