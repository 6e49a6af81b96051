package triage

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/problem"
	"github.com/holdfast-sre/holdfast/internal/severity"
	"github.com/holdfast-sre/holdfast/internal/signal"
	"github.com/holdfast-sre/holdfast/internal/store"
)

// fakeCatalog is a topology and owners.
type fakeCatalog struct {
	deps   map[string][]string
	owners map[string]string
}

func (f fakeCatalog) DependsOn(s string) []string { return f.deps[s] }
func (f fakeCatalog) Owner(s string) string       { return f.owners[s] }
func (f fakeCatalog) Known(s string) bool         { _, ok := f.deps[s]; return ok }
func (f fakeCatalog) Names() []string             { return sorted(f.deps) }

var shop = fakeCatalog{
	deps: map[string][]string{
		"web": {"api"}, "api": {"db", "auth"}, "relay": {"db"}, "db": nil, "auth": nil, "search": nil,
	},
	owners: map[string]string{"web": "front", "api": "core", "db": "data", "relay": "core"},
}

// house is a service on a store of its own with a clock that the test moves.
type house struct {
	*Service
	t   testing.TB
	st  *store.Store
	mu  sync.Mutex
	now time.Time
}

func newHouse(t *testing.T, c Catalog) *house {
	t.Helper()
	h := &house{t: t, now: time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)}
	st, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "h.db"), store.Options{Now: h.clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	h.st = st
	h.Service = New(st, c, Options{Environments: []string{"prod"}})
	return h
}

func (h *house) clock() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *house) wait(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
}

// alert is a firing alert of source am, mapped by its label service.
func (h *house) alert(name, service, sev string) signal.Signal {
	rules := signal.Rules{
		Source: "am", Environment: "prod",
		Service: func(l map[string]string) string { return l["service"] },
	}
	labels := map[string]string{"alertname": name, "severity": sev}
	if service != "" {
		labels["service"] = service
	}
	return rules.Normalize(signal.Raw{Status: "firing", Labels: labels, StartsAt: h.clock()}, h.clock())
}

func ended(s signal.Signal, at time.Time) signal.Signal {
	s.Status, s.EndsAt, s.ReceivedAt = signal.Resolved, at, at
	return s
}

// deliver accepts and triages.
func (h *house) deliver(sigs ...signal.Signal) {
	h.t.Helper()
	if err := h.Accept(h.t.Context(), signal.Delivery{Source: "am", Signals: sigs, ReceivedAt: h.clock()}); err != nil {
		h.t.Fatal(err)
	}
	if _, err := h.Drain(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
}

// incidents lists those of some states, oldest first; none = all.
func (h *house) incidents(states ...incident.State) []incident.Incident {
	h.t.Helper()
	var out []incident.Incident
	h.view(func(tx *store.Tx) (err error) {
		out, err = tx.Incidents(h.t.Context(), store.IncidentFilter{States: states})
		return err
	})
	for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 {
		out[i], out[j] = out[j], out[i]
	}
	return out
}

func (h *house) view(fn func(*store.Tx) error) {
	h.t.Helper()
	if err := h.st.View(h.t.Context(), fn); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) events(id string) []incident.Event {
	h.t.Helper()
	var out []incident.Event
	h.view(func(tx *store.Tx) (err error) {
		out, err = tx.Events(h.t.Context(), id)
		return err
	})
	return out
}

func (h *house) signals(id string) []signal.Signal {
	h.t.Helper()
	var out []signal.Signal
	h.view(func(tx *store.Tx) (err error) {
		out, err = tx.Signals(h.t.Context(), id)
		return err
	})
	return out
}

func kindsOf(events []incident.Event) []string {
	var out []string
	for _, e := range events {
		out = append(out, e.Kind)
	}
	return out
}

func TestAnAlertOpensAClaimedIncident(t *testing.T) {
	t.Parallel()
	h := newHouse(t, shop)
	h.deliver(h.alert("PoolExhausted", "api", "critical"))
	got := h.incidents()
	if len(got) != 1 {
		t.Fatalf("incidents: got %d, want 1", len(got))
	}
	inc := got[0]
	if inc.ID != "INC-2026-0001" || inc.Severity != severity.SEV2 || inc.State != incident.Open {
		t.Errorf("got %s %s %s, want INC-2026-0001 SEV-2 open", inc.ID, inc.Severity, inc.State)
	}
	if diff := cmp.Diff([]string{"core"}, inc.Owners); diff != "" {
		t.Errorf("owners (-want +got):\n%s", diff)
	}
	if inc.ClaimedAt == nil || inc.AcknowledgedAt != nil {
		t.Errorf("claimed %v, acknowledged %v; want a claim and no acknowledgement", inc.ClaimedAt, inc.AcknowledgedAt)
	}
	if diff := cmp.Diff([]string{incident.EventOpened, incident.EventTriaged}, kindsOf(h.events(inc.ID))); diff != "" {
		t.Errorf("timeline (-want +got):\n%s", diff)
	}
	for _, want := range []string{"## Incident INC-2026-0001", "**Severity**: SEV-2", "**Service**: api", "**Recent Changes**"} {
		if !strings.Contains(inc.Contexts, want) {
			t.Errorf("context package lacks %q:\n%s", want, inc.Contexts)
		}
	}
}

func TestTheSameDeliveryTwiceChangesNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t, shop)
	notification := func() []signal.Signal {
		rules := signal.Rules{Source: "am", Environment: "prod", Service: func(map[string]string) string { return "api" }}
		start := time.Date(2026, 3, 1, 2, 59, 0, 0, time.UTC)
		return []signal.Signal{
			rules.Normalize(signal.Raw{Status: "firing", Labels: map[string]string{"alertname": "A"}, StartsAt: start}, h.clock()),
			rules.Normalize(signal.Raw{Status: "firing", Labels: map[string]string{"alertname": "NoStart"}}, h.clock()),
			rules.Normalize(signal.Raw{Status: "firing", Labels: map[string]string{"alertname": "Ahead"}, StartsAt: start.AddDate(9, 0, 0)}, h.clock()),
		}
	}
	h.deliver(notification()...)
	before, rows := h.incidents()[0], h.events("INC-2026-0001")
	h.wait(time.Minute)
	h.deliver(notification()...)
	if diff := cmp.Diff(before, h.incidents()[0]); diff != "" {
		t.Errorf("incident changed (-before +after):\n%s", diff)
	}
	if diff := cmp.Diff(rows, h.events("INC-2026-0001")); diff != "" {
		t.Errorf("timeline changed (-before +after):\n%s", diff)
	}
}

