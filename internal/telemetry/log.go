// Package telemetry is what Holdfast says about itself: its log and its
// metrics. It holds no state of its own; what it makes is passed in.
package telemetry

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// LogOptions say how the log is written.
type LogOptions struct {
	Format string // json | text; empty = text
	Level  string // debug | info | warn | error; empty = info
	// Redact takes secrets and personal data out of every text; nil = none.
	Redact func(string) string
}

// NewLogger returns a logger that writes to w, with times in UTC.
func NewLogger(w io.Writer, o LogOptions) (*slog.Logger, error) {
	var level slog.Level
	if o.Level != "" {
		if err := level.UnmarshalText([]byte(o.Level)); err != nil {
			return nil, fmt.Errorf("log level %q: use debug, info, warn or error", o.Level)
		}
	}
	ho := &slog.HandlerOptions{Level: level, ReplaceAttr: utc}
	var h slog.Handler
	switch strings.ToLower(o.Format) {
	case "", "text":
		h = slog.NewTextHandler(w, ho)
	case "json":
		h = slog.NewJSONHandler(w, ho)
	default:
		return nil, fmt.Errorf("log format %q: use text or json", o.Format)
	}
	if o.Redact != nil {
		h = &redacting{next: h, redact: o.Redact}
	}
	return slog.New(h), nil
}

// utc writes a record's own time in UTC.
func utc(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && a.Key == slog.TimeKey && a.Value.Kind() == slog.KindTime {
		return slog.Time(a.Key, a.Value.Time().UTC())
	}
	return a
}

// redacting takes secrets out of every text before next sees it: the message,
// strings, errors and whatever else would be printed.
type redacting struct {
	next   slog.Handler
	redact func(string) string
}

// Enabled asks next.
func (h *redacting) Enabled(ctx context.Context, l slog.Level) bool { return h.next.Enabled(ctx, l) }

// Handle passes a cleaned copy on.
func (h *redacting) Handle(ctx context.Context, r slog.Record) error {
	clean := slog.NewRecord(r.Time, r.Level, h.redact(r.Message), r.PC)
	r.Attrs(func(a slog.Attr) bool {
		clean.AddAttrs(h.attr(a))
		return true
	})
	return h.next.Handle(ctx, clean)
}

// WithAttrs cleans attributes once, when they are set.
func (h *redacting) WithAttrs(attrs []slog.Attr) slog.Handler {
	clean := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		clean[i] = h.attr(a)
	}
	return &redacting{next: h.next.WithAttrs(clean), redact: h.redact}
}

// WithGroup opens a group.
func (h *redacting) WithGroup(name string) slog.Handler {
	return &redacting{next: h.next.WithGroup(name), redact: h.redact}
}

// attr cleans one attribute. Numbers, times and durations hold no secrets.
func (h *redacting) attr(a slog.Attr) slog.Attr {
	v := a.Value.Resolve()
	switch v.Kind() {
	case slog.KindString:
		return slog.String(a.Key, h.redact(v.String()))
	case slog.KindGroup:
		group := v.Group()
		clean := make([]slog.Attr, len(group))
		for i, g := range group {
			clean[i] = h.attr(g)
		}
		return slog.Attr{Key: a.Key, Value: slog.GroupValue(clean...)}
	case slog.KindAny:
		if v.Any() == nil {
			return a
		}
		return slog.String(a.Key, h.redact(fmt.Sprint(v.Any())))
	default:
		return slog.Attr{Key: a.Key, Value: v}
	}
}
