package diagnose

import (
	"testing"
	"time"

	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// sampledAt makes a series with a sample each step, the last at one moment.
func sampledAt(step time.Duration, values ...float64) evidence.Series {
	end := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	var s evidence.Series
	for i, v := range values {
		s.Points = append(s.Points, evidence.Point{At: end.Add(time.Duration(i-len(values)+1) * step), Value: v})
	}
	return s
}

func times(v float64, n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = v
	}
	return out
}

func TestOneOfFewRequestsMayFail(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		rate   float64 // requests a second
		errors float64
		want   bool
	}{
		"one of six":          {0.02, 1.0 / 6, false},
		"two of six":          {0.02, 2.0 / 6, true},
		"one of six hundred":  {2, 1.0 / 600, false},
		"a hundred of many":   {2, 1.0 / 6, true},
		"without any request": {0, 1.0 / 6, true}, // nothing is known of how many there were
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &part{}
			for signal, level := range map[evidence.Golden][2]float64{evidence.Traffic: {tt.rate, tt.rate}, evidence.Errors: {0, tt.errors}} {
				p.bands = append(p.bands, judge(evidence.Item{}, evidence.Metric{
					Signal: signal, Before: sampledAt(5*time.Minute, times(level[0], 20)...), Now: sampledAt(5*time.Minute, times(level[1], 6)...),
				}))
			}
			p.countRequests()
			b, _ := p.golden(evidence.Errors)
			if b.abnormal != tt.want {
				t.Errorf("out of band: %v (%v spreads), want %v", b.abnormal, b.score, tt.want)
			}
		})
	}
}

// What may itself be trouble shows no health, though it is too little to blame
// anything for.
func TestTroubleThatHidesIsNotWell(t *testing.T) {
	t.Parallel()
	late := append(times(0, 50), times(0.5, 10)...)
	now, calm := sampledAt(time.Minute, times(0.5, 30)...), sampledAt(time.Minute, times(0, 60)...)
	spread := sampledAt(time.Minute, times(0, 60)...)
	for i := 0; i < 60; i += 6 {
		spread.Points[i].Value, spread.Points[i+1].Value = 0.5, 0.5
	}
	minutes := func(n int) evidence.Series {
		return sampledAt(time.Minute, append(times(0, 40), times(1, n)...)...)
	}
	const seldom = 1.0 / 240 // requests a second
	tests := map[string]struct {
		metric evidence.Metric
		rate   float64
		masked bool
	}{
		"it began in the window before":                {evidence.Metric{Now: now, Before: sampledAt(time.Minute, late...)}, 10, true},
		"it fills the window before, not that of days": {evidence.Metric{Now: now, Before: now, Day: calm}, 10, true},
		"it comes and goes":                            {evidence.Metric{Now: now, Before: spread}, 10, false},
		"it is so on other days":                       {evidence.Metric{Now: now, Before: calm, Day: spread, Week: spread}, 10, false},
		"one of few requests fails":                    {evidence.Metric{Now: minutes(5), Before: calm}, seldom, false},
		"all of few requests fail, for long":           {evidence.Metric{Now: minutes(30), Before: calm}, seldom, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newView(Input{Affected: []string{"a"}})
			tt.metric.Signal = evidence.Errors
			v.parts["a"] = &part{bands: []band{
				judge(evidence.Item{}, tt.metric),
				judge(evidence.Item{}, evidence.Metric{Signal: evidence.Traffic, Now: sampledAt(time.Minute, times(tt.rate, 30)...)}),
			}}
			v.parts["a"].countRequests()
			b := v.parts["a"].bands[0]
			_, well := bandsWell(v)
			if b.abnormal || b.masked != tt.masked || well == tt.masked {
				t.Errorf("abnormal %v, masked %v, well %v: want it in band, masked %v (%v spreads)", b.abnormal, b.masked, well, tt.masked, b.score)
			}
		})
	}
}

