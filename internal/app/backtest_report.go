package app

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/prometheus/common/model"

	"github.com/holdfast-sre/holdfast/internal/decide"
)

// Past is what a backtest found.
type Past struct {
	From      time.Time      `json:"from"`
	To        time.Time      `json:"to"`
	Step      string         `json:"step"`
	Alerts    int            `json:"alerts"` // times that an alert began to fire
	Incidents []PastIncident `json:"incidents"`
	Decided   PastCounts     `json:"decided"`
	Watched   string         `json:"watched"` // how long of it any Prometheus recorded something
	Gaps      []PastGap      `json:"gaps"`
	Shift     string         `json:"shift"`
	PerShift  *PastRates     `json:"per_shift"` // of the time watched; null = none of it was
	Shifts    []PastShift    `json:"shifts"`
	Names     []PastAlert    `json:"alert_names"` // the most frequent first
	Unmapped  []PastAlert    `json:"unmapped"`    // without a service of the catalog
	Runbooks  []PastRunbook  `json:"runbooks"`
	Sources   []PastSource   `json:"sources"`
	Ignored   []string       `json:"ignored"` // always-firing alerts
	Unlooked  int            `json:"unlooked"`
	Caveats   []string       `json:"caveats"`

	seen []span // by any Prometheus
}

// PastGap is a time of which a Prometheus remembers nothing.
type PastGap struct {
	Source string    `json:"source"`
	From   time.Time `json:"from"`
	To     time.Time `json:"to"`
}

// PastRates are what a shift had on average.
type PastRates struct {
	Alerts   float64 `json:"alerts"`
	Pages    float64 `json:"pages"`
	Notifies float64 `json:"notifies"`
	Tickets  float64 `json:"tickets"`
}

// PastIncident is one incident as the agent would have seen it.
type PastIncident struct {
	ID            string    `json:"id"`
	StartedAt     time.Time `json:"started_at"`
	EndedAt       time.Time `json:"ended_at,omitzero"`
	Title         string    `json:"title"`
	Severity      string    `json:"severity"`
	Environment   string    `json:"environment"`
	Services      []string  `json:"services"`
	Alerts        int       `json:"alerts"`
	Verdict       string    `json:"verdict"` // remediate, would_remediate, escalate, watch, ended_first or not_looked_at
	Urgency       string    `json:"urgency"`
	After         string    `json:"after"` // from the first alert to the verdict
	Why           []string  `json:"why"`
	Cause         string    `json:"cause"`
	Component     string    `json:"component"`
	Probability   float64   `json:"probability"`
	Runbook       string    `json:"runbook"`
	Flapping      bool      `json:"flapping"`
	SymptomRelief bool      `json:"symptom_relief"`
	Paged         []string  `json:"paged"` // urgencies, in order
	Evidence      int       `json:"evidence"`
	Silent        int       `json:"silent"` // sources without an answer

	pagedAt []time.Time
}

// What a backtest calls a verdict.
const (
	pastWould   = "would_remediate" // every rule but autonomy holds
	pastEnded   = "ended_first"     // its alerts ended before anything was decided
	pastSkipped = "not_looked_at"
)

// PastCounts counts incidents by what was decided.
type PastCounts struct {
	Remediate      int `json:"remediate"`
	WouldRemediate int `json:"would_remediate"`
	Escalate       int `json:"escalate"`
	Watch          int `json:"watch"`
	EndedFirst     int `json:"ended_first"`
	Pages          int `json:"pages"`
	Notifies       int `json:"notifies"`
	Tickets        int `json:"tickets"`
}

// PastShift is one shift of those on call.
type PastShift struct {
	From      time.Time `json:"from"`
	Alerts    int       `json:"alerts"`
	Incidents int       `json:"incidents"`
	Pages     int       `json:"pages"`
	Notifies  int       `json:"notifies"`
	Tickets   int       `json:"tickets"`
	Watched   string    `json:"watched"` // how long of it any Prometheus recorded something
}

// PastAlert is one alert by name.
type PastAlert struct {
	Name   string   `json:"name"`
	Times  int      `json:"times"`
	Days   int      `json:"days"`             // on which it fired
	Labels []string `json:"labels,omitempty"` // that it carries
}

// PastRunbook is one runbook and the incidents that it was for.
type PastRunbook struct {
	Name      string `json:"name"`
	Incidents int    `json:"incidents"`
}

// PastSource is what a source still knew.
type PastSource struct {
	Name     string    `json:"name"`
	Asked    int       `json:"asked"`
	Failed   int       `json:"failed"`
	Empty    int       `json:"empty"`
	DataFrom time.Time `json:"data_from,omitzero"` // of the earliest incident for which it had data
	Note     string    `json:"note"`
}

