package diagnose

import (
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/evidence"
)

func oomState(state string) bool {
	s := strings.ToLower(state)
	return strings.Contains(s, "oom") || strings.Contains(s, "out of memory")
}

// dependencies looks for components that others depend on and that are down or
// abnormal themselves.
func dependencies(v *view, cs *candidates) {
	needed := v.dependedOn()
	for _, name := range v.names() {
		if !needed[name] {
			continue
		}
		p := v.parts[name]
		class := v.failureOf(p)
		if p.down() {
			c := cs.at(class, name)
			c.vote(fDown, 1, false, p.runtimeIDs()...)
			c.say(3, "No instance of "+name+" runs")
		}
		if b, ok := p.worst(); ok && !v.aside(name) {
			c := cs.at(class, name)
			c.vote(fDepAbnormal, min(abs(b.score)/10, 1)*v.during(b), false, b.item.ID)
			c.say(2, bandSentence(name, b))
			c.check(b.item.Query)
		}
	}
	for _, c := range cs.all() {
		p := v.part(c.component)
		if c.class == DependencyFailure && !p.down() && p.inBand() {
			c.vote(fInBand, 1, false, p.bandIDs(2)...)
		}
	}
}

// dependedOn is the set of components that an affected or abnormal component
// other than themselves may suffer from.
func (v *view) dependedOn() map[string]bool {
	needed := map[string]bool{}
	for _, a := range slices.Concat(v.in.Affected, v.abnormalNames()) {
		for _, name := range v.in.Catalog.Dependencies(a, true) {
			if name != a {
				needed[name] = true
			}
		}
	}
	return needed
}

// failureOf tells our own services from those of others: what has no target, no
// repository, no logs and no resource of ours is run by someone else.
func (v *view) failureOf(p *part) CauseClass {
	e := p.entry
	ours := len(e.Targets) > 0 || e.Repository.Path != "" || e.Repository.URL != "" ||
		len(e.Logs) > 0 || len(e.Metrics.Saturation) > 0
	if p.known && !ours {
		return ExternalProvider
	}
	return DependencyFailure
}

// worst is the most abnormal latency, error share or traffic loss.
func (p *part) worst() (band, bool) {
	best, ok := band{}, false
	for _, b := range p.bands {
		if !b.abnormal || b.item.Stale || b.metric.Signal == evidence.Saturation || b.metric.Signal == evidence.Traffic && b.score > 0 {
			continue
		}
		if !ok || abs(b.score) > abs(best.score) {
			best, ok = b, true
		}
	}
	return best, ok
}

// inBand reports whether fresh latency or errors were compared and nothing is abnormal.
func (p *part) inBand() bool {
	compared := slices.ContainsFunc(p.bands, func(b band) bool {
		return b.comparable && !b.item.Stale && b.metric.Signal != evidence.Saturation
	})
	return compared && !p.abnormal()
}

func (p *part) bandIDs(n int) []string {
	var out []string
	for _, b := range p.bands {
		if b.comparable && len(out) < n {
			out = append(out, b.item.ID)
		}
	}
	return out
}

func (p *part) runtimeIDs() []string {
	var out []string
	for _, i := range p.instances {
		if !slices.Contains(out, i.item.ID) {
			out = append(out, i.item.ID)
		}
	}
	return out
}

// bandSentence says what is out of band, with the numbers.
func bandSentence(name string, b band) string {
	what, unit := string(b.metric.Signal), b.item.Unit
	switch b.metric.Signal {
	case evidence.LatencyMean, evidence.LatencyP50, evidence.LatencyP95, evidence.LatencyP99:
		what = "latency " + strings.TrimPrefix(what, "latency_")
		unit = firstOf(unit, "s")
	case evidence.Errors:
		what, unit = "error share", "ratio"
	case evidence.Traffic:
		unit = "per second"
	case evidence.Saturation:
		what = b.metric.Resource + " use"
	}
	s := capital(what) + " of " + name + " is " + quantity(b.value, unit) + ", usually " + quantity(b.usual, unit)
	if !b.onset.IsZero() {
		s += ", since " + clock(b.onset)
	}
	return s
}

// surges looks for more requests than usual where something is short.
func surges(v *view, cs *candidates) {
	for _, name := range v.names() {
		p := v.parts[name]
		b, ok := p.golden(evidence.Traffic)
		if !ok || b.item.Stale || b.score < outOfBand || b.usual <= 0 || b.value < 1.5*b.usual || !v.suffers(p) {
			continue
		}
		c := cs.at(TrafficSurge, name)
		c.vote(fTrafficUp, min(b.value/b.usual-1, 1), false, b.item.ID)
		c.started(b.onset)
		c.say(2, "Requests to "+name+" are "+number(b.value)+" per second, usually "+number(b.usual))
		c.check(b.item.Query)
	}
}

// suffers reports whether anything but traffic is abnormal at the component or
// at what it depends on.
func (v *view) suffers(p *part) bool {
	for _, n := range v.sources(p.name) {
		for _, b := range v.part(n).bands {
			if b.abnormal && b.metric.Signal != evidence.Traffic {
				return true
			}
		}
	}
	return false
}
