package runbook_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/change"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/problem"
	"github.com/holdfast-sre/holdfast/internal/runbook"
	"github.com/holdfast-sre/holdfast/internal/signal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const relayFile = "testdata/relay-holds-connections.yaml"

func relay(t *testing.T) *runbook.Runbook {
	t.Helper()
	data, err := os.ReadFile(relayFile)
	if err != nil {
		t.Fatal(err)
	}
	r, err := runbook.Parse(relayFile, data)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

var now = time.Date(2026, 11, 21, 14, 0, 0, 0, time.UTC)

func services(t *testing.T) *catalog.Catalog {
	t.Helper()
	process := func(name string) []catalog.Target {
		return []catalog.Target{{Environment: "demo", Kind: "process", Name: name}}
	}
	c, err := catalog.New([]catalog.Service{
		{Name: "bookings-db", Owner: "data", Tier: 1},
		{Name: "booking-api", Owner: "booking", Tier: 1, DependsOn: []string{"bookings-db"}},
		{Name: "outbox-relay", Owner: "booking", Tier: 2, DependsOn: []string{"bookings-db"}, RestartSafe: true, Targets: process("outbox-relay")},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func vars(t *testing.T) runbook.Vars {
	t.Helper()
	return runbook.Vars{
		IncidentID: "INC-2026-0001", Environment: "demo", Service: "booking-api", Severity: "SEV-2",
		Services: []string{"booking-api"}, StartedAt: now.Add(-2 * time.Minute), Now: now,
		Catalog: services(t), Maintenance: catalog.False,
	}
}

// world answers like the sources during the pool's exhaustion.
type world struct {
	metrics map[string]float64
	refused int
	changes map[string][]change.Change
	code    int
	err     error
	block   bool
	// unrecorded: no runtime keeps a record of its changes
	unrecorded bool
}

func exhausted() *world {
	return &world{
		metrics: map[string]float64{
			"sum(db_connections_active)":                        100,
			"max(db_connections_limit)":                         100,
			`db_connections_active{application="outbox-relay"}`: 96,
		},
		refused: 150, code: 503,
		changes: map[string][]change.Change{"outbox-relay": {{Kind: change.Deploy, Service: "outbox-relay", Version: "1.4.2", At: now.Add(-5 * time.Minute), Runtime: true}}},
	}
}

func (w *world) ports() runbook.Ports {
	return runbook.Ports{Metrics: w, Logs: w, Changes: w, Runtime: w, HTTP: w}
}

func (w *world) Instant(ctx context.Context, q runbook.MetricQuestion) (runbook.MetricAnswer, error) {
	if w.block {
		<-ctx.Done()
		return runbook.MetricAnswer{}, ctx.Err()
	}
	a := runbook.MetricAnswer{Source: "prom"}
	if v, ok := w.metrics[q.Query]; ok {
		a.Samples = []evidence.Sample{{At: q.At, Value: v}}
	}
	return a, w.err
}

func (w *world) Count(context.Context, runbook.LogQuestion) (runbook.LogAnswer, error) {
	return runbook.LogAnswer{Source: "loki", Query: `{app="booking-api"} |~ "53300"`, Count: w.refused}, w.err
}

func (w *world) CountQuery(_ context.Context, q runbook.RawLogQuestion) (runbook.LogAnswer, error) {
	return runbook.LogAnswer{Source: string(q.Language), Query: q.Query, Count: w.refused}, w.err
}

func (w *world) Changes(_ context.Context, _, service string, _, _ time.Time) ([]change.Change, error) {
	return w.changes[service], w.err
}

func (w *world) Recorded(string, string) bool { return !w.unrecorded }

func (w *world) Running(context.Context, runbook.RuntimeQuestion) (runbook.RuntimeAnswer, error) {
	return runbook.RuntimeAnswer{Source: "supervisor", Instances: []evidence.Instance{{State: "running", StartedAt: now.Add(-5 * time.Minute), Restarts: 1}, {State: "exited"}}}, w.err
}

func (w *world) Status(context.Context, string) (int, error) { return w.code, w.err }

func TestAskTurnsAnswersIntoFactsAndEvidence(t *testing.T) {
	t.Parallel()
	run := relay(t).Ask(t.Context(), exhausted().ports(), vars(t))
	want := map[string]any{
		"pool_used": 100.0, "pool_limit": 100.0, "relay_connections": 96.0, "refused": 150.0,
		"api_deploys": 0.0, "status": 503.0, "healthy": false, "relays": 1.0, "relay_restarts": 1.0,
	}
	if diff := cmp.Diff(want, run.Facts); diff != "" {
		t.Error(diff)
	}
	if !run.Ready() {
		t.Errorf("preconditions: %+v", run.Preconditions)
	}
	var got []string
	for _, it := range run.Items {
		got = append(got, it.Source+": "+it.Summary)
		if it.ID == "" || it.Query == "" {
			t.Errorf("evidence without ID or query: %+v", it)
		}
	}
	wantItems := []string{
		"prom: pool: 100 connections",
		"prom: limit: 100 connections",
		"prom: connections of the relay: 96 connections",
		"loki: refused: 150 log lines of booking-api match in the last 2 min",
		": deploys: no change of booking-api in the last 1 d",
		"http: health: http://booking-api.internal/health answers 503",
		"supervisor: processes: 1 of 2 instances of outbox-relay running",
	}
	if diff := cmp.Diff(wantItems, got); diff != "" {
		t.Error(diff)
	}
	if !run.Items[3].Outside {
		t.Error("log lines are not marked as written by outsiders")
	}
}

func TestProveNamesTheDiagnosticsOfEachCondition(t *testing.T) {
	t.Parallel()
	r, v := relay(t), vars(t)
	run := r.Ask(t.Context(), exhausted().ports(), v)
	got := r.Prove(run, v)
	id := func(d string) []string { return []string{run.Diagnostics[d]} }
	want := []diagnose.Finding{{
		Runbook: "relay-holds-connections", CauseClass: diagnose.ExhaustPool, Component: "outbox-relay",
		Confirmed: []diagnose.Proof{
			{Expr: "facts.relay_connections >= 0.5 * facts.pool_limit", Diagnostics: []string{"limit", "relay"}, Evidence: append(id("limit"), id("relay")...)},
			{Expr: "facts.refused > 0", Diagnostics: []string{"refused"}, Evidence: id("refused")},
		},
		Excludes: []diagnose.Exclusion{{
			CauseClass: diagnose.BadDeploy, Component: "booking-api",
			Proof: diagnose.Proof{Expr: "facts.api_deploys == 0", Diagnostics: []string{"deploys"}, Evidence: id("deploys")},
		}},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestSilentSourcesAreEvidenceAndProveNothing(t *testing.T) {
	t.Parallel()
	r, v := relay(t), vars(t)
	tests := map[string]runbook.Ports{
		"no sources are configured": {},
		"every source fails":        (&world{err: errors.New("connection refused")}).ports(),
		"queries match nothing":     {Metrics: &world{}},
	}
	for name, ports := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run := r.Ask(t.Context(), ports, v)
			if len(run.Items) != 7 {
				t.Fatalf("%d items of evidence, want one for each diagnostic", len(run.Items))
			}
			failures := 0
			for _, it := range run.Items {
				if it.Kind == evidence.KindFailure {
					failures++
					if it.Error == "" || it.Strength != 0 {
						t.Errorf("failure without reason or with strength: %+v", it)
					}
				}
			}
			if failures < 6 { // the query with empty: 0 may answer
				t.Errorf("%d failures", failures)
			}
			for _, f := range r.Prove(run, v) {
				if len(f.Confirmed)+len(f.Excludes) > 0 {
					t.Errorf("proved %+v from nothing", f)
				}
			}
			top := diagnose.Hypothesis{CauseClass: diagnose.ExhaustPool, Component: "outbox-relay", Probability: .99}
			if o, ok := r.Choose(run, v, top); ok {
				t.Errorf("chose %s without facts", o.Name)
			}
			if len(r.Escalations(run, v)) == 0 {
				t.Error("a condition that can't be evaluated does not escalate")
			}
		})
	}
}

func TestASlowSourceEndsAtItsTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := exhausted()
		w.block = true
		start := time.Now()
		run := relay(t).Ask(t.Context(), w.ports(), vars(t))
		if took := time.Since(start); took != 3*time.Second {
			t.Errorf("took %s, want the longest timeout", took)
		}
		if want := "connections of the relay: no answer in 2s: context deadline exceeded"; run.Items[2].Summary != want {
			t.Errorf("got %q, want %q", run.Items[2].Summary, want)
		}
	})
}

func TestSeveralSeriesAreNoNumber(t *testing.T) {
	t.Parallel()
	r, v := relay(t), vars(t)
	run := r.Ask(t.Context(), runbook.Ports{Metrics: twice{}}, v)
	if want := "pool: 2 series match: add sum() or max() so that one number remains"; run.Items[0].Summary != want {
		t.Errorf("got %q, want %q", run.Items[0].Summary, want)
	}
}

type twice struct{}

func (twice) Instant(context.Context, runbook.MetricQuestion) (runbook.MetricAnswer, error) {
	return runbook.MetricAnswer{Samples: make([]evidence.Sample, 2)}, nil
}

func TestChooseNeedsCauseComponentAndFacts(t *testing.T) {
	t.Parallel()
	r := relay(t)
	top := diagnose.Hypothesis{CauseClass: diagnose.ExhaustPool, Component: "outbox-relay"}
	tests := map[string]struct {
		change func(*world, *runbook.Vars, *diagnose.Hypothesis)
		want   string
	}{
		"all of them":           {func(*world, *runbook.Vars, *diagnose.Hypothesis) {}, "restart-relay"},
		"another cause":         {func(_ *world, _ *runbook.Vars, h *diagnose.Hypothesis) { h.CauseClass = diagnose.BadDeploy }, ""},
		"another component":     {func(_ *world, _ *runbook.Vars, h *diagnose.Hypothesis) { h.Component = "booking-api" }, ""},
		"when does not hold":    {func(w *world, _ *runbook.Vars, _ *diagnose.Hypothesis) { w.metrics["sum(db_connections_active)"] = 50 }, ""},
		"maintenance":           {func(_ *world, v *runbook.Vars, _ *diagnose.Hypothesis) { v.Maintenance = catalog.True }, ""},
		"maintenance not known": {func(_ *world, v *runbook.Vars, _ *diagnose.Hypothesis) { v.Maintenance = catalog.Unset }, ""},
		"a missing change":      {func(w *world, _ *runbook.Vars, _ *diagnose.Hypothesis) { w.changes = nil }, ""},
		"another environment":   {func(_ *world, v *runbook.Vars, _ *diagnose.Hypothesis) { v.Environment = "production" }, ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, v, h := exhausted(), vars(t), top
			tc.change(w, &v, &h)
			o, _ := r.Choose(r.Ask(t.Context(), w.ports(), v), v, h)
			if o.Name != tc.want {
				t.Errorf("chose %q, want %q (%s)", o.Name, tc.want, o.Error)
			}
		})
	}
}

