package boundary_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-sre/holdfast/internal/boundary"
	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/problem"
)

const office = `business_hours:
  - {name: office, time_zone: Europe/Berlin, days: [mon, tue, wed, thu, fri], from: "09:00", to: "17:00", except: [2026-12-25]}
  - {name: night, time_zone: America/New_York, days: [fri, sat], from: "22:00", to: "06:00"}
`

func TestBusinessHours(t *testing.T) {
	t.Parallel()
	s := parse(t, office+`rules:
  - {name: by-day, actions: [process.restart], environments: ["*"], services: ["*"], during: [office], autonomy: auto}
  - {name: not-at-night, actions: [process.restart], environments: ["*"], services: ["*"], during: [night], autonomy: never}
`)
	tests := map[string]struct {
		at   string
		rule string // that decides
	}{
		"in winter, one minute before":                {"2026-03-27T07:59:00Z", "not_named"},
		"in winter, 09:00 is 08:00 UTC":               {"2026-03-27T08:00:00Z", "by-day"},
		"after the clocks changed, 09:00 is 07:00":    {"2026-03-30T07:00:00Z", "by-day"},
		"after the clocks changed, one minute before": {"2026-03-30T06:59:00Z", "not_named"},
		"the end does not belong to it":               {"2026-03-30T15:00:00Z", "not_named"},
		"the day after the clocks went back":          {"2026-10-26T15:59:00Z", "by-day"},
		"a Saturday":                                  {"2026-03-28T10:00:00Z", "not_named"},
		"a Friday that is excepted":                   {"2026-12-25T10:00:00Z", "not_named"},
		"Friday night over there":                     {"2026-03-28T02:00:00Z", "not-at-night"},
		"still the night of Saturday on Sunday":       {"2026-03-29T09:59:00Z", "not-at-night"},
		"its end, in summer time":                     {"2026-03-29T10:00:00Z", "not_named"},
		"Sunday night does not begin":                 {"2026-03-30T03:00:00Z", "not_named"},
		"the hour that comes twice, the first time":   {"2026-11-01T05:30:00Z", "not-at-night"},
		"the hour that comes twice, the second time":  {"2026-11-01T06:30:00Z", "not-at-night"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := restart()
			at, err := time.Parse(time.RFC3339, tt.at)
			if err != nil {
				t.Fatal(err)
			}
			f.Now = at
			if d := s.Rule(f); d.Rule != tt.rule {
				t.Errorf("%s by %q (%s), want %q", d.Ruling, d.Rule, d.Reason, tt.rule)
			}
		})
	}
	unknown := restart()
	unknown.Now = time.Time{}
	if d := s.Rule(unknown); d.Ruling != boundary.Deny {
		t.Errorf("%s at an unknown time, want deny", d.Ruling)
	}
}

func TestASpentBudgetMakesCareful(t *testing.T) {
	t.Parallel()
	rules := "rules:\n  - {name: all, actions: [process.restart], environments: ['*'], services: ['*'], autonomy: auto}\n"
	for _, tt := range []struct {
		when   string
		spent  catalog.Flag
		change func(*boundary.Facts)
		want   boundary.Ruling
	}{
		{"", catalog.True, nil, boundary.Allow},
		{"error_budget: {when_spent: auto}\n", catalog.True, nil, boundary.Allow},
		{"error_budget: {when_spent: approve}\n", catalog.False, nil, boundary.Allow},
		{"error_budget: {when_spent: approve}\n", catalog.True, nil, boundary.Ask},
		{"error_budget: {when_spent: approve}\n", catalog.Unset, nil, boundary.Ask},
		{"error_budget: {when_spent: never}\n", catalog.Unset, nil, boundary.Deny},
		{"error_budget: {when_spent: never}\n", catalog.True, func(f *boundary.Facts) { f.Neutral = false }, boundary.Allow}, // the floor has it
	} {
		f := restart()
		f.Neutral, f.BudgetSpent = true, tt.spent
		if tt.change != nil {
			tt.change(&f)
		}
		if d := parse(t, tt.when+rules).Rule(f); d.Ruling != tt.want {
			t.Errorf("%q with %s: %s (%s), want %s", tt.when, tt.spent, d.Ruling, d.Reason, tt.want)
		}
	}
}

