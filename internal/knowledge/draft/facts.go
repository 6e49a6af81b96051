package draft

import (
	"cmp"
	"slices"
	"strings"
	"unicode"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/change"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/document"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/knowledge"
	"github.com/holdfast-sre/holdfast/internal/quantity"
)

// facts are what the record says, ready for the drafts.
type facts struct {
	rec   document.Record
	top   diagnose.Hypothesis
	known bool // a cause is named
	cause cause
	// The artefacts of the trace that the repository has; an empty ID = none.
	adr, bolt, prd  knowledge.Artefact
	story           string // number in the PRD
	failing, commit incident.TraceStep
	missing         []string // what the decision leaves open
	gap             bool     // missing is what the decision says nothing about; otherwise topics that it names
}

// leading is the probability from which a cause is one to write about.
const leading = 0.5

func newFacts(base *knowledge.Base, rec document.Record, adr string) facts {
	f := facts{rec: rec}
	f.top, f.known = diagnose.Diagnosis{Hypotheses: rec.Incident.Hypotheses}.Top()
	if _, confirmed := f.confirmed(); f.top.Probability < leading && !confirmed {
		f.top, f.known = diagnose.Hypothesis{}, false // a guess among others teaches nothing
	}
	f.cause = causeOf(f.top.CauseClass)
	for _, s := range rec.Incident.Trace {
		f.step(base, s)
	}
	if a, ok := base.Artefact(adr); ok && a.Kind == knowledge.ADR {
		f.adr, f.missing = a, nil
	}
	if next, ok := successor(base, f.adr); ok {
		f.adr, f.missing = next, nil
	}
	if f.adr.ID != "" && len(f.missing) == 0 {
		f.missing = knowledge.Unspecified(f.adr, f.top.CauseClass)
	}
	f.gap = len(f.missing) > 0
	if !f.gap {
		f.missing = knowledge.Topics(f.top.CauseClass)
	}
	return f
}

// step takes the first of each kind.
func (f *facts) step(base *knowledge.Base, s incident.TraceStep) {
	id, _, _ := strings.Cut(s.ID, " ")
	a, ok := base.Artefact(id)
	take := func(into *knowledge.Artefact) {
		if into.ID == "" && ok {
			*into = a
		}
	}
	switch s.Kind {
	case "adr":
		if f.adr.ID == "" && ok {
			f.missing = s.Missing
		}
		take(&f.adr)
	case "bolt":
		take(&f.bolt)
	case "prd":
		take(&f.prd)
	case "story":
		if _, n, found := strings.Cut(s.ID, " story "); found && ok && a.Kind == knowledge.PRD && f.story == "" {
			if _, has := a.Story(n); has {
				f.prd, f.story = a, n
			}
		}
	case "code":
		f.failing = cmpStep(f.failing, s)
	case "commit":
		f.commit = cmpStep(f.commit, s)
	}
}

func cmpStep(old, s incident.TraceStep) incident.TraceStep {
	if old.Kind != "" {
		return old
	}
	return s
}

// successor is the decision that holds instead of one that is superseded.
func successor(base *knowledge.Base, a knowledge.Artefact) (knowledge.Artefact, bool) {
	if !a.Superseded() {
		return knowledge.Artefact{}, false
	}
	for _, l := range a.Links {
		if next, ok := base.Artefact(l.To); ok && next.Kind == knowledge.ADR && next.ID != a.ID && !next.Superseded() && strings.Contains(strings.ToLower(a.Status+l.Label), "supersede") {
			return next, true
		}
	}
	return knowledge.Artefact{}, false
}

// component at fault; the first affected service when no cause is known.
func (f *facts) component() string {
	if f.top.Component != "" {
		return f.top.Component
	}
	if s := f.rec.Incident.Services; len(s) > 0 {
		return s[0]
	}
	return ""
}

func (f *facts) owner() string {
	for _, s := range f.rec.Services {
		if s.Name == f.component() && s.Owner != "" {
			return s.Owner
		}
	}
	if o := f.rec.Incident.Owners; len(o) == 1 {
		return o[0]
	}
	return ""
}

