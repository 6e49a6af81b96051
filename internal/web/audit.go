package web

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/audit"
	"github.com/holdfast-sre/holdfast/internal/outside"
)

// Audit answers the append-only record. It is safe for concurrent use.
type Audit interface {
	// AuditHead is the end of the chain.
	AuditHead(ctx context.Context) (audit.Head, error)
	// Audit answers records after one number, of one incident or of all (""), the
	// first first, at most limit.
	Audit(ctx context.Context, incident string, after int64, limit int) ([]audit.Record, error)
	// Anchored answers nil while the end of the chain is kept outside the database.
	Anchored(ctx context.Context) error
}

// Bounds of the page of the audit.
const (
	auditSize = 100 // records of everything at once
	auditMost = 500 // records of one incident
	maxParam  = 200 // characters of one parameter
)

func (w *Web) auditRoutes(mux *http.ServeMux) {
	if w.o.Audit != nil {
		mux.HandleFunc("GET /audit", w.guard(w.audit))
	}
}

// auditPage is a part of the record, the newest first.
type auditPage struct {
	Paused, Incident string
	Rows             []auditRow
	Head             audit.Head
	Unanchored       bool
	Newer, Older     string
	More             bool // the incident has more than are shown
}

type auditRow struct {
	Seq                                     int64
	At                                      moment
	Actor, Action, Target, Reason, Outcome  string
	Incident, BoundarySHA, RunbookSHA, Hash string
	Params                                  []pair
	Erased                                  bool // some of it
}

func (w *Web) audit(rw http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	head, err := w.o.Audit.AuditHead(ctx)
	if err != nil {
		w.broken(rw, r, err)
		return
	}
	p := auditPage{Paused: w.paused(ctx), Head: head, Incident: outside.Line(strings.TrimSpace(r.URL.Query().Get("incident")), 100)}
	p.Unanchored = w.o.Audit.Anchored(ctx) != nil
	after, limit := int64(0), auditMost
	if p.Incident == "" {
		to := head.Seq
		if before, err := strconv.ParseInt(r.URL.Query().Get("before"), 10, 64); err == nil && before > 0 {
			to = min(head.Seq, before-1)
		}
		after, limit = max(to-auditSize, 0), int(min(to, auditSize))
		if after > 0 {
			p.Older = auditAddress(after + 1)
		}
		if to < head.Seq {
			p.Newer = auditAddress(min(to+auditSize, head.Seq) + 1)
		}
	}
	var records []audit.Record
	if limit > 0 {
		records, err = w.o.Audit.Audit(ctx, p.Incident, after, limit)
	}
	if err != nil {
		w.broken(rw, r, err)
		return
	}
	p.More = p.Incident != "" && len(records) == auditMost
	now := w.o.Now()
	for _, rec := range slices.Backward(records) {
		row := newAuditRow(rec)
		row.At = newMoment(rec.At, now)
		p.Rows = append(p.Rows, row)
	}
	w.render(rw, r, http.StatusOK, "audit", p)
}

func auditAddress(before int64) string {
	return "/audit?" + url.Values{"before": {strconv.FormatInt(before, 10)}}.Encode()
}

func newAuditRow(r audit.Record) auditRow {
	row := auditRow{Seq: r.Seq, Incident: r.Incident, BoundarySHA: r.BoundarySHA256, RunbookSHA: r.RunbookSHA256, Hash: r.Hash}
	said := func(text string) string {
		if audit.IsErased(text) {
			row.Erased = true
			return "erased"
		}
		return text
	}
	row.Actor, row.Action, row.Target, row.Reason, row.Outcome = said(r.Actor), strings.ReplaceAll(r.Action, "_", " "), said(r.Target), said(r.Reason), said(r.Outcome)
	var params map[string]json.RawMessage
	if json.Unmarshal(r.Params, &params) != nil {
		return row // the JSON has it as it is
	}
	for _, k := range slices.Sorted(maps.Keys(params)) {
		text := string(params[k])
		var s string
		if json.Unmarshal(params[k], &s) == nil {
			text = s
		}
		row.Params = append(row.Params, pair{k, outside.Line(said(text), maxParam)})
	}
	return row
}