func TestGrouping(t *testing.T) {
	t.Parallel()
	type alert struct{ name, service, sev string }
	tests := map[string]struct {
		rounds [][]alert
		want   []string // services of each incident that goes on
	}{
		"same service":                      {[][]alert{{{"A", "api", "warning"}}, {{"B", "api", "info"}}}, []string{"api"}},
		"a dependency that is abnormal":     {[][]alert{{{"A", "db", "warning"}}, {{"B", "api", "warning"}}}, []string{"api db"}},
		"the cause fires after its symptom": {[][]alert{{{"B", "api", "warning"}}, {{"A", "db", "warning"}}}, []string{"api db"}},
		"a path through abnormal services":  {[][]alert{{{"A", "web", "warning"}, {"B", "api", "warning"}, {"C", "db", "warning"}}}, []string{"api db web"}},
		"a path through a silent service":   {[][]alert{{{"A", "web", "warning"}}, {{"C", "db", "warning"}}}, []string{"web", "db"}},
		"siblings stay apart":               {[][]alert{{{"A", "relay", "warning"}, {"B", "api", "warning"}}}, []string{"relay", "api"}},
		"siblings meet at their cause":      {[][]alert{{{"A", "relay", "warning"}}, {{"B", "api", "warning"}}, {{"C", "db", "warning"}}}, []string{"api db relay"}},
		"nothing maps: incidents of their own": {
			[][]alert{{{"A", "", "warning"}, {"B", "", "warning"}}, {{"A", "", "warning"}}}, []string{"", ""},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, shop)
			for _, round := range tc.rounds {
				var sigs []signal.Signal
				for _, a := range round {
					sigs = append(sigs, h.alert(a.name, a.service, a.sev))
				}
				h.deliver(sigs...)
				h.wait(10 * time.Second)
			}
			var got []string
			for _, inc := range h.incidents(incident.ActiveStates()...) {
				got = append(got, strings.Join(inc.Services, " "))
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("incidents (-want +got):\n%s", diff)
			}
		})
	}
}

func TestIncidentsNeverSpanEnvironments(t *testing.T) {
	t.Parallel()
	h := newHouse(t, shop)
	a, b := h.alert("A", "api", "warning"), h.alert("B", "api", "warning")
	b.Environment = "staging"
	h.deliver(a, b)
	if got := len(h.incidents()); got != 2 {
		t.Errorf("incidents: got %d, want 2", got)
	}
}

