package redact

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
)

// Handler wraps h so that messages and attributes are redacted, at any depth.
func (r *Redactor) Handler(h slog.Handler) slog.Handler { return &handler{r: r, next: h} }

type handler struct {
	r    *Redactor
	next slog.Handler
}

func (h *handler) Enabled(ctx context.Context, l slog.Level) bool { return h.next.Enabled(ctx, l) }

func (h *handler) Handle(ctx context.Context, rec slog.Record) error {
	clean := slog.NewRecord(rec.Time, rec.Level, h.r.String(rec.Message), rec.PC)
	rec.Attrs(func(a slog.Attr) bool {
		clean.AddAttrs(h.attr(a))
		return true
	})
	return h.next.Handle(ctx, clean)
}

func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	clean := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		clean[i] = h.attr(a)
	}
	return &handler{r: h.r, next: h.next.WithAttrs(clean)}
}

func (h *handler) WithGroup(name string) slog.Handler {
	return &handler{r: h.r, next: h.next.WithGroup(name)}
}

func (h *handler) attr(a slog.Attr) slog.Attr {
	v := a.Value.Resolve()
	switch v.Kind() {
	case slog.KindGroup:
		group := v.Group()
		clean := make([]slog.Attr, len(group))
		for i, g := range group {
			clean[i] = h.attr(g)
		}
		return slog.Attr{Key: a.Key, Value: slog.GroupValue(clean...)}
	case slog.KindString:
		return slog.String(a.Key, h.r.Field(a.Key, v.String()))
	case slog.KindAny:
		return h.any(a.Key, v.Any())
	case slog.KindInt64, slog.KindUint64, slog.KindFloat64:
		if Sensitive(a.Key) {
			return slog.String(a.Key, markSecret)
		}
	default: // booleans, times and durations say nothing
	}
	return slog.Attr{Key: a.Key, Value: v}
}

// any redacts what a value would print as.
func (h *handler) any(key string, v any) slog.Attr {
	switch v := v.(type) {
	case nil:
		return slog.Any(key, nil)
	case error:
		return slog.String(key, h.r.Field(key, v.Error()))
	case fmt.Stringer:
		return slog.String(key, h.r.Field(key, v.String()))
	case []byte:
		return slog.String(key, h.r.Field(key, string(v)))
	}
	if Sensitive(key) {
		return slog.String(key, markSecret)
	}
	b, err := json.Marshal(v)
	if err != nil {
		return slog.String(key, h.r.String(fmt.Sprintf("%+v", v)))
	}
	return slog.Any(key, h.r.JSON(b))
}