func TestPeopleReadTheServiceNotItsVariable(t *testing.T) {
	t.Parallel()
	r, err := runbook.Parse("f.yaml", []byte(`name: a
approved: false
trigger: {services: [booking-api]}
remediations:
  - {name: look, title: "look at ${service}", when: "true", treats: [unknown], commands: ["ps -C ${service} ${HOME}"], target: {service: "${service}"}, risk: low}
`))
	if err != nil {
		t.Fatal(err)
	}
	v := vars(t)
	o := r.Options(r.Ask(t.Context(), runbook.Ports{}, v), v)[0]
	if o.Title != "look at booking-api" || o.Commands[0] != "ps -C booking-api ${HOME}" || o.Service != "booking-api" {
		t.Errorf("got %q, %q, %q", o.Title, o.Commands[0], o.Service)
	}
}

func TestPlanBindsActionTargetAndCheck(t *testing.T) {
	t.Parallel()
	r, v := relay(t), vars(t)
	run := r.Ask(t.Context(), exhausted().ports(), v)
	options := r.Options(run, v)
	if len(options) != 2 || !options[0].Held || !options[1].Held {
		t.Fatalf("options: %+v", options)
	}
	got, err := r.Plan(options[0], v, 1)
	if err != nil {
		t.Fatal(err)
	}
	want := runbook.Plan{
		Runbook: "relay-holds-connections", RunbookSHA: r.SHA256(), Option: "restart-relay",
		Action: action.Action{
			Name: "process.restart", Target: catalog.Target{Environment: "demo", Kind: "process", Name: "outbox-relay"},
			Service: "outbox-relay", Risk: action.Low, Lasting: action.Transient,
		},
		Verify: &runbook.PlannedCheck{Query: "sum(db_connections_active)", Condition: "value < 0.8 * facts.pool_limit", Within: "1m0s"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	sha, err := got.SHA256()
	if err != nil {
		t.Fatal(err)
	}
	got.Action.Target.Name = "another"
	if other, _ := got.SHA256(); other == sha {
		t.Error("another target has the same hash")
	}
	v.Environment = "production"
	if _, err := r.Plan(options[0], v, 1); !isTarget(err) {
		t.Errorf("plan in an environment without target: %v", err)
	}
	if _, err := r.Plan(options[1], v, 1); err == nil {
		t.Error("a plan for what only people can do")
	}
}

func isTarget(err error) bool {
	_, ok := errors.AsType[*runbook.TargetError](err)
	return ok
}

func TestVerifyNeedsAnAnswer(t *testing.T) {
	t.Parallel()
	r, v := relay(t), vars(t)
	w := exhausted()
	run := r.Ask(t.Context(), w.ports(), v)
	for _, tc := range []struct {
		used float64
		want bool
	}{{100, false}, {14, true}} {
		w.metrics["sum(db_connections_active)"] = tc.used
		if c, _ := r.Verify(t.Context(), w.ports(), v, run, "restart-relay"); c.Held != tc.want || c.Error != "" {
			t.Errorf("%v connections: %+v", tc.used, c)
		}
	}
	if c, _ := r.Verify(t.Context(), runbook.Ports{}, v, run, "restart-relay"); c.Held || c.Error == "" {
		t.Errorf("without a source: %+v", c)
	}
	if c, _ := r.Verify(t.Context(), w.ports(), v, run, "raise-the-pool"); c.Held || c.Error == "" {
		t.Errorf("without verify: %+v", c)
	}
}

func TestSetMatchesTheMostSpecificFirst(t *testing.T) {
	t.Parallel()
	general, err := runbook.Parse("g.yaml", []byte("name: a-general\napproved: false\ntrigger: {alerts: [\"*Errors\"], labels: {team: \"book.*\"}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	set, err := runbook.NewSet(general, relay(t))
	if err != nil {
		t.Fatal(err)
	}
	sig := signal.Signal{Name: "BookingCancelErrors", Service: "booking-api", Labels: map[string]string{"team": "booking"}}
	var got []string
	for _, m := range set.Match([]signal.Signal{sig, sig}) {
		got = append(got, m.Runbook.Name+" for "+m.Service)
	}
	if diff := cmp.Diff([]string{"relay-holds-connections for booking-api", "a-general for booking-api"}, got); diff != "" {
		t.Error(diff)
	}
	for name, change := range map[string]func(*signal.Signal){
		"another alert":   func(s *signal.Signal) { s.Name = "Latency" },
		"another service": func(s *signal.Signal) { s.Service = "payments"; s.Labels = nil },
	} {
		other := sig
		change(&other)
		if m := set.Match([]signal.Signal{other}); len(m) != 0 {
			t.Errorf("%s: matched %s", name, m[0].Runbook.Name)
		}
	}
	if _, err := runbook.NewSet(general, general); err == nil {
		t.Error("two runbooks share a name")
	}
}

func TestPrintAndParseAgree(t *testing.T) {
	t.Parallel()
	r := relay(t)
	printed, err := r.Print()
	if err != nil {
		t.Fatal(err)
	}
	again, err := runbook.Parse("printed.yaml", printed)
	if err != nil {
		t.Fatalf("%v\n%s", err, printed)
	}
	if diff := cmp.Diff(r, again, cmpopts.IgnoreUnexported(runbook.Runbook{}), cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
}

func TestMistakesHaveAPlace(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(relayFile)
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct{ old, new, want string }{
		"an unknown action":       {"action: process.restart", "action: process.restrat", `rb.yaml:54:13: unknown action "process.restrat" | did you mean "process.restart"?`},
		"an unknown fact":         {"- facts.refused > 0", "- facts.refusd > 0", `rb.yaml:44:9: unknown fact "refusd" | did you mean "refused"?`},
		"a fact inside a line":    {"when: facts.pool_used >= 0.9 * facts.pool_limit &&", "when: facts.pool_used >= 0.9 * facts.pool_size &&", `rb.yaml:52:36: unknown fact "pool_size" | did you mean "pool_limit"?`},
		"an unknown cause":        {"treats: [resource_exhaustion.connection_pool]\n    action", "treats: [resource_exhaustion.conection_pool]\n    action", `rb.yaml:53:14: unknown value "resource_exhaustion.conection_pool" | did you mean "resource_exhaustion.connection_pool"?`},
		"a parameter that is not": {"    risk: low\n", "    params: {force: \"true\"}\n    risk: low\n", `rb.yaml:56:21: unknown parameter "force" of process.restart | process.restart takes no parameters`},
		"a claim it can't keep":   {"lasting: transient", "lasting: undoable", `rb.yaml:57:14: process.restart can't be undoable | process.restart is transient at best`},
		"broken PromQL":           {"promql: max(db_connections_limit)", "promql: max(db_connections_limit", `rb.yaml:17:37: not PromQL: unclosed left parenthesis | try the query in Prometheus`},
		"a broken pattern":        {"53300|too many clients", "53300|(too", `rb.yaml:28:41: not a usable regular expression: 53300|(too | RE2 syntax: no look-around, no back references`},
		"an unknown variable":     {"http://${service}.internal", "http://${servce}.internal", `rb.yaml:34:21: unknown variable ${servce} | did you mean ${service}?`},
		"a URL with a password":   {"http://${service}.internal", "http://a:b@${service}.internal", `rb.yaml:34:21: not a usable URL: http://a:b@${service}.internal/health | write http://host/path without user and password`},
		"a part that is not":      {"{status: code, healthy: ok}", "{status: count}", `rb.yaml:35:23: no part "count" in the answer | this diagnostic has: code, ok`},
		"a fact given twice":      {"capture: pool_limit", "capture: pool_used", `rb.yaml:19:14: fact "pool_used" is already captured by "pool"`},
		"no condition":            {"condition: value < 0.8 * facts.pool_limit", "condition: value", `rb.yaml:64:18: condition gives double, not true or false | compare it with something: facts.x > 0`},
		"a name out of scope":     {"- facts.refused > 100000", "- value > 100000", `rb.yaml:76:5: not a CEL condition: undeclared reference to 'value'`},
		"not CEL":                 {"- facts.refused > 100000", "- facts.refused >", `rb.yaml:76:20: not a CEL condition: it ends too early`},
		"a condition on nothing":  {"- facts.refused > 0", "- incident.minutes > 1.0", `rb.yaml:44:9: condition rests on no fact | compare a captured fact`},
		"an empty trigger":        {"trigger:\n  alerts: [BookingCancelErrors]\n  services: [booking-api, outbox-relay]", "trigger: {}\n\n", `rb.yaml:4:10: a trigger that names nothing would match everything | add alerts, labels or services`},
		"a short word":            {"no_maintenance_window", "no_maintenance", `rb.yaml:8:5: unknown value "no_maintenance" | did you mean "no_maintenance_window"?`},
		"nothing to do":           {"    commands: [set max_connections to 150 and reload]\n", "", `remediation "raise-the-pool" does nothing | add action: … or commands: […]`},
		"too long a wait":         {"timeout: 2s", "timeout: 2m", `rb.yaml:24:14: timeout 2m0s is over 30s`},
		"a service that is none":  {"component: outbox-relay", "component: a/b", `rb.yaml:41:16: "a/b" is not a service name`},
		"two questions":           {"    runtime: {service: outbox-relay}", "    runtime: {service: outbox-relay}\n    promql: up", `rb.yaml:36:5: diagnostic "processes" asks 2 questions`},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := string(data)
			if !strings.Contains(text, tc.old) {
				t.Fatalf("the file has no %q", tc.old)
			}
			_, err := runbook.Parse("rb.yaml", []byte(strings.Replace(text, tc.old, tc.new, 1)))
			if err == nil {
				t.Fatal("accepted")
			}
			var got []string
			for _, p := range problem.All(err) {
				got = append(got, p.Error()+" | "+p.Hint)
			}
			if !strings.Contains(strings.Join(got, "\n"), tc.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), tc.want)
			}
		})
	}
}

func TestCheckAgainstCatalogAndSources(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(relayFile)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer(
		"services: [booking-api, outbox-relay]", "services: [booking-api, outbox-rely]",
		"    unit: connections\n    capture: pool_limit", "    source: promm\n    capture: pool_limit",
		"    target: {service: outbox-relay}", "    target: {service: booking-api}",
	).Replace(string(data))
	r, err := runbook.Parse("rb.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	set, err := runbook.NewSet(r)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range problem.All(set.Check(services(t), runbook.Sources{Metrics: []string{"prom"}, Loki: []string{"loki"}}, nil)) {
		got = append(got, p.Error()+" | "+p.Hint)
	}
	want := []string{
		`rb.yaml:6:27: unknown service "outbox-rely" | did you mean "outbox-relay"?`,
		`rb.yaml:18:13: unknown source "promm" | did you mean "prom"?`,
		`rb.yaml:55:23: service "booking-api" has no target of kind process | add targets: [{environment: …, kind: process, name: …}] to its catalog entry`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func FuzzParse(f *testing.F) {
	data, err := os.ReadFile(relayFile)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte("name: a\napproved: false\ntrigger: {alerts: [\"*\"]}\nescalate_when: [\"true\"]\n"))
	f.Add([]byte("name: a\ntrigger: {services: [x]}\ndiagnostics: [{name: d, promql: up, capture: {f: value}}]\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := runbook.Parse("f.yaml", data)
		if err != nil {
			return
		}
		printed, err := r.Print()
		if err != nil {
			t.Fatal(err)
		}
		again, err := runbook.Parse("printed.yaml", printed)
		if err != nil {
			t.Fatalf("printed form is refused: %v\n%s", err, printed)
		}
		if diff := cmp.Diff(r, again, cmpopts.IgnoreUnexported(runbook.Runbook{}), cmpopts.EquateEmpty()); diff != "" {
			t.Error(diff)
		}
	})
}
