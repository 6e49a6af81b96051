package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/holdfast-sre/holdfast/internal/autonomy"
)

// AddCase records how far a runbook came in an incident. The same step with the
// same text is recorded once; fresh reports whether it was new. A zero At
// becomes Now.
func (tx *Tx) AddCase(ctx context.Context, e autonomy.Entry) (fresh bool, err error) {
	if e.At.IsZero() {
		e.At = tx.now
	}
	body, err := encode(e)
	if err != nil {
		return false, err
	}
	n, err := tx.exec(ctx, `INSERT INTO autonomy_cases (incident_id, runbook, service, environment, kind, runbook_sha256, at, body)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT (incident_id, runbook, service, environment, kind, runbook_sha256) DO NOTHING`,
		e.Incident, e.Runbook, e.Service, e.Environment, string(e.Kind), e.RunbookSHA, e.At.UnixMicro(), body)
	return n > 0, about(err, "case of %s in %s", e.Runbook, e.Incident)
}

// AddGrade appends a grade; earlier ones stay. A zero At becomes Now.
func (tx *Tx) AddGrade(ctx context.Context, g autonomy.Graded) error {
	if g.At.IsZero() {
		g.At = tx.now
	}
	body, err := encode(g)
	if err == nil {
		_, err = tx.exec(ctx, `INSERT INTO autonomy_grades (incident_id, runbook, at, body) VALUES ($1, $2, $3, $4)`,
			g.Incident, g.Runbook, g.At.UnixMicro(), body)
	}
	return about(err, "grade of %s", g.Incident)
}

// CaseKeys returns everything that has cases, in order.
func (tx *Tx) CaseKeys(ctx context.Context) ([]autonomy.Key, error) {
	var out []autonomy.Key
	err := tx.each(ctx, func(rows *sql.Rows) error {
		var k autonomy.Key
		err := rows.Scan(&k.Runbook, &k.Service, &k.Environment)
		out = append(out, k)
		return err
	}, `SELECT DISTINCT runbook, service, environment FROM autonomy_cases ORDER BY runbook, service, environment`)
	return out, about(err, "runbooks with cases")
}

// Record returns the cases of one key that happened or were graded at or after
// since, in the order in which they were recorded, and every grade of them.
func (tx *Tx) Record(ctx context.Context, k autonomy.Key, since time.Time) ([]autonomy.Entry, []autonomy.Graded, error) {
	const ofKey = ` runbook = $1 AND service = $2 AND environment = $3`
	const counts = ` AND (at >= $4 OR EXISTS (SELECT 1 FROM autonomy_grades g
		WHERE g.incident_id = autonomy_cases.incident_id AND g.runbook = autonomy_cases.runbook AND g.at >= $4))`
	entries, err := bodies[autonomy.Entry](ctx, tx, `SELECT body FROM autonomy_cases WHERE`+ofKey+counts+` ORDER BY seq`,
		k.Runbook, k.Service, k.Environment, since.UnixMicro())
	if err != nil {
		return nil, nil, fmt.Errorf("cases of %s on %s: %w", k.Runbook, k.Service, err)
	}
	if len(entries) == 0 {
		return nil, nil, nil
	}
	grades, err := bodies[autonomy.Graded](ctx, tx, `SELECT body FROM autonomy_grades WHERE runbook = $1
		AND incident_id IN (SELECT incident_id FROM autonomy_cases WHERE`+ofKey+counts+`) ORDER BY seq`,
		k.Runbook, k.Service, k.Environment, since.UnixMicro())
	return entries, grades, about(err, "grades of %s on %s", k.Runbook, k.Service)
}

// CasesOf returns what runbooks did in one incident, in the order in which it
// was recorded.
func (tx *Tx) CasesOf(ctx context.Context, incidentID string) ([]autonomy.Entry, error) {
	out, err := bodies[autonomy.Entry](ctx, tx, `SELECT body FROM autonomy_cases WHERE incident_id = $1 ORDER BY seq`, incidentID)
	return out, about(err, "cases of %s", incidentID)
}

// GradesOf returns the grades of one incident, the first first.
func (tx *Tx) GradesOf(ctx context.Context, incidentID string) ([]autonomy.Graded, error) {
	out, err := bodies[autonomy.Graded](ctx, tx, `SELECT body FROM autonomy_grades WHERE incident_id = $1 ORDER BY seq`, incidentID)
	return out, about(err, "grades of %s", incidentID)
}
