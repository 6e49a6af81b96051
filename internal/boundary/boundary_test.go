package boundary_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/boundary"
	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/problem"
	"github.com/holdfast-sre/holdfast/internal/severity"
)

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC) // a Wednesday

func restart() boundary.Facts {
	return boundary.Facts{
		Action: action.Action{
			Name: action.ProcessRestart, Service: "relay", Risk: action.Low, Lasting: action.Transient,
			Target: catalog.Target{Environment: "shop", Kind: "process", Name: "relay"},
		},
		Runbook: "relay-stuck", Severity: severity.SEV3, Services: []string{"api", "relay"}, Tier: 2, Replicas: 1, Now: noon,
	}
}

func parse(t *testing.T, text string) *boundary.Set {
	t.Helper()
	s, err := boundary.Parse("boundaries.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestRule(t *testing.T) {
	t.Parallel()
	const open = `
  - name: restart-workers
    actions: [process.restart]
    environments: [shop]
    services: [relay]
    severities: [SEV-3, SEV-4]
    autonomy: auto
`
	tests := map[string]struct {
		rules  string
		change func(*boundary.Facts)
		want   boundary.Ruling
		rule   string
	}{
		"allowed by name":              {open, nil, boundary.Allow, "restart-workers"},
		"nothing named needs a person": {``, nil, boundary.Ask, "not_named"},
		"another environment":          {open, func(f *boundary.Facts) { f.Action.Target.Environment = "live" }, boundary.Ask, "not_named"},
		"another service":              {open, func(f *boundary.Facts) { f.Action.Service = "api" }, boundary.Ask, "not_named"},
		"another severity":             {open, func(f *boundary.Facts) { f.Severity = severity.SEV2 }, boundary.Ask, "not_named"},
		"another known action":         {open, func(f *boundary.Facts) { f.Action.Name = action.HTTPCall }, boundary.Ask, "not_named"},
		"an unknown action":            {open, func(f *boundary.Facts) { f.Action.Name = "rm" }, boundary.Deny, "unknown_action"},
		"no environment":               {open, func(f *boundary.Facts) { f.Action.Target.Environment = "" }, boundary.Deny, "unknown_fact"},
		"no service":                   {open, func(f *boundary.Facts) { f.Action.Service = "" }, boundary.Deny, "unknown_fact"},
		"no severity":                  {open, func(f *boundary.Facts) { f.Severity = severity.Unset }, boundary.Deny, "unknown_fact"},
		"no runbook":                   {open, func(f *boundary.Facts) { f.Runbook = "" }, boundary.Deny, "unknown_fact"},
		"never wins over auto": {open + `
  - {name: not-here, actions: [process.restart], services: [relay], autonomy: never}
`, nil, boundary.Deny, "not-here"},
		"approve wins over auto": {open + `
  - {name: with-a-person, actions: [process.restart], autonomy: approve}
`, nil, boundary.Ask, "with-a-person"},
		"order means nothing": {`
  - {name: with-a-person, actions: [process.restart], autonomy: approve}
` + open, nil, boundary.Ask, "with-a-person"},
		"a condition that holds": {`
  - {name: small, actions: [process.restart], environments: ["*"], services: ["*"], when: 'tier >= 2 && severity > 2 && "api" in services', autonomy: auto}
`, nil, boundary.Allow, "small"},
		"a condition that does not hold": {`
  - {name: small, actions: [process.restart], environments: ["*"], services: ["*"], when: tier == 3, autonomy: auto}
`, nil, boundary.Ask, "not_named"},
		"a condition about what is not known": {`
  - {name: small, actions: [process.restart], environments: ["*"], services: ["*"], when: tier != 1, autonomy: auto}
`, func(f *boundary.Facts) { f.Tier = 0 }, boundary.Deny, "small"},
		"a condition that fails": {`
  - {name: param, actions: [process.restart], environments: ["*"], services: ["*"], when: 'params["mode"] == "soft"', autonomy: auto}
`, nil, boundary.Deny, "param"},
		"a condition that costs too much": {`
  - {name: heavy, actions: [process.restart], environments: ["*"], services: ["*"], when: 'services.all(a, services.all(b, services.all(c, services.all(d, a + b + c + d != ""))))', autonomy: auto}
`, func(f *boundary.Facts) { f.Services = slices.Repeat([]string{"x"}, 40) }, boundary.Deny, "heavy"},
		"by the hour": {`
  - {name: office, actions: [process.restart], environments: ["*"], services: ["*"], when: hour >= 8 && hour < 18 && weekday >= 1 && weekday <= 5, autonomy: auto}
`, nil, boundary.Allow, "office"},
		"by the hour, unknown time": {`
  - {name: office, actions: [process.restart], environments: ["*"], services: ["*"], when: hour >= 8, autonomy: auto}
`, func(f *boundary.Facts) { f.Now = time.Time{} }, boundary.Deny, "office"},
		"for one runbook": {`
  - {name: one, actions: [process.restart], environments: ["*"], services: ["*"], runbooks: [other], autonomy: auto}
`, nil, boundary.Ask, "not_named"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := ""
			if tt.rules != "" {
				text = "rules:" + "\n" + strings.TrimLeft(tt.rules, "\n")
			}
			f := restart()
			if tt.change != nil {
				tt.change(&f)
			}
			d := parse(t, text).Rule(f)
			if d.Ruling != tt.want || d.Rule != tt.rule || d.Reason == "" {
				t.Errorf("%s by %q (%s), want %s by %q", d.Ruling, d.Rule, d.Reason, tt.want, tt.rule)
			}
		})
	}
}

