package runbook_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"

	"github.com/holdfast-sre/holdfast/internal/problem"
	"github.com/holdfast-sre/holdfast/internal/runbook"
)

// unknowns captures the facts that the vectors of conditions name.
const unknowns = `diagnostics:
  - {name: da, promql: up, capture: a}
  - {name: db, promql: up, capture: b}
  - {name: dc, promql: up, capture: c}
  - {name: dp, promql: up, unit: bool, capture: p}
  - {name: dq, promql: up, unit: bool, capture: q}
  - {name: dt, sql: SELECT 1, unit: text, capture: t}
preconditions:
  - when: %[1]q
findings:
  - {cause_class: bad_deploy, component: booking-api, confirm: ["facts.a > 100 || facts.a <= 100", %[1]q]}
remediations:
  - {name: m, when: %[1]q, treats: [bad_deploy], commands: [look], target: {service: booking-api}, risk: low}
escalate_when:
  - %[1]q
`

// conditionVector is one line of conditions.yaml.
type conditionVector struct {
	When  string         `yaml:"when"`
	Facts map[string]any `yaml:"facts"`
	Is    string         `yaml:"is"`
}

func (v conditionVector) run() runbook.Run {
	run := runbook.Run{Service: "booking-api", Facts: map[string]any{}, Diagnostics: map[string]string{}}
	for name, value := range v.Facts {
		if n, ok := value.(int); ok {
			value = float64(n)
		}
		run.Facts[name] = value
	}
	return run
}

