package runbook

import (
	"maps"

	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/redact"
)

// Run is what the diagnostics of one runbook found for one incident. It is a
// value: nothing in it refers to a source any more.
type Run struct {
	Runbook       string         `json:"runbook"`
	SHA256        string         `json:"sha256"`
	Service       string         `json:"service"`
	Facts         map[string]any `json:"facts"` // bool, float64 or string; a fact that could not be captured is missing
	Preconditions []Check        `json:"preconditions"`
	// Diagnostics maps each diagnostic to its evidence.
	Diagnostics map[string]string `json:"diagnostics"`
	Items       []evidence.Item   `json:"-"` // in the order of the diagnostics
}

// Redacted is the run as it may be stored and shown: what a table holds may be
// a secret.
func (r Run) Redacted(red *redact.Redactor) Run {
	r.Facts = maps.Clone(r.Facts)
	for name, value := range r.Facts {
		if text, ok := value.(string); ok {
			r.Facts[name] = red.String(text)
		}
	}
	items := make([]evidence.Item, 0, len(r.Items))
	for _, it := range r.Items {
		items = append(items, it.Redacted(red))
	}
	r.Items = items
	return r
}

// Check is one condition as it was evaluated.
type Check struct {
	Name  string `json:"name"` // the expression, or the precondition in words
	Held  bool   `json:"held"`
	Error string `json:"error,omitempty"` // why it could not be evaluated
}

// Option is a remediation as the facts see it.
type Option struct {
	Remediation
	Held    bool   // when holds and every precondition does
	Error   string // why it could not be evaluated
	Service string // catalog name of the target, ${service} resolved
	Classes []diagnose.CauseClass
}