func TestMistakesAreLocated(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ text, want, hint string }{
		"unknown action": {
			"rules:\n  - name: a\n    actions: [process.restrat]\n    autonomy: never\n",
			`boundaries.yaml:3:15: unknown action "process.restrat"`, `did you mean "process.restart"?`,
		},
		"unknown key": {
			"rules:\n  - name: a\n    action: [process.restart]\n",
			`boundaries.yaml:3:5: unknown key "action"`, `did you mean "actions"?`,
		},
		"unknown autonomy": {
			"rules:\n  - {name: a, actions: [process.restart], autonomy: automatic}\n",
			`boundaries.yaml:2:53: unknown value "automatic"`, "",
		},
		"auto must say where": {
			"rules:\n  - {name: a, actions: [process.restart], services: [x], autonomy: auto}\n",
			"boundaries.yaml:2:68: autonomy auto needs environments", `name them, or write ["*"] for all of them`,
		},
		"a rule without actions": {
			"rules:\n  - {name: a, actions: [], autonomy: never}\n",
			"boundaries.yaml:2:24: the rule names no action", "",
		},
		"a name given twice": {
			"rules:\n  - {name: a, actions: [process.restart], autonomy: never}\n  - {name: a, actions: [process.restart], autonomy: never}\n",
			`boundaries.yaml:3:12: rule "a" is given twice`, "",
		},
		"a broken condition": {
			"must_escalate:\n  - name: a\n    when: tier >\n",
			"boundaries.yaml:3:11: condition: column", "",
		},
		"an unknown name in a condition": {
			"must_escalate:\n  - name: a\n    when: teir == 1\n",
			"boundaries.yaml:3:11: condition: column 1: undeclared reference to 'teir'", "known names: action, environment",
		},
		"a condition that is no condition": {
			"must_escalate:\n  - name: a\n    when: tier + 1\n",
			"boundaries.yaml:3:11: condition: gives int; true or false is needed", "",
		},
		"limits that cross": {
			"limits:\n  replicas: {min: 5, max: 3}\n",
			"boundaries.yaml:2:27: replicas.max is 3, less than min 5", "",
		},
		"a maintenance window that ends before it begins": {
			"maintenance:\n  - {name: x, from: 2026-12-24T00:00:00Z, to: 2026-12-20T00:00:00Z}\n",
			`boundaries.yaml:2:47: maintenance "x" ends before it begins`, "",
		},
		"a freeze that ends before it begins": {
			"freezes:\n  - {name: x, from: 2026-12-24T00:00:00Z, to: 2026-12-20T00:00:00Z}\n",
			`boundaries.yaml:2:47: freeze "x" ends before it begins`, "",
		},
		"an override that is none": {
			"earned:\n  - {runbook: a, service: b, environment: c, stage: auto, by: ana, reason: demo}\n",
			"boundaries.yaml:2:5: a stage set by hand is an override", "write override: true",
		},
		"an override for everything": {
			"earned:\n  - {runbook: a, service: '*', environment: c, stage: auto, override: true, by: ana, reason: demo}\n",
			"boundaries.yaml:2:5: autonomy is given to one runbook on one service of one environment, not to all", "",
		},
		"an override for every environment": {
			"earned:\n  - {runbook: a, service: b, environment: '*', stage: auto, override: true, by: ana, reason: demo}\n",
			"boundaries.yaml:2:5: autonomy is given to one runbook on one service of one environment, not to all", "",
		},
		"an override without environment": {
			"earned:\n  - {runbook: a, service: b, stage: approve, override: true, by: ana, reason: demo}\n",
			`boundaries.yaml:2:5: stage approve of runbook "a" on service "b" names no environment`, "add the environment that it was seen to be right in",
		},
		"an override beside one for every environment": {
			"earned:\n  - {runbook: a, service: b, stage: shadow, override: true, by: ana, reason: harm}\n  - {runbook: a, service: b, environment: c, stage: auto, override: true, by: bo, reason: demo}\n",
			`boundaries.yaml:3:5: runbook "a" on service "b" is given twice in c`, "keep one",
		},
		"an override by nobody": {
			"earned:\n  - {runbook: a, service: b, environment: c, stage: auto, override: true, reason: demo}\n",
			`boundaries.yaml:2:5: key "by" is missing`, "",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := boundary.Parse("boundaries.yaml", []byte(tt.text))
			if s != nil || err == nil {
				t.Fatal("read in spite of the mistake")
			}
			p := problem.All(err)[0]
			if !strings.HasPrefix(p.Error(), tt.want) || !strings.HasPrefix(p.Hint, tt.hint) {
				t.Errorf("got  %s\nhint %s\nwant %s\nhint %s", p.Error(), p.Hint, tt.want, tt.hint)
			}
		})
	}
}

