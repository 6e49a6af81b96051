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
	diagnosedLikeJSON(t, in)
}

func TestWhatRealItemsHoldIsDiagnosedLikeJSON(t *testing.T) {
	t.Parallel()
	data := bench.Blind(benchtest.Set(t, "cloudops"))
	ids, err := cases(data)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(ids); i += 30 {
		in, err := load(data, ids[i])
		if err != nil {
			t.Fatal(err)
		}
		diagnosedLikeJSON(t, in)
	}
}

func diagnosedLikeJSON(t *testing.T, in diagnose.Input) {
	t.Helper()
	engine := diagnose.Default()
	fromJSON := in
	fromJSON.Items = encoded(t, in.Items)
	if d := cmp.Diff(engine.Diagnose(fromJSON), engine.Diagnose(in)); d != "" {
		t.Errorf("diagnosis (-from JSON +from values):\n%s", d)
	}
	if !cmp.Equal(fromJSON.Items, encoded(t, in.Items)) {
		t.Error("the diagnosis changed its input")
	}
}

func encoded(t *testing.T, items []evidence.Item) []evidence.Item {
	t.Helper()
	var out []evidence.Item
	for _, it := range items {
		it, err := it.Encode(it.Value)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, it)
	}
	return out
}

// BenchmarkCase reads and diagnoses one case after another, as holdfast bench
// compare does, and reports the time of the slower ones. All cases once, with
// memory collected as there:
//
//	GOGC=400 go test ./internal/bench/cloudops -run '^$' -bench Case -benchtime 394x
func BenchmarkCase(b *testing.B) {
	data := bench.Blind(benchtest.Set(b, "cloudops"))
	ids, err := cases(data)
	if err != nil {
		b.Fatal(err)
	}
	engine := diagnose.Default()
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
