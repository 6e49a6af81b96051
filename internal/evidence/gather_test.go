package evidence

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/signal"
)

// fake is a collector whose Collect is a function.
type fake struct {
	name    string
	collect func(ctx context.Context) ([]Item, error)
}

func (f fake) Name() string { return f.name }

func (f fake) Collect(ctx context.Context, _ Request) ([]Item, error) { return f.collect(ctx) }

func item(query string) Item {
	return Item{Kind: KindMetric, Collector: "prometheus", Query: query, Data: []byte(`{"note":"mail ana@example.com"}`)}
}

func TestGatherKeepsWhatCameAndSaysWhatDidNot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		collectors := []Collector{
			fake{"slow-but-kind", func(ctx context.Context) ([]Item, error) {
				<-ctx.Done()
				return []Item{item("half")}, ctx.Err()
			}},
			fake{"deaf", func(context.Context) ([]Item, error) {
				<-release
				return []Item{item("late")}, nil
			}},
			fake{"broken", func(context.Context) ([]Item, error) { panic("boom") }},
			fake{"refusing", func(context.Context) ([]Item, error) {
				return nil, errors.New("HTTP 401: password=hunter2 is wrong")
			}},
			fake{"well", func(context.Context) ([]Item, error) { return []Item{item("a"), item("a"), item("b")}, nil }},
		}
		start := time.Now()
		req := Request{IncidentID: "INC-1", Now: start, Window: time.Minute, Signals: []signal.Signal{{
			Name: "Down", Source: "am", StartsAt: start,
			Links: []signal.Link{{Kind: "runbook", URL: "https://r.example.com/x"}, {Kind: "dashboard", URL: "javascript:alert(1)"}},
		}}}
		items := Gather(t.Context(), collectors, req, 3*time.Second, nil)
		if took := time.Since(start); took > 4*time.Second {
			t.Errorf("a deaf collector held the others up for %s", took)
		}
		close(release)
		var got []string
		for _, it := range items {
			got = append(got, string(it.Kind)+" "+it.Source+": "+it.Summary+it.Query)
			if it.ID == "" || strings.Contains(string(it.Data)+it.Summary+it.Error, "example.com") || strings.Contains(it.Error, "hunter2") {
				t.Errorf("item without identifier, or not redacted: %+v", it)
			}
		}
		want := []string{
			"link am: runbook given by the alert Downhttps://r.example.com/x",
			"metric slow-but-kind: half",
			"failure slow-but-kind: slow-but-kind did not answer in 3s",
			"failure deaf: deaf did not answer in 3s",
			"failure broken: broken did not answer: the collector broke: boom",
			"failure refusing: refusing did not answer: HTTP 401: password=[secret] is wrong",
			"metric well: a", "metric well: b",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("items (-want +got):\n%s", diff)
		}
		synctest.Wait()
	})
}

func TestGatherGivesTheSameIdentifiers(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	c := []Collector{fake{"x", func(context.Context) ([]Item, error) { return []Item{item("a"), item("b")}, nil }}}
	req := Request{IncidentID: "INC-1", Now: now, Window: time.Minute}
	first := Gather(t.Context(), c, req, time.Second, nil)
	second := Gather(t.Context(), c, req, time.Second, nil)
	if diff := cmp.Diff(first, second); diff != "" {
		t.Errorf("the same question gave another answer (-first +second):\n%s", diff)
	}
}
