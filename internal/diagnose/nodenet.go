package diagnose

import (
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/cause"
	"github.com/holdfast-sre/holdfast/internal/cluster/inspect"
	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// The features of a machine whose network delays or loses packets.
const (
	fNodeResends   feature = "node_resends"        // it sends segments again that were not acknowledged in time
	fNodeMost      feature = "node_resends_most"   // more than other machines with workloads
	fNodeLate      feature = "node_late_together"  // and several components are late, each by itself
	fNodeLosing    feature = "node_resends_always" // it sends so many again that they must be lost
	fNodeNotLosing feature = "node_late_not_lost"  // for a delay: too many for that
	fNodeExplains  feature = "node_explains_late"  // a component is late together with its machine
)

// nodePriors are the hand-set log-odds of the features of this file.
var nodePriors = priors{
	fNodeResends:   2.0,
	fNodeMost:      2.0,
	fNodeLate:      10.0,
	fNodeLosing:    9.0,
	fNodeNotLosing: -6.0,
	fNodeExplains:  -9.0,
}

// How much is as much as it gets, for scales from 0 to 1.
const (
	halfResends = 0.25 // segments a second: more than a quiet network loses
	allResends  = 10.0 // segments a second: a delay causes a few at its start, loss goes on
	allRoots    = 3.0  // components late by themselves, beside the first
	lateRoot    = 3.0  // times as slow
)

const nodePrefix = "node/"

// machine is a node with what its network did while the symptom lasted.
type machine struct {
	name    string // "node/NAME"
	resends float64
	ids     []string
	hosts   []string
}

// nodeNetworks looks for a machine whose packets are late or lost: what it
// sends has to be sent again, and components are late that have nothing in
// common but the way to it. A delay makes senders resend what is only under
// way, a few segments until they adapt; loss goes on. Run after delays.
func nodeNetworks(v *view, cs *candidates) {
	ms := v.machines()
	total := 0.0
	for _, m := range ms {
		total += m.resends
	}
	if total == 0 {
		return
	}
	roots, ids := v.lateRoots()
	together := min(max(float64(roots)-1, 0)/allRoots, 1)
	for _, m := range ms {
		if m.resends > 0 {
			v.nodeNetwork(cs, m, total, together, ids)
		}
	}
}

func (v *view) nodeNetwork(cs *candidates, m machine, total, together float64, late []string) {
	resends, losing := saturate(m.resends, halfResends), logScale(m.resends, allResends)
	name := strings.TrimPrefix(m.name, nodePrefix)
	delay := cs.fault(NetworkDelay, cause.FaultNodeDelay, m.name)
	loss := cs.fault(NetworkLoss, cause.FaultNodeLoss, m.name)
	for _, c := range []*candidate{delay, loss} {
		c.vote(fNodeResends, resends, false, m.ids...)
		c.vote(fNodeMost, m.resends/total, false, m.ids...)
		c.check("nstat -az TcpRetransSegs; ping -c 20 from and to " + name)
	}
	delay.vote(fNodeLate, resends*together, false, append(slices.Clone(m.ids), late...)...)
	delay.vote(fNodeNotLosing, losing, false, m.ids...)
	loss.vote(fNodeLosing, losing, false, m.ids...)
	delay.say(2, fmt.Sprintf("%s sends %.2g segments a second again, and components that share nothing but the way to it are late", name, m.resends))
	loss.say(2, fmt.Sprintf("%s sends %.2g segments a second again for as long as the symptom lasts", name, m.resends))
	for _, h := range m.hosts {
		v.link(h, m.name)
	}
	for _, c := range cs.all() {
		if c.fault == cause.FaultPodDelay || c.fault == cause.FaultPodLoss {
			c.vote(fNodeExplains, max(resends*together, losing), false, m.ids...)
		}
	}
}

// machines are the nodes that run workloads and whose resends were measured.
func (v *view) machines() []machine {
	var out []machine
	for i := range v.clusters {
		placed := inspect.Placed(&v.clusters[i].state)
		for _, n := range v.names() {
			hosts := placed[strings.TrimPrefix(n, nodePrefix)]
			if !strings.HasPrefix(n, nodePrefix) || len(hosts) == 0 {
				continue
			}
			if rise, id, ok := v.part(n).resends(v); ok {
				out = append(out, machine{n, max(rise, 0), []string{id}, hosts})
			}
		}
	}
	return out
}

// resends is by how much more a machine sends again than usual, in segments a
// second: while something was slow, else now.
func (p *part) resends(v *view) (rise float64, id string, ok bool) {
	resent := resourceHas("retrans")
	if ep, slow := v.slowEpisode(); slow {
		if x, ok := p.during(ep, resent); ok {
			return x.Rise, x.band.item.ID, true
		}
	}
	for _, b := range p.bands {
		if resent(b) && b.comparable && !b.item.Stale {
			return b.value - b.usual, b.item.ID, true
		}
	}
	return 0, "", false
}

// lateRoots counts the components that are late without a callee that accounts
// for it.
func (v *view) lateRoots() (int, []string) {
	var ids []string
	ep, ok := v.slowEpisode()
	if !ok {
		return v.lateNow()
	}
	all := map[string]late{}
	for _, n := range v.names() {
		if l, ok := v.part(n).late(ep); ok {
			all[n] = l
		}
	}
	for _, n := range v.names() {
		l, ok := all[n]
		if !ok || max(l.slow, l.median) < lateRoot {
			continue
		}
		if passed, _ := v.calleeLate(l, all); passed < 0.5 {
			ids = append(ids, l.band.item.ID)
		}
	}
	return len(ids), ids
}

// lateNow does the same from single values.
func (v *view) lateNow() (int, []string) {
	rise := map[string]band{}
	for _, n := range v.names() {
		for _, b := range v.part(n).bands {
			if slowSignal(b.metric.Signal) && b.abnormal && b.usual > 0 && b.value/b.usual >= lateRoot && b.value-b.usual > rise[n].value-rise[n].usual {
				rise[n] = b
			}
		}
	}
	var ids []string
	for _, n := range v.names() {
		b, ok := rise[n]
		if !ok {
			continue
		}
		if !slices.ContainsFunc(v.in.Catalog.Dependencies(n, false), func(d string) bool {
			c, late := rise[d]
			return late && c.value-c.usual > (b.value-b.usual)/2
		}) {
			ids = append(ids, b.item.ID)
		}
	}
	return len(ids), ids
}

func slowSignal(g evidence.Golden) bool {
	return g == evidence.LatencyP50 || g == evidence.LatencyP95 || g == evidence.LatencyP99
}
