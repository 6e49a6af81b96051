package recovery

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/holdfast-sre/holdfast/internal/evidence"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func metric(sig evidence.Golden, value, usual float64) Measured {
	return Measured{Service: "api", Metric: evidence.Metric{
		Signal: sig, Value: value, Usual: usual,
		Now: evidence.Series{Points: []evidence.Point{{At: start, Value: value}}},
	}}
}

func healthy(at time.Time) Check {
	return Check{Now: at, Metrics: []Measured{
		metric(evidence.Traffic, 20, 20), metric(evidence.Errors, 0.001, 0.001), metric(evidence.LatencyP99, 0.18, 0.17),
	}}
}

func TestRecoveryNeedsTheWholeWindow(t *testing.T) {
	t.Parallel()
	need := Window(5*time.Minute, time.Minute, 2*time.Minute)
	var p Progress
	for i := range 31 {
		now := start.Add(time.Duration(i) * 10 * time.Second)
		var j Judgement
		j, p = Judge(healthy(now), p, need)
		want := Settling
		if now.Sub(start) >= need {
			want = Recovered
		}
		if j.Kind != want {
			t.Fatalf("after %s: got %s, want %s", now.Sub(start), j.Kind, want)
		}
	}
}

func TestOneBadCheckStartsTheWindowAgain(t *testing.T) {
	t.Parallel()
	_, p := Judge(healthy(start), Progress{}, time.Minute)
	bad := healthy(start.Add(50 * time.Second))
	bad.Metrics[1] = metric(evidence.Errors, 0.2, 0.001)
	j, p := Judge(bad, p, time.Minute)
	if j.Kind != Out {
		t.Fatalf("got %s, want out", j.Kind)
	}
	if j, _ = Judge(healthy(start.Add(70*time.Second)), p, time.Minute); j.Kind != Settling {
		t.Errorf("got %s, want settling", j.Kind)
	}
}

func TestWhatIsNotRecovery(t *testing.T) {
	t.Parallel()
	long := Progress{GoodSince: start.Add(-time.Hour)}
	tests := map[string]struct {
		change func(*Check)
		want   Kind
	}{
		"a signal still fires":         {func(c *Check) { c.Firing = []string{"HighErrorRate"} }, Out},
		"no traffic at all":            {func(c *Check) { c.Metrics[0] = metric(evidence.Traffic, 0, 20) }, Out},
		"half the traffic stayed away": {func(c *Check) { c.Metrics[0] = metric(evidence.Traffic, 8, 20) }, Out},
		"0/0 errors":                   {func(c *Check) { c.Metrics[1] = metric(evidence.Errors, math.NaN(), 0) }, Out},
		"no metrics":                   {func(c *Check) { c.Metrics = nil }, Unknown},
		"a stale series":               {func(c *Check) { c.Metrics[2].Stale = true }, Unknown},
		"an empty series":              {func(c *Check) { c.Metrics[2].Now.Points = nil }, Unknown},
		"a source is down":             {func(c *Check) { c.Down = []string{"prom"} }, Unknown},
		"the pool is still full": {func(c *Check) {
			m := metric(evidence.Saturation, 96, 20)
			m.Resource, m.Limit = "connection_pool", 100
			c.Metrics = append(c.Metrics, m)
		}, Out},
		"a queue is still long": {func(c *Check) { c.Metrics = append(c.Metrics, queue(11, 2)) }, Out},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := healthy(start)
			tc.change(&c)
			j, p := Judge(c, long, time.Minute)
			if j.Kind != tc.want || len(j.Reasons) == 0 || !p.GoodSince.IsZero() {
				t.Errorf("got %s %v (good since %v), want %s with a reason and the window started again", j.Kind, j.Reasons, p.GoodSince, tc.want)
			}
		})
	}
}

// queue is work that waits, far outside the spread of a few calm scrapes.
func queue(value, usual float64) Measured {
	m := metric(evidence.Saturation, value, usual)
	m.Resource, m.Deviation = "queue", 15
	return m
}

func TestAShortQueueIsNoBacklog(t *testing.T) {
	t.Parallel()
	c := healthy(start)
	c.Metrics = append(c.Metrics, queue(5, 2))
	if j, _ := Judge(c, Progress{GoodSince: start.Add(-time.Hour)}, time.Minute); j.Kind != Recovered {
		t.Errorf("five items wait where usually two do: got %s %v, want %s", j.Kind, j.Reasons, Recovered)
	}
}

func TestRecoveredNeverWithoutTraffic(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := Check{Now: start}
		for range rapid.IntRange(0, 6).Draw(t, "n") {
			sig := rapid.SampledFrom([]evidence.Golden{evidence.Traffic, evidence.Errors, evidence.LatencyP99, evidence.Saturation}).Draw(t, "signal")
			c.Metrics = append(c.Metrics, metric(sig, rapid.Float64Range(0, 10).Draw(t, "value"), rapid.Float64Range(0, 10).Draw(t, "usual")))
		}
		j, _ := Judge(c, Progress{GoodSince: start.Add(-time.Hour)}, time.Minute)
		flowing := false
		for _, m := range c.Metrics {
			flowing = flowing || (m.Signal == evidence.Traffic && m.Value > 0)
		}
		if j.Kind == Recovered && !flowing {
			t.Fatalf("recovered without traffic: %+v", c.Metrics)
		}
	})
}
