// Package autonomy says which stage a runbook has earned on a service of an
// environment: shadow, approve or auto. The answer is worked out from what the
// agent did and how people graded it, each time anew; nothing stores it. Pure:
// no clock and no I/O. docs/autonomy.md says why each number is what it is.
package autonomy

import (
	"cmp"
	"slices"
	"time"
)

// What opens a stage, and how long a case counts.
const (
	ForApprove = 5                    // right cases in a row that open approve
	ForAuto    = 20                   // right cases of the present text in a row that open auto
	Window     = 180 * 24 * time.Hour // an older case counts no more
)

// Key is what earns a stage.
type Key struct {
	Runbook     string `json:"runbook"`
	Service     string `json:"service"` // that the remediation acts on
	Environment string `json:"environment"`
}

// Compare orders keys by runbook, service and environment.
func (k Key) Compare(o Key) int {
	return cmp.Or(cmp.Compare(k.Runbook, o.Runbook), cmp.Compare(k.Service, o.Service), cmp.Compare(k.Environment, o.Environment))
}

// Kind is how far a runbook came in an incident.
type Kind string

// The kinds, the least first.
const (
	Offered  Kind = "offered"   // a person was asked or told; it did not run
	WouldAct Kind = "would_act" // every rule but autonomy would have let it act
	Approved Kind = "approved"  // it ran because people approved it
	Acted    Kind = "acted"     // it ran without a person
)

var rank = map[Kind]int{Offered: 1, WouldAct: 2, Approved: 3, Acted: 4}

// IsCase reports whether the runbook acted, or would have: what a right grade
// counts for. An offer that nobody took shows nothing about acting.
func (k Kind) IsCase() bool { return rank[k] > rank[Offered] }

// Entry is one step of a runbook in an incident, as it happened.
type Entry struct {
	Key

	Incident   string    `json:"incident"`
	RunbookSHA string    `json:"runbook_sha256"`
	PlanSHA    string    `json:"plan_sha256,omitempty"`
	Option     string    `json:"option,omitempty"` // name of the remediation
	Kind       Kind      `json:"kind"`
	At         time.Time `json:"at"`
}

// Grade is a person's judgement of what a runbook did, or would have done.
type Grade string

// The grades.
const (
	Right         Grade = "right"
	OneHopOff     Grade = "one_hop_off"     // the cause was a neighbour of the one that was named
	Wrong         Grade = "wrong"           // another cause, or a repair that did harm
	NotAnIncident Grade = "not_an_incident" // something happened that needs no repair, such as planned work
	Noise         Grade = "noise"           // nothing happened: the alert is bad
)

// Grades lists them, the best first.
func Grades() []string {
	return []string{string(Right), string(OneHopOff), string(Wrong), string(NotAnIncident), string(Noise)}
}

// Known reports whether g is a grade.
func (g Grade) Known() bool { return slices.Contains(Grades(), string(g)) }

// Lifts reports whether a grade takes away what before said against a runbook,
// or may: asking a person counts as right where nothing was broken.
func (g Grade) Lifts(before Grade) bool {
	switch before {
	case OneHopOff, Wrong:
		return g != OneHopOff && g != Wrong
	case NotAnIncident, Noise:
		return g == Right
	case Right:
	}
	return false
}

// Graded is one grading. A later one of the same runbook in the same incident
// replaces it; both are kept.
type Graded struct {
	Incident string    `json:"incident"`
	Runbook  string    `json:"runbook"` // empty: the diagnosis alone, where no runbook fitted
	Grade    Grade     `json:"grade"`
	By       string    `json:"by"`
	At       time.Time `json:"at"`
	Comment  string    `json:"comment,omitempty"`
}

// weight is what a grade does to a stage.
type weight int

const (
	against weight = iota - 1
	nothing
	towards
)

// weigh says what a grade counts for. Acting where nothing was broken is wrong;
// asking a person there is not.
func weigh(k Kind, g Grade) weight {
	switch {
	case g == Right && k.IsCase():
		return towards
	case g == Right:
		return nothing
	case g == OneHopOff, g == Wrong, k.IsCase():
		return against
	}
	return nothing
}

// Case is what a runbook did in one incident, with the grade that stands.
type Case struct {
	Entry

	Graded *Graded `json:"graded,omitempty"`
}

// Cases puts entries and grades of one key together, one case an incident, in
// the order in which they happened. Grades come in the order in which they were
// recorded, and the last stands: a clock that was put back replaces none. The furthest step stands for an incident;
// it dates from when it was first reached with the text it ran with last.
func Cases(entries []Entry, grades []Graded) []Case {
	byIncident := map[string]*Case{}
	for _, e := range entries {
		c := byIncident[e.Incident]
		switch {
		case c == nil:
			byIncident[e.Incident] = &Case{Entry: e}
		case rank[e.Kind] > rank[c.Kind], e.Kind == c.Kind && e.At.After(c.At) && e.RunbookSHA != c.RunbookSHA:
			c.Entry = e
		}
	}
	for _, g := range grades {
		c := byIncident[g.Incident]
		if c == nil || c.Runbook != g.Runbook {
			continue
		}
		c.Graded = &g
	}
	out := make([]Case, 0, len(byIncident))
	for _, c := range byIncident {
		out = append(out, *c)
	}
	slices.SortFunc(out, func(a, b Case) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Incident, b.Incident)) })
	return out
}
