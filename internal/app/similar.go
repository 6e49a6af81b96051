package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/knowledge"
	"github.com/holdfast-sre/holdfast/internal/knowledge/recall"
	"github.com/holdfast-sre/holdfast/internal/outside"
	"github.com/holdfast-sre/holdfast/internal/quantity"
	"github.com/holdfast-sre/holdfast/internal/respond"
	"github.com/holdfast-sre/holdfast/internal/store"
	"github.com/holdfast-sre/holdfast/internal/store/search"
)

const (
	// likeCause is the least probability that two incidents had the same cause.
	// Of 394 labelled cases, pairs over it had the same fault in the same place in
	// 99 of 100; those that share the component or the fault alone in 7 and 10.
	likeCause = 0.25
	// likeWords is the least share of an error's words that an artefact repeats (see
	// search.Similar), likeShared the least number of them. On the handbook of the
	// test 12 of 12 over 0.5 are right and 10 of 10 over 0.6; of 326 different error
	// lines of sixteen foreign systems 11 match something over 0.5, none over 0.6.
	likeWords  = 0.6
	likeShared = 2
	// likeBack is how far back incidents are looked at, likeMost how many.
	likeBack = 180 * 24 * time.Hour
	likeMost = 500
	// likeTitle bounds what is quoted.
	likeTitle = 120
)

// recaller finds the like of an incident in the store and, when there is one, in
// the knowledge repository.
type recaller struct {
	store   *store.Store
	library *library
}

// Recall is respond.Recaller. What one of the two can't answer is an error beside
// what the other says.
func (r recaller) Recall(ctx context.Context, q respond.RecallQuery) ([]incident.Like, error) {
	out, err := r.incidents(ctx, q)
	if r.library != nil {
		ix, base, e := r.library.Index(ctx)
		if e == nil {
			var more []incident.Like
			more, e = recalled(ctx, ix, base, q)
			out = joined(out, more)
		}
		err = errors.Join(err, e)
	}
	slices.SortStableFunc(out, func(a, b incident.Like) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Path, b.Path))
	})
	return out, err
}

// joined adds artefacts to incidents; the post-mortem of one is named with it.
func joined(out, more []incident.Like) []incident.Like {
	for _, m := range more {
		if i := slices.IndexFunc(out, func(l incident.Like) bool { return strings.EqualFold(l.ID, m.ID) }); i >= 0 {
			out[i].Why += "; written up in " + m.Path
			continue
		}
		out = append(out, m)
	}
	return out
}

// incidents are those on record with the same cause, the latest of equals first.
func (r recaller) incidents(ctx context.Context, q respond.RecallQuery) ([]incident.Like, error) {
	var out []incident.Like
	err := r.store.View(ctx, func(tx *store.Tx) error {
		all, err := tx.Incidents(ctx, store.IncidentFilter{
			States: []incident.State{incident.Resolved, incident.Closed}, Since: q.Incident.StartedAt.Add(-likeBack), Limit: likeMost,
		})
		if err != nil {
			return fmt.Errorf("earlier incidents: %w", err)
		}
		for _, old := range all {
			score := incident.SameCause(q.Incident, old)
			if old.ID == q.Incident.ID || score < likeCause || !old.StartedAt.Before(q.Incident.StartedAt) {
				continue
			}
			out = append(out, incident.Like{Kind: string(knowledge.Incident), ID: old.ID, Title: outside.Line(old.Title, likeTitle), Score: score, Why: sameWhy(q, old)})
			if len(out) == maxLike {
				break
			}
		}
		for i := range out {
			done, err := remedy(ctx, tx, out[i].ID)
			if err != nil {
				return err
			}
			out[i].Why += done
		}
		return nil
	})
	return out, err
}

// maxLike bounds what is looked at closer.
const maxLike = 3

