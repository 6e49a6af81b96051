package incident

import (
	"slices"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/severity"
	"github.com/holdfast-sre/holdfast/internal/signal"
)

// Merge ends from in favour of into, which takes its services, owners, pages
// and the worse severity; its signals move with them. It returns the rows for
// both timelines. Incidents of two environments, and ended ones, are refused:
// both stay as they were.
func Merge(into, from *Incident, actor, cause string, at time.Time) (intoRows, fromRows []Event, err error) {
	if into.ID == from.ID {
		return nil, nil, from.refuse("can't be merged into itself")
	}
	if into.Environment != from.Environment {
		return nil, nil, from.refuse("is in %s, %s is in %s: incidents never span environments", from.Environment, into.ID, into.Environment)
	}
	if !into.State.Active() {
		return nil, nil, from.refuse("can't be merged into %s, which is %s", into.ID, into.State)
	}
	end := NewEvent(EventMerged, actor, "Merged into "+into.ID+": "+cause+".", cause, at).With("into", into.ID)
	if end, err = from.Apply(end); err != nil {
		return nil, nil, err
	}
	rows := []Event{NewEvent(EventMerged, actor, "Took "+from.ID+" ("+describe(from)+"): "+cause+".", cause, at).With("took", from.ID)}
	for _, s := range from.Services {
		added(&into.Services, s)
	}
	for _, o := range from.Owners {
		added(&into.Owners, o)
	}
	into.Paged = append(slices.Clip(into.Paged), from.Paged...)
	slices.SortStableFunc(into.Paged, func(a, b Page) int { return a.At.Compare(b.At) })
	if from.LastSignalAt.After(into.LastSignalAt) {
		into.LastSignalAt = from.LastSignalAt
	}
	if from.Severity.WorseThan(into.Severity) {
		row, err := into.Apply(SeverityChange(from.Severity, actor, "merged incident "+from.ID+" is "+from.Severity.String(), at))
		if err != nil {
			return nil, nil, err
		}
		rows = append(rows, row)
	}
	return rows, []Event{end}, nil
}

func describe(i *Incident) string {
	if len(i.Services) == 0 {
		return i.Title
	}
	return strings.Join(i.Services, ", ")
}

// Split takes moved out of the incident into one of their own; rest are the
// signals that stay. The new incident has no ID yet. The severity of the old
// one stays: only a person lowers it. Both lists need at least one signal.
func (i *Incident) Split(moved, rest []signal.Signal, owner func(string) string, title, actor string, at time.Time) (Incident, []Event, error) {
	if !IsPerson(actor) {
		return Incident{}, nil, i.refuse("only a person splits an incident")
	}
	if !i.State.Active() {
		return Incident{}, nil, i.refuse("is %s and can't be split", i.State)
	}
	if len(moved) == 0 || len(rest) == 0 {
		return Incident{}, nil, i.refuse("a split moves some of the signals and leaves some")
	}
	worstFirst := slices.SortedStableFunc(slices.Values(moved), func(a, b signal.Signal) int { return int(a.Severity) - int(b.Severity) })
	out := FromSignals(worstFirst, owner, at)
	out.Paged = slices.Clone(i.Paged) // whoever was paged for the whole knows about the part
	if title != "" {
		out.Title = signal.Clean(title, maxTitle)
	}
	if out.Severity == severity.Unset {
		out.Severity = i.Severity
	}
	i.Services, i.Owners = nil, nil
	i.Join(rest, owner)
	names := make([]string, 0, len(moved))
	for _, s := range worstFirst {
		names = append(names, s.ID)
	}
	row := NewEvent(EventSplit, actor, plural(len(moved), "signal")+" split off: "+out.Title+".", "split by a person", at).With("signals", names)
	return out, []Event{row}, nil
}
