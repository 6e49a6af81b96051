package respond

import (
	"slices"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/boundary"
	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/decide"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/severity"
	"github.com/holdfast-sre/holdfast/internal/signal"
)

// input gathers everything that a verdict depends on from one snapshot. What a
// snapshot does not say stays unset, which every rule reads as unsafe. self is
// the intent that is about to run and does not count as history; it is empty
// while deciding.
func (r *Responder) input(s snapshot, pause decide.Pause, self string) decide.Input {
	in := decide.Input{
		Now: s.now, Incident: r.decideIncident(s), Hypotheses: s.progress.Hypotheses,
		BoundarySHA256: r.Boundaries.SHA256(), Limits: r.Boundaries.Limits(), Pause: pause,
	}
	c := r.candidate(s)
	if c == nil {
		facts := boundary.Facts{Severity: s.inc.Severity, Services: s.inc.Services, Now: s.now}
		in.MustEscalate = slices.Concat(r.Boundaries.MustEscalate(facts), runbookHits(s.progress.EscalateWhen))
		return in
	}
	in.Candidate = c
	in.History = r.history(s, *c, self)
	facts := boundary.Facts{
		Action: c.Action, Runbook: s.runbookFor(*c), Severity: s.inc.Severity, Services: s.inc.Services,
		Tier: r.tier(c.Action.Service), Replicas: in.History.Replicas.N, Now: s.now,
		Neutral: c.Direction == decide.Neutral, BudgetSpent: in.History.BudgetSpent,
	}
	if budget, ok := r.Boundaries.CostBudget(c.Cost.Amount, c.Cost.Budget, c.Cost.Unit); ok {
		c.Cost.Budget = budget
	} else {
		c.Cost.Known = false // of another unit than the file's: nothing can be compared
	}
	in.Boundary = r.Boundaries.Rule(facts)
	in.MustEscalate = slices.Concat(r.Boundaries.MustEscalate(facts), runbookHits(s.progress.EscalateWhen))
	in.Autonomy = s.granted(*c)
	return in
}

// noRunbook stands for the runbook of an action that a person asked for outside
// every runbook: no runbook can have this name.
const noRunbook = "(delegated)"

func (s snapshot) runbookFor(c decide.Candidate) string {
	if s.delegating && c.Runbook == "" {
		return noRunbook
	}
	return c.Runbook
}

// runbookHits turns the runbook's own escalation conditions into additions.
func runbookHits(conditions []string) []boundary.Hit {
	var out []boundary.Hit
	for _, c := range conditions {
		out = append(out, boundary.Hit{Name: "escalate_when", Reason: "the runbook asks for a person: " + c})
	}
	return out
}

func (r *Responder) decideIncident(s snapshot) decide.Incident {
	suspected := suspicions(s.signals, s.progress.Hypotheses, r.services(s.inc.Services))
	inc := decide.Incident{
		ID: s.inc.ID, Severity: s.inc.Severity, Environment: s.inc.Environment, FirstSignal: s.inc.StartedAt,
		Services:       r.decideServices(s),
		Firing:         decide.Is(!s.over() && (len(s.firing()) > 0 || s.declaredOnly())),
		SampleAge:      age(s.now, s.progress.SampleAt),
		ScrapeInterval: r.Windows.Scrape,
		Flapping:       decide.Is(s.inc.Flapping),
		DataLoss:       decide.Is(suspected.dataLoss),
		CustomerData:   decide.Is(suspected.customerData),
		Security:       decide.Is(suspected.security),
		Exhausted:      decide.Is(s.progress.Stopped || s.unknownOutcome() || s.neverStarts()),
		LowImpact:      decide.Is(r.lowImpact(s)),
		Stable:         r.stable(s),
	}
	inc.Covered, inc.CoveredBy = r.covered(s)
	for _, m := range s.progress.Measured {
		inc.PageBurn = inc.PageBurn || m.BurnRate >= incident.PageBurn
	}
	return inc
}

// age of a sample; no sample at all is older than anything.
func age(now, at time.Time) time.Duration {
	if at.IsZero() {
		return 1<<63 - 1
	}
	return max(now.Sub(at), 0)
}

// declaredOnly reports whether people opened the incident without any signal:
// it stays on until a person says otherwise.
func (s snapshot) declaredOnly() bool {
	for _, sig := range s.signals {
		if sig.Kind != signal.Declared {
			return false
		}
	}
	return true
}

func (s snapshot) unknownOutcome() bool {
	return slices.ContainsFunc(s.intents, func(in action.Intent) bool { return in.State == action.Unknown })
}