func TestAllMistakesAtOnce(t *testing.T) {
	t.Parallel()
	_, err := boundary.Parse("b.yaml", []byte("rules:\n  - {name: a, actions: [rm], autonomy: auto}\nlimits: {restarts_per_hour: -1}\n"))
	if got := len(problem.All(err)); got != 4 {
		t.Errorf("%d problems, want 4: %v", got, err)
	}
}

func TestMustEscalate(t *testing.T) {
	t.Parallel()
	s := parse(t, `
must_escalate:
  - {name: important, when: tier == 1, reason: tier 1 always has a person}
  - {name: night, when: hour < 6}
`)
	f := restart()
	if got := s.MustEscalate(f); len(got) != 0 {
		t.Errorf("hits %v, want none", got)
	}
	f.Tier, f.Now = 1, noon.Add(-11*time.Hour)
	want := []boundary.Hit{{Name: "important", Reason: "tier 1 always has a person"}, {Name: "night", Reason: "night"}}
	if diff := cmp.Diff(want, s.MustEscalate(f)); diff != "" {
		t.Errorf("hits (-want +got):\n%s", diff)
	}
	f.Tier = 0
	if got := s.MustEscalate(f); len(got) != 2 || !strings.Contains(got[0].Reason, "can't be judged") {
		t.Errorf("an unknown tier: %v, want a hit", got)
	}
}

func TestStageIsShadowUnlessOverridden(t *testing.T) {
	t.Parallel()
	s := parse(t, `earned:
  - {runbook: relay-stuck, service: relay, environment: staging, stage: auto, override: true, by: ana, reason: demo}
  - {runbook: relay-stuck, service: relay, environment: live, stage: approve, override: true, by: bo, reason: seen}
  - {runbook: suspect, service: relay, stage: shadow, override: true, by: ana, reason: it did harm}
`)
	for _, tt := range []struct {
		runbook, service, environment string
		want                          boundary.Grant
	}{
		{"relay-stuck", "relay", "staging", boundary.Grant{Stage: boundary.Auto, Override: true, By: "ana", Reason: "demo"}},
		{"relay-stuck", "relay", "live", boundary.Grant{Stage: boundary.Approve, Override: true, By: "bo", Reason: "seen"}},
		{"relay-stuck", "relay", "other", boundary.Grant{Stage: boundary.Shadow}},
		{"relay-stuck", "relay", "", boundary.Grant{Stage: boundary.Shadow}},
		{"relay-stuck", "api", "staging", boundary.Grant{Stage: boundary.Shadow}},
		{"other", "relay", "staging", boundary.Grant{Stage: boundary.Shadow}},
		{"suspect", "relay", "live", boundary.Grant{Stage: boundary.Shadow, Override: true, By: "ana", Reason: "it did harm"}},
		{"suspect", "relay", "", boundary.Grant{Stage: boundary.Shadow, Override: true, By: "ana", Reason: "it did harm"}},
	} {
		if diff := cmp.Diff(tt.want, s.Stage(tt.runbook, tt.service, tt.environment)); diff != "" {
			t.Errorf("%s on %s in %q (-want +got):\n%s", tt.runbook, tt.service, tt.environment, diff)
		}
	}
}

