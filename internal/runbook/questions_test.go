package runbook_test

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/redact"
	"github.com/holdfast-sre/holdfast/internal/runbook"
)

func parse(t *testing.T, name, text string) *runbook.Runbook {
	t.Helper()
	r, err := runbook.Parse(name+".yaml", []byte("name: "+name+"\napproved: false\ntrigger: {services: [booking-api]}\n"+text))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// database answers every statement alike.
type database struct {
	runbook.SQLAnswer
	mu    sync.Mutex // questions are asked at once
	asked []runbook.SQLQuestion
}

func (d *database) Select(_ context.Context, q runbook.SQLQuestion) (runbook.SQLAnswer, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked = append(d.asked, q)
	return d.SQLAnswer, nil
}

func TestAskSQL(t *testing.T) {
	t.Parallel()
	const number = "diagnostics: [{name: d, title: waiting, sql: SELECT 1, unit: sessions, capture: {f: value, n: rows}}]\n"
	tests := map[string]struct {
		text   string
		answer runbook.SQLAnswer
		facts  map[string]any
		want   string
	}{
		"a number":              {number, runbook.SQLAnswer{Rows: 1, Value: 7.0}, map[string]any{"f": 7.0, "n": 1.0}, "waiting: 7 sessions"},
		"no row":                {number, runbook.SQLAnswer{}, map[string]any{}, "waiting: the query matches nothing"},
		"NULL":                  {number, runbook.SQLAnswer{Rows: 1}, map[string]any{}, "waiting: the query matches nothing"},
		"several rows":          {number, runbook.SQLAnswer{Rows: 3, Value: 7.0}, map[string]any{}, "waiting: 3 rows: aggregate so that one remains"},
		"text for a number":     {number, runbook.SQLAnswer{Rows: 1, Value: "seven"}, map[string]any{}, "waiting: the answer is seven, which is no number"},
		"only how many":         {"diagnostics: [{name: d, sql: SELECT 1, capture: {n: rows}}]\n", runbook.SQLAnswer{Rows: 3, Value: "x"}, map[string]any{"n": 3.0}, "d: 3 rows"},
		"nothing means zero":    {"diagnostics: [{name: d, sql: SELECT 1, empty: 0, capture: f}]\n", runbook.SQLAnswer{}, map[string]any{"f": 0.0}, "d: 0"},
		"text":                  {"diagnostics: [{name: d, sql: SELECT 1, unit: text, capture: f}]\n", runbook.SQLAnswer{Rows: 1, Value: "streaming"}, map[string]any{"f": "streaming"}, "d: streaming"},
		"one is true":           {"diagnostics: [{name: d, sql: SELECT 1, unit: bool, capture: f}]\n", runbook.SQLAnswer{Rows: 1, Value: 1.0}, map[string]any{"f": true}, "d: 1 bool"},
		"two is neither":        {"diagnostics: [{name: d, sql: SELECT 1, unit: bool, capture: f}]\n", runbook.SQLAnswer{Rows: 1, Value: 2.0}, map[string]any{}, "d: the answer is 2, which is no bool"},
		"a bool of the server":  {"diagnostics: [{name: d, sql: SELECT 1, unit: bool, capture: f}]\n", runbook.SQLAnswer{Rows: 1, Value: false}, map[string]any{"f": false}, "d: false"},
		"a number for the text": {"diagnostics: [{name: d, sql: SELECT 1, unit: text, capture: f}]\n", runbook.SQLAnswer{Rows: 1, Value: 4.0}, map[string]any{}, "d: the answer is 4, which is no text"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := &database{SQLAnswer: tc.answer}
			run := parse(t, "x", tc.text).Ask(t.Context(), runbook.Ports{SQL: db}, vars(t))
			if diff := cmp.Diff(tc.facts, run.Facts); diff != "" {
				t.Error(diff)
			}
			if run.Items[0].Summary != tc.want {
				t.Errorf("got %q, want %q", run.Items[0].Summary, tc.want)
			}
			if len(db.asked) != 1 || db.asked[0].Statement != "SELECT 1" || db.asked[0].Timeout != 3*time.Second {
				t.Errorf("asked %+v", db.asked)
			}
			if _, text := tc.answer.Value.(string); text && len(run.Facts) > 0 && !run.Items[0].Outside && run.Facts["n"] == nil {
				t.Error("text of a table is not marked as written by outsiders")
			}
		})
	}
}

