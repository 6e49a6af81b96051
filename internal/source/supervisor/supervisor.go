// Package supervisor reads a process supervisor: which process runs which
// version, and its own record of deploys. Read-only and safe for concurrent use.
package supervisor

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/change"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/id"
	"github.com/holdfast-sre/holdfast/internal/source/internal/fetch"
)

// lookBack is how far back deploys are evidence.
const lookBack = 24 * time.Hour

// strength of what the runtime itself records.
const strength = 0.9

// Options of a source.
type Options struct {
	Name        string
	Environment string
	URL         string
	Token       string
	Timeout     time.Duration // 0 = 3 s
	HTTP        *http.Client
}

// Source is one supervisor.
type Source struct {
	o      Options
	client *fetch.Client
	base   string
}

// Process is one entry of GET /processes.
type Process struct {
	Name      string    `json:"name"`
	Version   string    `json:"version"`
	Revision  string    `json:"revision"`
	State     string    `json:"state"` // running | exited | …
	PID       int       `json:"pid"`
	StartedAt time.Time `json:"started_at"`
	Restarts  int       `json:"restarts"`
	// Generation changes with every new process.
	Generation string `json:"generation"`
}

// deploy is one entry of GET /changes.
type deploy struct {
	ID       string      `json:"id"`
	At       time.Time   `json:"at"`
	Kind     change.Kind `json:"kind"`
	Process  string      `json:"process"`
	Service  string      `json:"service"`
	Name     string      `json:"name"`
	Version  string      `json:"version"`
	Previous string      `json:"previous"`
	Revision string      `json:"revision"`
	Author   string      `json:"author"`
	Summary  string      `json:"summary"`
}

// New checks the options; it does not connect.
func New(o Options) (*Source, error) {
	client, err := fetch.New(o.URL, o.Token, o.Timeout, o.HTTP)
	if err != nil {
		return nil, fmt.Errorf("supervisor %s: %w", o.Name, err)
	}
	return &Source{o: o, client: client, base: strings.TrimRight(o.URL, "/")}, nil
}

// Name is the configured name.
func (s *Source) Name() string { return s.o.Name }

// Ready reports whether the server answers.
func (s *Source) Ready(ctx context.Context) error {
	_, err := s.Processes(ctx)
	return err
}

// Processes lists what runs, sorted by name.
func (s *Source) Processes(ctx context.Context) ([]Process, error) {
	var out []Process
	if err := s.client.JSON(ctx, "/processes", nil, &out); err != nil {
		return nil, fmt.Errorf("supervisor %s: %w", s.o.Name, err)
	}
	slices.SortFunc(out, func(a, b Process) int { return cmp.Compare(a.Name, b.Name) })
	return out, nil
}

// Changes lists the deploys that the supervisor did in [from, to], newest
// first, with Runtime set. Service is the name of the process.
func (s *Source) Changes(ctx context.Context, from, to time.Time) ([]change.Change, error) {
	var all []deploy
	if err := s.client.JSON(ctx, "/changes", nil, &all); err != nil {
		return nil, fmt.Errorf("supervisor %s: %w", s.o.Name, err)
	}
	var out []change.Change
	for _, d := range all {
		if d.At.Before(from) || d.At.After(to) {
			continue
		}
		out = append(out, s.change(d))
	}
	slices.SortFunc(out, func(a, b change.Change) int {
		return cmp.Or(b.At.Compare(a.At), cmp.Compare(a.ID, b.ID))
	})
	return out, nil
}

