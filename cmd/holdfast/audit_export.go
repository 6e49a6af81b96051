package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/holdfast-sre/holdfast/internal/app"
	"github.com/holdfast-sre/holdfast/internal/audit"
)

// auditExportCmd writes audit.jsonl.
type auditExportCmd struct {
	chainSource
	Since    string `placeholder:"TIME" help:"Only records from this time on."`
	Until    string `placeholder:"TIME" help:"Only records before this time."`
	Incident string `placeholder:"ID" help:"Only records of this incident."`
	Actor    string `placeholder:"NAME" help:"Only records of this actor."`
	Out      string `placeholder:"FILE" help:"File to write, for its owner alone; standard output when left out."`
}

// Help shows examples.
func (auditExportCmd) Help() string {
	return `Writes one JSON object a line and checks the chain meanwhile. Names and texts of
people are in it where they were not erased. Read-only; the server may run.

Exit codes: 0 written and the chain holds, 1 it does not, 2 bad input.

Examples:
  holdfast audit export --config /etc/holdfast/holdfast.yaml --out audit.jsonl
  holdfast audit export --db sqlite:holdfast.db --incident INC-2026-0001
  holdfast audit export --since 2026-03-01T00:00:00Z --until 2026-04-01T00:00:00Z --out march.jsonl`
}

// Run writes the records.
func (c *auditExportCmd) Run(e *env) error {
	x := app.AuditExport{Incident: c.Incident, Actor: c.Actor}
	var err error
	if x.Since, err = auditTime("since", c.Since); err != nil {
		return err
	}
	if x.Until, err = auditTime("until", c.Until); err != nil {
		return err
	}
	if !x.Until.IsZero() && !x.Since.Before(x.Until) {
		return usage(errors.New("--until is not after --since"))
	}
	if x.Source, _, err = c.find(e, ""); err != nil {
		return err
	}
	p := newProgress(e, "exporting")
	x.Progress = func(done, total int64) { p.step(int(done), int(total)) }
	var report audit.Report
	var written int64
	if c.Out == "" {
		out := bufio.NewWriterSize(e.stdout, 64<<10)
		report, written, err = app.ExportAudit(e.ctx, x, out)
		err = errors.Join(err, out.Flush())
	} else {
		report, written, err = exportTo(e.ctx, c.Out, x)
	}
	p.end()
	if err != nil {
		return unreadable(err)
	}
	return c.tell(e.stderr, x.Filtered(), report, written)
}

// tell says on w what was written and whether the chain holds.
func (c *auditExportCmd) tell(w io.Writer, filtered bool, r audit.Report, written int64) error {
	if filtered {
		fmt.Fprintf(w, "holdfast: filtered: %d of %d records; a part of a chain can't be verified alone\n", written, r.Records)
	} else {
		fmt.Fprintf(w, "holdfast: records %d to %d, head %.12s\n", r.First, r.Last, r.Head)
	}
	if r.OK {
		return nil
	}
	for _, f := range r.Findings {
		if !f.Note {
			fmt.Fprintf(w, "holdfast: %s\n", f.Text)
		}
	}
	return &exitError{code: exitFailed, err: errors.New("the chain does not hold: the export shows it as it is")}
}

// exportTo replaces a file once everything is written.
func exportTo(ctx context.Context, path string, x app.AuditExport) (r audit.Report, written int64, err error) {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".audit-") // mode 0600
	if err != nil {
		return r, 0, fmt.Errorf("export: %w", err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(tmp.Name()) // what is half written is of no use
		}
	}()
	out := bufio.NewWriterSize(tmp, 64<<10)
	r, written, err = app.ExportAudit(ctx, x, out)
	if err = errors.Join(err, out.Flush(), tmp.Sync(), tmp.Close()); err != nil {
		return r, written, err
	}
	if err = os.Rename(tmp.Name(), path); err != nil {
		return r, written, fmt.Errorf("export: %w", err)
	}
	return r, written, nil
}
