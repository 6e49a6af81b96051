// Package impact knows what stops when a component does: which services need it,
// how much traffic they have, what their artefacts say about fallbacks and
// downtime, which requirements and metrics stand behind them, whom to tell, and
// when it would hurt least.
//
// It is a pure function of what it is given. What a text says is a claim, with the
// line that says so; nothing is subtracted because of one. A number that needs what
// is not known is left out, and the report says what is missing.
package impact

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/knowledge"
)

// Input is what an analysis is made of. All but Subject and Now may be missing.
type Input struct {
	Subject string // service, component, table, endpoint or ID of an artefact
	Action  Action
	Now     time.Time
	Catalog *catalog.Catalog
	Base    *knowledge.Base
	Prefix  map[string]string  // what stands before the paths of a repository's artefacts
	Traffic map[string]Traffic // by service
	Calls   []Call             // that were seen
	Seen    []Source           // that were asked for calls
	Live    map[string][]Fact  // by service
	Freezes []Window           // in which nothing may be planned
	// Hide takes the secrets out of a text; nil takes none. The report holds no text
	// from outside that did not pass through it.
	Hide func(string) string
}

// Call is one service using another, as it was seen to.
type Call struct {
	From, To string
	Names    []string // other names of To
	Seen     string   // "jaeger: 42 calls in 1 h"
}

// Source was asked who uses what.
type Source struct {
	Name    string
	Traces  bool
	Failed  string // why it did not answer, or not all of it
	Partial string // what was not looked at
}

// Fact is what a source says about a service now.
type Fact struct {
	Kind   string `json:"kind"` // replica
	Text   string `json:"text"`
	Source string `json:"source"`
	Absent bool   `json:"absent,omitempty"`
}

// Undeclared is a call that was seen and that neither the catalog nor an artefact
// tells of.
type Undeclared struct {
	From string `json:"from"`
	To   string `json:"to"`
	Seen string `json:"seen"`
}

// Traffic of one service.
type Traffic struct {
	Now     float64 // requests per second; meaningless unless Known
	Known   bool
	Profile Profile // the usual traffic
	Failed  string  // why there is none
	Source  string  // who said so
	Query   string
}

