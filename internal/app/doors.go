package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/holdfast-sre/holdfast/internal/api"
	"github.com/holdfast-sre/holdfast/internal/audit"
	"github.com/holdfast-sre/holdfast/internal/config"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/respond"
	"github.com/holdfast-sre/holdfast/internal/severity"
	"github.com/holdfast-sre/holdfast/internal/store"
	"github.com/holdfast-sre/holdfast/internal/triage"
	"github.com/holdfast-sre/holdfast/internal/web"
)

// reader answers the API's questions from the store.
type reader struct {
	store  *store.Store
	pause  pauseSwitch
	folder config.Folder
}

// view runs fn in a snapshot and translates what the store says.
func (r reader) view(ctx context.Context, fn func(tx *store.Tx) error) error {
	return translate(r.store.View(ctx, fn))
}

// translate turns the errors of store and loops into those of the API.
func translate(err error) error {
	var refused *incident.RefusedError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, store.ErrNotFound):
		return marked{api.ErrNotFound, err}
	case errors.Is(err, respond.ErrMoved), errors.Is(err, store.ErrConflict), errors.As(err, &refused):
		return marked{api.ErrConflict, err}
	case errors.Is(err, respond.ErrNever), errors.Is(err, respond.ErrNotApprover):
		return marked{api.ErrForbidden, err}
	}
	return err
}

// marked is an error that the doors know as mark; its text is that of err alone.
type marked struct{ mark, err error }

func (m marked) Error() string   { return m.err.Error() }
func (m marked) Unwrap() []error { return []error{m.mark, m.err} }

func (r reader) Incidents(ctx context.Context, f api.Filter) (out []incident.Incident, err error) {
	err = r.view(ctx, func(tx *store.Tx) error {
		out, err = tx.Incidents(ctx, store.IncidentFilter{States: f.States, Environment: f.Environment, Service: f.Service, Since: f.Since, Limit: f.Limit})
		return err
	})
	return out, err
}

func (r reader) Incident(ctx context.Context, id string) (view incident.View, err error) {
	err = r.view(ctx, func(tx *store.Tx) error {
		p, err := parts(ctx, tx, id)
		if err != nil {
			return err
		}
		view = incident.NewView(p)
		return nil
	})
	return view, err
}

// parts reads everything that an incident's JSON is made of.
func parts(ctx context.Context, tx *store.Tx, id string) (p incident.Parts, err error) {
	if p.Incident, err = tx.Incident(ctx, id); err != nil {
		return p, err
	}
	if p.Signals, err = tx.Signals(ctx, id); err != nil {
		return p, err
	}
	if p.Verdicts, err = tx.Verdicts(ctx, id); err != nil {
		return p, err
	}
	if p.Proposals, err = tx.Proposals(ctx, id); err != nil {
		return p, err
	}
	if p.Intents, err = tx.Intents(ctx, id); err != nil {
		return p, err
	}
	if p.Events, err = tx.Events(ctx, id); err != nil {
		return p, err
	}
	if p.Verification, err = respond.Verification(ctx, tx, id); err != nil {
		return p, err
	}
	docs, err := tx.Documents(ctx, id)
	if err != nil {
		return p, err
	}
	for _, d := range docs {
		p.Documents = append(p.Documents, incident.DocumentView{Kind: d.Kind, Path: d.Path})
	}
	saved, err := tx.Artifacts(ctx, id)
	if len(saved) > 0 {
		p.Documents = append(p.Documents, incident.DocumentView{Kind: savedKind, Path: savedPath})
	}
	return p, err
}

// What the repairs of an incident destroyed is offered as one document.
const (
	savedKind = "saved"
	savedPath = "saved.txt"
)

