package detect

import (
	"math"
	"time"
)

const (
	dayBins  = 48     // half hours
	weekBins = 7 * 24 // hours
	// visits to a bin, on different days or weeks, before it predicts; a visit is
	// as many points as it has time for
	dayVisits, weekVisits = 2, 2
	// learn is how fast what is usual at a time of day follows, a visit.
	learn = 0.15
	// learnError is how fast the usual error follows, a day, so that no hour makes
	// its own errors the usual ones.
	learnError = 3
	// wild is how many usual errors a value may move a profile by.
	wild = 3
)

// season knows what is usual at each time of the day, and what each hour of the
// week adds to that. A single wild day moves it little.
type season struct {
	Day        [dayBins]float64
	DayPoints  [dayBins]uint16
	Week       [weekBins]float32 // over Day, which keeps the numbers small
	WeekPoints [weekBins]uint8   // each for as many points as every says
	Error      float64           // mean error of what Day says
	Errors     uint32
}

// bins are UTC; a change of daylight saving time is learnt again like any other
// change of habit.
func bins(at time.Time) (day, week int) {
	s := at.Unix() % (7 * 86400)
	if s < 0 {
		s += 7 * 86400
	}
	return int(s % 86400 / (86400 / dayBins)), int(s / 3600)
}

// predict returns what is usual at a moment by the time of day, and by the hour
// of the week too; NaN where too few days or weeks are known. perDay is how many
// points a day has.
func (s *season) predict(at time.Time, perDay float64) (day, week float64) {
	d, w := bins(at)
	if float64(s.DayPoints[d]) < dayVisits*max(perDay/dayBins, 1) {
		return math.NaN(), math.NaN()
	}
	if s.weekPoints(w, perDay) < weekVisits*max(perDay/24, 1) {
		return s.Day[d], math.NaN()
	}
	return s.Day[d], s.Day[d] + float64(s.Week[w])
}

// learn takes a point in.
func (s *season) learn(at time.Time, v, perDay float64) {
	d, w := bins(at)
	if s.DayPoints[d] == 0 {
		s.Day[d], s.DayPoints[d] = v, 1
		return
	}
	whole := v - s.Day[d]
	err := whole
	if s.Errors > 20 && s.Error > 0 {
		err = min(max(err, -wild*s.Error), wild*s.Error)
	}
	s.Day[d] += err * max(1/(float64(s.DayPoints[d])+1), learn/max(perDay/dayBins, 1))
	week := float64(s.Week[w])
	// A weekend may be far from the other days: its first hours are learnt as they
	// are, later ones are bounded by what is usual.
	off := whole - week
	if s.weekPoints(w, perDay) >= weekVisits*max(perDay/24, 1) {
		off = min(max(off, -wild*s.Error), wild*s.Error)
	}
	week += off * max(1/(s.weekPoints(w, perDay)+1), learn/max(perDay/24, 1))
	s.Week[w] = float32(min(max(week, -math.MaxFloat32), math.MaxFloat32))
	s.Errors++
	s.Error += (math.Abs(err) - s.Error) * max(1/float64(s.Errors), min(0.002, learnError/perDay))
	s.DayPoints[d] = min(s.DayPoints[d], math.MaxUint16-1) + 1
	if s.Errors%every(perDay) == 0 {
		s.WeekPoints[w] = min(s.WeekPoints[w], math.MaxUint8-1) + 1
	}
	s.Errors = min(s.Errors, math.MaxUint32-1)
}

// every is how many points WeekPoints counts as one, so that a byte is enough for
// as many visits as a profile is a mean of before it follows: an hour has at most
// 32 of them.
func every(perDay float64) uint32 {
	return uint32(min(max(math.Ceil(perDay/24/32), 1), math.MaxUint16)) // a whole number
}

// weekPoints is how many points an hour of the week has had, about.
func (s *season) weekPoints(w int, perDay float64) float64 {
	return float64(s.WeekPoints[w]) * float64(every(perDay))
}
