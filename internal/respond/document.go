package respond

import (
	"context"
	"fmt"
	"slices"

	"github.com/holdfast-sre/holdfast/internal/change"
	"github.com/holdfast-sre/holdfast/internal/document"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/jobs"
	"github.com/holdfast-sre/holdfast/internal/store"
)

// Kinds of document; each is stored under its kind.
const (
	DocTimeline   = "timeline"
	DocPostmortem = "postmortem"
	DocChart      = "metrics"
)

// document writes timeline and post-mortem from the record.
func (r *Responder) document(_ context.Context, j jobs.Job) (commit, error) {
	args, err := readArgs[incidentArgs](j)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, tx *store.Tx) error {
		s, err := r.loadIn(ctx, tx, args.Incident)
		if err != nil {
			return err
		}
		return r.writeDocuments(ctx, tx, s)
	}, nil
}

func (r *Responder) writeDocuments(ctx context.Context, tx *store.Tx, s snapshot) error {
	rec := r.documentRecord(s)
	postmortem, chart, err := document.Postmortem(rec)
	if err != nil {
		return fmt.Errorf("post-mortem of %s: %w", s.inc.ID, err)
	}
	docs := []store.Document{
		{Kind: DocTimeline, Path: "timeline.md", Body: document.Timeline(rec)},
		{Kind: DocPostmortem, Path: "postmortem.md", Body: postmortem},
	}
	if len(chart) > 0 {
		docs = append(docs, store.Document{Kind: DocChart, Path: "metrics.svg", Body: string(chart)})
	}
	for _, d := range docs {
		if err := tx.SaveDocument(ctx, s.inc.ID, d); err != nil {
			return fmt.Errorf("store %s of %s: %w", d.Kind, s.inc.ID, err)
		}
	}
	if s.inc.State != incident.Resolved {
		return nil // a draft for those who work on it; it is written anew when it is over
	}
	if err := r.record(ctx, tx, s, incident.NewEvent(incident.EventDocument, incident.ActorAgent,
		"post-mortem and timeline written", "incident "+string(s.inc.State), s.now)); err != nil || r.Scribe == nil {
		return err
	}
	return enqueue(ctx, tx, draftJob(JobDraft, s.inc.ID, ""))
}

func (r *Responder) documentRecord(s snapshot) document.Record {
	names := slices.Clone(s.inc.Services)
	if len(s.inc.Hypotheses) > 0 && !slices.Contains(names, s.inc.Hypotheses[0].Component) {
		names = append(names, s.inc.Hypotheses[0].Component)
	}
	return document.Record{
		Now: s.now, Incident: s.inc, Events: s.events, Signals: s.signals, Evidence: s.evidence,
		Verdicts: s.verdicts, Proposals: s.proposals, Intents: s.intents, Changes: s.allChanges(),
		Services: r.services(names), URL: r.URL(s.inc.ID), ChartPath: "metrics.svg",
	}
}

// allChanges are the changes that were reported and those that the runtime and
// the repositories told of, newest first, each once.
func (s snapshot) allChanges() []change.Change {
	out := slices.Clone(s.changes)
	for _, it := range s.evidence {
		if it.Kind != evidence.KindChanges {
			continue
		}
		cs, err := evidence.Decode[evidence.Changes](it)
		if err != nil {
			continue
		}
		for _, c := range cs.Changes {
			if !slices.ContainsFunc(out, func(o change.Change) bool { return o.ID == c.ID }) {
				out = append(out, c)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b change.Change) int { return b.At.Compare(a.At) })
	return out
}
