package detect

import (
	"math"
	"time"
)

const (
	// latePoints in a row, in order among themselves, are right about the time: what
	// was before them came from a clock that is ahead.
	latePoints = 3
	// leapSteps is the least distance of points, in usual ones, that may come from
	// a clock that is ahead.
	leapSteps = 3
)

// clock tells a point that is dated ahead from one after a silence. Only what lies
// within the longest of the last gaps can show that the end of it was wrong: points
// that are sent again lie outside.
type clock struct {
	LeapFrom, LeapTo int64   // ends of that gap, Unix milliseconds
	LeapAt           uint32  // number of the point at the end
	LeapGap          float64 // the longest gap before, seconds
	Late             uint8   // points in a row that lie in the gap
	LateAt           int64   // the last of them, Unix milliseconds
	// A point after so long a gap that everything is to be learnt anew is held until
	// another one follows it.
	Held      bool
	HeldAt    int64 // Unix milliseconds
	HeldValue float64
}

// leavesOut reports what is not a point, or not a new one.
func (s *state) leavesOut(now int64, v float64) bool {
	if !isFinite(v) || s.Clock.Held && now == s.Clock.HeldAt {
		return true
	}
	return s.Points > 0 && now <= s.Last && !s.turnsBack(now)
}

// turnsBack takes the clock of late points over when there are enough of them, and
// reports that.
func (s *state) turnsBack(now int64) bool {
	c := &s.Clock
	if now <= c.LeapFrom || now >= c.LeapTo || c.Late > 0 && now == c.LateAt {
		return false
	}
	before := c.LateAt
	if c.Late > 0 && now < before {
		c.Late = 0
	}
	c.Late, c.LateAt = c.Late+1, now
	if c.Late < latePoints {
		return false
	}
	s.Last, s.Gap = before, c.LeapGap
	s.QuietTo = min(s.QuietTo, now) // an alarm about the gap was a wrong one
	s.Calm = calmPoints + 1
	s.Clock = clock{}
	return true
}

// release lets go of a point that is held: the point now shows whether it came
// after a silence, after which everything is learnt anew, or was dated ahead.
func (s *state) release(now int64) {
	held := s.Clock
	s.Clock.Held, s.Clock.Late = false, 0
	if held.Held && now > held.HeldAt {
		*s = state{}
		s.next(time.UnixMilli(held.HeldAt), held.HeldValue)
	}
}

// hold keeps a point back.
func (s *state) hold(now int64, v float64) {
	s.Clock.Held, s.Clock.HeldAt, s.Clock.HeldValue = true, now, v
}

// leap remembers a gap, in seconds, that the point now ends, if it is a long one.
func (s *state) leap(now int64, dt float64) {
	c := &s.Clock
	known := (float64(c.LeapTo) - float64(c.LeapFrom)) / 1000
	switch {
	case s.Points == 0:
		*c = clock{LeapFrom: math.MinInt64, LeapTo: now}
	case s.Points == 1, dt > leapSteps*s.Step && (dt >= known || s.Points-c.LeapAt > warmUp):
		*c = clock{LeapFrom: s.Last, LeapTo: now, LeapAt: s.Points, LeapGap: s.Gap}
	}
}

// Silence judges the time since the last point, at a moment without one: a caller
// that watches a series learns from it that points are missing before they return.
// It is about the score that a point then would have for the gap before it, and
// changes nothing; alarms before do not matter, so that a caller tells an alarm that
// goes on by its Onset, when the first point was missed. The verdict is that of a
// usual point while too little is known, and at the time of the last point or before.
func (s *Stream) Silence(at time.Time) Verdict {
	gap := float64(at.UnixMilli()-s.s.Last) / 1000
	if s.s.Points < warmUp || gap <= 0 {
		return Verdict{}
	}
	u := s.s.silence(gap)
	v := Verdict{Score: u, Unusual: u, Kind: KindSilent}
	if u < Alarm {
		v.Score *= belowAlarm
	}
	if u >= standsOut {
		v.Onset = time.UnixMilli(s.s.Last).Add(time.Duration(s.s.Step * float64(time.Second))).UTC()
	}
	return v
}

// silence is how unusual a gap is, in seconds: Alarm when it is longer times as
// long as any before.
func (s *state) silence(gap float64) float64 {
	ratio := gap / max(longer*s.Gap, leastRun*s.Step)
	return ratio / (1 + ratio)
}
