package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/decide"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/incident"
)

// AddEvents appends to the timeline of an incident. A zero At becomes Now.
func (tx *Tx) AddEvents(ctx context.Context, incidentID string, events ...incident.Event) error {
	for _, e := range events {
		if e.At.IsZero() {
			e.At = tx.now
		}
		body, err := encode(e)
		if err == nil {
			_, err = tx.exec(ctx, `INSERT INTO events (incident_id, at, body) VALUES ($1, $2, $3)`,
				incidentID, e.At.UnixMicro(), body)
		}
		if err != nil {
			return fmt.Errorf("add event %q to %s: %w", e.Kind, incidentID, err)
		}
	}
	return nil
}

// Events returns the timeline of an incident by time, then by insertion.
func (tx *Tx) Events(ctx context.Context, incidentID string) ([]incident.Event, error) {
	out, err := bodies[incident.Event](ctx, tx,
		`SELECT body FROM events WHERE incident_id = $1 ORDER BY at, seq`, incidentID)
	return out, about(err, "timeline of %s", incidentID)
}

// EventCount returns how many rows the timeline of an incident has.
func (tx *Tx) EventCount(ctx context.Context, incidentID string) (n int, err error) {
	err = tx.row(ctx, []any{&n}, `SELECT count(*) FROM events WHERE incident_id = $1`, incidentID)
	return n, about(err, "timeline of %s", incidentID)
}

// SaveEvidence stores items; one with a known ID replaces the one before.
func (tx *Tx) SaveEvidence(ctx context.Context, incidentID string, items []evidence.Item) error {
	for _, it := range items {
		if it.ID == "" {
			return fmt.Errorf("save evidence of %s: an item of %s has no ID", incidentID, it.Collector)
		}
		body, err := encode(it)
		if err == nil {
			_, err = tx.exec(ctx, `INSERT INTO evidence (incident_id, id, body) VALUES ($1, $2, $3)
				ON CONFLICT (incident_id, id) DO UPDATE SET body = excluded.body`, incidentID, it.ID, body)
		}
		if err != nil {
			return fmt.Errorf("save evidence %s of %s: %w", it.ID, incidentID, err)
		}
	}
	return nil
}

// Evidence returns the evidence of an incident in the order it first came.
func (tx *Tx) Evidence(ctx context.Context, incidentID string) ([]evidence.Item, error) {
	out, err := bodies[evidence.Item](ctx, tx, `SELECT body FROM evidence WHERE incident_id = $1 ORDER BY seq`, incidentID)
	return out, about(err, "evidence of %s", incidentID)
}

// AddVerdict appends a verdict; earlier ones stay.
func (tx *Tx) AddVerdict(ctx context.Context, incidentID string, v decide.Verdict) error {
	body, err := encode(v)
	if err == nil {
		_, err = tx.exec(ctx, `INSERT INTO verdicts (incident_id, body) VALUES ($1, $2)`, incidentID, body)
	}
	return about(err, "add verdict to %s", incidentID)
}

// Verdicts returns the verdicts of an incident, the first first.
func (tx *Tx) Verdicts(ctx context.Context, incidentID string) ([]decide.Verdict, error) {
	out, err := bodies[decide.Verdict](ctx, tx, `SELECT body FROM verdicts WHERE incident_id = $1 ORDER BY seq`, incidentID)
	return out, about(err, "verdicts of %s", incidentID)
}

// SaveProposal stores a proposal as a whole, by its ID.
func (tx *Tx) SaveProposal(ctx context.Context, p incident.Proposal) error {
	body, err := encode(p)
	if err == nil {
		_, err = tx.exec(ctx, `INSERT INTO proposals (id, incident_id, body) VALUES ($1, $2, $3)
			ON CONFLICT (id) DO UPDATE SET body = excluded.body`, p.ID, p.IncidentID, body)
	}
	return about(err, "save proposal %s", p.ID)
}

// Proposal returns a proposal, or ErrNotFound. In a Tx it is locked until the
// transaction ends, so that it is approved once.
func (tx *Tx) Proposal(ctx context.Context, id string) (incident.Proposal, error) {
	p, err := body[incident.Proposal](ctx, tx, `SELECT body FROM proposals WHERE id = $1`+tx.lock(), id)
	return p, about(err, "proposal %s", id)
}

// Proposals returns the proposals of an incident in the order they were made.
func (tx *Tx) Proposals(ctx context.Context, incidentID string) ([]incident.Proposal, error) {
	out, err := bodies[incident.Proposal](ctx, tx, `SELECT body FROM proposals WHERE incident_id = $1 ORDER BY seq`, incidentID)
	return out, about(err, "proposals of %s", incidentID)
}