func TestJoiningRaisesSeverityAndMakesTheVerdictAgain(t *testing.T) {
	t.Parallel()
	h := newHouse(t, shop)
	h.deliver(h.alert("Slow", "api", "warning"))
	h.wait(time.Minute)
	h.deliver(h.alert("Down", "db", "P1"))
	inc := h.incidents(incident.ActiveStates()...)[0]
	if inc.Severity != severity.SEV1 {
		t.Errorf("severity: got %s, want SEV-1", inc.Severity)
	}
	if diff := cmp.Diff([]string{"core", "data"}, inc.Owners); diff != "" {
		t.Errorf("owners (-want +got):\n%s", diff)
	}
	h.inTx(func(tx *store.Tx) error {
		inserted, err := tryEnqueue(t.Context(), tx, KindDecide, inc.ID, nil, time.Time{})
		if inserted {
			t.Error("no verdict was asked for")
		}
		return err
	})
	if !h.pageIsDue(inc.ID) {
		t.Error("it became SEV-1 and no page is due")
	}
	h.inTx(func(tx *store.Tx) error {
		inserted, err := tryEnqueue(t.Context(), tx, KindDecide, inc.ID+"/undiagnosed", nil, time.Time{})
		if inserted {
			t.Error("nobody looks after ten minutes without a diagnosis")
		}
		return err
	})
}

func TestWhatJoinsInACrowdSharesAVerdict(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		gap           time.Duration // since the signal before
		name, service string
		severity      string
		soon, shared  bool // which verdict is asked for
	}{
		"more of the same, a moment later":      {100 * time.Millisecond, "Slower", "api", "warning", false, true},
		"more of the same, a minute later":      {time.Minute, "Slower", "api", "warning", true, false},
		"a worse one, a moment later":           {100 * time.Millisecond, "Slower", "api", "P1", true, false},
		"one more service, a moment later":      {100 * time.Millisecond, "Slower", "db", "warning", true, false},
		"a known one changed, a moment later":   {100 * time.Millisecond, "Slow", "api", "info", true, false},
		"an unmapped severity, a moment later":  {100 * time.Millisecond, "Slower", "api", "", true, false},
		"a milder one of the same, in a moment": {100 * time.Millisecond, "Slower", "api", "info", false, true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, shop)
			first := h.alert("Slow", "api", "warning")
			h.deliver(first)
			h.wait(tc.gap)
			next := h.alert(tc.name, tc.service, tc.severity)
			if tc.name == first.Name {
				next.Fingerprint = first.Fingerprint
			}
			h.deliver(next)
			id := h.incidents(incident.ActiveStates()...)[0].ID
			if got := h.verdictIsDue(id); got != tc.soon {
				t.Errorf("a verdict at once: got %v, want %v", got, tc.soon)
			}
			if got := h.verdictIsDue(id + "/crowd"); got != tc.shared {
				t.Errorf("a shared verdict: got %v, want %v", got, tc.shared)
			}
		})
	}
}

func (h *house) verdictIsDue(key string) (due bool) {
	h.inTx(func(tx *store.Tx) error {
		inserted, err := tryEnqueue(h.t.Context(), tx, KindDecide, key, nil, time.Time{})
		due = !inserted
		return err
	})
	return due
}

// pageIsDue reports whether a job will look whether people must be paged.
func (h *house) pageIsDue(id string) (due bool) {
	h.inTx(func(tx *store.Tx) error {
		inserted, err := tryEnqueue(h.t.Context(), tx, KindFirstPage, id, nil, time.Time{})
		due = !inserted
		return err
	})
	return due
}

func (h *house) inTx(fn func(*store.Tx) error) {
	h.t.Helper()
	if err := h.st.Tx(h.t.Context(), fn); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) transition(id string, to incident.State) {
	h.t.Helper()
	h.inTx(func(tx *store.Tx) error {
		inc, err := tx.Incident(h.t.Context(), id)
		if err != nil {
			return err
		}
		if _, err := inc.Apply(incident.Transition(to, incident.ActorAgent, "test", tx.Now())); err != nil {
			return err
		}
		return tx.UpdateIncident(h.t.Context(), &inc)
	})
}

