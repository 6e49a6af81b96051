// Package speed measures what the detector and the log miner cost, beside the
// reference methods in Python that come with the prepared sets: points and lines
// a second, bytes a series and a template. Both sides have the same data in
// memory before they start, only the judging and the mining are timed, and they
// run in turn, so that a machine that is busy for a while slows both.
package speed

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Options say what is measured and how.
type Options struct {
	Data Data
	// Rounds is how often each is measured; the first, which warms up, not counted.
	Rounds int
	// Least is how long one measurement takes at least: the data are run through
	// as often as that needs.
	Least time.Duration
	// Different is how many lines without anything in common the miner's size is
	// measured with.
	Different int
	// References are what Holdfast is compared with; nil = nothing.
	References *References
	Done       func(done, total int) // called after each measurement; may be nil
}

// Report is what was measured.
type Report struct {
	Machine Machine `json:"machine"`
	Rounds  int     `json:"rounds"`
	Series  int     `json:"series"`
	Points  int     `json:"points"`
	Logs    int     `json:"logs"`
	Lines   int     `json:"lines"`
	// Python is its version and that of its libraries; empty = not compared.
	Python    string `json:"python,omitempty"`
	Detectors []Row  `json:"detectors"` // Holdfast first
	Miners    []Row  `json:"miners"`    // Holdfast first
	Sizes     []Size `json:"sizes"`
}

// Row is the speed of one method.
type Row struct {
	Method    string  `json:"method"`
	Language  string  `json:"language"`
	PerSecond float64 `json:"rows_per_second"` // points or lines, median
	Nanos     Spread  `json:"ns_per_row"`
	// Ratio is its time divided by Holdfast's right before it, round by round;
	// nil for Holdfast itself.
	Ratio *Spread `json:"ratio,omitempty"`
	// Bytes is what it keeps for a series or a template; of a detector that takes
	// whole series, the most it takes for the longest.
	Bytes int `json:"bytes"`
}

// Spread is the median and the range of some measurements.
type Spread struct {
	Median float64 `json:"median"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
}

func spreadOf(xs []float64) Spread {
	s := slices.Sorted(slices.Values(xs))
	mid := len(s) / 2
	m := s[mid]
	if len(s)%2 == 0 {
		m = (s[mid-1] + s[mid]) / 2
	}
	return Spread{m, s[0], s[len(s)-1]}
}

// Run measures. Memory is that of the process, in which nothing else should run.
// It returns what it has when a reference fails, with the error.
func Run(ctx context.Context, o Options) (Report, error) {
	d := o.Data
	rep := Report{Machine: machine(), Rounds: o.Rounds, Series: len(d.series), Points: d.points, Logs: len(d.logs), Lines: d.lines}
	sizes := measureSizes(d, o.Different)
	rep.Sizes = sizes.all
	detectors := race{ours: timed{rows: d.points, run: d.judge}}
	miners := race{ours: timed{rows: d.lines, run: d.mine}}
	detectors.others, miners.others = o.References.timed(d)
	if o.References != nil {
		rep.Python = o.References.version()
	}
	steps := o.Rounds * (max(len(detectors.others), 1) + max(len(miners.others), 1))
	done := 0
	step := func() {
		if done++; o.Done != nil {
			o.Done(done, steps)
		}
	}
	detectors.ours.bytes, miners.ours.bytes = sizes.series, sizes.template
	var failed [2]error
	rep.Detectors, failed[0] = detectors.run(ctx, o, step)
	rep.Miners, failed[1] = miners.run(ctx, o, step)
	return rep, errors.Join(failed[:]...)
}

// timed is a method that runs over all data.
type timed struct {
	name string
	rows int // of the data
	run  func(ctx context.Context, repeat int) (time.Duration, error)
	size func(ctx context.Context) (int, error) // bytes for a series or a template
	// bytes is that size where it is known already.
	bytes int
}

// warm runs once, and says how often to repeat that for a measurement.
func (t timed) warm(ctx context.Context, least time.Duration) (repeat int, err error) {
	took, err := t.run(ctx, 1)
	if err != nil {
		return 0, err
	}
	return int(least/max(took, time.Microsecond)) + 1, nil
}

// nanos is the time of one row.
func (t timed) nanos(ctx context.Context, repeat int) (float64, error) {
	took, err := t.run(ctx, repeat)
	return float64(took.Nanoseconds()) / float64(repeat*t.rows), err
}

// race runs Holdfast before each of the others, round by round.
type race struct {
	ours   timed
	others []timed
}

// run measures all; where the others fail, Holdfast still is measured.
func (r race) run(ctx context.Context, o Options, step func()) ([]Row, error) {
	own, err := r.ours.warm(ctx, o.Least)
	if err != nil {
		return nil, err
	}
	laps, failed := r.laps(ctx, o, own, step)
	var ours []float64
	for _, l := range laps {
		ours = append(ours, l.ours...)
	}
	for len(ours) < o.Rounds {
		n, err := r.ours.nanos(ctx, own)
		if err != nil {
			return nil, errors.Join(failed, err)
		}
		ours = append(ours, n)
		step()
	}
	rows := []Row{r.own(ours)}
	for i, l := range laps {
		if len(l.theirs) == 0 {
			continue
		}
		row := rowOf(r.others[i].name, "Python", l.theirs)
		row.Ratio = new(spreadOf(l.ratio))
		row.Bytes = l.bytes
		rows = append(rows, row)
	}
	return rows, failed
}

// own is Holdfast's row.
func (r race) own(nanos []float64) Row {
	row := rowOf("Holdfast", "Go", nanos)
	row.Bytes = r.ours.bytes
	return row
}

// lap is what was measured of one of the others.
type lap struct {
	repeat              int
	ours, theirs, ratio []float64
	bytes               int
}

func (r race) laps(ctx context.Context, o Options, own int, step func()) ([]lap, error) {
	laps := make([]lap, len(r.others))
	for i, t := range r.others {
		var err error
		if laps[i].repeat, err = t.warm(ctx, o.Least); err != nil {
			return laps, fmt.Errorf("%s: %w", t.name, err)
		}
	}
	for range o.Rounds {
		for i, t := range r.others {
			l := &laps[i]
			a, err := r.ours.nanos(ctx, own)
			if err != nil {
				return laps, err
			}
			l.ours = append(l.ours, a)
			b, err := t.nanos(ctx, l.repeat)
			if err != nil {
				return laps, fmt.Errorf("%s: %w", t.name, err)
			}
			l.theirs, l.ratio = append(l.theirs, b), append(l.ratio, b/a)
			step()
		}
	}
	for i, t := range r.others {
		var err error
		if laps[i].bytes, err = t.size(ctx); err != nil {
			return laps, fmt.Errorf("%s: %w", t.name, err)
		}
	}
	return laps, nil
}

func rowOf(method, language string, nanos []float64) Row {
	s := spreadOf(nanos)
	return Row{Method: method, Language: language, Nanos: s, PerSecond: 1e9 / s.Median}
}