// confirmed is with which words a person confirmed the cause.
func (f *facts) confirmed() (incident.Event, bool) {
	i := slices.IndexFunc(f.rec.Events, func(e incident.Event) bool { return e.Kind == incident.EventCauseConfirmed })
	if i < 0 {
		return incident.Event{}, false
	}
	return f.rec.Events[i], true
}

// did lists the actions that ran.
func (f *facts) did() []action.Intent {
	return slices.DeleteFunc(slices.Clone(f.rec.Intents), func(in action.Intent) bool {
		return in.State != action.Done && in.State != action.Failed && in.State != action.Unknown
	})
}

// suspect is the latest deploy of the component before the incident.
func (f *facts) suspect() (change.Change, bool) {
	var out change.Change
	for _, c := range f.rec.Changes {
		if c.Service == f.component() && !c.At.After(f.rec.Incident.StartedAt) && c.At.After(out.At) && (c.Version != "" || c.Revision != "") {
			out = c
		}
	}
	return out, !out.At.IsZero()
}

// statements are the sentences of the record with a number in them, those about
// the cause first.
func (f *facts) statements() []string {
	all := []string{f.top.Mechanism}
	for _, id := range f.top.EvidenceFor {
		for _, it := range f.rec.Evidence {
			if it.ID == id && it.Kind != evidence.KindLogs { // counts of templates say little to who reads them later
				all = append(all, it.Summary)
			}
		}
	}
	for _, o := range f.rec.Incident.Observed {
		all = append(all, o.Text)
	}
	for _, v := range f.rec.Incident.Impact.Values {
		all = append(all, v.Name+" "+quantity.Compared(v.Value, v.Usual, v.Unit))
	}
	var out []string
	for _, s := range all {
		if s = strings.TrimSpace(s); strings.ContainsFunc(s, unicode.IsDigit) && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// measured are statements about a topic, at most two. One that speaks of several
// topics stands with that about which the fewest others speak.
func (f *facts) measured(a advice) []string {
	all := f.statements()
	speak := func(of advice) int {
		return len(slices.DeleteFunc(slices.Clone(all), func(s string) bool { return !of.about.MatchString(s) }))
	}
	var out []string
	for _, s := range all {
		best, fewest := "", len(all)+1
		for _, o := range f.advices() {
			if n := speak(o); o.about.MatchString(s) && n < fewest {
				best, fewest = o.topic, n
			}
		}
		if best == a.topic && len(out) < 2 {
			out = append(out, s)
		}
	}
	return out
}

// worse are the metrics that spoke for the cause, and those that users noticed:
// what, and the words for it.
func (f *facts) worse() []worsened {
	var out []worsened
	add := func(what string, value, usual float64, unit string) {
		if what != "" && value > usual*1.2 && value > usual && !slices.ContainsFunc(out, func(w worsened) bool { return w.what == what }) {
			out = append(out, worsened{what, quantity.Format(value, unit), quantity.Format(usual, unit)})
		}
	}
	for _, v := range f.rec.Incident.Impact.Values {
		if !strings.Contains(v.Name, "traffic") {
			add(v.Name, v.Value, v.Usual, v.Unit)
		}
	}
	for _, id := range f.top.EvidenceFor {
		for _, it := range f.rec.Evidence {
			if it.ID != id || it.Kind != evidence.KindMetric {
				continue
			}
			if m, err := evidence.Decode[evidence.Metric](it); err == nil && m.Signal == evidence.Saturation {
				what := it.Service + " " + strings.ReplaceAll(m.Resource, "_", " ")
				if m.Consumer != "" {
					what += " held by " + m.Consumer
				}
				add(what, m.Value, m.Usual, it.Unit)
			}
		}
	}
	return out
}

type worsened struct{ what, value, usual string }

// advices are those of the topics at fault.
func (f *facts) advices() []advice {
	var out []advice
	for _, name := range f.missing {
		if a, ok := adviceOn(name); ok {
			out = append(out, a)
		}
	}
	return out
}

// title of what mends the cause: "Exhausted connection pool in outbox-relay"; without a cause, that of the
// incident.
func (f *facts) title() string {
	if !f.known {
		return cmp.Or(f.rec.Incident.Title, "Unknown cause")
	}
	return f.cause.title + " in " + cmp.Or(f.component(), "an unknown component")
}
