package triage

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/audit"
	"github.com/holdfast-sre/holdfast/internal/id"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/problem"
	"github.com/holdfast-sre/holdfast/internal/severity"
	"github.com/holdfast-sre/holdfast/internal/signal"
	"github.com/holdfast-sre/holdfast/internal/store"
)

// maxText bounds what a person types: findings and reasons.
const maxText = 4000

// Declaration opens an incident without any alert.
type Declaration struct {
	Title       string
	Severity    severity.Severity
	Environment string   // empty = the only one configured
	Services    []string // catalog names; may be empty
	Description string
}

// What people do answers store.ErrNotFound for an incident that does not exist,
// *incident.RefusedError for what its state does not allow, and
// *problem.Problem for what was written wrongly. by is a person's name.

// Declare opens an incident that a person saw. It is never grouped with another
// one: the person meant one of its own.
func (s *Service) Declare(ctx context.Context, by string, d Declaration) (string, error) {
	if err := s.checkDeclaration(by, &d); err != nil {
		return "", err
	}
	var newID string
	err := s.change(ctx, "declare", func(tx *store.Tx) error {
		sigs := s.declared(by, d, tx)
		inc := incident.FromSignals(sigs, s.catalog.Owner, tx.Now())
		inc.Title, inc.Severity, inc.SeverityByHand = d.Title, d.Severity, true
		inc.SeverityReasons = []string{"declared by " + by}
		if _, err := tx.SaveSignals(ctx, sigs); err != nil {
			return err
		}
		opened := incident.NewEvent(incident.EventDeclared, by, by+" declared: "+d.Title+".", "declared by a person", tx.Now()).
			With("description", d.Description)
		if err := s.begin(ctx, tx, &inc, opened, sigs[0]); err != nil {
			return err
		}
		newID = inc.ID
		return tx.MarkTriaged(ctx, ids(sigs), inc.ID)
	})
	return newID, err
}

func (s *Service) checkDeclaration(by string, d *Declaration) error {
	if !incident.IsPerson(by) {
		return &problem.Problem{What: "a person declares an incident", Hint: "sign in with a person's token"}
	}
	d.Title = signal.Clean(strings.Join(strings.Fields(d.Title), " "), 200)
	d.Description = signal.Clean(d.Description, maxText)
	if d.Title == "" {
		return &problem.Problem{What: "title is empty", Hint: "say in one line what is wrong"}
	}
	if _, err := severity.Parse(d.Severity.String()); err != nil {
		return &problem.Problem{What: "severity is missing", Hint: "use SEV-1, SEV-2, SEV-3 or SEV-4"}
	}
	if err := s.checkEnvironment(d); err != nil {
		return err
	}
	for _, name := range d.Services {
		if !s.catalog.Known(name) {
			return s.unknownService(name)
		}
	}
	return nil
}

func (s *Service) checkEnvironment(d *Declaration) error {
	known := s.o.Environments
	switch {
	case d.Environment == "" && len(known) == 1:
		d.Environment = known[0]
	case d.Environment == "":
		return &problem.Problem{What: "environment is missing", Hint: "use one of " + strings.Join(known, ", ")}
	case len(known) > 0 && !slices.Contains(known, d.Environment):
		return &problem.Problem{
			What: fmt.Sprintf("unknown environment %q", signal.Clean(d.Environment, 64)),
			Hint: "use one of " + strings.Join(known, ", "),
		}
	}
	return nil
}

func (s *Service) unknownService(name string) error {
	p := &problem.Problem{What: fmt.Sprintf("unknown service %q", signal.Clean(name, 64)), Hint: "use a name of the catalog"}
	if n, ok := s.catalog.(namer); ok {
		if near := problem.Nearest(name, n.Names()); near != "" {
			p.Hint = fmt.Sprintf("did you mean %q?", near)
		}
	}
	return p
}

