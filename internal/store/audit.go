package store

import (
	"context"
	"fmt"

	"github.com/holdfast-sre/holdfast/internal/audit"
)

// AppendAudit adds a record to the chain and fills its Seq, Prev and Hash. A
// zero At becomes Now. Writers of the chain take turns until they commit.
func (tx *Tx) AppendAudit(ctx context.Context, r audit.Record) error {
	var seq int64
	var head string
	if err := tx.row(ctx, []any{&seq, &head}, `SELECT seq, hash FROM audit_head WHERE one = 1`+tx.lock()); err != nil {
		return fmt.Errorf("head of the audit chain: %w", err)
	}
	if r.At.IsZero() {
		r.At = tx.now
	}
	r.Seq = seq + 1
	r, err := audit.Seal(head, r)
	if err != nil {
		return err
	}
	body, err := encode(r)
	if err == nil {
		_, err = tx.exec(ctx, `INSERT INTO audit (seq, incident, body) VALUES ($1, $2, $3)`, r.Seq, r.Incident, body)
	}
	if err == nil {
		_, err = tx.exec(ctx, `UPDATE audit_head SET seq = $1, hash = $2 WHERE one = 1`, r.Seq, r.Hash)
	}
	return about(err, "append audit record %d", r.Seq)
}

// Audit returns at most limit records (0 = all) with a Seq above after, in the
// order of the chain; those of one incident, or with "" all.
func (tx *Tx) Audit(ctx context.Context, incidentID string, after int64, limit int) ([]audit.Record, error) {
	var w filter
	w.add("seq > %s", after)
	if incidentID != "" {
		w.add("incident = %s", incidentID)
	}
	query := `SELECT body FROM audit` + w.where() + ` ORDER BY seq`
	if limit > 0 {
		query += ` LIMIT ` + params(len(w.args)+1, 1)
		w.args = append(w.args, limit)
	}
	out, err := bodies[audit.Record](ctx, tx, query, w.args...)
	return out, about(err, "audit records")
}