func (s *Source) change(d deploy) change.Change {
	c := change.Change{
		ID: d.ID, Kind: d.Kind, Environment: s.o.Environment, Service: cmp.Or(d.Service, d.Process, d.Name),
		Version: d.Version, Previous: d.Previous, Revision: d.Revision, Author: d.Author,
		Summary: d.Summary, At: d.At.UTC(), Runtime: true,
	}
	if !slices.Contains(change.Kinds(), c.Kind) {
		c.Kind = change.Deploy
	}
	if c.ID == "" {
		c.ID = id.Of("chg", s.o.Name, c.Service, c.Version, c.At.Format(time.RFC3339Nano))
	}
	if c.Summary == "" {
		c.Summary = fmt.Sprintf("%s %s → %s", c.Service, cmp.Or(c.Previous, "?"), cmp.Or(c.Version, "?"))
	}
	return c
}

// Collect gathers the processes behind the request's services, one item for
// each service, and the deploys of the last 24 hours, one item for all.
func (s *Source) Collect(ctx context.Context, req evidence.Request) ([]evidence.Item, error) {
	if s.o.Environment != "" && req.Environment != "" && s.o.Environment != req.Environment {
		return nil, nil
	}
	processes, err := s.Processes(ctx)
	if err != nil {
		return nil, err
	}
	var items []evidence.Item
	service := map[string]string{} // by process
	for _, svc := range req.Services {
		var mine []Process
		for _, p := range processes {
			if runs(svc, p.Name) {
				mine = append(mine, p)
				service[p.Name] = svc.Name
			}
		}
		if mine == nil {
			continue
		}
		it, err := s.runtime(req, svc.Name, mine)
		if err != nil {
			return items, err
		}
		items = append(items, it)
	}
	deploys, err := s.deploys(ctx, req, service)
	if err != nil {
		return items, err
	}
	return append(items, deploys), nil
}

// runs reports whether a process belongs to a service: a target of the
// service, or its name where the catalog gives no target.
func runs(svc catalog.Service, process string) bool {
	processes := false
	for _, t := range svc.Targets {
		if t.Kind != "process" {
			continue
		}
		processes = true
		if t.Name == process {
			return true
		}
	}
	return !processes && svc.Name == process
}

func (s *Source) runtime(req evidence.Request, service string, processes []Process) (evidence.Item, error) {
	var r evidence.Runtime
	var said []string
	for _, p := range processes {
		r.Instances = append(r.Instances, evidence.Instance{
			Name: p.Name, Version: p.Version, Revision: p.Revision, State: p.State,
			StartedAt: p.StartedAt.UTC(), Restarts: p.Restarts,
		})
		one := fmt.Sprintf("%s %s %s", p.Name, p.Version, p.State)
		if !p.StartedAt.IsZero() {
			one += fmt.Sprintf(" for %s", req.Now.Sub(p.StartedAt).Round(time.Second))
		}
		said = append(said, fmt.Sprintf("%s, %d restarts", one, p.Restarts))
	}
	it := evidence.Item{
		Kind: evidence.KindRuntime, Collector: "runtime", Source: s.o.Name, Service: service,
		Query: "GET /processes", From: req.Now, To: req.Now, Unit: "processes",
		Summary: strings.Join(said, "; "), Link: s.base + "/processes", Strength: strength,
	}
	return it.Encode(r)
}

func (s *Source) deploys(ctx context.Context, req evidence.Request, service map[string]string) (evidence.Item, error) {
	from := req.Now.Add(-lookBack)
	all, err := s.Changes(ctx, from, req.Now)
	if err != nil {
		return evidence.Item{}, err
	}
	known := map[string]bool{}
	for _, svc := range req.Services {
		known[svc.Name] = true
	}
	changes := evidence.Changes{Changes: []change.Change{}}
	for _, c := range all {
		c.Service = cmp.Or(service[c.Service], c.Service)
		if known[c.Service] {
			changes.Changes = append(changes.Changes, c)
		}
	}
	it := evidence.Item{
		Kind: evidence.KindChanges, Collector: "runtime", Source: s.o.Name,
		Query: "GET /changes", From: from, To: req.Now, Unit: "changes",
		Summary: evidence.SummariseChanges(changes.Changes, req.Now), Link: s.base + "/changes", Strength: strength,
	}
	return it.Encode(changes)
}
