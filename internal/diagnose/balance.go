package diagnose

import (
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/detect"
	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// trouble is a kind of symptom that passes from callee to caller.
type trouble int

const (
	troubleSlow trouble = iota // requests take longer
	troubleFail                // requests fail
)

var troubles = [...]trouble{troubleSlow, troubleFail}

// A balance compares what every component loses while one symptom lasts with
// what the component that shows the symptom loses. Time that requests spend and
// requests that fail add up along calls: a callee that loses as much as its
// caller accounts for all of it, one that loses a tenth does not.
type balance struct {
	component string // that shows the symptom
	kind      trouble
	episode   detect.Episode
	total     float64         // loss of component
	losses    map[string]loss // of everything that it may come from, itself included, by name
	other     map[string]loss // the same of the other kind of trouble, during the same episode
}

// loss is what one component loses while a symptom lasts.
type loss struct {
	detect.Excess
	band   band
	amount float64 // per second: seconds of work, or requests that fail; per request where traffic is not known
	passed float64 // share of amount that its own callees lose, 0…1
	known  float64 // share of its callees that were measured, 0…1; 1 without any
}

// own is what it loses beyond what its callees lose, as far as they are known.
func (l loss) own() float64 { return l.amount * (1 - l.passed) * l.known }

// From visible on, in spreads, there is a symptom to compare with: someone was
// alerted to it. From clearRise on a loss is more than noise by itself.
const (
	visible   = 1.0
	clearRise = 3.0
)

// balances finds the symptoms of the affected components and makes up the
// balance of each. A symptom that is weak beside another of the same component
// is left out.
func (v *view) balances() []balance {
	var out []balance
	for _, name := range v.in.Affected {
		for _, kind := range troubles {
			if b, ok := v.balance(name, kind); ok {
				out = append(out, b)
			}
		}
	}
	strongest := 0.0
	for _, b := range out {
		strongest = max(strongest, b.episode.Deviation)
	}
	return slices.DeleteFunc(out, func(b balance) bool { return b.episode.Deviation < strongest/5 })
}

func (v *view) balance(name string, kind trouble) (balance, bool) {
	at, ok := v.part(name).telling(kind)
	if !ok {
		return balance{}, false
	}
	ep, ok := detect.NewEpisode(at.metric.Now.Points, at.reference, kind.floor(at))
	if !ok || ep.Deviation < visible {
		return balance{}, false
	}
	b := balance{component: name, kind: kind, episode: ep, losses: map[string]loss{}, other: map[string]loss{}}
	weighted := at.metric.Signal == evidence.LatencyMean || kind == troubleFail
	for _, n := range v.sources(name) {
		if l, ok := v.part(n).loss(kind, ep, weighted); ok {
			b.losses[n] = l
		}
		if l, ok := v.part(n).loss(troubleSlow+troubleFail-kind, ep, weighted); ok {
			b.other[n] = l
		}
	}
	b.total = b.losses[name].amount
	if b.total <= 0 {
		return balance{}, false
	}
	for n, l := range b.losses {
		l.passed, l.known = v.passed(b, n)
		b.losses[n] = l
	}
	return b, true
}

// passed is the share of a component's loss that its direct callees lose, and
// the share of them that were measured. A callee that also calls the component
// back says nothing about it.
func (v *view) passed(b balance, name string) (share, known float64) {
	callees := v.in.Catalog.Dependencies(name, false)
	if len(callees) == 0 {
		return 0, 1
	}
	mine, sum, measured := b.losses[name].amount, 0.0, 0
	for _, d := range callees {
		l, ok := b.losses[d]
		if ok || v.part(d).idle() {
			measured++
		}
		if ok && l.clear() && !slices.Contains(v.in.Catalog.Dependencies(d, true), name) {
			sum += l.amount
		}
	}
	known = float64(measured) / float64(len(callees))
	if mine <= 0 {
		return 0, known
	}
	return min(sum/mine, 1), known
}

// idle reports whether a component is known to get no requests.
func (p *part) idle() bool {
	t, ok := p.golden(evidence.Traffic)
	return ok && !t.item.Stale && len(t.metric.Now.Points) > 0 && t.value == 0
}

// clear reports whether the loss is more than noise.
func (l loss) clear() bool { return l.Spreads >= clearRise && l.amount > 0 }

// loss measures what the component loses during an episode. With traffic, the
// loss is weighted by the number of requests.
func (p *part) loss(kind trouble, ep detect.Episode, weighted bool) (loss, bool) {
	b, ok := p.telling(kind)
	if !ok {
		return loss{}, false
	}
	x, ok := ep.Excess(b.metric.Now.Points, b.reference, kind.floor(b))
	if !ok {
		return loss{}, false
	}
	l := loss{Excess: x, band: b, amount: max(x.Rise, 0)}
	if t, ok := p.golden(evidence.Traffic); ok && weighted {
		if rate, ok := ep.Mean(t.metric.Now.Points); ok {
			l.amount *= max(rate, 0)
		}
	}
	return l, true
}

// telling returns the series that tells a kind of trouble: for latency the
// mean, which adds up along calls, and failing that the highest percentile.
func (p *part) telling(kind trouble) (band, bool) {
	for _, want := range kind.signals() {
		for _, b := range p.bands {
			if b.metric.Signal == want && !b.item.Stale && len(b.metric.Now.Points) > 0 {
				return b, true
			}
		}
	}
	return band{}, false
}

func (k trouble) signals() []evidence.Golden {
	if k == troubleFail {
		return []evidence.Golden{evidence.Errors}
	}
	return []evidence.Golden{evidence.LatencyMean, evidence.LatencyP99, evidence.LatencyP95, evidence.LatencyP50}
}

// floor is the least spread of a kind of trouble. It is lower than the one for
// calling a signal abnormal by itself: that something is wrong is known here,
// the question is only what moved with it.
func (k trouble) floor(b band) detect.Floor {
	if k == troubleFail {
		return detect.Floor{Abs: max(0.001, b.least.Abs)}
	}
	if strings.HasPrefix(b.item.Unit, "ms") || strings.HasPrefix(b.item.Unit, "milli") {
		return detect.Floor{Abs: 0.5, Rel: 0.05}
	}
	return detect.Floor{Abs: 0.0005, Rel: 0.05}
}
