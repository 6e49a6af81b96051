// Package signal knows what asks for attention: alerts pushed to Holdfast and
// anomalies that it found itself, in one form, and how signals about one
// problem find each other. It does no I/O; values are plain.
package signal

import (
	"time"

	"github.com/holdfast-sre/holdfast/internal/severity"
)

// Kind says where a signal comes from.
type Kind string

// The kinds of signal.
const (
	Alert    Kind = "alert"    // pushed by Alertmanager, a webhook, …
	Anomaly  Kind = "anomaly"  // found by watching
	Declared Kind = "declared" // a person declared an incident
	Internal Kind = "internal" // Holdfast about itself: refused delivery, lost heartbeat
)

// Status is whether the condition behind a signal holds.
type Status string

// The states of a signal.
const (
	Firing   Status = "firing"
	Resolved Status = "resolved"
)

// Signal is one alert or anomaly. Source and Fingerprint together identify the
// condition; a condition that resolves and fires again is the same signal with
// a later StartsAt.
type Signal struct {
	ID          string            `json:"id"` // sig_…
	Kind        Kind              `json:"kind"`
	Source      string            `json:"source"`      // configured source name
	Environment string            `json:"environment"` // from the source's credential, never from a label
	Fingerprint string            `json:"fingerprint"` // stable per condition within Source
	Name        string            `json:"name"`        // alert name
	Status      Status            `json:"status"`
	Severity    severity.Severity `json:"severity"` // from the label map; never Unset once accepted
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	Links       []Link            `json:"links,omitempty"` // https only
	StartsAt    time.Time         `json:"starts_at"`
	EndsAt      time.Time         `json:"ends_at,omitzero"` // zero while firing
	ReceivedAt  time.Time         `json:"received_at"`
	Service     string            `json:"service,omitempty"` // catalog name; empty = maps to nothing
	IncidentID  string            `json:"incident_id,omitempty"`
	Marks       []string          `json:"marks,omitempty"` // what was odd and how it was clamped
	Silenced    bool              `json:"silenced,omitempty"`
}

// Link is a URL that came with a signal: shown as text and link, never fetched.
type Link struct {
	Kind string `json:"kind"` // runbook | dashboard | generator
	URL  string `json:"url"`
}
