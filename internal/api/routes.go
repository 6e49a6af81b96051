package api

import (
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/holdfast-sre/holdfast/internal/incident"
)

// access is who may call an operation.
type access string

const (
	anyone   access = "read"     // on this machine; elsewhere with a token
	users    access = "user"     // with a token
	approver access = "approver" // with the token of a user who may approve
)

// Routes registers every route of this package on mux. They are all here:
//
//	GET  /api/v1/incidents                                  list
//	POST /api/v1/incidents                                  declare
//	GET  /api/v1/incidents/{id}                             incident.json
//	GET  /api/v1/incidents/{id}/evidence                    evidence.json
//	GET  /api/v1/incidents/{id}/events                      timeline
//	GET  /api/v1/incidents/{id}/stream                      timeline and state, live (server-sent events)
//	GET  /api/v1/incidents/{id}/documents/{kind}            one document as it was written
//	GET  /api/v1/incidents/{id}/audit                       audit records of the incident
//	GET  /api/v1/audit                                      audit records of everything
//	POST /api/v1/incidents/{id}/acknowledge | severity | commander | findings
//	POST /api/v1/incidents/{id}/split | merge | resolve
//	POST /api/v1/incidents/{id}/proposals/{pid}/approve | reject
//	POST /api/v1/incidents/{id}/delegations                 plan of a task, and the task once confirmed
//	POST /api/v1/incidents/{id}/delegations/{did}/cancel
//	POST /api/v1/incidents/{id}/grade
//	GET  /api/v1/autonomy                                   what every runbook has earned
//	POST /api/v1/audit/erase                                delete names and texts of people
//	GET  /api/v1/pause
//	POST /api/v1/pause
//	GET  /api/v1/impact                                     what stops when a component does
//	GET  /api/v1/knowledge                                  artefacts of the knowledge repository
//	GET  /api/v1/knowledge/artefacts/{id}                   one artefact, rendered, with its links
//	GET  /api/v1/knowledge/search | graph
//	GET  /openapi.json, /openapi.yaml
//	GET  /health/startup, /health/live, /health/ready
//	GET  /metrics
func (a *API) Routes(mux *http.ServeMux) {
	api := a.operations(mux)
	a.reads(api)
	a.impacts(api)
	a.earned(api)
	a.knowledgeReads(api)
	a.commands(api)
	describeHint(api)
	mux.HandleFunc("GET /health/live", a.live)
	mux.HandleFunc("GET /health/startup", a.startup)
	mux.HandleFunc("GET /health/ready", a.ready)
	if a.o.Metrics != nil {
		mux.Handle("GET /metrics", a.o.Metrics)
	}
}

// reads registers the operations that change nothing.
func (a *API) reads(api huma.API) {
	get(a, api, "list-incidents", "/api/v1/incidents", "List incidents, newest first", a.list)
	get(a, api, "get-incident", "/api/v1/incidents/{id}", "One incident with everything that is known", a.incident)
	get(a, api, "get-evidence", "/api/v1/incidents/{id}/evidence", "Evidence: what was asked of which source, and what came back", a.evidence)
	get(a, api, "get-events", "/api/v1/incidents/{id}/events", "Timeline, oldest first", a.events)
	get(a, api, "stream-incident", "/api/v1/incidents/{id}/stream", "Timeline and state as they happen (server-sent events)", a.stream)
	get(a, api, "get-document", "/api/v1/incidents/{id}/documents/{kind}", "One document as it was written", a.document)
	get(a, api, "get-incident-audit", "/api/v1/incidents/{id}/audit", "Audit records of one incident", a.incidentAudit)
	get(a, api, "get-audit", "/api/v1/audit", "Audit records of everything", a.audit)
	get(a, api, "get-pause", "/api/v1/pause", "Whether actions are paused", a.pause)
}

// commands registers the operations that change something.
func (a *API) commands(api huma.API) {
	const one = "/api/v1/incidents/{id}"
	post(a, api, users, "declare-incident", "/api/v1/incidents", "Declare an incident without any alert", a.declare)
	post(a, api, users, "acknowledge-incident", one+"/acknowledge", "Acknowledge as a person", a.acknowledge)
	post(a, api, users, "set-severity", one+"/severity", "Set the severity; only people lower it", a.severity)
	post(a, api, users, "set-commander", one+"/commander", "Set who commands", a.commander)
	post(a, api, users, "add-finding", one+"/findings", "Add what a person found; diagnoses again", a.finding)
	post(a, api, users, "split-incident", one+"/split", "Move signals into an incident of their own", a.split)
	post(a, api, users, "merge-incident", one+"/merge", "Merge into another incident", a.merge)
	post(a, api, users, "resolve-incident", one+"/resolve", "Resolve as a person", a.resolve)
	post(a, api, approver, "approve-proposal", one+"/proposals/{pid}/approve", "Approve exactly the plan that was shown", a.approve)
	post(a, api, users, "delegate", one+"/delegations", "Give the agent a task: shows its plan, and takes it when that is confirmed", a.delegate)
	post(a, api, users, "cancel-delegation", one+"/delegations/{did}/cancel", "End a task: not approved any more, not started, or no longer watched", a.cancelDelegation)
	post(a, api, users, "reject-proposal", one+"/proposals/{pid}/reject", "Reject a proposal", a.reject)
	post(a, api, approver, "erase-audit", "/api/v1/audit/erase", "Erase what people wrote, or a person's name, from the audit; its chain still holds", a.eraseAudit)
	post(a, api, users, "set-pause", "/api/v1/pause", "Pause or allow actions everywhere; allowing needs an approver", a.setPause)
}

// operations returns the API on mux, with the shared parts of its description.
func (a *API) operations(mux *http.ServeMux) huma.API {
	c := huma.DefaultConfig("Holdfast", a.o.Version)
	c.Info.Description = "Incidents with their evidence, diagnosis, verdict, actions and documents, and what people may do about them."
	c.CreateHooks = nil // answers are exactly the documented JSON, without a $schema member
	c.DocsPath, c.SchemasPath = "", ""
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"token": {Type: "http", Scheme: "bearer", Description: "A user's token from holdfast.yaml."},
	}
	c.Components.Schemas.RegisterTypeAlias(reflect.TypeFor[incident.Time](), reflect.TypeFor[timeSchema]())
	api := humago.New(mux, c)
	api.UseMiddleware(a.authorize(api))
	return api
}

// operation is what every operation has in common.
func operation(method, id, path, summary string, who access) huma.Operation {
	op := huma.Operation{
		Method: method, OperationID: id, Path: path, Summary: summary,
		MaxBodyBytes: MaxBody, BodyReadTimeout: readTimeout,
		Metadata: map[string]any{accessKey: who},
		Errors:   []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusServiceUnavailable},
		Security: []map[string][]string{{"token": {}}},
	}
	if who == anyone {
		op.Security = append(op.Security, map[string][]string{}) // optional on this machine
	} else {
		op.Errors = append(op.Errors, http.StatusConflict)
	}
	return op
}
