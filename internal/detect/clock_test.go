package detect_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/holdfast-sre/holdfast/internal/detect"
)

// A point that is dated ahead costs at most the few points that show that its
// clock was wrong.
func TestAPointOfTheFutureDoesNotBlind(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		ahead  time.Duration
		points int
	}{
		"an hour ahead":           {time.Hour, 1},
		"a day ahead":             {24 * time.Hour, 1},
		"a day ahead, five times": {24 * time.Hour, 5},
		"a month ahead":           {31 * 24 * time.Hour, 1},
		"a year ahead":            {365 * 24 * time.Hour, 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var s detect.Stream
			r := rand.New(rand.NewPCG(11, 12))
			at := noisy(&s, r, monday, 14)
			for i := range tt.points {
				s.Next(at.Add(tt.ahead+time.Duration(i)*10*time.Minute), 100)
			}
			for range 12 {
				s.Next(at, 100+3*r.NormFloat64())
				at = at.Add(10 * time.Minute)
			}
			if v := s.Next(at, 1e5); v.Score < detect.Alarm || v.Onset.After(at) {
				t.Errorf("a thousand times the usual value, two hours later: %+v", v)
			}
		})
	}
}

// A clock that was wrong from the first point on is not believed for longer than
// one that goes wrong later.
func TestAStreamThatStartsInTheFuture(t *testing.T) {
	t.Parallel()
	var s detect.Stream
	s.Next(monday.AddDate(1, 0, 0), 100)
	at := noisy(&s, rand.New(rand.NewPCG(13, 14)), monday, 14)
	if v := s.Next(at, 1e5); v.Score < detect.Alarm {
		t.Errorf("a thousand times the usual value: %+v", v)
	}
}

// Points that are sent again do not turn the clock back, not after a gap either.
func TestPointsThatAreSentAgainAreLeftOut(t *testing.T) {
	t.Parallel()
	points := habit(8)
	points = append(points[:600:600], points[640:]...)
	want := follow(&detect.Stream{}, points)
	var s detect.Stream
	for i, p := range points {
		if got := s.Next(p.At, p.Value); got != want[i] {
			t.Fatalf("point %d is %+v, want %+v", i, got, want[i])
		}
		for _, again := range points[max(0, i-5) : i+1] {
			if got := s.Next(again.At, again.Value); got != (detect.Verdict{}) {
				t.Fatalf("%+v is %+v, want it left out", again, got)
			}
		}
	}
}

// The age of a stream is not lost to one point, nor is the silence before it.
func TestAPointOfTheFutureForgetsNothing(t *testing.T) {
	t.Parallel()
	for _, ahead := range []time.Duration{24 * time.Hour, 365 * 24 * time.Hour} {
		var s detect.Stream
		r := rand.New(rand.NewPCG(15, 16))
		at := noisy(&s, r, monday, 14)
		s.Next(at.Add(ahead), 100)
		at = noisy(&s, r, at, 1)
		if v := s.Next(at.Add(12*time.Hour), 100); v.Kind != detect.KindSilent || v.Score < detect.Alarm {
			t.Errorf("half a day without points, a day after one %s ahead: %+v", ahead, v)
		}
	}
}

// Points that stay away are told without one that returns, as one would tell.
func TestSilenceIsToldWhileItLasts(t *testing.T) {
	t.Parallel()
	var s detect.Stream
	if v := s.Silence(monday); v != (detect.Verdict{}) {
		t.Errorf("before any point: %+v", v)
	}
	at := noisy(&s, rand.New(rand.NewPCG(17, 18)), monday, 14)
	last, missed := at.Add(-10*time.Minute), at
	if v := s.Silence(last); v != (detect.Verdict{}) {
		t.Errorf("at the last point: %+v", v)
	}
	before := s
	for minutes, want := range map[int]bool{10: false, 60: false, 110: false, 130: true, 24 * 60: true, 40 * 24 * 60: true} {
		at := last.Add(time.Duration(minutes) * time.Minute)
		v := s.Silence(at)
		if got := v.Score >= detect.Alarm; got != want || v.Score > 1 {
			t.Errorf("after %d minutes: %+v, want alarm %t", minutes, v, want)
		}
		if want && (v.Kind != detect.KindSilent || !v.Onset.Equal(missed)) {
			t.Errorf("after %d minutes: %+v, want silent since %s", minutes, v, missed)
		}
		back := s // a copy
		if got := back.Next(at, 100); want && got.Unusual < min(v.Unusual, detect.Alarm) {
			t.Errorf("after %d minutes: %+v, and a point then: %+v", minutes, v, got)
		}
	}
	if s != before {
		t.Error("a look changed the stream")
	}
}
