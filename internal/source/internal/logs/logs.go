// Package logs is what the log stores have in common: which lines are fetched
// for an incident, and what is made of them.
package logs

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/evidence/lines"
	"github.com/holdfast-sre/holdfast/internal/redact"
	"github.com/holdfast-sre/holdfast/internal/source/internal/fetch"
)

// DefaultLimit is how many lines one query returns at most where the options
// name no limit.
const DefaultLimit = 2000

// parallel is how many services are asked about at a time.
const parallel = 4

// strength of a finding in logs: what a program says about itself, through
// text that others may have shaped.
const strength = 0.5

// Store is one log store.
type Store interface {
	// Lines returns the newest lines of query in (from, to], at most limit, and
	// whether there were more. Those of one stream with one time are in the order
	// in which they were written, as far as the store knows it.
	Lines(ctx context.Context, query string, from, to time.Time, limit int) (found []lines.Line, more bool, err error)
	// Failures narrows a query to lines that look like failures.
	Failures(query string) string
	// Link is where a person can run query again; empty = nowhere.
	Link(query string, from, to time.Time) string
}

// Options say who asks.
type Options struct {
	Collector, Name, Environment string
	Default                      bool
	Limit                        int
	Redact                       *redact.Redactor
}

// Collect compares the window now with the one before for each log source of
// each service. A source that does not answer is an error, beside whatever was
// answered.
func Collect(ctx context.Context, s Store, o Options, req evidence.Request) ([]evidence.Item, error) {
	type question struct{ service, query string }
	var questions []question
	for _, svc := range req.Services {
		for _, l := range svc.Logs {
			if fetch.Serves(o.Name, o.Environment, o.Default, l.Source, req.Environment) {
				questions = append(questions, question{svc.Name, l.Selector})
			}
		}
	}
	results := make([]evidence.Item, len(questions))
	errs := make([]error, len(questions))
	var g errgroup.Group
	g.SetLimit(parallel)
	for i, q := range questions {
		g.Go(func() error {
			results[i], errs[i] = ask(ctx, s, o, req, q.service, q.query)
			return nil
		})
	}
	_ = g.Wait() // the errors are in errs

	var items []evidence.Item
	var failed error
	for i := range questions {
		switch {
		case errs[i] == nil:
			items = append(items, results[i])
		case failed == nil:
			failed = errs[i]
		}
	}
	return items, failed
}

func ask(ctx context.Context, s Store, o Options, req evidence.Request, service, query string) (evidence.Item, error) {
	from := req.Now.Add(-req.Window)
	now, more, err := read(ctx, s, query, from, req.Now, o.Limit, o.Redact)
	if err != nil {
		return evidence.Item{}, fmt.Errorf("lines of %s: %w", service, err)
	}
	if more {
		// Too many to compare: the failures among them, which are what matters.
		query = s.Failures(query)
		now, more, err = read(ctx, s, query, from, req.Now, o.Limit, o.Redact)
		if err != nil {
			return evidence.Item{}, fmt.Errorf("failures of %s: %w", service, err)
		}
	}
	var before lines.Window
	if !req.ReferenceEnd.IsZero() {
		var moreBefore bool
		before, moreBefore, err = read(ctx, s, query, req.ReferenceEnd.Add(-req.Window), req.ReferenceEnd, o.Limit, o.Redact)
		if err != nil {
			return evidence.Item{}, fmt.Errorf("earlier lines of %s: %w", service, err)
		}
		more = more || moreBefore
	}
	found := lines.Mine(now, before, o.Redact)
	found.Truncated = more
	it := evidence.Item{
		Kind: evidence.KindLogs, Collector: o.Collector, Source: o.Name, Service: service,
		Query: query, From: from, To: req.Now, Unit: "lines", Summary: summary(found, before.Count()),
		Link: s.Link(query, from, req.Now), Strength: strength, Outside: true,
	}
	return it.Encode(found)
}

// read makes events of what the store returns. A window of which only the newest
// lines were read begins with them: the others are not there to be compared.
func read(ctx context.Context, s Store, query string, from, to time.Time, limit int, r *redact.Redactor) (w lines.Window, more bool, err error) {
	found, more, err := s.Lines(ctx, query, from, to, limit)
	if err != nil {
		return w, false, err //nolint:wrapcheck // the caller says of what
	}
	if more && len(found) > 0 {
		from = slices.MinFunc(found, func(a, b lines.Line) int { return a.At.Compare(b.At) }).At
	}
	return lines.Window{Lines: lines.Join(found, r), From: from, To: to}, more, nil
}

// summary is one line with numbers and the comparison.
func summary(l evidence.Logs, before int) string {
	fresh, risen, fallen, gone := 0, 0, 0, 0
	for _, t := range l.Templates {
		switch {
		case t.New:
			fresh++
		case t.Risen:
			risen++
		}
	}
	for _, t := range l.Fallen {
		if t.Count == 0 {
			gone++
		} else {
			fallen++
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d lines, %d before: %d new templates, %d risen, %d fallen, %d vanished", l.Lines, before, fresh, risen, fallen, gone)
	if len(l.Templates) > 0 {
		t := l.Templates[0]
		fmt.Fprintf(&b, "; first %q, %d times, %d before", t.Text, t.Count, t.Before)
	}
	if i := slices.IndexFunc(l.Fallen, func(t evidence.Template) bool { return t.Count == 0 }); i >= 0 {
		fmt.Fprintf(&b, "; no more %q, %d times before", l.Fallen[i].Text, l.Fallen[i].Before)
	}
	if l.Truncated {
		b.WriteString(" (more lines than are read)")
	}
	return b.String()
}
