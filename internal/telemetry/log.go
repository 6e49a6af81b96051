// Package telemetry is what Holdfast says about itself: its log and its
// metrics. It holds no state of its own; what it makes is passed in.
package telemetry

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// LogOptions say how the log is written.
type LogOptions struct {
	Format string // json | text; empty = text
	Level  string // debug | info | warn | error; empty = info
	// Redact takes secrets and personal data out of every text before it is
	// written; nil = none.
	Redact func(slog.Handler) slog.Handler
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
		h = o.Redact(h)
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
