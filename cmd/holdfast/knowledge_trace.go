package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/app"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/evidence/stack"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/knowledge"
	"github.com/holdfast-sre/holdfast/internal/problem"
)

// knowledgeTraceCmd follows code or an artefact to the requirement.
type knowledgeTraceCmd struct {
	output
	repository
	Target   string `arg:"" optional:"" help:"ID or file of an artefact, or FILE:LINE."`
	Stack    string `placeholder:"FILE" help:"Stack trace or log to start from; - reads standard input."`
	Revision string `placeholder:"REV" help:"Commit, tag or version that runs; the newest commit when left out."`
	Service  string `placeholder:"NAME" help:"Look in the repository of this service only."`
	Cause    string `placeholder:"CLASS" help:"Cause class: says what the decision leaves open about it."`
}

// Help shows examples.
func (knowledgeTraceCmd) Help() string {
	return `Prints the chain: code, commit, Bolt, ADR, DAA or TIP, PRD and user story, as far
as links lead. A step that no link leads to is marked as a guess, with its score
and the reason. Read-only.

Examples:
  holdfast knowledge trace internal/relay/worker.go:78 --repo .
  holdfast knowledge trace --stack panic.txt --repo docs --repo ../booking
  kubectl logs deploy/relay --previous | holdfast knowledge trace --stack - --repo .
  holdfast knowledge trace ADR-023 --repo docs -o json
  holdfast knowledge trace --stack panic.txt --revision v1.4.2 --cause resource_exhaustion.connection_pool`
}

// traced is what is printed.
type traced struct {
	Target   string               `json:"target,omitempty"`
	Revision string               `json:"revision,omitempty"`
	Error    string               `json:"error,omitempty"` // what the stack says was raised
	Trace    []incident.TraceStep `json:"trace"`
	Notes    []string             `json:"notes"` // what could not be answered
}

// Run prints the chain.
func (c *knowledgeTraceCmd) Run(e *env) error {
	if (c.Target == "") == (c.Stack == "") {
		return usage(problem.Hinted(errors.New("say what to trace"), "give an ID, FILE:LINE, or --stack FILE"))
	}
	cause := diagnose.CauseClass(c.Cause)
	if c.Cause != "" && !diagnose.Known(cause) {
		return usage(problem.Hinted(fmt.Errorf("%q is no cause class", c.Cause), "see docs/causes.md"))
	}
	st, err := c.readStack(e)
	if err != nil {
		return usage(err)
	}
	k, err := c.open(e)
	if err != nil {
		return err
	}
	defer func() { _ = k.Close() }() // only read from
	out := traced{Target: c.Target, Revision: c.Revision, Error: strings.Trim(st.Type+": "+st.Message, ": "), Trace: []incident.TraceStep{}, Notes: []string{}}
	steps, failed, err := k.Trace(e.ctx, app.KnowledgeQuestion{
		Target: c.Target, Frames: frames(st), Revision: c.Revision, Cause: cause, Service: c.Service,
	})
	if err != nil {
		return usage(err)
	}
	if failed != nil {
		out.Notes = append(out.Notes, failed.Error())
	}
	out.Trace = append(out.Trace, steps...)
	if len(steps) == 0 || !reached(steps) {
		for _, p := range k.Base.Unread() {
			out.Notes = append(out.Notes, p.Error())
		}
	}
	if note := ending(k.Base, steps); note != "" {
		out.Notes = append(out.Notes, note)
	}
	hide, err := k.Hide()
	if err != nil {
		return err
	}
	out.hide(hide)
	if err := c.report(e, out, func(p *page) { p.chain(out) }); err != nil {
		return err
	}
	if len(steps) == 0 {
		return problem.Hinted(errors.New("nothing in these folders belongs to it"), "is the code in one of the --repo folders? --revision names the commit in which a file had its name")
	}
	return nil
}

