package web

import (
	"cmp"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/cause"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/incident"
)

// causeRow is one hypothesis. Open says that what to check next is shown
// without a click: where the leader may still be wrong.
type causeRow struct {
	Lead        bool
	Unknown     bool
	Healthy     bool
	Confirmed   bool
	Open        bool
	Probability float64
	Text, Class string
	Component   string
	Fault       string
	For         []evidenceRef
	Against     []evidenceRef
	CheckNext   []string
}

// evidenceRef leads to an item of evidence; without ID there is none to show.
type evidenceRef struct{ ID, Summary string }

// sure is the probability from which nobody needs to be told to check more.
const sure = .95

func causeRows(v incident.View, items []evidence.Item) []causeRow {
	summary := map[string]string{}
	for _, it := range items {
		summary[it.ID] = claim(it)
	}
	refs := func(ids []string) (out []evidenceRef) {
		for _, id := range ids {
			ref := evidenceRef{Summary: id + ", which is not kept here"}
			if s, ok := summary[id]; ok {
				ref = evidenceRef{ID: id, Summary: s}
			}
			out = append(out, ref)
		}
		return out
	}
	confirmed := slices.ContainsFunc(v.Timeline, func(e incident.EventView) bool { return e.Kind == incident.EventCauseConfirmed })
	out := make([]causeRow, 0, len(v.Hypotheses))
	for i, h := range v.Hypotheses {
		unknown := h.CauseClass == diagnose.Unknown
		row := causeRow{
			Lead: i == 0, Unknown: unknown, Healthy: h.CauseClass == diagnose.Healthy, Confirmed: confirmed && i == 0 && !unknown,
			Probability: h.Probability, Text: h.Mechanism, Class: words(h.CauseClass), Component: h.Component,
			Fault: cause.Text(h.Fault), For: refs(h.EvidenceFor), Against: refs(h.EvidenceAgainst), CheckNext: h.CheckNext,
		}
		row.Open = row.Lead && !row.Confirmed && (unknown || h.Probability < sure) && v.State.Active()
		if row.Text == "" {
			row.Text = strings.TrimSpace(row.Class + " " + row.Component)
		}
		out = append(out, row)
	}
	return out
}

// checked are sentences about what was looked at, each leading to the first of
// the items that it rests on.
func checked(all []incident.ObservationView, items []evidence.Item) []evidenceRef {
	out := make([]evidenceRef, 0, len(all))
	for _, o := range all {
		i := slices.IndexFunc(o.Evidence, func(id string) bool {
			return slices.ContainsFunc(items, func(it evidence.Item) bool { return it.ID == id })
		})
		ref := evidenceRef{Summary: o.Text}
		if i >= 0 {
			ref.ID = o.Evidence[i]
		}
		out = append(out, ref)
	}
	return out
}

// claim is what an item says in one line.
func claim(it evidence.Item) string {
	return cmp.Or(it.Summary, it.Error, string(it.Kind)+" from "+it.Source)
}
