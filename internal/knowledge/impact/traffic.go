package impact

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/strict"
)

// hours of a week, from Monday 00:00 UTC.
const hours = 7 * 24

// Profile is the usual traffic in each hour of the week, UTC, Monday first.
type Profile struct {
	Rate [hours]float64 // requests per second; the median of what was seen
	Seen [hours]int     // samples of that hour; 0 = never seen
}

// ProfileOf makes a profile of requests per second over time; order does not
// matter. The median of an hour keeps one bad day out of it.
func ProfileOf(points []evidence.Point) Profile {
	var all [hours][]float64
	for _, p := range points {
		if !math.IsNaN(p.Value) && !math.IsInf(p.Value, 0) {
			h := hourOf(p.At)
			all[h] = append(all[h], max(p.Value, 0))
		}
	}
	var out Profile
	for h, vs := range all {
		if out.Seen[h] = len(vs); len(vs) == 0 {
			continue
		}
		slices.Sort(vs)
		out.Rate[h] = (vs[(len(vs)-1)/2] + vs[len(vs)/2]) / 2
	}
	return out
}

// hourOf is the hour of the week of a time, in UTC.
func hourOf(t time.Time) int {
	t = t.UTC()
	return (int(t.Weekday())+6)%7*24 + t.Hour()
}

// Covered is how many hours of the week were seen.
func (p Profile) Covered() int {
	n := 0
	for _, s := range p.Seen {
		if s > 0 {
			n++
		}
	}
	return n
}

// Mean is the mean rate over the hours seen; 0 when none was.
func (p Profile) Mean() float64 {
	sum := 0.0
	for h, s := range p.Seen {
		if s > 0 {
			sum += p.Rate[h]
		}
	}
	return sum / float64(max(p.Covered(), 1))
}

// enough reports whether the profile tells a week: all its hours but a day's.
func (p Profile) enough() bool { return p.Covered() >= hours-24 }

// requests is how many requests the profile expects in a window; ok is false when
// an hour of it was never seen.
func (p Profile) requests(from time.Time, length time.Duration) (n float64, ok bool) {
	to := from.Add(length)
	if length > 7*24*time.Hour {
		return 0, false
	}
	for at := from; at.Before(to); {
		next := at.Truncate(time.Hour).Add(time.Hour)
		if next.After(to) {
			next = to
		}
		h := hourOf(at)
		if p.Seen[h] == 0 {
			return 0, false
		}
		n += p.Rate[h] * next.Sub(at).Seconds()
		at = next
	}
	return n, true
}

// BudgetCost is what the downtime costs of one objective's error budget.
type BudgetCost struct {
	SLO       string  `json:"slo"`
	Objective float64 `json:"objective"`
	Window    string  `json:"window"`
	// Share of the whole budget of the window, 1 = all of it, when every request
	// fails now; nil when it can't be said.
	Share *float64 `json:"share,omitempty"`
	Why   string   `json:"why,omitempty"` // it can't be said
}

// measure adds traffic and what the downtime costs.
func (w *world) measure(s *Service, d Downtime) {
	t, ok := w.in.Traffic[s.Name]
	if t.Known {
		now := t.Now
		s.Now = &now
	}
	if t.Profile.Covered() > 0 {
		mean := t.Profile.Mean()
		s.Usual = &mean
	}
	if ok {
		s.Source, s.Query = t.Source, t.Query
	}
	for _, o := range w.services[fold(s.Name)].SLOs {
		s.Budgets = append(s.Budgets, cost(o, t, d.Length()))
	}
}

// cost is the share of an error budget that a total failure spends. The budget of
// a window W at objective o is (1-o) of its requests, the mean rate times W; a
// downtime D now fails the current rate times D. So
//
//	share = D/W × (rate now / mean rate) / (1-o)
//
// after "Site Reliability Engineering" (2016), ch. 3, "Forming Your Error Budget", with
// requests as the events. It is the most that it can cost: a fallback that holds
// costs less.
func cost(o catalog.SLO, t Traffic, d time.Duration) BudgetCost {
	window := o.Window
	if window == "" {
		window = "30d"
	}
	c := BudgetCost{SLO: o.Name, Objective: o.Objective, Window: window}
	length, err := strict.ParseDuration(window)
	mean := t.Profile.Mean()
	switch {
	case err != nil || length <= 0 || o.Objective >= 1:
		c.Why = "the objective has no budget"
	case d <= 0:
		c.Why = "the downtime is unknown"
	case !t.Known:
		c.Why = "no traffic"
	case !t.Profile.enough() || mean <= 0:
		c.Why = "too little history to say what share of the traffic this is"
	default:
		share := d.Seconds() / length.Seconds() * t.Now / mean / (1 - o.Objective)
		c.Share = &share
	}
	return c
}

