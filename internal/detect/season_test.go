package detect

import (
	"math"
	"testing"
	"time"
)

// weekly is a season after some weeks of a value with a point each step.
func weekly(weeks int, step time.Duration, value func(at time.Time) float64) (season, time.Time, float64) {
	var s season
	at := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	perDay := float64(24 * time.Hour / step)
	for range weeks * 7 * int(perDay) {
		s.learn(at, value(at), perDay)
		at = at.Add(step)
	}
	return s, at, perDay
}

// sometimes is a value that varies a little within any hour.
func sometimes(at time.Time) float64 { return 100 + 4*math.Sin(float64(at.Unix())) }

var steps = []time.Duration{time.Second, 15 * time.Second, time.Minute, 5 * time.Minute, time.Hour}

func TestTheWeekPredictsAfterTwoWeeks(t *testing.T) {
	t.Parallel()
	for _, step := range steps {
		s, at, perDay := weekly(1, step, sometimes)
		for range int(perDay) { // the second Monday
			if _, week := s.predict(at, perDay); !math.IsNaN(week) && at.Minute() < 55 {
				t.Errorf("every %s: the hour of the week predicts after a week and %s", step, at.Sub(at.Truncate(24*time.Hour)))
				break
			}
			s.learn(at, sometimes(at), perDay)
			at = at.Add(step)
		}
		s, at, perDay = weekly(3, step, sometimes)
		if _, week := s.predict(at, perDay); math.IsNaN(week) {
			t.Errorf("every %s: the hour of the week does not predict after three weeks", step)
		}
	}
}

// However many points an hour has, a wild one moves what is usual a little, and
// about as much.
func TestAWildHourMovesTheWeekALittle(t *testing.T) {
	t.Parallel()
	for _, step := range steps {
		s, at, perDay := weekly(4, step, sometimes)
		_, before := s.predict(at, perDay)
		usual := s.Error
		for i := range int(perDay) / 24 {
			s.learn(at.Add(time.Duration(i)*step), 1000, perDay)
		}
		_, after := s.predict(at, perDay)
		if moved := math.Abs(after - before); moved > 2*usual {
			t.Errorf("every %s: a wild hour moves the hour of the week by %.1f, %.1f usual errors", step, moved, moved/usual)
		}
	}
}
