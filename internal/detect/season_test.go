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

// TestAQuietWeekendIsLearnt: working days are busy from eight to six, weekends are
// not; the average day is neither.
func TestAQuietWeekendIsLearnt(t *testing.T) {
	t.Parallel()
	load := func(at time.Time) float64 {
		if wd := at.Weekday(); wd != time.Saturday && wd != time.Sunday && at.Hour() >= 8 && at.Hour() < 18 {
			return 100 + math.Sin(float64(at.Unix()))
		}
		return 40 + math.Sin(float64(at.Unix()))
	}
	for _, step := range []time.Duration{time.Minute, 5 * time.Minute, time.Hour} {
		s, at, perDay := weekly(5, step, load)
		saturday := at.Add(5*24*time.Hour + 12*time.Hour)
		if _, week := s.predict(saturday, perDay); math.Abs(week-load(saturday)) > 10 {
			t.Errorf("every %s: Saturday noon is expected at %.0f, and is %.0f", step, week, load(saturday))
		}
		if _, week := s.predict(saturday.Add(-24*time.Hour), perDay); math.Abs(week-100) > 10 {
			t.Errorf("every %s: Friday noon is expected at %.0f, and is 100", step, week)
		}
	}
}
