package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"text/tabwriter"
	"time"

	"github.com/holdfast-sre/holdfast/internal/app"
	"github.com/holdfast-sre/holdfast/internal/config"
	"github.com/holdfast-sre/holdfast/internal/decide"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/outside"
	"github.com/holdfast-sre/holdfast/internal/problem"
)

// investigateCmd looks at one service once.
type investigateCmd struct {
	Service    string        `help:"Service: its name in the catalog, or any name together with --prometheus." required:"" placeholder:"NAME"`
	At         string        `help:"Moment to look at, RFC 3339; now when left out." placeholder:"TIME"`
	Since      time.Duration `help:"Length of the window that ends there." placeholder:"30m"`
	Config     string        `help:"Configuration file." default:"holdfast.yaml" placeholder:"FILE"`
	Prometheus string        `help:"Prometheus to ask instead of a configuration." placeholder:"URL"`
	Loki       string        `help:"Loki to ask beside it." placeholder:"URL"`
	Selector   string        `help:"Label matchers of the service; job=\"NAME\" when left out." placeholder:"MATCHERS"`
	Output     string        `short:"o" help:"table, report or json." enum:"table,report,json" default:"table"`
}

// Help shows examples.
func (investigateCmd) Help() string {
	return `Gathers evidence about one service and ranks the causes. Read-only: it needs no
server, stores nothing and changes nothing.

Examples:
  holdfast investigate --service checkout --config /etc/holdfast/holdfast.yaml
  holdfast investigate --service checkout -o report
  holdfast investigate --service checkout --at 2026-03-01T14:00:00Z --since 1h -o json
  holdfast investigate --service api --prometheus http://127.0.0.1:9090 --selector 'job="api"'`
}

// Run prints what was found.
func (c *investigateCmd) Run(e *env) error {
	at := time.Now().UTC()
	if c.At != "" {
		var err error
		if at, err = time.Parse(time.RFC3339, c.At); err != nil {
			return usage(problem.Hinted(fmt.Errorf("--at %q is not a time", c.At), "write it as 2026-03-01T14:00:00Z"))
		}
	}
	if c.Since < 0 {
		return usage(problem.Hinted(fmt.Errorf("--since %s is not a length", c.Since), "write it as 30m"))
	}
	folder, err := c.folder(e)
	if err != nil {
		return usage(err)
	}
	rep, err := app.Investigate(e.ctx, folder, app.Question{Service: c.Service, At: at.UTC(), Since: c.Since}, slog.New(slog.DiscardHandler))
	if err != nil {
		return usage(err)
	}
	switch c.Output {
	case "json":
		enc := json.NewEncoder(e.stdout)
		enc.SetIndent("", "  ")
		return enc.Encode(rep)
	case "report":
		_, err := fmt.Fprint(e.stdout, rep.Text)
		return err
	}
	return printReport(e.stdout, rep)
}

func (c *investigateCmd) folder(e *env) (config.Folder, error) {
	if c.Prometheus == "" {
		return config.Open(c.Config, e.getenv)
	}
	selector := c.Selector
	if selector == "" {
		selector = fmt.Sprintf("job=%q", c.Service)
	}
	return app.Bare(c.Service, c.Prometheus, c.Loki, selector)
}

func printReport(w io.Writer, rep app.Report) error {
	fmt.Fprintf(w, "%s in %s at %s, %d items of evidence in %s\n\n", rep.Service, rep.Environment, rep.At.Format(time.RFC3339), len(rep.Evidence), rep.Took)
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "PROBABILITY\tCAUSE\tCOMPONENT\tWHY")
	for _, h := range rep.Hypotheses {
		word := decide.Likelihood(h.Probability)
		if h.CauseClass == diagnose.Unknown {
			word = "" // not a cause that could be likely
		}
		fmt.Fprintf(t, "%s %s\t%s\t%s\t%s\n", decide.Probability(h.Probability), word, h.CauseClass, h.Component, oneLine(h.Mechanism))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if len(rep.Evidence) == 0 {
		_, err := fmt.Fprintln(w, "\nNo evidence: no series match. Is the selector right? With --prometheus it is job=\"NAME\" unless --selector says otherwise.")
		return err
	}
	fmt.Fprintln(w, "\nEvidence")
	for _, it := range rep.Evidence {
		mark := " "
		if it.Kind == evidence.KindFailure {
			mark = "!"
		}
		fmt.Fprintf(w, "%s %s\n", mark, oneLine(it.Summary))
	}
	if len(rep.Hypotheses) > 0 && len(rep.Hypotheses[0].CheckNext) > 0 {
		fmt.Fprintln(w, "\nCheck next")
		for _, c := range rep.Hypotheses[0].CheckNext {
			fmt.Fprintf(w, "  %s\n", oneLine(c))
		}
	}
	return nil
}

// oneLine makes text from outside safe for a terminal.
func oneLine(s string) string { return outside.Line(s, 300) }
