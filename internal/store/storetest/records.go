package storetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/audit"
	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/change"
	"github.com/holdfast-sre/holdfast/internal/decide"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/severity"
	"github.com/holdfast-sre/holdfast/internal/store"
)

var noon = time.Date(2026, 3, 4, 12, 0, 0, 123456000, time.UTC)

var records = map[string]func(*testing.T, Database){
	"an incident comes back as it was stored":       incidentRoundTrip,
	"an incident changed in the meantime conflicts": incidentConflict,
	"incident numbers count per year":               incidentNumbers,
	"incidents are filtered, newest first":          incidentFilter,
	"what is not there is not found":                notFound,
	"the record of an incident comes back in order": recordOrder,
	"evidence with a known ID is replaced":          evidenceReplaced,
	"a proposal and an intent are replaced by ID":   proposalAndIntent,
	"intents of all incidents count":                intentsSince,
	"a document of the same path is replaced":       documents,
	"a change is recorded once":                     changes,
	"the audit chain holds":                         auditChain,
	"what people wrote is erased, the chain holds":  auditErase,
	"a record that is too large is not written":     auditTooLarge,
	"a name goes from a list of names too":          auditEraseOfTwo,
	"a durable value is read back":                  keyValue,
	"a view can't write":                            viewReadOnly,
}

func outage() incident.Incident {
	onset := noon.Add(-time.Minute)
	return incident.Incident{
		Title: "booking-api: pool exhausted", State: incident.Open, Severity: severity.SEV2,
		SeverityReasons: []string{"label critical"}, Environment: "prod",
		Services: []string{"booking-api", "outbox-relay"}, StartedAt: noon, OnsetAt: &onset,
		Impact: incident.Impact{Summary: "5 % of bookings fail", Values: []incident.Value{{Name: "errors", Value: 5.2, Unit: "%", Usual: .1}}},
		Hypotheses: []diagnose.Hypothesis{{
			ID: "h1", CauseClass: diagnose.ExhaustPool, Mechanism: "100 of 100 in use", Probability: .8,
			EvidenceFor: []string{"ev_1"}, EvidenceAgainst: []string{}, CheckNext: []string{},
		}},
		Trace: []incident.TraceStep{{Kind: "code", Path: "relay.go", Line: 78}},
	}
}

// opened stores an incident and returns it.
func opened(t *testing.T, s *store.Store, change func(*incident.Incident)) incident.Incident {
	t.Helper()
	inc := outage()
	if change != nil {
		change(&inc)
	}
	do(t, s, func(tx *store.Tx) error { return tx.CreateIncident(t.Context(), &inc) })
	return inc
}

func incidentRoundTrip(t *testing.T, db Database) {
	s := open(t, db)
	want := opened(t, s, nil)
	if want.ID != "INC-2026-0001" || want.Revision != 1 {
		t.Errorf("created %s revision %d, want INC-2026-0001 revision 1", want.ID, want.Revision)
	}
	want.State, want.Services = incident.Investigating, []string{"booking-api"}
	do(t, s, func(tx *store.Tx) error { return tx.UpdateIncident(t.Context(), &want) })
	view(t, s, func(tx *store.Tx) error {
		got, err := tx.Incident(t.Context(), want.ID)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("stored incident differs (-want +got):\n%s", diff)
		}
		return err
	})
}

func incidentConflict(t *testing.T, db Database) {
	s := open(t, db)
	mine := opened(t, s, nil)
	theirs := mine
	do(t, s, func(tx *store.Tx) error { return tx.UpdateIncident(t.Context(), &theirs) })
	err := s.Tx(t.Context(), func(tx *store.Tx) error { return tx.UpdateIncident(t.Context(), &mine) })
	wantErr(t, err, store.ErrConflict)
	if mine.Revision != 1 || theirs.Revision != 2 {
		t.Errorf("revisions %d and %d, want 1 and 2", mine.Revision, theirs.Revision)
	}
}

func incidentNumbers(t *testing.T, db Database) {
	s := open(t, db)
	var got []string
	for _, year := range []int{2026, 2026, 2027, 2026} {
		got = append(got, opened(t, s, func(i *incident.Incident) { i.StartedAt = noon.AddDate(year-2026, 0, 0) }).ID)
	}
	want := []string{"INC-2026-0001", "INC-2026-0002", "INC-2027-0001", "INC-2026-0003"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("numbers (-want +got):\n%s", diff)
	}
}