// maxCancelled is how often the agent may fail to start what it decided alone.
const maxCancelled = 3

// neverStarts reports whether what the agent decided alone was cancelled so
// often that deciding it once more leads nowhere.
func (s snapshot) neverStarts() bool {
	n := 0
	for _, in := range s.intents {
		if in.State == action.Cancelled && in.ProposalID == "" {
			n++
		}
	}
	return n >= maxCancelled
}

// covered reports whether a maintenance window covers the affected services, or
// silences every signal that fires.
func (r *Responder) covered(s snapshot) (catalog.Flag, string) {
	if w, ok := r.Boundaries.Maintenance(s.inc.Environment, s.inc.Services, s.now); ok {
		return catalog.True, "maintenance window " + w.Name
	}
	return silenced(s.signals)
}

func silenced(signals []signal.Signal) (catalog.Flag, string) {
	firing, quiet := 0, 0
	for _, sig := range signals {
		if sig.Status != signal.Firing {
			continue
		}
		firing++
		if sig.Silenced {
			quiet++
		}
	}
	if firing > 0 && firing == quiet {
		return catalog.True, "a silence"
	}
	return catalog.False, ""
}

func (r *Responder) decideServices(s snapshot) []decide.Service {
	var out []decide.Service
	for _, name := range s.inc.Services {
		out = append(out, r.decideService(s, name))
	}
	return out
}

// decideService is a service as the rules see it: one that is not in the
// catalog has no flags, which is unsafe.
func (r *Responder) decideService(s snapshot, name string) decide.Service {
	svc, ok := r.Catalog.Service(name)
	if !ok {
		return decide.Service{Name: name, OutOfBand: catalog.Unset}
	}
	d := decide.Service{Name: name, Flags: svc.Flags, RestartSafe: svc.RestartSafe, OutOfBand: catalog.False}
	if !svc.UserFacing {
		return d
	}
	d.OutOfBand = catalog.Unset
	for _, m := range s.progress.Measured {
		if m.Service == name && (m.OutOfBand || m.FailingShare.Known || m.P99.Known || m.Traffic.Known) {
			d.OutOfBand = decide.Is(m.OutOfBand)
		}
	}
	return d
}

// lowImpact holds when every user-facing service was measured and none is out
// of band, for an incident that is not severe.
func (r *Responder) lowImpact(s snapshot) bool {
	if s.inc.Severity != severity.SEV3 && s.inc.Severity != severity.SEV4 {
		return false
	}
	for _, d := range r.decideServices(s) {
		if d.OutOfBand != catalog.False {
			return false
		}
	}
	return s.progress.Round > 0
}

// stable holds when nothing was out of its usual range; where samples were
// missing or stale that is not known.
func (r *Responder) stable(s snapshot) catalog.Flag {
	p := s.progress
	if p.Round == 0 || p.SampleAt.IsZero() || p.InvestigatedAt.Sub(p.SampleAt) >= 2*r.Windows.Scrape {
		return catalog.Unset
	}
	return decide.Is(s.progress.Abnormal == 0)
}

func (r *Responder) tier(service string) int {
	svc, _ := r.Catalog.Service(service)
	return svc.Tier
}

// candidate is the remediation that the runbook's facts call for, as a plain
// value; nil when there is none.
func (r *Responder) candidate(s snapshot) *decide.Candidate {
	p := s.progress.Plan
	if p == nil {
		return nil
	}
	svc := p.Action.Service
	c := &decide.Candidate{
		Runbook: p.Runbook, RunbookSHA: p.RunbookSHA, Option: p.Option, Approved: decide.Is(p.Approved),
		Treats: p.Treats, Action: p.Action, HasVerify: p.HasVerify, HasUndo: p.HasUndo,
		NeedsCodeChange: p.CodeChange, LosesData: p.LosesData, TouchesCustomerData: p.CustomerData,
		Settles: decide.Is(p.Settles), Direction: p.Direction, Cost: p.Cost,
		PlanSHA: p.PlanSHA, Generation: p.Generation,
	}
	if _, ok := r.Catalog.Service(svc); ok {
		c.Target = r.decideService(s, svc)
		c.DependantsKnown = true
		for _, name := range r.Catalog.Dependants(svc) {
			c.Dependants = append(c.Dependants, r.decideService(s, name))
		}
	}
	return c
}

