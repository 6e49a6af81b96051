package diagnose

import (
	"slices"
	"testing"

	"github.com/holdfast-sre/holdfast/internal/change"
)

// People copy the commands that they are shown.
func TestVersionsOfAWebhookStandInNoCommandUnlessPlain(t *testing.T) {
	t.Parallel()
	tests := map[string][]string{
		"v1.2.3":              {"git log --oneline v1.2.2..v1.2.3"},
		"registry/app@sha256": {"git log --oneline v1.2.2..registry/app@sha256"},
		"":                    nil,
		"$(id)":               nil,
		"v2; id":              nil,
		"v2\nid":              nil,
		"--output=x":          nil,
	}
	for version, want := range tests {
		v := newView(Input{})
		c := newCandidates(v.allOutside).at(BadDeploy, "a")
		v.voteChange(c, seenChange{Change: change.Change{Service: "a", Previous: "v1.2.2", Version: version}}, 1, 0)
		if !slices.Equal(c.checks, want) {
			t.Errorf("%q: %q, want %q", version, c.checks, want)
		}
	}
}
