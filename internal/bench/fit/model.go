package fit

import (
	"maps"
	"math"
	"slices"

	"github.com/holdfast-sre/holdfast/internal/diagnose"
)

// problem is the conditional logit over the causes of each case and "unknown":
// P(cause) ∝ exp(score ÷ temperature), score = prior + Σ weight·scale. What is
// right is a set: every cause that the benchmark accepts, or "unknown" when
// the engine did not think of any.
type problem struct {
	features    []diagnose.Feature // sorted; those seen in any case
	start       []float64          // hand-set
	temperature float64
	prior       float64
	cases       []choice
}

// choice is one case in numbers.
type choice struct {
	weight  float64
	unknown float64
	causes  []sparse
	quiet   bool // naming no cause is right
}

type sparse struct {
	right bool
	index []int
	scale []float64
}

func newProblem(cases []Case, hand diagnose.Weights) *problem {
	p := &problem{temperature: hand.Temperature, prior: hand.Prior}
	seen := map[diagnose.Feature]bool{}
	for _, c := range cases {
		for _, s := range c.Causes {
			for _, v := range s.Votes {
				seen[v.Feature] = true
			}
		}
	}
	p.features = slices.Sorted(maps.Keys(seen))
	at := make(map[diagnose.Feature]int, len(p.features))
	for i, f := range p.features {
		at[f] = i
		p.start = append(p.start, hand.LogOdds[f])
	}
	weights := balance(cases)
	for i, c := range cases {
		p.cases = append(p.cases, numbers(c, at, weights[i]))
	}
	return p
}

func numbers(c Case, at map[diagnose.Feature]int, weight float64) choice {
	out := choice{weight: weight, unknown: c.Unknown, quiet: c.quiet()}
	for i, s := range c.Causes {
		x := sparse{right: c.Right[i]}
		for _, v := range s.Votes {
			x.index = append(x.index, at[v.Feature])
			x.scale = append(x.scale, v.Scale)
		}
		out.causes = append(out.causes, x)
	}
	return out
}

// quiet reports whether naming no cause is right: nothing is wrong, or the engine
// did not think of what is.
func (c Case) quiet() bool { return c.calm || !slices.Contains(c.Right, true) }

// balance weighs cases so that a set counts with the square root of its size:
// a large set speaks more often, but does not drown the others. The mean is 1.
func balance(cases []Case) []float64 {
	n := map[string]float64{}
	for _, c := range cases {
		n[c.Set]++
	}
	out := make([]float64, len(cases))
	sum := 0.0
	for i, c := range cases {
		out[i] = 1 / math.Sqrt(n[c.Set])
		sum += out[i]
	}
	for i := range out {
		out[i] *= float64(len(cases)) / sum
	}
	return out
}

// likelihood is the log-likelihood of some cases under weights; its gradient
// is added to grad unless that is nil.
func (p *problem) likelihood(w []float64, use []int, grad []float64) float64 {
	total := 0.0
	var mass []float64
	for _, i := range use {
		c := &p.cases[i]
		mass = mass[:0]
		top := c.unknown / p.temperature
		for _, x := range c.causes {
			s := x.score(w, p.prior) / p.temperature
			mass = append(mass, s)
			top = max(top, s)
		}
		all := math.Exp(c.unknown/p.temperature - top)
		right := 0.0
		if c.quiet {
			right = all
		}
		for j, x := range c.causes {
			mass[j] = math.Exp(mass[j] - top)
			all += mass[j]
			if x.right {
				right += mass[j]
			}
		}
		right = max(right, 1e-300)
		total += c.weight * (math.Log(right) - math.Log(all))
		if grad == nil {
			continue
		}
		for j, x := range c.causes {
			g := -mass[j] / all
			if x.right {
				g += mass[j] / right
			}
			g *= c.weight / p.temperature
			for k, f := range x.index {
				grad[f] += g * x.scale[k]
			}
		}
	}
	return total
}

func (x sparse) score(w []float64, prior float64) float64 {
	s := prior
	for k, f := range x.index {
		s += w[f] * x.scale[k]
	}
	return s
}

// weights puts what was learnt into the hand-set weights, rounded to two
// digits: more would be noise, and would differ between machines.
func (p *problem) weights(w []float64, hand diagnose.Weights) diagnose.Weights {
	out := hand
	out.LogOdds = maps.Clone(hand.LogOdds)
	for i, f := range p.features {
		out.LogOdds[f] = math.Round(w[i]*100) / 100
	}
	return out
}
