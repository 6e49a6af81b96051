package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/runbook"
	"github.com/holdfast-sre/holdfast/internal/severity"
	"github.com/holdfast-sre/holdfast/internal/signal"
)

var runStart = time.Date(2026, 11, 22, 3, 12, 0, 0, time.UTC)

func at(seconds int) incident.Time {
	return incident.Time(runStart.Add(time.Duration(seconds) * time.Second))
}

// relayPlan is what a server answers for a runbook that calls for a restart.
func relayPlan() incident.DelegationPlan {
	fact := func(name string, value any, unit string) runbook.FactValue {
		return runbook.FactValue{Name: name, Value: value, Unit: unit}
	}
	busy := fact("busy_share", 1.0, "")
	rate := fact("published_rate", 0.0, "events/s")
	return incident.DelegationPlan{
		Incident: "INC-2026-0001", By: "ana", Task: "run relay-workers-stuck for outbox-relay, because: confirmations are late \x1b[31m",
		State: incident.DelegationEchoed, Does: "restart outbox-relay (pid 6302, running)", Action: "process.restart",
		Target:  catalog.Target{Environment: "production", Kind: "process", Name: "outbox-relay"},
		Service: "outbox-relay", Params: map[string]string{}, Generation: "8", Runbook: "relay-workers-stuck", Option: "restart",
		Risk: action.Low, Lasting: action.Transient, Dependants: []string{"booking-api", "refund-api"},
		Check: "value < 20.0 within 40s, and every golden signal back in its usual range",
		Reading: &incident.Reading{
			Asked: []incident.Asked{
				{Diagnostic: "workers", Answered: true, Text: "share of the workers that are busy: 1", TookMS: 12},
				{Diagnostic: "published", Answered: true, Text: "events published: 0 events/s", TookMS: 31},
				{Diagnostic: "lines", Text: "workers that say they wait for the broker: no answer in 10s: context deadline exceeded", TookMS: 10004},
			},
			Judged: runbook.Explanation{
				Chosen:        "restart",
				Preconditions: []runbook.Judged{{Check: runbook.Check{Name: "no_maintenance_window", Held: true}}},
				Findings: []runbook.JudgedFinding{{CauseClass: "resource_exhaustion.threads", Component: "outbox-relay", Confirm: []runbook.Judged{
					{Check: runbook.Check{Name: "facts.busy_share >= 0.99", Held: true}, Facts: []runbook.FactValue{busy}},
					{Check: runbook.Check{Name: "facts.lines > 0.0", Error: `fact "lines" is missing`}, Facts: []runbook.FactValue{fact("lines", nil, "count")}},
				}}},
				Remediations: []runbook.JudgedRemediation{
					{Name: "restart", Action: "process.restart", Target: "outbox-relay", Held: true, Why: "chosen", When: runbook.Judged{
						Check: runbook.Check{Name: "facts.busy_share >= 0.99 && facts.published_rate < 0.1", Held: true}, Facts: []runbook.FactValue{busy, rate},
					}},
					{Name: "add-workers", Target: "outbox-relay", Why: "its condition does not hold", When: runbook.Judged{
						Check: runbook.Check{Name: "facts.published_rate > 10.0"}, Facts: []runbook.FactValue{rate},
					}},
				},
				Escalate: []runbook.Judged{{Check: runbook.Check{Name: "facts.busy_share < 0.5"}, Facts: []runbook.FactValue{busy}}},
			},
			PostActions: []runbook.PostAction{"update_timeline", "notify", "postmortem"},
		},
		Boundary: `boundary "restart-the-relay" asks a person for process.restart of outbox-relay in production at SEV-2`,
		Floor:    "one person must approve: the agent does not do on its own what people delegate", Approvers: 1, YouCount: true,
		PlanSHA256: strings.Repeat("0123456789abcdef", 4), Boundaries: "77aa",
	}
}