func TestWhatRefusesRequestsIsHurt(t *testing.T) {
	t.Parallel()
	for failing, want := range map[float64]float64{0: 1, 0.4: 0} {
		v := newView(Input{})
		v.parts["a"] = &part{bands: []band{
			judge(evidence.Item{}, evidence.Metric{Signal: evidence.LatencyP99, Before: sampledAt(time.Minute, times(0.2, 30)...), Now: sampledAt(time.Minute, times(0.2, 30)...)}),
			judge(evidence.Item{}, evidence.Metric{Signal: evidence.Errors, Before: sampledAt(time.Minute, times(0, 30)...), Now: sampledAt(time.Minute, times(failing, 30)...)}),
		}}
		if got := v.unhurt("a"); got != want {
			t.Errorf("with errors of %v it is unhurt by %v, want %v", failing, got, want)
		}
	}
}

func TestWhatASeriesReachesOnOtherDaysIsInBand(t *testing.T) {
	t.Parallel()
	calm := append(times(1, 80), times(3, 20)...) // a fifth of the time it is three times as high
	for now, want := range map[float64]bool{1: false, 3: false, 9: true} {
		b := judge(evidence.Item{}, evidence.Metric{
			Signal: evidence.LatencyP99, Before: sampledAt(time.Minute, calm...), Now: sampledAt(time.Minute, times(now, 10)...),
		})
		if b.abnormal != want {
			t.Errorf("at %v: out of band %v (%v spreads), want %v", now, b.abnormal, b.score, want)
		}
	}
}

func TestAPeakOfCPUThatDoesNotLastIsNoJump(t *testing.T) {
	t.Parallel()
	spikes, held := times(1, 60), times(1, 60)
	spikes[10], spikes[30] = 4, 4
	for i := 40; i < 52; i++ {
		held[i] = 4
	}
	for name, tt := range map[string]struct {
		now  []float64
		want bool
	}{"two spikes": {spikes, false}, "three minutes": {held, true}, "one sample": {[]float64{4}, false}} {
		m := evidence.Metric{Signal: evidence.Saturation, Limit: 4, Now: sampledAt(15*time.Second, tt.now...), Before: sampledAt(15*time.Second, times(1, 60)...)}
		if got := jump(m) > slight; got != tt.want {
			t.Errorf("%s: a jump is %v, want %v", name, got, tt.want)
		}
	}
}

func TestALineThatComesOnceSaysLittle(t *testing.T) {
	t.Parallel()
	tests := []struct {
		now, before int
		low, high   float64
	}{{0, 0, 0, 0}, {1, 0, 0.1, 0.2}, {6, 0, 1, 1}, {300, 290, 0, 0.1}, {300, 90, 1, 1}, {90, 300, 0, 0}}
	for _, tt := range tests {
		l := line{Template: evidence.Template{Count: tt.now, Before: tt.before}}
		if got := l.risen(); got < tt.low || got > tt.high {
			t.Errorf("%d lines after %d: %v, want %v to %v", tt.now, tt.before, got, tt.low, tt.high)
		}
	}
}

func TestHowFarTroubleIsSeen(t *testing.T) {
	t.Parallel()
	banded := func(score float64) []band {
		return []band{
			{metric: evidence.Metric{Signal: evidence.Errors}, comparable: true, score: score, abnormal: score >= outOfBand},
			{metric: evidence.Metric{Signal: evidence.LatencyP99, Now: sampledAt(time.Minute, 1)}, comparable: true},
		}
	}
	tests := map[string]struct {
		p         part
		low, high float64
	}{
		"nothing measured":     {part{}, unmeasured, unmeasured},
		"an alert fires":       {part{alerts: []alert{{}}, bands: banded(0)}, 1, 1},
		"no instance runs":     {part{asked: true}, 1, 1},
		"far out of band":      {part{bands: banded(20)}, 0.8, 1},
		"latency known, alone": {part{bands: banded(0)[1:]}, unmeasured, unmeasured},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newView(Input{})
			v.parts["a"] = &tt.p
			if got := v.seenTrouble("a"); got < tt.low || got > tt.high {
				t.Errorf("%v, want %v to %v", got, tt.low, tt.high)
			}
		})
	}
}

func TestNothingIsBlamedForMoreThanHealthLeaves(t *testing.T) {
	t.Parallel()
	got := atFault([]weighed{{c: &candidate{class: Healthy}, p: 0.7}, {c: &candidate{class: ExhaustCPU}, p: 0.2}})
	if want := floorTo(1 - 0.7); got != want {
		t.Errorf("%v is left for faults, want %v", got, want)
	}
	if got := atFault(nil); got != 1 {
		t.Errorf("%v is left without candidates, want 1", got)
	}
}
