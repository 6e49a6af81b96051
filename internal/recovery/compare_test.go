package recovery

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/holdfast-sre/holdfast/internal/evidence"
)

func TestCompare(t *testing.T) {
	t.Parallel()
	read := func(ms ...Measured) []Reading { return Readings(Check{Metrics: ms}) }
	stale := metric(evidence.Errors, 0.5, 0.001)
	stale.Stale = true
	tests := map[string]struct {
		before, now []Reading
		want        Comparison
	}{
		"as before":          {read(metric(evidence.Errors, 0.001, 0.001)), read(metric(evidence.Errors, 0.002, 0.001)), Comparison{Both: 1}},
		"errors begin":       {read(metric(evidence.Errors, 0.001, 0.001)), read(metric(evidence.Errors, 0.4, 0.001)), Comparison{Both: 1, Worse: []string{"api errors 40.0 %, usually 0.1 %, before 0.1 %"}}},
		"errors end":         {read(metric(evidence.Errors, 0.4, 0.001)), read(metric(evidence.Errors, 0.001, 0.001)), Comparison{Both: 1, Better: []string{"api errors, before 40.0 %"}}},
		"bad, and the same":  {read(metric(evidence.Errors, 0.4, 0.001)), read(metric(evidence.Errors, 0.42, 0.001)), Comparison{Both: 1}},
		"bad, and worse":     {read(metric(evidence.Errors, 0.2, 0.001)), read(metric(evidence.Errors, 0.5, 0.001)), Comparison{Both: 1, Worse: []string{"api errors 50.0 %, usually 0.1 %, before 20.0 %"}}},
		"traffic goes away":  {read(metric(evidence.Traffic, 8, 20)), read(metric(evidence.Traffic, 2, 20)), Comparison{Both: 1, Worse: []string{"api traffic 2/s, usually 20/s, before 8/s"}}},
		"a flood begins":     {read(metric(evidence.Traffic, 20, 20)), read(metric(evidence.Traffic, 90, 20)), Comparison{Both: 1, Worse: []string{"api traffic 90/s, usually 20/s, before 20/s"}}},
		"not read before":    {nil, read(metric(evidence.Errors, 0.4, 0.001)), Comparison{New: []string{"api errors 40.0 %, usually 0.1 %"}}},
		"not read any more":  {read(metric(evidence.Errors, 0.001, 0.001)), read(stale), Comparison{Lost: []string{"api errors"}}},
		"no number any more": {read(metric(evidence.Errors, 0.4, 0.001)), read(metric(evidence.Traffic, math.NaN(), 20)), Comparison{New: []string{"api traffic is not a number"}, Lost: []string{"api errors"}}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, Compare(tt.before, tt.now)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// What is in its usual range now is never worse, and nothing is both.
func TestWorseIsOutOfBand(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		sig := rapid.SampledFrom([]evidence.Golden{evidence.Traffic, evidence.Errors, evidence.LatencyP99, evidence.Saturation}).Draw(t, "signal")
		usual := rapid.Float64Range(0, 2).Draw(t, "usual")
		b := Readings(Check{Metrics: []Measured{metric(sig, rapid.Float64Range(0, 9).Draw(t, "before"), usual)}})
		n := Readings(Check{Metrics: []Measured{metric(sig, rapid.Float64Range(0, 9).Draw(t, "now"), usual)}})
		c := Compare(b, n)
		if n[0].InBand && len(c.Worse) > 0 || len(c.Worse) > 0 && len(c.Better) > 0 || b[0].InBand && !n[0].InBand && len(c.Worse) != 1 {
			t.Fatalf("before %+v, now %+v: %+v", b, n, c)
		}
	})
}