// relayRun is a run of that plan as its incident shows it, in five looks.
func relayRun(recovers bool) []incident.View {
	target := relayPlan().Target
	v := incident.View{
		ID: "INC-2026-0001", State: incident.Mitigating, Severity: severity.SEV2, Environment: "production",
		Signals:     []incident.SignalView{{Kind: signal.Alert, Status: signal.Firing, Name: "OutboxBacklog"}},
		Delegations: []incident.DelegationView{{ID: "del_1", By: "ana", State: incident.DelegationRunning, Proposal: "prop_1", Action: "process.restart", Params: map[string]string{}}},
		Actions:     []incident.ActionView{{ID: "act_1", Proposal: "prop_1", Action: "process.restart", Target: target, Params: map[string]string{}, State: action.Started, StartedAt: at(1)}},
		Timeline: []incident.EventView{
			{At: at(-300), Kind: incident.EventOpened, Actor: "agent", Text: "OutboxBacklog firing"},
			{At: at(0), Kind: incident.EventDelegated, Actor: "ana", Text: "ana delegated: run relay-workers-stuck for outbox-relay", Data: map[string]any{"delegation": "del_1"}},
			{At: at(0), Kind: incident.EventApproved, Actor: "ana", Text: "approved process.restart of outbox-relay", Data: map[string]any{"proposal": "prop_1"}},
			{At: at(0), Kind: incident.EventAction, Actor: "agent", Text: "will restart outbox-relay", Data: map[string]any{"intent": "act_1", "state": "intended"}},
			{At: at(1), Kind: incident.EventAction, Actor: "agent", Text: "started process.restart of outbox-relay", Data: map[string]any{"intent": "act_1"}},
		},
	}
	views := []incident.View{v}
	next := func(change func(*incident.View), events ...incident.EventView) {
		v := views[len(views)-1]
		v.Actions, v.Delegations = slices.Clone(v.Actions), slices.Clone(v.Delegations)
		v.Timeline = append(slices.Clone(v.Timeline), events...)
		change(&v)
		views = append(views, v)
	}
	ver := incident.Verification{Action: "act_1", State: incident.VerificationWatching, Window: "5m0s", Until: at(900)}
	watch := func(change func(*incident.Verification)) func(*incident.View) {
		return func(v *incident.View) { change(&ver); one := ver; v.Verification = &one }
	}
	next(func(v *incident.View) {
		one := ver
		v.State, v.Verification = incident.Monitoring, &one
		v.Actions[0].State, v.Actions[0].FinishedAt, v.Actions[0].Outcome = action.Done, at(3), "pid 6302 → 8289"
		v.Delegations[0].State, v.Delegations[0].Succeeded = incident.DelegationReported, true
	}, incident.EventView{At: at(3), Kind: incident.EventAction, Actor: "agent", Text: "process.restart of outbox-relay: done (pid 6302 → 8289)", Data: map[string]any{"intent": "act_1", "state": "done"}},
		incident.EventView{At: at(3), Kind: incident.EventTransition, Actor: "agent", Text: "State: monitoring."},
		incident.EventView{At: at(3), Kind: incident.EventReported, Actor: "agent", Text: "restart outbox-relay, asked for by ana: done", Data: map[string]any{"delegation": "del_1"}})
	next(watch(func(x *incident.Verification) {
		x.Judgement, x.Reasons = "out", []string{"OutboxBacklog still fires", "outbox-relay queue 679, usually 3", "outbox-relay traffic 98/s, usually 19/s", "value < 20.0 does not hold"}
	}), incident.EventView{At: at(12), Kind: incident.EventRecovery, Actor: "rule", Text: "not recovered yet: …", Data: map[string]any{"judgement": "out"}})
	if !recovers {
		next(watch(func(x *incident.Verification) { x.State, x.EndedAt = incident.VerificationFailed, at(901) }),
			incident.EventView{At: at(901), Kind: incident.EventRecovery, Actor: "rule", Text: "no recovery within 15m0s: OutboxBacklog still fires"})
		next(func(v *incident.View) {
			v.Proposals = []incident.ProposalView{{ID: "prop_2", State: incident.Waiting, Executable: true, IsUndo: true, Title: "take back: restart outbox-relay"}}
		}, incident.EventView{At: at(902), Kind: incident.EventVerdict, Actor: "rule", Text: "escalate: the verification failed"})
		return views
	}
	next(watch(func(x *incident.Verification) { x.Judgement, x.Reasons, x.GoodSince = "settling", nil, at(60) }))
	next(func(v *incident.View) {
		watch(func(x *incident.Verification) {
			x.State, x.Judgement, x.EndedAt = incident.VerificationRecovered, "recovered", at(360)
		})(v)
		v.State = incident.Resolved
	}, incident.EventView{At: at(360), Kind: incident.EventRecovery, Actor: "rule", Text: "back in the usual range for 5m0s: outbox-relay p99 4 ms"},
		incident.EventView{At: at(360), Kind: incident.EventTransition, Actor: "agent", Text: "State: resolved."},
		incident.EventView{At: at(361), Kind: incident.EventDocument, Actor: "agent", Text: "post-mortem and timeline written"})
	return views
}

