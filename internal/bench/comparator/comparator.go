// Package comparator holds published methods that rank components by metrics
// alone, re-implemented to stand beside the engine in one run. They are
// measured by the same scorer, and each must reproduce the figure that is known
// for it, or the comparison is void.
package comparator

import (
	"cmp"
	"math"
	"slices"

	"github.com/holdfast-sre/holdfast/internal/bench"
)

// Method is one way to rank the components of a panel, best first. A panel that
// gives it nothing to go by leads to an empty ranking.
type Method struct {
	Name string `json:"name"`
	Rank func(bench.Panel) []string
}

// fewestNormal is how many samples of normal operation a metric needs.
const fewestNormal = 10

// robust scores by the largest deviation of any metric in the window, in units
// of its usual spread.
type robust struct {
	sigma        bool // mean and standard deviation; else median and interquartile range
	target       bool // only the metric that alarmed
	dropConstant bool // leave out metrics that do not move in normal operation or in the window
	all          bool // rank also what has no score, after the others
}

// Rank follows the scorer of BARO (Pham, Ha, Zhang: "BARO: Robust Root Cause
// Analysis for Microservices via Multivariate Bayesian Online Change Point
// Detection", FSE 2024, arXiv:2405.09330), and with sigma its classic
// counterpart N-sigma.
func (r robust) Rank(p bench.Panel) []string {
	s := scores{}
	for _, t := range p.Tracks {
		if r.target && !t.Target {
			continue
		}
		if v, ok := r.deviation(t); ok {
			s.raise(t.Component, v)
		}
	}
	out := s.ranking()
	if r.all && len(out) > 0 {
		for _, c := range p.Candidates {
			if !slices.Contains(out, c) {
				out = append(out, c)
			}
		}
	}
	return out
}

// deviation of one metric; ok is false when it says nothing.
func (r robust) deviation(t bench.Track) (v float64, ok bool) {
	normal, window := present(t.Normal), present(t.Window)
	if len(normal) < fewestNormal || len(window) == 0 {
		return 0, false
	}
	if r.dropConstant && (constant(normal) || constant(window)) {
		return 0, false
	}
	centre, spread := median(normal), quantile(normal, 0.75)-quantile(normal, 0.25)
	if r.sigma {
		centre, spread = meanAndDeviation(normal)
	}
	if spread <= 0 {
		spread = 1
	}
	v = math.Inf(-1)
	for _, x := range window {
		d := (x - centre) / spread
		if t.Falls {
			d = -d
		}
		v = max(v, d)
	}
	return v, true
}

// scores by component, in the order in which they were first seen: equal scores
// keep it.
type scores struct {
	names []string
	of    map[string]float64
}

func (s *scores) raise(name string, v float64) {
	if s.of == nil {
		s.of = map[string]float64{}
	}
	if old, ok := s.of[name]; !ok {
		s.names = append(s.names, name)
		s.of[name] = v
	} else {
		s.of[name] = max(old, v)
	}
}

func (s *scores) ranking() []string {
	return byScore(s.names, func(n string) float64 { return s.of[n] })
}

// byScore sorts a copy of names by descending score; equals keep their order.
func byScore(names []string, score func(string) float64) []string {
	out := slices.Clone(names)
	slices.SortStableFunc(out, func(a, b string) int { return cmp.Compare(score(b), score(a)) })
	return out
}
