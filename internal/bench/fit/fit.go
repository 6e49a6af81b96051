package fit

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/holdfast-sre/holdfast/internal/diagnose"
)

// strengths are how firmly the weights may be held at the hand-set ones, the
// firmest first; the firmest that is not clearly worse on held-back cases is
// taken.
func strengths() []float64 { return []float64{30, 10, 3, 1} }

// Row compares, for one set, the hand-set weights, the learnt ones on cases
// that were held back, and the learnt ones on the cases they were learnt from.
// The distance of the last two is how much was learnt by heart.
type Row struct {
	Set     string  `json:"set"`
	Measure string  `json:"measure"` // component or cause
	N       int     `json:"n"`
	Hand    Figures `json:"hand"`
	Folds   Figures `json:"folds"`
	Fit     Figures `json:"fit"`
}

// Figures are what one kind of weights reaches.
type Figures struct {
	Right   float64 `json:"right"`    // share of cases whose first answer is right
	LogLoss float64 `json:"log_loss"` // mean −log of the raw probability of what is right
}

// Result is what was learnt.
type Result struct {
	Weights     diagnose.Weights
	Calibration diagnose.Calibration
	Strength    float64
	Tried       []Tried
	Rows        []Row
	Allowance   float64   // share of the largest that the calibration was fitted with
	Claims      []Claim   // on held-back cases only
	Calm        []Alarm   // likewise, where nothing is wrong
	LeftOut     []LeftOut // likewise, without the class of the true cause
}

// Tried is one strength with what it reaches on held-back cases, sets weighed
// as in learning.
type Tried struct {
	Strength float64 `json:"strength"`
	LogLoss  float64 `json:"log_loss"`
	Wrong    float64 `json:"wrong"`          // share of cases whose first answer is wrong
	Error    float64 `json:"standard_error"` // of Wrong
}

// Fit learns weights and calibration. Cases come from Load.
func Fit(ctx context.Context, cases []Case, command string) (Result, error) {
	if len(cases) < 2*Folds {
		return Result{}, fmt.Errorf("fit: %d cases are too few for %d folds", len(cases), Folds)
	}
	assign(cases)
	hand := diagnose.HandWeights()
	weighed := slices.DeleteFunc(slices.Clone(cases), Case.window)
	p, measures := newProblem(weighed, hand), measuresOf(cases)
	r := Result{}
	var folds [][Folds][]float64
	var held [Folds][]float64
	for _, s := range strengths() {
		if err := ctx.Err(); err != nil {
			return Result{}, fmt.Errorf("fit: %w", err)
		}
		held = p.holdBack(weighed, s, held)
		folds = append(folds, held)
		r.Tried = append(r.Tried, p.tried(weighed, measures, hand, s, held))
	}
	best := choose(r.Tried)
	r.Strength = r.Tried[best].Strength
	r.Weights = p.weights(p.learn(all(weighed), r.Strength, nil), hand)
	r.Weights.Version = 2
	r.Weights.Comment = fmt.Sprintf("Learnt from %d labelled development cases, held at the hand-set weights with strength %v, by: %s", len(weighed), r.Strength, command)
	var byFold [Folds]diagnose.Weights
	for f, w := range folds[best] {
		byFold[f] = p.weights(w, hand)
	}
	r.Rows = compareWeights(cases, measures, hand, byFold, r.Weights)
	var h heldOut
	r.Calibration, h, r.Allowance = calibrate(claims(cases, measures, byFold))
	r.Claims = slices.DeleteFunc(h.seen, func(c Claim) bool { return c.calm })
	r.LeftOut = leaveOut(cases, measures, byFold, h.unheard)
	r.Calm = calm(cases, byFold, h.curves)
	r.Calibration.Comment = fmt.Sprintf("Fitted on the answers to %d labelled development cases, each given by weights that never saw the case, by: %s", len(cases), command)
	return r, nil
}

func all(cases []Case) []int {
	out := make([]int, len(cases))
	for i := range out {
		out[i] = i
	}
	return out
}

// holdBack learns without each fold in turn, from where a firmer hold ended.
func (p *problem) holdBack(cases []Case, strength float64, from [Folds][]float64) (out [Folds][]float64) {
	for f := range Folds {
		use := slices.DeleteFunc(all(cases), func(i int) bool { return cases[i].fold == f })
		// The pull of the hand-set weights stays the same for a case.
		out[f] = p.learn(use, strength*float64(len(use))/float64(len(cases)), from[f])
	}
	return out
}

