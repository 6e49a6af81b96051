package web

import (
	"testing"
	"time"

	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/incident"
)

func TestASilentSourceCountsOnce(t *testing.T) {
	t.Parallel()
	items := []evidence.Item{
		{ID: "1", Kind: evidence.KindFailure, Source: "loki"},
		{ID: "2", Kind: evidence.KindFailure, Source: "loki"},
		{ID: "3", Kind: evidence.KindFailure, Source: "prometheus"},
		{ID: "4", Kind: evidence.KindMetric, Source: "prometheus"},
	}
	if got := newEvidence(incident.View{}, items, time.Time{}).Silent; got != 2 {
		t.Errorf("got %d silent sources, want 2", got)
	}
}
