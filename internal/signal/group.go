package signal

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"time"
)

// Topology answers which services a service calls or needs; nil is no answer.
type Topology interface {
	DependsOn(service string) []string
}

// GroupOptions bound how far a group reaches.
type GroupOptions struct {
	// Window is how long after its last signal a service still draws its
	// dependants and dependencies in.
	Window time.Duration
	// SilentHops is how many services without a signal a dependency path may
	// cross; 0 means that only direct dependencies count.
	SilentHops int
}

// DefaultGroupOptions returns a window of 30 minutes and direct dependencies.
func DefaultGroupOptions() GroupOptions { return GroupOptions{Window: 30 * time.Minute} }

// Group is signals about one problem, as far as grouping needs to know it.
type Group struct {
	Key         string // the incident's ID, or what Add returned
	Environment string
	Lone        string // see LoneKey; a lone group shares nothing with services
	Services    []string
	StartedAt   time.Time
	LastAt      time.Time // of its last signal
	Held        bool      // a person or an action is at work on it: it is never united into another
}

// Placement says where a signal belongs.
type Placement struct {
	Key    string
	Opened bool     // no group took it: Key names a new one
	United []string // groups that turned out to be about the same problem, now part of Key
	Why    string   // in words, for the timeline
}

// Grouper finds the group of each signal, one after the other. Its memory
// depends on the number of services and groups, never on that of signals. Not
// safe for concurrent use.
type Grouper struct {
	topology Topology
	opts     GroupOptions
	groups   map[string]*Group
	into     map[string]string         // united group → the group that took it
	services map[place]member          // who is abnormal, and where it belongs
	waiting  map[place]map[string]bool // dependency → abnormal services that reach it
	lone     map[place]string          // lone key → group
	opened   int
}

// place is a name inside an environment: nothing crosses environments.
type place struct{ environment, name string }

type member struct {
	group  string
	lastAt time.Time
}

// NewGrouper returns an empty grouper.
func NewGrouper(t Topology, o GroupOptions) *Grouper {
	if o.Window == 0 {
		o.Window = DefaultGroupOptions().Window
	}
	return &Grouper{
		topology: t, opts: o,
		groups: map[string]*Group{}, into: map[string]string{},
		services: map[place]member{}, waiting: map[place]map[string]bool{}, lone: map[place]string{},
	}
}

// LoneKey returns what a signal without a service is grouped by, or "" when it
// has one. Holdfast's own signals stay with their fingerprint; an alert that
// maps to nothing stays with alerts of its source and name.
func LoneKey(s Signal) string {
	switch {
	case s.Kind == Internal:
		return "internal\x00" + s.Source + "\x00" + s.Fingerprint
	case s.Service == "":
		return "unmapped\x00" + s.Source + "\x00" + s.Name
	}
	return ""
}

// Seed tells the grouper about a group that goes on. Where two groups claim a
// service, the one with the later signal wins.
func (g *Grouper) Seed(gr Group) {
	gr.Services = slices.Clone(gr.Services)
	g.groups[gr.Key] = &gr
	if gr.Lone != "" {
		p := place{gr.Environment, gr.Lone}
		if g.prefers(&gr, g.lone[p]) {
			g.lone[p] = gr.Key
		}
		return
	}
	for _, s := range gr.Services {
		p := place{gr.Environment, s}
		if g.prefers(&gr, g.services[p].group) {
			g.claim(p, gr.Key, gr.LastAt)
		}
	}
}

func (g *Grouper) prefers(gr *Group, other string) bool {
	o, ok := g.groups[g.Find(other)]
	return !ok || gr.LastAt.After(o.LastAt)
}

