package cloudops

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/bench"
	"github.com/holdfast-sre/holdfast/internal/bench/benchtest"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// Items hold their values, and the engine gets them as they are: it must neither
// change them nor answer otherwise than from the same evidence in JSON.
func TestWhatItemsHoldIsDiagnosedLikeJSON(t *testing.T) {
	t.Parallel()
	in, err := load(pack(t, example(t), "time,web-cpu\n2026-01-02 03:04:05,0.5\n2026-01-02 03:05:05,0.9\n"), "c1")
	if err != nil {
		t.Fatal(err)
	}
	asJSON := func() []evidence.Item {
		var out []evidence.Item
		for _, it := range in.Items {
			it, err := it.Encode(it.Value)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, it)
		}
		return out
	}
	engine := diagnose.New(diagnose.DefaultWeights())
	encoded := in
	encoded.Items = asJSON()
	if d := cmp.Diff(engine.Diagnose(encoded), engine.Diagnose(in)); d != "" {
		t.Errorf("diagnosis (-from JSON +from values):\n%s", d)
	}
	if d := cmp.Diff(encoded.Items, asJSON()); d != "" {
		t.Errorf("the diagnosis changed its input (-before +after):\n%s", d)
	}
}

// BenchmarkCase reads and diagnoses one case after another, as holdfast bench
// compare does, and reports the time of the slower ones. All cases once:
//
//	go test ./internal/bench/cloudops -run '^$' -bench Case -benchtime 394x
func BenchmarkCase(b *testing.B) {
	data := bench.Blind(benchtest.Set(b, "cloudops"))
	ids, err := cases(data)
	if err != nil {
		b.Fatal(err)
	}
	engine := diagnose.New(diagnose.DefaultWeights())
	var times []time.Duration
	for i := 0; b.Loop(); i++ {
		start := time.Now()
		in, err := load(data, ids[i%len(ids)])
		if err != nil {
			b.Fatal(err)
		}
		answer(in, engine.Diagnose(in))
		times = append(times, time.Since(start))
	}
	slices.Sort(times)
	b.ReportMetric(float64(times[len(times)/2].Microseconds())/1e3, "p50-ms")
	b.ReportMetric(float64(times[len(times)*95/100].Microseconds())/1e3, "p95-ms")
}