// savedState is what was kept before each action, oldest first.
func savedState(ctx context.Context, tx *store.Tx, id string) ([]byte, error) {
	list, err := tx.Artifacts(ctx, id)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, store.ErrNotFound
	}
	var out []byte
	for _, a := range list {
		out = fmt.Appendf(out, "== before %s, %s\n%s\n", a.IntentID, a.At.UTC().Format(time.RFC3339), a.Data)
	}
	return out, nil
}

func (r reader) Mark(ctx context.Context, id string) (m api.Mark, err error) {
	err = r.view(ctx, func(tx *store.Tx) error {
		inc, err := tx.Incident(ctx, id)
		if err != nil {
			return err
		}
		m.Revision = inc.Revision
		m.Events, err = tx.EventCount(ctx, id)
		return err
	})
	return m, err
}

func (r reader) Evidence(ctx context.Context, id string) (out []evidence.Item, err error) {
	err = r.view(ctx, func(tx *store.Tx) error {
		if _, err := tx.Incident(ctx, id); err != nil {
			return err
		}
		out, err = tx.Evidence(ctx, id)
		return err
	})
	return out, err
}

func (r reader) Events(ctx context.Context, id string) (out []incident.Event, err error) {
	err = r.view(ctx, func(tx *store.Tx) error {
		if _, err := tx.Incident(ctx, id); err != nil {
			return err
		}
		out, err = tx.Events(ctx, id)
		return err
	})
	return out, err
}

func (r reader) Document(ctx context.Context, id, kind string) (path string, body []byte, err error) {
	err = r.view(ctx, func(tx *store.Tx) error {
		if kind == savedKind {
			path = savedPath
			body, err = savedState(ctx, tx, id)
			return err
		}
		docs, err := tx.Documents(ctx, id)
		if err != nil {
			return err
		}
		for _, d := range docs {
			if d.Kind == kind {
				path, body = d.Path, []byte(d.Body)
			}
		}
		if body == nil {
			return store.ErrNotFound
		}
		return nil
	})
	return path, body, err
}

func (r reader) Audit(ctx context.Context, id string, after int64, limit int) (out []audit.Record, err error) {
	err = r.view(ctx, func(tx *store.Tx) error {
		out, err = tx.Audit(ctx, id, after, limit)
		return err
	})
	return out, err
}

func (r reader) Paused(ctx context.Context) (api.Pause, error) { return r.pause.state(ctx) }

// commands do what people ask through the loops.
type commands struct {
	triage  *triage.Service
	respond *respond.Responder
	pause   pauseSwitch
}

func (c commands) Declare(ctx context.Context, by string, d api.Declaration) (string, error) {
	id, err := c.triage.Declare(ctx, by, triage.Declaration(d))
	return id, translate(err)
}

func (c commands) Acknowledge(ctx context.Context, by, id string) error {
	return translate(c.triage.Acknowledge(ctx, by, id))
}

func (c commands) SetSeverity(ctx context.Context, by, id string, s severity.Severity, reason string) error {
	return translate(c.triage.SetSeverity(ctx, by, id, s, reason))
}

func (c commands) SetCommander(ctx context.Context, by, id, commander string) error {
	return translate(c.triage.SetCommander(ctx, by, id, commander))
}

func (c commands) AddFinding(ctx context.Context, by, id, text string) error {
	return translate(c.triage.AddFinding(ctx, by, id, text))
}

func (c commands) Split(ctx context.Context, by, id string, signals []string, title string) (string, error) {
	newID, err := c.triage.Split(ctx, by, id, signals, title)
	return newID, translate(err)
}

func (c commands) Merge(ctx context.Context, by, id, into string) error {
	return translate(c.triage.Merge(ctx, by, id, into))
}

func (c commands) Resolve(ctx context.Context, by, id, reason string) error {
	return translate(c.triage.Resolve(ctx, by, id, reason))
}

func (c commands) Approve(ctx context.Context, by, id, proposal, planSHA string) error {
	return translate(c.respond.Approve(ctx, by, id, proposal, planSHA))
}