// Add places a firing signal: with the group that it belonged to (IncidentID),
// else with the group of its service, else with that of a dependency that is
// abnormal, else with that of a dependant whose trouble it explains, else in a
// group of its own. Call it in the order in which signals matter.
func (g *Grouper) Add(s Signal) Placement {
	at := s.ReceivedAt
	p := place{s.Environment, s.Service}
	if own, ok := g.groups[g.Find(s.IncidentID)]; ok && own.Environment == s.Environment {
		own.LastAt = later(own.LastAt, at)
		if s.Service != "" && own.Lone == "" {
			g.touch(own, p, at)
		}
		return Placement{Key: own.Key, Why: "the same alert"}
	}
	if lone := LoneKey(s); lone != "" {
		return g.addLone(place{s.Environment, lone}, at)
	}
	if own, ok := g.groups[g.Find(g.services[p].group)]; ok {
		quiet := at.Sub(g.services[p].lastAt) > g.opts.Window
		g.touch(own, p, at)
		out := Placement{Key: own.Key, Why: "same service " + s.Service}
		if quiet { // its neighbours may have changed in the meantime
			out = g.settle(own, p, at, out)
		}
		return out
	}
	g.claim(p, "", at) // abnormal from now on, wherever it belongs
	gr, out := g.choose(p, at)
	if gr == nil {
		gr = g.open(s.Environment, "", at)
		out = Placement{Opened: true, Why: "first signal of " + s.Service}
	}
	out.Key = gr.Key
	g.touch(gr, p, at)
	return g.settle(gr, p, at, out)
}

// choose finds the group of a service that has none: that of a dependency that
// is abnormal, else that of a dependant which has nothing else to blame.
func (g *Grouper) choose(p place, at time.Time) (*Group, Placement) {
	if down := g.below(p, at); len(down) > 0 {
		return g.groups[down[0].group], Placement{Why: down[0].why}
	}
	var best *Group
	var why string
	for _, n := range g.above(p, at) {
		gr := g.groups[n.group]
		if !g.rooted(gr, at) && (best == nil || preferred(gr, best)) {
			best, why = gr, n.why
		}
	}
	return best, Placement{Why: why}
}

func (g *Grouper) addLone(p place, at time.Time) Placement {
	if gr, ok := g.groups[g.Find(g.lone[p])]; ok {
		gr.LastAt = later(gr.LastAt, at)
		return Placement{Key: gr.Key, Why: "the same alert, mapped to no service"}
	}
	gr := g.open(p.environment, p.name, at)
	g.lone[p] = gr.Key
	return Placement{Key: gr.Key, Opened: true, Why: "maps to no service: an incident of its own"}
}

func (g *Grouper) open(environment, lone string, at time.Time) *Group {
	g.opened++
	gr := &Group{Key: newKey(g.opened), Environment: environment, Lone: lone, StartedAt: at, LastAt: at}
	g.groups[gr.Key] = gr
	return gr
}

// touch records that a service of the group has a signal at a time.
func (g *Grouper) touch(gr *Group, p place, at time.Time) {
	gr.LastAt = later(gr.LastAt, at)
	if !slices.Contains(gr.Services, p.name) {
		gr.Services = append(gr.Services, p.name)
	}
	g.claim(p, gr.Key, later(g.services[p].lastAt, at))
}

func (g *Grouper) claim(p place, key string, at time.Time) {
	if _, known := g.services[p]; !known {
		for _, d := range g.reach(p) {
			if g.waiting[d] == nil {
				g.waiting[d] = map[string]bool{}
			}
			g.waiting[d][p.name] = true
		}
	}
	g.services[p] = member{group: key, lastAt: at}
}

// reach lists the dependencies of a service: direct ones, and those behind up
// to SilentHops more; each once, nearest first.
func (g *Grouper) reach(p place) []place {
	if g.topology == nil {
		return nil
	}
	seen := map[string]bool{p.name: true}
	var out []place
	level := []string{p.name}
	for range g.opts.SilentHops + 1 {
		var next []string
		for _, s := range level {
			for _, d := range g.topology.DependsOn(s) {
				if !seen[d] {
					seen[d] = true
					next = append(next, d)
					out = append(out, place{p.environment, d})
				}
			}
		}
		level = next
	}
	return out
}

type neighbour struct {
	group string
	why   string
	start time.Time
	votes int // services that speak for it
}

// below returns the groups of the abnormal dependencies of p: those with the
// most of them first, then the oldest.
func (g *Grouper) below(p place, at time.Time) []neighbour {
	var names []string
	for _, d := range g.reach(p) {
		names = append(names, d.name)
	}
	return g.neighbours(p, names, at, func(d string) string { return p.name + " depends on " + d + ", which is abnormal" })
}

// above returns the groups of the abnormal dependants of p, in the same order.
func (g *Grouper) above(p place, at time.Time) []neighbour {
	return g.neighbours(p, sortedKeys(g.waiting[p]), at, func(a string) string { return a + ", which is abnormal, depends on " + p.name })
}

