package incident

import (
	"fmt"
	"time"

	"github.com/holdfast-sre/holdfast/internal/severity"
)

// kinds is the closed list of events.
var kinds = []string{
	EventOpened, EventDeclared, EventSignal, EventAcknowledged, EventTriaged, EventTransition,
	EventSeverityChanged, EventCommanderSet, EventEvidence, EventDiagnosis, EventVerdict, EventPaged,
	EventProposal, EventApproved, EventRejected, EventExpired, EventAction, EventRecovery,
	EventDocument, EventFindingAdded, EventCauseConfirmed, EventMitigated, EventFixDeployed,
	EventFixValidated, EventGraded, EventDelegated, EventReported, EventSplit, EventMerged, EventFlapping, EventNote,
}

// NewEvent returns a row for the timeline; cause says why it happened.
func NewEvent(kind, actor, text, cause string, at time.Time) Event {
	return Event{At: at.UTC(), Kind: kind, Actor: actor, Text: text, Data: map[string]any{"cause": cause}}
}

// With returns the event with one more fact.
func (e Event) With(key string, value any) Event {
	data := make(map[string]any, len(e.Data)+1)
	for k, v := range e.Data {
		data[k] = v
	}
	data[key] = value
	e.Data = data
	return e
}

// Transition is the event that moves an incident to a state.
func Transition(to State, actor, cause string, at time.Time) Event {
	return NewEvent(EventTransition, actor, "State: "+string(to)+".", cause, at).With("to", string(to))
}

// SeverityChange is the event that sets the severity.
func SeverityChange(to severity.Severity, actor, cause string, at time.Time) Event {
	return NewEvent(EventSeverityChanged, actor, fmt.Sprintf("Severity: %s (%s).", to, cause), cause, at).
		With("to", to.String())
}

// Acknowledgement is a person's: it stops nothing and pages nobody.
func Acknowledgement(person string, at time.Time) Event {
	return NewEvent(EventAcknowledged, person, person+" acknowledged.", "acknowledged by a person", at)
}

// CommanderSet names the commander.
func CommanderSet(commander, actor string, at time.Time) Event {
	return NewEvent(EventCommanderSet, actor, commander+" commands.", "set by a person", at).
		With("commander", commander)
}
