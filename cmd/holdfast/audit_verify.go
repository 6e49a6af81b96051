package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/anchor"
	"github.com/holdfast-sre/holdfast/internal/app"
	"github.com/holdfast-sre/holdfast/internal/audit"
	"github.com/holdfast-sre/holdfast/internal/config"
	"github.com/holdfast-sre/holdfast/internal/outside"
	"github.com/holdfast-sre/holdfast/internal/problem"
)

// auditVerifyCmd checks a chain.
type auditVerifyCmd struct {
	chainSource
	File         string        `arg:"" optional:"" help:"Exported audit.jsonl."`
	Anchors      []string      `placeholder:"FILE|URL" help:"File of anchors, or endpoint that gives back what it was sent; with --config those it names, with a file anchors.jsonl beside it. May be given again."`
	PublicKey    []string      `name:"public-key" placeholder:"FILE" help:"Public key in PEM that anchors must be signed with; with --config the .pub of its key, with a file audit.pub beside it. May be given again."`
	AnchorsToken string        `name:"anchors-token-file" placeholder:"FILE" help:"Token for the URLs of --anchors; with --config its own is used."`
	ChainOnly    bool          `name:"chain-only" help:"Check the chain without anchors: a rewritten chain and a cut tail don't show."`
	MaxWait      time.Duration `name:"max-wait" default:"5m" help:"Longest that a record may wait for its anchor."`
	MaxGap       time.Duration `name:"max-gap" default:"35m" help:"Longest between two anchors."`
	AcceptBefore string        `name:"accept-before" placeholder:"TIME" help:"Gaps and steps of clocks that began before it were looked at: notes, no failures."`
	Output       string        `short:"o" help:"table or json." enum:"table,json" default:"table"`
}

// Help shows examples.
func (auditVerifyCmd) Help() string {
	return `Reads every record, checks that each follows from the one before, and compares the
chain with its anchors: signed heads that were kept outside the database. Says
where it was rewritten, which records were cut off, where anchors are missing or
signed with another key, and what can't be known. Read-only; the server may run.

Take anchors and public key from where the server can't write: who can change
all three can make up a chain.

Exit codes: 0 it holds, 1 it does not, 2 bad input.

Examples:
  holdfast audit verify --config /etc/holdfast/holdfast.yaml
  holdfast audit verify --db sqlite:holdfast.db --anchors /mnt/worm/anchors.jsonl --public-key audit.pub
  holdfast audit verify audit.jsonl --anchors https://anchors.example.org/holdfast --public-key audit.pub
  holdfast audit verify audit.jsonl --anchors anchors.jsonl --public-key audit.pub -o json`
}

// Run prints what was found.
func (c *auditVerifyCmd) Run(e *env) error {
	accepted, err := auditTime("accept-before", c.AcceptBefore)
	if err != nil {
		return err
	}
	if c.MaxWait <= 0 || c.MaxGap <= 0 {
		return usage(problem.Hinted(errors.New("--max-wait and --max-gap must be longer than 0"), "write 5m or 1h"))
	}
	source, cfg, err := c.find(e, c.File)
	if err != nil {
		return err
	}
	if err := c.against(cfg); err != nil {
		return usage(err)
	}
	check := app.AuditCheck{
		Source: source, Anchors: c.Anchors, PublicKeys: c.PublicKey,
		Options: audit.VerifyOptions{MaxWait: c.MaxWait, MaxGap: c.MaxGap, Accepted: accepted},
	}
	check.Token = c.token(cfg)
	if source.File == "" {
		check.Options.Now = e.now()
	}
	p := newProgress(e, "reading")
	check.Progress = func(done, total int64) { p.step(int(done), int(total)) }
	report, err := app.VerifyAudit(e.ctx, check)
	p.end()
	if err != nil {
		return unreadable(err)
	}
	if err := c.print(e.stdout, report); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	if !report.OK {
		return &exitError{code: exitFailed} // the findings say why
	}
	return nil
}