// history counts what was done lately, without the action that is about to run.
func (r *Responder) history(s snapshot, c decide.Candidate, self string) decide.History {
	h := decide.History{
		SameActionDay: decide.Counted(0), SameActionWeek: decide.Counted(0),
		RestartsHour: decide.Counted(0), ActionsHour: decide.Counted(0),
		ConcurrentChange: catalog.False, Unsettled: catalog.False,
		Replicas:    replicas(s.evidence, c.Action.Service),
		BudgetSpent: s.progress.BudgetSpent,
	}
	for _, in := range s.recent {
		if in.ID == self || in.State == action.Cancelled {
			continue
		}
		count(&h, in, c.Action, s.now)
	}
	w, frozen := r.Boundaries.Freeze(s.now, s.inc.Environment, c.Action.Target.Environment)
	h.Freeze, h.FreezeName = decide.Is(frozen), w.Name
	return h
}

// count adds one earlier intent to the history.
func count(h *decide.History, in action.Intent, a action.Action, now time.Time) {
	open := in.State == action.Intended || in.State == action.Started
	if open && in.Action.Service == a.Service {
		h.ConcurrentChange = catalog.True
	}
	if in.Action.Target == a.Target && (in.State == action.Started || in.State == action.Unknown) {
		h.Unsettled = catalog.True
	}
	at := in.StartedAt
	if at.IsZero() {
		at = in.IntendedAt
	}
	ago := now.Sub(at)
	if ago <= time.Hour {
		h.ActionsHour.N++
	}
	restarts := strings.HasSuffix(in.Action.Name, "restart")
	if ago <= time.Hour && restarts && (in.Action.Service == a.Service || in.Action.Target == a.Target) {
		h.RestartsHour.N++
	}
	if in.Action.Target != a.Target || in.Action.Name != a.Name {
		return
	}
	if ago <= 24*time.Hour {
		h.SameActionDay.N++
	}
	h.SameActionWeek.N++
}

// replicas counts the running instances of a service in the latest runtime
// evidence.
func replicas(items []evidence.Item, service string) decide.Count {
	var c decide.Count
	var latest time.Time
	for _, it := range items {
		if it.Kind != evidence.KindRuntime || it.Service != service || it.To.Before(latest) {
			continue
		}
		rt, err := evidence.Decode[evidence.Runtime](it)
		if err != nil {
			continue
		}
		latest, c = it.To, decide.Counted(0)
		for _, i := range rt.Instances {
			if i.State == "running" {
				c.N++
			}
		}
	}
	return c
}

type suspected struct{ dataLoss, customerData, security bool }

// suspectedFrom is the probability from which a hypothesis of corrupted data is
// a suspicion.
const suspectedFrom = 0.10

// suspicions reads what the signals and the diagnosis hint at. It errs on the
// side of suspicion: a word in a label, or in what a person declared, is enough.
func suspicions(signals []signal.Signal, hs []diagnose.Hypothesis, services []catalog.Service) suspected {
	var out suspected
	for _, sig := range signals {
		words := strings.ToLower(sig.Name)
		for _, label := range []string{"category", "type", "class", "kind", "team", "alertgroup", "impact"} {
			words += " " + strings.ToLower(sig.Labels[label])
		}
		if sig.Kind == signal.Declared { // a person's own words
			words += " " + strings.ToLower(sig.Annotations["summary"]+" "+sig.Annotations["description"])
		}
		pii := slices.ContainsFunc(strings.FieldsFunc(words, func(r rune) bool { return r < 'a' || r > 'z' }), func(word string) bool {
			return strings.HasPrefix(word, "pii") || strings.HasSuffix(word, "pii")
		})
		words = strings.NewReplacer("database", "db", "-", "", "_", "", " ", "").Replace(words)
		out.security = out.security || containsAny(words, "security", "breach", "intrusion", "intruder", "abuse", "unauthori", "malware", "ransomware", "exploit", "hacked", "leakedkey", "leakedsecret", "credentialleak")
		out.dataLoss = out.dataLoss || containsAny(words, "dataloss", "datalost", "lostdata", "losingdata", "losedata", "corrupt")
		out.customerData = out.customerData || pii || containsAny(words, "privacy", "gdpr", "leakofdata", "dataleak", "customerdata", "personaldata")
	}
	for _, h := range hs {
		if h.CauseClass == diagnose.DataCorruption && h.Probability >= suspectedFrom {
			out.dataLoss = true
			for _, svc := range services {
				out.customerData = out.customerData || svc.Flags.PII.MaybeTrue()
			}
		}
	}
	return out
}

func containsAny(text string, words ...string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, w) })
}
