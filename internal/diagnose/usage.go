package diagnose

import (
	"math"
	"slices"
	"time"

	"github.com/holdfast-sre/holdfast/internal/detect"
	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// The features that a jump in the use of CPU gives.
const (
	fJump     feature = "cpu_jumps"         // far over what was ever usual
	fJumpSlow feature = "cpu_jumps_is_slow" // and requests there are slow
	fAsFull   feature = "as_full_as_ever"   // a resource is nearly used up, as it always is
)

var usagePriors = priors{fJump: 3.5, fJumpSlow: 1.2, fAsFull: -2.0}

// asFull speaks against used-up resources that are as full as they always were.
func asFull(v *view, cs *candidates) {
	for _, r := range v.resources {
		for _, u := range r.uses() {
			c, ok := cs.find(r.kind.exhausted, u.by)
			if !ok || !c.has(fExhausted) {
				continue
			}
			if u.asEver() {
				c.vote(fAsFull, 1, false, u.item.ID)
			}
		}
	}
}

// asEver reports whether no more is used than what is known to be usual at the
// busiest.
func (u usage) asEver() bool {
	peak, known := usualPeak(u.metric)
	return known && u.value <= 1.02*peak
}

// usedUp reports whether a resource ran out, rather than being as full as ever.
func (c *candidate) usedUp() bool { return c.has(fExhausted) && !c.has(fAsFull) }

// jumps looks for components that use far more CPU than they ever used to,
// whether or not the limit is reached: a busy loop, a runaway process beside the
// service, a noisy neighbour.
func jumps(v *view, cs *candidates) {
	asFull(v, cs)
	for _, r := range v.resources {
		if r.kind.exhausted != ExhaustCPU {
			continue // memory that grows is a leak or a cache, disks fill
		}
		for _, u := range r.uses() {
			s := jump(u.metric)
			if s < slight {
				continue
			}
			c := cs.at(r.kind.exhausted, u.by)
			c.vote(fJump, s, false, u.item.ID)
			c.started(u.onset)
			c.say(1, jumpSentence(u, r))
			c.check(u.item.Query)
		}
	}
}

// uses are the users of a resource, or its total when none is known.
func (r *resource) uses() []usage {
	if len(r.users) > 0 {
		return r.users
	}
	return []usage{r.total}
}

// jump is by how much use exceeds its usual peaks: 1 from half of the limit on,
// without a limit from three times the peaks on. Only what lasts counts: pods
// and batches make short peaks on any day.
func jump(m evidence.Metric) float64 {
	peak, ok := usualPeak(m)
	x, lasts := lasting(m.Now.Points)
	if !ok || !lasts {
		return 0
	}
	room := m.Limit
	if room <= 0 {
		room = 4 * peak
	}
	if room <= 0 {
		return 0
	}
	return clamp(2 * (x - peak) / room)
}

// lastingTime is how long a level must hold, over two samples at least.
const lastingTime = time.Minute

// lasting is the highest level that a series held for a while: the largest of
// the lowest values in a run of samples.
func lasting(points []evidence.Point) (float64, bool) {
	run := 2
	if s := step(points); s > 0 {
		run = max(run, int(lastingTime/s)+1)
	}
	values := detect.Values(slices.SortedStableFunc(slices.Values(points), func(a, b evidence.Point) int { return a.At.Compare(b.At) }))
	if len(values) < run {
		return 0, false
	}
	best := math.Inf(-1)
	for i := range len(values) - run + 1 {
		best = max(best, slices.Min(values[i:i+run]))
	}
	return best, true
}

// usualPeak is a high quantile of the same time of other days, or of the window
// before when there is none. What was usual in that window already, for a
// quarter of it, is no jump; trouble that came and went there hides none.
func usualPeak(m evidence.Metric) (float64, bool) {
	day, okDay := quantileOf(m.Day, 95)
	week, okWeek := quantileOf(m.Week, 95)
	if !okDay && !okWeek {
		return quantileOf(m.Before, 95)
	}
	before, _ := quantileOf(m.Before, 75)
	return max(day, week, before), true
}

func quantileOf(s evidence.Series, percent int) (float64, bool) {
	v := detect.Values(s.Points)
	if len(v) < minReference {
		return 0, false
	}
	slices.Sort(v)
	return v[len(v)*percent/100], true
}

// minReference is how many samples make a reference.
const minReference = 5

func jumpSentence(u usage, r *resource) string {
	peak, _ := usualPeak(u.metric)
	verb, level := " is ", u.value
	if x, ok := lasting(u.metric.Now.Points); ok && x > level {
		verb, level = " was up to ", x
	}
	return capital(r.name) + " use of " + u.by + verb + quantity(level, u.item.Unit) + ", usually at most " + quantity(peak, u.item.Unit)
}