// token returns what answers which token an endpoint wants.
func (c *auditVerifyCmd) token(cfg *config.Config) func(url string) (string, error) {
	return func(url string) (string, error) {
		if c.AnchorsToken != "" {
			text, err := os.ReadFile(c.AnchorsToken)
			return strings.TrimSpace(string(text)), err
		}
		if cfg == nil {
			return "", nil
		}
		for _, to := range cfg.Audit.Anchors {
			if to.URL == url && to.Token != "" {
				return to.Token.Reveal(), nil
			}
		}
		return "", nil
	}
}

// unreadable is bad input: the chain is not where it was said to be.
func unreadable(err error) error {
	if strings.Contains(err.Error(), "audit_text") {
		return usage(problem.Hinted(errors.New("the database is of an earlier version"), "start the server on it once: it brings the schema up to date"))
	}
	return usage(err)
}

// against fills in which anchors and keys the chain is compared with.
func (c *auditVerifyCmd) against(cfg *config.Config) error {
	if c.ChainOnly {
		if len(c.Anchors) > 0 {
			return errors.New("--chain-only uses no anchors: leave out one of them")
		}
		return nil
	}
	if len(c.Anchors) == 0 {
		c.Anchors = c.beside("anchors.jsonl")
		if cfg != nil {
			c.Anchors = cfg.Audit.Files()
		}
	}
	if len(c.Anchors) == 0 {
		return problem.Hinted(errors.New("no anchors: without them a rewritten chain and a cut tail don't show"), "give --anchors FILE, or --chain-only to check the chain alone")
	}
	if len(c.PublicKey) == 0 {
		c.PublicKey = c.beside("audit.pub")
		if cfg != nil {
			c.PublicKey = []string{anchor.PublicFile(cfg.Audit.KeyFile)}
		}
	}
	if len(c.PublicKey) == 0 {
		return problem.Hinted(errors.New("no public key: whoever can write could have signed the anchors"), "give --public-key FILE: audit.pub, which holdfast init wrote beside the key")
	}
	for _, path := range append(append([]string{}, c.Anchors...), c.PublicKey...) {
		if app.IsURL(path) {
			continue
		}
		if err := mustBeFile(path); err != nil {
			return problem.Hinted(err, "the server writes it; --anchors and --public-key name others")
		}
	}
	return nil
}

// beside returns a file that lies beside the export, if it is there.
func (c *auditVerifyCmd) beside(name string) []string {
	if c.File == "" {
		return nil
	}
	path := filepath.Join(filepath.Dir(c.File), name)
	if _, err := os.Stat(path); err != nil {
		return nil
	}
	return []string{path}
}

func (c *auditVerifyCmd) print(w io.Writer, r audit.Report) error {
	if c.Output == "json" {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(r)
	}
	return printVerified(w, r)
}

func printVerified(w io.Writer, r audit.Report) error {
	var b strings.Builder
	if r.Records == 0 {
		b.WriteString("no records\n")
	} else {
		fmt.Fprintf(&b, "records %d to %d, head %.12s\n", r.First, r.Last, r.Head)
	}
	if r.Newest != nil {
		fmt.Fprintf(&b, "anchors %d, the last of %s, signed with %s\n",
			r.Anchors, r.Newest.UTC().Format(time.DateTime), strings.Join(r.Keys, ", "))
		if r.Anchored > 0 {
			fmt.Fprintf(&b, "as anchored up to record %d\n", r.Anchored)
		}
	}
	if r.Erased > 0 {
		fmt.Fprintf(&b, "erased texts: %d\n", r.Erased)
	}
	for _, f := range r.Findings {
		word := string(f.Kind)
		if f.Note {
			word = "note"
		}
		fmt.Fprintf(&b, "%-10s %s\n", word, outside.Line(f.Text, 2000))
	}
	if r.More > 0 {
		fmt.Fprintf(&b, "findings that are not listed: %d\n", r.More)
	}
	if r.OK {
		b.WriteString("the audit holds\n")
	} else {
		b.WriteString("the audit does NOT hold\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}
