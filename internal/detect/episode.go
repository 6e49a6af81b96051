package detect

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// Episode says how much of a symptom there was at each moment of a window: 0
// where the series was at its calm level, 1 at its worst. What else moved with
// it is compared moment by moment: trouble that was there before the symptom, or
// that came and went without it, did not cause it.
type Episode struct {
	// Deviation is how far the symptom rose over the calm level, in spreads.
	Deviation float64
	at        []time.Time
	strength  []float64
	step      time.Duration
}

// calmShare is the quantile of the window that is taken as its calm level when
// that lies below the usual one.
const calmShare = 0.2

// NewEpisode finds the symptom in a series that is trouble when it rises. The
// calm level is the usual one or, where the window has a lower one, that: what
// was usual last week may not be what was usual an hour ago. The mean of
// the two highest samples counts as the worst: one odd sample is half a symptom.
// ok is false with fewer than three samples or when nothing rises.
func NewEpisode(points []evidence.Point, usual Baseline, f Floor) (Episode, bool) {
	pts := finitePoints(points)
	if len(pts) < 3 {
		return Episode{}, false
	}
	values := Values(pts)
	calm := Quantile(values, calmShare)
	if usual.N > 0 {
		calm = min(calm, usual.Median)
	}
	rise := worst(values) - calm
	if rise <= 0 || math.IsInf(rise, 0) {
		return Episode{}, false
	}
	e := Episode{step: medianStep(pts)}
	for _, p := range pts {
		e.at = append(e.at, p.At)
		e.strength = append(e.strength, min(max((p.Value-calm)/rise, 0), 1))
	}
	sick, _ := weightedMean(values, e.strength)
	// A series that mostly stands still and now and then jumps has no spread
	// around its median; there its tail tells what is usual.
	usual.Spread = max(usual.Spread, usual.Tail)
	e.Deviation = spreads(min(sick-calm, rise), usual, f, calm)
	return e, true
}

// worst is the mean of the two highest of at least two values.
func worst(xs []float64) float64 {
	s := slices.Sorted(slices.Values(xs))
	return s[len(s)-1]/2 + s[len(s)-2]/2
}

// Strength returns how much of the symptom there was at a moment, from the
// nearest sample; ok is false when none lies within one step.
func (e Episode) Strength(at time.Time) (float64, bool) {
	return e.strengthNear(at, 0)
}

// strengthNear is Strength, quick when the sample at guess is of that moment:
// series of one source are mostly sampled together.
func (e Episode) strengthNear(at time.Time, guess int) (float64, bool) {
	if guess < len(e.at) && e.at[guess].Equal(at) && (guess == 0 || e.at[guess-1].Before(at)) {
		return e.strength[guess], true
	}
	i, found := slices.BinarySearchFunc(e.at, at, time.Time.Compare)
	if !found {
		if i == len(e.at) || i > 0 && at.Sub(e.at[i-1]) <= e.at[i].Sub(at) {
			i--
		}
	}
	if i < 0 || i >= len(e.at) || e.at[i].Sub(at).Abs() > e.step {
		return 0, false
	}
	return e.strength[i], true
}

// Excess is how much a series rose while an episode lasted.
type Excess struct {
	Sick    float64 // mean while the symptom lasted, weighted by its strength
	Calm    float64 // what it is compared with: see Episode.Excess
	Rise    float64 // Sick - Calm
	Spreads float64 // Rise in spreads, within ±MaxDeviation
	// Before is how far the series was out of its usual band, in spreads, while
	// the symptom was not there yet; 0 when that can't be told.
	Before float64
}

const (
	calmStrength = 0.25 // moments with less of the symptom than this are calm
	newRegime    = 3.0  // spreads from which the calm moments are another regime than the usual one
	enoughSick   = 0.5  // samples, weighted, that a mean needs
)

// Excess compares a series during the episode with its calm moments and its
// usual band. Where the calm moments lie out of that band, only they count: what
// was bad before is not excess. ok is false when the series has no sample during
// the episode, or nothing to compare with.
func (e Episode) Excess(points []evidence.Point, usual Baseline, f Floor) (Excess, bool) {
	var sick, strength, calm []float64
	for i, p := range finitePoints(points) {
		s, ok := e.strengthNear(p.At, i)
		if !ok {
			continue
		}
		sick, strength = append(sick, p.Value), append(strength, s)
		if s < calmStrength {
			calm = append(calm, p.Value)
		}
	}
	level, weight := weightedMean(sick, strength)
	if weight < enoughSick || usual.N == 0 && len(calm) == 0 {
		return Excess{}, false
	}
	x := Excess{Sick: level}
	now := Median(calm)
	switch {
	case len(calm) == 0:
		x.Calm = usual.Median
	case usual.N == 0:
		x.Calm = now
	default:
		x.Before = spreads(now-usual.Median, usual, f, usual.Median)
		x.Calm = now
		if math.Abs(x.Before) < newRegime {
			x.Calm = now/2 + usual.Median/2
		}
	}
	x.Rise = x.Sick - x.Calm
	x.Spreads = spreads(x.Rise, usual, f, x.Calm)
	return x, true
}

// Mean returns the mean of a series over the episode, weighted by the strength
// of the symptom; ok is false without samples in it.
func (e Episode) Mean(points []evidence.Point) (float64, bool) {
	var values, strength []float64
	for i, p := range finitePoints(points) {
		if s, ok := e.strengthNear(p.At, i); ok {
			values, strength = append(values, p.Value), append(strength, s)
		}
	}
	m, weight := weightedMean(values, strength)
	return m, weight >= enoughSick
}

// spreads measures d in spreads of the baseline, at the given level.
func spreads(d float64, usual Baseline, f Floor, level float64) float64 {
	w := max(usual.Spread, f.Abs, f.Rel*math.Abs(level))
	switch {
	case d == 0 || math.IsNaN(d):
		return 0
	case w == 0:
		return math.Copysign(MaxDeviation, d)
	}
	return min(max(d/w, -MaxDeviation), MaxDeviation)
}

// weightedMean returns the mean and the sum of the weights; 0 without weight.
func weightedMean(xs, weights []float64) (mean, weight float64) {
	sum := 0.0
	for i, x := range xs {
		sum += x * weights[i]
		weight += weights[i]
	}
	if weight == 0 {
		return 0, 0
	}
	return sum / weight, weight
}

// Quantile returns the q-quantile of the finite values, interpolated between
// the two nearest (type 7 of Hyndman & Fan, 1996); 0 when there is none.
func Quantile(xs []float64, q float64) float64 {
	s := finite(xs)
	if len(s) == 0 {
		return 0
	}
	slices.SortFunc(s, cmp.Compare)
	pos := min(max(q, 0), 1) * float64(len(s)-1)
	lo := int(pos)
	hi := min(lo+1, len(s)-1)
	t := pos - float64(lo)
	return s[lo]*(1-t) + s[hi]*t
}

// medianStep is the usual distance between samples.
func medianStep(pts []evidence.Point) time.Duration {
	gaps := make([]float64, 0, len(pts))
	for i := 1; i < len(pts); i++ {
		gaps = append(gaps, pts[i].At.Sub(pts[i-1].At).Seconds())
	}
	return time.Duration(Median(gaps) * float64(time.Second))
}