// Window is a stretch of time, [From, To).
type Window struct {
	Name string    `json:"name,omitempty"`
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// Place is where something is written.
type Place struct {
	ID   string `json:"id,omitempty"` // of the artefact
	Path string `json:"path"`
	Line int    `json:"line"`
}

func (p Place) String() string { return fmt.Sprintf("%s:%d", p.Path, p.Line) }

// Claim is what a text says; nobody has checked it.
type Claim struct {
	Kind   string `json:"kind"` // read replica, fallback, cache, …
	Text   string `json:"text"`
	Where  Place  `json:"where"`
	Absent bool   `json:"absent,omitempty"` // the text says that there is none
}

// Report is what an action on a component costs.
type Report struct {
	Subject      Subject       `json:"subject"`
	Action       Action        `json:"action"`
	At           time.Time     `json:"at"`
	Services     []Service     `json:"services"` // the subject's own first, then the nearest
	Undeclared   []Undeclared  `json:"undeclared"`
	Downtime     Downtime      `json:"downtime"`
	Requirements []Requirement `json:"requirements"`
	Notify       []Person      `json:"notify"`
	Escalate     []Reason      `json:"escalate"`
	Quiet        Quiet         `json:"quiet"`
	Missing      []string      `json:"missing"` // what could not be said, and why
}

// Service is one service that is affected.
type Service struct {
	Name       string       `json:"name"`
	Owner      string       `json:"owner,omitempty"`
	Tier       int          `json:"tier,omitempty"`
	UserFacing bool         `json:"user_facing"`
	InCatalog  bool         `json:"in_catalog"`
	Distance   int          `json:"distance"` // 0 = the subject itself, 1 = needs it directly, …
	Path       []string     `json:"path"`     // from it to the subject
	Basis      []string     `json:"basis"`    // what each step of the path rests on
	Now        *float64     `json:"traffic_now,omitempty"`
	Usual      *float64     `json:"traffic_usual,omitempty"` // mean of the profile
	Claims     []Claim      `json:"claims"`
	Live       []Fact       `json:"live"`
	Budgets    []BudgetCost `json:"budgets"`
	Source     string       `json:"source,omitempty"`
	Query      string       `json:"query,omitempty"`
}

// Analyse answers one question. Who asks more prepares a World.
func Analyse(ctx context.Context, in Input) (Report, error) {
	p, err := Prepare(ctx, in)
	if err != nil {
		return Report{}, err
	}
	return p.Analyse(ctx, in)
}

// Analyse answers what stops when the subject does. It fails for a subject that
// nothing names, with the nearest names, and when the context ends. Catalog and
// artefacts are those that the World was made of.
func (p *World) Analyse(ctx context.Context, in Input) (Report, error) {
	w := p.ask(ctx, in)
	sub, err := w.subject(in.Subject)
	if err := cmp.Or(w.left(), err); err != nil { // what was looked for in half of the artefacts may be known
		return Report{}, err
	}
	r := Report{Subject: sub, Action: in.Action, At: in.Now.UTC(), Services: w.affected(sub.Services)}
	r.Undeclared = w.undeclared(r.Services)
	r.Downtime = w.downtime(sub, in.Action)
	for i := range r.Services {
		w.measure(&r.Services[i], r.Downtime)
		r.Services[i].Claims = w.claims(r.Services[i], sub)
		r.Services[i].Live = slices.Concat([]Fact{}, in.Live[r.Services[i].Name])
	}
	r.Requirements = w.requirements(sub, r.Services, r.Downtime)
	r.Notify = w.notify(r.Services, r.Requirements)
	r.Escalate = w.escalate(r.Services)
	r.Quiet = w.quiet(r.Services, r.Downtime)
	r.Missing = w.missing(r)
	w.hide(&r)
	if err := w.left(); err != nil { // what was left out is not known
		return Report{}, err
	}
	return r, nil
}

// missing says what the report can't.
func (w *world) missing(r Report) []string {
	out := []string{}
	if len(w.in.Catalog.Names()) == 0 {
		out = append(out, "no catalog: dependencies, owners and SLOs are what artefacts say; every flag is unknown")
	}
	if len(w.in.Base.Artefacts()) == 0 {
		out = append(out, "no artefacts: requirements, claims of fallbacks and metrics are unknown")
	}
	if r.Subject.Kind == "named" && fold(strings.TrimPrefix(strings.ToLower(r.Subject.Asked), "the ")) != fold(r.Subject.Name) {
		out = append(out, fmt.Sprintf("nothing is called %q: what names %q is taken", r.Subject.Asked, r.Subject.Name))
	}
	out = append(out, w.unseen()...)
	if len(w.in.Traffic) == 0 {
		out = append(out, "no traffic: error-budget cost and the quietest window need a configured metric source")
	}
	for _, s := range r.Services {
		switch t, ok := w.in.Traffic[s.Name]; {
		case ok && t.Failed != "":
			out = append(out, "traffic of "+s.Name+": "+t.Failed)
		case len(w.in.Traffic) > 0 && !s.InCatalog:
			out = append(out, "traffic of "+s.Name+": it is not in the catalog")
		case len(w.in.Traffic) > 0 && !ok:
			out = append(out, "traffic of "+s.Name+": the catalog names no query for it")
		}
	}
	if len(r.Services) == 0 {
		out = append(out, "no service is known to need "+r.Subject.Name+"; that is a lack of knowledge, not of impact")
	}
	if len(r.Services) > 0 && !slices.ContainsFunc(r.Services, func(s Service) bool { return len(s.Claims)+len(s.Live) > 0 }) {
		out = append(out, "no artefact says whether there is a replica, a fallback, a cache or a queue")
	}
	if w.in.Action.Length == 0 {
		out = append(out, "the action gives no length: write it like \"restart, 15 min\"")
	}
	if len(r.Requirements) == 0 {
		out = append(out, "no requirement leads to it: nothing is known about features, user stories and revenue")
	}
	return out
}