func TestFreeze(t *testing.T) {
	t.Parallel()
	s := parse(t, `
freezes:
  - {name: launch, from: 2026-03-04T10:00:00Z, to: 2026-03-04T14:00:00Z, environments: [shop]}
  - {name: week, from: 2026-03-02T00:00:00Z, to: 2026-03-09T00:00:00Z, environments: [shop]}
`)
	tests := []struct {
		env  string
		at   time.Time
		want string
	}{
		{"shop", noon, "week"},
		{"", noon, "week"},
		{"live", noon, ""},
		{"shop", time.Date(2026, 3, 9, 0, 0, 0, 0, time.UTC), ""},
		{"shop", time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC), "week"},
	}
	for _, tt := range tests {
		w, ok := s.Freeze(tt.at, tt.env)
		if w.Name != tt.want || ok != (tt.want != "") {
			t.Errorf("Freeze(%q, %s) = %q, %v; want %q", tt.env, tt.at, w.Name, ok, tt.want)
		}
	}
}

func TestMaintenanceCoversEveryAffectedService(t *testing.T) {
	t.Parallel()
	s := parse(t, `
maintenance:
  - {name: move, from: 2026-03-04T10:00:00Z, to: 2026-03-04T14:00:00Z, environments: [shop], services: [db, api]}
  - {name: all, from: 2026-03-05T10:00:00Z, to: 2026-03-05T14:00:00Z}
`)
	tests := map[string]struct {
		env      string
		services []string
		at       time.Time
		want     string
	}{
		"covered":                           {"shop", []string{"db"}, noon, "move"},
		"one service is not":                {"shop", []string{"db", "web"}, noon, ""},
		"another environment":               {"live", []string{"db"}, noon, ""},
		"no service, and a window for some": {"shop", nil, noon, ""},
		"no service, and a window for all":  {"live", nil, noon.AddDate(0, 0, 1), "all"},
		"the end is not part of it":         {"shop", []string{"db"}, time.Date(2026, 3, 4, 14, 0, 0, 0, time.UTC), ""},
		"everything, in a window for all":   {"shop", []string{"web", "db"}, noon.AddDate(0, 0, 1), "all"},
	}
	for name, tt := range tests {
		w, ok := s.Maintenance(tt.env, tt.services, tt.at)
		if w.Name != tt.want || ok != (tt.want != "") {
			t.Errorf("%s: got %q, %v; want %q", name, w.Name, ok, tt.want)
		}
	}
}

func TestDefaultNamesNothing(t *testing.T) {
	t.Parallel()
	s := boundary.Default()
	if d := s.Rule(restart()); d.Ruling != boundary.Ask {
		t.Errorf("rules %s, want ask", d.Ruling)
	}
	if got := s.Stage("relay-stuck", "relay", "shop").Stage; got != boundary.Shadow {
		t.Errorf("stage %s, want shadow", got)
	}
	want := boundary.Limits{ReplicasMin: 2, ReplicasMax: 10, RestartsPerHour: 3, ActionsPerHour: 10}
	if diff := cmp.Diff(want, s.Limits()); diff != "" {
		t.Errorf("limits (-want +got):\n%s", diff)
	}
	if s.SHA256() != parse(t, "").SHA256() || s.SHA256() == parse(t, "approvers: [ana]").SHA256() {
		t.Error("the hash does not tell files apart")
	}
	if !s.MayApprove("ana") || s.MayApprove("") || parse(t, "approvers: [ana]").MayApprove("bo") {
		t.Error("approvers are not kept")
	}
}

func TestZeroRulingDenies(t *testing.T) {
	t.Parallel()
	for r, want := range map[boundary.Ruling]string{0: "deny", 1: "ask", 2: "allow", 3: "deny", -1: "deny"} {
		if r.String() != want {
			t.Errorf("Ruling(%d) = %s, want %s", int(r), r, want)
		}
	}
}

