package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/app"
	"github.com/holdfast-sre/holdfast/internal/config"
	"github.com/holdfast-sre/holdfast/internal/document"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/knowledge/draft"
	"github.com/holdfast-sre/holdfast/internal/problem"
)

// knowledgeDraftCmd writes what was learnt back, for review.
type knowledgeDraftCmd struct {
	repository
	Kind      string `arg:"" enum:"fix-bolt,adr-amendment,playbook,runbook,post-mortem,all" help:"What to draft: ${enum}."`
	Incident  string `placeholder:"ID" help:"Incident of the server."`
	From      string `placeholder:"FILE" help:"incident.json instead of a server; - reads standard input."`
	Evidence  string `placeholder:"FILE" help:"evidence.json beside --from."`
	ADR       string `name:"adr" placeholder:"ID" help:"Decision to amend; the one of the incident's trace when left out."`
	Branch    string `placeholder:"NAME" help:"New branch for the drafts; holdfast/ID when left out."`
	Out       string `placeholder:"DIR" help:"Write into this folder instead of a branch."`
	Propose   bool   `help:"Also push the branch and open a pull or merge request, at the forge that the configuration names."`
	DryRun    bool   `name:"dry-run" help:"Print what would be written, as a diff, and write nothing."`
	Date      string `placeholder:"YYYY-MM-DD" help:"Date of the drafts; today when left out."`
	Server    string `placeholder:"URL" help:"The server. Default: HOLDFAST_URL, or http://127.0.0.1:8080."`
	TokenFile string `name:"token-file" placeholder:"FILE" help:"File with the API token, as for 'incident'."`
}

// Help shows examples.
func (knowledgeDraftCmd) Help() string {
	return `Drafts documents from the record of an incident, in the style of the repository:
Fix-It Bolt, amendment of the decision, playbook entry, runbook (or an addition to
the one there is) and post-mortem. What the record does not say is marked
TODO(human). IDs are the next free ones, also after those of earlier drafts that
wait for review.

The drafts become one commit on a new branch of the clone; working tree, current
branch and default branch stay as they are. Nothing is pushed unless --propose is
given: it opens one pull or merge request, never twice. A folder without git, or
--out DIR, gets files.

Examples:
  holdfast knowledge draft all --incident INC-2026-0042 --repo docs
  holdfast knowledge draft fix-bolt --from incident.json --repo docs --dry-run
  holdfast knowledge draft adr-amendment --from incident.json --evidence evidence.json --repo docs --adr ADR-023
  holdfast knowledge draft playbook --from incident.json --repo docs --out drafts
  holdfast knowledge draft all --incident INC-2026-0042 --config holdfast.yaml --propose`
}

// Run writes the drafts.
func (c *knowledgeDraftCmd) Run(e *env) error {
	rec, err := c.record(e)
	if err != nil {
		return err
	}
	k, err := c.open(e)
	if err != nil {
		return err
	}
	defer func() { _ = k.Close() }() // only read from
	if c.Propose && (c.DryRun || c.Out != "") {
		return usage(problem.Hinted(errors.New("--propose needs a branch"), "leave out --dry-run and --out"))
	}
	opts := draft.Options{ADR: c.ADR}
	if c.Kind != "all" {
		opts.Kinds = []draft.Kind{draft.Kind(c.Kind)}
	}
	if _, ok := k.Base.Artefact(c.ADR); c.ADR != "" && !ok {
		return usage(problem.Hinted(fmt.Errorf("no artefact has the ID %q", c.ADR), "give the ID of a decision in the folders"))
	}
	d, err := k.Draft(e.ctx, rec, opts)
	if err != nil {
		return usage(err)
	}
	if err := c.deliver(e, k, rec, d); err != nil {
		return err
	}
	for _, n := range d.Notes {
		fmt.Fprintf(e.stdout, "! %s\n", plain(n))
	}
	return nil
}

