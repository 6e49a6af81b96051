package api

import (
	"encoding/json"
	"time"

	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/incident"
)

// Cause is the leading hypothesis in short.
type Cause struct {
	Class       string  `json:"cause_class"`
	Component   string  `json:"component"`
	Mechanism   string  `json:"mechanism"`
	Probability float64 `json:"probability"`
}

// Summary is one line of the list of incidents.
type Summary struct {
	ID             string        `json:"id"`
	Title          string        `json:"title"`
	State          string        `json:"state"`
	Severity       string        `json:"severity"`
	Environment    string        `json:"environment"`
	Services       []string      `json:"services"`
	Commander      string        `json:"commander,omitempty"`
	StartedAt      incident.Time `json:"started_at"`
	AcknowledgedAt incident.Time `json:"acknowledged_at"`
	ResolvedAt     incident.Time `json:"resolved_at"`
	Cause          *Cause        `json:"cause,omitempty" doc:"The leading hypothesis; absent when nothing leads."`
}

// summarize makes one line of an incident.
func summarize(inc *incident.Incident) Summary {
	s := Summary{
		ID: inc.ID, Title: inc.Title, State: string(inc.State), Severity: inc.Severity.String(),
		Environment: inc.Environment, Services: inc.Services, Commander: inc.Commander,
		StartedAt: incident.Time(inc.StartedAt), AcknowledgedAt: timeOf(inc.AcknowledgedAt), ResolvedAt: timeOf(inc.ResolvedAt),
	}
	if s.Services == nil {
		s.Services = []string{}
	}
	if top, ok := (diagnose.Diagnosis{Hypotheses: inc.Hypotheses}).Top(); ok {
		s.Cause = &Cause{Class: string(top.CauseClass), Component: top.Component, Mechanism: top.Mechanism, Probability: top.Probability}
	}
	return s
}

func timeOf(t *time.Time) incident.Time {
	if t == nil {
		return incident.Time{}
	}
	return incident.Time(*t)
}

// Evidence is one item of evidence.json.
type Evidence struct {
	ID        string          `json:"id"`
	Kind      string          `json:"kind"`
	Collector string          `json:"collector"`
	Source    string          `json:"source"`
	Service   string          `json:"service,omitempty"`
	Query     string          `json:"query" doc:"As a person would run it again."`
	From      incident.Time   `json:"from"`
	To        incident.Time   `json:"to"`
	Unit      string          `json:"unit"`
	Summary   string          `json:"summary"`
	Data      json.RawMessage `json:"data"`
	Link      string          `json:"link"`
	Strength  float64         `json:"strength" doc:"How much one item of this kind may say, 0 to 1."`
	Stale     bool            `json:"stale"`
	Error     string          `json:"error"`
	Outside   bool            `json:"outside,omitempty" doc:"People outside the organisation could have written its text."`
}

func newEvidence(it evidence.Item) Evidence {
	data := it.Data
	if len(data) == 0 {
		data = json.RawMessage("null")
	}
	return Evidence{
		ID: it.ID, Kind: string(it.Kind), Collector: it.Collector, Source: it.Source, Service: it.Service,
		Query: it.Query, From: incident.Time(it.From), To: incident.Time(it.To), Unit: it.Unit, Summary: it.Summary, Data: data,
		Link: it.Link, Strength: it.Strength, Stale: it.Stale, Error: it.Error, Outside: it.Outside,
	}
}

// newEvents puts events into the form that incident.json gives them.
func newEvents(events []incident.Event) []incident.EventView {
	return incident.NewView(incident.Parts{Events: events}).Timeline
}
