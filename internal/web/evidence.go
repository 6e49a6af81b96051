package web

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/incident"
)

// evidenceList is the evidence as a person reads it: first what the page leads to
// and what did not answer, then the rest by source, folded. A question that was
// asked again is shown once, with its newest answer.
type evidenceList struct {
	First   []evidenceRow
	Rest    []evidenceGroup
	Shown   int
	Earlier int // answers that a newer one stands for; all are in the JSON
	Silent  int // sources that did not answer
}

// evidenceGroup is what one source said and nothing on the page leads to.
type evidenceGroup struct {
	Source string
	Rows   []evidenceRow
}

// Count is how many answers a group has.
func (g evidenceGroup) Count() int { return len(g.Rows) }

type evidenceRow struct {
	ID, Kind, Source, Service string
	Claim, Query, Unit, Link  string
	Details                   []string
	Error                     string
	From, To                  moment
	Asked                     int // how often, this time included
	Stale, Outside            bool
	Strength                  float64
}

// newEvidence puts what the leading hypothesis rests on first, then the strongest.
func newEvidence(v incident.View, items []evidence.Item, now time.Time) evidenceList {
	rank, linked := linkedEvidence(v)
	sorted := slices.Clone(items)
	slices.SortStableFunc(sorted, func(a, b evidence.Item) int {
		return cmp.Or(cmp.Compare(rank[a.ID], rank[b.ID]), cmp.Compare(b.Strength, a.Strength), b.To.Compare(a.To), cmp.Compare(a.ID, b.ID))
	})
	last, asked, silent := map[string]time.Time{}, map[string]int{}, map[string]bool{}
	for _, it := range items {
		q := question(it)
		asked[q]++
		if it.To.After(last[q]) {
			last[q] = it.To
		}
		if it.Kind == evidence.KindFailure {
			silent[it.Source] = true // one source may fail at each look
		}
	}
	out := evidenceList{Silent: len(silent)}
	rest := map[string]int{}
	for _, it := range sorted {
		q := question(it)
		if !linked[it.ID] && it.To.Before(last[q]) {
			out.Earlier++
			continue
		}
		row := newEvidenceRow(it, asked[q], now)
		out.Shown++
		if linked[it.ID] || it.Kind == evidence.KindFailure {
			out.First = append(out.First, row)
			continue
		}
		at, ok := rest[it.Source]
		if !ok {
			at = len(out.Rest)
			rest[it.Source] = at
			out.Rest = append(out.Rest, evidenceGroup{Source: it.Source})
		}
		out.Rest[at].Rows = append(out.Rest[at].Rows, row)
	}
	return out
}

// linkedEvidence are the items that something on the page leads to; those of the
// leading hypothesis have a rank below zero.
func linkedEvidence(v incident.View) (rank map[string]int, linked map[string]bool) {
	rank, linked = map[string]int{}, map[string]bool{}
	for i, h := range v.Hypotheses {
		for _, id := range slices.Concat(h.EvidenceFor, h.EvidenceAgainst) {
			linked[id] = true
			if i == 0 {
				rank[id] = -1
			}
		}
	}
	for _, o := range slices.Concat(v.Observed, v.RuledOut) {
		for _, id := range o.Evidence {
			linked[id] = true
		}
	}
	return rank, linked
}

// question identifies what was asked, whenever it was asked. Several answers to one
// query, such as one for each consumer, are questions of their own.
func question(it evidence.Item) string {
	part := ""
	if it.Kind == evidence.KindMetric {
		if m, err := evidence.Decode[evidence.Metric](it); err == nil {
			part = string(m.Signal) + " " + m.Resource + " " + m.Consumer
		}
	}
	return strings.Join([]string{string(it.Kind), it.Collector, it.Source, it.Service, cmp.Or(it.Query, claim(it)), part}, "\x00")
}

func newEvidenceRow(it evidence.Item, asked int, now time.Time) evidenceRow {
	return evidenceRow{
		ID: it.ID, Kind: string(it.Kind), Source: it.Source, Service: it.Service, Claim: claim(it), Details: details(it), Query: it.Query,
		Unit: it.Unit, Link: httpOnly(it.Link), Error: it.Error, Stale: it.Stale, Outside: it.Outside, Strength: it.Strength,
		From: newMoment(it.From, now), To: newMoment(it.To, now), Asked: asked,
	}
}
