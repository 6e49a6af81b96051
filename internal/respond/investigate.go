package respond

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/decide"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/jobs"
	"github.com/holdfast-sre/holdfast/internal/runbook"
	"github.com/holdfast-sre/holdfast/internal/severity"
	"github.com/holdfast-sre/holdfast/internal/signal"
	"github.com/holdfast-sre/holdfast/internal/store"
)

// findings is what one round of investigation brought, before it is stored.
type findings struct {
	items    []evidence.Item
	took     time.Duration
	diagnose diagnose.Diagnosis
	measured []diagnose.Measured
	run      *runbook.Run // of the plan, or of the first; nil = no runbook is for these signals
	plan     *plan        // what the facts call for; nil = nothing
	options  []plan       // everything that people may choose, the plan first
	hits     []string     // conditions of escalate_when that hold, of any runbook asked
	budget   catalog.Flag
	trace    []incident.TraceStep
	similar  []incident.Like

	tracedFrom string // service whose code the trace starts from
}

// investigate gathers evidence, ranks causes, asks the runbooks' diagnostics,
// ranks again, and enqueues the verdict. It is done again while the cause is
// not sure and after whatever changes what is known.
func (r *Responder) investigate(ctx context.Context, j jobs.Job) (commit, error) {
	args, err := readArgs[incidentArgs](j)
	if err != nil {
		return nil, err
	}
	s, err := r.load(ctx, args.Incident)
	if err != nil {
		return nil, err
	}
	if s.acting() {
		return nil, nil // what is known stays as it was when the action was decided
	}
	if len(s.firing()) == 0 && !s.declaredOnly() {
		return func(ctx context.Context, tx *store.Tx) error {
			return enqueue(ctx, tx, incidentJob(JobDecide, args.Incident, "", time.Time{}))
		}, nil // what was found while it fired stays
	}
	f := r.look(ctx, s)
	return func(ctx context.Context, tx *store.Tx) error {
		now, err := r.loadAround(ctx, tx, args.Incident, s.signals)
		if err != nil || now.acting() {
			return err
		}
		return r.keep(ctx, tx, &now, f)
	}, nil
}

// look is the slow part: sources are asked, nothing is stored.
func (r *Responder) look(ctx context.Context, s snapshot) findings {
	began := time.Now()
	req := r.request(s)
	f := findings{items: evidence.Gather(ctx, r.Collectors(s.inc.Environment), req, r.Windows.SourceTimeout, r.Redactor)}
	in := diagnose.Input{
		Catalog: r.Catalog, Environment: s.inc.Environment, Affected: s.inc.Services,
		FirstSignal: s.inc.StartedAt, Now: s.now, Items: f.items, Signals: s.signals,
	}
	f.diagnose = r.Engine.Diagnose(in)
	r.askRunbooks(ctx, s, &in, &f)
	f.took = time.Since(began)
	r.metrics.investigations.Observe(f.took.Seconds())
	r.metrics.saw(f.items)
	f.measured = diagnose.Impact(in)
	f.trace, f.tracedFrom = r.traceBack(ctx, s, f)
	f.similar = r.recall(ctx, s, f)
	r.checkGaps(&f)
	return f
}

// maxRunbooks bounds how many runbooks one look asks.
const maxRunbooks = 3

// asked is a runbook that is for the incident, with what it was answered.
type asked struct {
	runbook.Match
	run  runbook.Run
	vars runbook.Vars
}

// askRunbooks runs the diagnostics of the runbooks that are for the incident, the
// most specific ones, and diagnoses again with what they prove. The plan is that of
// the first approved one whose facts call for one, else of one that is not: that
// goes to people. A condition of any that asks for people holds.
func (r *Responder) askRunbooks(ctx context.Context, s snapshot, in *diagnose.Input, f *findings) {
	matches := r.Runbooks.Match(s.firing())
	if len(matches) == 0 {
		return
	}
	all := r.ask(ctx, s, matches[:min(len(matches), maxRunbooks)])
	for _, a := range all {
		f.items = append(f.items, a.run.Items...)
		for _, c := range a.Runbook.Escalations(a.run, a.vars) {
			f.hits = append(f.hits, c.Name)
		}
	}
	in.Items, f.run = f.items, &all[0].run
	approved := slices.DeleteFunc(slices.Clone(all), func(a asked) bool { return !a.Runbook.Approved })
	if len(approved) > 0 {
		r.choose(ctx, s, in, f, all, approved, true)
	}
	if f.plan == nil && len(approved) < len(all) {
		r.choose(ctx, s, in, f, all, all, false)
	}
	if f.plan != nil {
		f.budget = r.budgetSpent(ctx, r.Diagnostics(s.inc.Environment).Metrics, s, f.plan.Action.Service)
	}
}

