package diagnose

import (
	"math"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/cause"
	"github.com/holdfast-sre/holdfast/internal/detect"
	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// The features of a component that answers late, and of why.
const (
	fSlower       feature = "requests_slower"        // its slow requests take far longer while the symptom lasts
	fSlowerMedian feature = "median_request_slower"  // so does its ordinary request
	fCalleeSlower feature = "callee_slower"          // one of its callees is late, too, and accounts for it
	fCalleesAll   feature = "all_callees_slower"     // nearly all of its callees are late at once: they wait for it
	fSharedCaller feature = "caller_holds_up"        // and it is one of them
	fPackets      feature = "packets_per_request"    // more packets a request: what arrives late is sent again
	fThrottled    feature = "cpu_throttled"          // it waits for CPU that its limit denies
	fCPURequest   feature = "cpu_per_request"        // a request costs it more CPU
	fBusySlow     feature = "slow_for_want_of_cpu"   // against the network: it is short of CPU
	fQuietSlow    feature = "slow_without_using_cpu" // for the network: late, and as idle as ever
)

// delayPriors are the hand-set log-odds of the features of this file.
var delayPriors = priors{
	fSlower:       2.5,
	fSlowerMedian: 2.5,
	fCalleeSlower: -3.5,
	fCalleesAll:   2.0,
	fSharedCaller: -2.0,
	fPackets:      4.0,
	fThrottled:    3.5,
	fCPURequest:   3.0,
	fBusySlow:     -4.0,
	fQuietSlow:    1.0,
}

// How much is as much as it gets, for scales from 0 to 1.
const (
	allSlower   = 150.0 // times
	allPackets  = 4.0   // times
	allCPU      = 10.0  // times
	halfThrottl = 0.25  // seconds a second
)

// late is how one component changed while a symptom lasted. Factors are 1 when
// nothing changed or nothing is known.
type late struct {
	name      string
	band      band    // of its slow requests
	slow      float64 // factor of its slow requests' latency
	median    float64 // factor of the median's
	rise      float64 // of its slow requests, in the unit of the series
	rise50    float64 // of the median
	packets   float64 // factor of packets a request
	network   bool    // packets were measured
	cpu       float64 // factor of CPU a request
	throttled float64 // rise, seconds a second
	ids       []string
}

// delays looks for components that answer late and whose callees do not account
// for it, where packets and CPU say why: a network that delays them sends again
// what is not acknowledged in time, and leaves the CPU idle; a process that is
// short of CPU is throttled or burns more of it for each request.
func delays(v *view, cs *candidates) {
	ep, ok := v.slowEpisode()
	if !ok {
		return
	}
	all := map[string]late{}
	for _, n := range v.names() {
		if l, ok := v.part(n).late(ep); ok {
			all[n] = l
		}
	}
	together := map[string]float64{}
	for n := range all {
		together[n] = v.calleesTogether(n, all)
	}
	for _, n := range v.names() {
		l, ok := all[n]
		if !ok {
			continue
		}
		passed, ids := v.calleeLate(l, all)
		passed *= 1 - together[n]
		if l.network && l.slow > 2 {
			c := v.delayed(cs, l, passed, ids)
			c.vote(fCalleesAll, together[n], false, l.ids...)
			c.vote(fSharedCaller, v.sharedCaller(n, together), false, l.ids...)
		}
		if l.busy() > 0.3 && l.slow > 1.2 {
			v.starved(cs, l, passed, ids)
		}
	}
}

func (v *view) delayed(cs *candidates, l late, passed float64, callees []string) *candidate {
	c := cs.fault(NetworkDelay, cause.FaultPodDelay, l.name)
	l.vote(c)
	c.vote(fCalleeSlower, passed, false, callees...)
	c.vote(fPackets, logScale(l.packets, allPackets), false, l.ids...)
	c.vote(fBusySlow, l.busy(), false, l.ids...)
	c.vote(fQuietSlow, (1-l.busy())*logScale(l.slow, allSlower), false, l.ids...)
	c.say(2, l.delaySentence())
	c.check(l.band.item.Query)
	return c
}

func (v *view) starved(cs *candidates, l late, passed float64, callees []string) {
	c := cs.fault(ExhaustCPU, cause.FaultCPUOverload, l.name)
	l.vote(c)
	c.vote(fCalleeSlower, passed, false, callees...)
	c.vote(fThrottled, saturate(l.throttled, halfThrottl), false, l.ids...)
	c.vote(fCPURequest, logScale(l.cpu, allCPU), false, l.ids...)
	c.say(2, l.starvedSentence())
	c.check(l.band.item.Query)
}

func (l late) vote(c *candidate) {
	c.vote(fSlower, logScale(l.slow, allSlower), false, l.band.item.ID)
	c.vote(fSlowerMedian, logScale(l.median, allSlower), false, l.band.item.ID)
}

// delaySentence says what is late, and what speaks for the way to it.
func (l late) delaySentence() string {
	s := "Slow requests to " + l.name + " take " + number(l.slow) + " times as long"
	if l.packets >= 1.2 {
		s += ", each with " + number(l.packets) + " times the packets"
	}
	if l.busy() < 0.1 {
		s += ", while it uses no more CPU for them"
	}
	return s
}

// starvedSentence says what it is short of.
func (l late) starvedSentence() string {
	s := "Slow requests to " + l.name + " take " + number(l.slow) + " times as long"
	if l.cpu >= 1.2 {
		s += ", each costs " + number(l.cpu) + " times the CPU"
	}
	if l.throttled > 0 {
		s += ", and its CPU limit holds it back for " + number(l.throttled) + " s more each second"
	}
	return s
}

// busy is how short of CPU it is, 0…1.
func (l late) busy() float64 {
	return max(saturate(l.throttled, halfThrottl), logScale(l.cpu, allCPU))
}

// slowEpisode is the clearest episode in which something affected was slow.
// Trouble that was there before anybody was alerted is another one's.
func (v *view) slowEpisode() (detect.Episode, bool) {
	start := v.firstAlert()
	best, most, ok := detect.Episode{}, 0.0, false
	for _, b := range v.symptoms {
		if b.kind != troubleSlow {
			continue
		}
		clear := b.episode.Deviation * sinceAlert(b, start)
		if !ok || clear > most {
			best, most, ok = b.episode, clear, true
		}
	}
	return best, ok
}

// firstAlert is when the first alert that still fires began; zero when unknown.
func (v *view) firstAlert() time.Time {
	at := v.in.FirstSignal
	for _, n := range v.names() {
		for _, a := range v.parts[n].alerts {
			at = earliest(at, a.StartsAt)
		}
	}
	return at
}

// fewSamples is how many samples on each side of an alert tell before from after.
const fewSamples = 3

// sinceAlert is how much more of a symptom there was after an alert than before
// it, from 0.05 to 1; 1 when that can't be told.
func sinceAlert(b balance, start time.Time) float64 {
	var sum, n [2]float64
	for _, p := range b.losses[b.component].band.metric.Now.Points {
		if s, ok := b.episode.Strength(p.At); ok {
			side := 0
			if !p.At.Before(start) {
				side = 1
			}
			sum[side] += s
			n[side]++
		}
	}
	if start.IsZero() || n[0] < fewSamples || n[1] < fewSamples {
		return 1
	}
	return max(sum[1]/n[1]-sum[0]/n[0], 0.05)
}

// calleeLate is how far a callee accounts for a component's being late: by how
// much later it is itself, and its part of the time.
func (v *view) calleeLate(l late, all map[string]late) (float64, []string) {
	worst, id := 0.0, ""
	for _, d := range v.in.Catalog.Dependencies(l.name, false) {
		c, ok := all[d]
		if !ok || d == l.name || c.slow <= 1 {
			continue
		}
		part := min(max(portion(c.rise, l.rise), portion(c.rise50, l.rise50)), 1)
		if s := part * logScale(c.slow, allSlower); s > worst {
			worst, id = s, c.band.item.ID
		}
	}
	if id == "" {
		return 0, nil
	}
	return worst, []string{id}
}

// severalCallees is how many callees it takes to say that all are late.
const severalCallees = 3

// calleesTogether is how far all callees of a component are late at once, 0 for
// half of them or fewer: what answers to it waits until it takes the answer, and
// many that fail by chance at the same moment are unlikely.
func (v *view) calleesTogether(name string, all map[string]late) float64 {
	known, slow := 0, 0
	for _, d := range v.in.Catalog.Dependencies(name, false) {
		if c, ok := all[d]; ok {
			known++
			if c.slow > 2 {
				slow++
			}
		}
	}
	if known < severalCallees {
		return 0
	}
	return clamp(2*float64(slow)/float64(known) - 1)
}

// sharedCaller is how far a component is late as all callees of one of its
// callers are: that caller may be what holds them up.
func (v *view) sharedCaller(name string, together map[string]float64) float64 {
	most := 0.0
	for caller, t := range together {
		if caller != name && slices.Contains(v.in.Catalog.Dependencies(caller, false), name) {
			most = max(most, t)
		}
	}
	return most
}

// late compares a component during an episode with its calm moments.
func (p *part) late(ep detect.Episode) (late, bool) {
	slow, ok := p.during(ep, func(b band) bool {
		return b.metric.Signal == evidence.LatencyP95 || b.metric.Signal == evidence.LatencyP99
	})
	if !ok {
		return late{}, false
	}
	floor := slowFloor(slow.band)
	l := late{
		name: p.name, band: slow.band, slow: factor(slow.Excess, floor), rise: slow.Rise,
		median: 1, packets: 1, cpu: 1, ids: []string{slow.band.item.ID},
	}
	if m, ok := p.during(ep, func(b band) bool { return b.metric.Signal == evidence.LatencyP50 }); ok {
		l.median, l.rise50 = factor(m.Excess, floor), m.Rise
		l.ids = append(l.ids, m.band.item.ID)
	}
	p.perRequest(&l, ep)
	if t, ok := p.during(ep, resourceHas("throttl")); ok && t.Spreads >= clearRise && t.Rise > 0 {
		l.throttled = t.Rise * t.Rise / (t.Rise + max(t.Calm, 0)) // as far as it is new
		l.ids = append(l.ids, t.band.item.ID)
	}
	return l, true
}

// perRequest fills in what a request costs: packets and CPU over traffic. Where
// there was no traffic before, nothing can be said.
func (p *part) perRequest(l *late, ep detect.Episode) {
	t, ok := p.during(ep, func(b band) bool { return b.metric.Signal == evidence.Traffic })
	in, okIn := p.during(ep, resourceHas("packets_in"))
	out, okOut := p.during(ep, resourceHas("packets_out"))
	l.network = okIn || okOut
	if !ok || t.Calm <= 0 {
		return
	}
	load := factor(t.Excess, 0.05)
	if l.network {
		both := detect.Excess{Sick: in.Sick + out.Sick, Calm: in.Calm + out.Calm}
		l.packets = factor(both, 1) / load
		l.ids = append(l.ids, in.band.item.ID, out.band.item.ID)
	}
	if c, ok := p.during(ep, func(b band) bool { return kindOf(b.metric.Resource).exhausted == ExhaustCPU }); ok {
		l.cpu = factor(c.Excess, 0.01) / max(load, 1)
		l.ids = append(l.ids, c.band.item.ID)
	}
}

// excess is a series with how it changed.
type excess struct {
	detect.Excess
	band band
}

// during measures the first series that is wanted.
func (p *part) during(ep detect.Episode, want func(band) bool) (excess, bool) {
	i := slices.IndexFunc(p.bands, func(b band) bool { return !b.item.Stale && len(b.metric.Now.Points) > 0 && want(b) })
	if i < 0 {
		return excess{}, false
	}
	b := p.bands[i]
	x, ok := ep.Excess(b.metric.Now.Points, b.reference, detect.Floor{})
	return excess{x, b}, ok
}

func resourceHas(part string) func(band) bool {
	return func(b band) bool {
		return b.metric.Signal == evidence.Saturation && strings.Contains(b.metric.Resource, part)
	}
}

// slowFloor is what nobody waits for: 10 ms in the unit of the series.
func slowFloor(b band) float64 {
	if strings.HasPrefix(b.item.Unit, "ms") || strings.HasPrefix(b.item.Unit, "milli") {
		return 10
	}
	return 0.01
}

// factor is by how much a level grew; floor keeps small levels from growing
// without bound.
func factor(x detect.Excess, floor float64) float64 {
	return (max(x.Sick, 0) + floor) / (max(x.Calm, 0) + floor)
}

// portion is a/b for positive numbers, else 0.
func portion(a, b float64) float64 {
	if a <= 0 || b <= 0 {
		return 0
	}
	return a / b
}

// logScale maps a factor to 0…1: nothing at 1, all of it at all times.
func logScale(x, all float64) float64 {
	if x <= 1 || math.IsNaN(x) {
		return 0
	}
	return min(math.Log(x)/math.Log(all), 1)
}
