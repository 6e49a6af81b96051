package audittest

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/app"
	"github.com/holdfast-sre/holdfast/internal/audit"
	"github.com/holdfast-sre/holdfast/internal/autonomy"
	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/change"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/severity"
	"github.com/holdfast-sre/holdfast/internal/store"
	"github.com/holdfast-sre/holdfast/internal/triage"
)

// gone is who is erased, and what that person wrote.
const (
	gone  = "zora.quill"
	wrote = "the third host swaps since noon, I moved its tenants"
)

// Forget builds incidents in which a person took part, in the empty database
// that dsn names, erases the person and searches everything that db shows.
func Forget(t *testing.T, dsn string, db *sql.DB) {
	t.Helper()
	s, err := store.Open(t.Context(), dsn, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	svc := triage.New(s, triage.Services{Catalog: &catalog.Catalog{}}, triage.Options{Environments: []string{"prod"}})
	ended := story(t, s, svc)
	running := declared(t, svc, "Queue grows")
	if err := svc.Acknowledge(t.Context(), gone, running); err != nil {
		t.Fatal(err)
	}
	for i := range 60 { // pages of the file are split and filled anew
		if err := svc.AddFinding(t.Context(), gone, running, fmt.Sprintf("%s %d", strings.Repeat(wrote+"; ", 1+i%9), i)); err != nil {
			t.Fatal(err)
		}
	}
	const said = "it was zora.quill"
	if err := s.Tx(t.Context(), func(tx *store.Tx) error { return tx.Put(t.Context(), "respond/"+running, said) }); err != nil {
		t.Fatal(err)
	}
	before := dump(t, db)
	for _, table := range []string{"incidents", "events", "signals", "proposals", "intents", "autonomy_grades", "documents", "evidence", "changes", "kv", "audit_text"} {
		if !strings.Contains(strings.Join(before[table], "\n"), gone) {
			t.Errorf("nobody is named in %s: the test is weak", table)
		}
	}

	got, err := s.Erase(t.Context(), store.Erasure{Actor: gone}, "bo", "request 17")
	if err != nil || got.Incidents != 1 || got.Other != 2 || !slices.Equal(got.Open, []string{running}) {
		t.Fatalf("erased %+v: %v", got, err)
	}
	for table, rows := range dump(t, db) {
		for _, row := range rows {
			if (strings.Contains(row, gone) || strings.Contains(row, "third host")) && !strings.Contains(row, running) {
				t.Errorf("%s still says %s", table, row)
			}
		}
	}
	var remembered string
	if err := s.View(t.Context(), func(tx *store.Tx) error { return tx.Get(t.Context(), "respond/"+running, &remembered) }); err != nil || remembered != said {
		t.Errorf("of the one that goes on is remembered %q, %v", remembered, err)
	}
	if err := svc.Resolve(t.Context(), "bo", running, "over"); err != nil {
		t.Fatal(err)
	}
	// What was not erased yet is not lost, and nothing is there after that.
	if got, err = s.Erase(t.Context(), store.Erasure{Actor: gone}, "bo", "request 17"); err != nil || got.Incidents != 1 || len(got.Open) > 0 {
		t.Fatalf("erased %+v: %v", got, err)
	}
	for table, rows := range dump(t, db) {
		for _, row := range rows {
			if strings.Contains(row, gone) || strings.Contains(row, "third host") {
				t.Errorf("%s still says %s", table, row)
			}
		}
	}
	left(t, s, ended)
	report, err := app.VerifyAudit(t.Context(), app.AuditCheck{Source: app.AuditSource{DSN: dsn}})
	if err != nil || !report.OK || report.Erased == 0 {
		t.Errorf("the chain does not hold: %+v, %v", report, err)
	}
}

func declared(t *testing.T, svc *triage.Service, title string) string {
	t.Helper()
	id, err := svc.Declare(t.Context(), gone, triage.Declaration{Title: title, Severity: severity.SEV3, Description: wrote})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// story is an incident that is over, in which the person did all that people do.
func story(t *testing.T, s *store.Store, svc *triage.Service) string {
	t.Helper()
	ctx := t.Context()
	id := declared(t, svc, "Bookings fail")
	for _, err := range []error{
		svc.Acknowledge(ctx, gone, id),
		svc.SetCommander(ctx, "bo", id, gone),
		svc.SetSeverity(ctx, gone, id, severity.SEV2, "worse: "+wrote),
		svc.AddFinding(ctx, gone, id, wrote),
		svc.AddFinding(ctx, "bo", id, gone+" is right about the host"),
		svc.Resolve(ctx, gone, id, "gone after that: "+wrote),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	now := minute(1)
	act := action.Action{Name: "process.restart", Service: "relay", Target: catalog.Target{Environment: "prod", Kind: "process", Name: "relay"}}
	err := s.Tx(ctx, func(tx *store.Tx) error {
		inc, err := tx.Incident(ctx, id)
		if err != nil {
			return err
		}
		inc.Contexts = "Declared by " + gone + "."
		inc.Delegations = []incident.Delegation{{ID: "del_1", At: now, By: gone, Task: wrote, Target: act.Target}}
		return errors.Join(
			tx.UpdateIncident(ctx, &inc),
			tx.SaveProposal(ctx, incident.Proposal{
				ID: "prop_1", IncidentID: id, Action: act, Why: gone + " asked", State: incident.Approved,
				ApprovedBy: []string{"bo", gone}, Requesters: []string{gone}, At: now,
			}),
			tx.SaveIntent(ctx, action.Intent{
				ID: "act_1", IncidentID: id, ProposalID: "prop_1", Action: act, State: action.Done, By: gone, ApprovedBy: "bo, " + gone, Reason: wrote, IntendedAt: now,
			}),
			tx.AddGrade(ctx, autonomy.Graded{Incident: id, Grade: autonomy.Wrong, By: gone, At: now, Comment: wrote}),
			tx.SaveEvidence(ctx, id, []evidence.Item{{ID: "e1", Collector: "people", Summary: gone + " saw it"}}),
			tx.SaveDocument(ctx, id, store.Document{Kind: "postmortem", Path: "x.md", Body: "| " + gone + " | " + wrote + " |\n"}),
			tx.Put(ctx, "pause", map[string]any{"paused": true, "by": gone, "reason": wrote}),
			tx.AppendAudit(ctx, audit.Record{
				Actor: "agent", Action: act.Name, Incident: id, Params: json.RawMessage(`{"approved_by":"bo, ` + gone + `"}`),
			}, "params.approved_by"),
			second(tx.SaveChange(ctx, change.Change{ID: "chg_1", Kind: change.Commit, Service: "web", Author: gone, Summary: "by " + gone, At: now})),
		)
	})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func second(_ bool, err error) error { return err }

// left sees that the incident still tells what happened.
func left(t *testing.T, s *store.Store, id string) {
	t.Helper()
	ctx := t.Context()
	err := s.View(ctx, func(tx *store.Tx) error {
		inc, err := tx.Incident(ctx, id)
		if inc.Title != "Bookings fail" || inc.Commander != audit.Gone || inc.State != incident.Resolved || inc.Severity != severity.SEV2 {
			t.Errorf("incident: %+v", inc)
		}
		events, e2 := tx.Events(ctx, id)
		intents, e3 := tx.Intents(ctx, id)
		if len(events) < 6 || len(intents) != 1 || intents[0].ApprovedBy != "bo, "+audit.Gone || intents[0].Action.Target.Name != "relay" {
			t.Errorf("events %+v\nintents %+v", events, intents)
		}
		docs, e4 := tx.Documents(ctx, id)
		if diff := cmp.Diff("| "+audit.Gone+" | "+audit.Gone+" |\n", docs[0].Body); diff != "" {
			t.Errorf("document (-want +got):\n%s", diff)
		}
		return errors.Join(err, e2, e3, e4)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// dump returns every row of every table as text.
func dump(t *testing.T, db *sql.DB) map[string][]string {
	t.Helper()
	tables, err := db.QueryContext(t.Context(), `SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()`)
	if err != nil { // SQLite has no such view
		tables, err = db.QueryContext(t.Context(), `SELECT name FROM sqlite_master WHERE type = 'table'`)
	}
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for tables.Next() {
		var name string
		if err := tables.Scan(&name); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	if err := errors.Join(tables.Err(), tables.Close()); err != nil || len(names) < 15 {
		t.Fatalf("tables %v: %v", names, err)
	}
	out := map[string][]string{}
	for _, name := range names {
		rows, err := db.QueryContext(t.Context(), `SELECT * FROM `+name) //nolint:gosec // a name out of the catalogue
		if err != nil {
			t.Fatal(err)
		}
		out[name] = texts(t, rows)
	}
	return out
}

func texts(t *testing.T, rows *sql.Rows) (out []string) {
	t.Helper()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		values := make([]any, len(columns))
		dest := make([]any, len(columns))
		for i := range dest {
			dest[i] = &values[i]
		}
		if err := rows.Scan(dest...); err != nil {
			t.Fatal(err)
		}
		var row strings.Builder
		for i, v := range values {
			if raw, ok := v.([]byte); ok {
				v = string(raw)
			}
			fmt.Fprintf(&row, "%s=%v ", columns[i], v)
		}
		out = append(out, row.String())
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		t.Fatal(err)
	}
	return out
}