func sameWhy(q respond.RecallQuery, old incident.Incident) string {
	why := fmt.Sprintf("same cause, %s of %s", strings.NewReplacer("_", " ", ".", ", ").Replace(string(q.Top.CauseClass)), q.Top.Component)
	if old.Environment != q.Incident.Environment {
		why += " in " + old.Environment
	}
	return why + ", " + quantity.Duration(q.Incident.StartedAt.Sub(old.StartedAt)) + " before"
}

// remedy is the last action of an incident that worked.
func remedy(ctx context.Context, tx *store.Tx, id string) (string, error) {
	intents, err := tx.Intents(ctx, id)
	if err != nil {
		return "", fmt.Errorf("actions of %s: %w", id, err)
	}
	for _, in := range slices.Backward(intents) {
		if in.State == "done" && !in.IsUndo {
			return fmt.Sprintf("; then %s %s was done", in.Action.Name, in.Action.Target.Name), nil
		}
	}
	return "", nil
}

// recalled are the artefacts that quote the same error, or are about the mechanism
// of the cause.
func recalled(ctx context.Context, ix *search.Index, base *knowledge.Base, q respond.RecallQuery) ([]incident.Like, error) {
	var kinds []string
	for _, k := range recall.Kinds() {
		kinds = append(kinds, string(k))
	}
	where, err := search.Parse("kind:" + strings.Join(kinds, ","))
	if err != nil {
		return nil, fmt.Errorf("kinds: %w", err)
	}
	var out []incident.Like
	for _, text := range q.Errors {
		found, err := ix.Similar(ctx, search.Trouble{Text: text, Where: where, Limit: maxLike, Least: likeWords})
		if err != nil {
			return out, fmt.Errorf("similar artefacts: %w", err)
		}
		for _, s := range found {
			if len(s.Words) < likeShared {
				continue
			}
			out = add(out, incident.Like{
				Kind: s.Kind, ID: s.ID, Title: s.Title, Section: s.Section.Heading, Repo: s.Repo, Path: s.Path, Line: s.Section.Line, Score: s.Score,
				Why: "the same error: " + strings.Join(s.Words[:min(len(s.Words), 6)], ", "),
			})
		}
	}
	names := append([]string{q.Top.Component}, q.Incident.Services...)
	for _, m := range recall.ByMechanism(base, q.Top.CauseClass, names) {
		a := m.Artefact
		out = add(out, incident.Like{
			Kind: string(a.Kind), ID: a.ID, Title: a.Title, Section: m.Section, Repo: a.Repo, Path: a.Path, Line: m.Line, Score: m.Score, Why: mechanismWhy(m),
		})
		if len(out) >= 4*maxLike {
			break
		}
	}
	out = slices.DeleteFunc(out, func(l incident.Like) bool { return strings.EqualFold(l.ID, q.Incident.ID) }) // its own post-mortem
	for i := range out {
		out[i].Title, out[i].Section = outside.Line(out[i].Title, likeTitle), outside.Line(out[i].Section, likeTitle)
		out[i].Why = outside.Line(out[i].Why, 2*likeTitle)
	}
	return out, nil
}

// add keeps each artefact once, at its best, with every reason.
func add(out []incident.Like, l incident.Like) []incident.Like {
	i := slices.IndexFunc(out, func(o incident.Like) bool { return o.Repo == l.Repo && o.Path == l.Path && o.ID == l.ID })
	if i < 0 {
		return append(out, l)
	}
	if l.Score > out[i].Score {
		l.Why, out[i] = out[i].Why, l
	}
	if !strings.Contains(out[i].Why, l.Why) && strings.Count(out[i].Why, ";") < 1 {
		out[i].Why += "; " + l.Why
	}
	return out
}

func mechanismWhy(m recall.Match) string {
	where := "its title names"
	if m.Section != "" {
		where = "its section " + m.Section + " names"
	}
	why := fmt.Sprintf("%s %q", where, strings.ToLower(m.Words))
	if m.Names != "" {
		why += ", and it names " + m.Names
	}
	return why
}
