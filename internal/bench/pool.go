package bench

import (
	"context"
	"runtime"
	"sync"

	"golang.org/x/sync/errgroup"
)

// pool says how many cases run at once and who hears of it.
type pool struct {
	jobs int                   // 0 = as many as there are cores
	done func(done, total int) // called after each case, one call at a time; may be nil
}

// each runs fn for every one of n cases. It stops early only when ctx ends.
func (p pool) each(ctx context.Context, n int, fn func(i int)) error {
	var (
		g    errgroup.Group
		mu   sync.Mutex
		done int
	)
	g.SetLimit(jobs(p.jobs))
	for i := range n {
		g.Go(func() error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			fn(i)
			mu.Lock()
			defer mu.Unlock()
			done++
			if p.done != nil {
				p.done(done, n)
			}
			return nil
		})
	}
	return g.Wait() //nolint:wrapcheck // the error of ctx; callers name the set
}

func jobs(n int) int {
	if n > 0 {
		return n
	}
	return runtime.GOMAXPROCS(0)
}
