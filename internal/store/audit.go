package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/holdfast-sre/holdfast/internal/audit"
	"github.com/holdfast-sre/holdfast/internal/incident"
)

// AppendAudit adds a record to the chain and fills its Seq, Prev and Hash. A
// zero At becomes Now. Writers of the chain take turns until they commit.
//
// Where the actor is a person, actor and reason are kept apart from the chain;
// personal names further fields that hold a name or what a person wrote:
// "outcome", "target" or "params.KEY".
func (tx *Tx) AppendAudit(ctx context.Context, r audit.Record, personal ...string) error {
	head, err := tx.AuditHead(ctx)
	if err != nil {
		return err
	}
	if r.At.IsZero() {
		r.At = tx.now
	}
	if incident.IsPerson(r.Actor) {
		personal = append([]string{"actor", "reason"}, personal...)
	}
	r.Seq = head.Seq + 1
	if r, err = audit.Apart(r, personal, newSalt); err == nil {
		r, err = audit.Seal(head.Hash, r)
	}
	if err == nil {
		err = audit.Fits(r)
	}
	if err != nil {
		return fmt.Errorf("audit record %d: %w", r.Seq, err)
	}
	texts, err := r.Texts()
	if err != nil {
		return err
	}
	stored, err := audit.Committed(r)
	if err != nil {
		return err
	}
	body, err := encode(stored)
	if err == nil {
		_, err = tx.exec(ctx, `INSERT INTO audit (seq, incident, body) VALUES ($1, $2, $3)`, r.Seq, r.Incident, body)
	}
	for _, t := range texts {
		var text string
		if err == nil {
			text, err = encode(t.Text)
		}
		if err == nil {
			_, err = tx.exec(ctx, `INSERT INTO audit_text (seq, field, salt, text) VALUES ($1, $2, $3, $4)`, r.Seq, t.Field, t.Salt, text)
		}
	}
	if err == nil {
		_, err = tx.exec(ctx, `UPDATE audit_head SET seq = $1, hash = $2 WHERE one = 1`, r.Seq, r.Hash)
	}
	return about(err, "append audit record %d", r.Seq)
}

// newSalt returns 128 random bits.
func newSalt() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return hex.EncodeToString(b[:])
}

// AuditHead returns the end of the chain. In a Tx nobody else appends until the
// transaction ends.
func (tx *Tx) AuditHead(ctx context.Context) (h audit.Head, err error) {
	err = tx.row(ctx, []any{&h.Seq, &h.Hash}, `SELECT seq, hash FROM audit_head WHERE one = 1`+tx.lock())
	return h, about(err, "head of the audit chain")
}

// AuditHash returns the hash of a record, or ErrNotFound.
func (tx *Tx) AuditHash(ctx context.Context, seq int64) (string, error) {
	r, err := body[audit.Record](ctx, tx, `SELECT body FROM audit WHERE seq = $1`, seq)
	return r.Hash, about(err, "audit record %d", seq)
}

// Audit returns at most limit records (0 = all) with a Seq above after, in the
// order of the chain; those of one incident, or with "" all. They hold the texts
// that are still there.
func (tx *Tx) Audit(ctx context.Context, incidentID string, after int64, limit int) ([]audit.Record, error) {
	rows, err := tx.auditRows(ctx, incidentID, after, limit)
	if err != nil {
		return nil, about(err, "audit records")
	}
	out := make([]audit.Record, 0, len(rows))
	for _, row := range rows {
		r, err := row.record()
		if err != nil {
			return nil, about(err, "audit records")
		}
		out = append(out, r)
	}
	return out, nil
}

// AuditRow is a record as it lies in the database, which somebody may have
// changed.
type AuditRow struct {
	Seq      int64
	Incident string
	Body     string
	Texts    []audit.Text

	respelt string // field whose text is not spelt as AppendAudit does
	garbled error  // a text that is none
}

func (row AuditRow) record() (audit.Record, error) {
	r, err := decode[audit.Record](row.Body)
	if err = errors.Join(err, row.garbled); err != nil {
		return r, err
	}
	return audit.Filled(r, row.Texts)
}

// Strict reads the record and refuses a row of which anything but the content
// of a hashed field differs from what AppendAudit wrote.
func (row AuditRow) Strict() (audit.Record, error) {
	stored, err := decode[audit.Record](row.Body)
	if err != nil {
		return stored, errors.New("its row is not an audit record")
	}
	again, err := encode(stored)
	switch {
	case err != nil || again != row.Body || len(stored.Salts) > 0 || stored.At.Nanosecond()%int(time.Millisecond) != 0:
		return stored, errors.New("its row is not as it was written")
	case stored.Seq != row.Seq || stored.Incident != row.Incident:
		return stored, fmt.Errorf("its row says record %d of incident %q, its content record %d of %q", row.Seq, row.Incident, stored.Seq, stored.Incident)
	}
	if row.respelt != "" {
		return stored, fmt.Errorf("the text of its %s is not the one that it commits to", row.respelt)
	}
	for _, t := range row.Texts {
		one, err := audit.Filled(stored, []audit.Text{t})
		var back audit.Record
		if err == nil {
			back, err = audit.Committed(one)
		}
		if kept, e := encode(back); err != nil || e != nil || kept != row.Body {
			return stored, fmt.Errorf("the text of its %s is not the one that it commits to", t.Field)
		}
	}
	return audit.Filled(stored, row.Texts)
}

// AuditRows returns at most limit rows with a Seq above after.
func (tx *Tx) AuditRows(ctx context.Context, after int64, limit int) ([]AuditRow, error) {
	rows, err := tx.auditRows(ctx, "", after, limit)
	return rows, about(err, "audit records")
}

func (tx *Tx) auditRows(ctx context.Context, incidentID string, after int64, limit int) (out []AuditRow, err error) {
	var w filter
	w.add("seq > %s", after)
	if incidentID != "" {
		w.add("incident = %s", incidentID)
	}
	some := `SELECT seq, incident, body FROM audit` + w.where() + ` ORDER BY seq`
	if limit > 0 {
		some += ` LIMIT ` + params(len(w.args)+1, 1)
		w.args = append(w.args, limit)
	}
	err = tx.each(ctx, func(rows *sql.Rows) error {
		var row AuditRow
		var field, salt, text sql.NullString
		if err := rows.Scan(&row.Seq, &row.Incident, &row.Body, &field, &salt, &text); err != nil {
			return err
		}
		if n := len(out); n == 0 || out[n-1].Seq != row.Seq {
			out = append(out, row)
		}
		if !field.Valid {
			return nil
		}
		last, t := &out[len(out)-1], audit.Text{Seq: row.Seq, Field: field.String, Salt: salt.String}
		if err := json.Unmarshal([]byte(text.String), &t.Text); err != nil {
			last.garbled = fmt.Errorf("text of audit record %d: %w", row.Seq, err)
		}
		if again, err := encode(t.Text); err != nil || again != text.String {
			last.respelt = t.Field
		}
		last.Texts = append(last.Texts, t)
		return nil
	}, `SELECT a.seq, a.incident, a.body, t.field, t.salt, t.text FROM (`+some+`) a
		LEFT JOIN audit_text t ON t.seq = a.seq ORDER BY a.seq, t.field`, w.args...)
	return out, err
}
