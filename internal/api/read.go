package api

import (
	"context"
	"encoding/json"
	"fmt"
	"path"
	"time"

	"github.com/holdfast-sre/holdfast/internal/audit"
	"github.com/holdfast-sre/holdfast/internal/incident"
)

// OneIncident names an incident in the path. It is exported because huma looks
// into exported embedded fields only; so are OneProposal and AuditPage.
type OneIncident struct {
	ID string `path:"id" maxLength:"32" pattern:"^INC-[0-9]{4}-[0-9]{4,}$" example:"INC-2026-0001" doc:"The incident."`
}

type listInput struct {
	State       []string `query:"state" enum:"open,investigating,mitigating,monitoring,watching,resolved,closed,merged" doc:"Only these states, separated by commas."`
	Environment string   `query:"environment" maxLength:"100" doc:"Only this environment."`
	Service     string   `query:"service" maxLength:"200" doc:"Only incidents that affect this service."`
	Since       string   `query:"since" format:"date-time" doc:"Only incidents that started at or after this time."`
	Limit       int      `query:"limit" minimum:"1" maximum:"500" default:"100" doc:"At most so many."`
}

type listOutput struct {
	Body struct {
		Incidents []Summary `json:"incidents" doc:"Newest first."`
	}
}

func (a *API) list(ctx context.Context, in *listInput) (*listOutput, error) {
	f := Filter{Environment: in.Environment, Service: in.Service, Limit: in.Limit}
	for _, s := range in.State {
		f.States = append(f.States, incident.State(s))
	}
	if in.Since != "" {
		t, err := time.Parse(time.RFC3339, in.Since)
		if err != nil {
			return nil, badInput("since is not a time: "+clip(in.Since, 40), "write it as 2026-11-21T14:00:00Z")
		}
		f.Since = t
	}
	incs, err := a.o.Reader.Incidents(ctx, f)
	if err != nil {
		return nil, fmt.Errorf("list incidents: %w", err)
	}
	out := &listOutput{}
	out.Body.Incidents = make([]Summary, 0, len(incs))
	for i := range incs {
		out.Body.Incidents = append(out.Body.Incidents, summarize(&incs[i]))
	}
	return out, nil
}

type incidentOutput struct {
	Body incident.View
}

func (a *API) incident(ctx context.Context, in *OneIncident) (*incidentOutput, error) {
	v, err := a.o.Reader.Incident(ctx, in.ID)
	if err != nil {
		return nil, fmt.Errorf("incident %s: %w", in.ID, err)
	}
	return &incidentOutput{Body: v}, nil
}

type evidenceOutput struct {
	Body []Evidence
}

func (a *API) evidence(ctx context.Context, in *OneIncident) (*evidenceOutput, error) {
	items, err := a.o.Reader.Evidence(ctx, in.ID)
	if err != nil {
		return nil, fmt.Errorf("evidence of %s: %w", in.ID, err)
	}
	out := &evidenceOutput{Body: make([]Evidence, 0, len(items))}
	for _, it := range items {
		out.Body = append(out.Body, newEvidence(it))
	}
	return out, nil
}

type eventsOutput struct {
	Body []incident.EventView
}

func (a *API) events(ctx context.Context, in *OneIncident) (*eventsOutput, error) {
	events, err := a.o.Reader.Events(ctx, in.ID)
	if err != nil {
		return nil, fmt.Errorf("timeline of %s: %w", in.ID, err)
	}
	return &eventsOutput{Body: newEvents(events)}, nil
}

type documentInput struct {
	OneIncident
	Kind string `path:"kind" maxLength:"40" pattern:"^[a-z][a-z0-9_-]*$" example:"postmortem" doc:"The kind of document."`
}

type documentOutput struct {
	ContentType string `header:"Content-Type"`
	Policy      string `header:"Content-Security-Policy"`
	Disposition string `header:"Content-Disposition"`
	Body        []byte
}

func (a *API) document(ctx context.Context, in *documentInput) (*documentOutput, error) {
	name, body, err := a.o.Reader.Document(ctx, in.ID, in.Kind)
	if err != nil {
		return nil, fmt.Errorf("document %s of %s: %w", in.Kind, in.ID, err)
	}
	return &documentOutput{
		ContentType: documentType(name),
		Policy:      "default-src 'none'; style-src 'unsafe-inline'; sandbox", // a document may quote outside text
		Disposition: "inline",
		Body:        body,
	}, nil
}

// documentType is the media type of a document by its file name: never HTML.
func documentType(name string) string {
	switch path.Ext(name) {
	case ".md":
		return "text/markdown; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".json":
		return "application/json"
	default:
		return "text/plain; charset=utf-8"
	}
}

// AuditPage says which audit records are asked for.
type AuditPage struct {
	After int64 `query:"after" minimum:"0" doc:"Only records after this sequence number."`
	Limit int   `query:"limit" minimum:"1" maximum:"1000" default:"1000" doc:"At most so many."`
}

type incidentAuditInput struct {
	OneIncident
	AuditPage
}

type auditOutput struct {
	Body []json.RawMessage
}

func (a *API) incidentAudit(ctx context.Context, in *incidentAuditInput) (*auditOutput, error) {
	return a.auditOf(ctx, in.ID, in.AuditPage)
}

func (a *API) audit(ctx context.Context, in *AuditPage) (*auditOutput, error) {
	return a.auditOf(ctx, "", *in)
}

// auditOf answers records as lines of audit.jsonl.
func (a *API) auditOf(ctx context.Context, id string, in AuditPage) (*auditOutput, error) {
	records, err := a.o.Reader.Audit(ctx, id, in.After, in.Limit)
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	out := &auditOutput{Body: make([]json.RawMessage, 0, len(records))}
	for _, r := range records {
		line, err := audit.Line(r)
		if err != nil {
			return nil, fmt.Errorf("encode audit record %d: %w", r.Seq, err)
		}
		out.Body = append(out.Body, line)
	}
	return out, nil
}

type pauseOutput struct {
	Body Pause
}

func (a *API) pause(ctx context.Context, _ *struct{}) (*pauseOutput, error) {
	p, err := a.o.Reader.Paused(ctx)
	if err != nil {
		return nil, fmt.Errorf("read pause: %w", err)
	}
	return &pauseOutput{Body: p}, nil
}
