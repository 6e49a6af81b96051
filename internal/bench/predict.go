package bench

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/holdfast-sre/holdfast/internal/diagnose"
)

// Options say how cases are run.
type Options struct {
	Engine *diagnose.Engine
	Jobs   int                   // cases at once; 0 = as many as there are cores
	Done   func(done, total int) // called after each case, one call at a time; may be nil
}

// Run is one pass of the engine over a set, in the order of its case list.
type Run struct {
	Set         string
	Predictions []Prediction
	Times       []Time
}

// Time is how long one case took: reading its files into evidence, and the
// diagnosis with the answer.
type Time struct {
	Read     time.Duration
	Diagnose time.Duration
}

// Total is the whole time of a case.
func (t Time) Total() time.Duration { return t.Read + t.Diagnose }

// Predict runs the engine on every case of a set. What would tell the truth is
// hidden from it. A case that can't be read is predicted as unknown and told in
// the error; the other predictions hold. It stops early only when ctx ends.
func Predict(ctx context.Context, set Set, data fs.FS, o Options) (Run, error) {
	blind := Blind(data)
	ids, err := set.Cases(blind)
	if err != nil {
		return Run{}, fmt.Errorf("%s: %w", set.Name, err)
	}
	run := Run{Set: set.Name, Predictions: make([]Prediction, len(ids)), Times: make([]Time, len(ids))}
	failed := make([]error, len(ids))
	err = pool{o.Jobs, o.Done}.each(ctx, len(ids), func(i int) {
		run.Predictions[i], run.Times[i], failed[i] = predictOne(set, blind, ids[i], o.Engine)
	})
	if err != nil {
		return Run{}, fmt.Errorf("%s: %w", set.Name, err)
	}
	return run, errors.Join(failed...)
}

// predictOne runs one case. A panic of the engine is that case's error, so that
// a measurement says which case broke it.
func predictOne(set Set, data fs.FS, id string, e *diagnose.Engine) (p Prediction, t Time, err error) {
	defer func() {
		if r := recover(); r != nil {
			p, err = Prediction{CaseID: id}, fmt.Errorf("%s: case %s: panic: %v", set.Name, id, r)
		}
	}()
	start := time.Now()
	in, err := set.Load(data, id)
	t.Read = time.Since(start)
	if err != nil {
		return Prediction{CaseID: id}, t, fmt.Errorf("%s: case %s: %w", set.Name, id, err)
	}
	start = time.Now()
	p = set.Answer(in, e.Diagnose(in))
	t.Diagnose = time.Since(start)
	p.CaseID = id
	return p, t, nil
}