// hide takes secrets out of what commits, documents and logs say.
func (t *traced) hide(of func(string) string) {
	t.Error = of(t.Error)
	for i := range t.Trace {
		s := &t.Trace[i]
		s.Title, s.Why = of(s.Title), of(s.Why)
		for j := range s.Others {
			s.Others[j].Why = of(s.Others[j].Why)
		}
	}
	for i := range t.Notes {
		t.Notes[i] = of(t.Notes[i])
	}
}

// ending says where a chain ends that does not reach the requirement, and what may
// lead on.
func ending(base *knowledge.Base, steps []incident.TraceStep) string {
	if len(steps) == 0 {
		return ""
	}
	last := steps[len(steps)-1]
	var note string
	switch last.Kind {
	case "commit":
		note = "nothing leads on from this commit: no ID in its message, branch or merge, and no artefact that names the file"
	case "bolt":
		note = last.ID + " leads to no decision"
	case "adr", "rfc", "daa", "tip":
		note = last.ID + " leads to no requirement"
	default:
		return ""
	}
	if untold := base.Untold(last.ID); len(untold) > 0 {
		note += fmt.Sprintf("; it links to %s: --folder NAME=KIND says what the files of a folder are", strings.Join(untold[:min(len(untold), 3)], ", "))
	}
	return note
}

// reached reports whether a chain got to an artefact that was read.
func reached(steps []incident.TraceStep) bool {
	return slices.ContainsFunc(steps, func(s incident.TraceStep) bool { return s.Kind != "code" && s.Kind != "commit" && s.Path != "" })
}

// maxStack bounds what is read of a stack or log.
const maxStack = 4 << 20

func (c *knowledgeTraceCmd) readStack(e *env) (stack.Trace, error) {
	if c.Stack == "" {
		return stack.Trace{}, nil
	}
	in := e.stdin
	if c.Stack != "-" {
		f, err := os.Open(c.Stack)
		if err != nil {
			return stack.Trace{}, fmt.Errorf("stack: %w", err)
		}
		defer func() { _ = f.Close() }() // only read from
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, maxStack))
	if err != nil {
		return stack.Trace{}, fmt.Errorf("stack: %w", err)
	}
	st := stack.Parse(string(text))
	if len(st.Frames) == 0 {
		return st, &problem.Problem{File: c.Stack, What: "holds no stack trace that can be read", Hint: "give the lines with files and line numbers"}
	}
	return st, nil
}

// frames are those of the program itself before those of libraries.
func frames(st stack.Trace) []evidence.Frame {
	var own, others []evidence.Frame
	for _, f := range st.Frames {
		if f.Origin == stack.Own {
			own = append(own, f.Frame)
		} else {
			others = append(others, f.Frame)
		}
	}
	return append(own, others...)
}

// chain prints the steps.
func (p *page) chain(t traced) {
	if t.Error != "" {
		p.line("%s\n", p.fit(plain(t.Error), 0))
	}
	rows := [][]string{{"STEP", "ID", "TITLE", "WHERE"}}
	for _, s := range t.Trace {
		where := s.Path
		if s.Line > 0 {
			where = fmt.Sprintf("%s:%d", s.Path, s.Line)
		}
		if s.Kind == "code" {
			where = path.Dir(s.Path)
		}
		step := s.Kind
		if s.Inferred {
			step += " ?"
		}
		rows = append(rows, []string{step, plain(s.ID), plain(s.Title), plain(where)})
	}
	if len(t.Trace) > 0 {
		p.table(rows)
	}
	for _, s := range t.Trace {
		switch {
		case s.Why != "" && s.Inferred:
			p.line("\n? %s %s: %s (score %.2f)", s.Kind, plain(s.ID), plain(s.Why), s.Score)
		case s.Why != "":
			p.line("\n  %s %s: %s", s.Kind, plain(s.ID), plain(s.Why))
		}
		for _, o := range s.Others {
			p.line("  or %s: %s (score %.2f)", plain(o.ID), plain(o.Why), o.Score)
		}
		if len(s.Missing) > 0 {
			p.line("\n%s says nothing about: %s", plain(s.ID), strings.Join(s.Missing, ", "))
		}
	}
	for _, n := range t.Notes {
		p.line("\n! %s", p.fit(plain(n), 2))
	}
}
