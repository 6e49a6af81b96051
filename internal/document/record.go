// Package document writes what people read after an incident: the timeline and
// the post-mortem, in Markdown, from the record alone. What the record does not
// say is a question for a person, never a guess. Pure: it writes no files.
package document

import (
	"time"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/change"
	"github.com/holdfast-sre/holdfast/internal/decide"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/signal"
)

// Record is everything that is known about one incident.
type Record struct {
	Now       time.Time // when the documents are written
	Incident  incident.Incident
	Events    []incident.Event
	Signals   []signal.Signal
	Evidence  []evidence.Item
	Verdicts  []decide.Verdict
	Proposals []incident.Proposal
	Intents   []action.Intent
	Changes   []change.Change
	Services  []catalog.Service // affected services and the component at fault
	URL       string            // of the incident page, for references
	// ChartPath is where the caller puts the SVG, relative to the post-mortem;
	// empty = "metrics.svg".
	ChartPath string
}
