package detect_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/holdfast-sre/holdfast/internal/detect"
)

// The figures of docs/accuracy.md about what the detector can't do: `go test -run
// Limit -v` prints them.

// Nothing but noise raises an alarm now and then: what comes back once in some days
// is unusual. The more points a day, the better the tail is known.
func TestLimitOfNoise(t *testing.T) {
	t.Parallel()
	const series = 8
	for _, tt := range []struct {
		step time.Duration
		days int
		most float64 // alarms a day and series
	}{{15 * time.Second, 10, 0.03}, {time.Minute, 20, 0.03}, {5 * time.Minute, 60, 0.16}, {15 * time.Minute, 180, 0.26}, {time.Hour, 360, 0.22}} {
		scores := map[float64]int{}
		for seed := range uint64(series) {
			var s detect.Stream
			r := rand.New(rand.NewPCG(31, seed))
			at, end := monday, monday.AddDate(0, 0, tt.days)
			for ; at.Before(end); at = at.Add(tt.step) {
				v := s.Next(at, 100+10*r.NormFloat64())
				for _, least := range []float64{detect.Alarm, 0.8, 0.9} {
					if v.Score >= least {
						scores[least]++
					}
				}
			}
		}
		rate := func(least float64) float64 { return float64(scores[least]) / float64(series*tt.days) }
		t.Logf("every %v: %.3f alarms a day and series, %.3f of .8 and more, %.3f of .9", tt.step, rate(detect.Alarm), rate(0.8), rate(0.9))
		if got := rate(detect.Alarm); got > tt.most {
			t.Errorf("every %v noise raises %.3f alarms a day, more than %v", tt.step, got, tt.most)
		}
	}
}

// A series is learnt for 50 points before anything in it is judged.
func TestLimitOfYoungSeries(t *testing.T) {
	t.Parallel()
	for points, want := range map[int]bool{49: false, 50: true} {
		var s detect.Stream
		r := rand.New(rand.NewPCG(32, 1))
		at := monday
		for range points {
			s.Next(at, 100+r.NormFloat64())
			at = at.Add(5 * time.Minute)
		}
		if v := s.Next(at, 1000); v.Score >= detect.Alarm != want {
			t.Errorf("ten times as much after %d points: %+v, want alarm %t", points, v, want)
		}
	}
}

// A loss of 60 % for an hour, in the sixth week of a series with a day and weekends
// and a point every 15 s, is seen by day when the values scatter by a tenth, and
// not any more when they do by three tenths.
func TestLimitOfAnHourLost(t *testing.T) {
	t.Parallel()
	const step = 15 * time.Second
	for _, noise := range []float64{0.1, 0.2, 0.3} {
		var s detect.Stream
		r := rand.New(rand.NewPCG(33, 1))
		value := func(at time.Time) float64 {
			hour := at.Sub(at.Truncate(24 * time.Hour)).Hours()
			v := 100 * (1 + 0.3*math.Sin((hour-8)/12*math.Pi))
			if day := at.Weekday(); day == time.Saturday || day == time.Sunday {
				v *= 0.6
			}
			return v * (1 + noise*r.NormFloat64())
		}
		found, hours := 0, 0
		for at := monday; at.Before(monday.AddDate(0, 0, 37)); at = at.Add(step) {
			if at.Truncate(2*time.Hour).Equal(at) && !at.Before(monday.AddDate(0, 0, 36)) && at.Hour() >= 8 && at.Hour() <= 20 {
				hours++
				lost, seen := s, false // a copy is a saved state
				for in := at; in.Before(at.Add(time.Hour)); in = in.Add(step) {
					seen = lost.Next(in, 0.4*value(in)).Score >= detect.Alarm || seen
				}
				found += int(when(seen))
			}
			s.Next(at, value(at))
		}
		t.Logf("scatter of %.0f %%: %d of %d lost hours by day are seen", 100*noise, found, hours)
		if noise == 0.1 && found < hours {
			t.Errorf("%d of %d lost hours by day are seen", found, hours)
		}
	}
}
