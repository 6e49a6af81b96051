// Package log writes notifications to the program's own log: the notifier that
// needs nothing and is always there.
package log

import (
	"context"
	"log/slog"

	"github.com/holdfast-sre/holdfast/internal/escalate"
)

// Notifier logs messages. It is safe for concurrent use.
type Notifier struct {
	log *slog.Logger
}

// New returns a notifier that writes to log.
func New(log *slog.Logger) *Notifier { return &Notifier{log: log} }

// Name is the notifier's name on the timeline.
func (n *Notifier) Name() string { return "log" }

// Notify writes one line: pages as errors, notifications as warnings, the rest
// as information. It never fails.
func (n *Notifier) Notify(ctx context.Context, m escalate.Message) error {
	level := slog.LevelInfo
	switch m.Urgency {
	case "page":
		level = slog.LevelError
	case "notify":
		level = slog.LevelWarn
	}
	n.log.LogAttrs(ctx, level, "escalation",
		slog.String("incident", m.IncidentID),
		slog.String("severity", m.Severity),
		slog.String("urgency", m.Urgency),
		slog.String("subject", m.Subject),
		slog.String("body", m.Body),
		slog.String("url", m.URL),
		slog.String("key", m.Key))
	return nil
}
