package fit

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/bench"
	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// pools is a made-up set: in each case one of several services holds most of a
// used-up pool, and another was deployed.
func pools(n int) bench.Set {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	services := []string{"entry", "left", "right", "store"}
	metric := func(consumer string, value float64) evidence.Item {
		it, err := evidence.Item{
			Kind: evidence.KindMetric, Service: "store", Source: "m", Query: consumer, Unit: "connections",
		}.WithID("x").Encode(evidence.Metric{
			Signal: evidence.Saturation, Resource: "connection_pool", Consumer: consumer, Limit: 100,
			Before: flat(now.Add(-time.Hour), 4), Now: flat(now.Add(-15*time.Minute), value), Value: value, Usual: 4,
		})
		if err != nil {
			panic(err)
		}
		return it
	}
	holder := func(id string) string {
		i, err := strconv.Atoi(id)
		if err != nil {
			panic(err)
		}
		return services[rand.New(rand.NewPCG(uint64(i), 1)).IntN(3)]
	}
	return bench.Set{
		Name: "pools",
		Cases: func(fs.FS) ([]string, error) {
			var out []string
			for i := range n {
				out = append(out, strconv.Itoa(i))
			}
			return out, nil
		},
		Load: func(_ fs.FS, id string) (diagnose.Input, error) {
			cat, err := catalog.New([]catalog.Service{
				{Name: "entry", Owner: "o", Tier: 1, DependsOn: []string{"left", "right"}},
				{Name: "left", Owner: "o", Tier: 2, DependsOn: []string{"store"}},
				{Name: "right", Owner: "o", Tier: 2, DependsOn: []string{"store"}},
				{Name: "store", Owner: "o", Tier: 2},
			}, nil)
			in := diagnose.Input{Catalog: cat, Affected: []string{"entry"}, Now: now, FirstSignal: now.Add(-5 * time.Minute)}
			for _, s := range services[:3] {
				v := 5.0
				if s == holder(id) {
					v = 94
				}
				in.Items = append(in.Items, metric(s, v))
			}
			return in, err
		},
		Truths: func(fs.FS) (map[string]bench.Truth, error) {
			out := map[string]bench.Truth{}
			for i := range n {
				id := strconv.Itoa(i)
				out[id] = bench.Truth{ID: id, Fields: map[string]string{"holder": holder(id)}}
			}
			return out, nil
		},
		Right: func(h diagnose.Hypothesis, t bench.Truth) bool {
			return h.CauseClass == diagnose.ExhaustPool && h.Component == t.Fields["holder"]
		},
	}
}

func flat(from time.Time, v float64) evidence.Series {
	var s evidence.Series
	for i := range 30 {
		s.Points = append(s.Points, evidence.Point{At: from.Add(time.Duration(i) * 30 * time.Second), Value: v})
	}
	return s
}

