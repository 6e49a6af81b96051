package store

import (
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/id"
	"github.com/holdfast-sre/holdfast/internal/signal"
)

// AcceptDelivery records that the notification with this key was accepted;
// fresh is false when it was accepted before. Keys are forgotten after a day.
func (tx *Tx) AcceptDelivery(ctx context.Context, key string) (fresh bool, err error) {
	n, err := tx.exec(ctx, `INSERT INTO deliveries (key, at) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING`,
		key, tx.now.UnixMicro())
	return n == 1, about(err, "accept delivery")
}

const (
	signalBatch   = 100 // rows of one INSERT
	signalColumns = 10
)

// SaveSignals stores each signal as the latest word about its source and
// fingerprint, keeping the ID and the incident of the one before; one received
// earlier than the stored one changes nothing. A signal is pending until it is
// triaged, and again when its status, start, severity, labels or silence
// change. changed counts the signals that became pending. When sigs names one
// condition twice, the last counts.
func (tx *Tx) SaveSignals(ctx context.Context, sigs []signal.Signal) (changed int, err error) {
	rows, err := tx.signalRows(sigs)
	if err != nil {
		return 0, err
	}
	for batch := range slices.Chunk(rows, signalBatch) {
		n, err := tx.saveSignals(ctx, batch)
		if err != nil {
			return 0, fmt.Errorf("save %d signals: %w", len(sigs), err)
		}
		changed += n
	}
	return changed, nil
}

type signalRow struct {
	sig     signal.Signal
	body    string
	digest  int64
	arrival int64
}

// signalRows prepares the rows, sorted so that concurrent writers lock them in
// the same order.
func (tx *Tx) signalRows(sigs []signal.Signal) ([]signalRow, error) {
	type condition struct{ source, fingerprint string }
	rows := make(map[condition]signalRow, len(sigs))
	for i, s := range sigs {
		if s.Source == "" || s.Fingerprint == "" {
			return nil, fmt.Errorf("signal %q: source and fingerprint must be set", s.Name)
		}
		if s.ID == "" {
			s.ID = id.New("sig", tx.now)
		}
		if s.ReceivedAt.IsZero() {
			s.ReceivedAt = tx.now
		}
		body, err := encode(s)
		if err != nil {
			return nil, err
		}
		rows[condition{s.Source, s.Fingerprint}] = signalRow{
			sig: s, body: body, digest: digest(s), arrival: tx.now.UnixMicro() + int64(i),
		}
	}
	return slices.SortedFunc(maps.Values(rows), func(a, b signalRow) int {
		return cmp.Or(cmp.Compare(a.sig.Source, b.sig.Source), cmp.Compare(a.sig.Fingerprint, b.sig.Fingerprint))
	}), nil
}

func (tx *Tx) saveSignals(ctx context.Context, rows []signalRow) (changed int, err error) {
	var values strings.Builder
	args := make([]any, 0, len(rows)*signalColumns)
	mine := make(map[int64]bool, len(rows))
	for i, r := range rows {
		if i > 0 {
			values.WriteString(", ")
		}
		values.WriteString("(" + params(len(args)+1, signalColumns-1) + ", 1)")
		args = append(args, r.sig.ID, r.sig.Source, r.sig.Fingerprint, string(r.sig.Status), int64(r.sig.Severity),
			r.sig.ReceivedAt.UnixMicro(), r.digest, r.arrival, r.body)
		mine[r.arrival] = true
	}
	query := `INSERT INTO signals
			(id, source, fingerprint, status, severity, received_at, digest, arrival, body, pending)
		VALUES ` + values.String() + `
		ON CONFLICT (source, fingerprint) DO UPDATE SET
			status = excluded.status,
			severity = excluded.severity,
			received_at = excluded.received_at,
			body = excluded.body,
			pending = CASE WHEN signals.digest <> excluded.digest THEN 1 ELSE signals.pending END,
			arrival = CASE WHEN signals.digest <> excluded.digest THEN excluded.arrival ELSE signals.arrival END,
			digest = excluded.digest
		WHERE excluded.received_at >= signals.received_at
		RETURNING arrival`
	if !tx.write {
		return 0, errReadOnly
	}
	err = tx.each(ctx, func(rows *sql.Rows) error {
		var arrival int64
		if err := rows.Scan(&arrival); err != nil {
			return err
		}
		if mine[arrival] {
			changed++
		}
		return nil
	}, query, args...)
	return changed, err
}

