// Package escalate knows whom to tell what: whether people must be paged
// (again), and the words of the page. Pure: it sends nothing.
package escalate

import (
	"time"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/decide"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/signal"
)

// Snapshot is what a page is written from, as far as it is known.
type Snapshot struct {
	Now       time.Time
	Incident  incident.Incident
	Signals   []signal.Signal
	Evidence  []evidence.Item
	Verdict   *decide.Verdict // nil = the first page, before any diagnosis
	Proposals []incident.Proposal
	Intents   []action.Intent
	Events    []incident.Event
	Services  []catalog.Service // of the incident, for owners and contacts
	URL       string            // of the incident page
}

// Content is one page: the seeds' escalation format with its parts apart, so
// that each door can lay them out.
type Content struct {
	IncidentID string         `json:"incident_id"`
	Urgency    decide.Urgency `json:"urgency"`
	Summary    string         `json:"summary"` // one sentence, at most 120 characters: service, symptom, number
	Severity   string         `json:"severity"`
	Service    string         `json:"service"`
	Impact     string         `json:"impact"`
	Duration   string         `json:"duration"`
	Situation  string         `json:"situation"`             // one or two sentences
	SeenBefore string         `json:"seen_before,omitempty"` // what resembles it most, in a line
	Actions    []string       `json:"actions_taken"`
	Why        []string       `json:"why_escalating"`
	NextSteps  []string       `json:"next_steps"`
	Options    []Option       `json:"options"`
	Dashboards []Link         `json:"dashboards"`
	To         []Recipient    `json:"to"`
	URL        string         `json:"url"`
	At         time.Time      `json:"at"`
}

// Option is a mitigation that a person may choose.
type Option struct {
	ID          string `json:"id"` // of the proposal
	Title       string `json:"title"`
	Risk        string `json:"risk"`
	Lasting     string `json:"lasting"`
	Pros        string `json:"pros"`
	Cons        string `json:"cons"`
	Cost        string `json:"cost"`
	Check       string `json:"check"`
	Recommended bool   `json:"recommended"`
	// Approvers is how many people must approve; -1 = commands for a person only.
	Approvers int      `json:"approvers"`
	Commands  []string `json:"commands,omitempty"`
}

// Link is something to look at.
type Link struct {
	Title string `json:"title"`
	URL   string `json:"url"`
}

// Recipient is who is told.
type Recipient struct {
	Name    string `json:"name"`
	Channel string `json:"channel,omitempty"`
	Service string `json:"service,omitempty"`
}