// TestNoRecordIsNoProofOfNoDeploy: where no runtime records its changes, that none
// is known rules nothing out.
func TestNoRecordIsNoProofOfNoDeploy(t *testing.T) {
	t.Parallel()
	r, v, w := relay(t), vars(t), exhausted()
	w.unrecorded = true
	run := r.Ask(t.Context(), w.ports(), v)
	if n, ok := run.Facts["api_deploys"]; ok {
		t.Errorf("api_deploys is %v, want missing", n)
	}
	if want := "deploys: no source here records what was deployed of booking-api"; run.Items[4].Summary != want {
		t.Errorf("got %q, want %q", run.Items[4].Summary, want)
	}
	if f := r.Prove(run, v)[0]; len(f.Excludes) > 0 {
		t.Errorf("excluded %+v", f.Excludes)
	}
}

// rawLogs records what it was asked.
type rawLogs struct {
	world
	mu    sync.Mutex
	asked []runbook.RawLogQuestion
}

func (l *rawLogs) CountQuery(_ context.Context, q runbook.RawLogQuestion) (runbook.LogAnswer, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked = append(l.asked, q)
	return runbook.LogAnswer{Source: "logs", Count: 4}, nil
}

func TestAskLogQueries(t *testing.T) {
	t.Parallel()
	r := parse(t, "x", `diagnostics:
  - {name: a, logql: {query: '{app="${service}"} |= "x"', since: 2m}, capture: a}
  - {name: b, logsql: {query: 'app:${service} error', since: 1h}, source: vl, capture: b}
`)
	logs := &rawLogs{}
	run := r.Ask(t.Context(), runbook.Ports{Logs: logs}, vars(t))
	if diff := cmp.Diff(map[string]any{"a": 4.0, "b": 4.0}, run.Facts); diff != "" {
		t.Error(diff)
	}
	want := map[runbook.LogLanguage]runbook.RawLogQuestion{
		runbook.LogQL:  {Environment: "demo", Language: runbook.LogQL, Query: `{app="booking-api"} |= "x"`, From: now.Add(-2 * time.Minute), To: now},
		runbook.LogsQL: {Source: "vl", Environment: "demo", Language: runbook.LogsQL, Query: `app:booking-api error`, From: now.Add(-time.Hour), To: now},
	}
	got := map[runbook.LogLanguage]runbook.RawLogQuestion{}
	for _, q := range logs.asked {
		got[q.Language] = q
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if !run.Items[0].Outside {
		t.Error("log lines are not marked as written by outsiders")
	}
}

// TestAnIncludedRunbookIsAskedWhatIsNeeded: only the questions whose facts are
// captured are asked, through two runbooks; findings rest on the real questions,
// and the hash covers all of them.
func TestAnIncludedRunbookIsAskedWhatIsNeeded(t *testing.T) {
	t.Parallel()
	const deepText = `diagnostics:
  - {name: pool, promql: sum(db_connections_active), unit: connections, capture: used}
  - {name: limit, promql: max(db_connections_limit), unit: connections, capture: limit}
  - {name: other, promql: never_asked, capture: other}
`
	deep := parse(t, "deep", deepText)
	middle := parse(t, "middle", "diagnostics:\n  - {name: db, runbook: deep, capture: {a: used, b: limit}}\n  - {name: x, promql: not_asked_either, capture: x}\n")
	top := parse(t, "top", `diagnostics:
  - {name: database, runbook: middle, capture: {used: a, most: {part: b, unit: connections}}}
findings:
  - {cause_class: resource_exhaustion.connection_pool, component: booking-api, confirm: [facts.used > 90, facts.most > 90]}
`)
	link := func(books ...*runbook.Runbook) *runbook.Runbook {
		set, err := runbook.NewSet(books...)
		if err != nil {
			t.Fatal(err)
		}
		r, _ := set.Runbook("top")
		return r
	}
	r, v := link(deep, middle, top), vars(t)
	run := r.Ask(t.Context(), exhausted().ports(), v)
	if diff := cmp.Diff(map[string]any{"used": 100.0, "most": 100.0}, run.Facts); diff != "" {
		t.Error(diff)
	}
	var asked []string
	for _, it := range run.Items {
		asked = append(asked, it.Query)
	}
	if diff := cmp.Diff([]string{"sum(db_connections_active)", "max(db_connections_limit)"}, asked); diff != "" {
		t.Error(diff)
	}
	f := r.Prove(run, v)[0]
	if len(f.Confirmed) != 2 || f.Confirmed[0].Diagnostics[0] != "database/db/pool" || f.Confirmed[1].Diagnostics[0] != "database/db/limit" || f.Confirmed[0].Evidence[0] == "" {
		t.Errorf("proofs %+v", f.Confirmed)
	}
	other := link(parse(t, "deep", deepText+"  - {name: more, promql: up, capture: more}\n"), middle, top)
	if r.SHA256() == other.SHA256() || r.SHA256() == top.SHA256() {
		t.Error("the hash does not cover what is included")
	}
	// By itself it can't be asked, and says so.
	alone := top.Ask(t.Context(), exhausted().ports(), v)
	if len(alone.Facts) != 0 || alone.Items[0].Kind != evidence.KindFailure || alone.Items[0].Summary != `database: runbook "middle" is not loaded` {
		t.Errorf("%+v", alone.Items)
	}
}

func TestTooManyRunbooksBehindEachOther(t *testing.T) {
	t.Parallel()
	var books []*runbook.Runbook
	for i, next := range []string{"b", "c", "d", "e"} {
		books = append(books, parse(t, string(rune('a'+i)), "diagnostics: [{name: d, runbook: "+next+", capture: {f: f}}]\n"))
	}
	books = append(books, parse(t, "e", "diagnostics: [{name: d, promql: up, capture: f}]\n"))
	if _, err := runbook.NewSet(books...); err == nil || !strings.Contains(err.Error(), "a.yaml:4:34: more than 3 runbooks stand behind each other") {
		t.Errorf("got %v", err)
	}
	if _, err := runbook.NewSet(books[1:]...); err != nil {
		t.Errorf("three are refused: %v", err)
	}
}

func TestSeveralSeriesAreCountedNoFurther(t *testing.T) {
	t.Parallel()
	r := parse(t, "x", "diagnostics: [{name: d, promql: up, capture: f}]\n")
	run := r.Ask(t.Context(), runbook.Ports{Metrics: many{}}, vars(t))
	if want := "d: more than 10 series match: add sum() or max() so that one number remains"; run.Items[0].Summary != want {
		t.Errorf("got %q, want %q", run.Items[0].Summary, want)
	}
}

type many struct{}

func (many) Instant(context.Context, runbook.MetricQuestion) (runbook.MetricAnswer, error) {
	return runbook.MetricAnswer{Samples: make([]evidence.Sample, runbook.MostSeries), More: true}, nil
}

// TestExplainAgreesWithTheResponder: what plan and tables call chosen is what the
// responder would execute, whatever the facts.
func TestExplainAgreesWithTheResponder(t *testing.T) {
	t.Parallel()
	r := relay(t)
	v := vars(t)
	rapid.Check(t, func(t *rapid.T) {
		facts := map[string]any{}
		for _, f := range r.Facts() {
			switch {
			case rapid.Bool().Draw(t, f.Name+" is missing"):
			case f.Type == "bool":
				facts[f.Name] = rapid.Bool().Draw(t, f.Name)
			default:
				facts[f.Name] = rapid.SampledFrom([]float64{0, 1, 49, 95, 100, 200000}).Draw(t, f.Name)
			}
		}
		s := runbook.Situation{
			Facts: facts, Environment: rapid.SampledFrom([]string{"demo", "live"}).Draw(t, "environment"),
			Maintenance: rapid.Bool().Draw(t, "maintenance"), Changes: map[string]int{"outbox-relay": rapid.IntRange(0, 2).Draw(t, "changes")},
			Cause: "resource_exhaustion.connection_pool", Component: rapid.SampledFrom([]string{"outbox-relay", "booking-api"}).Draw(t, "component"),
		}
		ex := r.Judge(s, v.Service, v.Catalog)
		run := runbook.Run{Runbook: r.Name, Service: v.Service, Facts: facts}
		for _, p := range ex.Preconditions {
			run.Preconditions = append(run.Preconditions, p.Check)
		}
		at := v
		at.Environment, at.StartedAt, at.Now = s.Environment, now.Add(-time.Minute), now
		want := ""
		o, ok := r.Choose(run, at, diagnose.Hypothesis{CauseClass: diagnose.ExhaustPool, Component: s.Component})
		if ok {
			want = o.Name
		}
		if ok && ex.Chosen != want {
			t.Fatalf("explained %q, chosen %q", ex.Chosen, want)
		}
		if m, found := r.Remediation(ex.Chosen); !ok && found && m.Action != "" {
			t.Fatalf("explained %q, which the responder does not choose", ex.Chosen)
		}
		if got := len(r.Escalations(run, at)) > 0; got != ex.Escalates {
			t.Fatalf("explained escalation %v, is %v", ex.Escalates, got)
		}
	})
}

// TestWhatHoldfastCanDoComesFirst: of the remediations that hold and treat the
// cause, one with an action is chosen before one for people that stands first;
// without one the first for people is.
func TestWhatHoldfastCanDoComesFirst(t *testing.T) {
	t.Parallel()
	const forPeople = `remediations:
  - {name: ask-around, when: "true", treats: [leak.memory], commands: [ask], target: {service: outbox-relay}, risk: low}
  - {name: look, when: "true", treats: [leak.memory, bad_deploy], commands: [look], target: {service: outbox-relay}, risk: low}
`
	r := parse(t, "x", forPeople+"  - {name: restart, when: \"true\", treats: [leak.memory], action: process.restart, target: {service: outbox-relay}, risk: low}\n")
	for cause, want := range map[runbook.CauseClass]string{"leak.memory": "restart", "": "restart", "bad_deploy": "look", "leak.connections": ""} {
		if got := r.Judge(runbook.Situation{Cause: cause}, "booking-api", services(t)); got.Chosen != want {
			t.Errorf("%q: chosen %q, want %q", cause, got.Chosen, want)
		}
	}
	if got := parse(t, "x", forPeople).Judge(runbook.Situation{Cause: "leak.memory"}, "booking-api", services(t)); got.Chosen != "ask-around" {
		t.Errorf("for people: %q", got.Chosen)
	}
}

// FuzzCheckSQL: whatever is accepted holds no word that changes data outside
// quotes, and a statement behind an accepted one is not.
func FuzzCheckSQL(f *testing.F) {
	for _, s := range []string{
		"SELECT 1", "WITH a AS (SELECT 1) SELECT * FROM a", "SHOW x", "EXPLAIN SELECT 1", "SELECT $$ $$, E'\\'', \"a\"\"b\" -- x",
		"/* /* */ */ SELECT 'it''s'", "SELECT $a$ $b$ $a$",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if runbook.CheckSQL(s) != nil {
			return
		}
		for _, more := range []string{"; DELETE FROM t", "\n; DROP TABLE t", " ;;\nSELECT 1"} {
			if strings.Contains(s, "--") && !strings.HasPrefix(more, "\n") {
				continue // it would be part of the comment
			}
			if err := runbook.CheckSQL(s + more); err == nil {
				t.Errorf("accepted with %q behind it: %q", more, s)
			}
		}
	})
}

