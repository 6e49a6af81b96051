package boundary

import (
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/severity"
	"github.com/holdfast-sre/holdfast/internal/strict"
)

// Reading is how one rule of the file answers to facts.
type Reading struct {
	Rule     string   `json:"rule"`
	File     string   `json:"file"`
	Line     int      `json:"line"`
	Autonomy Autonomy `json:"autonomy"`
	Matches  bool     `json:"matches"`
	// Missing are the reasons why it does not match; the fewer, the nearer.
	Missing []string `json:"missing,omitempty"`
}

// Place is FILE:LINE of the rule.
func (r Reading) Place() string { return fmt.Sprintf("%s:%d", r.File, r.Line) }

// Explain returns how each rule of the file answers, in its order.
func (s *Set) Explain(f Facts) []Reading {
	out := make([]Reading, 0, len(s.file.Rules))
	for i, r := range s.file.Rules {
		read := Reading{Rule: r.Name, File: s.name, Line: strict.At(s.node, "rules", i).Line, Autonomy: r.Autonomy}
		read.Missing = s.missingFor(i, f)
		read.Matches = len(read.Missing) == 0
		out = append(out, read)
	}
	return out
}

func (s *Set) missingFor(i int, f Facts) []string {
	r := s.file.Rules[i]
	var out []string
	list := func(what string, names []string, v string, ok bool) {
		if !ok {
			out = append(out, fmt.Sprintf("%s is %s, not %s", what, v, strings.Join(names, " or ")))
		}
	}
	list("action", r.Actions, f.Action.Name, slices.Contains(r.Actions, f.Action.Name))
	list("environment", r.Environments, f.Action.Target.Environment, matches(r.Environments, f.Action.Target.Environment))
	list("service", r.Services, f.Action.Service, matches(r.Services, f.Action.Service))
	list("runbook", r.Runbooks, f.Runbook, matches(r.Runbooks, f.Runbook))
	if len(r.Severities) > 0 && !slices.Contains(r.Severities, f.Severity) {
		out = append(out, fmt.Sprintf("severity is %s, not %s", f.Severity, joined(r.Severities)))
	}
	if len(out) == 0 && f.Now.IsZero() && len(r.During)+len(r.Outside) > 0 {
		return nil // it decides: what can't be judged is denied
	}
	if len(r.During) > 0 && s.within(r.During, f.Now) == "" {
		out = append(out, "it is not during "+strings.Join(r.During, " or "))
	}
	if in := s.within(r.Outside, f.Now); in != "" {
		out = append(out, "it is during "+in)
	}
	switch ok, err := s.rules[i].when.holds(f.activation()); {
	case err != nil && len(out) == 0:
		return nil // it decides: what can't be judged is denied
	case err == nil && !ok:
		out = append(out, fmt.Sprintf("its condition does not hold: %s", r.When))
	}
	return out
}

func joined(list []severity.Severity) string {
	var out []string
	for _, s := range list {
		out = append(out, s.String())
	}
	return strings.Join(out, " or ")
}

// Where returns FILE:LINE of what an answer's rule names, or of one entry of the
// parts freezes, maintenance and must_escalate. It is empty for what no file says.
func (s *Set) Where(part, name string) string {
	var names []string
	switch part {
	case "rules":
		for _, r := range s.file.Rules {
			names = append(names, r.Name)
		}
	case "freezes":
		for _, f := range s.file.Freezes {
			names = append(names, f.Name)
		}
	case "maintenance":
		for _, m := range s.file.Maintenance {
			names = append(names, m.Name)
		}
	case "must_escalate":
		for _, c := range s.file.MustEscalate {
			names = append(names, c.Name)
		}
	}
	i := slices.Index(names, name)
	if s.name == "" || i < 0 {
		return ""
	}
	return fmt.Sprintf("%s:%d", s.name, strict.At(s.node, part, i).Line)
}
