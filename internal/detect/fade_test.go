package detect_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/holdfast-sre/holdfast/internal/detect"
)

// noisy follows a stream through days of noise, a point every ten minutes.
func noisy(s *detect.Stream, r *rand.Rand, at time.Time, days int) time.Time {
	for range days * 144 {
		s.Next(at, 100+3*r.NormFloat64())
		at = at.Add(10 * time.Minute)
	}
	return at
}

// What was missing for long once, long ago, does not excuse it forever.
func TestAnOldGapFades(t *testing.T) {
	t.Parallel()
	var s detect.Stream
	r := rand.New(rand.NewPCG(7, 8))
	at := noisy(&s, r, monday, 14)
	at = noisy(&s, r, at.Add(12*time.Hour), 1)
	if v := s.Next(at.Add(24*time.Hour), 100); v.Kind == detect.KindSilent {
		t.Errorf("a day without points, a day after half a day without: %+v", v)
	}
	s = detect.Stream{}
	at = noisy(&s, r, monday, 14)
	at = noisy(&s, r, at.Add(12*time.Hour), 60)
	if v := s.Next(at.Add(24*time.Hour), 100); v.Kind != detect.KindSilent || v.Score < detect.Alarm {
		t.Errorf("a day without points, 60 days after half a day without: %+v", v)
	}
}

func TestAnOldStuckDayFades(t *testing.T) {
	t.Parallel()
	for days, want := range map[int]bool{2: false, 60: true} {
		var s detect.Stream
		r := rand.New(rand.NewPCG(9, 10))
		at := noisy(&s, r, monday, 14)
		for range 144 {
			s.Next(at, 100)
			at = at.Add(10 * time.Minute)
		}
		at = noisy(&s, r, at, days)
		seen := false
		for range 3 * 144 {
			v := s.Next(at, 100)
			seen = seen || v.Kind == detect.KindStuck && v.Score >= detect.Alarm
			at = at.Add(10 * time.Minute)
		}
		if seen != want {
			t.Errorf("three stuck days, %d days after one: alarm %t, want %t", days, seen, want)
		}
	}
}