// choose ranks the causes with what some of the runbooks prove, and takes the plan
// of the first that is approved, or is not, and whose facts call for one. What one
// that nobody approved proves never makes an approved one act.
func (r *Responder) choose(ctx context.Context, s snapshot, in *diagnose.Input, f *findings, all, proving []asked, approved bool) {
	in.Findings, f.options = nil, nil
	for _, a := range proving {
		in.Findings = append(in.Findings, a.Runbook.Prove(a.run, a.vars)...)
	}
	f.diagnose = r.Engine.Diagnose(*in)
	for _, a := range all {
		options, chosen := r.plans(ctx, s, a.Runbook, a.run, a.vars, f)
		if chosen == nil || f.plan != nil || a.Runbook.Approved != approved {
			f.options = append(f.options, options...)
			continue
		}
		f.plan, f.run = chosen, &a.run
		f.options = append(options, f.options...)
	}
}

// ask runs the diagnostics of runbooks at once; the answers have their order.
func (r *Responder) ask(ctx context.Context, s snapshot, matches []runbook.Match) []asked {
	out := make([]asked, len(matches))
	ports := r.Diagnostics(s.inc.Environment)
	var wg sync.WaitGroup
	for i, m := range matches {
		wg.Go(func() {
			v := r.vars(s, m.Service)
			out[i] = asked{Match: m, vars: v, run: m.Runbook.Ask(ctx, ports, v).Redacted(r.Redactor)}
		})
	}
	wg.Wait()
	return out
}

// vars is what a runbook's conditions know about the incident.
func (r *Responder) vars(s snapshot, service string) runbook.Vars {
	cover, _ := r.covered(s)
	return runbook.Vars{
		IncidentID: s.inc.ID, Environment: s.inc.Environment, Service: service, Severity: s.inc.Severity.String(),
		Services: s.inc.Services, StartedAt: s.inc.StartedAt, Now: s.now, Window: r.Windows.Rate,
		Catalog: r.Catalog, Maintenance: cover,
	}
}

// maxScope bounds how many services one investigation looks at.
const maxScope = 24

// request says what collectors should look at.
func (r *Responder) request(s snapshot) evidence.Request {
	onset := s.inc.StartedAt
	for _, sig := range s.signals {
		if sig.StartsAt.Before(onset) {
			onset = sig.StartsAt
		}
	}
	onset = onset.Add(-holdOf(s.signals) - r.Windows.Rate) // an alert starts after its rate window and its `for`
	if s.inc.OnsetAt != nil && s.inc.OnsetAt.Before(onset) {
		onset = *s.inc.OnsetAt
	}
	return evidence.Request{
		IncidentID: s.inc.ID, Environment: s.inc.Environment,
		Services: r.Catalog.Neighbourhood(s.inc.Services, maxScope), Affected: s.inc.Services, Signals: s.signals,
		Onset: onset, Now: s.now, Window: r.Windows.Evidence,
		ReferenceEnd: onset.Add(-r.Windows.ReferenceGap),
	}
}

// holdOf is the longest `for` that the signals name, when they name one.
func holdOf(signals []signal.Signal) time.Duration {
	var hold time.Duration
	for _, sig := range signals {
		for _, where := range []map[string]string{sig.Annotations, sig.Labels} {
			if d, err := time.ParseDuration(where["for"]); err == nil {
				hold = max(hold, d)
			}
		}
	}
	return hold
}

// keep stores a round of investigation and enqueues the verdict.
func (r *Responder) keep(ctx context.Context, tx *store.Tx, s *snapshot, f findings) error {
	if err := tx.SaveEvidence(ctx, s.inc.ID, f.items); err != nil {
		return fmt.Errorf("store evidence of %s: %w", s.inc.ID, err)
	}
	if s.inc.State == incident.Open || s.inc.State == incident.Watching {
		if err := r.move(ctx, tx, s, incident.Investigating, "evidence gathered"); err != nil {
			return err
		}
	}
	if err := r.tellFindings(ctx, tx, s, f); err != nil {
		return err
	}
	s.progress.Hypotheses, s.progress.Abnormal = f.diagnose.Hypotheses, len(f.diagnose.Abnormal)
	if !confirmedStays(s.inc.Hypotheses, f.diagnose.Hypotheses, s.fading()) {
		s.inc.Diagnosed(f.diagnose)
		if len(f.trace) > 0 {
			s.inc.Trace, s.progress.TracedFrom = f.trace, f.tracedFrom
		}
		s.inc.Similar = f.similar
	}
	if !f.diagnose.Onset.IsZero() && s.inc.OnsetAt == nil {
		at := f.diagnose.Onset
		s.inc.OnsetAt = &at
	}
	s.inc.Impact = impactOf(f.measured, s.inc)
	if err := r.raiseSeverity(ctx, tx, s, f.measured); err != nil {
		return err
	}
	p := &s.progress
	p.Round++
	target := ""
	if f.plan != nil {
		target = f.plan.Action.Service
	}
	p.InvestigatedAt, p.SampleAt = s.now, sampleAt(f.items, judged(s.inc.Services, target))
	p.Measured, p.EscalateWhen, p.Plan, p.Options, p.BudgetSpent = f.measured, f.hits, f.plan, f.options, f.budget
	p.Run = f.run
	next := []jobs.Job{incidentJob(JobDecide, s.inc.ID, "", time.Time{})}
	if p.Round == 1 {
		next = append(next, incidentJob(JobDecide, s.inc.ID, "undiagnosed", s.inc.StartedAt.Add(r.Windows.Undiagnosed)))
	}
	return r.store(ctx, tx, s, next...)
}

