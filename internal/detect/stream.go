package detect

import (
	"math"
	"time"
)

// Alarm is the score from which a point raises an alarm.
const Alarm = 0.5

// Kind says in what way a point is unusual.
type Kind uint8

// The kinds, in the order of the senses.
const (
	KindUsual  Kind = iota
	KindLevel       // several values in a row are far from what is usual at this time
	KindSpike       // one value is
	KindJump        // the step from the value before is
	KindShift       // the last values lie elsewhere than the ones before
	KindWobble      // values vary as they did not before
	KindDrift       // values stay on one side of what is usual: a leak, a slow decline
	KindStuck       // the value does not move any more
	KindSilent      // values were missing
)

// String is the kind in lower case.
func (k Kind) String() string {
	names := [...]string{"usual", "level", "spike", "jump", "shift", "wobble", "drift", "stuck", "silent"}
	if int(k) < len(names) {
		return names[k]
	}
	return "unknown"
}

// Verdict is what a point of a series is.
type Verdict struct {
	// Score is 0…1. Alarm and more raises an alarm, or goes on with one while the
	// trouble is grave; what is less than grave stays below Alarm after an alarm.
	Score float64
	// Unusual is the score without regard to alarms before.
	Unusual float64
	Kind    Kind // what contributes most
	// Direction is where the value lies from what was expected; Either when that
	// says nothing.
	Direction Direction
	// Onset is when the trouble began that the point is part of: the first point
	// that stood out; zero for a point that is part of none.
	Onset time.Time
}

// senses are the quantities whose sizes are judged, each by its own past.
const senses = 6

// patienceOf a sense is the return time, in days, at which it raises an alarm
// alone: what happens more often is not unusual. A level lasts for several
// points, which are counted each, so that it is reached sooner.
func patienceOf(sense int) float64 {
	return [senses]float64{1.5, 5, 10, 10, 5, 5}[sense]
}

const (
	warmUp = 50 // points that are learnt from before anything is judged
	// fewestPoints is what patience is at least, for the level: an alarm that
	// comes every few points is none, however slowly they come.
	fewestPoints = 67.5
	// quorum is what the surprises of the senses, each the root of how many times
	// its patience its like takes to come back, have to reach together: several
	// senses that are half surprised are as good as one that is much surprised.
	quorum     = 1.85
	refractory = 6 * time.Hour
	// refractoryPoints is the least distance of two alarms in points. Points that
	// are closer to an alarm go on with it when they are as unusual as grave.
	refractoryPoints = 4
	grave            = 0.9
	belowAlarm       = 0.9                 // what scores below Alarm are scaled by
	longGap          = 14 * 24 * time.Hour // after which everything is learnt anew
	trackRecord      = 500                 // points over which predictors are compared
)

// Stream is what is known about one series after its points so far: less than
// four kilobytes, whatever its length. The zero value is a series without
// points. It is not safe for concurrent use. A copy is a saved state;
// MarshalBinary makes bytes of it.
type Stream struct{ s state }

// Next takes a point in and judges it by the points before. A value that is not
// finite is a missing one. A point that is not younger than the one before is
// left out: its verdict is that of a usual point. But when three in a row, in
// order among themselves, fall into the gap before a point, that one was dated
// ahead, and the stream goes on from them.
func (s *Stream) Next(at time.Time, v float64) Verdict { return s.s.next(at, v) }

// state is kept in fields of fixed size, so that it can be written as it is.
type state struct {
	Last     int64   // time of the last point, Unix milliseconds
	Value    float64 // last value
	Points   uint32  // taken in
	Same     uint32  // points in a row with the same value
	SameMost float32 // most of them so far; fades
	Step     float64 // mean distance of points, seconds
	Gap      float64 // longest distance of points so far, seconds; fades
	Weight   float32 // of the next point; grows, so that old points fade
	Clock    clock

	Recent recent
	Season season
	// Record is the mean error of each predictor and the points behind it: recent
	// median, time of day, hour of the week.
	Record  [3]float64
	Records [3]uint32

	Level     float64 // mean size of the last few errors
	Signed    float64 // mean of the last errors with their signs
	Jumps     float64 // mean size of the last steps
	Rare      [senses]rarity
	DriftPeak peak   // the last one of the drift, which moves slowly
	QuietTo   int64  // until when no further alarm is raised, Unix milliseconds
	QuietAt   uint32 // until which point
	Alarmed   uint32 // points when the last score was an alarm
	Trusted   uint8  // predictor that was used last
	Calm      uint32 // points in a row that do not stand out; 0 = one stands out
	Onset     int64  // when something began to stand out, Unix milliseconds
}

