package diagnose

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/detect"
	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// A resource is considered from nearlyFull on and used up from full on, as
// shares of its limit.
const (
	nearlyFull = 0.85
	full       = 0.95
)

// kind of resource, told by its name.
type resourceKind struct {
	exhausted CauseClass // empty = it can't be exhausted, only grow
	leak      CauseClass // empty = a climb is no leak of it
	unit      string     // in words, plural
	backlog   bool       // work that waits
}

// kinds maps what a resource is called to what it is; the first part that the
// name contains wins, so the more specific come first.
var kinds = []struct {
	parts []string
	kind  resourceKind
}{
	{[]string{"goroutine"}, resourceKind{leak: LeakGoroutines, unit: "goroutines"}},
	{[]string{"queue", "backlog", "pending", "outbox", "lag"}, resourceKind{unit: "items", backlog: true}},
	{[]string{"thread", "worker", "executor", "concurrency"}, resourceKind{exhausted: ExhaustThreads, unit: "workers"}},
	{[]string{"file", "handle", "fds", "descriptor"}, resourceKind{exhausted: ExhaustFileHandles, leak: LeakFileHandles, unit: "file handles"}},
	{[]string{"conn", "pool"}, resourceKind{exhausted: ExhaustPool, leak: LeakConnections, unit: "connections"}},
	{[]string{"cpu"}, resourceKind{exhausted: ExhaustCPU, unit: "of CPU"}},
	{[]string{"mem", "heap", "rss"}, resourceKind{exhausted: ExhaustMemory, leak: LeakMemory, unit: "of memory"}},
	{[]string{"disk", "volume", "storage", "filesystem"}, resourceKind{exhausted: ExhaustDisk, unit: "of disk"}},
	{[]string{"quota", "rate_limit", "ratelimit"}, resourceKind{exhausted: ExhaustQuota, unit: "of quota"}},
}

func kindOf(resource string) resourceKind {
	name := strings.ToLower(strings.NewReplacer("-", "_", " ", "_").Replace(resource))
	for _, k := range kinds {
		if slices.ContainsFunc(k.parts, func(p string) bool { return strings.Contains(name, p) }) {
			return k.kind
		}
	}
	return resourceKind{}
}

// usage is the use of a resource by one consumer, or by all together when
// consumer is empty.
type usage struct {
	band
	owner    string // service that the resource belongs to
	consumer string // as the series calls it
	by       string // service that uses it
}

// rise is how much more is used than usual.
func (u usage) rise() float64 { return max(u.value-u.usual, 0) }

// resource is one limited resource of one service with everyone who uses it.
type resource struct {
	owner string
	name  string
	kind  resourceKind
	limit float64
	total usage   // consumer empty; made up from the users when no series says it
	users []usage // heaviest first
}

// pool puts the usages of each resource together.
func (v *view) pool(used []usage) []*resource {
	var out []*resource
	for _, u := range used {
		if u.item.Stale {
			continue
		}
		i := slices.IndexFunc(out, func(r *resource) bool { return r.owner == u.owner && r.name == u.metric.Resource })
		if i < 0 {
			out = append(out, &resource{owner: u.owner, name: u.metric.Resource, kind: kindOf(u.metric.Resource)})
			i = len(out) - 1
		}
		out[i].add(u)
	}
	for _, r := range out {
		r.complete()
	}
	slices.SortStableFunc(out, func(a, b *resource) int {
		return cmp.Or(cmp.Compare(a.owner, b.owner), cmp.Compare(a.name, b.name))
	})
	return out
}

func (r *resource) add(u usage) {
	r.limit = max(r.limit, u.metric.Limit)
	if u.consumer != "" {
		r.users = append(r.users, u)
		return
	}
	if r.total.item.ID == "" || u.value > r.total.value {
		r.total = u
	}
}