func (p *problem) tried(cases []Case, measures map[string]string, hand diagnose.Weights, strength float64, held [Folds][]float64) Tried {
	n := float64(len(cases))
	t := Tried{Strength: strength}
	var squares float64
	for i, c := range cases {
		t.LogLoss -= p.likelihood(held[c.fold], []int{i}, nil) / n
		if share, _ := c.shares(p.weights(held[c.fold], hand)); !c.firstRight(share, measures[c.Set]) {
			t.Wrong += p.cases[i].weight / n
			squares += p.cases[i].weight * p.cases[i].weight / n
		}
	}
	t.Error = math.Sqrt(max(squares-t.Wrong*t.Wrong, 0) / n)
	return t
}

// choose takes the firmest strength that lies within a standard error of the
// best. What counts is which answer comes first, for how sure it is is
// calibrated afterwards; and where the data can't tell two strengths apart,
// people's judgement of the mechanisms goes further than a few hundred cases.
func choose(ts []Tried) int {
	best := slices.MinFunc(ts, func(a, b Tried) int { return cmp.Compare(a.Wrong, b.Wrong) })
	return slices.IndexFunc(ts, func(t Tried) bool { return t.Wrong <= best.Wrong+best.Error })
}

// The measures.
const (
	byComponent = "component"
	byCause     = "cause"
	byCalm      = "no alarm"
)

// measuresOf says of each set what its labels name: only the component, when
// within every component all causes are equally right, else the cause.
func measuresOf(cases []Case) map[string]string {
	out := map[string]string{}
	for _, c := range cases {
		if c.calm {
			out[c.Set] = byCalm
			continue
		}
		if out[c.Set] == "" {
			out[c.Set] = byComponent
		}
		verdict := map[string]bool{}
		for i, s := range c.Causes {
			if s.Class == diagnose.Healthy {
				continue
			}
			if right, seen := verdict[s.Component]; seen && right != c.Right[i] {
				out[c.Set] = byCause
			}
			verdict[s.Component] = c.Right[i]
		}
	}
	return out
}

func compareWeights(cases []Case, measures map[string]string, hand diagnose.Weights, byFold [Folds]diagnose.Weights, fit diagnose.Weights) []Row {
	var rows []Row
	at := map[string]int{}
	for _, c := range cases {
		i, ok := at[c.Set]
		if !ok {
			i = len(rows)
			at[c.Set] = i
			rows = append(rows, Row{Set: c.Set, Measure: measures[c.Set]})
		}
		r := &rows[i]
		r.N++
		r.Hand.add(c, r.Measure, hand)
		r.Folds.add(c, r.Measure, byFold[c.fold])
		r.Fit.add(c, r.Measure, fit)
	}
	for i := range rows {
		r, n := &rows[i], float64(rows[i].N)
		for _, f := range []*Figures{&r.Hand, &r.Folds, &r.Fit} {
			f.Right /= n
			f.LogLoss /= n
		}
	}
	return rows
}

func (f *Figures) add(c Case, measure string, w diagnose.Weights) {
	share, right := c.shares(w)
	if c.firstRight(share, measure) {
		f.Right++
	}
	f.LogLoss -= math.Log(max(right, 1e-12))
}

// shares is the raw probability of each cause, and of what is right.
func (c Case) shares(w diagnose.Weights) (share []float64, right float64) {
	total := math.Exp(c.Unknown / w.Temperature)
	if c.quiet() {
		right = total
	}
	share = make([]float64, len(c.Causes))
	for i, s := range c.Causes {
		score := w.Prior
		for _, v := range s.Votes {
			score += w.LogOdds[v.Feature] * v.Scale
		}
		share[i] = math.Exp(score / w.Temperature)
		total += share[i]
		if c.Right[i] {
			right += share[i]
		}
	}
	for i := range share {
		share[i] /= total
	}
	return share, right / total
}

// firstRight reports whether the first answer is right in the measure.
func (c Case) firstRight(share []float64, measure string) bool {
	if c.calm {
		return !slices.ContainsFunc(share, func(p float64) bool { return p >= alarm }) || c.Right[largest(share)]
	}
	if len(share) == 0 {
		return false
	}
	if measure == byCause {
		return c.Right[largest(share)]
	}
	first, best := -1, 0.0
	sums := map[string]float64{}
	for i, s := range c.Causes {
		if s.Class != diagnose.Healthy {
			sums[s.Component] += share[i]
		}
	}
	for i, s := range c.Causes {
		if s.Class != diagnose.Healthy && sums[s.Component] > best {
			first, best = i, sums[s.Component]
		}
	}
	return first >= 0 && c.Right[first]
}

// alarm is the probability from which a cause that is none is a false alarm.
const alarm = 0.5

func largest(share []float64) int {
	first := 0
	for i := range share {
		if share[i] > share[first] {
			first = i
		}
	}
	return first
}
