package diagnose

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestAnItemSpeaksForOrAgainst: a reader must not find one item under both heads.
func TestAnItemSpeaksForOrAgainst(t *testing.T) {
	t.Parallel()
	w := Weights{LogOdds: map[feature]float64{"full": 2, "as_ever": -1, "denied": -3}}
	c := &candidate{votes: map[voteKey]vote{
		{feature: "full"}:    {scale: 1, evidence: []string{"ev_pool", "ev_pool", "ev_log", ""}},
		{feature: "as_ever"}: {scale: 1, evidence: []string{"ev_pool", "ev_band"}},
		{feature: "denied"}:  {scale: 1, evidence: []string{"ev_log", "ev_log"}},
	}}
	if diff := cmp.Diff([]string{"ev_pool"}, c.evidence(w, 1)); diff != "" {
		t.Errorf("for (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]string{"ev_log", "ev_band"}, c.evidence(w, -1)); diff != "" {
		t.Errorf("against (-want +got)\n%s", diff)
	}
}
