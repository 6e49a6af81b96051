package diagnose

import (
	"math"

	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// The features that a change of behaviour gives.
const (
	fStops      feature = "stops_short"    // operations end where they used to go on
	fBranches   feature = "goes_elsewhere" // or go on in another way
	fStopsAfter feature = "callers_stop"   // those who call it end, or go elsewhere, right after
	fAlready    feature = "did_so_already" // that was so right before the trouble began
	fDoesMore   feature = "does_more"      // its operations do more than they used to
)

var noveltyPriors = priors{fStops: 3.5, fBranches: 2.8, fStopsAfter: 2.5, fAlready: -0.8, fDoesMore: -2.0}

// turn is a step that is followed by something else than usual.
type turn struct {
	evidence.SpanStep         // what follows more often now
	strength          float64 // 0…1
	already           float64 // 0…1: the part of it that was there right before
}

// turns are where the operations of one component go another way than usual.
type turns struct {
	stops, branches turn
	after           map[string]turn // by callee: right after calling it
}

// Log-likelihood ratios, in nats: below chance, a summary of some hundred steps
// shows such a change by itself; from certain on there is no doubt.
const (
	chance  = 4.0
	certain = 10.0
)

// turnsOf finds, by service, where operations go another way than usual: after
// an early return or an exception they end or branch right after the step that
// went wrong. A shift of the mix of requests changes how often a step comes, and
// only then what follows it.
func turnsOf(t evidence.Traces) map[string]*turns {
	out := map[string]*turns{}
	ends := endings(t)
	for _, s := range t.Steps {
		if s.Now.Spans == 0 || s.Before.Spans == 0 {
			continue
		}
		usual := share(s.Before.With, s.Before.Spans)
		rise := share(s.Now.With, s.Now.Spans) - usual
		if rise <= 0 {
			continue
		}
		rarer := share(s.Now.Traces, t.Now) / share(s.Before.Traces, t.Before)
		x := turn{SpanStep: s, strength: rise * clamp(mixes*rarer) * clamp((deviance(s)-chance)/(certain-chance))}
		if s.Next != "" { // going on where it used to end is no trouble
			x.strength *= 1 - clamp(-ends[stepAt{s.Service, s.After, s.Callee, s.Begin}]/rise)
		}
		if x.strength == 0 {
			continue
		}
		x.already = clamp((share(s.Recent.With, s.Recent.Spans)-usual)/rise) * sure(s.Recent.Spans)
		if out[s.Service] == nil {
			out[s.Service] = &turns{after: map[string]turn{}}
		}
		out[s.Service].note(x)
	}
	return out
}

// doesMore says by how much more steps than usual the operations of each
// component take: 1 from twice as many on. An operation that failed and no
// longer does goes other ways than usual, too.
func doesMore(t evidence.Traces) map[string]float64 {
	type count struct{ begun, steps float64 }
	now, before := map[string]count{}, map[string]count{}
	add := func(to map[string]count, s evidence.SpanStep, n evidence.StepStats) {
		c := to[s.Service]
		if s.Next != "" {
			c.steps += float64(n.With)
		}
		if s.Begin {
			c.begun += float64(n.With)
		}
		to[s.Service] = c
	}
	for _, s := range t.Steps {
		add(now, s, s.Now)
		add(before, s, s.Before)
	}
	out := map[string]float64{}
	for service, n := range now {
		if b := before[service]; n.begun > 0 && b.begun > 0 && b.steps > 0 {
			out[service] = clamp(math.Log2(n.steps / n.begun / (b.steps / b.begun)))
		}
	}
	return out
}

// stepAt is how far an operation has come.
type stepAt struct {
	service, after, callee string
	begin                  bool
}

// endings says how much more often than usual operations end at each step.
func endings(t evidence.Traces) map[stepAt]float64 {
	out := map[stepAt]float64{}
	for _, s := range t.Steps {
		if s.Next == "" {
			out[stepAt{s.Service, s.After, s.Callee, s.Begin}] = share(s.Now.With, s.Now.Spans) - share(s.Before.With, s.Before.Spans)
		}
	}
	return out
}

// mixes: a step that comes up to this factor less often is within what the mix
// of requests does from minute to minute.
const mixes = 1.5

func (ts *turns) note(x turn) {
	switch {
	case x.Callee != "":
		if x.strength > ts.after[x.Callee].strength {
			ts.after[x.Callee] = x
		}
	case x.Next == "":
		if x.strength > ts.stops.strength {
			ts.stops = x
		}
	case x.strength > ts.branches.strength:
		ts.branches = x
	}
}

func share(n, of int) float64 {
	if of <= 0 {
		return 0
	}
	return float64(n) / float64(of)
}

// deviance is the log-likelihood ratio of two rates against one, over traces:
// half of the G statistic.
func deviance(s evidence.SpanStep) float64 {
	ka, na := float64(s.Now.TracesWith), float64(s.Now.Traces)
	kb, nb := float64(s.Before.TracesWith), float64(s.Before.Traces)
	return bernoulli(ka, na) + bernoulli(kb, nb) - bernoulli(ka+kb, na+nb)
}

// bernoulli is the log-likelihood of k of n at its own rate.
func bernoulli(k, n float64) float64 {
	if k <= 0 || k >= n {
		return 0
	}
	return k*math.Log(k/n) + (n-k)*math.Log((n-k)/n)
}

func (x turn) sentence() string {
	then := "the operation ends"
	if x.Next != "" {
		then = quote(x.Next, 80) + " follows"
	}
	after := "after "
	if x.Begin {
		after = "after the beginning of "
	}
	return "In " + x.Service + " " + after + quote(x.After, 80) + " " + then + " in " +
		number(math.Round(100*share(x.Now.With, x.Now.Spans))) + " % of the cases, usually in " +
		number(math.Round(100*share(x.Before.With, x.Before.Spans))) + " %"
}