func TestAResolvedAlertThatFiresAgainReopensAndFlaps(t *testing.T) {
	t.Parallel()
	h := newHouse(t, shop)
	a := h.alert("Slow", "api", "warning")
	h.deliver(a)
	id := h.incidents()[0].ID
	for range 2 {
		h.wait(2 * time.Minute)
		h.deliver(ended(a, h.clock()))
		h.transition(id, incident.Resolved)
		h.wait(4 * time.Minute)
		a = h.alert("Slow", "api", "warning")
		h.deliver(a)
	}
	all := h.incidents()
	if len(all) != 1 {
		t.Fatalf("incidents: got %d, want the one reopened", len(all))
	}
	inc := all[0]
	if inc.State != incident.Investigating || inc.ResolvedAt != nil || !inc.Flapping {
		t.Errorf("got %s, resolved %v, flapping %v; want investigating, not resolved, flapping", inc.State, inc.ResolvedAt, inc.Flapping)
	}
	if inc.ReopenedAt == nil || !inc.ReopenedAt.Equal(h.clock()) {
		t.Errorf("reopened at %v, want %v", inc.ReopenedAt, h.clock())
	}
	notices := 0
	for _, e := range h.events(id) {
		if e.Kind == incident.EventFlapping {
			notices++
			if e.Data["keep_firing_for"] != "10m" {
				t.Errorf("keep_firing_for: got %v, want 10m for a gap of 4m", e.Data["keep_firing_for"])
			}
		}
	}
	if notices != 1 {
		t.Errorf("notices of flapping: got %d, want 1", notices)
	}
}

func TestARecurrenceLinksToTheEarlierIncident(t *testing.T) {
	t.Parallel()
	h := newHouse(t, shop)
	a := h.alert("Slow", "api", "warning")
	h.deliver(a)
	id := h.incidents()[0].ID
	h.wait(time.Minute)
	h.deliver(ended(a, h.clock()))
	h.transition(id, incident.Resolved)
	h.wait(5 * 24 * time.Hour)
	h.deliver(h.alert("Slow", "api", "warning"))
	all := h.incidents()
	if len(all) != 2 {
		t.Fatalf("incidents: got %d, want 2", len(all))
	}
	if diff := cmp.Diff([]string{id}, all[1].Earlier); diff != "" {
		t.Errorf("earlier (-want +got):\n%s", diff)
	}
	if all[1].Flapping {
		t.Error("a recurrence after days is not flapping")
	}
}

func TestPeopleKeepAnIncidentApart(t *testing.T) {
	t.Parallel()
	h := newHouse(t, shop)
	h.deliver(h.alert("A", "relay", "warning"))
	h.wait(time.Second)
	h.deliver(h.alert("B", "api", "warning"))
	for _, inc := range h.incidents() {
		if err := h.Acknowledge(t.Context(), "ana", inc.ID); err != nil {
			t.Fatal(err)
		}
	}
	h.deliver(h.alert("C", "db", "warning"))
	if got := len(h.incidents(incident.Merged)); got != 0 {
		t.Errorf("%d incidents were merged behind a person's back", got)
	}
	if got := len(h.incidents()); got != 2 {
		t.Errorf("incidents: got %d, want 2: the cause joined one of them", got)
	}
}

func TestPeople(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t, shop)
	id, err := h.Declare(ctx, "ana", Declaration{Title: "Checkout is odd", Severity: severity.SEV3, Services: []string{"api"}})
	if err != nil {
		t.Fatal(err)
	}
	h.deliver(h.alert("Slow", "api", "warning"), h.alert("Down", "search", "warning"))
	steps := map[string]error{
		"ack":       h.Acknowledge(ctx, "ana", id),
		"severity":  h.SetSeverity(ctx, "ana", id, severity.SEV4, "nobody notices"),
		"commander": h.SetCommander(ctx, "ana", id, "bo"),
		"finding":   h.AddFinding(ctx, "bo", id, "the pool is full"),
	}
	for what, err := range steps {
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	sigs := h.signals(id)
	if len(sigs) != 2 {
		t.Fatalf("signals: got %d, want the declaration and the alert of its service", len(sigs))
	}
	part, err := h.Split(ctx, "bo", id, []string{sigs[0].ID}, "the other thing")
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Merge(ctx, "bo", part, id); err != nil {
		t.Fatal(err)
	}
	if got := len(h.signals(id)); got != 2 {
		t.Errorf("signals after the merge: got %d, want 2", got)
	}
	if err := h.Resolve(ctx, "ana", id, "it was us"); err != nil {
		t.Fatal(err)
	}
	var actions []string
	h.view(func(tx *store.Tx) error {
		records, err := tx.Audit(ctx, id, 0, 100)
		for _, r := range records {
			actions = append(actions, r.Actor+" "+r.Action)
		}
		return err
	})
	for _, want := range []string{
		"ana incident.open", "ana incident.acknowledge", "ana incident.severity", "ana incident.commander",
		"bo incident.finding", "bo incident.split", "bo incident.take", "ana incident.resolve",
	} {
		if !strings.Contains(strings.Join(actions, "\n"), want) {
			t.Errorf("audit lacks %q: %q", want, actions)
		}
	}
}

