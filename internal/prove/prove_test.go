package prove_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/boundary"
	"github.com/holdfast-sre/holdfast/internal/decide"
	"github.com/holdfast-sre/holdfast/internal/prove"
)

// open names every kind of rule that a file can have.
const open = `rules:
  - {name: all, actions: [process.restart, http.call], environments: ["*"], services: ["*"], autonomy: auto}
  - {name: night, actions: [http.call], when: severity == 4, autonomy: never}
  - {name: office, actions: [http.call], outside: [office], autonomy: approve, approvals: {count: 3, four_eyes: true}}
  - {name: closing, actions: [process.restart], services: [billing], severities: [SEV-3], autonomy: approve}
business_hours:
  - {name: office, time_zone: Europe/Berlin, days: [mon, tue, wed, thu, fri], from: "09:00", to: "17:00"}
error_budget: {when_spent: approve}
must_escalate:
  - {name: closing, when: "'billing' in services"}
freezes:
  - {name: year-end, from: 2026-12-20T00:00:00Z, to: 2027-01-04T00:00:00Z}
maintenance:
  - {name: database-move, from: 2026-12-06T02:00:00Z, to: 2026-12-06T04:00:00Z, services: [db]}
earned:
  - {runbook: relay-stuck, service: relay, environment: shop, stage: auto, override: true, by: ana, reason: rehearsed}
`

func parse(t *testing.T, text string) *boundary.Set {
	t.Helper()
	set, err := boundary.Parse("boundaries.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func file(t *testing.T, path string) *boundary.Set {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, string(text))
}

func run(t *testing.T, opts prove.Options) prove.Report {
	t.Helper()
	if opts.Subject.Decide == nil {
		opts.Subject = prove.Code()
	}
	rep, err := prove.Run(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

// TestCodeAndTableAgree compares with no boundary file. TestEveryMutantIsFound
// begins with two deviations, and the script of `holdfast boundaries prove` goes
// to three and through the full product.
func TestCodeAndTableAgree(t *testing.T) {
	t.Parallel()
	rep := run(t, prove.Options{Depth: 1})
	for _, v := range rep.Violations {
		t.Error(v)
	}
	if rep.Acts == 0 || rep.Started["of one"] == 0 || rep.Started["of two"] == 0 || rep.Started["none"] == 0 {
		t.Errorf("nothing acts: %+v", rep.Started)
	}
	for _, label := range []string{"of nobody", "of the agent", "expired", "older than it lives", "from the future", "for another plan", "for no plan", "for another generation"} {
		if n := rep.Started[label]; n > 0 {
			t.Errorf("%d actions start on an approval %s", n, label)
		}
	}
}

func TestNoBoundaryFileBreaksTheFloor(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]*boundary.Set{
		"none":    boundary.Default(),
		"demo":    file(t, "../../demo/runner/agent/boundaries.yaml"),
		"starter": file(t, "../config/starter/boundaries.yaml"),
		"open":    parse(t, open),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rep := run(t, prove.Options{Depth: 1, Boundaries: set})
			for _, v := range rep.Violations {
				t.Error(v)
			}
			if rep.File == nil || rep.File.SHA256 != set.SHA256() || rep.File.Asked == 0 || rep.File.Distinct == 0 {
				t.Errorf("the file was not asked: %+v", rep.File)
			}
			if opens := name != "none"; opens != (rep.File.Allow > 0) {
				t.Errorf("allows %d of %d", rep.File.Allow, rep.File.Asked)
			}
		})
	}
}

// TestAViolationIsSmall breaks the floor behind two conditions at once and
// expects what is needed for them in the report, and nothing else.
func TestAViolationIsSmall(t *testing.T) {
	t.Parallel()
	code := prove.Code()
	code.Decide = func(in decide.Input) decide.Verdict {
		v := decide.Decide(in)
		if v.Approvers == 1 && in.Candidate.Action.Name == action.HTTPCall && in.Incident.Security.IsTrue() {
			v.Approvers = 0
		}
		return v
	}
	rep := run(t, prove.Options{Subject: code, Depth: 1})
	if len(rep.Violations) == 0 {
		t.Fatal("not found")
	}
	v := rep.Violations[0]
	if want := []string{"security suspected = true", "action = http.call", "claimed lastingness = undoable"}; !slices.Equal(v.Combination, want) {
		t.Errorf("combination %q, want %q", v.Combination, want)
	}
	if v.Kind != "approvals" || v.Want != "one approval" || v.Got != "no approval" || !slices.Contains(v.Rows, "security suspected") {
		t.Errorf("%+v", v)
	}
}

// TestTheFloorAloneIsCompared: the full product sees what a verdict hides.
func TestTheFloorAloneIsCompared(t *testing.T) {
	t.Parallel()
	code := prove.Code()
	code.Floor = func(in decide.Input) int { return max(decide.Floor(in), 0) }
	rep := run(t, prove.Options{Subject: code, Depth: 1, Product: true, FirstOnly: true})
	if rep.Disagreed == 0 || !slices.ContainsFunc(rep.Violations, func(v prove.Violation) bool { return v.Kind == "floor" && v.Want == "never executed" }) {
		t.Errorf("%+v", rep.Violations)
	}
}

func TestAPanicIsAViolation(t *testing.T) {
	t.Parallel()
	code := prove.Code()
	code.Recheck = func(in decide.RecheckInput) (bool, string) {
		return decide.Recheck(decide.RecheckInput{Input: decide.Input{Candidate: &decide.Candidate{Option: in.Candidate.Option}}})
	}
	rep := run(t, prove.Options{Subject: code, Depth: 1})
	if !slices.ContainsFunc(rep.Violations, func(v prove.Violation) bool {
		return v.Kind == "panic" && strings.Contains(v.String(), "remediation = none fits")
	}) {
		t.Errorf("%+v", rep.Violations)
	}
}

// TestAFileWithManyNamesIsDrawnFrom: a file can tell apart more than can be
// asked or held. What is asked then covers every value, and stays small.
func TestAFileWithManyNamesIsDrawnFrom(t *testing.T) {
	t.Parallel()
	names := func(what string, n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "%s%s-%d", map[bool]string{true: ", ", false: ""}[i > 0], what, i)
		}
		return b.String()
	}
	for _, n := range []struct{ envs, services, runbooks int }{{24, 24, 4}, {200, 200, 200}} {
		set, err := boundary.Parse("boundaries.yaml", fmt.Appendf(nil, `rules:
  - {name: some, actions: [process.restart], environments: [%s], services: [%s], runbooks: [%s], autonomy: auto}
  - {name: all, actions: [process.restart], environments: ["*"], services: ["*"], autonomy: auto}
  - {name: risky, actions: [process.restart], when: risk == 'high', autonomy: approve}
`, names("env", n.envs), names("service", n.services), names("runbook", n.runbooks)))
		if err != nil {
			t.Fatal(err)
		}
		rep := run(t, prove.Options{Depth: 1, Boundaries: set})
		for _, v := range rep.Violations {
			t.Error(v)
		}
		if rep.File.Asked != 50_000 || rep.File.Allow == 0 || rep.File.Ask <= rep.File.Asked/2 || rep.File.Deny == 0 || len(rep.Not) == 0 {
			t.Errorf("of %d, %d allowed, %d asked, %d denied; not enumerated: %q", rep.File.Asked, rep.File.Allow, rep.File.Ask, rep.File.Deny, rep.Not)
		}
	}
}