// confirmedStays reports whether the cause that is shown stays what is shown: a
// system on its way back looks like something else, and the record must name
// what broke it. One that facts confirmed stays before a guess; so does, once
// the signs are fading, one that was surer. The verdict always rests on the
// latest ranking.
func confirmedStays(shown, latest []diagnose.Hypothesis, fading bool) bool {
	switch {
	case len(shown) == 0:
		return false
	case len(latest) == 0:
		return shown[0].Basis == diagnose.BasisRunbook || fading
	case shown[0].Basis == diagnose.BasisRunbook:
		return latest[0].Basis != diagnose.BasisRunbook
	}
	was, _ := diagnose.Diagnosis{Hypotheses: shown}.Top()
	is, _ := diagnose.Diagnosis{Hypotheses: latest}.Top()
	return fading && latest[0].Basis != diagnose.BasisRunbook && was.Probability > is.Probability
}

// fading reports whether the signs of the cause that is shown are going: nothing
// fires any more, or the component at fault had signals of its own and none of
// them fires, while those of others still do.
func (s snapshot) fading() bool {
	firing := s.firing()
	if len(firing) == 0 {
		return true
	}
	top, ok := diagnose.Diagnosis{Hypotheses: s.inc.Hypotheses}.Top()
	of := func(sig signal.Signal) bool { return sig.Service == top.Component }
	return ok && top.Component != "" && slices.ContainsFunc(s.signals, of) && !slices.ContainsFunc(firing, of)
}

// tellFindings puts evidence and diagnosis on the timeline; a later round that
// changes nothing is not told again.
func (r *Responder) tellFindings(ctx context.Context, tx *store.Tx, s *snapshot, f findings) error {
	events := []incident.Event{}
	if s.progress.Round == 0 {
		events = append(events, incident.NewEvent(incident.EventEvidence, incident.ActorAgent,
			fmt.Sprintf("%d items from %d sources (%s), %.1f s", len(f.items), len(sources(f.items)), strings.Join(collectors(f.items), ", "), f.took.Seconds()),
			"investigation", s.now))
		for _, it := range f.items {
			if it.Kind == evidence.KindFailure {
				events = append(events, incident.NewEvent(incident.EventEvidence, incident.ActorAgent, it.Summary, "investigation", s.now))
			}
		}
	}
	if !slices.EqualFunc(told(f.diagnose.Hypotheses), told(s.progress.Hypotheses), asRanked) {
		events = append(events, incident.NewEvent(incident.EventDiagnosis, incident.ActorAgent, ranking(f.diagnose.Hypotheses), "investigation", s.now).
			With("hypotheses", brief(f.diagnose.Hypotheses)))
	}
	if chain := traceText(f.trace); chain != "" && chain != traceText(s.inc.Trace) {
		events = append(events, incident.NewEvent(incident.EventDiagnosis, incident.ActorAgent, chain, "trace chain", s.now).With("trace", true))
	}
	if text := likeText(f.similar); text != "" && text != likeText(s.inc.Similar) {
		events = append(events, incident.NewEvent(incident.EventDiagnosis, incident.ActorAgent, "seen before: "+text, "the like", s.now))
	}
	return r.record(ctx, tx, *s, events...)
}

// told are the hypotheses that the timeline tells: the leader, and what is not
// negligible.
func told(hs []diagnose.Hypothesis) []diagnose.Hypothesis {
	out := slices.Clone(hs)
	return append(out[:min(1, len(out))], slices.DeleteFunc(out[min(1, len(out)):], func(h diagnose.Hypothesis) bool { return h.Probability < 0.005 })...)
}

