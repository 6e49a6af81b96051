// Package finding knows how what a linter found is told: to people in a
// terminal or a comment on a change, and to machines as JSON and SARIF. Which
// rules there are is the linter's.
package finding

import (
	"cmp"
	"slices"
	"strings"
)

// Severity says how much a finding matters.
type Severity string

// The severities. An error makes a check fail.
const (
	Error   Severity = "error"   // wrong, and it will mislead somebody
	Warning Severity = "warning" // missing or doubtful
	Note    Severity = "note"    // worth knowing
)

// AtLeast reports whether s is as grave as least, or graver.
func (s Severity) AtLeast(least Severity) bool { return s.rank() >= least.rank() }

func (s Severity) rank() int {
	return slices.Index([]Severity{Note, Warning, Error}, s)
}

// Finding is one thing that is wrong, and where.
type Finding struct {
	File     string // as a reader of the report finds it
	Line     int    // from 1
	Column   int    // from 1; 0 = the whole line
	Rule     string
	Severity Severity
	Artefact string // ID of the artefact at fault; empty when the file is none
	What     string // one sentence, about this place
	Why      string // why the rule exists, one sentence
	Fix      string // what to do here
}

// Compare orders findings by file, place, rule and text.
func Compare(a, b Finding) int {
	return cmp.Or(strings.Compare(a.File, b.File), a.Line-b.Line, a.Column-b.Column, strings.Compare(a.Rule, b.Rule), strings.Compare(a.What, b.What))
}

// Rule is what a linter says about one of its rules.
type Rule struct {
	Name     string
	Severity Severity
	What     string // what it finds, one sentence
	Why      string // what it costs, one sentence
	Fix      string // how to mend it
	URL      string // page that explains it
}

// Tool is the linter that made a report.
type Tool struct {
	Name  string // holdfast knowledge lint
	Title string // of a comment on a change
	Rules []Rule
	// Artefacts: the report counts artefacts beside files.
	Artefacts bool
}

// Report is what a run found.
type Report struct {
	Tool       Tool
	Findings   []Finding // sorted
	Files      int       // that were read
	Artefacts  int
	Suppressed int // findings that files switch off with a reason
}

// Count is the number of findings that are at least so grave.
func (r Report) Count(least Severity) int {
	n := 0
	for _, f := range r.Findings {
		if f.Severity.AtLeast(least) {
			n++
		}
	}
	return n
}
