package incident

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/holdfast-sre/holdfast/internal/severity"
)

// follows says which states may follow which. Monitoring means that the fault
// was removed and recovery is being watched; resolved goes back to
// investigating when a signal fires again, closed and merged go nowhere.
var follows = map[State][]State{
	Open:          {Investigating, Mitigating, Monitoring, Watching, Resolved, Merged},
	Investigating: {Mitigating, Monitoring, Watching, Resolved, Merged},
	Mitigating:    {Investigating, Monitoring, Resolved, Merged},
	Monitoring:    {Investigating, Mitigating, Resolved, Merged},
	Watching:      {Investigating, Mitigating, Monitoring, Resolved, Merged},
	Resolved:      {Investigating, Closed},
	Closed:        {},
	Merged:        {},
}

// States lists every state in the order of an incident's life.
func States() []State {
	return []State{Open, Investigating, Mitigating, Monitoring, Watching, Resolved, Closed, Merged}
}

// ActiveStates lists the states in which work goes on.
func ActiveStates() []State {
	return []State{Open, Investigating, Mitigating, Monitoring, Watching}
}

// CanFollow reports whether an incident may go from one state to another.
func CanFollow(from, to State) bool { return slices.Contains(follows[from], to) }

// Active reports whether work goes on: neither resolved, closed nor merged.
func (s State) Active() bool { return slices.Contains(ActiveStates(), s) }

// RefusedError reports an event that the incident's rules do not allow.
type RefusedError struct {
	Incident string
	What     string // "closed incidents do not become open"
}

func (e *RefusedError) Error() string { return fmt.Sprintf("incident %s: %s", e.Incident, e.What) }

func (i *Incident) refuse(format string, args ...any) error {
	return &RefusedError{Incident: i.ID, What: fmt.Sprintf(format, args...)}
}

// IsPerson reports whether an actor is a person: not the agent, a rule or the system.
func IsPerson(actor string) bool {
	return actor != "" && actor != ActorAgent && actor != ActorRule && actor != ActorSystem
}

// Apply does to the incident what ev says, and returns the row for its timeline
// (with "from" filled in). It is the only way in which state, severity and
// clocks change; events that only tell something change nothing. It returns a
// *RefusedError, and leaves the incident as it was, when the rules do not allow
// the event.
func (i *Incident) Apply(ev Event) (Event, error) {
	ev.Data = maps.Clone(ev.Data)
	if ev.Data == nil {
		ev.Data = map[string]any{}
	}
	if !slices.Contains(kinds, ev.Kind) {
		return ev, i.refuse("unknown event %q", ev.Kind)
	}
	if ev.At.IsZero() || ev.Actor == "" {
		return ev, i.refuse("event %s has no time or no actor", ev.Kind)
	}
	var err error
	switch ev.Kind {
	case EventTransition:
		err = i.transition(ev)
	case EventMerged:
		err = i.merged(ev)
	case EventSeverityChanged:
		err = i.changeSeverity(ev)
	case EventAcknowledged:
		err = i.acknowledge(ev)
	case EventCommanderSet:
		err = i.setCommander(ev)
	case EventMitigated:
		i.MitigatedAt = first(i.MitigatedAt, ev.At)
	case EventFlapping:
		i.Flapping = true
	case EventTriaged:
		i.ClaimedAt = first(i.ClaimedAt, ev.At)
	}
	return ev, err
}

// transition moves to Data["to"].
func (i *Incident) transition(ev Event) error {
	to := State(text(ev, "to"))
	if to == Merged {
		return i.refuse("merging needs a merged event that names the other incident")
	}
	if err := i.allow(to); err != nil {
		return err
	}
	ev.Data["from"] = string(i.State)
	if relapse(i.State, to) {
		i.ResolvedAt, i.MitigatedAt = nil, nil
	}
	if i.State == Resolved && to == Investigating && !i.Flapping {
		i.ReopenedAt = first(nil, ev.At)
	}
	i.State = to
	if to == Monitoring || to == Resolved {
		i.MitigatedAt = first(i.MitigatedAt, ev.At)
	}
	if to == Resolved {
		i.ResolvedAt = first(nil, ev.At)
	}
	if to == Closed {
		i.ClosedAt = first(nil, ev.At)
	}
	return nil
}

// relapse reports whether a step takes back that users no longer feel it.
func relapse(from, to State) bool {
	return (from == Resolved || from == Monitoring) && (to == Investigating || to == Mitigating)
}

func (i *Incident) allow(to State) error {
	if !slices.Contains(States(), to) {
		return i.refuse("unknown state %q", to)
	}
	if !CanFollow(i.State, to) {
		return i.refuse("%s does not become %s", i.State, to)
	}
	return nil
}

// merged moves to the state merged, in favour of Data["into"]. An incident that
// took another one carries Data["took"] and stays as it is.
func (i *Incident) merged(ev Event) error {
	if text(ev, "took") != "" {
		return nil
	}
	into := text(ev, "into")
	if into == "" || into == i.ID {
		return i.refuse("can't be merged into %q", into)
	}
	if err := i.allow(Merged); err != nil {
		return err
	}
	ev.Data["from"] = string(i.State)
	i.State, i.MergedInto = Merged, into
	return nil
}

// changeSeverity sets Data["to"]. It rises for anyone; only a person lowers it.
func (i *Incident) changeSeverity(ev Event) error {
	to, err := severity.Parse(text(ev, "to"))
	if err != nil {
		return i.refuse("severity: %v", err)
	}
	if to == i.Severity {
		return i.refuse("severity is %s already", to)
	}
	if !to.WorseThan(i.Severity) && !IsPerson(ev.Actor) {
		return i.refuse("only a person lowers the severity from %s to %s", i.Severity, to)
	}
	if !i.State.Active() && i.State != Resolved {
		return i.refuse("the severity of a %s incident stays", i.State)
	}
	ev.Data["from"] = i.Severity.String()
	i.Severity = to
	if IsPerson(ev.Actor) {
		i.SeverityByHand = true
	}
	i.SeverityReasons = appendNew(i.SeverityReasons, text(ev, "cause"))
	return nil
}

func (i *Incident) acknowledge(ev Event) error {
	if !IsPerson(ev.Actor) {
		return i.refuse("only a person acknowledges; the agent claims")
	}
	i.AcknowledgedAt = first(i.AcknowledgedAt, ev.At)
	return nil
}

func (i *Incident) setCommander(ev Event) error {
	name := text(ev, "commander")
	if !IsPerson(ev.Actor) || !IsPerson(name) {
		return i.refuse("a person names a person as commander")
	}
	i.Commander = name
	return nil
}

// text reads a string from an event's data.
func text(ev Event, key string) string {
	s, _ := ev.Data[key].(string)
	return s
}

func first(old *time.Time, at time.Time) *time.Time {
	if old != nil {
		return old
	}
	at = at.UTC()
	return &at
}

func appendNew(list []string, s string) []string {
	if s == "" || slices.Contains(list, s) {
		return list
	}
	return append(slices.Clip(list), s)
}