const (
	standsOut = Alarm / 2
	// calmPoints in a row end what stood out.
	calmPoints = 3
)

func (s *state) next(at time.Time, v float64) Verdict {
	now := at.UnixMilli()
	if s.leavesOut(now, v) {
		return Verdict{}
	}
	v = min(max(v, -largest), largest)
	s.release(now)
	dt := 0.0
	if s.Points > 0 {
		dt = (float64(now) - float64(s.Last)) / 1000
		if dt > longGap.Seconds() && dt > 100*s.Step {
			s.hold(now, v)
			return Verdict{Score: Alarm, Unusual: Alarm, Kind: KindSilent, Onset: at}
		}
	}
	s.leap(now, dt)
	if s.Points > 0 {
		s.pace(dt)
	}
	m := s.measure(at, v)
	verdict := s.judge(&m)
	s.rest(&verdict, v, dt)
	s.keep(at, v, dt, &m)
	s.quieten(now, &verdict)
	s.date(now, &verdict)
	return verdict
}

// date says since when something has been standing out.
func (s *state) date(now int64, v *Verdict) {
	if v.Unusual < standsOut {
		s.Calm = min(s.Calm+1, calmPoints+1)
	} else {
		if s.Calm > calmPoints {
			s.Onset = now
		}
		s.Calm = 0
	}
	if s.Calm <= calmPoints && s.Points > warmUp {
		v.Onset = time.UnixMilli(s.Onset).UTC()
	}
}

// pace follows the distance of points; a gap counts as ten of them.
func (s *state) pace(dt float64) {
	if s.Points > 10 {
		dt = min(dt, 10*s.Step)
	}
	s.Step += (dt - s.Step) * max(1/float64(s.Points), 1.0/trackRecord)
}

// largest bounds values, so that differences of sums stay finite.
const largest = 1e300

// perDay is how many points a day has.
func (s *state) perDay() float64 { return 86400 / max(s.Step, 1e-3) }

// measured is what a point shows.
type measured struct {
	size    [senses]float64
	guess   [predictors]float64 // NaN = none
	err     float64             // from the best guess
	step    float64             // from the value before
	level   float64             // Level, Signed and Jumps with the point
	signed  float64
	jumps   float64
	shifted float64 // how far the last values lie above the ones before
}

const (
	predictors = 3
	// few and some are how many points the means over the last points reach back.
	few, some = 4, 30
	// shiftNew values are compared with the shiftOld before them.
	shiftNew, shiftOld = 3, 24
	// muchBetter is the share of another's error from which a predictor makes a
	// new start: what is remembered counts so much, and the sizes shrink as the
	// mean error does, to this power, since what is rare shrinks less.
	muchBetter, remembered, shrinking = 0.5, 0.3, 0.7
	minRecord                         = 200 // points after which a predictor may be preferred
	// asGood is how many times the error of the best predictor that of another may
	// be for what it says to be as good.
	asGood = 1.1
)

