package template

import (
	"cmp"
	"math"
	"slices"
)

// Window is how often each template occurred in each of some bins of equal
// length, oldest first. Lines are counted under the ID that Miner.Current
// returns at the end of the window: templates may have been joined since.
type Window struct {
	Bins   int
	Counts map[ID][]int // as many as Bins; a template without an entry did not occur
}

// Add counts a line of a template in a bin; a bin beyond Bins makes the window
// longer.
func (w *Window) Add(id ID, bin int) {
	if bin < 0 || bin >= maxBins {
		return
	}
	if w.Counts == nil {
		w.Counts = map[ID][]int{}
	}
	w.Bins = max(w.Bins, bin+1)
	c := w.Counts[id]
	for len(c) <= bin {
		c = append(c, 0)
	}
	c[bin]++
	w.Counts[id] = c
}

// maxBins bounds a window.
const maxBins = 100_000

// Change is what became of a template.
type Change string

// The changes.
const (
	Appeared Change = "new"      // was never seen in the window before
	Rose     Change = "risen"    // is more frequent than before
	Fell     Change = "fallen"   // is less frequent than before
	Vanished Change = "vanished" // is not seen any more
)

// Shift is a template whose frequency differs from the window before.
type Shift struct {
	ID     ID
	Change Change
	// Before and Now are lines a bin.
	Before, Now float64
	// P is the probability of a count as far off or further when nothing changed.
	P float64
	// Score is P seen among all templates that were looked at, from 0 to 1: at 0.5
	// one template of all would be as far off by chance in one of a hundred
	// windows.
	Score float64
}

const (
	// priorCount is Jeffreys' prior of a Poisson rate: half a line was seen.
	priorCount = 0.5
	// priorBins is how many bins of usual burstiness the estimate of a template
	// begins with: few bins say little about how bursty it is.
	priorBins = 5.0
	// oddsAtAlarm is the decimal exponent of the probability at which Score is 0.5.
	oddsAtAlarm = 2.0
)

// Shifts compares two windows of the same bin length, the likeliest shifts
// first, equals by ID. Lines come in bursts, so that their counts scatter more
// than a Poisson process: the rate of a template is a Gamma variable that the
// window before informs, and its count in the window now a negative binomial
// one, widened by the ratio of variance to mean that the template shows, shrunk
// to that of all templates. Templates that occur in neither window are left
// out. With no bins in one of them there is nothing to compare.
func Shifts(before, now Window) []Shift {
	if before.Bins <= 0 || now.Bins <= 0 {
		return nil
	}
	ids := map[ID]bool{}
	for id, c := range before.Counts {
		ids[id] = total(c) > 0
	}
	for id, c := range now.Counts {
		ids[id] = ids[id] || total(c) > 0
	}
	usual := burstiness(before)
	var out []Shift
	for id, occurs := range ids {
		if occurs {
			out = append(out, shift(id, before, now, usual))
		}
	}
	for i := range out {
		out[i].Score = score(out[i].P, len(out))
	}
	slices.SortFunc(out, func(a, b Shift) int { return cmp.Or(cmp.Compare(a.P, b.P), cmp.Compare(a.ID, b.ID)) })
	return out
}

func total(counts []int) float64 {
	sum := 0
	for _, c := range counts {
		sum += max(c, 0)
	}
	return float64(sum)
}

// dispersion is the sum of squared distances from the mean over the mean: its
// expectation is bins-1 for a Poisson process. ok is false without lines.
func dispersion(counts []int, bins int) (sum float64, ok bool) {
	mean := total(counts) / float64(bins)
	if mean == 0 {
		return 0, false
	}
	for i := range bins {
		c := 0.0
		if i < len(counts) {
			c = float64(max(counts[i], 0))
		}
		sum += (c - mean) * (c - mean) / mean
	}
	return sum, true
}

// burstiness is the ratio of variance to mean that is usual in a window: the
// median over its templates, at least 1.
func burstiness(w Window) float64 {
	if w.Bins < 2 {
		return 1
	}
	var ratios []float64
	for _, c := range w.Counts {
		if d, ok := dispersion(c, w.Bins); ok {
			ratios = append(ratios, d/float64(w.Bins-1))
		}
	}
	if len(ratios) == 0 {
		return 1
	}
	slices.Sort(ratios)
	return max(1, ratios[len(ratios)/2])
}

func shift(id ID, before, now Window, usual float64) Shift {
	was, is := total(before.Counts[id]), total(now.Counts[id])
	s := Shift{ID: id, Before: was / float64(before.Bins), Now: is / float64(now.Bins)}
	bursts := usual
	if d, ok := dispersion(before.Counts[id], before.Bins); ok {
		bursts = max(1, (d+priorBins*usual)/(float64(before.Bins-1)+priorBins))
	}
	// A count of bursts instead of lines is close to a Poisson one.
	shape, odds := was/bursts+priorCount, float64(now.Bins)/float64(before.Bins+now.Bins)
	if s.Now > s.Before {
		s.Change = Rose
		if was == 0 {
			s.Change = Appeared
		}
		s.P = betaShare(odds, is/bursts, shape) // of is or more
	} else {
		s.Change = Fell
		if is == 0 {
			s.Change = Vanished
		}
		s.P = 1 - betaShare(odds, is/bursts+1, shape) // of is or fewer
	}
	s.P = min(max(s.P, 0), 1)
	return s
}

// score turns a probability into a score among n templates.
func score(p float64, n int) float64 {
	any := -math.Expm1(float64(n) * math.Log1p(-min(p, 1-1e-16))) // Šidák
	if any <= 0 {
		return 1
	}
	exponent := max(0, -math.Log10(any))
	return exponent / (exponent + oddsAtAlarm)
}