// lookedAt follows a run through its looks and returns how it ended.
func lookedAt(t *testing.T, views []incident.View, c runbookRunCmd) (*runWatch, string, string) {
	t.Helper()
	e := &env{ctx: context.Background(), stdout: io.Discard, stderr: io.Discard}
	w := &runWatch{c: &c, e: e, rec: runRecord{Incident: "INC-2026-0001", Plan: relayPlan(), Offered: []incident.ProposalView{}}}
	w.rec.Plan.Delegation = "del_1"
	for i := range views {
		last := views[i].Timeline[len(views[i].Timeline)-1].At
		outcome, why, err := w.look(&views[i], time.Time(last).Add(time.Duration(i)*time.Second))
		if err != nil {
			t.Fatal(err)
		}
		if outcome != "" {
			if i < len(views)-1 {
				t.Errorf("it ended %s at look %d of %d", outcome, i+1, len(views))
			}
			return w, outcome, why
		}
	}
	return w, "", ""
}

// TestTheReportOfARun: the plan before, and every step after, as somebody reads
// it on a terminal of 80 columns.
func TestTheReportOfARun(t *testing.T) {
	t.Parallel()
	for name, recovers := range map[string]bool{"repaired": true, "not-recovered": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plan := relayPlan()
			p := &page{e: &env{}, width: 80}
			p.runPlan(&plan)
			p.line("")
			w, outcome, why := lookedAt(t, relayRun(recovers), runbookRunCmd{Output: "table"})
			for _, s := range w.rec.Steps {
				p.step(s)
			}
			w.rec.Outcome, w.rec.Why = outcome, why
			p.runEnd(&w.rec)
			golden(t, filepath.Join("testdata", "runbook", name+".txt"), p.b.String())
			for line := range strings.Lines(p.b.String()) {
				if n := len([]rune(strings.TrimRight(line, "\n"))); n > 80 || strings.ContainsRune(line, 0x1b) {
					t.Errorf("a line of %d: %q", n, line)
				}
			}
			if want := map[bool]string{true: outcomeRepaired, false: outcomeFailed}[recovers]; outcome != want {
				t.Errorf("it ended %q (%s), want %s", outcome, why, want)
			}
		})
	}
}