func TestWhoMayApprove(t *testing.T) {
	t.Parallel()
	s := parse(t, `approvers: [ana, bo, cy]
rules:
  - {name: relay, actions: [process.restart], services: [relay], autonomy: approve, approvals: {count: 2, from: [ana, bo]}}
  - {name: worse, actions: [process.restart], severities: [SEV-2], autonomy: approve, approvals: {from: [bo, cy], four_eyes: true}}
`)
	f := restart()
	d := s.Rule(f)
	if d.Approvers != 2 || !slices.Equal(d.From, []string{"ana", "bo"}) || d.FourEyes {
		t.Errorf("%+v", d)
	}
	f.Severity = 2
	d = s.Rule(f)
	if d.Approvers != 2 || !slices.Equal(d.From, []string{"bo"}) || !d.FourEyes {
		t.Errorf("both rules together: %+v", d)
	}
	for name, want := range map[string]string{
		"bo": "", "ana": "not among those who may approve this: bo", "dee": "not among the approvers", "": "not among the approvers",
	} {
		if why := s.Refuses(d, name, []string{"ana"}); !strings.Contains(why, want) || (why == "") != (want == "") {
			t.Errorf("%q: %q, want %q", name, why, want)
		}
	}
	if why := s.Refuses(d, "bo", []string{" BO"}); !strings.Contains(why, "other eyes") {
		t.Errorf("who asked may not approve: %q", why)
	}
}

func TestCostBudget(t *testing.T) {
	t.Parallel()
	s := parse(t, "limits: {cost: {budget: 20, unit: EUR a day}}\n")
	for _, tt := range []struct {
		amount, budget float64
		unit           string
		want           float64
		ok             bool
	}{
		{5, 50, "eur a day", 20, true},
		{5, 10, "EUR a day", 10, true},
		{5, 50, "USD", 50, false},
		{0, 0, "", 0, true},
	} {
		if got, ok := s.CostBudget(tt.amount, tt.budget, tt.unit); got != tt.want || ok != tt.ok {
			t.Errorf("%+v: %v, %v", tt, got, ok)
		}
	}
}

