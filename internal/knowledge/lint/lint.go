// Package lint knows what is wrong with a knowledge repository before an
// incident finds out: references that lead nowhere, decisions without a way to
// watch them, and rollback procedures that destroy what they should save.
//
// It reads the Markdown files of the folders once more beside knowledge.Base,
// because a finding needs the line, the raw link and the code block that a model
// of artefacts leaves out. It executes nothing, opens nothing outside the
// folders, and gives the same findings in the same order for the same files.
package lint

import (
	"context"
	"fmt"
	"path"
	"slices"

	"github.com/holdfast-sre/holdfast/internal/finding"
	"github.com/holdfast-sre/holdfast/internal/knowledge"
)

// Severity says how much a finding matters.
type Severity = finding.Severity

// The severities. An error makes a check fail.
const (
	Error   = finding.Error
	Warning = finding.Warning
	Note    = finding.Note
)

// Finding is one thing that is wrong, and where: File is Folder.Prefix and the path.
type Finding = finding.Finding

// Report is what a run found: a hundred findings a rule and file at most.
type Report = finding.Report

// Folder is one folder of files to check.
type Folder struct {
	knowledge.Folder
	// Prefix stands before each path in findings, such as "docs".
	Prefix string
}

// Options select rules.
type Options struct {
	Rules []string // only these; all when empty
	Skip  []string // without these
}

// Run checks the folders that base was read from. It fails for a rule that does
// not exist, and for a context that ends.
func Run(ctx context.Context, base *knowledge.Base, folders []Folder, opts Options) (Report, error) {
	rules, err := selected(opts)
	if err != nil {
		return Report{}, err
	}
	w, err := read(ctx, base, folders)
	if err != nil {
		return Report{}, err
	}
	rep := Report{Tool: tool(), Files: len(w.docs), Artefacts: len(base.Artefacts())}
	for _, r := range rules {
		if err := ctx.Err(); err != nil {
			return Report{}, fmt.Errorf("lint: %w", err)
		}
		c := &check{world: w, rule: r, count: map[fileKey]int{}}
		r.run(c)
		rep.Findings = append(rep.Findings, c.found...)
		rep.Suppressed += c.suppressed
	}
	slices.SortFunc(rep.Findings, finding.Compare)
	rep.Findings = slices.Compact(rep.Findings)
	return rep, nil
}

// tool is what the report says about this linter.
func tool() finding.Tool {
	t := finding.Tool{Name: "holdfast knowledge lint", Title: "Knowledge repository", Artefacts: true}
	for _, r := range Rules() {
		t.Rules = append(t.Rules, finding.Rule{Name: r.Name, Severity: r.Severity, What: r.What, Why: r.Why, Fix: r.Fix, URL: r.URL()})
	}
	return t
}

// check is one rule at work.
type check struct {
	*world
	rule       Rule
	found      []Finding
	suppressed int
	count      map[fileKey]int // findings by file
}

// enough reports whether a file has so many findings that no more are looked for.
func (c *check) enough(s *source) bool { return c.count[fileKey{s.repo, s.path}] >= maxSame }

// place is where a finding stands.
type place struct {
	repo, path string
	line       int
	artefact   string
}

func at(a knowledge.Artefact) place { return place{a.Repo, a.Path, a.Line, a.ID} }

func (p place) on(line int) place {
	p.line = line
	return p
}

// report adds a finding of the rule's severity.
func (c *check) report(p place, what, fix string) { c.reportAs(c.rule.Severity, p, what, fix) }

func (c *check) reportAs(s Severity, p place, what, fix string) {
	if c.off(p.repo, p.path, c.rule.Name) {
		c.suppressed++
		return
	}
	k := fileKey{p.repo, p.path}
	if c.count[k]++; c.count[k] > maxSame {
		return // nobody reads that many
	}
	c.found = append(c.found, Finding{
		File: path.Join(c.prefix[p.repo], p.path), Line: max(p.line, 1), Rule: c.rule.Name, Severity: s, Artefact: p.artefact,
		What: what, Why: c.rule.Why, Fix: fix,
	})
}

// crowd is the number of artefacts from which a lack that all of them share is
// the way the repository is written, and said once.
const crowd = 5

// lacks reports the artefacts that lack something which others have. When more
// than crowd artefacts lack it and none has it, it is said once, as a note.
func (c *check) lacks(of, lacking []knowledge.Artefact, plural string, what func(knowledge.Artefact) (what, fix string)) {
	if len(lacking) > crowd && len(lacking) == len(of) {
		_, fix := what(lacking[0])
		c.reportAs(Note, at(lacking[0]), fmt.Sprintf("none of the %d %s", len(of), plural), fix)
		return
	}
	for _, a := range lacking {
		text, fix := what(a)
		c.report(at(a), text, fix)
	}
}
