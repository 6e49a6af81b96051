package deploys

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/change"
	"github.com/holdfast-sre/holdfast/internal/evidence"
)

type reader func(environment string, services []string, from, to time.Time) ([]change.Change, error)

func (r reader) ReportedChanges(_ context.Context, environment string, services []string, from, to time.Time) ([]change.Change, error) {
	return r(environment, services, from, to)
}

func TestCollect(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	req := evidence.Request{Environment: "prod", Services: []catalog.Service{{Name: "a"}, {Name: "b"}}, Now: now}
	s := New("changes", reader(func(environment string, services []string, from, to time.Time) ([]change.Change, error) {
		if environment != "prod" || !cmp.Equal(services, []string{"a", "b"}) || to.Sub(from) != 24*time.Hour || !to.Equal(now) {
			t.Errorf("asked for %s %v in [%s, %s]", environment, services, from, to)
		}
		return []change.Change{
			{ID: "1", Kind: change.Deploy, Service: "a", Version: "1", At: now.Add(-time.Hour)},
			{ID: "2", Kind: change.Flag, Service: "b", Summary: "new-cart on", At: now.Add(-time.Minute)},
		}, nil
	}))
	items, err := s.Collect(t.Context(), req)
	if err != nil || len(items) != 1 || !items[0].Outside {
		t.Fatalf("got %+v, error %v", items, err)
	}
	if want := "2 in the last 24 hours; latest: flag of b, 1m0s ago: new-cart on"; items[0].Summary != want {
		t.Errorf("summary is %q, want %q", items[0].Summary, want)
	}
	broken := New("changes", reader(func(string, []string, time.Time, time.Time) ([]change.Change, error) {
		return nil, errors.New("disk full")
	}))
	if _, err := broken.Collect(t.Context(), req); err == nil {
		t.Error("a store that fails is no evidence of no change")
	}
}