// asRanked reports whether two hypotheses read the same but for what a mechanism
// measured: its numbers and times differ at every look.
func asRanked(a, b diagnose.Hypothesis) bool {
	return a.CauseClass == b.CauseClass && a.Component == b.Component && decide.Probability(a.Probability) == decide.Probability(b.Probability)
}

// ranking is the diagnosis in one line: the leader in words, the rest short.
func ranking(hs []diagnose.Hypothesis) string {
	if len(hs) == 0 {
		return ""
	}
	if hs[0].CauseClass == diagnose.Unknown {
		return "the evidence supports no cause"
	}
	var rest []string
	for _, h := range told(hs)[1:] {
		what := strings.ReplaceAll(string(h.CauseClass), "_", " ")
		if h.Component != "" {
			what += " of " + h.Component
		}
		rest = append(rest, decide.Probability(h.Probability)+" "+what)
	}
	text := fmt.Sprintf("%s %s: %s", decide.Probability(hs[0].Probability), decide.Likelihood(hs[0].Probability), hs[0].Mechanism)
	if len(rest) > 0 {
		text += " (" + strings.Join(rest, ", ") + ")"
	}
	return text
}

func brief(hs []diagnose.Hypothesis) []map[string]any {
	out := make([]map[string]any, 0, len(hs))
	for _, h := range hs {
		out = append(out, map[string]any{
			"cause_class": string(h.CauseClass), "component": h.Component, "probability": h.Probability, "mechanism": h.Mechanism,
		})
	}
	return out
}

// raiseSeverity lets the severity rise to what was measured; it never falls by
// itself. After a person set it, only what got worse since raises it again.
func (r *Responder) raiseSeverity(ctx context.Context, tx *store.Tx, s *snapshot, ms []diagnose.Measured) error {
	worst, reason := severity.Unset, ""
	for _, m := range ms {
		if !slices.Contains(s.inc.Services, m.Service) || !m.UserFacing {
			continue
		}
		failing := 0.0
		if m.FailingShare.Known {
			failing = m.FailingShare.Value
		}
		if sev, why := incident.Measured(m.Tier, failing, m.Down, m.BurnRate); sev.WorseThan(worst) {
			worst, reason = sev, m.Service+": "+why
		}
	}
	before := s.progress.Impact
	s.progress.Impact = worst
	if !worst.WorseThan(s.inc.Severity) || s.inc.SeverityByHand && before != severity.Unset && !worst.WorseThan(before) {
		return nil
	}
	ev, err := s.inc.Apply(incident.SeverityChange(worst, incident.ActorRule, reason, s.now))
	if err != nil {
		return fmt.Errorf("raise severity of %s: %w", s.inc.ID, err)
	}
	return r.record(ctx, tx, *s, ev)
}

// sampleAt is the time of the oldest among the newest samples of some services:
// what one of them says now makes up for nothing that another one no longer
// says. It is zero when one that is measured has no fresh sample, or could not
// be asked; a service without metrics says nothing.
func sampleAt(items []evidence.Item, services []string) time.Time {
	var out time.Time
	for _, name := range services {
		newest, measured := newestSample(items, name)
		switch {
		case !measured:
			continue
		case newest.IsZero():
			return time.Time{}
		case out.IsZero() || newest.Before(out):
			out = newest
		}
	}
	return out
}

// newestSample is the time of the newest fresh sample of a service; measured
// tells whether it has any, fresh, stale or refused.
func newestSample(items []evidence.Item, service string) (newest time.Time, measured bool) {
	failed := false
	for _, it := range items {
		switch {
		case it.Kind == evidence.KindFailure && (it.Service == service || it.Service == ""):
			failed = true
			continue
		case it.Kind != evidence.KindMetric || it.Service != service:
			continue
		}
		measured = true
		m, err := evidence.Decode[evidence.Metric](it)
		if err != nil || it.Stale || len(m.Now.Points) == 0 {
			continue
		}
		if at := m.Now.Points[len(m.Now.Points)-1].At; at.After(newest) {
			newest = at
		}
	}
	return newest, measured || failed
}

// judged are the services whose samples a verdict rests on: those affected and
// the target of what would be done.
func judged(affected []string, target string) []string {
	if target == "" || slices.Contains(affected, target) {
		return affected
	}
	return append(slices.Clone(affected), target)
}

func sources(items []evidence.Item) []string {
	return distinct(items, func(it evidence.Item) string { return it.Source })
}

func collectors(items []evidence.Item) []string {
	return distinct(items, func(it evidence.Item) string { return it.Collector })
}

func distinct(items []evidence.Item, of func(evidence.Item) string) []string {
	var out []string
	for _, it := range items {
		if v := of(it); it.Kind != evidence.KindLink && !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	slices.Sort(out)
	return out
}