// TestHowARunEnds: every way in which a run can end has its outcome.
func TestHowARunEnds(t *testing.T) {
	t.Parallel()
	last := func(change func(*incident.View)) []incident.View {
		v := relayRun(true)[1]
		v.Timeline = v.Timeline[:3]
		change(&v)
		return []incident.View{v}
	}
	task := func(state incident.DelegationState, why string) func(*incident.View) {
		return func(v *incident.View) {
			v.Actions, v.Delegations[0].State, v.Delegations[0].Why = nil, state, why
			v.Proposals = []incident.ProposalView{{ID: "prop_1", ExpiresAt: at(900)}}
		}
	}
	tests := map[string]struct {
		views []incident.View
		wait  bool
		want  string // outcome
		why   string
	}{
		"others must approve":       {last(task(incident.DelegationWaiting, "")), false, outcomeWaiting, "until 03:27:00 UTC: holdfast incident approve INC-2026-0001 prop_1"},
		"others must, and it waits": {last(task(incident.DelegationWaiting, "")), true, "", ""},
		"rejected":                  {last(task(incident.DelegationRefused, "rejected by bo: not now")), false, outcomeRefused, "rejected by bo: not now"},
		"the action fails": {
			last(func(v *incident.View) { v.Actions[0].State, v.Actions[0].Outcome = action.Failed, "no such process" }),
			false, outcomeFailed, "process.restart ended failed: no such process",
		},
		"not known what became of it": {
			last(func(v *incident.View) { v.Actions[0].State, v.Actions[0].Outcome = action.Unknown, "no answer" }),
			false, outcomeFailed, "process.restart ended unknown: no answer",
		},
		"a person ends the incident": {last(func(v *incident.View) { v.State = incident.Resolved }), false, outcomeResolved, "the incident was ended before the verification was"},
		"merged":                     {last(func(v *incident.View) { v.State, v.MergedInto = incident.Merged, "INC-2026-0002" }), false, outcomeLeft, "the incident was merged into INC-2026-0002: its recovery is watched there"},
		"another action follows": {
			last(func(v *incident.View) { v.Verification = &incident.Verification{Action: "act_2"} }),
			false, outcomeFailed, "done; another action followed before it was verified",
		},
		"it goes on": {last(func(*incident.View) {}), false, "", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, outcome, why := lookedAt(t, tt.views, runbookRunCmd{Output: "json", Wait: tt.wait})
			if outcome != tt.want || why != tt.why {
				t.Errorf("it ended %q: %s; want %q: %s", outcome, why, tt.want, tt.why)
			}
		})
	}
}

// TestWhatNeedsNoConfirmation: a plan without anything to confirm ends at once,
// and not knowing is not the same as nothing being called for.
func TestWhatNeedsNoConfirmation(t *testing.T) {
	t.Parallel()
	nothing := func(change func(*incident.DelegationPlan)) incident.DelegationPlan {
		p := relayPlan()
		p.Action, p.Why, p.Reading.Judged.Chosen = "", "no condition holds", ""
		p.Reading.Asked = p.Reading.Asked[:2]
		change(&p)
		return p
	}
	refused := relayPlan()
	refused.Why = "no approval allows it"
	for want, plan := range map[string]incident.DelegationPlan{
		"":              relayPlan(),
		outcomeRefused:  refused,
		outcomeNothing:  nothing(func(*incident.DelegationPlan) {}),
		outcomeByHand:   nothing(func(p *incident.DelegationPlan) { p.Reading.Judged.Chosen = "add-workers" }),
		outcomeUnsure:   nothing(func(p *incident.DelegationPlan) { p.Reading.Asked[0].Answered = false }),
		"precondition":  nothing(func(p *incident.DelegationPlan) { p.Reading.Judged.Preconditions[0].Held = false }),
		"not evaluated": nothing(func(p *incident.DelegationPlan) { p.Reading.Judged.Remediations[1].When.Error = "missing" }),
	} {
		got, _ := withoutAsking(&plan)
		if slices.Contains([]string{"precondition", "not evaluated"}, want) {
			want = outcomeUnsure
		}
		if got != want {
			t.Errorf("it ends %q, want %q", got, want)
		}
	}
}