func (c commands) Reject(ctx context.Context, by, id, proposal, reason string) error {
	return translate(c.respond.Reject(ctx, by, id, proposal, reason))
}

func (c commands) Grade(ctx context.Context, by, id string, j api.Judgement) error {
	return translate(c.respond.Grade(ctx, by, id, respond.Judgement(j)))
}

func (c commands) PlanDelegation(ctx context.Context, by api.User, id string, o api.Order) (incident.DelegationPlan, error) {
	p, err := c.respond.PlanDelegation(ctx, respond.Person(by), id, respond.Order(o))
	return p, translate(err)
}

func (c commands) Delegate(ctx context.Context, by api.User, id string, o api.Order, planSHA string) (incident.DelegationPlan, error) {
	p, err := c.respond.Delegate(ctx, respond.Person(by), id, respond.Order(o), planSHA)
	return p, translate(err)
}

func (c commands) CancelDelegation(ctx context.Context, by, id, delegation, reason string) error {
	return translate(c.respond.CancelDelegation(ctx, by, id, delegation, reason))
}

func (c commands) SetPause(ctx context.Context, by string, paused bool, reason string) error {
	return translate(c.pause.set(ctx, by, paused, reason))
}

// maxActive bounds how many active incidents the list page shows.
const maxActive = 2000

// Latest answers every active incident and the newest others for the list page, in
// one snapshot.
func (r reader) Latest(ctx context.Context, n int) (out []incident.Incident, err error) {
	err = r.view(ctx, func(tx *store.Tx) error {
		if out, err = tx.Incidents(ctx, store.IncidentFilter{States: incident.ActiveStates(), Limit: maxActive}); err != nil {
			return err
		}
		newest, err := tx.Incidents(ctx, store.IncidentFilter{Limit: n})
		for _, inc := range newest {
			if !inc.State.Active() {
				out = append(out, inc)
			}
		}
		return err
	})
	return out, err
}

// Waiting answers the proposals that people may approve now.
func (r reader) Waiting(ctx context.Context, ids []string) (map[string][]incident.Proposal, error) {
	out := map[string][]incident.Proposal{}
	err := r.view(ctx, func(tx *store.Tx) error {
		for _, id := range ids {
			all, err := tx.Proposals(ctx, id)
			if err != nil {
				return err
			}
			for _, p := range all {
				if p.State == incident.Waiting && p.Executable {
					out[id] = append(out[id], p)
				}
			}
		}
		return nil
	})
	return out, err
}

// pausedLine says in one line that actions are paused.
func (r reader) pausedLine(ctx context.Context) string {
	p, err := r.Paused(ctx)
	switch {
	case err != nil:
		return "Actions are paused: the pause switch can't be read."
	case p.Paused:
		return fmt.Sprintf("Actions are paused by %s: %s", p.By, p.Reason)
	}
	return ""
}

// pages mounts the pages; o says what they are about.
func pages(mux *http.ServeMux, r reader, reading *readingRoom, o web.Options) error {
	o.Reader, o.Paused = r, r.pausedLine
	o.NotFound = func(err error) bool { return errors.Is(err, api.ErrNotFound) }
	if reading != nil {
		o.Knowledge = reading
	}
	w, err := web.New(o)
	if err != nil {
		return fmt.Errorf("pages: %w", err)
	}
	w.Routes(mux)
	return nil
}

// rulesInForce are the files that people wrote, for the pages.
func rulesInForce(f config.Folder) *web.Rules {
	out := &web.Rules{Runbooks: f.Runbooks, Boundaries: f.Boundaries}
	for _, u := range f.Config.Users {
		if u.Approver {
			out.Approvers = append(out.Approvers, u.Name)
		}
	}
	return out
}

// auditPages are the record and its end, for the pages.
type auditPages struct {
	chain
	reader

	anchored func(context.Context) error
}

func (a auditPages) Anchored(ctx context.Context) error { return a.anchored(ctx) }
