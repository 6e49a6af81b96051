package git

import (
	"context"
	"log/slog"
	"slices"
	"time"
)

// keepEvery is how often clones are looked at.
const keepEvery = time.Minute

// Keep refreshes clones until ctx ends: at once and then every minute, one after
// the other. What limits their history is logged when it begins, changes and
// ends. It never fails: a clone that can't be read is logged, too.
func (s *Source) Keep(ctx context.Context, repos []string, log *slog.Logger) error {
	repos = slices.Compact(slices.Sorted(slices.Values(repos)))
	said := map[string][]string{}
	tick := time.NewTicker(keepEvery)
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
