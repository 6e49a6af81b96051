package incident

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/severity"
	"github.com/holdfast-sre/holdfast/internal/signal"
)

// reopenedKept bounds Incident.Reopened: flapping needs the last hour only.
const reopenedKept = 8

// maxTitle bounds a title in bytes: it holds text from outside.
const maxTitle = 200

// Scope is what joining signals to an incident changed.
type Scope struct {
	Raised      severity.Severity // the higher severity that the signals ask for; Unset = none
	Reason      string
	NewServices []string
	NewOwners   []string
}

// Wider reports whether people who were told must be told again.
func (s Scope) Wider() bool {
	return s.Raised != severity.Unset || len(s.NewServices) > 0 || len(s.NewOwners) > 0
}

// FromSignals returns an open incident about signals, of which there is at least one, worst
// first. owner names the team of a service, "" when nobody is known. It has no
// ID and no events yet.
func FromSignals(signals []signal.Signal, owner func(service string) string, now time.Time) Incident {
	lead := signals[0]
	i := Incident{
		State: Open, Environment: lead.Environment, Title: titleOf(lead), Severity: severity.Unset,
		StartedAt: lead.ReceivedAt, GroupKey: signal.LoneKey(lead), Impact: Impact{Summary: summaryOf(lead)},
	}
	for _, s := range signals {
		if s.ReceivedAt.Before(i.StartedAt) {
			i.StartedAt = s.ReceivedAt
		}
	}
	scope := i.Join(signals, owner)
	i.Severity = scope.Raised
	i.SeverityReasons = []string{scope.Reason}
	if i.StartedAt.IsZero() {
		i.StartedAt = now.UTC()
	}
	return i
}

// Join takes signals into the incident: services and owners grow at once, the
// severity that they ask for is returned, to be applied as an event.
func (i *Incident) Join(signals []signal.Signal, owner func(service string) string) Scope {
	var out Scope
	for _, s := range signals {
		if s.ReceivedAt.After(i.LastSignalAt) {
			i.LastSignalAt = s.ReceivedAt
		}
		if i.asksForMore(s) && s.Severity.WorseThan(out.Raised) {
			out.Raised, out.Reason = s.Severity, fmt.Sprintf("alert %s is mapped to %s", s.Name, s.Severity)
		}
		if s.Service == "" {
			continue
		}
		if added(&i.Services, s.Service) {
			out.NewServices = append(out.NewServices, s.Service)
		}
		if o := owner(s.Service); o != "" && added(&i.Owners, o) {
			out.NewOwners = append(out.NewOwners, o)
		}
	}
	for _, s := range signals {
		if s.Severity.WorseThan(i.SeverityHeard) {
			i.SeverityHeard = s.Severity
		}
	}
	slices.Sort(out.NewServices)
	slices.Sort(out.NewOwners)
	return out
}

// asksForMore reports whether a signal calls for a higher severity. Where a
// person has set it, only what that person could not know does: a signal about
// another service, or a worse one than all before.
func (i *Incident) asksForMore(s signal.Signal) bool {
	if !s.Severity.WorseThan(i.Severity) {
		return false
	}
	return !i.SeverityByHand || s.Severity.WorseThan(i.SeverityHeard) ||
		s.Service != "" && !slices.Contains(i.Services, s.Service)
}

// added inserts s into a sorted list and reports whether it was missing.
func added(list *[]string, s string) bool {
	at, found := slices.BinarySearch(*list, s)
	if !found {
		*list = slices.Insert(slices.Clip(*list), at, s)
	}
	return !found
}

// FiredAgain records that a resolved signal fired again at a time, and reports
// whether that makes the incident flap: twice within the window.
func (i *Incident) FiredAgain(at time.Time, window time.Duration) bool {
	i.Reopened = append(slices.Clip(i.Reopened), at.UTC())
	if n := len(i.Reopened); n > reopenedKept {
		i.Reopened = i.Reopened[n-reopenedKept:]
	}
	recent := 0
	for _, t := range i.Reopened {
		if at.Sub(t) <= window {
			recent++
		}
	}
	return recent >= 2
}

func titleOf(s signal.Signal) string {
	title := s.Annotations["summary"]
	if title == "" {
		title = s.Name
		if s.Service != "" {
			title += " on " + s.Service
		}
	}
	return signal.Clean(strings.Join(strings.Fields(title), " "), maxTitle)
}

func summaryOf(s signal.Signal) string {
	text := s.Annotations["description"]
	if text == "" {
		text = s.Annotations["summary"]
	}
	return signal.Clean(strings.Join(strings.Fields(text), " "), 1000)
}