// Quiet is the quietest window of the next seven days.
type Quiet struct {
	Window *Window `json:"window,omitempty"`
	// Requests that are expected in it, and in the same time from now on, over
	// Services.
	Requests float64  `json:"requests,omitempty"`
	FromNow  *float64 `json:"requests_from_now,omitempty"`
	Services []string `json:"services"` // whose traffic was added up
	Seconds  float64  `json:"seconds,omitempty"`
	Assumed  bool     `json:"assumed_length,omitempty"` // an hour, for want of a length
	Why      string   `json:"why,omitempty"`            // there is none
	Freezes  []string `json:"freezes"`                  // that were kept free
}

// stepQuiet is between two beginnings that are tried; horizon is how far they lie
// ahead.
const (
	stepQuiet = 15 * time.Minute
	horizon   = 7 * 24 * time.Hour
)

// quiet looks for the window with the fewest requests to user-facing services that
// are affected, or to all when none of those has a profile; the earliest of equals.
func (w *world) quiet(services []Service, d Downtime) Quiet {
	q := Quiet{Services: []string{}, Freezes: []string{}}
	length := d.Length()
	if length <= 0 {
		length, q.Assumed = time.Hour, true
	}
	q.Seconds = length.Seconds()
	profiles := w.profiles(services, &q)
	if len(profiles) == 0 || length > horizon {
		if q.Why == "" {
			q.Why = fmt.Sprintf("%s is longer than the days that are looked at", length)
		}
		return q
	}
	now := w.in.Now.UTC()
	if n, ok := total(profiles, now, length); ok {
		q.FromNow = &n
	}
	first := now.Truncate(stepQuiet)
	if first.Before(now) {
		first = first.Add(stepQuiet)
	}
	skipped := map[string]bool{}
	for at := first; !at.Add(length).After(now.Add(horizon)); at = at.Add(stepQuiet) {
		if f, frozen := w.frozen(at, at.Add(length)); frozen {
			if !skipped[f.Name] {
				skipped[f.Name] = true
				q.Freezes = append(q.Freezes, f.Name)
			}
			continue
		}
		if n, ok := total(profiles, at, length); ok && (q.Window == nil || n < q.Requests-1e-9) {
			q.Window, q.Requests = &Window{From: at, To: at.Add(length)}, n
		}
	}
	if q.Window == nil {
		q.Why = "no window of that length is known and free"
		if len(q.Freezes) > 0 {
			q.Why += " of " + strings.Join(q.Freezes, ", ")
		}
	}
	return q
}

// profiles are those that the window is looked for with.
func (w *world) profiles(services []Service, q *Quiet) []Profile {
	var facing, all []Profile
	var facingNames, allNames, short []string
	for _, s := range services {
		p := w.in.Traffic[s.Name].Profile
		switch {
		case p.Covered() == 0:
			continue
		case !p.enough():
			short = append(short, fmt.Sprintf("%s was seen in %d of %d hours of the week", s.Name, p.Covered(), hours))
			continue
		case s.UserFacing:
			facing, facingNames = append(facing, p), append(facingNames, s.Name)
		}
		all, allNames = append(all, p), append(allNames, s.Name)
	}
	switch {
	case len(facing) > 0:
		q.Services = facingNames
		return facing
	case len(all) > 0:
		q.Services = allNames
	case len(short) > 0:
		q.Why = "too little history: " + strings.Join(short, ", ")
	default:
		q.Why = "no history of traffic"
	}
	return all
}

func total(ps []Profile, from time.Time, length time.Duration) (sum float64, ok bool) {
	for _, p := range ps {
		n, ok := p.requests(from, length)
		if !ok {
			return 0, false
		}
		sum += n
	}
	return sum, true
}

func (w *world) frozen(from, to time.Time) (Window, bool) {
	for _, f := range w.in.Freezes {
		if from.Before(f.To) && f.From.Before(to) {
			return f, true
		}
	}
	return Window{}, false
}
