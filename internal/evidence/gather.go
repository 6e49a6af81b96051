package evidence

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/holdfast-sre/holdfast/internal/redact"
)

// Sample is one value of an instant query.
type Sample struct {
	Labels map[string]string `json:"labels,omitempty"`
	At     time.Time         `json:"t"`
	Value  float64           `json:"v"` // never NaN or infinite
}

// Gather asks every collector at once and waits at most deadline for each. It
// never fails: what a collector returned before its deadline is kept, and its
// error, its silence or its panic becomes an item of KindFailure. Every string
// is redacted and every item has its identifier.
//
// The order is fixed: the links that came with the alert, then the collectors
// in the order given, each one's items in the order it returned them.
//
// A collector that ignores its context does not hold Gather up; its late
// answer is dropped when it comes.
func Gather(ctx context.Context, collectors []Collector, req Request, deadline time.Duration, r *redact.Redactor) []Item {
	results := make([][]Item, len(collectors))
	var wg sync.WaitGroup
	for i, c := range collectors {
		wg.Go(func() { results[i] = collect(ctx, c, req, deadline) })
	}
	wg.Wait()

	items := Links(req)
	for _, r := range results {
		items = append(items, r...)
	}
	seen := make(map[string]bool, len(items))
	out := items[:0]
	for _, it := range items {
		it = it.Redacted(r).WithID(req.IncidentID)
		if seen[it.ID] {
			continue // the same question asked twice by one source
		}
		seen[it.ID] = true
		out = append(out, it)
	}
	return out
}

// answer is what a collector came back with.
type answer struct {
	items []Item
	err   error
}

func collect(ctx context.Context, c Collector, req Request, deadline time.Duration) []Item {
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	done := make(chan answer, 1)
	go func() {
		var a answer
		defer func() {
			if p := recover(); p != nil {
				a.err = fmt.Errorf("the collector broke: %v", p)
			}
			done <- a
		}()
		a.items, a.err = c.Collect(ctx, req)
	}()

	var a answer
	select {
	case a = <-done:
	case <-ctx.Done():
		// A collector returns what it has when its context ends: give it a
		// moment to do so.
		grace := time.NewTimer(max(deadline/10, 50*time.Millisecond))
		defer grace.Stop()
		select {
		case a = <-done:
		case <-grace.C:
			a.err = context.DeadlineExceeded
		}
	}
	items := make([]Item, 0, len(a.items)+1)
	for _, it := range a.items {
		if it.Source == "" {
			it.Source = c.Name()
		}
		items = append(items, it)
	}
	if a.err != nil {
		items = append(items, failure(c.Name(), req, deadline, a.err))
	}
	return items
}

// failure says that a source did not answer.
func failure(name string, req Request, deadline time.Duration, err error) Item {
	how := err.Error()
	summary := fmt.Sprintf("%s did not answer: %s", name, firstLine(how))
	if errors.Is(err, context.DeadlineExceeded) {
		summary = fmt.Sprintf("%s did not answer in %s", name, deadline)
	}
	return Item{
		Kind: KindFailure, Collector: "gather", Source: name,
		From: req.Now.Add(-req.Window), To: req.Now,
		Summary: summary, Error: how, Data: []byte("null"),
	}
}

// Links turns the links that came with the incident's signals into evidence:
// each once, in the order of the signals.
func Links(req Request) []Item {
	var items []Item
	seen := map[string]bool{}
	for _, s := range req.Signals {
		for _, l := range s.Links {
			if seen[l.URL] || !strings.HasPrefix(l.URL, "https://") {
				continue
			}
			seen[l.URL] = true
			items = append(items, Item{
				Kind: KindLink, Collector: "signal", Source: s.Source, Service: s.Service,
				Query: l.URL, Link: l.URL, From: s.StartsAt, To: req.Now,
				Summary: fmt.Sprintf("%s given by the alert %s", l.Kind, s.Name),
				Data:    []byte("null"), Outside: true,
			})
		}
	}
	return items
}

// Redacted returns the item with every string in it redacted, Data included. A
// value that is held becomes Data first; one that can't be encoded is left out.
func (it Item) Redacted(r *redact.Redactor) Item {
	if it.Value != nil {
		encoded, err := it.Encode(it.Value)
		if err != nil {
			encoded = it.Hold(nil)
		}
		it = encoded
	}
	it.Query = r.String(it.Query)
	it.Summary = r.String(it.Summary)
	it.Link = r.String(it.Link)
	it.Error = r.String(it.Error)
	if it.Data != nil {
		it.Data = r.JSON(it.Data)
	}
	return it
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return s
}