// runServer answers as the API does for one run.
func runServer(t *testing.T, plan incident.DelegationPlan, confirm func(http.ResponseWriter), views []incident.View) (url string, posts *[]string) {
	t.Helper()
	posts = &[]string{}
	look := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch {
		case r.Method == http.MethodPost && strings.Contains(string(body), `"confirm":true`):
			*posts = append(*posts, string(body))
			confirm(w)
		case r.Method == http.MethodPost:
			*posts = append(*posts, string(body))
			_ = json.NewEncoder(w).Encode(plan)
		case strings.Contains(r.URL.Path, "/incidents/"):
			_ = json.NewEncoder(w).Encode(views[min(look, len(views)-1)])
			look++
		default:
			_, _ = fmt.Fprint(w, `{"incidents":[{"id":"INC-2026-0001"}]}`)
		}
	}))
	t.Cleanup(srv.Close)
	return srv.URL, posts
}

// runCommand runs `holdfast runbook ARGS`.
func runCommand(ctx context.Context, t *testing.T, url string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	e := &env{
		ctx: ctx, stdin: strings.NewReader("yes\n"), stdout: &out, stderr: &errs, now: func() time.Time { return runStart.Add(time.Minute) },
		getenv: func(k string) (string, bool) {
			v, ok := map[string]string{"HOLDFAST_URL": url}[k]
			return v, ok
		},
	}
	var c struct {
		Runbook runbookCmd `cmd:""`
	}
	p, err := kong.New(&c, kong.Name("holdfast"), kong.Writers(&out, &errs), kong.Exit(func(int) {}))
	if err != nil {
		t.Fatal(err)
	}
	k, err := p.Parse(append([]string{"runbook"}, args...))
	if err != nil {
		return report(&errs, usage(err)), out.String(), errs.String()
	}
	return report(&errs, k.Run(e)), out.String(), errs.String()
}

// TestAYesWithoutATerminalIsNone: what is piped in does not confirm.
func TestAYesWithoutATerminalIsNone(t *testing.T) {
	t.Parallel()
	url, posts := runServer(t, relayPlan(), func(w http.ResponseWriter) { w.WriteHeader(http.StatusTeapot) }, relayRun(true))
	code, stdout, stderr := runCommand(t.Context(), t, url, "run", "relay-workers-stuck", "--service", "outbox-relay")
	if code != exitWaiting || len(*posts) != 1 || !strings.Contains(stderr, "--plan 0123456789ab") || !strings.Contains(stdout, "Plan SHA") {
		t.Errorf("exit %d, posts %q, stderr %q", code, *posts, stderr)
	}
	code, stdout, _ = runCommand(t.Context(), t, url, "run", "relay-workers-stuck", "--service", "outbox-relay", "-o", "json")
	var rec runRecord
	if err := json.Unmarshal([]byte(stdout), &rec); err != nil || code != exitWaiting || rec.Outcome != outcomePlanned || rec.Plan.Reading == nil {
		t.Errorf("exit %d, record %+v, %v", code, rec, err)
	}
}

// TestCtrlCStopsWatchingNotTheRun: the record says that the run goes on.
func TestCtrlCStopsWatchingNotTheRun(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	taken := relayPlan()
	taken.State, taken.Delegation, taken.Reading = incident.DelegationRunning, "del_1", nil
	url, posts := runServer(t, relayPlan(), func(w http.ResponseWriter) {
		stop() // while the confirmation is on its way: it is not cut off
		_ = json.NewEncoder(w).Encode(taken)
	}, relayRun(true)[:1])
	code, stdout, stderr := runCommand(ctx, t, url, "run", "relay-workers-stuck", "--service", "outbox-relay", "--yes", "-o", "json")
	var rec runRecord
	if err := json.Unmarshal([]byte(stdout), &rec); err != nil {
		t.Fatalf("%v: %s", err, stdout)
	}
	if code != exitWaiting || rec.Outcome != outcomeLeft || rec.Plan.Delegation != "del_1" || rec.Plan.Reading == nil || len(*posts) != 2 ||
		!strings.Contains(stderr, "not watching any more; the run goes on\nhint: see: holdfast incident show INC-2026-0001") {
		t.Errorf("exit %d, record %+v, posts %d, stderr %q", code, rec, len(*posts), stderr)
	}
}

