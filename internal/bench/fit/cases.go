// Package fit learns from development data what each observation is worth: the
// log-odds of the engine's features, jointly over all sets and held near what
// people set by hand, and the curve that turns a raw probability into one that
// means what it says. It opens labels, which prediction never does. The same
// data give the same files, byte for byte.
package fit

import (
	"context"
	"fmt"
	"io/fs"
	"runtime"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/holdfast-sre/holdfast/internal/bench"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
)

// Source is a benchmark with its data.
type Source struct {
	Set  bench.Set
	Data fs.FS // the set's own folder, labels included
	// Calm says that nothing is wrong in any case: naming no cause is right. It
	// needs no labels.
	Calm bool
}

// Case is one labelled case with every cause that the engine considered.
type Case struct {
	Set     string
	ID      string
	Group   string // the system that it is of
	Truth   bench.Truth
	Input   diagnose.Input
	Causes  []diagnose.Scored
	Right   []bool // of Causes
	Unknown float64
	calm    bool
	fold    int
}

// Load reads every case of every source, in their order. step is called after
// each case, one call at a time; it may be nil.
func Load(ctx context.Context, sources []Source, step func(set string, done, all int)) ([]Case, error) {
	var out []Case
	for _, s := range sources {
		cases, err := load(ctx, s, step)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.Set.Name, err)
		}
		out = append(out, cases...)
	}
	return out, nil
}

func load(ctx context.Context, s Source, step func(set string, done, all int)) ([]Case, error) {
	ids, err := s.Set.Cases(bench.Blind(s.Data))
	if err != nil {
		return nil, fmt.Errorf("cases: %w", err)
	}
	truths, err := s.truths(ids)
	if err != nil {
		return nil, fmt.Errorf("labels: %w", err)
	}
	e := diagnose.New(diagnose.HandWeights())
	out := make([]Case, len(ids))
	var mu sync.Mutex
	done := 0
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i, id := range ids {
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return fmt.Errorf("case %s: %w", id, err)
			}
			t, ok := truths[id]
			if !ok {
				return fmt.Errorf("case %s has no label", id)
			}
			in, err := s.Set.Load(bench.Blind(s.Data), id)
			if err != nil {
				return fmt.Errorf("case %s: %w", id, err)
			}
			out[i] = s.newCase(e, in, t, id)
			mu.Lock()
			defer mu.Unlock()
			done++
			if step != nil {
				step(s.Set.Name, done, len(ids))
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err //nolint:wrapcheck // wrapped by each case
	}
	return out, nil
}

// truths are the labels. Where nothing is wrong none are needed.
func (s Source) truths(ids []string) (map[string]bench.Truth, error) {
	if !s.Calm {
		return s.Set.Truths(s.Data)
	}
	out := make(map[string]bench.Truth, len(ids))
	for _, id := range ids {
		out[id] = bench.Truth{ID: id}
	}
	return out, nil
}

// right reports whether a cause is one that the labels name; where nothing is
// wrong, whether it says so.
func (s Source) right(h diagnose.Hypothesis, t bench.Truth) bool {
	if s.Calm {
		return h.CauseClass == diagnose.Healthy
	}
	return s.Set.Right(h, t)
}

func (s Source) newCase(e *diagnose.Engine, in diagnose.Input, t bench.Truth, id string) Case {
	c := Case{Set: s.Set.Name, ID: id, Group: t.Group, Truth: t, Input: in, calm: s.Calm}
	c.Causes, c.Unknown = e.Votes(in)
	for _, x := range c.Causes {
		c.Right = append(c.Right, s.right(x.Hypothesis(), t))
	}
	return c
}

// window reports whether the case is a stretch of normal operation of a system
// that also has faults. Weights are not learnt from these, since each would
// teach that the system's own oddities mean nothing; what they tell is how sure
// to be, which the curves learn.
func (c Case) window() bool { return c.calm && strings.Contains(c.ID, "/") }

// culprit names what is at fault, as far as any cause names it: cases with one
// culprit stay together when data is held back, so that what is learnt about it
// does not help to find it again.
func (c Case) culprit() string {
	if c.calm { // windows of one stretch of time stay together
		stretch, _, _ := strings.Cut(c.ID, "/")
		return c.Set + "/" + stretch
	}
	var names []string
	for i, s := range c.Causes {
		if c.Right[i] && !slices.Contains(names, s.Component) {
			names = append(names, s.Component)
		}
	}
	if len(names) == 0 {
		return c.Set + "/" + c.Group + "/" + c.ID
	}
	slices.Sort(names)
	return c.Set + "/" + c.Group + "/" + strings.Join(names, ",")
}
