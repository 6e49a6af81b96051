package document

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/change"
	"github.com/holdfast-sre/holdfast/internal/incident"
)

// entry is one row of a timeline, escaped already.
type entry struct {
	at    time.Time
	text  string
	actor string
	cause string
}

// Timeline writes timeline.md: every event and every change to the services,
// with its actor and its cause, oldest first.
func Timeline(r Record) string {
	var b strings.Builder
	inc := r.Incident
	fmt.Fprintf(&b, "# Timeline of %s: %s\n\n", say(inc.ID), title(inc))
	fmt.Fprintf(&b, "%s, %s, environment %s. Times in UTC; written %s.\n\n", inc.Severity, say(string(inc.State)), cmp.Or(say(inc.Environment), "unknown"), moment(r.Now))
	t := newTable("Time (UTC)", "Since start", "Event", "Actor", "Cause")
	start := r.start()
	for _, e := range r.entries() {
		t.row(clockOf(e.at, start), since(e.at, start), e.text, e.actor, e.cause)
	}
	b.WriteString(t.String())
	return b.String()
}

// entries are the events of the incident and the changes of its services.
func (r Record) entries() []entry {
	var out []entry
	for _, c := range r.changes() {
		out = append(out, entry{at: c.At, text: changed(c), actor: cmp.Or(say(c.Author), "not recorded"), cause: "change"})
	}
	if at := r.Incident.OnsetAt; at != nil {
		out = append(out, entry{at: *at, text: "Onset: the measurements leave their usual range", actor: "measurement", cause: "found in the series afterwards"})
	}
	for _, ev := range r.Events {
		cause, _ := ev.Data["cause"].(string)
		out = append(out, entry{at: ev.At, text: eventText(ev), actor: actor(ev.Actor), cause: say(cause)})
	}
	slices.SortStableFunc(out, func(a, b entry) int { return a.at.Compare(b.at) })
	return out
}

func eventText(ev incident.Event) string {
	return cmp.Or(say(ev.Text), say(strings.ReplaceAll(ev.Kind, "_", " ")))
}

// changes of the services on record and of the trace, oldest first, none after
// the end of the incident.
func (r Record) changes() []change.Change {
	var out []change.Change
	end := r.end()
	for _, c := range r.Changes {
		if r.concerns(c) && !c.At.After(end) {
			out = append(out, c)
		}
	}
	slices.SortStableFunc(out, func(a, b change.Change) int { return a.At.Compare(b.At) })
	return out
}

func (r Record) concerns(c change.Change) bool {
	if slices.Contains(r.Incident.Services, c.Service) {
		return true
	}
	top, ok := r.top()
	return ok && c.Service == top.Component
}

func changed(c change.Change) string {
	var parts []string
	parts = append(parts, say(capital(cmp.Or(string(c.Kind), "change"))+" of "+cmp.Or(c.Service, "an unknown service")))
	switch {
	case c.Version != "" && c.Previous != "":
		parts = append(parts, code(c.Previous)+" → "+code(c.Version))
	case c.Version != "":
		parts = append(parts, code(c.Version))
	case c.Revision != "":
		parts = append(parts, code(short(c.Revision)))
	}
	if c.Summary != "" {
		parts = append(parts, say(c.Summary))
	}
	return strings.Join(parts, ": ")
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// short is an abbreviated commit.
func short(revision string) string { return revision[:min(len(revision), 12)] }

// clockOf writes the time, with the date when it is not the day of the start.
func clockOf(t, start time.Time) string {
	if t.UTC().Format(time.DateOnly) == start.UTC().Format(time.DateOnly) {
		return clock(t)
	}
	return t.UTC().Format("2006-01-02 15:04:05")
}

func since(t, start time.Time) string {
	if t.Before(start) {
		return "−" + between(t, start)
	}
	return "+" + between(start, t)
}

func title(inc incident.Incident) string {
	return cmp.Or(say(strings.TrimRight(inc.Title, ". ")), "no title")
}
