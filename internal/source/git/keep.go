package git

import (
	"context"
	"log/slog"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	// keepEvery is how often clones are looked at, when they are not fetched more
	// often; fetchEvery is the shortest time between fetches by the clock.
	keepEvery  = 5 * time.Minute
	fetchEvery = 10 * time.Second
	// askedEvery is the shortest time between fetches that are asked for: what is
	// asked meanwhile is one fetch, afterwards.
	askedEvery = 2 * time.Second
	// atOnce is how many clones are refreshed at the same time.
	atOnce = 2
)

// Keep refreshes clones until ctx ends: at once, then every five minutes or as
// often as they are fetched, and when Ask is called. What limits their history is
// logged when it begins, changes and ends; changed (nil = nobody) hears of a clone
// whose references are others than before. It never fails: a clone that can't be
// read is logged, too.
func (s *Source) Keep(ctx context.Context, repos []string, log *slog.Logger, changed func(repo string)) error {
	repos = slices.Compact(slices.Sorted(slices.Values(repos)))
	var g errgroup.Group
	slots := newSlots()
	for _, repo := range repos {
		k := &keeper{source: s, repo: repo, log: log, slots: slots, asked: s.door(repo), changed: changed}
		g.Go(func() error {
			k.run(ctx)
			return nil
		})
	}
	return g.Wait()
}

// Ask makes Keep fetch a clone soon, if it is one that is fetched. It never waits;
// ok is false for a clone that is not kept.
func (s *Source) Ask(repo string) (ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	door, ok := s.asked[clonePath(repo)]
	if !ok {
		return false
	}
	select {
	case door <- struct{}{}:
	default: // asked already
	}
	return true
}

func (s *Source) door(repo string) chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.asked == nil {
		s.asked = map[string]chan struct{}{}
	}
	door := make(chan struct{}, 1)
	s.asked[clonePath(repo)] = door
	return door
}

// clonePath is a path by which clones are told apart.
func clonePath(repo string) string {
	if abs, err := filepath.Abs(repo); err == nil {
		repo = abs
	}
	if top, err := filepath.EvalSymlinks(repo); err == nil {
		return top
	}
	return repo
}

// keeper keeps one clone.
type keeper struct {
	source  *Source
	repo    string
	log     *slog.Logger
	slots   slots
	asked   chan struct{}
	changed func(string)

	said    []string
	stamp   string
	failing bool // the last fetch failed
}

// slots are the refreshes that may run at once. The clones whose last fetch failed have
// one less: they wait for a remote, and the others not for them.
type slots struct{ all, failing chan struct{} }

func newSlots() slots {
	return slots{make(chan struct{}, atOnce), make(chan struct{}, atOnce-1)}
}

// take waits for a slot; ok is false when ctx ends before. Call leave afterwards.
func (s slots) take(ctx context.Context, failing bool) (leave func(), ok bool) {
	var taken []chan struct{}
	leave = func() {
		for _, c := range taken {
			<-c
		}
	}
	wanted := []chan struct{}{s.all}
	if failing {
		wanted = []chan struct{}{s.failing, s.all}
	}
	for _, c := range wanted {
		select {
		case c <- struct{}{}:
			taken = append(taken, c)
		case <-ctx.Done():
			leave()
			return nil, false
		}
	}
	return leave, true
}

func (k *keeper) run(ctx context.Context) {
	every := k.every()
	asked := false
	for {
		leave, ok := k.slots.take(ctx, k.failing)
		if !ok {
			return
		}
		k.once(ctx, asked)
		leave()
		pause := time.NewTimer(askedEvery)
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return
		}
		tick := time.NewTimer(every - askedEvery)
		select {
		case <-tick.C:
			asked = false
		case <-k.asked:
			asked = true
			tick.Stop()
		case <-ctx.Done():
			tick.Stop()
			return
		}
	}
}

// every is the time between two looks.
func (k *keeper) every() time.Duration {
	r, ok := k.source.o.Fetch.Remotes[clonePath(k.repo)]
	if !ok {
		r.Every = k.source.o.Fetch.Every
	}
	if r.Every == 0 {
		return keepEvery
	}
	return max(fetchEvery, min(keepEvery, r.Every))
}

// once refreshes the clone and says what is new.
func (k *keeper) once(ctx context.Context, asked bool) {
	st, err := k.source.refresh(ctx, k.repo, time.Now(), asked)
	if ctx.Err() != nil {
		return
	}
	k.failing = st.unfetched
	findings := st.Findings()
	if err != nil {
		findings = []string{err.Error()}
	}
	if st.stamp != "" && k.stamp != st.stamp {
		if k.stamp = st.stamp; k.changed != nil {
			k.changed(k.repo)
		}
	}
	if slices.Equal(findings, k.said) {
		return
	}
	k.said = findings
	if len(findings) == 0 {
		k.log.InfoContext(ctx, "history of a repository is whole", "repository", k.repo)
		return
	}
	k.log.WarnContext(ctx, "history of a repository is limited", "repository", k.repo, "findings", findings)
}
