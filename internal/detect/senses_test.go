package detect_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/holdfast-sre/holdfast/internal/detect"
)

// working is a series that is busier on working days, a point every half hour.
func working(s *detect.Stream, r *rand.Rand, at time.Time, days int) time.Time {
	for range days * 48 {
		v := 100 + r.NormFloat64() + 40*when(at.Hour() >= 8 && at.Hour() < 18)
		if day := at.Weekday(); day == time.Saturday || day == time.Sunday {
			v -= 6
		}
		s.Next(at, v)
		at = at.Add(30 * time.Minute)
	}
	return at
}

// A Saturday like a Monday is not usual, though any other day is like that.
func TestTheWeekIsKnown(t *testing.T) {
	t.Parallel()
	const tries = 10
	seen := 0
	for seed := range uint64(tries) {
		var s detect.Stream
		r := rand.New(rand.NewPCG(19, seed))
		at := working(&s, r, monday, 33*7+5)
		alarm := false
		for range 16 { // Saturday until eight
			alarm = s.Next(at, 100+r.NormFloat64()).Score >= detect.Alarm || alarm
			at = at.Add(30 * time.Minute)
		}
		if alarm {
			seen++
		}
	}
	if seen < tries*8/10 {
		t.Errorf("%d of %d Saturdays as busy as a Monday are seen", seen, tries)
	}
}

// What was usual months ago is not usual for ever.
func TestOldBurstsFade(t *testing.T) {
	t.Parallel()
	for days, want := range map[int]bool{2: false, 240: true} {
		var s detect.Stream
		r := rand.New(rand.NewPCG(21, 22))
		at := noisy(&s, r, monday, 2)
		for i := range 30 * 144 {
			s.Next(at, 100+3*r.NormFloat64()+60*when(i%7 == 0))
			at = at.Add(10 * time.Minute)
		}
		at = noisy(&s, r, at, days)
		if v := s.Next(at, 160); v.Score >= detect.Alarm != want {
			t.Errorf("a burst as there were twenty a day, %d days later: %+v, want alarm %t", days, v, want)
		}
	}
}

// A leak that is slow beside the noise shows by its direction alone.
func TestASlowLeakIsADrift(t *testing.T) {
	t.Parallel()
	for seed := range uint64(5) {
		var s detect.Stream
		r := rand.New(rand.NewPCG(23, seed))
		at := noisy(&s, r, monday, 30)
		seen := false
		for i := range 2 * 144 {
			v := s.Next(at, 100+0.1*float64(i)+3*r.NormFloat64())
			seen = seen || v.Score >= detect.Alarm && v.Kind == detect.KindDrift && v.Direction == detect.Up
			at = at.Add(10 * time.Minute)
		}
		if !seen {
			t.Errorf("seed %d: no drift is seen", seed)
		}
	}
}