// measure compares a point with what was expected.
func (s *state) measure(at time.Time, v float64) measured {
	m := measured{level: s.Level, signed: s.Signed, jumps: s.Jumps}
	if s.Points == 0 {
		m.guess = [predictors]float64{math.NaN(), math.NaN(), math.NaN()}
		return m
	}
	day, week := s.Season.predict(at, s.perDay())
	m.guess = [predictors]float64{s.Recent.median(), day, week}
	n := float64(s.Points + 1)
	if best := s.best(m.guess); best >= 0 {
		s.trust(best)
		m.level = s.Level
		m.err = v - s.nearest(v, m.guess, best)
		m.level += (math.Abs(m.err) - m.level) / min(n, few)
		m.signed += (m.err - m.signed) / min(n, some)
	}
	m.step = v - s.Value
	m.jumps += (math.Abs(m.step) - m.jumps) / min(n, some)
	m.size = [senses]float64{m.level, math.Abs(m.err), math.Abs(m.step), 0, m.jumps, math.Abs(m.signed)}
	if s.Points >= shiftNew+shiftOld/4 {
		old := min(shiftOld, int(s.Recent.Len)-shiftNew+1)
		now := middle(v, s.Recent.back(0), s.Recent.back(1))
		m.shifted = now - s.Recent.medianBack(shiftNew-1, old)
		m.size[KindShift-1] = math.Abs(m.shifted)
	}
	return m
}

func middle(a, b, c float64) float64 { return max(min(a, b), min(max(a, b), c)) }

// best is the predictor with the smallest error so far; -1 = there is none. The
// recent median has the word until another has a record.
func (s *state) best(guess [predictors]float64) int {
	best := -1
	for k, g := range guess {
		if math.IsNaN(g) {
			continue
		}
		if best < 0 || s.Records[k] > minRecord && s.Record[k] < s.Record[best] {
			best = k
		}
	}
	return best
}

// nearest is what the best predictor says, or one that is as good and says what
// is nearer to v: what any of them expects is not unusual.
func (s *state) nearest(v float64, guess [predictors]float64, best int) float64 {
	near := guess[best]
	for k, g := range guess {
		good := s.Records[k] > minRecord && s.Record[k] < asGood*s.Record[best]
		if good && math.Abs(v-g) < math.Abs(v-near) { // never, for a g that is NaN
			near = g
		}
	}
	return near
}

// trust goes over to another predictor. When that is much better, sizes that were
// usual for the one before are large from now on.
func (s *state) trust(best int) {
	before := int(s.Trusted)
	s.Trusted = uint8(best) //nolint:gosec // one of three
	if best == before || s.Points <= shiftNew || s.Record[best] >= muchBetter*s.Record[before] {
		return
	}
	ratio := s.Record[best] / s.Record[before]
	for _, k := range [...]Kind{KindLevel, KindSpike, KindDrift} {
		s.Rare[k-1].shrink(math.Pow(ratio, shrinking))
		s.Rare[k-1].fade(remembered)
	}
	s.DriftPeak = peak{}
	s.Level *= ratio
}

// judge says how surprising the sizes are, each by how long its like takes to
// come back. The senses of the last values are added up. A drift is a mean over
// many of the same errors, which the others have spoken of, each in its time: it
// is heard by itself, and adds nothing to them.
func (s *state) judge(m *measured) Verdict {
	if s.Points < warmUp {
		return Verdict{}
	}
	days := s.Step / 86400
	slow := max(1, fewestPoints*days/patienceOf(0))
	var part [senses]float64
	sum := 0.0
	for k := range senses {
		back := days / s.Rare[k].share(m.size[k])
		part[k] = math.Sqrt(back / (patienceOf(k) * slow))
		if Kind(k+1) != KindDrift {
			sum += part[k]
		}
	}
	r := max(sum, part[KindDrift-1]) / quorum
	r *= r
	v := Verdict{Unusual: r / (1 + r), Kind: kindOf(part)}
	v.Direction = m.direction(v.Kind)
	return v
}

// kindOf is the sense with the largest part. A value that is far off, but did not
// jump there, is no spike: it is where the values before were going.
func kindOf(part [senses]float64) Kind {
	most := 0
	for k := range part {
		if part[k] > part[most] {
			most = k
		}
	}
	k := Kind(most + 1) //nolint:gosec // one of the senses
	if k == KindSpike && part[KindJump-1] < part[KindLevel-1] {
		return KindLevel
	}
	return k
}

