package runner

import (
	"context"
	"slices"
	"sync"
	"testing"
)

// TestWorldsShareNoPort: many worlds that look for ports at the same time get
// ports of their own, which can be listened on, and give them back.
func TestWorldsShareNoPort(t *testing.T) {
	t.Parallel()
	const worlds = 40
	var mu sync.Mutex
	var all []string
	var releases []func()
	var wg sync.WaitGroup
	for range worlds {
		wg.Go(func() {
			got, release, err := reserve(t.Context(), 11)
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			all, releases = append(all, got...), append(releases, release)
		})
	}
	wg.Wait()
	slices.Sort(all)
	if n := len(slices.Compact(slices.Clone(all))); n != worlds*11 || len(all) != n {
		t.Errorf("%d addresses, %d of them different; want %d", len(all), n, worlds*11)
	}
	for _, release := range releases {
		release()
	}
}

func TestNoPortsIsSaid(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got, _, err := reserve(ctx, portsBlock); err == nil {
		t.Errorf("got %v, want an error: a block has no %d ports", got, portsBlock)
	}
}