// declared are the signals of a declaration: one for each service, or one
// without any.
func (s *Service) declared(by string, d Declaration, tx *store.Tx) []signal.Signal {
	services := slices.Compact(slices.Sorted(slices.Values(d.Services)))
	if len(services) == 0 {
		services = []string{""}
	}
	var out []signal.Signal
	for _, service := range services {
		sigID := id.New("sig", tx.Now())
		labels := map[string]string{"alertname": "Declared", "declared_by": by}
		if service != "" {
			labels["service"] = service
		}
		out = append(out, signal.Signal{
			ID: sigID, Kind: signal.Declared, Source: "people", Environment: d.Environment, Fingerprint: sigID,
			Name: "Declared", Status: signal.Firing, Severity: d.Severity, Labels: labels,
			Annotations: map[string]string{"summary": d.Title, "description": d.Description},
			StartsAt:    tx.Now(), ReceivedAt: tx.Now(), Service: service,
		})
	}
	return out
}

// Acknowledge records that a person looks at the incident.
func (s *Service) Acknowledge(ctx context.Context, by, id string) error {
	return s.act(ctx, by, id, "incident.acknowledge", "", nil, func(tx *store.Tx, inc *incident.Incident) ([]incident.Event, error) {
		if inc.AcknowledgedAt != nil && inc.State.Active() {
			return nil, nil // the first one counts
		}
		return apply(inc, incident.Acknowledgement(by, tx.Now()))
	})
}

// SetSeverity sets the severity; only people lower it.
func (s *Service) SetSeverity(ctx context.Context, by, id string, to severity.Severity, reason string) error {
	reason = signal.Clean(reason, maxText)
	params := map[string]any{"severity": to.String()}
	return s.act(ctx, by, id, "incident.severity", reason, params, func(tx *store.Tx, inc *incident.Incident) ([]incident.Event, error) {
		if inc.Severity == to {
			inc.SeverityByHand = true
			return nil, nil
		}
		cause := reason
		if cause == "" {
			cause = "set by " + by
		}
		rows, err := apply(inc, incident.SeverityChange(to, by, cause, tx.Now()))
		if err != nil || !inc.State.Active() {
			return rows, err
		}
		return rows, s.pageSoon(ctx, tx, inc, tx.Now())
	})
}

// SetCommander names who commands.
func (s *Service) SetCommander(ctx context.Context, by, id, commander string) error {
	commander = signal.Clean(strings.TrimSpace(commander), 100)
	params := map[string]any{"commander": commander}
	return s.act(ctx, by, id, "incident.commander", "", params, func(tx *store.Tx, inc *incident.Incident) ([]incident.Event, error) {
		return apply(inc, incident.CommanderSet(commander, by, tx.Now()))
	})
}

// AddFinding records what a person found out; the diagnosis is made again.
func (s *Service) AddFinding(ctx context.Context, by, id, text string) error {
	text = signal.Clean(strings.TrimSpace(text), maxText)
	if text == "" {
		return &problem.Problem{What: "the finding is empty", Hint: "say what you found"}
	}
	return s.act(ctx, by, id, "incident.finding", text, nil, func(tx *store.Tx, inc *incident.Incident) ([]incident.Event, error) {
		rows, err := apply(inc, incident.NewEvent(incident.EventFindingAdded, by, text, "found by a person", tx.Now()))
		if err != nil || !inc.State.Active() {
			return rows, err
		}
		return rows, again(ctx, tx, KindInvestigate, inc.ID)
	})
}

// Resolve ends the incident because a person says so.
func (s *Service) Resolve(ctx context.Context, by, id, reason string) error {
	reason = signal.Clean(reason, maxText)
	return s.act(ctx, by, id, "incident.resolve", reason, nil, func(tx *store.Tx, inc *incident.Incident) ([]incident.Event, error) {
		ev := incident.Transition(incident.Resolved, by, reason, tx.Now())
		ev.Text = by + " resolved: " + reason
		return apply(inc, ev)
	})
}

// Split moves signals, named by their identifiers, into an incident of their own.
func (s *Service) Split(ctx context.Context, by, id string, signals []string, title string) (string, error) {
	var newID string
	params := map[string]any{"signals": signals, "title": title}
	err := s.act(ctx, by, id, "incident.split", "", params, func(tx *store.Tx, inc *incident.Incident) ([]incident.Event, error) {
		all, err := tx.Signals(ctx, id)
		if err != nil {
			return nil, err
		}
		moved, rest, err := pick(all, signals)
		if err != nil {
			return nil, err
		}
		part, rows, err := inc.Split(moved, rest, s.catalog.Owner, title, by, tx.Now())
		if err != nil {
			return nil, err
		}
		opened := incident.NewEvent(incident.EventOpened, by, "Split from "+id+" by "+by+": "+tell(moved)+".", "split by a person", tx.Now()).
			With("from", id)
		if err := s.begin(ctx, tx, &part, opened, moved[0]); err != nil {
			return nil, err
		}
		newID = part.ID
		return []incident.Event{rows[0].With("into", newID)}, tx.AttachSignals(ctx, ids(moved), newID)
	})
	return newID, err
}

