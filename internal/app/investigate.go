package app

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/config"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/document"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/problem"
	"github.com/holdfast-sre/holdfast/internal/redact"
)

// Question is what a one-off investigation looks at.
type Question struct {
	Service string
	At      time.Time     // the moment that is looked at
	Since   time.Duration // length of the window that ends there; 0 = the configured one
}

// Report is what a one-off investigation found. Nothing of it is stored.
type Report struct {
	Service     string                `json:"service"`
	Environment string                `json:"environment"`
	At          time.Time             `json:"at"`
	Took        string                `json:"took"`
	Hypotheses  []diagnose.Hypothesis `json:"hypotheses"`
	Abnormal    []diagnose.Abnormal   `json:"abnormal"`
	Evidence    []evidence.Item       `json:"evidence"`
	// What the checks saw, and what they looked for and did not find.
	Observed []diagnose.Observation `json:"observed,omitempty"`
	RuledOut []diagnose.Observation `json:"ruled_out,omitempty"`
	Text     string                 `json:"-"` // the whole as a report in words
}

// Investigate asks the configured sources about one service and ranks causes.
// It reads only, needs no server and no store, and never fails because a source
// does: that is evidence.
func Investigate(ctx context.Context, f config.Folder, q Question, log *slog.Logger) (Report, error) {
	svc, ok := f.Catalog.Service(q.Service)
	if !ok {
		return Report{}, unknownService(f.Catalog, q.Service)
	}
	red, err := redact.New(f.Config.Redaction.Patterns...)
	if err != nil {
		return Report{}, fmt.Errorf("redaction: %w", err)
	}
	src, err := newSources(f, nil, red, "")
	if err != nil {
		return Report{}, err
	}
	defer func() {
		if err := src.close(); err != nil {
			log.WarnContext(ctx, "sources are not closed", "error", err)
		}
	}()
	window := f.Config.Windows.Evidence
	if q.Since > 0 {
		window = q.Since
	}
	env := f.Config.Environment
	if len(svc.Targets) > 0 {
		env = svc.Targets[0].Environment
	}
	onset := q.At.Add(-window)
	req := evidence.Request{
		IncidentID: "one-off", Environment: env, Services: f.Catalog.Neighbourhood([]string{q.Service}, 0), Affected: []string{q.Service},
		Onset: onset, Now: q.At, Window: window, ReferenceEnd: onset.Add(-f.Config.Windows.ReferenceGap),
	}
	began := time.Now()
	items := evidence.Gather(ctx, src.collectorsOf(env), req, f.Config.Windows.SourceTimeout, red)
	in := diagnose.Input{
		Catalog: f.Catalog, Environment: env, Affected: req.Affected, FirstSignal: q.At, Now: q.At, Items: items,
	}
	d := diagnose.Default().Diagnose(in)
	return Report{
		Service: q.Service, Environment: env, At: q.At, Took: time.Since(began).Round(time.Millisecond).String(),
		Hypotheses: d.Hypotheses, Abnormal: d.Abnormal, Evidence: items,
		Observed: d.Observed, RuledOut: d.RuledOut, Text: document.Diagnosis(in, d),
	}, nil
}

func unknownService(c *catalog.Catalog, name string) error {
	names := c.Names()
	hint := "the catalog is empty: holdfast init writes one to start with"
	if near := problem.Nearest(name, names); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	} else if len(names) > 0 {
		hint = "it has " + strings.Join(names[:min(len(names), 12)], ", ")
		if more := len(names) - 12; more > 0 {
			hint += fmt.Sprintf(" and %d more", more)
		}
	}
	return problem.Hinted(fmt.Errorf("service %q is not in the catalog", name), hint)
}

// Bare is a configuration for one service that nothing was written down about:
// a metric source, perhaps a log source, and the label matchers that select it.
func Bare(service, prometheusURL, lokiURL, selector string) (config.Folder, error) {
	cfg := config.Default()
	cfg.Sources = []config.Source{{Name: "prometheus", Type: config.Prometheus, URL: prometheusURL, Environment: cfg.Environment, Default: true}}
	svc := catalog.Service{Name: service, Tier: 1, UserFacing: true, Metrics: catalog.Metrics{Selector: selector}}
	if lokiURL != "" {
		cfg.Sources = append(cfg.Sources, config.Source{Name: "loki", Type: config.Loki, URL: lokiURL, Environment: cfg.Environment, Default: true})
		svc.Logs = []catalog.LogSource{{Selector: "{" + selector + "}"}}
	}
	cat, err := catalog.New([]catalog.Service{svc}, nil)
	if err != nil {
		return config.Folder{}, err
	}
	return config.Folder{Config: cfg, Catalog: cat}, nil
}
