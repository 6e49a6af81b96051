package finding

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/holdfast-sre/holdfast/internal/outside"
)

// Summary is one sentence about a report.
func (r Report) Summary() string {
	n := len(r.Findings)
	if n == 0 {
		return fmt.Sprintf("No findings in %s.", r.scope())
	}
	errs := r.Count(Error)
	warnings := r.Count(Warning) - errs
	return fmt.Sprintf("%s in %s: %s, %s, %s.", plural(n, "finding"), r.scope(),
		plural(errs, "error"), plural(warnings, "warning"), plural(n-errs-warnings, "note"))
}

// scope is what was looked at.
func (r Report) scope() string {
	s := plural(r.Files, "file")
	if r.Tool.Artefacts {
		s += " with " + plural(r.Artefacts, "artefact")
	}
	return s
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// Table prints "FILE:LINE[:COLUMN]  severity  rule  what", a hint below each, and a summary.
func (r Report) Table(w io.Writer) error {
	var rows, out strings.Builder
	t := tabwriter.NewWriter(&rows, 0, 4, 2, ' ', 0)
	for _, f := range r.Findings {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", shown(f.place()), f.Severity, f.Rule, shown(f.What))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	i := 0
	for row := range strings.Lines(rows.String()) {
		out.WriteString(row)
		if fix := r.Findings[i].Fix; fix != "" {
			fmt.Fprintf(&out, "  hint: %s\n", shown(fix))
		}
		i++
	}
	if i > 0 {
		out.WriteByte('\n')
	}
	out.WriteString(r.Summary() + r.hidden() + "\n")
	_, err := io.WriteString(w, out.String())
	return err
}

func (r Report) hidden() string {
	if r.Suppressed == 0 {
		return ""
	}
	return fmt.Sprintf(" %s switched off by comments.", plural(r.Suppressed, "finding"))
}

// shown makes text from documents safe for a terminal.
func shown(s string) string { return outside.Line(s, 300) }

// Markdown prints the findings as a table for a comment on a change.
func (r Report) Markdown(w io.Writer) error {
	var out strings.Builder
	fmt.Fprintf(&out, "### %s\n\n%s\n", r.Tool.Title, r.Summary()+r.hidden())
	if len(r.Findings) > 0 {
		out.WriteString("\n| where | severity | rule | what | what to do |\n| --- | --- | --- | --- | --- |\n")
	}
	for _, f := range r.Findings {
		fmt.Fprintf(&out, "| %s | %s | [%s](%s) | %s | %s |\n", cell(f.place()), f.Severity, f.Rule, r.pageOf(f.Rule), cell(f.What), cell(f.Fix))
	}
	_, err := io.WriteString(w, out.String())
	return err
}

func cell(s string) string { return outside.Markdown(s, 300) }

// place is where the finding stands, as editors open it.
func (f Finding) place() string {
	if f.Column > 0 {
		return fmt.Sprintf("%s:%d:%d", f.File, f.Line, f.Column)
	}
	return fmt.Sprintf("%s:%d", f.File, f.Line)
}

// pageOf is the page that explains a rule.
func (r Report) pageOf(name string) string {
	for _, rule := range r.Tool.Rules {
		if rule.Name == name {
			return rule.URL
		}
	}
	return ""
}

// document is the JSON form of a report.
type document struct {
	Findings []entry `json:"findings"`
	Summary  summary `json:"summary"`
}

type entry struct {
	File     string   `json:"file"`
	Line     int      `json:"line"`
	Column   int      `json:"column,omitempty"`
	Rule     string   `json:"rule"`
	Severity Severity `json:"severity"`
	Artefact string   `json:"artefact,omitempty"`
	What     string   `json:"what"`
	Why      string   `json:"why"`
	Fix      string   `json:"fix"`
	Page     string   `json:"page"`
}

type summary struct {
	Files      int  `json:"files"`
	Artefacts  *int `json:"artefacts,omitempty"`
	Errors     int  `json:"errors"`
	Warnings   int  `json:"warnings"`
	Notes      int  `json:"notes"`
	Suppressed int  `json:"suppressed"`
}

// JSON prints the findings with everything about them, in order.
func (r Report) JSON(w io.Writer) error {
	errs := r.Count(Error)
	warnings := r.Count(Warning) - errs
	d := document{Findings: []entry{}, Summary: summary{Files: r.Files, Errors: errs, Warnings: warnings, Notes: len(r.Findings) - errs - warnings, Suppressed: r.Suppressed}}
	if r.Tool.Artefacts {
		d.Summary.Artefacts = &r.Artefacts
	}
	for _, f := range r.Findings {
		d.Findings = append(d.Findings, entry{f.File, f.Line, f.Column, f.Rule, f.Severity, f.Artefact, f.What, f.Why, f.Fix, r.pageOf(f.Rule)})
	}
	return encode(w, d)
}

func encode(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}