// SaveIntent stores an intent as a whole, by its ID.
func (tx *Tx) SaveIntent(ctx context.Context, in action.Intent) error {
	body, err := encode(in)
	if err == nil {
		_, err = tx.exec(ctx, `INSERT INTO intents (id, incident_id, intended_at, body) VALUES ($1, $2, $3, $4)
			ON CONFLICT (id) DO UPDATE SET body = excluded.body`, in.ID, in.IncidentID, in.IntendedAt.UnixMicro(), body)
	}
	return about(err, "save intent %s", in.ID)
}

// Intent returns an intent, or ErrNotFound. In a Tx it is locked until the
// transaction ends.
func (tx *Tx) Intent(ctx context.Context, id string) (action.Intent, error) {
	in, err := body[action.Intent](ctx, tx, `SELECT body FROM intents WHERE id = $1`+tx.lock(), id)
	return in, about(err, "intent %s", id)
}

// Intents returns the intents of an incident in the order they were recorded.
func (tx *Tx) Intents(ctx context.Context, incidentID string) ([]action.Intent, error) {
	out, err := bodies[action.Intent](ctx, tx, `SELECT body FROM intents WHERE incident_id = $1 ORDER BY seq`, incidentID)
	return out, about(err, "intents of %s", incidentID)
}

// IntentsSince returns the intents of all incidents intended at or after since,
// the first first: what the limits on actions count.
func (tx *Tx) IntentsSince(ctx context.Context, since time.Time) ([]action.Intent, error) {
	out, err := bodies[action.Intent](ctx, tx,
		`SELECT body FROM intents WHERE intended_at >= $1 ORDER BY intended_at, seq`, since.UnixMicro())
	return out, about(err, "intents since %s", since.UTC().Format(time.RFC3339))
}

// Artifact is something that a repair destroyed, saved before it did.
type Artifact struct {
	IntentID string    `json:"intent_id"`
	Name     string    `json:"name"`
	At       time.Time `json:"at"`
	Data     []byte    `json:"data"`
}

// SaveArtifact keeps what a repair is about to destroy.
func (tx *Tx) SaveArtifact(ctx context.Context, incidentID, intentID, name string, data []byte) error {
	if data == nil {
		data = []byte{}
	}
	_, err := tx.exec(ctx, `INSERT INTO artifacts (incident_id, intent_id, name, at, data) VALUES ($1, $2, $3, $4, $5)`,
		incidentID, intentID, name, tx.now.UnixMicro(), data)
	return about(err, "save %s of intent %s", name, intentID)
}

// Artifacts returns what was saved before the repairs of an incident, the first first.
func (tx *Tx) Artifacts(ctx context.Context, incidentID string) ([]Artifact, error) {
	var out []Artifact
	err := tx.each(ctx, func(rows *sql.Rows) error {
		var a Artifact
		var at int64
		err := rows.Scan(&a.IntentID, &a.Name, &at, &a.Data)
		a.At = time.UnixMicro(at).UTC()
		if a.Data == nil { // how SQLite's driver returns an empty blob
			a.Data = []byte{}
		}
		out = append(out, a)
		return err
	}, `SELECT intent_id, name, at, data FROM artifacts WHERE incident_id = $1 ORDER BY seq`, incidentID)
	return out, about(err, "artifacts of %s", incidentID)
}

// Document is one text written about an incident.
type Document struct {
	Kind string `json:"kind"`
	Path string `json:"path"`
	Body string `json:"body"`
}

// SaveDocument stores a document; one of the same kind and path is replaced.
func (tx *Tx) SaveDocument(ctx context.Context, incidentID string, d Document) error {
	_, err := tx.exec(ctx, `INSERT INTO documents (incident_id, kind, path, body) VALUES ($1, $2, $3, $4)
		ON CONFLICT (incident_id, kind, path) DO UPDATE SET body = excluded.body`, incidentID, d.Kind, d.Path, d.Body)
	return about(err, "save %s of %s", d.Kind, incidentID)
}

// Documents returns the documents of an incident in the order they were first written.
func (tx *Tx) Documents(ctx context.Context, incidentID string) ([]Document, error) {
	var out []Document
	err := tx.each(ctx, func(rows *sql.Rows) error {
		var d Document
		err := rows.Scan(&d.Kind, &d.Path, &d.Body)
		out = append(out, d)
		return err
	}, `SELECT kind, path, body FROM documents WHERE incident_id = $1 ORDER BY seq`, incidentID)
	return out, about(err, "documents of %s", incidentID)
}