// count fills everything that follows from the alerts and the incidents.
func (p *Past) count(episodes []episode, shift time.Duration) {
	p.Alerts, p.Shift = len(episodes), shift.String()
	first := p.From.Truncate(shift)
	for at := first; at.Before(p.To); at = at.Add(shift) {
		p.Shifts = append(p.Shifts, PastShift{From: at})
	}
	in := func(at time.Time) *PastShift {
		i := int(at.Sub(first) / shift)
		return &p.Shifts[min(max(i, 0), len(p.Shifts)-1)]
	}
	for _, e := range episodes {
		in(e.From).Alerts++
	}
	books := map[string]int{}
	for _, inc := range p.Incidents {
		in(inc.StartedAt).Incidents++
		p.Decided.add(inc.Verdict)
		if inc.Runbook != "" {
			books[inc.Runbook]++
		}
		for i, urgency := range inc.Paged {
			s := in(inc.pagedAt[i])
			switch decide.Urgency(urgency) {
			case decide.PageUrgency:
				s.Pages++
				p.Decided.Pages++
			case decide.NotifyUrgency:
				s.Notifies++
				p.Decided.Notifies++
			case decide.TicketUrgency:
				s.Tickets++
				p.Decided.Tickets++
			case decide.NoUrgency:
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(books)) {
		p.Runbooks = append(p.Runbooks, PastRunbook{name, books[name]})
	}
	p.Names = byName(episodes)
	p.rate(shift)
}

// leastGap is the shortest time without samples that is told: Prometheus shows
// a sample for five minutes after it stopped.
const leastGap = 5 * time.Minute

// remember notes when a source recorded anything, and what it warned of.
func (p *Past) remember(source string, r recordedPast) {
	step, _ := time.ParseDuration(p.Step) // written by String
	for _, g := range gaps(r.seen, p.From, p.To, max(leastGap, 2*step)) {
		p.Gaps = append(p.Gaps, PastGap{source, g.from, g.to})
	}
	if r.blind {
		p.Caveats = append(p.Caveats, source+" has no series up: times at which it recorded nothing can't be told from quiet ones, and count as quiet.")
	}
	for _, w := range r.warnings {
		p.Caveats = append(p.Caveats, source+" warns that its answer may lack something: "+w)
	}
	var all []span
	both := append(slices.Clone(p.seen), r.seen...)
	slices.SortFunc(both, func(a, b span) int { return a.from.Compare(b.from) })
	for _, s := range both {
		all = join(all, s)
	}
	p.seen = all
}

// rate divides by the time that was watched: what nobody recorded was not quiet.
func (p *Past) rate(shift time.Duration) {
	seen, watched := within(p.seen, p.From, p.To)
	p.Watched = watched.String()
	for i := range p.Shifts {
		s := &p.Shifts[i]
		_, length := within(seen, s.From, s.From.Add(shift))
		s.Watched = length.String()
	}
	if watched == 0 {
		return
	}
	n := float64(watched) / float64(shift)
	p.PerShift = &PastRates{
		Alerts: float64(p.Alerts) / n, Pages: float64(p.Decided.Pages) / n, Notifies: float64(p.Decided.Notifies) / n, Tickets: float64(p.Decided.Tickets) / n,
	}
}

func (c *PastCounts) add(verdict string) {
	switch verdict {
	case string(decide.Remediate):
		c.Remediate++
	case pastWould:
		c.WouldRemediate++
	case string(decide.Escalate):
		c.Escalate++
	case string(decide.Watch):
		c.Watch++
	case pastEnded:
		c.EndedFirst++
	}
}

// byName counts alerts, the most frequent first.
func byName(episodes []episode) []PastAlert {
	type count struct {
		times  int
		days   map[string]bool
		labels map[string]bool
	}
	counts := map[string]*count{}
	for _, e := range episodes {
		c := counts[e.name()]
		if c == nil {
			c = &count{days: map[string]bool{}, labels: map[string]bool{}}
			counts[e.name()] = c
		}
		c.times++
		c.days[e.From.Format(time.DateOnly)] = true
		for k := range e.Labels {
			if k != model.AlertNameLabel {
				c.labels[k] = true
			}
		}
	}
	out := make([]PastAlert, 0, len(counts))
	for name, c := range counts {
		out = append(out, PastAlert{Name: name, Times: c.times, Days: len(c.days), Labels: slices.Sorted(maps.Keys(c.labels))})
	}
	slices.SortFunc(out, func(a, b PastAlert) int { return cmp.Or(cmp.Compare(b.Times, a.Times), cmp.Compare(a.Name, b.Name)) })
	return out
}