func (g *Grouper) neighbours(p place, names []string, at time.Time, why func(string) string) []neighbour {
	var out []neighbour
	index := map[string]int{}
	for _, name := range names {
		m := g.services[place{p.environment, name}]
		key := g.Find(m.group)
		gr, ok := g.groups[key]
		if !ok || !g.recent(m, at) {
			continue
		}
		if n, known := index[key]; known {
			out[n].votes++
			continue
		}
		index[key] = len(out)
		out = append(out, neighbour{group: key, why: why(name), start: gr.StartedAt, votes: 1})
	}
	slices.SortStableFunc(out, func(a, b neighbour) int {
		return cmp.Or(cmp.Compare(b.votes, a.votes), a.start.Compare(b.start), cmp.Compare(a.group, b.group))
	})
	return out
}

func (g *Grouper) recent(m member, at time.Time) bool {
	return !m.lastAt.IsZero() && at.Sub(m.lastAt) <= g.opts.Window
}

// rooted reports whether a group has a root: an abnormal service none of whose
// dependencies is abnormal. A group with a root of its own is a problem of its
// own, even where one of its services also needs something else that is broken.
func (g *Grouper) rooted(gr *Group, at time.Time) bool {
	for _, name := range gr.Services {
		p := place{gr.Environment, name}
		m := g.services[p]
		if g.Find(m.group) != gr.Key || !g.recent(m, at) {
			continue
		}
		blames := func(d place) bool { return g.recent(g.services[d], at) }
		if !slices.ContainsFunc(g.reach(p), blames) {
			return true
		}
	}
	return false
}

// settle folds together what the signal of p showed to be one problem: groups
// of its dependants that have nothing else to blame, and its own group when a
// dependency explains all of it.
func (g *Grouper) settle(gr *Group, p place, at time.Time, out Placement) Placement {
	all := []*Group{gr}
	for _, n := range g.above(p, at) {
		if o := g.groups[n.group]; o != gr && !g.rooted(o, at) {
			all = append(all, o)
		}
	}
	if down := g.below(p, at); len(down) > 0 && down[0].group != gr.Key && !g.rooted(gr, at) {
		all = append(all, g.groups[down[0].group])
	}
	return g.unite(all, out)
}

// unite folds groups into the one that is preferred, leaving alone those that a
// person holds.
func (g *Grouper) unite(all []*Group, out Placement) Placement {
	keep := all[0]
	for _, o := range all[1:] {
		if preferred(o, keep) {
			keep = o
		}
	}
	for _, o := range all {
		if o == keep || o.Held {
			continue
		}
		g.into[o.Key] = keep.Key
		keep.LastAt = later(keep.LastAt, o.LastAt)
		for _, s := range o.Services {
			if !slices.Contains(keep.Services, s) {
				keep.Services = append(keep.Services, s)
			}
		}
		delete(g.groups, o.Key)
		out.United = append(out.United, o.Key)
	}
	slices.Sort(out.United)
	out.Key = g.Find(out.Key)
	return out
}

// preferred reports whether a is the better one to keep: held by a person, then
// the older.
func preferred(a, b *Group) bool {
	if a.Held != b.Held {
		return a.Held
	}
	return older(a, b)
}

// older prefers what exists over what was only just opened.
func older(a, b *Group) bool {
	if Opened(a.Key) != Opened(b.Key) {
		return Opened(b.Key)
	}
	if c := a.StartedAt.Compare(b.StartedAt); c != 0 {
		return c < 0
	}
	return a.Key < b.Key
}

// Find returns the group that key belongs to now: itself, or the one that it was
// united into.
func (g *Grouper) Find(key string) string {
	for {
		next, ok := g.into[key]
		if !ok {
			return key
		}
		key = next
	}
}

// Has reports whether key names a group that has not been united into another.
func (g *Grouper) Has(key string) bool {
	_, ok := g.groups[key]
	return ok
}

// Len returns the number of groups that have not been united into another.
func (g *Grouper) Len() int { return len(g.groups) }

// Opened reports whether key was made by Add and names no incident yet.
func Opened(key string) bool { return len(key) > 0 && key[0] == '+' }

func newKey(n int) string { return "+" + strconv.Itoa(n) }

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
