package diagnose

import (
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/signal"
)

// The features of a system that is well.
const (
	fServerUsual feature = "server_usual"  // every number of the database server is usual now
	fClusterCalm feature = "cluster_calm"  // everything that should run in the cluster runs and is ready
	fMonitorsOK  feature = "monitors_ok"   // the monitors of what is affected are OK
	fAlertOver   feature = "alert_over"    // what set off the alert is seen, and over
	fAlertQuiet  feature = "alert_resolve" // the alert itself is no longer in force
)

// healthyPriors are the hand-set log-odds of the features of this file.
var healthyPriors = priors{fServerUsual: 3.0, fClusterCalm: 3.0, fMonitorsOK: 0.8, fAlertOver: 1.4, fAlertQuiet: 1.4}

// wellness is what one kind of evidence says about whether anything is wrong.
type wellness struct {
	feature feature
	scale   float64
	text    string
	ids     []string
}

// healthy considers that nothing is wrong: everything asked about the affected
// components was answered, and is usual now. One source without an answer, one
// signal that is still bad, and it does not speak.
func healthy(v *view, cs *candidates) {
	well := v.wells()
	if len(well) == 0 || v.inForce() {
		return
	}
	c := cs.at(Healthy, v.in.Affected[0])
	var texts []string
	for _, w := range well {
		c.vote(w.feature, w.scale, false, w.ids...)
		texts = append(texts, w.text)
	}
	if over := v.overs(); len(over) > 0 {
		c.vote(fAlertOver, 1, true, v.clusterIDs()...) // who may write to a namespace may write its events
		texts = append(texts, over[:min(len(over), 2)]...)
	}
	if len(v.in.Signals) > 0 && !v.paged() {
		c.vote(fAlertQuiet, 1, true) // a webhook may say so, too
	}
	c.say(2, strings.Join(texts, "; "))
	v.stillAlerting(c)
}

// wells is what says that all is well; nothing when anything says otherwise, or
// did not answer.
func (v *view) wells() []wellness {
	if len(v.failures) > 0 || len(v.stale) > 0 || len(v.in.Affected) == 0 {
		return nil
	}
	var well []wellness
	for _, look := range []func(*view) (wellness, bool){bandsWell, serversWell, clustersWell, monitorsWell, linesWell} {
		w, ok := look(v)
		if !ok {
			return nil
		}
		if w.scale > 0 {
			well = append(well, w)
		}
	}
	if !slices.ContainsFunc(well, func(w wellness) bool { return w.feature != fMonitorsOK }) {
		return nil // nothing was looked at but other people's alarms
	}
	return well
}

// paged reports whether a signal of the incident fires.
func (v *view) paged() bool {
	return slices.ContainsFunc(v.in.Signals, func(s signal.Signal) bool { return s.Status == signal.Firing })
}

// inForce reports whether what paged still holds, as far as anyone can tell: a
// signal fires, no monitor of what is affected is seen to be OK now, and no
// server that is affected tells that its trouble came and went. What was asked
// may not be what the alert is about.
func (v *view) inForce() bool {
	if !v.paged() {
		return false
	}
	affected := func(name string) bool { return slices.Contains(v.in.Affected, name) }
	return !slices.ContainsFunc(v.resolved, func(a alert) bool { return affected(a.Service) }) &&
		!slices.ContainsFunc(v.servers(), func(s *server) bool {
			_, over := s.told(evOver)
			return over && affected(s.name)
		})
}

// stillAlerting votes against it for alerts on other components.
func (v *view) stillAlerting(c *candidate) {
	for _, name := range v.names() {
		for _, a := range v.parts[name].alerts {
			c.vote(fStillAlerting, 1, true, a.item.ID)
		}
	}
}

// bandsWell looks at the golden signals of the affected components.
func bandsWell(v *view) (wellness, bool) {
	w := wellness{feature: fAllInBand}
	if len(v.abnormalNames()) > 0 {
		return w, false
	}
	signals := 0
	for _, a := range v.in.Affected {
		p := v.part(a)
		if p.down() {
			return w, false
		}
		if len(p.bands) > 0 && !p.inBand() {
			return w, false
		}
		for _, b := range p.bands {
			if b.masked && !b.item.Stale && userSignal(b) {
				return w, false
			}
			if b.comparable {
				signals++
				w.ids = append(w.ids, b.item.ID)
			}
		}
	}
	for _, r := range v.resources {
		if r.scarce() {
			return w, false
		}
	}
	w.scale = min(float64(signals)/float64(3*len(v.in.Affected)), 1)
	w.text = number(float64(signals)) + " signals of " + strings.Join(v.in.Affected, ", ") + " were compared and all are in their usual band"
	return w, true
}

// scarce reports whether a resource is nearly used up and was not always so, or
// has nothing left at all.
func (r *resource) scarce() bool {
	return r.share() >= full || r.share() >= nearlyFull && !r.total.asEver()
}

// troublesome is the strength of a fault from which a server is not well.
const troublesome = 0.3

// serversWell looks at the database servers.
func serversWell(v *view) (wellness, bool) {
	w := wellness{feature: fServerUsual}
	var names, figures []string
	for _, s := range v.servers() {
		if s.troubled() >= troublesome {
			return w, false
		}
		if !slices.Contains(v.in.Affected, s.name) {
			continue
		}
		names = append(names, s.name)
		w.scale = max(w.scale, min(float64(len(s.gauges))/4, 1))
		w.ids = append(w.ids, s.ids...)
		for _, n := range []string{evidence.GaugeCPU, evidence.GaugeConnections, evidence.GaugeStorageFree, evidence.GaugeWriteLatency} {
			if g, ok := s.gauge(n); ok {
				w.ids = append(w.ids, g.item.ID)
				figures = append(figures, metricWords(g, s.name)+" "+g.amount(g.last))
			}
		}
	}
	w.text = "no active failure of " + strings.Join(names, ", ") + ", its numbers are within normal bounds now"
	if len(figures) > 0 {
		w.text += " (" + strings.Join(figures, ", ") + ")"
	}
	return w, true
}

// monitorsWell looks at the alerts of the affected components, as their source
// sees them now.
func monitorsWell(v *view) (wellness, bool) {
	w := wellness{feature: fMonitorsOK, text: "the monitors are OK"}
	for _, a := range v.in.Affected {
		if len(v.part(a).alerts) > 0 || slices.ContainsFunc(v.silenced, func(s alert) bool { return s.Service == a }) {
			return w, false // silence is about people, not about what is wrong
		}
	}
	if len(v.resolved) > 0 {
		w.scale = 1
		for _, a := range v.resolved {
			w.ids = append(w.ids, a.item.ID)
		}
	}
	return w, true
}

// linesWell looks at what the affected components log: new failures are no
// proof of trouble, but forbid to call it none.
func linesWell(v *view) (wellness, bool) {
	for _, a := range v.in.Affected {
		if slices.ContainsFunc(v.part(a).lines, line.failure) {
			return wellness{}, false
		}
	}
	return wellness{}, true
}

// failure reports whether a line is new or risen and tells of something wrong.
func (l line) failure() bool {
	if !l.novel() {
		return false
	}
	_, known := recognise(l)
	switch strings.ToLower(l.Level) {
	case "info", "debug", "trace", "notice":
		return false
	case "warn", "warning":
		return known
	}
	return true
}
