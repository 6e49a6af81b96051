package faultfree

import (
	"math"
	"time"

	"github.com/holdfast-sre/holdfast/internal/evidence"
)

const window = 15 * time.Minute

// curve is a signal on an ordinary day: a level, the swing of the day, noise that
// is larger now and then, days that differ, batches that run now and then, what a
// restart does to it, and a stretch without samples.
type curve struct {
	level, swing, noise, spikes float64
	days                        float64 // how far the level differs from day to day
	batch                       batch
	restart                     time.Time // of the process; zero = long ago
	fresh                       float64   // factor right after a restart
	warm                        time.Duration
	gapFrom, gapTo              time.Time
}

// batch is work that runs again and again.
type batch struct {
	every, lasts time.Duration // every = 0: none
	factor       float64
}

func (b batch) at(t time.Time) float64 {
	if b.every > 0 && time.Duration(t.UnixNano())%b.every < b.lasts {
		return b.factor
	}
	return 1
}

// afterRestart goes from fresh to 1 while the process warms up.
func (c curve) afterRestart(t time.Time) float64 {
	since := t.Sub(c.restart)
	if c.restart.IsZero() || since < 0 || since >= c.warm {
		return 1
	}
	return c.fresh + (1-c.fresh)*float64(since)/float64(c.warm)
}

func (w *world) series(from time.Time, c curve) evidence.Series {
	var s evidence.Series
	day := math.Exp(c.days * w.r.NormFloat64())
	for at := from; !at.After(from.Add(window)); at = at.Add(w.step) {
		if w.chance(0.01) || !at.Before(c.gapFrom) && at.Before(c.gapTo) {
			continue // a scrape that failed, or several
		}
		hour := float64(at.Hour()) + float64(at.Minute())/60
		v := c.level * day * (1 + c.swing*math.Sin((hour-9)/24*2*math.Pi)) * math.Exp(c.noise*w.r.NormFloat64())
		v *= c.batch.at(at) * c.afterRestart(at)
		if w.chance(c.spikes) {
			v *= w.between(1.5, 3)
		}
		s.Points = append(s.Points, evidence.Point{At: at, Value: v})
	}
	return s
}