// digest of what makes triage look at a signal again.
func digest(s signal.Signal) int64 {
	h := sha256.New()
	part := func(text string) { _, _ = io.WriteString(h, strconv.Itoa(len(text))+":"+text) }
	part(string(s.Status))
	part(strconv.FormatInt(s.StartsAt.UnixMicro(), 10))
	part(s.Severity.String())
	part(strconv.FormatBool(s.Silenced))
	for _, name := range slices.Sorted(maps.Keys(s.Labels)) {
		part(name)
		part(s.Labels[name])
	}
	return int64(binary.BigEndian.Uint64(h.Sum(nil)))
}

const selectSignals = `SELECT id, COALESCE(incident_id, ''), body FROM signals `

func (tx *Tx) signals(ctx context.Context, query string, args ...any) ([]signal.Signal, error) {
	var out []signal.Signal
	err := tx.each(ctx, func(rows *sql.Rows) error {
		var sigID, incidentID, body string
		if err := rows.Scan(&sigID, &incidentID, &body); err != nil {
			return err
		}
		s, err := decode[signal.Signal](body)
		s.ID, s.IncidentID = sigID, incidentID
		out = append(out, s)
		return err
	}, query, args...)
	return out, err
}

// PendingSignals returns at most limit signals that are not triaged since they
// last changed: worst severity first, then by arrival. In a Tx they are locked
// until it ends, so that a change in the meantime leaves them pending.
func (tx *Tx) PendingSignals(ctx context.Context, limit int) ([]signal.Signal, error) {
	out, err := tx.signals(ctx, selectSignals+`WHERE pending = 1 ORDER BY severity, arrival, id LIMIT $1`+tx.lock(), limit)
	return out, about(err, "pending signals")
}

// MarkTriaged ends the waiting of signals and attaches them to an incident; an
// empty incidentID leaves the incident that they had.
func (tx *Tx) MarkTriaged(ctx context.Context, ids []string, incidentID string) error {
	for batch := range slices.Chunk(ids, 500) {
		_, err := tx.exec(ctx, `UPDATE signals SET pending = 0, incident_id = COALESCE(NULLIF($1, ''), incident_id)
			WHERE id IN (`+params(2, len(batch))+`)`, append([]any{incidentID}, anys(batch)...)...)
		if err != nil {
			return fmt.Errorf("mark %d signals triaged for %q: %w", len(ids), incidentID, err)
		}
	}
	return nil
}

// AttachSignals moves signals to another incident; those that wait for triage
// go on waiting.
func (tx *Tx) AttachSignals(ctx context.Context, ids []string, incidentID string) error {
	for batch := range slices.Chunk(ids, 500) {
		_, err := tx.exec(ctx, `UPDATE signals SET incident_id = $1 WHERE id IN (`+params(2, len(batch))+`)`,
			append([]any{incidentID}, anys(batch)...)...)
		if err != nil {
			return fmt.Errorf("attach %d signals to %s: %w", len(ids), incidentID, err)
		}
	}
	return nil
}

// Signals returns the signals of an incident by severity, then by arrival.
func (tx *Tx) Signals(ctx context.Context, incidentID string) ([]signal.Signal, error) {
	out, err := tx.signals(ctx, selectSignals+`WHERE incident_id = $1 ORDER BY severity, arrival, id`, incidentID)
	return out, about(err, "signals of %s", incidentID)
}

// FiringSignals returns the signals of a source that fire, by fingerprint.
func (tx *Tx) FiringSignals(ctx context.Context, source string) ([]signal.Signal, error) {
	out, err := tx.signals(ctx, selectSignals+`WHERE source = $1 AND status = 'firing' ORDER BY fingerprint`, source)
	return out, about(err, "firing signals of %s", source)
}

// Signal returns the latest word about one condition, or ErrNotFound.
func (tx *Tx) Signal(ctx context.Context, source, fingerprint string) (signal.Signal, error) {
	out, err := tx.signals(ctx, selectSignals+`WHERE source = $1 AND fingerprint = $2`+tx.lock(), source, fingerprint)
	if err == nil && len(out) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return signal.Signal{}, fmt.Errorf("signal %s of %s: %w", fingerprint, source, err)
	}
	return out[0], nil
}
