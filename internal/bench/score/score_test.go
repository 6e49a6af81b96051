package score_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/holdfast-sre/holdfast/internal/bench"
	"github.com/holdfast-sre/holdfast/internal/bench/score"
)

func folder(cases, labels string) fstest.MapFS {
	return fstest.MapFS{"cases.csv": {Data: []byte(cases)}, "labels.csv": {Data: []byte(labels)}}
}

func predicted(ps ...bench.Prediction) map[string]bench.Prediction {
	out := map[string]bench.Prediction{}
	for _, p := range ps {
		out[p.CaseID] = p
	}
	return out
}

// group flattens a group into its numbers.
func group(t *testing.T, r score.Report, name string) map[string]float64 {
	t.Helper()
	g, ok := r.Group(name)
	if !ok {
		t.Fatalf("no group %q in %+v", name, r.Groups)
	}
	out := map[string]float64{"n": float64(g.Cases)}
	for _, m := range g.Measures {
		out[m.Name] = m.Value
	}
	return out
}

func near(t *testing.T, want, got map[string]float64) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateApprox(0, 1e-12)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRankingCountsPlacesOfDifferentNames(t *testing.T) {
	t.Parallel()
	data := folder(
		"case_id,scenario,target_node,target_metric,has_normal\na,low_x,t,latency,1\nb,low_x,t,latency,1\nc,high_x,t,latency,0\nd,high_x,t,latency,1\n",
		"case_id,root_node\na,r\nb,r\nc,r\nd,r\n")
	rep, err := score.Score("petshop", data, predicted(
		bench.Prediction{CaseID: "a", Ranking: []string{"r", "x"}, Probability: 0.9},
		bench.Prediction{CaseID: "b", Ranking: []string{"x", "x", "y", "r"}, Probability: 0.4},
		bench.Prediction{CaseID: "c", Ranking: []string{"x", "r"}},
	))
	if err != nil {
		t.Fatal(err)
	}
	near(t, map[string]float64{"n": 3, "AC@1": 1. / 3, "AC@3": 2. / 3, "AC@5": 2. / 3, "Avg@5": (1 + 1 + 2 + 2 + 2) / 15., "MRR": (1 + 1./3) / 3}, group(t, rep, "core"))
	near(t, map[string]float64{"n": 2, "AC@1": 0, "AC@3": .5, "AC@5": .5, "Avg@5": 4. / 10, "MRR": .25}, group(t, rep, "high/latency"))
	if rep.Groups[0].Name != "core" || rep.Cases != 4 || rep.Answered != 3 {
		t.Errorf("headline %s, %d cases, %d answered; want core, 4, 3", rep.Groups[0].Name, rep.Cases, rep.Answered)
	}
	want := []score.Miss{{Case: "b", Said: "x", Truth: "r", Probability: 0.4}, {Case: "c", Said: "x", Truth: "r"}, {Case: "d", Truth: "r"}}
	if diff := cmp.Diff(want, rep.Misses); diff != "" {
		t.Errorf("misses (-want +got):\n%s", diff)
	}
	if c := rep.Calibration; c.N != 4 || c.Right != 1 {
		t.Errorf("calibration over %d cases with %d right, want 4 and 1", c.N, c.Right)
	}
}

func TestObjectAndCauseCountApart(t *testing.T) {
	t.Parallel()
	data := folder("case_id,system\na,s\nb,s\nc,u\nd,u\n",
		"case_id,fault_object,root_cause\na,app/x,full\nb,app/x,full\nc,app/x,full\nd,app/x,full\n")
	pair := func(object, cause string) bench.ObjectCause {
		return bench.ObjectCause{FaultObject: object, RootCause: cause}
	}
	rep, err := score.Score("cloudops", data, predicted(
		bench.Prediction{CaseID: "a", Predictions: []bench.ObjectCause{pair(" APP/x ", "Full")}},
		bench.Prediction{CaseID: "b", Predictions: []bench.ObjectCause{pair("app/x", "slow"), pair("app/y", "full"), pair("app/x", "full")}},
		bench.Prediction{CaseID: "c", Predictions: []bench.ObjectCause{pair("app/y", "full"), pair("x", "x"), pair("x", "x"), pair("app/x", "full")}},
	))
	if err != nil {
		t.Fatal(err)
	}
	near(t, map[string]float64{"n": 4, "CA": .5, "FA": .5, "JRA": .25, "JRA@3": .5}, group(t, rep, "all"))
	near(t, map[string]float64{"n": 2, "CA": 0, "FA": .5, "JRA": 0, "JRA@3": 0}, group(t, rep, "u"))
}

func TestCategoriesPassOnlyWithTheirWords(t *testing.T) {
	t.Parallel()
	const labels = "case_id,suite,root_cause_category,required_keywords,forbidden_categories,forbidden_keywords,ruling_out_keywords\n" +
		"a,s,healthy,normal,,,\nb,s,healthy,,,,\nc,s,infra,disk|full,code,deploy,not memory\nd,s,infra,disk,,deploy,\ne,s,infra,disk,,,\n"
	data := folder("case_id,suite\na,s\nb,s\nc,s\nd,s\ne,s\n", labels)
	rep, err := score.Score("opensre-synth", data, predicted(
		bench.Prediction{CaseID: "a", Category: "Healthy ", Report: "all NORMAL"},
		bench.Prediction{CaseID: "b", Category: "infra"},
		bench.Prediction{CaseID: "c", Category: "infra", Report: "Disk is full; not memory"},
		bench.Prediction{CaseID: "d", Category: "infra", Report: "disk after a deploy"},
		bench.Prediction{CaseID: "e", Category: "infra", Report: "no word of it"},
	))
	if err != nil {
		t.Fatal(err)
	}
	near(t, map[string]float64{"n": 5, "category accuracy": .8, "full pass": .4, "false alarms": 1}, group(t, rep, "all"))
}

func TestMajorityAlwaysSaysTheMostFrequentLabel(t *testing.T) {
	t.Parallel()
	data := folder("case_id,system\na,s\nb,s\nc,s\n", "case_id,fault_object,root_cause\na,app/x,p\nb,app/y,q\nc,app/y,q\n")
	always, err := score.Majority("cloudops", data)
	if err != nil {
		t.Fatal(err)
	}
	rep, err := score.Score("cloudops", data, always)
	if err != nil {
		t.Fatal(err)
	}
	near(t, map[string]float64{"n": 3, "CA": 2. / 3, "FA": 2. / 3, "JRA": 2. / 3, "JRA@3": 1}, group(t, rep, "all"))
}

func TestScoreSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	const cases, labels = "case_id,system\na,s\n", "case_id,fault_object,root_cause\na,x,y\n"
	tests := map[string]struct {
		set, cases, labels, want string
	}{
		"set":            {"petshp", cases, labels, `no measure is known for "petshp"`},
		"no label":       {"cloudops", cases, "case_id,fault_object,root_cause\n", `cases.csv:2: case "a" has no label`},
		"twice":          {"cloudops", "case_id,system\na,s\na,s\n", labels, `cases.csv:3: case_id "a" is empty or was there before`},
		"ragged":         {"cloudops", "case_id,system\na\n", labels, "cases.csv:2"},
		"empty":          {"cloudops", "", labels, "cases.csv:1: no header"},
		"no such column": {"cloudops", "case_id\na\n", labels, `cases.csv:1: no column "system"`},
		"no cause":       {"cloudops", cases, "case_id,fault_object\na,x\n", `labels.csv:1: no column "root_cause"`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := score.Score(tt.set, folder(tt.cases, tt.labels), nil)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want it to contain %q", err, tt.want)
			}
		})
	}
}