func (c *knowledgeDraftCmd) deliver(e *env, k *app.Knowledge, rec document.Record, d draft.Drafts) error {
	switch {
	case len(d.Files) == 0:
		return problem.Hinted(errors.New("nothing can be drafted from this record"), strings.Join(d.Notes, "; "))
	case c.DryRun:
		for _, f := range d.Files {
			if _, err := io.WriteString(e.stdout, difference(f)); err != nil {
				return fmt.Errorf("print drafts: %w", err)
			}
		}
		return nil
	case c.Out != "":
		if err := app.SaveDrafts(c.Out, d.Files); err != nil {
			return err
		}
		c.list(e, d)
		fmt.Fprintf(e.stdout, "\n%s in %s, for review\n", plural(len(d.Files), "file"), plain(c.Out))
		return nil
	}
	branch := c.Branch
	if branch == "" {
		branch = app.DraftBranches + strings.ToLower(rec.Incident.ID)
	}
	forges, err := c.forges(e, k, d)
	if err != nil {
		return usage(err)
	}
	done, err := k.BranchDrafts(e.ctx, d.Files, branch, d.Message, time.Now())
	for _, b := range done {
		fmt.Fprintf(e.stdout, "branch %s in %s, commit %.12s\n", b.Branch, plain(b.Clone), b.Commit)
	}
	if err != nil {
		return usage(err)
	}
	c.list(e, d)
	if !c.Propose {
		fmt.Fprintf(e.stdout, "\nreview: git diff HEAD...%s\n", branch)
		return nil
	}
	fmt.Fprintln(e.stdout)
	for _, b := range done {
		url, err := forges.Propose(e.ctx, b, d.Request.Title, d.Request.Body)
		if err != nil {
			return fmt.Errorf("propose branch %s: %w", b.Branch, err)
		}
		fmt.Fprintf(e.stdout, "review: %s\n", plain(url))
	}
	return nil
}

// forges are what the branches are proposed to; a clone without one is an error
// before anything is written.
func (c *knowledgeDraftCmd) forges(e *env, k *app.Knowledge, d draft.Drafts) (*app.Forges, error) {
	if !c.Propose {
		return nil, nil
	}
	cfg, err := config.Load(c.Config, e.getenv)
	if err != nil {
		return nil, errors.Join(err, problem.Hinted(errors.New("--propose needs a configuration that names the forge"), "give --config FILE with repositories: [{path: CLONE, forge: {…}}]"))
	}
	forges, err := app.NewForges(cfg)
	if err != nil {
		return nil, err
	}
	for _, clone := range k.Clones(d.Files) {
		if forges.Of(clone) == "" {
			return nil, problem.Hinted(fmt.Errorf("no forge is configured for %s", clone),
				fmt.Sprintf("add it to %s: repositories: [{path: %s, forge: {type: …, project: OWNER/NAME, token_file: …}}], or leave --propose out", c.Config, clone))
		}
	}
	return forges, nil
}

func (c *knowledgeDraftCmd) list(e *env, d draft.Drafts) {
	p := newPage(e)
	rows := [][]string{{"DRAFT", "ID", "FILE", ""}}
	for _, f := range d.Files {
		what := "new"
		if f.Old != nil {
			what = "changed"
		}
		rows = append(rows, []string{string(f.Kind), f.ID, f.Path, what})
	}
	p.table(rows)
	_ = p.flush() // the drafts are written; a closed pipe changes nothing
}

// record reads the incident, from a file or from the server.
func (c *knowledgeDraftCmd) record(e *env) (document.Record, error) {
	if (c.Incident == "") == (c.From == "") {
		return document.Record{}, usage(problem.Hinted(errors.New("say which incident"), "give --incident ID, or --from incident.json"))
	}
	now := time.Now().UTC()
	if c.Date != "" {
		at, err := time.Parse(time.DateOnly, c.Date)
		if err != nil {
			return document.Record{}, usage(problem.Hinted(fmt.Errorf("--date %q is no date", c.Date), "write it as 2026-01-31"))
		}
		now = at
	}
	var v incident.View
	var items []evidence.Item
	var err error
	if c.From == "" {
		err = c.ask(e, &v, &items)
	} else {
		err = c.load(e, &v, &items)
	}
	if err != nil {
		return document.Record{}, err
	}
	if !incidentID(v.ID) {
		return document.Record{}, usage(problem.Hinted(fmt.Errorf("%s names no incident", orServer(c.From)), "give the incident.json of one"))
	}
	return app.DraftRecord(v, items, now), nil
}