// complete sorts the users and adds them up where no series gives the total.
func (r *resource) complete() {
	slices.SortStableFunc(r.users, func(a, b usage) int {
		return cmp.Or(cmp.Compare(b.value, a.value), cmp.Compare(a.by, b.by))
	})
	if r.total.item.ID != "" || len(r.users) == 0 {
		return
	}
	t := usage{owner: r.owner, by: r.owner, band: r.users[0].band}
	t.value, t.usual = 0, 0
	for _, u := range r.users {
		t.value += u.value
		t.usual += u.usual
	}
	r.total = t
}

// share is how much of the limit is used, 0 when no limit is known.
func (r *resource) share() float64 {
	if r.limit <= 0 {
		return 0
	}
	return r.total.value / r.limit
}

// holder is the user that holds more than half of what is used, or that
// accounts for more than half of the rise.
func (r *resource) holder() (usage, bool) {
	var rise float64
	for _, u := range r.users {
		rise += u.rise()
	}
	for _, u := range r.users {
		if u.value > r.total.value/2 || rise > 0 && u.rise() > rise/2 && u.value >= r.total.value/3 {
			return u, true
		}
	}
	return usage{}, false
}

// exhaustion looks for resources that are used up, and for who uses them.
func exhaustion(v *view, cs *candidates) {
	for _, r := range v.resources {
		if r.kind.exhausted == "" || r.kind.exhausted == ExhaustThreads || r.share() < nearlyFull {
			continue
		}
		u, held := r.holder()
		if !held {
			u = r.total
		}
		c := cs.at(r.kind.exhausted, u.by)
		v.voteExhausted(c, r, u)
		if held {
			v.voteHolder(c, r, u)
		}
	}
}

// voteExhausted: that the resource is used up is as sure as the series of the
// whole; whose doing it is, only as sure as the series that names the user.
func (v *view) voteExhausted(c *candidate, r *resource, u usage) {
	strength := min((r.share()-nearlyFull)/(full-nearlyFull), 1)
	c.vote(fExhausted, max(strength, 0.2), u.item.Outside, r.total.item.ID)
	if u.abnormal {
		c.vote(fRisen, 1, false, u.item.ID)
	}
	c.started(u.onset)
	c.say(2, r.sentence(u))
	c.check(u.item.Query)
	c.check(r.total.item.Query)
}

// voteHolder attributes a shared resource to the one who holds most of it; the
// others that use it, its owner and those who depend on the owner are victims.
func (v *view) voteHolder(c *candidate, r *resource, holder usage) {
	if r.total.value > 0 {
		c.vote(fHolder, min(holder.value/r.total.value, 1), false, holder.item.ID)
	}
	victims := []string{r.owner}
	for _, u := range r.users {
		if u.by != holder.by {
			victims = append(victims, u.by)
		}
	}
	for _, d := range v.in.Catalog.Names() {
		if slices.Contains(v.in.Catalog.Dependencies(d, false), r.owner) && d != holder.by {
			victims = append(victims, d)
		}
	}
	first := !holder.onset.IsZero()
	for _, name := range victims {
		v.link(name, holder.by)
		p := v.part(name)
		if name == r.owner || !p.abnormal() {
			continue
		}
		c.vote(fVictims, 1, false, p.abnormalIDs(2)...)
		if p.onset.IsZero() || holder.onset.Sub(p.onset) > v.together {
			first = false
		}
	}
	if first && c.has(fVictims) {
		c.vote(fHolderFirst, 1, false, holder.item.ID)
	}
}

// workers looks for worker pools that are all busy while nothing completes:
// work that hangs holds its worker for good.
func workers(v *view, cs *candidates) {
	for _, r := range v.resources {
		if r.kind.exhausted != ExhaustThreads || r.share() < full {
			continue
		}
		u, held := r.holder()
		if !held {
			u = r.total
		}
		c := cs.at(ExhaustThreads, u.by)
		v.voteExhausted(c, r, u)
		for _, w := range r.users {
			v.link(w.by, u.by)
		}
		v.link(r.owner, u.by)
		v.voteProgress(c, r, u)
	}
}

