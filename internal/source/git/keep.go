package git

import (
	"context"
	"log/slog"
	"slices"
	"time"
)

// keepEvery is how often clones are looked at, when they are not fetched more
// often; fetchEvery is the shortest time between fetches.
const (
	keepEvery  = 5 * time.Minute
	fetchEvery = 10 * time.Second
)

// Keep refreshes clones until ctx ends: at once and then every five minutes, or
// as often as they are fetched, one after the other. What limits their history is logged when it begins, changes and
// ends. It never fails: a clone that can't be read is logged, too.
func (s *Source) Keep(ctx context.Context, repos []string, log *slog.Logger) error {
	repos = slices.Compact(slices.Sorted(slices.Values(repos)))
	said := map[string][]string{}
	every := keepEvery
	if s.o.Fetch.Every > 0 {
		every = max(fetchEvery, min(every, s.o.Fetch.Every))
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		for _, repo := range repos {
			st, err := s.Refresh(ctx, repo, time.Now())
			if ctx.Err() != nil {
				return nil
			}
			findings := st.Findings()
			if err != nil {
				findings = []string{err.Error()}
			}
			if slices.Equal(findings, said[repo]) {
				continue
			}
			said[repo] = findings
			if len(findings) == 0 {
				log.InfoContext(ctx, "history of a repository is whole", "repository", repo)
				continue
			}
			log.WarnContext(ctx, "history of a repository is limited", "repository", repo, "findings", findings)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
