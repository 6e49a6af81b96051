package prove

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Report is what was enumerated and what came out.
type Report struct {
	Dimensions  []Dimension      `json:"dimensions"`
	Rows        int              `json:"rows"`         // of the table
	Decided     int64            `json:"verdicts"`     // combinations given to Decide
	StartsTried int64            `json:"starts"`       // combinations given to Recheck
	Floors      int64            `json:"floor"`        // combinations given to Floor: the full product of its dimensions
	FloorOpen   int64            `json:"floor_open"`   // of these, without a person
	Acts        int64            `json:"acts"`         // verdicts that act alone
	Verdicts    map[string]int64 `json:"by_verdict"`   // of Decided
	Approvers   map[string]int64 `json:"by_approvals"` // of Decided
	Started     map[string]int64 `json:"started"`      // starts that were let through, by approval
	File        *File            `json:"file"`         // nil = without a boundary file
	Enumerated  []string         `json:"enumerated"`
	Not         []string         `json:"not_enumerated"`
	Violations  []Violation      `json:"violations"` // the smallest ones, each once
	Disagreed   int64            `json:"disagreed"`  // combinations
	Took        time.Duration    `json:"-"`

	// Combinations is everything that was compared.
	Combinations int64 `json:"combinations"`
}

// Dimension is one thing that was varied.
type Dimension struct {
	Name   string   `json:"name"`
	Values []string `json:"values"`
}

// File is what a boundary file added.
type File struct {
	SHA256   string `json:"sha256"`
	Rules    int    `json:"rules"`
	Asked    int64  `json:"asked"`    // questions that were put to it
	Distinct int    `json:"distinct"` // answers that differ in what a verdict sees
	Allow    int64  `json:"allow"`    // of Asked
	Ask      int64  `json:"ask"`
	Deny     int64  `json:"deny"`
}

// Violation is a combination on which code and table disagree, with everything
// taken away that is not needed for it.
type Violation struct {
	Kind        string   `json:"kind"` // approvals, verdict, start, floor, file or panic
	Combination []string `json:"combination"`
	Want        string   `json:"table"`
	Got         string   `json:"code"`
	Rows        []string `json:"rows"` // of the table that hold
}

// String is the violation in one paragraph.
func (v Violation) String() string {
	where := "at the starting point"
	if len(v.Combination) > 0 {
		where = strings.Join(v.Combination, ", ")
	}
	s := fmt.Sprintf("%s: %s: the table says %s, the code %s", v.Kind, where, v.Want, v.Got)
	if len(v.Rows) > 0 {
		s += " (" + strings.Join(v.Rows, "; ") + ")"
	}
	return s
}

// fault is a disagreement before it was made small.
type fault struct{ kind, want, got string }

const (
	maxShrunk = 500 // disagreements that are made small; the rest is counted
	maxShown  = 20
)

// enough reports whether the run may end.
func (p *prover) enough() bool {
	if !p.FirstOnly {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.report.Disagreed > 0
}

// found takes one disagreement, makes it as small as it gets, and keeps it if
// it is new.
func (p *prover) found(f *fault, c combination, check checker, a *answer) {
	p.mu.Lock()
	p.report.Disagreed++
	small := p.report.Disagreed <= maxShrunk
	p.mu.Unlock()
	if !small {
		return
	}
	c, f = p.shrink(f, slices.Clone(c), check, a)
	v := Violation{Kind: f.kind, Want: f.want, Got: f.got, Rows: p.o.reasons(c), Combination: p.words(c)}
	if a != nil {
		v.Combination = append([]string{a.facts}, v.Combination...)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if key := v.String(); !p.seen[key] {
		p.seen[key] = true
		p.report.Violations = append(p.report.Violations, v)
	}
}

// shrink puts every dimension back to its first value that is not needed.
func (p *prover) shrink(f *fault, c combination, check checker, a *answer) (combination, *fault) {
	w := world{answer: a}
	for i, d := range p.dims {
		d.values[c[i]].put(&w)
	}
	for again := true; again; {
		again = false
		for i, d := range p.dims {
			kept := c[i]
			if kept == 0 || a != nil && slices.Contains(a.fixed(), d.name) {
				continue
			}
			c[i] = 0
			d.values[0].put(&w)
			if g := check(&w, c, newTally()); g != nil && g.kind == f.kind {
				f, again = g, true
				continue
			}
			c[i] = kept
			d.values[kept].put(&w)
		}
	}
	return c, f
}

// words are the dimensions that do not have their first value.
func (p *prover) words(c combination) []string {
	out := []string{}
	for i, d := range p.dims {
		if c[i] != 0 {
			out = append(out, d.name+" = "+d.values[c[i]].label)
		}
	}
	return out
}

// finish sorts, and says what was enumerated and what was not.
func (r *Report) finish(opts Options) {
	slices.SortFunc(r.Violations, func(a, b Violation) int {
		return cmp.Or(len(a.Combination)-len(b.Combination), strings.Compare(a.String(), b.String()))
	})
	if r.Violations == nil {
		r.Violations = []Violation{}
	}
	r.Violations = slices.Clip(r.Violations[:min(len(r.Violations), maxShown)])
	r.Combinations = r.Decided + r.StartsTried + r.Floors
	values := 0
	for _, d := range r.Dimensions {
		values += len(d.Values)
	}
	r.Enumerated = append(r.Enumerated, fmt.Sprintf("verdicts and starts: every choice of up to %d of %d dimensions (%d values) away from four starting points, up to two where nobody approved the start and for calls", opts.Depth, len(r.Dimensions), values))
	if r.Floors > 0 {
		r.Enumerated = append(r.Enumerated, "floor: the full product of "+strings.Join(core(), ", "))
	}
	if f := r.File; f != nil {
		r.Enumerated = append(r.Enumerated, fmt.Sprintf("boundary file: %d questions with %d distinct answers, each combined with every other value%s", f.Asked, f.Distinct, map[bool]string{true: " and, where it lets the agent act alone, every pair"}[opts.Depth > 1]))
	}
	r.Not = append(r.Not,
		fmt.Sprintf("more than %d at once%s", opts.Depth, map[bool]string{true: ", but for the floor's own dimensions"}[opts.Product]),
		"numbers between the listed values (counts, ages, probabilities, costs)",
		"how facts get into the decision: collectors, runbooks, catalog")
	if r.File == nil {
		r.Not = append(r.Not, "boundary file: none was given")
	}
}