func fitted(t *testing.T) Result {
	t.Helper()
	cases, err := Load(t.Context(), []Source{{Set: pools(40)}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Fit(t.Context(), cases, "test")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestFitIsTheSameEveryTime(t *testing.T) {
	t.Parallel()
	render := func(r Result) string {
		var b bytes.Buffer
		r.Print(&b)
		for _, v := range []any{r.Weights, r.Calibration} {
			f, err := File(v)
			if err != nil {
				t.Fatal(err)
			}
			b.Write(f)
		}
		return b.String()
	}
	if diff := cmp.Diff(render(fitted(t)), render(fitted(t))); diff != "" {
		t.Errorf("two fits differ:\n%s", diff)
	}
}

func TestFittedFilesAreReadByTheEngine(t *testing.T) {
	t.Parallel()
	r := fitted(t)
	w, err := File(r.Weights)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := diagnose.ParseWeights(w); err != nil {
		t.Error(err)
	}
	c, err := File(r.Calibration)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := diagnose.ParseCalibration(c); err != nil {
		t.Error(err)
	}
	if !json.Valid(w) || !json.Valid(c) {
		t.Error("no JSON")
	}
	if len(r.Rows) != 1 || r.Rows[0].Measure != byComponent || r.Rows[0].Folds.Right < 0.95 {
		t.Errorf("rows: %+v", r.Rows)
	}
}

func TestCasesOfOneCulpritStayTogether(t *testing.T) {
	t.Parallel()
	cases, err := Load(t.Context(), []Source{{Set: pools(40)}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	assign(cases)
	fold := map[string]int{}
	for _, c := range cases {
		if f, seen := fold[c.culprit()]; seen && f != c.fold {
			t.Errorf("%s is in the folds %d and %d", c.culprit(), f, c.fold)
		}
		fold[c.culprit()] = c.fold
	}
	if len(fold) != 3 {
		t.Errorf("culprits: %v", fold)
	}
}

// choiceOf makes a problem with one feature by hand: of two causes the one with
// the feature is right in so many cases.
func choiceOf(start float64, right, wrong int) *problem {
	p := &problem{features: []diagnose.Feature{"f"}, start: []float64{start}, temperature: 1}
	for i := range right + wrong {
		p.cases = append(p.cases, choice{weight: 1, unknown: -20, causes: []sparse{
			{right: i < right, index: []int{0}, scale: []float64{1}}, {right: i >= right},
		}})
	}
	return p
}

func TestLearnsTheLogOddsOfCounts(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		start        float64
		right, wrong int
		strength     float64
		low, high    float64
	}{
		"nine to one":              {1, 90, 10, 1e-6, 2.15, 2.25},
		"a strong hold":            {1, 90, 10, 1e6, 0.99, 1.01},
		"the data say the reverse": {1, 10, 90, 1e-6, 0, 0},
		"a negative stays so":      {-1, 90, 10, 1e-6, 0, 0},
		"no opinion beforehand":    {0, 25, 75, 1e-6, -1.15, -1.05},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := choiceOf(tt.start, tt.right, tt.wrong)
			use := make([]int, len(p.cases))
			for i := range use {
				use[i] = i
			}
			if w := p.learn(use, tt.strength, nil)[0]; w < tt.low || w > tt.high {
				t.Errorf("learnt %.3f, want %v … %v", w, tt.low, tt.high)
			}
		})
	}
}

func TestGradientIsThatOfTheLikelihood(t *testing.T) {
	t.Parallel()
	p := choiceOf(0, 7, 5)
	p.temperature = 1.7
	use := []int{0, 3, 8, 11}
	for _, w := range []float64{-2, -0.3, 0, 1.4} {
		grad := []float64{0}
		p.likelihood([]float64{w}, use, grad)
		const h = 1e-6
		numeric := (p.likelihood([]float64{w + h}, use, nil) - p.likelihood([]float64{w - h}, use, nil)) / (2 * h)
		if d := grad[0] - numeric; d > 1e-5 || d < -1e-5 {
			t.Errorf("at %v: %v, numerically %v", w, grad[0], numeric)
		}
	}
}

func TestTooFewCasesAreRefused(t *testing.T) {
	t.Parallel()
	if _, err := Fit(t.Context(), make([]Case, 3), "test"); err == nil {
		t.Error("three cases were enough")
	}
}

func TestWhereNothingIsWrongNoComponentIsRight(t *testing.T) {
	t.Parallel()
	c := Case{
		Causes: []diagnose.Scored{{Class: diagnose.Healthy, Component: "entry"}, {Class: diagnose.BadDeploy, Component: "left"}},
		Right:  []bool{true, false},
		calm:   true,
	}
	if c.rightAbout(diagnose.Lead{Class: diagnose.BadDeploy, Component: "entry"}, false) {
		t.Error("the component of which the engine says that nothing is wrong counts as the culprit")
	}
	if !c.rightAbout(diagnose.Lead{Class: diagnose.Healthy, Component: "entry"}, true) {
		t.Error("that nothing is wrong is the right cause")
	}
}

func TestTheAllowanceKeepsThePromisesOfEverySet(t *testing.T) {
	t.Parallel()
	claims := func(set string, n, wrong int, p float64) []Claim {
		var out []Claim
		for i := range n {
			out = append(out, Claim{Set: set, Probability: p, Right: i >= wrong})
		}
		return out
	}
	tests := map[string]struct {
		seen, without []Claim
		keeps         bool
	}{
		"as claimed":                     {seen: claims("a", 1000, 30, 0.97), keeps: true},
		"claims too little":              {seen: claims("a", 1000, 0, 0.95)},
		"one set too low, one too high":  {seen: append(claims("a", 600, 0, 0.96), claims("b", 400, 40, 0.97)...)},
		"sure of what it never heard of": {seen: claims("a", 1000, 30, 0.97), without: claims("a", 100, 100, 0.96)},
		"hardly ever sure":               {seen: append(claims("a", 100, 3, 0.97), claims("a", 900, 180, 0.8)...)},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := (heldOut{seen: tt.seen, without: tt.without}).keeps(); got != tt.keeps {
				t.Errorf("keeps: %v, want %v", got, tt.keeps)
			}
		})
	}
}