// pick separates the signals that are named from the others.
func pick(all []signal.Signal, named []string) (picked, rest []signal.Signal, err error) {
	for _, sig := range all {
		if slices.Contains(named, sig.ID) {
			picked = append(picked, sig)
		} else {
			rest = append(rest, sig)
		}
	}
	for _, n := range named {
		if !slices.ContainsFunc(all, func(sig signal.Signal) bool { return sig.ID == n }) {
			return nil, nil, &problem.Problem{
				What: fmt.Sprintf("signal %q is not part of the incident", signal.Clean(n, 64)), Hint: "holdfast incident show lists the signals",
			}
		}
	}
	return picked, rest, nil
}

// Merge ends the incident in favour of into, which takes its signals.
func (s *Service) Merge(ctx context.Context, by, id, into string) error {
	return s.act(ctx, by, into, "incident.take", "", map[string]any{"from": id}, func(tx *store.Tx, target *incident.Incident) ([]incident.Event, error) {
		from, err := tx.Incident(ctx, id)
		if err != nil {
			return nil, err
		}
		if err := atRest(ctx, tx, id); err != nil {
			return nil, err
		}
		var rows []incident.Event
		if err := s.mergeInto(ctx, tx, target, &from, by, "merged by "+by, &rows); err != nil {
			return nil, err
		}
		if err := s.pageSoon(ctx, tx, target, tx.Now()); err != nil {
			return nil, err
		}
		return rows, again(ctx, tx, KindInvestigate, into)
	})
}

// atRest refuses while an action is under way: nobody would watch what it did.
func atRest(ctx context.Context, tx *store.Tx, id string) error {
	intents, err := tx.Intents(ctx, id)
	if err != nil {
		return err
	}
	for _, in := range intents {
		if in.State == action.Intended || in.State == action.Started {
			return &incident.RefusedError{Incident: id, What: "an action is under way; merge it when that has ended"}
		}
	}
	return nil
}

func apply(inc *incident.Incident, ev incident.Event) ([]incident.Event, error) {
	row, err := inc.Apply(ev)
	if err != nil {
		return nil, err
	}
	return []incident.Event{row}, nil
}

// act is one thing that a person does to an incident: the change, its rows, its
// audit record, and the verdict made again, in one transaction.
func (s *Service) act(ctx context.Context, by, id, what, reason string, params map[string]any,
	do func(*store.Tx, *incident.Incident) ([]incident.Event, error),
) error {
	if !incident.IsPerson(by) {
		return &problem.Problem{What: what + " is for people", Hint: "sign in with a person's token"}
	}
	return s.change(ctx, what+" "+id, func(tx *store.Tx) error {
		inc, err := tx.Incident(ctx, id)
		if err != nil {
			return err
		}
		rows, err := do(tx, &inc)
		if err != nil {
			return err
		}
		if err := tx.UpdateIncident(ctx, &inc); err != nil {
			return err
		}
		if err := tx.AddEvents(ctx, id, rows...); err != nil {
			return err
		}
		body, err := json.Marshal(params)
		if err != nil || params == nil {
			body = []byte("{}")
		}
		if err := tx.AppendAudit(ctx, audit.Record{
			At: tx.Now(), Actor: by, Action: what, Target: id, Reason: reason, Params: body, Outcome: "done", Incident: id,
		}, "params.commander", "params.title"); err != nil {
			return err
		}
		return again(ctx, tx, KindDecide, id)
	})
}

// change runs fn in a transaction of triage's turn.
func (s *Service) change(ctx context.Context, what string, fn func(*store.Tx) error) error {
	err := s.store.Tx(ctx, func(tx *store.Tx) error {
		if err := tx.Put(ctx, turnKey, tx.Now()); err != nil {
			return err
		}
		return fn(tx)
	})
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}
