package respond

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/incident"
)

// Recaller finds what resembles an incident: earlier ones, and what the knowledge
// repository holds about the like. The best comes first; what is hardly alike is
// left out.
type Recaller interface {
	Recall(ctx context.Context, q RecallQuery) ([]incident.Like, error)
}

// RecallQuery is what is known of the incident.
type RecallQuery struct {
	Incident incident.Incident // with the hypotheses of now
	Top      diagnose.Hypothesis
	Errors   []string // log lines that are new or risen, the most telling first
}

// maxRecalled is how many are kept, and maxErrors how many lines are compared.
const (
	maxRecalled = 3
	maxErrors   = 4
)

// recall asks for the like of the incident. That nobody answers costs a line in the
// log and nothing else.
func (r *Responder) recall(ctx context.Context, s snapshot, f findings) []incident.Like {
	top, ok := f.diagnose.Top()
	if r.Recaller == nil || !ok || top.CauseClass == diagnose.Healthy {
		return nil
	}
	inc := s.inc
	inc.Hypotheses = f.diagnose.Hypotheses
	all, err := r.Recaller.Recall(ctx, RecallQuery{Incident: inc, Top: top, Errors: errorsOf(f.items, top.Component, inc.Services)})
	if err != nil {
		r.Log.WarnContext(ctx, "the like of the incident can't be looked for", "incident", inc.ID, "error", err)
	}
	all = slices.Clone(all[:min(len(all), maxRecalled)])
	for i := range all {
		hide := r.Redactor.Text
		all[i].Title, all[i].Section, all[i].Why, all[i].Path = hide(all[i].Title), hide(all[i].Section), hide(all[i].Why), hide(all[i].Path)
	}
	return all
}

// errorsOf are the lines that tell an error and were not usual before: of the
// component at fault, then of the affected services, the most frequent first.
func errorsOf(items []evidence.Item, component string, affected []string) []string {
	type line struct {
		text        string
		rank, count int
	}
	var all []line
	for _, it := range items {
		if it.Kind != evidence.KindLogs {
			continue
		}
		rank := 2
		switch {
		case it.Service == component:
			rank = 0
		case slices.Contains(affected, it.Service):
			rank = 1
		}
		logs, err := evidence.Decode[evidence.Logs](it)
		if err != nil {
			continue
		}
		for _, t := range logs.Templates {
			if level := strings.ToLower(t.Level); t.New || t.Risen || level == "error" || level == "fatal" || level == "critical" {
				all = append(all, line{cmp.Or(t.Sample, t.Text), rank, t.Count})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b line) int { return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(b.count, a.count)) })
	var out []string
	for _, l := range all {
		if len(out) < maxErrors && !slices.Contains(out, l.text) {
			out = append(out, l.text)
		}
	}
	return out
}

// likeText is what is alike in one line.
func likeText(all []incident.Like) string {
	var parts []string
	for _, l := range all {
		parts = append(parts, fmt.Sprintf("%s %s (%s)", l.ID, l.Title, l.Why))
	}
	return strings.Join(parts, "; ")
}
