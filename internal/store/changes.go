package store

import (
	"context"
	"errors"
	"time"

	"github.com/holdfast-sre/holdfast/internal/change"
)

// ChangeFilter selects changes; zero fields select all.
type ChangeFilter struct {
	Environment string // changes without an environment belong to every one
	Services    []string
	From, To    time.Time // inclusive
}

// SaveChange records a change; fresh is false when its ID is known already, and
// then nothing changes.
func (tx *Tx) SaveChange(ctx context.Context, c change.Change) (fresh bool, err error) {
	if c.ID == "" {
		return false, errors.New("save change: it has no ID")
	}
	body, err := encode(c)
	if err != nil {
		return false, err
	}
	n, err := tx.exec(ctx, `INSERT INTO changes (id, environment, service, at, body) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (id) DO NOTHING`, c.ID, c.Environment, c.Service, c.At.UnixMicro(), body)
	return n == 1, about(err, "save change %s", c.ID)
}

// Changes returns the changes that f selects, newest first.
func (tx *Tx) Changes(ctx context.Context, f ChangeFilter) ([]change.Change, error) {
	var w filter
	if f.Environment != "" {
		w.add("environment IN ('', %s)", f.Environment)
	}
	if len(f.Services) > 0 {
		w.add("service IN (%s)", anys(f.Services)...)
	}
	if !f.From.IsZero() {
		w.add("at >= %s", f.From.UnixMicro())
	}
	if !f.To.IsZero() {
		w.add("at <= %s", f.To.UnixMicro())
	}
	out, err := bodies[change.Change](ctx, tx, `SELECT body FROM changes`+w.where()+` ORDER BY at DESC, id`, w.args...)
	return out, about(err, "changes")
}