func incidentFilter(t *testing.T, db Database) {
	s := open(t, db)
	opened(t, s, func(i *incident.Incident) { i.Services = []string{"web"} })
	opened(t, s, func(i *incident.Incident) { i.State, i.StartedAt = incident.Resolved, noon.Add(time.Hour) })
	opened(t, s, func(i *incident.Incident) { i.Environment, i.StartedAt = "staging", noon.Add(2*time.Hour) })
	tests := map[string]struct {
		filter store.IncidentFilter
		want   []string
	}{
		"all":         {store.IncidentFilter{}, []string{"INC-2026-0003", "INC-2026-0002", "INC-2026-0001"}},
		"limit":       {store.IncidentFilter{Limit: 1}, []string{"INC-2026-0003"}},
		"states":      {store.IncidentFilter{States: []incident.State{incident.Resolved, incident.Closed}}, []string{"INC-2026-0002"}},
		"environment": {store.IncidentFilter{Environment: "staging"}, []string{"INC-2026-0003"}},
		"service":     {store.IncidentFilter{Service: "web"}, []string{"INC-2026-0001"}},
		"since":       {store.IncidentFilter{Since: noon.Add(time.Hour)}, []string{"INC-2026-0003", "INC-2026-0002"}},
		"together":    {store.IncidentFilter{Service: "booking-api", Environment: "prod", Limit: 5}, []string{"INC-2026-0002"}},
		"none":        {store.IncidentFilter{Service: "nobody's"}, nil},
	}
	for name, tt := range tests {
		view(t, s, func(tx *store.Tx) error {
			list, err := tx.Incidents(t.Context(), tt.filter)
			var got []string
			for _, i := range list {
				got = append(got, i.ID)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
			return err
		})
	}
}

func notFound(t *testing.T, db Database) {
	s := open(t, db)
	ctx := t.Context()
	ghost := outage()
	ghost.ID = "INC-2026-9999"
	reads := map[string]func(*store.Tx) error{
		"incident": func(tx *store.Tx) error { _, err := tx.Incident(ctx, ghost.ID); return err },
		"signal":   func(tx *store.Tx) error { _, err := tx.Signal(ctx, "am", "f"); return err },
		"proposal": func(tx *store.Tx) error { _, err := tx.Proposal(ctx, "prop_x"); return err },
		"intent":   func(tx *store.Tx) error { _, err := tx.Intent(ctx, "act_x"); return err },
		"value":    func(tx *store.Tx) error { var v int; return tx.Get(ctx, "pause", &v) },
	}
	for name, read := range reads {
		if err := s.View(ctx, read); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s in a view: %v, want %v", name, err, store.ErrNotFound)
		}
		if err := s.Tx(ctx, read); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s in a transaction: %v, want %v", name, err, store.ErrNotFound)
		}
	}
	writes := map[string]func(*store.Tx) error{
		"update":   func(tx *store.Tx) error { return tx.UpdateIncident(ctx, &ghost) },
		"event":    func(tx *store.Tx) error { return tx.AddEvents(ctx, ghost.ID, incident.Event{Kind: incident.EventNote}) },
		"verdict":  func(tx *store.Tx) error { return tx.AddVerdict(ctx, ghost.ID, decide.Verdict{}) },
		"document": func(tx *store.Tx) error { return tx.SaveDocument(ctx, ghost.ID, store.Document{Kind: "timeline"}) },
		"artifact": func(tx *store.Tx) error { return tx.SaveArtifact(ctx, ghost.ID, "act_x", "log", nil) },
	}
	for name, write := range writes {
		if err := s.Tx(ctx, write); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s of an incident that does not exist: %v, want %v", name, err, store.ErrNotFound)
		}
	}
}

