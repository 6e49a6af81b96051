package store

import (
	"context"
	"fmt"
	"time"

	"github.com/holdfast-sre/holdfast/internal/incident"
)

// IncidentFilter selects incidents; zero fields select all.
type IncidentFilter struct {
	States      []incident.State
	Environment string
	Service     string
	Since       time.Time // StartedAt at or after
	Limit       int       // 0 = no limit
}

// CreateIncident stores a new incident and sets its ID (INC-YYYY-NNNN, counted
// per year of StartedAt) and its Revision. A zero StartedAt becomes Now.
func (tx *Tx) CreateIncident(ctx context.Context, inc *incident.Incident) error {
	if inc.StartedAt.IsZero() {
		inc.StartedAt = tx.now
	}
	year := inc.StartedAt.UTC().Year()
	n, err := tx.count(ctx, fmt.Sprintf("incident-%d", year))
	if err != nil {
		return fmt.Errorf("create incident: %w", err)
	}
	made := *inc
	made.ID, made.Revision = fmt.Sprintf("INC-%d-%04d", year, n), 1
	body, err := encode(made)
	if err != nil {
		return err
	}
	_, err = tx.exec(ctx, `INSERT INTO incidents (id, environment, state, severity, started_at, revision, body)
		VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		made.ID, made.Environment, string(made.State), int64(made.Severity), made.StartedAt.UnixMicro(), made.Revision, body)
	if err == nil {
		err = tx.saveServices(ctx, made)
	}
	if err != nil {
		return fmt.Errorf("create incident %s: %w", made.ID, err)
	}
	*inc = made
	return nil
}

// count raises a counter by one and returns it, from 1.
func (tx *Tx) count(ctx context.Context, name string) (int64, error) {
	if !tx.write {
		return 0, errReadOnly
	}
	var n int64
	err := tx.row(ctx, []any{&n}, `INSERT INTO counters (name, value) VALUES ($1, 1)
		ON CONFLICT (name) DO UPDATE SET value = counters.value + 1 RETURNING value`, name)
	return n, err
}

func (tx *Tx) saveServices(ctx context.Context, inc incident.Incident) error {
	for _, service := range inc.Services {
		_, err := tx.exec(ctx, `INSERT INTO incident_services (incident_id, service) VALUES ($1, $2)
			ON CONFLICT (incident_id, service) DO NOTHING`, inc.ID, service)
		if err != nil {
			return err
		}
	}
	return nil
}

// Incident returns an incident, or ErrNotFound. In a Tx it is locked until the
// transaction ends.
func (tx *Tx) Incident(ctx context.Context, id string) (incident.Incident, error) {
	inc, err := body[incident.Incident](ctx, tx, `SELECT body FROM incidents WHERE id = $1`+tx.lock(), id)
	return inc, about(err, "incident %s", id)
}

// UpdateIncident stores an incident as a whole and raises its Revision. It
// returns ErrConflict when the stored Revision is not inc's, and ErrNotFound.
func (tx *Tx) UpdateIncident(ctx context.Context, inc *incident.Incident) error {
	changed := *inc
	changed.Revision++
	body, err := encode(changed)
	if err != nil {
		return err
	}
	n, err := tx.exec(ctx, `UPDATE incidents
		SET environment = $1, state = $2, severity = $3, started_at = $4, revision = $5, body = $6
		WHERE id = $7 AND revision = $8`,
		changed.Environment, string(changed.State), int64(changed.Severity), changed.StartedAt.UnixMicro(),
		changed.Revision, body, changed.ID, inc.Revision)
	if err == nil && n == 0 {
		if _, err = tx.Incident(ctx, inc.ID); err == nil {
			err = ErrConflict
		}
	}
	if err == nil {
		_, err = tx.exec(ctx, `DELETE FROM incident_services WHERE incident_id = $1`, changed.ID)
	}
	if err == nil {
		err = tx.saveServices(ctx, changed)
	}
	if err != nil {
		return fmt.Errorf("update incident %s: %w", inc.ID, err)
	}
	*inc = changed
	return nil
}

// Incidents returns the incidents that f selects, newest first.
func (tx *Tx) Incidents(ctx context.Context, f IncidentFilter) ([]incident.Incident, error) {
	var w filter
	if len(f.States) > 0 {
		states := make([]any, len(f.States))
		for i, s := range f.States {
			states[i] = string(s)
		}
		w.add("state IN (%s)", states...)
	}
	if f.Environment != "" {
		w.add("environment = %s", f.Environment)
	}
	if f.Service != "" {
		w.add("id IN (SELECT incident_id FROM incident_services WHERE service = %s)", f.Service)
	}
	if !f.Since.IsZero() {
		w.add("started_at >= %s", f.Since.UnixMicro())
	}
	query := `SELECT body FROM incidents` + w.where() + ` ORDER BY started_at DESC, length(id) DESC, id DESC`
	if f.Limit > 0 {
		query += ` LIMIT ` + params(len(w.args)+1, 1)
		w.args = append(w.args, f.Limit)
	}
	out, err := bodies[incident.Incident](ctx, tx, query, w.args...)
	return out, about(err, "incidents")
}
