// Package webhook reads Holdfast's own JSON for senders that are not
// Alertmanager:
//
//	{
//	  "signals": [{
//	    "name": "CheckoutSlow",               // what fires; required
//	    "status": "firing",                   // or "resolved"; default firing
//	    "severity": "warning",                // mapped as the label severity
//	    "service": "checkout",                // mapped as the label service
//	    "fingerprint": "checkout-slow",       // default: computed from the labels
//	    "summary": "…", "description": "…",
//	    "labels": {"region": "eu"}, "annotations": {},
//	    "starts_at": "2026-01-02T03:04:05Z",  // or seconds since 1970; default now
//	    "ends_at": null,
//	    "links": {"runbook": "https://…", "dashboard": "https://…", "generator": "https://…"}
//	  }],
//	  "version": "1"                          // optional
//	}
//
// One signal may stand alone without the list. An Idempotency-Key header makes
// a repeated delivery change nothing; without one, a signal whose status, start,
// severity and labels are known changes nothing. What is odd about a signal is
// clamped and marked; it refuses nothing.
package webhook

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"time"
	"unicode/utf8"

	"github.com/holdfast-sre/holdfast/internal/ingest"
	"github.com/holdfast-sre/holdfast/internal/signal"
)

// New returns the handler of POST /webhook/generic.
func New(o ingest.Options) (*ingest.Door, error) {
	return ingest.New(ingest.Format{Name: "webhook", Parse: Parse}, o) //nolint:wrapcheck // says it all
}

// Parse reads one delivery.
func Parse(body io.Reader, src ingest.Source, now time.Time) (signal.Delivery, error) {
	var d signal.Delivery
	var fields map[string]json.RawMessage
	if err := json.NewDecoder(body).Decode(&fields); err != nil {
		return d, refused(err)
	}
	if v := ingest.Text(fields["version"]); v != "" && v != "1" {
		return d, &ingest.RefusedError{Reason: ingest.WrongVersion, Detail: "version is not 1", Hint: "leave version out or send 1"}
	}
	many := []json.RawMessage{}
	if raw, ok := fields["signals"]; !ok {
		one, err := json.Marshal(fields)
		if err != nil {
			return d, refused(err)
		}
		many = append(many, one)
	} else if json.Unmarshal(raw, &many) != nil {
		many = append(many, raw)
	}
	rules := src.Rules()
	for _, raw := range many {
		r := read(raw)
		if src.Watchdog != "" && r.Labels["alertname"] == src.Watchdog {
			d.Watchdog = d.Watchdog || r.Status != string(signal.Resolved)
			continue
		}
		d.Signals = append(d.Signals, rules.Normalize(r, now))
	}
	return d, nil
}

func refused(err error) error {
	if errors.Is(err, ingest.ErrCut) {
		return &ingest.RefusedError{Reason: ingest.BrokenJSON, Detail: "the body is over the limit", Hint: "send fewer signals at once"}
	}
	return &ingest.RefusedError{Reason: ingest.BrokenJSON, Detail: "the body is not a JSON object"}
}

// read takes what is there; labels that the sender gives win over the fields
// with the same meaning.
func read(raw json.RawMessage) signal.Raw {
	var f map[string]json.RawMessage
	if json.Unmarshal(raw, &f) != nil || f == nil {
		return signal.Raw{
			Labels:      map[string]string{"alertname": "UnreadableSignal"},
			Annotations: map[string]string{"summary": "A signal can't be read: it is not an object"},
			Fingerprint: signal.Fingerprint(map[string]string{"unreadable": string(raw)}),
			Status:      string(signal.Firing),
			Marks:       []string{"the signal is not an object"},
		}
	}
	status := ingest.Text(f["status"])
	if status == "" {
		status = string(signal.Firing)
	}
	r := signal.Raw{Status: status, Fingerprint: ingest.Text(f["fingerprint"])}
	if !utf8.Valid(raw) || bytes.ContainsRune(raw, utf8.RuneError) {
		r.Marks = append(r.Marks, "invalid UTF-8 replaced")
	}
	var m [5][]string
	r.Labels, m[0] = ingest.Pairs("label", f["labels"])
	r.Annotations, m[1] = ingest.Pairs("annotation", f["annotations"])
	r.StartsAt, m[2] = ingest.Moment("starts_at", f["starts_at"])
	r.EndsAt, m[3] = ingest.Moment("ends_at", f["ends_at"])
	links, mark := ingest.Pairs("link", f["links"])
	m[4] = mark
	for _, marks := range m {
		r.Marks = append(r.Marks, marks...)
	}
	r.Labels = fill(r.Labels, map[string]string{
		"alertname": ingest.Text(f["name"]), "severity": ingest.Text(f["severity"]), "service": ingest.Text(f["service"]),
	})
	r.Annotations = fill(r.Annotations, map[string]string{
		"summary": ingest.Text(f["summary"]), "description": ingest.Text(f["description"]),
		"runbook_url": links["runbook"], "dashboard_url": links["dashboard"],
	})
	r.GeneratorURL = links["generator"]
	return r
}

// fill returns pairs with those of extra that it lacks.
func fill(pairs, extra map[string]string) map[string]string {
	out := maps.Clone(pairs)
	if out == nil {
		out = map[string]string{}
	}
	for k, v := range extra {
		if _, ok := out[k]; !ok && v != "" {
			out[k] = v
		}
	}
	return out
}