// TestConditionVectors: what is unknown is unknown in the same way wherever a
// condition stands, and each place takes it as the specification says.
func TestConditionVectors(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(filepath.Join(vectors, "conditions.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var all []conditionVector
	if err := yaml.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for _, v := range all {
		seen[v.Is]++
		t.Run(fmt.Sprint(v.When, v.Facts), func(t *testing.T) {
			t.Parallel()
			r := parse(t, "x", fmt.Sprintf(unknowns, v.When))
			run, vs := v.run(), vars(t)
			vs.Service = "booking-api"
			o := r.Options(run, vs)[0]
			is := "fails"
			switch {
			case o.Held:
				is = "holds"
			case o.Error != "":
				is = "unknown"
			}
			if is != v.Is {
				t.Errorf("%s with %v %s (%s), want %s", v.When, v.Facts, is, o.Error, v.Is)
			}
			if escalates := len(r.Escalations(run, vs)) == 1; escalates != (v.Is != "fails") {
				t.Errorf("escalates: %t, and the condition is %s", escalates, v.Is)
			}
			confirmed, missed := 0, 0
			for _, f := range r.Prove(run, vs) {
				for _, p := range f.Confirmed {
					if p.Expr == v.When {
						confirmed++
					}
				}
				for _, p := range f.Missed {
					if p.Expr == v.When {
						missed++
					}
				}
			}
			if confirmed > 0 != (v.Is == "holds" && len(v.Facts) > 0) || missed > 0 != (v.Is == "fails") {
				t.Errorf("confirmed %d, missed %d, and the condition is %s", confirmed, missed, v.Is)
			}
			// Asking nobody leaves every fact missing: then a precondition that is
			// unknown does not hold.
			if len(v.Facts) > 0 {
				return
			}
			if got := r.Ask(t.Context(), runbook.Ports{}, vs).Ready(); got != (v.Is == "holds") {
				t.Errorf("the precondition holds: %t, and the condition is %s", got, v.Is)
			}
		})
	}
	if seen["holds"] < 10 || seen["fails"] < 10 || seen["unknown"] < 10 {
		t.Errorf("too few vectors: %v", seen)
	}
}

// TestUnknownNamesWhatIsMissing: people read which answers they lack.
func TestUnknownNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	for when, want := range map[string]string{
		"facts.a > 1":                               `fact "a" is missing`,
		"facts.a > 1 && facts.b > 1":                `facts "a" and "b" are missing`,
		"facts.b > 1 && facts.c > 1 || facts.a > 1": `facts "a", "b" and "c" are missing`,
	} {
		if got := parse(t, "x", fmt.Sprintf(unknowns, when)).Options(conditionVector{}.run(), vars(t))[0].Error; got != want {
			t.Errorf("%s: got %q, want %q", when, got, want)
		}
	}
}

// TestProofRestsOnWhatItNeeds: two conditions that both hold because of one
// instrument are not two witnesses.
func TestProofRestsOnWhatItNeeds(t *testing.T) {
	t.Parallel()
	const text = `diagnostics:
  - {name: da, promql: up, capture: a}
  - {name: db, promql: up, capture: b}
  - {name: dc, promql: up, capture: c}
findings:
  - {cause_class: bad_deploy, component: booking-api, confirm: [facts.a > 5 || facts.b > 5, facts.b > 5 || facts.c > 5]}
`
	r, vs := parse(t, "x", text), vars(t)
	for name, tc := range map[string]struct {
		facts map[string]any
		want  [][]string
	}{
		"one instrument":  {map[string]any{"a": 1.0, "b": 9.0, "c": 1.0}, [][]string{{"db"}, {"db"}}},
		"others missing":  {map[string]any{"b": 9.0}, [][]string{{"db"}, {"db"}}},
		"two instruments": {map[string]any{"a": 9.0, "b": 1.0, "c": 9.0}, [][]string{{"da"}, {"dc"}}},
	} {
		run := runbook.Run{Service: "booking-api", Facts: tc.facts, Diagnostics: map[string]string{}}
		var got [][]string
		for _, p := range r.Prove(run, vs)[0].Confirmed {
			got = append(got, p.Diagnostics)
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// TestMoreFactsNeverTurnAnAnswerRound: what a condition says without a fact, it
// says whatever the fact turns out to be. Otherwise a slow source could let an
// action through that its answer forbids.
func TestMoreFactsNeverTurnAnAnswerRound(t *testing.T) {
	t.Parallel()
	atoms := []string{"facts.a > 5", "facts.b > 5", "facts.c <= 5", "facts.p", "facts.q", "facts.a == facts.b", "facts.a + facts.c > 5"}
	rapid.Check(t, func(t *rapid.T) {
		var write func(depth int) string
		write = func(depth int) string {
			switch kind := rapid.IntRange(0, 4).Draw(t, "kind"); {
			case depth == 0 || kind == 0:
				return rapid.SampledFrom(atoms).Draw(t, "atom")
			case kind == 1:
				return "!(" + write(depth-1) + ")"
			case kind == 2:
				return "(" + write(depth-1) + " ? " + write(depth-1) + " : " + write(depth-1) + ")"
			default:
				return "(" + write(depth-1) + map[int]string{3: " && ", 4: " || "}[kind] + write(depth-1) + ")"
			}
		}
		when := write(2)
		r, err := runbook.Parse("x.yaml", []byte("name: x\napproved: false\ntrigger: {services: [booking-api]}\n"+strings.Replace(fmt.Sprintf(unknowns, when), fmt.Sprintf("preconditions:\n  - when: %q\n", when), "", 1)))
		if err != nil {
			for _, p := range problem.All(err) {
				if p.Rule != "unreachable" {
					t.Fatal(err)
				}
			}
			t.Skip(err) // this draw can never hold: another is taken
		}
		facts := map[string]any{}
		for _, n := range []string{"a", "b", "c"} {
			facts[n] = float64(rapid.IntRange(4, 7).Draw(t, n))
		}
		for _, n := range []string{"p", "q"} {
			facts[n] = rapid.Bool().Draw(t, n)
		}
		some := map[string]any{}
		for n, v := range facts {
			if rapid.Bool().Draw(t, n+" is there") {
				some[n] = v
			}
		}
		judge := func(f map[string]any) runbook.Option {
			return r.Options(runbook.Run{Service: "booking-api", Facts: f}, runbook.Vars{})[0]
		}
		whole, part := judge(facts), judge(some)
		if part.Error == "" && part.Held != whole.Held {
			t.Fatalf("%s: %t with %v, %t with %v", when, part.Held, some, whole.Held, facts)
		}
		if whole.Error != "" {
			t.Fatalf("%s with every fact: %s", when, whole.Error)
		}
	})
}