// direction is the side that a kind of trouble lies on.
func (m *measured) direction(k Kind) Direction {
	toward := m.err
	switch k {
	case KindJump:
		toward = m.step
	case KindShift:
		toward = m.shifted
	case KindDrift:
		toward = m.signed
	case KindWobble:
		return Either
	case KindUsual, KindLevel, KindSpike, KindStuck, KindSilent:
	}
	switch {
	case toward > 0:
		return Up
	case toward < 0:
		return Down
	}
	return Either
}

const (
	// A run of equal values, or a gap, is unusual when it is this many times
	// longer than any before.
	longer = 4
	// leastRun is the shortest run, in points, that longer is applied to.
	leastRun = 12
	// gapHalfLife is after which the longest gap counts half. Few gaps are long, so
	// that it is remembered for longer than values are.
	gapHalfLife = halfLife * 3 / 2
)

// rest judges what is missing: movement and points.
func (s *state) rest(v *Verdict, value, dt float64) {
	if s.Points < warmUp {
		return
	}
	replace := func(u float64, k Kind) {
		u = max(v.Unusual, u)
		*v = Verdict{Score: u, Unusual: u, Kind: k}
	}
	if u := s.silence(dt); u >= Alarm {
		replace(u, KindSilent)
	}
	run, longest := float64(s.Same+1), longer*max(float64(s.SameMost), leastRun)
	if value != s.Value || s.Points <= s.Same+warmUp || run < longest {
		return
	}
	replace(run/(run+longest), KindStuck)
	if run >= longest+1 {
		s.QuietAt = s.Points + refractoryPoints // one alarm a run
	}
}

// keep learns from the point.
func (s *state) keep(at time.Time, v, dt float64, m *measured) {
	if s.Weight == 0 {
		s.Weight = 1
	}
	for k := range s.Rare {
		if Kind(k+1) == KindDrift {
			s.Rare[k].addPeak(m.size[k], s.Weight, s.Points, &s.DriftPeak)
		} else {
			s.Rare[k].add(m.size[k], s.Weight)
		}
	}
	for k, g := range m.guess {
		if math.IsNaN(g) {
			continue
		}
		s.Records[k] = min(s.Records[k]+1, trackRecord)
		s.Record[k] += (math.Abs(v-g) - s.Record[k]) / float64(s.Records[k])
	}
	if s.Points > 0 && v == s.Value {
		s.Same++
	} else {
		s.SameMost, s.Same = max(s.SameMost, float32(s.Same)), 0
	}
	s.Level, s.Signed, s.Jumps = m.level, m.signed, m.jumps
	s.Season.learn(at, v, s.perDay())
	s.Recent.add(v)
	s.Last, s.Value = at.UnixMilli(), v
	s.Points = min(s.Points, math.MaxUint32-1) + 1
	s.age(dt)
	s.Gap = max(s.Gap, dt)
}

// age makes the points so far count less, and the longest gap and run be shorter.
func (s *state) age(dt float64) {
	const heaviest = 1 << 20
	older := math.Exp2(dt / halfLife.Seconds())
	s.Gap /= math.Exp2(dt / gapHalfLife.Seconds())
	s.SameMost /= float32(older)
	s.Weight *= float32(older)
	if s.Weight < heaviest {
		return
	}
	for k := range s.Rare {
		s.Rare[k].fade(1 / s.Weight)
	}
	s.DriftPeak = peak{}
	s.Weight = 1
}

// quieten lets one alarm stand for what goes on after it, unless that is grave:
// points in the thick of trouble are worth more than the first sign of another.
func (s *state) quieten(now int64, v *Verdict) {
	quiet := now < s.QuietTo || s.Points < s.QuietAt
	goesOn := v.Unusual >= grave && s.Points-s.Alarmed <= refractoryPoints
	switch {
	case v.Unusual < Alarm:
		v.Score = belowAlarm * v.Unusual
	case quiet && !goesOn:
		v.Score = 0.45 + 0.0499*v.Unusual
	default:
		v.Score = v.Unusual
		s.Alarmed = s.Points
		if !quiet {
			s.QuietTo = now + refractory.Milliseconds()
			s.QuietAt = s.Points + refractoryPoints
		}
	}
}