func recordOrder(t *testing.T, db Database) {
	s := open(t, db)
	inc := opened(t, s, nil)
	ctx := t.Context()
	events := []incident.Event{
		{At: noon.Add(time.Second), Kind: incident.EventTriaged, Actor: incident.ActorAgent, Text: "second", Data: map[string]any{"cause": "first-signal", "n": 2.0}},
		{At: noon, Kind: incident.EventOpened, Actor: incident.ActorRule, Text: "first", Data: nil},
		{At: noon.Add(time.Second), Kind: incident.EventNote, Actor: "ana", Text: "third; <b>not markup</b> \u2028 'quoted'", Data: map[string]any{}},
	}
	verdicts := []decide.Verdict{
		{Kind: decide.Watch, Urgency: decide.NoUrgency, DecidedAt: noon, Rules: []decide.Rule{{ID: "low_impact", Held: true, Values: map[string]any{"errors": .1}}}},
		{Kind: decide.Escalate, Urgency: decide.PageUrgency, DecidedAt: noon.Add(time.Minute), Reasons: []string{"SEV-2"}, Approvers: 1},
	}
	artifacts := []store.Artifact{{IntentID: "act_1", Name: "goroutines", Data: []byte{0, 1, 255}}, {IntentID: "act_1", Name: "empty", Data: []byte{}}}
	do(t, s, func(tx *store.Tx) error {
		if err := tx.AddEvents(ctx, inc.ID, events...); err != nil {
			return err
		}
		for _, v := range verdicts {
			if err := tx.AddVerdict(ctx, inc.ID, v); err != nil {
				return err
			}
		}
		for i, a := range artifacts {
			artifacts[i].At = tx.Now()
			if err := tx.SaveArtifact(ctx, inc.ID, a.IntentID, a.Name, a.Data); err != nil {
				return err
			}
		}
		return nil
	})
	view(t, s, func(tx *store.Tx) error {
		gotEvents, err1 := tx.Events(ctx, inc.ID)
		gotVerdicts, err2 := tx.Verdicts(ctx, inc.ID)
		gotArtifacts, err3 := tx.Artifacts(ctx, inc.ID)
		if diff := cmp.Diff([]incident.Event{events[1], events[0], events[2]}, gotEvents); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(verdicts, gotVerdicts); diff != "" {
			t.Errorf("verdicts (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(artifacts, gotArtifacts); diff != "" {
			t.Errorf("artifacts (-want +got):\n%s", diff)
		}
		return errors.Join(err1, err2, err3)
	})
}

func evidenceReplaced(t *testing.T, db Database) {
	s := open(t, db)
	inc := opened(t, s, nil)
	item := func(id, summary string) evidence.Item {
		return evidence.Item{
			ID: id, Kind: evidence.KindMetric, Collector: "prometheus", Source: "prom", Query: "up",
			From: noon, To: noon.Add(time.Minute), Summary: summary, Data: json.RawMessage(`{"value":1e-7}`), Strength: .5,
		}
	}
	do(t, s, func(tx *store.Tx) error {
		return tx.SaveEvidence(t.Context(), inc.ID, []evidence.Item{item("ev_b", "old"), item("ev_a", "other")})
	})
	do(t, s, func(tx *store.Tx) error {
		return tx.SaveEvidence(t.Context(), inc.ID, []evidence.Item{item("ev_b", "new")})
	})
	view(t, s, func(tx *store.Tx) error {
		got, err := tx.Evidence(t.Context(), inc.ID)
		if diff := cmp.Diff([]evidence.Item{item("ev_b", "new"), item("ev_a", "other")}, got); diff != "" {
			t.Errorf("evidence (-want +got):\n%s", diff)
		}
		return err
	})
}

func restart(incidentID string) action.Action {
	return action.Action{
		Name: "process.restart", Service: "outbox-relay", Risk: action.Low, Lasting: action.Transient,
		Target: catalog.Target{Environment: "prod", Kind: "process", Name: "outbox-relay"},
		Params: map[string]string{"reason": incidentID},
	}
}

func proposalAndIntent(t *testing.T, db Database) {
	s := open(t, db)
	ctx := t.Context()
	inc := opened(t, s, nil)
	p := incident.Proposal{ID: "prop_1", IncidentID: inc.ID, Action: restart(inc.ID), Executable: true, State: incident.Waiting, At: noon, Facts: map[string]any{"used": 100.0}}
	in := action.Intent{ID: "act_1", IncidentID: inc.ID, ProposalID: p.ID, Action: restart(inc.ID), State: action.Intended, By: "agent", IntendedAt: noon}
	save := func() {
		do(t, s, func(tx *store.Tx) error { return errors.Join(tx.SaveProposal(ctx, p), tx.SaveIntent(ctx, in)) })
	}
	save()
	p.State, p.ApprovedBy, p.ExpiresAt = incident.Approved, []string{"ana"}, noon.Add(15*time.Minute)
	in.State, in.StartedAt, in.ApprovedBy = action.Started, noon.Add(time.Minute), "ana"
	save()
	do(t, s, func(tx *store.Tx) error {
		gotP, err1 := tx.Proposal(ctx, p.ID)
		gotIn, err2 := tx.Intent(ctx, in.ID)
		listP, err3 := tx.Proposals(ctx, inc.ID)
		listIn, err4 := tx.Intents(ctx, inc.ID)
		if diff := cmp.Diff([]incident.Proposal{p, p}, append(listP, gotP)); diff != "" {
			t.Errorf("proposal (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]action.Intent{in, in}, append(listIn, gotIn)); diff != "" {
			t.Errorf("intent (-want +got):\n%s", diff)
		}
		return errors.Join(err1, err2, err3, err4)
	})
}

func intentsSince(t *testing.T, db Database) {
	s := open(t, db)
	a, b := opened(t, s, nil), opened(t, s, nil)
	do(t, s, func(tx *store.Tx) error {
		for i, inc := range []string{a.ID, b.ID, a.ID} {
			in := action.Intent{ID: fmt.Sprintf("act_%d", i), IncidentID: inc, Action: restart(inc), IntendedAt: noon.Add(time.Duration(-i) * time.Hour)}
			if err := tx.SaveIntent(t.Context(), in); err != nil {
				return err
			}
		}
		return nil
	})
	view(t, s, func(tx *store.Tx) error {
		list, err := tx.IntentsSince(t.Context(), noon.Add(-time.Hour))
		var got []string
		for _, in := range list {
			got = append(got, in.ID)
		}
		if diff := cmp.Diff([]string{"act_1", "act_0"}, got); diff != "" {
			t.Errorf("intents (-want +got):\n%s", diff)
		}
		return err
	})
}

func documents(t *testing.T, db Database) {
	s := open(t, db)
	inc := opened(t, s, nil)
	for _, d := range []store.Document{{Kind: "postmortem", Path: "p.md", Body: "draft"}, {Kind: "timeline", Path: "t.md", Body: "12:00"}, {Kind: "postmortem", Path: "p.md", Body: "final"}} {
		do(t, s, func(tx *store.Tx) error { return tx.SaveDocument(t.Context(), inc.ID, d) })
	}
	want := []store.Document{{Kind: "postmortem", Path: "p.md", Body: "final"}, {Kind: "timeline", Path: "t.md", Body: "12:00"}}
	view(t, s, func(tx *store.Tx) error {
		got, err := tx.Documents(t.Context(), inc.ID)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("documents (-want +got):\n%s", diff)
		}
		return err
	})
}

func changes(t *testing.T, db Database) {
	s := open(t, db)
	yes := true
	list := []change.Change{
		{ID: "chg_1", Kind: change.Deploy, Environment: "prod", Service: "web", At: noon, AIGenerated: &yes, Files: []string{"a.go"}},
		{ID: "chg_2", Kind: change.Commit, Service: "web", At: noon.Add(time.Minute)},
		{ID: "chg_3", Kind: change.Flag, Environment: "staging", Service: "api", At: noon.Add(2 * time.Minute)},
	}
	for _, c := range append(list, list[0]) {
		want := true
		do(t, s, func(tx *store.Tx) error {
			known, err := tx.Changes(t.Context(), store.ChangeFilter{From: c.At, To: c.At})
			if err != nil {
				return err
			}
			want = len(known) == 0
			fresh, err := tx.SaveChange(t.Context(), c)
			if fresh != want {
				t.Errorf("%s fresh = %v, want %v", c.ID, fresh, want)
			}
			return err
		})
	}
	view(t, s, func(tx *store.Tx) error {
		got, err := tx.Changes(t.Context(), store.ChangeFilter{Environment: "prod", Services: []string{"web", "api"}, From: noon, To: noon.Add(time.Minute)})
		if diff := cmp.Diff([]change.Change{list[1], list[0]}, got); diff != "" {
			t.Errorf("changes (-want +got):\n%s", diff)
		}
		return err
	})
}

func auditChain(t *testing.T, db Database) {
	s := open(t, db)
	ctx := t.Context()
	const writers, each = 4, 5
	failed := errors.New("rolled back")
	errs := make(chan error, writers)
	for w := range writers {
		go func() {
			for i := range each {
				r := audit.Record{
					Actor: "agent", Action: "process.restart", Incident: fmt.Sprintf("INC-2026-%04d", w),
					Params: json.RawMessage(`{"z": 1.50, "a": "<&>\u2028", "n": 12345678901234567890}`),
				}
				err := s.Tx(ctx, func(tx *store.Tx) error { return tx.AppendAudit(ctx, r) })
				gone := s.Tx(ctx, func(tx *store.Tx) error { return errors.Join(tx.AppendAudit(ctx, r), failed) })
				if err != nil || !errors.Is(gone, failed) {
					errs <- fmt.Errorf("writer %d record %d: %w, %w", w, i, err, gone)
					return
				}
			}
			errs <- nil
		}()
	}
	for range writers {
		if err := await(t, errs, "audit writers"); err != nil {
			t.Error(err)
		}
	}
	view(t, s, func(tx *store.Tx) error {
		all, err1 := tx.Audit(ctx, "", 0, 0)
		if err := chainHolds(all); err != nil || len(all) != writers*each || all[0].Seq != 1 {
			t.Errorf("%d records from %d, want %d from 1: %v", len(all), all[0].Seq, writers*each, err)
		}
		some, err2 := tx.Audit(ctx, "INC-2026-0002", 3, 2)
		if len(some) != 2 || some[0].Incident != "INC-2026-0002" || some[0].Seq <= 3 {
			t.Errorf("filtered records: %+v", some)
		}
		return errors.Join(err1, err2)
	})
}

// auditErase: names and texts of people lie apart and go; what is left is the
// chain, and a record of the erasure.
func auditErase(t *testing.T, db Database) {
	s := open(t, db)
	ctx := t.Context()
	for _, r := range []audit.Record{
		{Actor: "agent", Action: "process.restart", Reason: "runbook pool", Params: json.RawMessage(`{"approved_by":"ana"}`)},
		{Actor: "ana", Action: "incident.finding", Reason: "I saw \x00 it", Incident: "INC-2026-0001"},
		{Actor: "bo", Action: "incident.resolve", Reason: "ana is right"},
		{Actor: "rule", Action: "reject", Outcome: "rejected: ana said so"},
		{Actor: "ana", Action: "incident.acknowledge"},
	} {
		do(t, s, func(tx *store.Tx) error {
			return tx.AppendAudit(ctx, r, "outcome", "params.approved_by", "params.none")
		})
	}
	before := auditOf(t, s)
	if before[1].Reason != "I saw \x00 it" || before[0].Salts["params.approved_by"] == "" || before[4].Salts["reason"] != "" || before[0].Salts["reason"] != "" {
		t.Errorf("records: %+v", before)
	}
	got, err := s.Erase(ctx, store.Erasure{Actor: "ana", KeepMentions: true}, "bo", "request 17")
	if err != nil || got.Texts != 4 || got.Records != 3 {
		t.Errorf("erased %+v, want 4 texts of 3 records: %v", got, err)
	}
	if got, err = s.Erase(ctx, store.Erasure{Seq: 3}, "bo", "names somebody"); err != nil || got.Texts != 2 {
		t.Errorf("erased %+v of record 3, want 2 texts: %v", got, err)
	}
	for _, of := range []store.Erasure{{Actor: "ana", KeepMentions: true}, {Seq: 3}, {Seq: 99}} {
		if got, err = s.Erase(ctx, of, "bo", "again"); err != nil || got.Texts != 0 || got.Records != 0 {
			t.Errorf("erased %+v of %+v again: %v", got, of, err)
		}
	}
	after := auditOf(t, s)
	if err := chainHolds(after); err != nil || len(after) != 7 {
		t.Fatalf("%d records, want 7: %v", len(after), err)
	}
	if !audit.IsErased(after[1].Actor) || !audit.IsErased(after[1].Reason) || !audit.IsErased(after[2].Reason) || after[3].Outcome != "rejected: ana said so" {
		t.Errorf("records: %+v", after)
	}
	if got := string(after[5].Params); got != `{"records":[[1,2],[5,5]],"texts":4}` || after[5].Actor != "bo" || after[5].Reason != "request 17" {
		t.Errorf("record of the erasure: %s %+v", got, after[5])
	}
	if got, err = s.Erase(ctx, store.Erasure{Actor: "ana"}, "bo", "request 18"); err != nil || got.Texts != 1 {
		t.Errorf("erased %+v, want the one text that mentions the name: %v", got, err)
	}
	if after = auditOf(t, s); !audit.IsErased(after[3].Outcome) {
		t.Errorf("outcome: %s", after[3].Outcome)
	}
}

// auditEraseOfTwo: a name goes from the list of those who agreed, and so do the
// others in it.
func auditEraseOfTwo(t *testing.T, db Database) {
	s := open(t, db)
	ctx := t.Context()
	lists := []string{"ana%, bo", "bo, ana%", "cy, ana%, bo", "susana%, bo", "ana%x, bo", "bo"}
	for _, by := range lists {
		params, err := json.Marshal(map[string]string{"approved_by": by, "title": by})
		if err != nil {
			t.Fatal(err)
		}
		do(t, s, func(tx *store.Tx) error {
			return tx.AppendAudit(ctx, audit.Record{Actor: "agent", Action: "process.restart", Params: params}, "params.approved_by", "params.title")
		})
	}
	got, err := s.Erase(ctx, store.Erasure{Actor: "ana%", KeepMentions: true}, "system", "request 17")
	if err != nil || got.Texts != 3 || got.Records != 3 {
		t.Errorf("erased %+v, want 3 texts of 3 records: %v", got, err)
	}
	for i, r := range auditOf(t, s)[:len(lists)] {
		if _, there := r.Salts["params.approved_by"]; there != (i >= 3) || r.Salts["params.title"] == "" {
			t.Errorf("%s: %s", lists[i], r.Params)
		}
	}
}

// auditTooLarge: what no export could be verified with is not recorded, and what
// was to be done with it is not done.
func auditTooLarge(t *testing.T, db Database) {
	s := open(t, db)
	for size, want := range map[int]bool{1 << 20: true, 5 << 20: false} {
		err := s.Tx(t.Context(), func(tx *store.Tx) error {
			return errors.Join(
				tx.Put(t.Context(), fmt.Sprint("done", size), 1),
				tx.AppendAudit(t.Context(), audit.Record{Actor: "agent", Action: "x", Reason: strings.Repeat("x", size)}),
			)
		})
		var done int
		view(t, s, func(tx *store.Tx) error {
			if err := tx.Get(t.Context(), fmt.Sprint("done", size), &done); err != nil && !errors.Is(err, store.ErrNotFound) {
				return err
			}
			return nil
		})
		if (err == nil) != want || (done == 1) != want {
			t.Errorf("%d bytes: done %d, %v", size, done, err)
		}
	}
	if err := chainHolds(auditOf(t, s)); err != nil {
		t.Error(err)
	}
}

// chainHolds says where a chain does not hold.
func chainHolds(rs []audit.Record) error {
	v := audit.NewVerifier(audit.VerifyOptions{})
	for _, r := range rs {
		v.Record(r, nil)
	}
	for _, f := range v.End(nil).Findings {
		if f.Kind == audit.KindChain {
			return errors.New(f.Text)
		}
	}
	return nil
}

// auditOf reads the chain, and sees that each row is as it was written.
func auditOf(t *testing.T, s *store.Store) (out []audit.Record) {
	t.Helper()
	view(t, s, func(tx *store.Tx) error {
		rows, err := tx.AuditRows(t.Context(), 0, 0)
		for _, row := range rows {
			r, bad := row.Strict()
			if bad != nil {
				t.Errorf("record %d: %v", row.Seq, bad)
			}
			out = append(out, r)
		}
		return err
	})
	return out
}

func keyValue(t *testing.T, db Database) {
	s := open(t, db)
	ctx := t.Context()
	type pause struct {
		Paused bool
		By     string
	}
	want := pause{true, "ana"}
	do(t, s, func(tx *store.Tx) error { return errors.Join(tx.Put(ctx, "pause", 1), tx.Put(ctx, "pause", want)) })
	view(t, s, func(tx *store.Tx) error {
		var got pause
		err := tx.Get(ctx, "pause", &got)
		if got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		return err
	})
	do(t, s, func(tx *store.Tx) error { return errors.Join(tx.Delete(ctx, "pause"), tx.Delete(ctx, "pause")) })
	var gone pause
	wantErr(t, s.View(ctx, func(tx *store.Tx) error { return tx.Get(ctx, "pause", &gone) }), store.ErrNotFound)
}

func viewReadOnly(t *testing.T, db Database) {
	s := open(t, db)
	inc := outage()
	for name, write := range map[string]func(*store.Tx) error{
		"put":    func(tx *store.Tx) error { return tx.Put(t.Context(), "k", 1) },
		"create": func(tx *store.Tx) error { return tx.CreateIncident(t.Context(), &inc) },
		"signal": func(tx *store.Tx) error { _, err := tx.SaveSignals(t.Context(), alerts(1)); return err },
	} {
		if err := s.View(t.Context(), write); err == nil {
			t.Errorf("%s in a view succeeded", name)
		}
	}
}