// TestAnotherRuleNeverOpens: whatever stands in a file, adding a rule that is
// not auto never turns an answer into a bolder one, and rules may be in any order.
func TestAnotherRuleNeverOpens(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var rules []string
		for i := range rapid.IntRange(0, 5).Draw(t, "rules") {
			rules = append(rules, fmt.Sprintf("  - {name: r%d, actions: [%s], environments: [%s], services: [%s], when: %s, autonomy: %s}\n", i,
				rapid.SampledFrom(action.Names()).Draw(t, "action"),
				rapid.SampledFrom([]string{"shop", "live", `"*"`}).Draw(t, "environment"),
				rapid.SampledFrom([]string{"relay", "api", `"*"`}).Draw(t, "service"),
				rapid.SampledFrom([]string{"'true'", "tier == 2", "tier == 3", "replicas > 1"}).Draw(t, "when"),
				rapid.SampledFrom([]string{"auto", "approve", "never"}).Draw(t, "autonomy")))
		}
		answer := func(rules []string) boundary.Decision {
			text := "rules: []\n"
			if len(rules) > 0 {
				text = "rules:\n" + strings.Join(rules, "")
			}
			s, err := boundary.Parse("b.yaml", []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			return s.Rule(restart())
		}
		before := answer(rules)
		back := slices.Clone(rules)
		slices.Reverse(back)
		if got := answer(back); got.Ruling != before.Ruling {
			t.Fatalf("%s in one order, %s in the other", before.Ruling, got.Ruling)
		}
		for _, autonomy := range []string{"approve", "never"} {
			after := answer(append(slices.Clone(rules), "  - {name: more, actions: [process.restart], autonomy: "+autonomy+"}\n"))
			if after.Ruling > before.Ruling {
				t.Fatalf("%s became %s by adding autonomy %s", before.Ruling, after.Ruling, autonomy)
			}
		}
	})
}

// FuzzParse: no input panics, costs more than it may, or opens what is unknown.
func FuzzParse(f *testing.F) {
	f.Add([]byte("rules:\n  - {name: a, actions: [process.restart], environments: ['*'], services: ['*'], when: tier > 1, autonomy: auto}\n"))
	f.Add([]byte("must_escalate:\n  - {name: a, when: 'services.exists(s, s.startsWith(\"a\"))'}\n"))
	f.Add([]byte("limits: {replicas: {min: 2, max: 10}, restarts_per_hour: 1}\nfreezes: []\napprovers: [ana]\nearned: []\n"))
	f.Add([]byte("rules: &a [*a]"))
	f.Add([]byte(office + "error_budget: {when_spent: approve}\nlimits: {cost: {budget: 1, unit: EUR}}\nrules:\n  - {name: a, actions: [http.call], during: [office], outside: [night], autonomy: never, approvals: {count: 2, from: [ana, bo], four_eyes: true}}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := boundary.Parse("b.yaml", data)
		if err != nil {
			if s != nil {
				t.Fatal("a set in spite of an error")
			}
			return
		}
		unknown := restart()
		unknown.Action.Name = "rm"
		if d := s.Rule(unknown); d.Ruling != boundary.Deny {
			t.Fatalf("an unknown action is %s", d.Ruling)
		}
		d := s.Rule(restart())
		if d.Approvers < 0 || d.Approvers > 10 || d.From != nil && len(d.From) == 0 && s.Refuses(d, "ana", nil) == "" {
			t.Fatalf("%+v", d)
		}
		s.Explain(restart())
		s.MustEscalate(restart())
		s.Freeze(noon, "shop")
	})
}

func BenchmarkRule(b *testing.B) {
	var text strings.Builder
	text.WriteString("rules:\n")
	for i := range 100 {
		fmt.Fprintf(&text, "  - {name: r%d, actions: [process.restart], environments: [shop], services: ['*'], when: 'tier == 2 && severity > 2', autonomy: auto}\n", i)
	}
	s, err := boundary.Parse("b.yaml", []byte(text.String()))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		s.Rule(restart())
	}
}

// TestPageIsTrue reads docs/boundaries.md: its example parses, and every name
// of a condition is there.
func TestPageIsTrue(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/boundaries.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(page), "```yaml\n")
	example, _, _ = strings.Cut(example, "```")
	if s := parse(t, example); len(s.File().Rules) == 0 {
		t.Error("the example holds no rule")
	}
	for _, v := range boundary.Variables() {
		if row := fmt.Sprintf("| `%s` | %s |", v.Name, v.Type); !strings.Contains(string(page), row) {
			t.Errorf("no row %q in docs/boundaries.md", row)
		}
	}
}
