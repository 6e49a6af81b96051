package web

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/incident"
)

// listPage is what the list shows.
type listPage struct {
	Paused string
	Rows   []listRow
	Active int
}

type listRow struct {
	ID, Title, Severity, State string
	Service                    string
	Cause                      string
	Probability                float64
	Who                        string
	Started                    moment
	needs                      int
}

// newList sorts incidents by what needs a person now: an active incident that
// nobody has taken, then active ones, then watched ones, then what is over; the
// worst and the newest first.
func newList(incs []incident.Incident, now time.Time, paused string) listPage {
	p := listPage{Paused: paused}
	rows := slices.Clone(incs)
	slices.SortStableFunc(rows, func(a, b incident.Incident) int {
		return cmp.Or(
			cmp.Compare(need(&a), need(&b)),
			cmp.Compare(a.Severity, b.Severity),
			b.StartedAt.Compare(a.StartedAt),
		)
	})
	for i := range rows {
		inc := &rows[i]
		r := listRow{
			ID: inc.ID, Title: inc.Title, Severity: inc.Severity.String(), State: string(inc.State),
			Service: strings.Join(inc.Services, ", "), Who: who(inc), Started: newMoment(inc.StartedAt, now), needs: need(inc),
		}
		if top, ok := (diagnose.Diagnosis{Hypotheses: inc.Hypotheses}).Top(); ok {
			r.Cause, r.Probability = strings.TrimSpace(words(top.CauseClass)+" "+top.Component), top.Probability
		}
		if inc.State.Active() {
			p.Active++
		}
		p.Rows = append(p.Rows, r)
	}
	return p
}

// need orders states by how much a person is needed, the most first.
func need(inc *incident.Incident) int {
	switch {
	case !inc.State.Active():
		return 3
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
