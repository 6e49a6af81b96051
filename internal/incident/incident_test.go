package incident

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/holdfast-sre/holdfast/internal/change"
	"github.com/holdfast-sre/holdfast/internal/severity"
	"github.com/holdfast-sre/holdfast/internal/signal"
)

var start = time.Date(2024, 1, 15, 10, 0, 0, 0, time.UTC)

func fresh() Incident {
	return Incident{ID: "INC-2024-0001", State: Open, Severity: severity.SEV3, Environment: "prod", StartedAt: start}
}

// TestNothingBreaksTheRules throws random events at an incident: states follow
// only their edges, and nobody but a person lowers a severity.
func TestNothingBreaksTheRules(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		i := fresh()
		for range rapid.IntRange(1, 40).Draw(t, "events") {
			before := i
			ev := randomEvent(t)
			row, err := i.Apply(ev)
			if err != nil {
				if _, ok := errors.AsType[*RefusedError](err); !ok {
					t.Fatalf("not a refusal: %v", err)
				}
				if diff := cmp.Diff(before, i); diff != "" {
					t.Fatalf("a refused event changed the incident:\n%s", diff)
				}
				continue
			}
			if i.State != before.State && !CanFollow(before.State, i.State) {
				t.Fatalf("%s became %s by %+v", before.State, i.State, ev)
			}
			if before.Severity.WorseThan(i.Severity) && !IsPerson(ev.Actor) {
				t.Fatalf("%s lowered %s to %s", ev.Actor, before.Severity, i.Severity)
			}
			if i.AcknowledgedAt != nil && before.AcknowledgedAt == nil && !IsPerson(ev.Actor) {
				t.Fatalf("%s acknowledged", ev.Actor)
			}
			if i.State != before.State && row.Data["from"] != string(before.State) {
				t.Fatalf("the row does not say from where: %+v", row)
			}
			if (i.State == Resolved || i.State == Closed) != (i.ResolvedAt != nil) {
				t.Fatalf("%s with resolved at %v", i.State, i.ResolvedAt)
			}
		}
	})
}

func randomEvent(t *rapid.T) Event {
	return Event{
		At:    start.Add(time.Duration(rapid.IntRange(0, 1000).Draw(t, "second")) * time.Second),
		Kind:  rapid.SampledFrom(append(slices.Clone(kinds), "invented")).Draw(t, "kind"),
		Actor: rapid.SampledFrom([]string{ActorAgent, ActorRule, ActorSystem, "ana", ""}).Draw(t, "actor"),
		Data: map[string]any{
			"to": rapid.SampledFrom([]string{
				"open", "investigating", "mitigating", "monitoring", "watching", "resolved", "closed", "merged", "lost",
				"SEV-1", "SEV-2", "SEV-3", "SEV-4", "SEV-9",
			}).Draw(t, "to"),
			"into":      rapid.SampledFrom([]string{"", "INC-2024-0001", "INC-2024-0002"}).Draw(t, "into"),
			"commander": rapid.SampledFrom([]string{"", "bo", "agent"}).Draw(t, "commander"),
		},
	}
}