func TestMistakesOfV1AreLocated(t *testing.T) {
	t.Parallel()
	rule := func(more string) string {
		return "rules:\n  - {name: a, actions: [process.restart], autonomy: approve, " + more + "}\n"
	}
	for name, tt := range map[string]struct{ text, want, hint string }{
		"time zone":                    {"business_hours:\n  - {name: a, days: [mon], from: \"09:00\", to: \"10:00\", time_zone: Europe/Berlim}\n", `b.yaml:2:67: unknown time zone "Europe/Berlim"`, "write a name such as"},
		"the machine's own zone":       {"business_hours:\n  - {name: a, days: [mon], from: \"09:00\", to: \"10:00\", time_zone: Local}\n", `b.yaml:2:67: unknown time zone "Local"`, ""},
		"time of day":                  {"business_hours:\n  - {name: a, days: [mon], time_zone: UTC, from: \"9:00\", to: \"10:00\"}\n", `b.yaml:2:50: "9:00" is no time of day`, "write hours and minutes in quotes"},
		"weekday":                      {"business_hours:\n  - {name: a, time_zone: UTC, from: \"09:00\", to: \"10:00\", days: [monday]}\n", `b.yaml:2:66: unknown value "monday"`, ""},
		"no day":                       {"business_hours:\n  - {name: a, time_zone: UTC, from: \"09:00\", to: \"10:00\", days: []}\n", "b.yaml:2:65: the window is on no day", ""},
		"excepted day":                 {"business_hours:\n  - {name: a, time_zone: UTC, days: [mon], from: \"09:00\", to: \"10:00\", except: [25.12.]}\n", `b.yaml:2:81: "25.12." is no day`, "write it as"},
		"hours that do not exist":      {office + rule("during: [offices]"), `b.yaml:5:71: unknown business hours "offices"`, `did you mean "office"?`},
		"too many":                     {rule("approvals: {count: 11}"), "b.yaml:2:81: 11 approvals: 1 to 10", ""},
		"more than there are":          {"approvers: [ana]\n" + rule("approvals: {four_eyes: true}"), "b.yaml:3:73: 2 people must approve and 1 may", "those who may: ana"},
		"not an approver":              {"approvers: [ana, bo]\n" + rule("approvals: {from: [anna]}"), `b.yaml:3:81: "anna" is not among the approvers`, `did you mean "ana"?`},
		"twice":                        {rule("approvals: {from: [ana, Ana]}"), `b.yaml:2:86: "Ana" is named twice`, ""},
		"a budget below nothing":       {"limits: {cost: {budget: -1, unit: EUR}}\n", "b.yaml:1:25: the budget is -1", ""},
		"a budget without unit":        {"limits: {cost: {budget: 1}}\n", `b.yaml:1:16: key "unit" is missing`, ""},
		"spent":                        {"error_budget: {when_spent: ask}\n", `b.yaml:1:28: unknown value "ask"`, ""},
		"an alias bomb":                {"a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\napprovers: [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\n", "b.yaml:", ""},
		"a condition that is too long": {"must_escalate:\n  - {name: a, when: '" + strings.Repeat("true && ", 300) + "true'}\n", "b.yaml:2:21: condition: longer than 2000 bytes", ""},
		"a file that is too large":     {"# " + strings.Repeat("x", 1<<21), "b.yaml: file has", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := boundary.Parse("b.yaml", []byte(tt.text))
			if err == nil {
				t.Fatal("read in spite of the mistake")
			}
			p := problem.All(err)[0]
			if !strings.HasPrefix(p.Error(), tt.want) || !strings.HasPrefix(p.Hint, tt.hint) {
				t.Errorf("got  %s\nhint %s\nwant %s\nhint %s", p.Error(), p.Hint, tt.want, tt.hint)
			}
		})
	}
}

// TestAConditionThatDoesNotEnd is cut off and denies.
func TestAConditionThatDoesNotEnd(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("services.all(a, ", 8) + "true" + strings.Repeat(")", 8)
	s := parse(t, "rules:\n  - {name: a, actions: [process.restart], environments: ['*'], services: ['*'], autonomy: auto, when: '"+long+"'}\n")
	f := restart()
	f.Services = strings.Split(strings.Repeat("x,", 100), ",")
	start := time.Now()
	d := s.Rule(f)
	if d.Ruling != boundary.Deny || !strings.Contains(d.Reason, "cost limit") {
		t.Errorf("%s: %s", d.Ruling, d.Reason)
	}
	if took := time.Since(start); took > time.Second {
		t.Errorf("took %s", took)
	}
}

func TestExplainNamesWhatNearlyMatched(t *testing.T) {
	t.Parallel()
	s := parse(t, office+`rules:
  - {name: it, actions: [process.restart], environments: ["*"], services: ["*"], autonomy: auto}
  - name: other
    actions: [process.restart, http.call]
    services: [api, db]
    severities: [SEV-1]
    outside: [office]
    when: tier == 1
    autonomy: never
`)
	f := restart()
	f.Now = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	got := s.Explain(f)
	if len(got) != 2 || !got[0].Matches || got[0].Place() != "boundaries.yaml:5" {
		t.Fatalf("%+v", got)
	}
	want := []string{"service is relay, not api or db", "severity is SEV-3, not SEV-1", "it is during office", "its condition does not hold: tier == 1"}
	if got[1].Matches || got[1].Line != 6 || !slices.Equal(got[1].Missing, want) {
		t.Errorf("%+v", got[1])
	}
	if w := s.Where("rules", "other"); w != "boundaries.yaml:6" {
		t.Errorf("stands at %q", w)
	}
}