// voteProgress asks whether a component whose workers are all busy gets
// anything done.
func (v *view) voteProgress(c *candidate, r *resource, u usage) {
	text := r.sentence(u)
	p := v.part(u.by)
	if b, ok := p.golden(evidence.Traffic); ok && !b.item.Stale && b.usual > 0 {
		switch {
		case b.value <= 0.1*b.usual:
			c.vote(fNoProgress, 1, u.item.Outside, b.item.ID)
			text += ", and nothing completes (" + number(b.value) + " per second, usually " + number(b.usual) + ")"
		case b.value >= 0.8*b.usual:
			c.vote(fProgress, 1, false, b.item.ID)
		}
		c.check(b.item.Query)
	}
	for _, q := range v.resources {
		if !q.kind.backlog || q.owner != u.by && q.total.by != u.by || !growing(q.total) {
			continue
		}
		c.vote(fBacklog, 1, u.item.Outside, q.total.item.ID)
		text += "; " + number(q.total.value) + " " + q.kind.unit + " wait, usually " + number(q.total.usual)
		c.check(q.total.item.Query)
	}
	c.say(3, text)
}

// growing reports whether a backlog is out of band or climbs without pause.
func growing(u usage) bool {
	if u.abnormal {
		return true
	}
	_, climbs := detect.Leak(u.metric.Now.Points, 0)
	return climbs
}

// minLeakSpan is the shortest climb that is called a leak: a queue that fills or
// a pool that warms up climbs steadily for seconds, too.
const minLeakSpan = 2 * time.Minute

func span(points []evidence.Point) time.Duration {
	if len(points) == 0 {
		return 0
	}
	return points[len(points)-1].At.Sub(points[0].At)
}

// leaks looks for resources that climb steadily and do not come back.
func leaks(v *view, cs *candidates) {
	for _, r := range v.resources {
		if r.kind.leak == "" {
			continue
		}
		u := r.total
		if h, ok := r.holder(); ok {
			u = h
		}
		t, ok := detect.Leak(u.metric.Now.Points, r.limit)
		if !ok || span(u.metric.Now.Points) < minLeakSpan || !u.abnormal && r.share() < nearlyFull {
			continue
		}
		c := cs.at(r.kind.leak, u.by)
		c.vote(fLeak, t.Steady, false, u.item.ID)
		c.started(u.onset)
		c.say(2, leakSentence(u, r, t))
		c.check(u.item.Query)
	}
}

func leakSentence(u usage, r *resource, t detect.Trend) string {
	s := capital(r.kind.unit) + " of " + u.by + " climb steadily to " + r.amount(u.value) + ", usually " + r.amount(u.usual)
	if strings.HasPrefix(r.kind.unit, "of ") {
		s = capital(strings.TrimPrefix(r.kind.unit, "of ")) + " use of " + u.by + " climbs steadily to " + r.amount(u.value) +
			", usually " + r.amount(u.usual)
	}
	if t.Until > 0 {
		s += "; the limit is reached in " + t.Until.Round(time.Second).String()
	}
	return s
}

// sentence says who uses how much of what since when.
func (r *resource) sentence(u usage) string {
	var s string
	switch {
	case strings.HasPrefix(r.kind.unit, "of "):
		s = u.by + " uses " + number(100*u.value/r.limit) + " % of its " + strings.TrimPrefix(r.kind.unit, "of ")
	case r.kind.exhausted == ExhaustThreads && r.share() >= 0.999:
		s = "all " + number(r.limit) + " " + r.kind.unit + " of " + u.by + " are busy"
	case u.by == r.owner:
		s = number(r.total.value) + " of " + number(r.limit) + " " + r.kind.unit + " of " + r.owner + " are in use"
	default:
		s = u.by + " holds " + number(u.value) + " of " + number(r.limit) + " " + r.kind.unit + " of " + r.owner
	}
	if !u.onset.IsZero() {
		s += " since " + clock(u.onset)
	}
	return s
}

// amount is a number with the unit of the series, where it has one.
func (r *resource) amount(x float64) string {
	unit := r.total.item.Unit
	if unit == "" && r.kind.leak == LeakMemory {
		unit = "bytes"
	}
	return quantity(x, unit)
}
