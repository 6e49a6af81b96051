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
	Shift     string         `json:"shift"`
	Shifts    []PastShift    `json:"shifts"`
	Names     []PastAlert    `json:"alert_names"` // the most frequent first
	Unmapped  []PastAlert    `json:"unmapped"`    // without a service of the catalog
	Runbooks  []PastRunbook  `json:"runbooks"`
	Sources   []PastSource   `json:"sources"`
	Ignored   []string       `json:"ignored"` // always-firing alerts
	Unlooked  int            `json:"unlooked"`
	Caveats   []string       `json:"caveats"`
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
