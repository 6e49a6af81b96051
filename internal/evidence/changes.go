package evidence

import (
	"cmp"
	"fmt"
	"time"

	"github.com/holdfast-sre/holdfast/internal/change"
)

// SummariseChanges says in one line how many changes there are and which is
// the latest. The changes are in the order of Changes: newest first.
func SummariseChanges(cs []change.Change, now time.Time) string {
	if len(cs) == 0 {
		return "no change in the last 24 hours"
	}
	c := cs[0]
	what := c.Summary
	if c.Version != "" && c.Kind != change.Commit {
		what = fmt.Sprintf("%s %s → %s", c.Service, cmp.Or(c.Previous, "?"), c.Version)
	}
	return fmt.Sprintf("%d in the last 24 hours; latest: %s of %s, %s ago: %s",
		len(cs), c.Kind, c.Service, now.Sub(c.At).Round(time.Second), what)
}