func orServer(file string) string {
	if file == "" {
		return "the server's answer"
	}
	return file
}

// incidentID reports whether an ID is one: it becomes part of names.
func incidentID(id string) bool {
	head, rest, ok := strings.Cut(id, "-")
	return ok && len(id) <= 40 && head != "" && strings.Trim(head, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == "" &&
		rest != "" && strings.Trim(rest, "0123456789-") == "" && path.Base(id) == id
}

func (c *knowledgeDraftCmd) ask(e *env, v *incident.View, items *[]evidence.Item) error {
	cl, err := newClient(e, &incidentCmd{Server: c.Server, TokenFile: c.TokenFile})
	if err != nil {
		return err
	}
	if _, err := cl.get(incidentPath(c.Incident), v); err != nil {
		return err
	}
	_, err = cl.get(incidentPath(c.Incident, "evidence"), items)
	return err
}

// maxRecord bounds incident.json and evidence.json.
const maxRecord = 64 << 20

func (c *knowledgeDraftCmd) load(e *env, v *incident.View, items *[]evidence.Item) error {
	if err := loadJSON(e, c.From, v); err != nil {
		return err
	}
	if c.Evidence == "" {
		return nil
	}
	return loadJSON(e, c.Evidence, items)
}

func loadJSON(e *env, name string, v any) error {
	in := e.stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return usage(err)
		}
		defer func() { _ = f.Close() }() // only read from
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, maxRecord))
	if err != nil {
		return usage(fmt.Errorf("read %s: %w", name, err))
	}
	if err := json.Unmarshal(b, v); err != nil {
		return usage(problem.Hinted(fmt.Errorf("%s: %w", name, err), "give what 'incident show -o json' prints"))
	}
	return nil
}

// difference shows a draft as a diff: edits only add lines in one place, or in
// several that are shown as one.
func difference(f draft.File) string {
	name := path.Join(f.Repo, f.Path)
	var b strings.Builder
	if f.Old == nil {
		fmt.Fprintf(&b, "--- /dev/null\n+++ b/%s\n", name)
	} else {
		fmt.Fprintf(&b, "--- a/%s\n+++ b/%s\n", name, name)
	}
	old, now := splitLines(f.Old), splitLines(f.New)
	same := 0
	for same < len(old) && same < len(now) && old[same] == now[same] {
		same++
	}
	tail := 0
	for tail < len(old)-same && tail < len(now)-same && old[len(old)-1-tail] == now[len(now)-1-tail] {
		tail++
	}
	const around = 3
	from, after := max(0, same-around), min(tail, around)
	oldN, newN := len(old)-tail+after-from, len(now)-tail+after-from
	start := from + 1
	if oldN == 0 {
		start = 0
	}
	fmt.Fprintf(&b, "@@ -%d,%d +%d,%d @@\n", start, oldN, from+1, newN)
	diffLines(&b, " ", old[from:same])
	diffLines(&b, "-", old[same:len(old)-tail])
	diffLines(&b, "+", now[same:len(now)-tail])
	diffLines(&b, " ", now[len(now)-tail:len(now)-tail+after])
	return b.String()
}

func splitLines(b []byte) []string { return slices.Collect(strings.Lines(string(b))) }

func diffLines(b *strings.Builder, sign string, all []string) {
	for _, l := range all {
		b.WriteString(sign + l)
		if !strings.HasSuffix(l, "\n") {
			b.WriteString("\n\\ No newline at end of file\n")
		}
	}
}
