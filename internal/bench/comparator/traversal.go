package comparator

import (
	"math"
	"slices"

	"github.com/holdfast-sre/holdfast/internal/bench"
)

const (
	// outlying is how many median absolute deviations from the median are
	// abnormal.
	outlying = 5
	// settled is the first row of a window that is looked at: the alarm needs two
	// to be sure.
	settled = 2
)

// traversal is the baseline of the PetShop paper (Hardt et al., "The PetShop
// Dataset — Finding Causes of Performance Issues across Microservices", CLeaR
// 2024, arXiv:2311.04806): abnormal components none of whose callees is
// abnormal, by the sum of the scores along abnormal components up to the one
// that alarmed. With deepest, those without such a path and then all others
// follow.
type traversal struct{ deepest bool }

// Rank returns the roots of abnormal paths, best first.
func (t traversal) Rank(p bench.Panel) []string {
	a := abnormal(p)
	roots := a.roots(p.Calls)
	if !t.deepest {
		return a.byPath(p, roots)
	}
	own := func(n string) float64 { return a.of[n] }
	rest := slices.DeleteFunc(slices.Clone(a.names), func(n string) bool { return slices.Contains(roots, n) })
	out := slices.DeleteFunc(byScore(roots, own), func(n string) bool { return n == p.Target })
	out = append(out, byScore(rest, own)...)
	for _, n := range (robust{target: true}).Rank(p) {
		if !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

// abnormal scores the components whose alarmed metric is out of its usual range
// at the first row at which the alarming component is.
func abnormal(p bench.Panel) scores {
	rows := map[string][]deviant{}
	var order []string
	for _, t := range p.Tracks {
		if !t.Target || len(present(t.Normal)) < fewestNormal {
			continue
		}
		rows[t.Component] = deviants(t)
		order = append(order, t.Component)
	}
	at := settled
	for i := settled; i < len(rows[p.Target]); i++ {
		if rows[p.Target][i].out {
			at = i
			break
		}
	}
	var s scores
	for _, n := range order {
		if at < len(rows[n]) && rows[n][at].out {
			s.raise(n, rows[n][at].score)
		}
	}
	return s
}

// deviant is one sample against normal operation.
type deviant struct {
	score float64
	out   bool
}

func deviants(t bench.Track) []deviant {
	normal := present(t.Normal)
	centre := median(normal)
	away := make([]float64, len(normal))
	for i, x := range normal {
		away[i] = math.Abs(x - centre)
	}
	mad, flat := median(away), constant(normal)
	out := make([]deviant, len(t.Window))
	for i, x := range t.Window {
		d, limit := math.Abs(x-centre), float64(outlying)
		switch {
		case math.IsNaN(x):
			continue
		case flat: // any change counts
			limit = 0
		case mad > 0:
			d /= mad
		case d > 0:
			d = math.Inf(1)
		}
		out[i] = deviant{d, d > limit}
	}
	return out
}

// roots are the abnormal components that call no abnormal one.
func (s *scores) roots(calls []bench.Call) []string {
	return slices.DeleteFunc(slices.Clone(s.names), func(n string) bool {
		return slices.ContainsFunc(calls, func(c bench.Call) bool { return c.Caller == n && s.has(c.Callee) })
	})
}

func (s *scores) has(n string) bool { _, ok := s.of[n]; return ok }

// byPath orders roots by their best path to the target; those without one, and
// all when the target itself is not abnormal, are left out.
func (s *scores) byPath(p bench.Panel, roots []string) []string {
	if !s.has(p.Target) {
		return nil
	}
	w := walk{s, p}
	var paths scores
	for _, r := range roots {
		if v, ok := w.best(r, []string{r}); ok && r != p.Target {
			paths.raise(r, v)
		}
	}
	return paths.ranking()
}

// walk goes up from callees to callers along abnormal components.
type walk struct {
	s *scores
	p bench.Panel
}

// best is the largest sum of scores of a path without a loop that goes on from
// at, seen included.
func (w walk) best(at string, seen []string) (v float64, ok bool) {
	if at == w.p.Target {
		for _, n := range seen {
			v += w.s.of[n]
		}
		return v, true
	}
	for _, c := range w.p.Calls {
		if c.Callee != at || !w.s.has(c.Caller) || slices.Contains(seen, c.Caller) {
			continue
		}
		if sum, reaches := w.best(c.Caller, append(slices.Clone(seen), c.Caller)); reaches && (!ok || sum > v) {
			v, ok = sum, true
		}
	}
	return v, ok
}