func TestPeopleAreToldWhatIsWrong(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t, shop)
	h.deliver(h.alert("Slow", "api", "warning"))
	id := h.incidents()[0].ID
	declare := func(d Declaration) error {
		_, err := h.Declare(ctx, "ana", d)
		return err
	}
	tests := map[string]struct {
		err  error
		want string
	}{
		"no title":          {declare(Declaration{Severity: severity.SEV2}), "title is empty"},
		"no severity":       {declare(Declaration{Title: "x"}), "severity is missing"},
		"service":           {declare(Declaration{Title: "x", Severity: severity.SEV2, Services: []string{"relai"}}), `unknown service "relai"`},
		"environment":       {declare(Declaration{Title: "x", Severity: severity.SEV2, Environment: "moon"}), `unknown environment "moon"`},
		"empty finding":     {h.AddFinding(ctx, "ana", id, " "), "the finding is empty"},
		"agent":             {h.Acknowledge(ctx, "agent", id), "is for people"},
		"unknown signal":    {second(h.Split(ctx, "ana", id, []string{"sig_x"}, "t")), `signal "sig_x"`},
		"split everything":  {second(h.Split(ctx, "ana", id, []string{h.signals(id)[0].ID}, "t")), "leaves some"},
		"merge into itself": {h.Merge(ctx, "ana", id, id), "into itself"},
		"no such incident":  {h.Acknowledge(ctx, "ana", "INC-2026-9999"), "not found"},
	}
	for name, tc := range tests {
		if tc.err == nil || !strings.Contains(tc.err.Error(), tc.want) {
			t.Errorf("%s: got %v, want %q", name, tc.err, tc.want)
		}
	}
	if p, ok := errors.AsType[*problem.Problem](tests["service"].err); !ok || p.Hint != `did you mean "relay"?` {
		t.Errorf("hint: got %v, want the nearest service", tests["service"].err)
	}
}

func second[T any](_ T, err error) error { return err }

func TestADeliveryWithAKeyIsAcceptedOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t, shop)
	d := signal.Delivery{Source: "ci", Key: "k1", Signals: []signal.Signal{h.alert("A", "api", "info")}, ReceivedAt: h.clock()}
	for range 2 {
		if err := h.Accept(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		d.Signals = []signal.Signal{h.alert("B", "api", "info")}
	}
	if _, err := h.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := h.signals(h.incidents()[0].ID); len(got) != 1 || got[0].Name != "A" {
		t.Errorf("signals: got %d, want only the first delivery's", len(got))
	}
}

func TestTheJobDrainsWhatArrivesWhileItRuns(t *testing.T) {
	t.Parallel()
	h := newHouse(t, shop)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	done := make(chan error, 1)
	stop, end := context.WithCancel(ctx)
	go func() { done <- h.st.RunJobs(stop, h.Specs(), nil) }()
	for n := range 50 {
		a := h.alert(fmt.Sprintf("A%d", n), "api", "info")
		if err := h.Accept(ctx, signal.Delivery{Source: "am", Signals: []signal.Signal{a}, ReceivedAt: h.clock()}); err != nil {
			t.Fatal(err)
		}
	}
	for ctx.Err() == nil {
		left := 1
		h.view(func(tx *store.Tx) error {
			p, err := tx.PendingSignals(ctx, 1)
			left = len(p)
			return err
		})
		if left == 0 {
			break
		}
		select { // nothing tells when the last job ends: look again
		case <-ctx.Done():
		case <-time.After(5 * time.Millisecond):
		}
	}
	end()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if got := len(h.signals("INC-2026-0001")); got != 50 {
		t.Errorf("signals: got %d, want 50", got)
	}
}

func TestAnIncidentIsNotMergedWhileAnActionIsUnderWay(t *testing.T) {
	t.Parallel()
	h := newHouse(t, shop)
	var made []string
	for _, title := range []string{"one", "two"} {
		id, err := h.Declare(t.Context(), "ana", Declaration{Title: title, Severity: severity.SEV3})
		if err != nil {
			t.Fatal(err)
		}
		made = append(made, id)
	}
	in := action.Intent{ID: "act_1", IncidentID: made[0], State: action.Started}
	h.inTx(func(tx *store.Tx) error { return tx.SaveIntent(t.Context(), in) })
	var refused *incident.RefusedError
	if err := h.Merge(t.Context(), "ana", made[0], made[1]); !errors.As(err, &refused) {
		t.Errorf("merging while an action runs: got %v, want a refusal", err)
	}
	in.State = action.Done
	h.inTx(func(tx *store.Tx) error { return tx.SaveIntent(t.Context(), in) })
	if err := h.Merge(t.Context(), "ana", made[0], made[1]); err != nil {
		t.Errorf("merging afterwards: %v", err)
	}
}
