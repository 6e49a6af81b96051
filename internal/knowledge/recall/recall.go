// Package recall knows which of the knowledge repository's incidents, playbook
// entries, runbooks and patterns are about the mechanism of a cause. It is pure,
// and finds words, not meaning.
package recall

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/knowledge"
)

// Match is an artefact that is about a mechanism.
type Match struct {
	Artefact knowledge.Artefact
	Section  string // heading; empty = the title says so
	Line     int
	Score    float64 // see Least
	Words    string  // by which the mechanism is named
	Names    string  // the component or service that is named beside it
}

// What a match is worth: the title says what a document is about; a section about
// the problem may name a mechanism in passing, and counts where the component or
// one of the services is named too. The test of this package and that of who uses
// it measure what is over Least.
const (
	inTitle   = 0.6
	inProblem = 0.4
	named     = 0.25
	Least     = 0.5
)

// Kinds are those of the artefacts that tell what once helped.
func Kinds() []knowledge.Kind {
	return []knowledge.Kind{knowledge.Incident, knowledge.Playbook, knowledge.Runbook, knowledge.Pattern}
}

// ByMechanism lists the artefacts about the mechanism of a class, the best first;
// of one score by ID. names are the component at fault and the affected services.
func ByMechanism(b *knowledge.Base, class diagnose.CauseClass, names []string) []Match {
	re := mechanism(class)
	if re == nil {
		return nil
	}
	var out []Match
	for _, a := range b.Artefacts() {
		if !slices.Contains(Kinds(), a.Kind) || a.Superseded() {
			continue
		}
		if m, ok := match(a, re, names); ok && m.Score >= Least {
			out = append(out, m)
		}
	}
	slices.SortStableFunc(out, func(x, y Match) int {
		return cmp.Or(cmp.Compare(y.Score, x.Score), cmp.Compare(x.Artefact.ID, y.Artefact.ID), cmp.Compare(x.Artefact.Path, y.Artefact.Path))
	})
	return out
}

func match(a knowledge.Artefact, re *regexp.Regexp, names []string) (Match, bool) {
	m := Match{Artefact: a, Line: a.Line}
	if w := re.FindString(a.Title); w != "" {
		m.Score, m.Words = inTitle, w
	} else if s, w := problem(a, re); w != "" {
		m.Score, m.Words, m.Section, m.Line = inProblem, w, s.Heading, s.Line
	} else {
		return Match{}, false
	}
	for _, n := range names {
		if n != "" && speaksOf(a, n) {
			m.Names = n
			m.Score += named
			break
		}
	}
	return m, true
}

// problemRE is how sections that say what went wrong are headed. Text before the
// first heading of its own counts too: a short entry has nothing else.
var problemRE = regexp.MustCompile(`(?i)\b(problem|symptoms?|issues?|when|trigger|summary|root cause|cause|what happened|why|impact|detection|alert)\b`)

// maxProblem bounds what is read of a section, in bytes.
const maxProblem = 4000

func problem(a knowledge.Artefact, re *regexp.Regexp) (knowledge.Section, string) {
	for i, s := range a.Sections {
		if i > 0 && !problemRE.MatchString(s.Heading) {
			continue
		}
		if w := re.FindString(s.Heading + "\n" + s.Text[:min(len(s.Text), maxProblem)]); w != "" {
			return s, w
		}
	}
	return knowledge.Section{}, ""
}

// speaksOf reports whether an artefact names a component, in its fields, title or
// text.
func speaksOf(a knowledge.Artefact, name string) bool {
	name = fold(name)
	holds := func(text string) bool {
		text = fold(text)
		for from := 0; ; {
			at := strings.Index(text[from:], name)
			if at < 0 {
				return false
			}
			at += from
			before, after := byte(' '), byte(' ')
			if at > 0 {
				before = text[at-1]
			}
			if end := at + len(name); end < len(text) {
				after = text[end]
			}
			if !inName(before) && !inName(after) {
				return true
			}
			from = at + 1
		}
	}
	if holds(a.Title) || slices.ContainsFunc(a.Meta, func(f knowledge.Field) bool { return holds(f.Value) }) {
		return true
	}
	return slices.ContainsFunc(a.Sections, func(s knowledge.Section) bool { return holds(s.Heading) || holds(s.Text) })
}

func fold(s string) string { return strings.ReplaceAll(strings.ToLower(s), "_", "-") }

func inName(c byte) bool {
	return c == '-' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 0x80
}
