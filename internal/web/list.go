package web

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/incident"
)

// listPage is what the list shows.
type listPage struct {
	Paused string
	Q      string
	Rows   []listRow
	Active int
	All    int // before the search
	Alone  int // active ones that nobody acknowledged
	Waits  int // that wait for an approval
}

type listRow struct {
	ID, Title, Severity, State string
	Service                    string
	Cause                      string
	Probability                float64
	Who                        string
	Active, Acked              bool
	Started                    moment
	Waits                      string // what waits for an approval
}

// newList sorts incidents by what needs a person now: an active incident that
// nobody has taken or in which an action waits for approval, then active ones, then
// watched ones, then what is over; the worst and the newest first.
func newList(incs []incident.Incident, waiting map[string][]incident.Proposal, now time.Time, paused string) listPage {
	p := listPage{Paused: paused, All: len(incs)}
	rows := slices.Clone(incs)
	slices.SortStableFunc(rows, func(a, b incident.Incident) int {
		return cmp.Or(
			cmp.Compare(need(&a, waiting[a.ID]), need(&b, waiting[b.ID])),
			cmp.Compare(a.Severity, b.Severity),
			b.StartedAt.Compare(a.StartedAt),
		)
	})
	for i := range rows {
		inc := &rows[i]
		r := listRow{
			ID: inc.ID, Title: inc.Title, Severity: inc.Severity.String(), State: string(inc.State), Active: inc.State.Active(), Acked: inc.AcknowledgedAt != nil,
			Service: strings.Join(inc.Services, ", "), Who: who(inc), Started: newMoment(inc.StartedAt, now), Waits: waits(waiting[inc.ID]),
		}
		if top, ok := (diagnose.Diagnosis{Hypotheses: inc.Hypotheses}).Top(); ok {
			r.Cause, r.Probability = strings.TrimSpace(words(top.CauseClass)+" "+top.Component), top.Probability
		}
		if r.Active {
			p.Active++
		}
		if r.Waits != "" {
			p.Waits++
		}
		if r.Active && !r.Acked && inc.State != incident.Watching {
			p.Alone++
		}
		p.Rows = append(p.Rows, r)
	}
	return p
}

// waits says what waits for approval, and how far that is.
func waits(all []incident.Proposal) string {
	if len(all) == 0 {
		return ""
	}
	p := all[0]
	text := strings.ReplaceAll(cmp.Or(p.Title, p.Option, p.Action.Name), "_", " ")
	if len(p.ApprovedBy) > 0 {
		text += fmt.Sprintf(" (%s approved, %d more needed)", strings.Join(p.ApprovedBy, ", "), p.StillNeeded())
	}
	if more := len(all) - 1; more > 0 {
		text += fmt.Sprintf(", and %d more", more)
	}
	return text
}

// find keeps the rows in which every word of q stands.
func (p *listPage) find(q string) {
	p.Q = strings.TrimSpace(q[:min(len(q), maxAsked)])
	want := strings.Fields(strings.ToLower(p.Q))
	p.Rows = slices.DeleteFunc(p.Rows, func(r listRow) bool {
		text := strings.ToLower(strings.Join([]string{r.ID, r.Title, r.Severity, r.State, r.Service, r.Cause, r.Who}, " "))
		return slices.ContainsFunc(want, func(w string) bool { return !strings.Contains(text, w) })
	})
}

// need orders incidents by how much a person is needed, the most first.
func need(inc *incident.Incident, waiting []incident.Proposal) int {
	switch {
	case !inc.State.Active():
		return 3
	case len(waiting) > 0:
		return 0
	case inc.State == incident.Watching:
		return 2
	case inc.AcknowledgedAt == nil:
		return 0
	}
	return 1
}

// who has the incident.
func who(inc *incident.Incident) string {
	switch {
	case inc.Commander != "":
		return inc.Commander
	case inc.AcknowledgedAt != nil:
		return "acknowledged"
	case inc.ClaimedAt != nil && inc.State.Active():
		return "agent, no person"
	case inc.ClaimedAt != nil:
		return "agent"
	}
	return "nobody"
}

// words makes a cause class readable: connection pool exhausted.
func words(c diagnose.CauseClass) string {
	s := strings.ReplaceAll(string(c), "_", " ")
	if rest, ok := strings.CutPrefix(s, "resource exhaustion."); ok {
		return rest + " exhausted"
	}
	if rest, ok := strings.CutPrefix(s, "leak."); ok {
		return rest + " leak"
	}
	return strings.ReplaceAll(s, ".", " ")
}