// TestALostConfirmationIsNotCalledRefused: nobody knows whether it was taken.
func TestALostConfirmationIsNotCalledRefused(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]string{
		http.StatusBadGateway: "it is not known whether the run was taken",
		http.StatusConflict:   "the plan is another one than was shown",
	} {
		url, _ := runServer(t, relayPlan(), func(w http.ResponseWriter) {
			w.WriteHeader(status)
			_, _ = fmt.Fprint(w, `{"title":"x","detail":"the plan is another one than was shown"}`)
		}, relayRun(true))
		code, _, stderr := runCommand(t.Context(), t, url, "run", "relay-workers-stuck", "--service", "outbox-relay", "--yes")
		if code != exitFailed || !strings.HasPrefix(stderr, "holdfast: "+want) {
			t.Errorf("status %d: exit %d, stderr %q", status, code, stderr)
		}
	}
}

// TestPagesFoldOnATerminal: no line is wider than the terminal, and no word is
// lost.
func TestPagesFoldOnATerminal(t *testing.T) {
	t.Parallel()
	text := "head\n" +
		"     rules   relay (demo/process/relay), stage auto, set by holdfast demo because it is a demo\n" +
		"             SEV-1  ask by not_named: no boundary names process.restart of outbox-relay in demo at SEV-1\n" +
		"  connections: " + strings.Repeat("x", 120) + "\n"
	want := "head\n" +
		"     rules   relay (demo/process/relay), stage auto, set by\n" +
		"             holdfast demo because it is a demo\n" +
		"             SEV-1  ask by not_named: no boundary names\n" +
		"                    process.restart of outbox-relay in demo\n" +
		"                    at SEV-1\n" +
		"  connections:\n" +
		"  " + strings.Repeat("x", 58) + "\n" +
		"  " + strings.Repeat("x", 58) + "\n" +
		"  " + strings.Repeat("x", 4) + "\n"
	if diff := cmp.Diff(want, folded(text, 60)); diff != "" {
		t.Errorf("folded (-want +got):\n%s", diff)
	}
	for _, width := range []int{0, 10} {
		if folded(text, width) != text {
			t.Errorf("width %d changes the text", width)
		}
	}
	for width := 2 * minLast; width < 140; width++ {
		got := folded(text, width)
		for line := range strings.Lines(got) {
			if n := len([]rune(strings.TrimRight(line, "\n"))); n > width {
				t.Errorf("width %d: a line of %d: %q", width, n, line)
			}
		}
		if strings.Join(strings.Fields(got), "") != strings.Join(strings.Fields(text), "") {
			t.Errorf("width %d loses text:\n%s", width, got)
		}
	}
}

// TestATerminalGetsNoWiderLine: pages and the lines of the demo are folded,
// what is coloured is left, and a question stays without a line end.
func TestATerminalGetsNoWiderLine(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	p := &page{e: &env{stdout: &out}, width: 40}
	p.line("- %s", strings.TrimSpace(strings.Repeat("word ", 20)))
	p.line("\x1b[31m%s\x1b[0m", strings.Repeat("x", 40))
	if err := p.flush(); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out.String()) {
		if n := len([]rune(strings.TrimRight(line, "\n"))); n > 40 && !strings.Contains(line, "\x1b") {
			t.Errorf("a line of %d: %q", n, line)
		}
	}
	if !strings.Contains(out.String(), "\x1b[31m"+strings.Repeat("x", 40)+"\x1b[0m\n") {
		t.Errorf("the coloured line was changed:\n%s", out.String())
	}
	out.Reset()
	f := foldedLines{&out, 40}
	fmt.Fprintf(f, "%5.1fs  %-9s %s\n", 1.6, "demo", "booking system up: api, relay, database")
	fmt.Fprintf(f, "%18s%s  [y/N] ", "", "restart relay? It costs: nothing for 2 s")
	want := "  1.6s  demo      booking system up:\n                  api, relay, database\n" +
		"                  restart relay? It\n                  costs: nothing for 2 s\n                  [y/N] "
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}
