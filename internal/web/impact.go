package web

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/knowledge/impact"
	"github.com/holdfast-sre/holdfast/internal/problem"
)

// Impacts analyses what an action on a subject stops. It is safe for concurrent
// use and bounds what it asks. A *problem.Problem is for a subject that nothing
// names.
type Impacts func(ctx context.Context, subject, action string) (impact.Report, error)

// The most that the form takes, in bytes.
const (
	maxSubject = 200
	maxAction  = 300
)

func (w *Web) impactRoutes(mux *http.ServeMux) {
	if w.o.Impacts != nil {
		mux.HandleFunc("GET /impact", w.guard(w.impact))
	}
}

// impactPage is the form and, when something was asked, the answer.
type impactPage struct {
	Paused          string
	Subject, Action string
	Problem, Hint   string
	Report          *impact.Report
	Made            moment
	Facts           []pair // the answer in short
	Quiet           string
	QuietMore       []string
	Live            []liveRow
	Claims          []claimRow
	Budgets         []budgetRow
}

type liveRow struct{ Service, Text, Source string }

type claimRow struct{ Service, What, Text, At string }

type budgetRow struct{ Service, Text string }

func (w *Web) impact(rw http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	p := impactPage{
		Paused: w.paused(r.Context()), Subject: strings.TrimSpace(q.Get("subject")), Action: strings.TrimSpace(q.Get("action")),
	}
	status := http.StatusOK
	switch {
	case p.Subject == "":
	case len(p.Subject) > maxSubject || len(p.Action) > maxAction:
		status, p.Problem = http.StatusBadRequest, "That is too long: name one thing, and what is going to be done in a few words."
		p.Subject, p.Action = "", ""
	default:
		report, err := w.o.Impacts(r.Context(), p.Subject, p.Action)
		bad, unknown := errors.AsType[*problem.Problem](err)
		switch {
		case unknown:
			status, p.Problem, p.Hint = http.StatusNotFound, bad.What, bad.Hint
		case err != nil && r.Context().Err() != nil:
			return // the reader left
		case err != nil:
			w.o.Log.ErrorContext(r.Context(), "page failed", "route", r.Pattern, "error", err)
			status, p.Problem = http.StatusServiceUnavailable, "The analysis could not be made now. Try again in a moment; the server's log has the reason."
		default:
			p.fill(report, w.o.Now())
		}
	}
	w.render(rw, r, status, "impact", p)
}

func (p *impactPage) fill(r impact.Report, now time.Time) {
	p.Report, p.Made = &r, newMoment(r.At, now)
	p.Quiet, p.QuietMore = r.Quiet.Text()
	for _, s := range r.Services {
		for _, f := range s.Live {
			p.Live = append(p.Live, liveRow{s.Name, f.Text, f.Source})
		}
		for _, c := range s.Claims {
			p.Claims = append(p.Claims, claimRow{s.Name, c.What(), c.Text, c.At()})
		}
		for _, b := range s.Budgets {
			p.Budgets = append(p.Budgets, budgetRow{s.Name, b.String()})
		}
	}
}

// Rate is for the template.
func (p impactPage) Rate(v *float64) string { return impact.Rate(v) }

// impactLink is the analysis of what a proposal does to its target.
func impactLink(o incident.ProposalView) string {
	subject := o.Service
	if subject == "" {
		subject = o.Target.Name
	}
	if subject == "" {
		return ""
	}
	action := strings.NewReplacer("_", " ", "-", " ").Replace(o.Title)
	if action == "" {
		action = o.Action
	}
	return "/impact?" + url.Values{"subject": {subject}, "action": {action}}.Encode()
}
