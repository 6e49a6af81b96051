package escalate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/decide"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/severity"
)

// NeedsPage reports whether people must be told with this urgency, given whom
// the incident told already, and why. Joining an incident never pages less than
// the signal alone would have: a worse severity, a service or an owner that no
// page named yet, or a higher urgency pages again.
func NeedsPage(inc incident.Incident, u decide.Urgency) (needed bool, why string) {
	if rank(u) == 0 {
		return false, ""
	}
	told := coverage(sinceReopened(inc), rank(u))
	switch {
	case told.pages == 0 && len(inc.Paged) > 0 && inc.ReopenedAt != nil:
		return true, "it is back after it was resolved"
	case told.pages == 0:
		return true, "nobody was told yet"
	case inc.Severity.WorseThan(told.severity):
		return true, fmt.Sprintf("severity rose to %s", inc.Severity)
	}
	if missing := without(inc.Services, told.services); len(missing) > 0 {
		return true, "now also affects " + strings.Join(missing, ", ")
	}
	if missing := without(inc.Owners, told.owners); len(missing) > 0 {
		return true, "now also concerns " + strings.Join(missing, ", ")
	}
	return false, ""
}

type told struct {
	pages            int
	severity         severity.Severity
	services, owners []string
}

// sinceReopened are the pages that still count: whoever was told before the
// incident was resolved believes that it is over. One that flaps is told once.
func sinceReopened(inc incident.Incident) []incident.Page {
	if inc.ReopenedAt == nil {
		return inc.Paged
	}
	return slices.DeleteFunc(slices.Clone(inc.Paged), func(p incident.Page) bool { return p.At.Before(*inc.ReopenedAt) })
}

// coverage is what was told with at least the given urgency.
func coverage(pages []incident.Page, atLeast int) told {
	var t told
	for _, p := range pages {
		if rank(decide.Urgency(p.Urgency)) < atLeast {
			continue
		}
		t.pages++
		t.severity = severity.Worse(t.severity, p.Severity)
		t.services = append(t.services, p.Services...)
		t.owners = append(t.owners, p.Owners...)
	}
	return t
}

func rank(u decide.Urgency) int {
	switch u {
	case decide.PageUrgency:
		return 3
	case decide.NotifyUrgency:
		return 2
	case decide.TicketUrgency:
		return 1
	case decide.NoUrgency:
	}
	return 0
}

func without(all, known []string) []string {
	var out []string
	for _, s := range all {
		if !slices.Contains(known, s) && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}