// FuzzParseTable: no table makes its reader fall over.
func FuzzParseTable(f *testing.F) {
	f.Add([]byte("runbook: x\ncases: [{name: a, facts: {f: 1, g: true, h: text}, expect: {remediation: none, proves: []}}]\n"))
	f.Add([]byte("runbook: x\nservice: s\ntarget: {restart_safe: true}\ncases: [{name: a, minutes: 1e300, changes: {s: -1}, expect: {remediation: r}}]\n"))
	set, err := runbook.NewSet()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		table, err := runbook.ParseTable("t.yaml", data)
		if err != nil {
			return
		}
		if _, err := table.Run(set, nil); err == nil {
			t.Error("a table of a runbook that is not there ran")
		}
	})
}

// TestTextOfATable: what a database says is kept short, and without secrets
// where it is stored.
func TestTextOfATable(t *testing.T) {
	t.Parallel()
	r, err := runbook.Parse("r.yaml", []byte("name: r\napproved: false\ntrigger: {services: [shop]}\ndiagnostics:\n"+
		"  - {name: text, sql: SELECT 1, unit: text, capture: f}\n  - {name: number, sql: SELECT 1, capture: n}\n"))
	if err != nil {
		t.Fatal(err)
	}
	red, err := redact.New()
	if err != nil {
		t.Fatal(err)
	}
	const secret = "hunter2hunter2"
	db := &database{SQLAnswer: runbook.SQLAnswer{Rows: 1, Value: "password=" + secret + " " + strings.Repeat("x", 1<<20)}}
	run := r.Ask(t.Context(), runbook.Ports{SQL: db}, vars(t)).Redacted(red)
	text, err := json.Marshal(struct {
		Run   runbook.Run
		Items []evidence.Item
	}{run, run.Items})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), secret) || !strings.Contains(string(text), "password=") || len(text) > 8<<10 {
		t.Errorf("%d bytes: %.600s", len(text), text)
	}
}
