// Package deploy reads what a pipeline says about changes to production:
//
//	{
//	  "service": "checkout",                 // required
//	  "kind": "deploy",                      // deploy | rollout | config | flag | migration | scaling; default deploy
//	  "version": "v1.4.2", "previous": "v1.4.1", "revision": "3f9c2e1",
//	  "author": "ana", "summary": "…", "link": "https://…",
//	  "at": "2026-01-02T03:04:05Z",          // or seconds since 1970; default now
//	  "ai_generated": true, "bolt": "BOLT-045", "files": ["…"],
//	  "id": "build-4711"                     // makes repeats change nothing
//	}
//
// Several stand in {"changes": […]}. Whoever holds the token wrote it, so it is
// never a runtime's own record: it explains, but can't prove, a bad deploy.
package deploy

import (
	"encoding/json"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/change"
	"github.com/holdfast-sre/holdfast/internal/id"
	"github.com/holdfast-sre/holdfast/internal/ingest"
	"github.com/holdfast-sre/holdfast/internal/problem"
	"github.com/holdfast-sre/holdfast/internal/signal"
)

// Bounds of one change.
const (
	maxName    = 200
	maxSummary = 2000
	maxFiles   = 200
	maxChanges = 1000
	maxAhead   = 5 * time.Minute
)

// New returns the handler of POST /webhook/deploy. A refused delivery is
// answered with what is wrong; it raises no incident, since no alert is lost.
func New(o ingest.Options) (*ingest.Door, error) {
	return ingest.New(ingest.Format{Name: "deploy", Quiet: true, Parse: Parse}, o) //nolint:wrapcheck // says it all
}

type event struct {
	ID          string          `json:"id"`
	Kind        string          `json:"kind"`
	Service     string          `json:"service"`
	Version     string          `json:"version"`
	Previous    string          `json:"previous"`
	Revision    string          `json:"revision"`
	Author      string          `json:"author"`
	Summary     string          `json:"summary"`
	Link        string          `json:"link"`
	At          json.RawMessage `json:"at"`
	AIGenerated *bool           `json:"ai_generated"`
	Bolt        string          `json:"bolt"`
	Files       []string        `json:"files"`
}

// Parse reads one delivery: all of its changes, or none and the reason.
func Parse(body io.Reader, src ingest.Source, now time.Time) (signal.Delivery, error) {
	var in struct {
		event
		Changes []event `json:"changes"`
	}
	if err := json.NewDecoder(body).Decode(&in); err != nil {
		return signal.Delivery{}, &ingest.RefusedError{
			Reason: ingest.BrokenJSON, Detail: "the body is not JSON of the documented form, or over the limit",
		}
	}
	events := in.Changes
	if events == nil {
		events = []event{in.event}
	}
	if len(events) > maxChanges {
		return signal.Delivery{}, bad("more than "+strconv.Itoa(maxChanges)+" changes", "send them in parts")
	}
	var d signal.Delivery
	for _, e := range events {
		c, err := e.change(src, now)
		if err != nil {
			return signal.Delivery{}, err
		}
		d.Changes = append(d.Changes, c)
	}
	return d, nil
}

func bad(detail, hint string) error {
	return &ingest.RefusedError{Reason: ingest.BadInput, Detail: detail, Hint: hint}
}

func (e event) change(src ingest.Source, now time.Time) (change.Change, error) {
	kind, err := kindOf(e.Kind)
	if err != nil {
		return change.Change{}, err
	}
	if strings.TrimSpace(e.Service) == "" {
		return change.Change{}, bad("service is missing", "name the service as in the catalog")
	}
	at, marks := ingest.Moment("at", e.At)
	if len(marks) > 0 {
		return change.Change{}, bad("at is not a time", "write RFC 3339, such as 2026-01-02T03:04:05Z, or seconds since 1970")
	}
	if at.IsZero() || at.After(now.Add(maxAhead)) || at.Year() < 2000 {
		at = now
	}
	c := change.Change{
		Kind: kind, Environment: src.Environment, Service: signal.Clean(strings.TrimSpace(e.Service), maxName),
		Version: signal.Clean(e.Version, maxName), Previous: signal.Clean(e.Previous, maxName),
		Revision: signal.Clean(e.Revision, maxName), Author: signal.Clean(e.Author, maxName),
		Summary: signal.Clean(e.Summary, maxSummary), At: at, AIGenerated: e.AIGenerated, Bolt: signal.Clean(e.Bolt, maxName),
	}
	if signal.SafeLink(e.Link) {
		c.Link = e.Link
	}
	for _, f := range e.Files[:min(len(e.Files), maxFiles)] {
		c.Files = append(c.Files, signal.Clean(f, maxName))
	}
	if c.Summary == "" {
		c.Summary = strings.TrimSpace(string(kind) + " of " + c.Service + " " + c.Version)
	}
	c.ID = identity(e, c, src, now)
	return c, nil
}

// identity makes the same event, sent again, the same change: by the sender's
// id, else by what was changed to what within the hour.
func identity(e event, c change.Change, src ingest.Source, now time.Time) string {
	if e.ID != "" {
		return id.Of("chg", src.Name, src.Environment, e.ID)
	}
	when := c.At
	if len(e.At) == 0 {
		when = now.Truncate(time.Hour)
	}
	return id.Of("chg", src.Name, src.Environment, string(c.Kind), c.Service, c.Version, c.Previous, c.Revision,
		c.Summary, strconv.FormatInt(when.UnixMicro(), 36))
}

func kindOf(s string) (change.Kind, error) {
	if s == "" {
		return change.Deploy, nil
	}
	var known []string
	for _, k := range change.Kinds() {
		if k != change.Commit { // the repository says that, not a pipeline
			known = append(known, string(k))
		}
	}
	if k := strings.ToLower(s); slices.Contains(known, k) {
		return change.Kind(k), nil
	}
	hint := "use one of " + strings.Join(known, ", ")
	if n := problem.Nearest(s, known); n != "" {
		hint = "did you mean " + n + "?"
	}
	return "", bad("kind is not known", hint)
}