// TestMergingNeverLowersAnything: whatever is merged, severity, services, owners
// and pages only grow.
func TestMergingNeverLowersAnything(t *testing.T) {
	t.Parallel()
	draw := func(t *rapid.T, id string) Incident {
		i := fresh()
		i.ID = id
		i.State = rapid.SampledFrom(States()).Draw(t, "state")
		i.Severity = rapid.SampledFrom(severity.All()).Draw(t, "severity")
		i.Services = slices.Compact(slices.Sorted(slices.Values(rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c"}), 0, 3).Draw(t, "services"))))
		i.Environment = rapid.SampledFrom([]string{"prod", "staging"}).Draw(t, "environment")
		i.Paged = make([]Page, rapid.IntRange(0, 2).Draw(t, "pages"))
		return i
	}
	rapid.Check(t, func(t *rapid.T) {
		into, from := draw(t, "INC-2024-0001"), draw(t, "INC-2024-0002")
		a, b := into, from
		_, _, err := Merge(&into, &from, ActorAgent, "same problem", start)
		if err != nil {
			if diff := cmp.Diff([]Incident{a, b}, []Incident{into, from}); diff != "" {
				t.Fatalf("a refused merge changed something:\n%s", diff)
			}
			return
		}
		if a.Environment != b.Environment || !a.State.Active() {
			t.Fatalf("merged %s/%s into %s/%s", b.Environment, b.State, a.Environment, a.State)
		}
		if a.Severity.WorseThan(into.Severity) || b.Severity.WorseThan(into.Severity) {
			t.Fatalf("severity fell to %s", into.Severity)
		}
		for _, s := range append(slices.Clone(a.Services), b.Services...) {
			if !slices.Contains(into.Services, s) {
				t.Fatalf("service %s lost", s)
			}
		}
		if len(into.Paged) != len(a.Paged)+len(b.Paged) || from.State != Merged || from.MergedInto != into.ID {
			t.Fatalf("got %d pages, state %s", len(into.Paged), from.State)
		}
	})
}

func TestEveryStateHasItsPlace(t *testing.T) {
	t.Parallel()
	for _, s := range States() {
		if _, ok := follows[s]; !ok {
			t.Errorf("%s is not in the table", s)
		}
		if CanFollow(s, s) {
			t.Errorf("%s follows itself", s)
		}
	}
}

func TestMeasured(t *testing.T) {
	t.Parallel()
	nan := math.NaN()
	tests := map[string]struct {
		tier    int
		failing float64
		down    bool
		burn    float64
		want    severity.Severity
	}{
		"nothing":               {1, 0, false, 0, severity.Unset},
		"tier 1 down":           {1, nan, true, nan, severity.SEV1},
		"unknown tier down":     {0, nan, true, nan, severity.SEV1},
		"tier 3 down":           {3, nan, true, nan, severity.SEV2},
		"most requests fail":    {4, .51, false, 0, severity.SEV1},
		"half of them":          {1, .50, false, 0, severity.SEV2},
		"six in a hundred":      {2, .06, false, 0, severity.SEV2},
		"five in a hundred":     {2, .05, false, 0, severity.Unset},
		"burning at page level": {2, .01, false, 14.4, severity.SEV2},
		"burning below":         {2, .01, false, 14.3, severity.Unset},
		"nothing known":         {1, nan, false, nan, severity.Unset},
	}
	for name, tc := range tests {
		got, why := Measured(tc.tier, tc.failing, tc.down, tc.burn)
		if got != tc.want || (got == severity.Unset) != (why == "") {
			t.Errorf("%s: got %s (%q), want %s", name, got, why, tc.want)
		}
	}
}

func TestClocks(t *testing.T) {
	t.Parallel()
	at := func(minutes int) time.Time { return start.Add(time.Duration(minutes) * time.Minute) }
	moved := func(to State, minutes int, from State) Event {
		return Transition(to, ActorAgent, "test", at(minutes)).With("from", string(from))
	}
	events := []Event{
		NewEvent(EventOpened, ActorAgent, "", "", at(0)),
		NewEvent(EventTriaged, ActorAgent, "", "", at(1)),
		Acknowledgement("ana", at(2)),
		moved(Monitoring, 10, Mitigating),
		moved(Mitigating, 12, Monitoring), // it had not helped
		moved(Monitoring, 20, Mitigating),
		moved(Resolved, 30, Monitoring),
		moved(Investigating, 35, Resolved), // it came back
		moved(Monitoring, 50, Investigating),
		moved(Resolved, 60, Monitoring),
		NewEvent(EventCauseConfirmed, "ana", "", "", at(90)),
	}
	got := ClocksOf(events)
	want := Clocks{
		Triage: Clock{time.Minute, true}, Acknowledge: Clock{2 * time.Minute, true},
		Mitigation: Clock{50 * time.Minute, true}, Resolution: Clock{60 * time.Minute, true},
		RootCause: Clock{90 * time.Minute, true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("clocks (-want +got):\n%s", diff)
	}
}

func TestClosable(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		sev     severity.Severity
		state   State
		closing Closing
		missing int
	}{
		"SEV-3 needs nothing written":  {severity.SEV3, Resolved, Closing{}, 0},
		"SEV-2 needs both":             {severity.SEV2, Resolved, Closing{}, 2},
		"SEV-1 with a post-mortem":     {severity.SEV1, Resolved, Closing{PostmortemComplete: true}, 1},
		"SEV-1 with everything":        {severity.SEV1, Resolved, Closing{PostmortemComplete: true, KnowledgeUpdates: 1}, 0},
		"not resolved":                 {severity.SEV4, Monitoring, Closing{}, 1},
		"an unset severity is not low": {severity.Unset, Resolved, Closing{}, 2},
	}
	for name, tc := range tests {
		i := fresh()
		i.Severity, i.State = tc.sev, tc.state
		if got := i.Closable(tc.closing); len(got) != tc.missing {
			t.Errorf("%s: missing %q, want %d", name, got, tc.missing)
		}
	}
}

func TestFlappingIsTwiceWithinTheWindow(t *testing.T) {
	t.Parallel()
	i := fresh()
	for n, tc := range []struct {
		after time.Duration
		want  bool
	}{
		{10 * time.Minute, false}, {80 * time.Minute, false}, {100 * time.Minute, true},
	} {
		if got := i.FiredAgain(start.Add(tc.after), time.Hour); got != tc.want {
			t.Errorf("the %d. time: got %v, want %v", n+1, got, tc.want)
		}
	}
}

// TestContextPackage is the example of the seeds.
func TestContextPackage(t *testing.T) {
	t.Parallel()
	i := fresh()
	i.ID, i.Severity, i.Services = "INC-2024-0001", severity.SEV2, []string{"booking-service"}
	i.Title, i.SeverityReasons = "Booking Cancel API Error Rate > 5%", []string{"alert BookingCancelErrors is mapped to SEV-2"}
	got := Context{
		Incident: i,
		Lead: signal.Signal{
			Labels: map[string]string{"endpoint": "/v1/bookings/{id}/cancel", "method": "POST"},
			Links:  []signal.Link{{Kind: "runbook", URL: "https://runbooks.example/booking"}},
		},
		Error: "Database connection timeout",
		Stack: []string{"panic: pq: connection timeout", "  at booking_service.go:152 in CancelBooking()", "  at api_handler.go:89 in HandleCancel()"},
		Changes: []change.Change{{
			Kind: change.Deploy, Service: "booking-service", Version: "v1.4.2", At: start.Add(-2 * time.Hour),
			Bolt: "BOLT-045", Summary: "Outbox [relay](javascript:x) worker",
		}},
		Now: start,
	}.Package()
	golden(t, "context.md", got)
}

func TestEscapeLeavesNothingToRender(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.String().Draw(t, "text")
		out := Escape(in, 100)
		plain := strings.NewReplacer(`\\`, "", "\\`", "", `\*`, "", `\_`, "", `\[`, "", `\]`, "", `\<`, "", `\>`, "", `\#`, "", `\|`, "", `\!`, "", `\~`, "").Replace(out)
		if strings.ContainsAny(plain, "`*_[]<>#|!~\n") {
			t.Fatalf("%q became %q", in, out)
		}
	})
}
