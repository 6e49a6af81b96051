package lint

import (
	"fmt"
	"slices"

	"github.com/holdfast-sre/holdfast/internal/problem"
)

// Files are the contents of a small repository by path.
type Files map[string]string

// Rule is one thing that is checked, with the text of its page.
type Rule struct {
	Name     string // kebab case; stays what it is once released
	Severity Severity
	What     string // what it finds, one sentence
	Why      string // what it costs during an incident, one sentence
	Fix      string // how to mend it, a paragraph
	Detail   string // what counts and what does not, for the page
	Bad      Files  // a repository in which exactly this rule finds something
	Good     Files  // the same, mended
	run      func(*check)
}

// Page is the path of the rule's page in the project's documentation.
func (r Rule) Page() string { return "docs/lint/" + r.Name + ".md" }

// URL is where the page of the rule is read.
func (r Rule) URL() string { return "https://github.com/holdfast-sre/holdfast/blob/main/" + r.Page() }

// Rules returns every rule: references first, then the chain of artefacts, the
// life of decisions, operations, and the files themselves.
func Rules() []Rule {
	return slices.Concat(referenceRules(), chainRules(), lifeRules(), operationRules(), fileRules())
}

// selected are the rules of a run.
func selected(o Options) ([]Rule, error) {
	all := Rules()
	var names []string
	for _, r := range all {
		names = append(names, r.Name)
	}
	for _, n := range slices.Concat(o.Rules, o.Skip) {
		if !slices.Contains(names, n) {
			hint := "holdfast knowledge lint --list names them"
			if near := problem.Nearest(n, names); near != "" {
				hint = fmt.Sprintf("did you mean %q?", near)
			}
			return nil, problem.Hinted(fmt.Errorf("there is no rule %q", n), hint)
		}
	}
	return slices.DeleteFunc(all, func(r Rule) bool {
		return len(o.Rules) > 0 && !slices.Contains(o.Rules, r.Name) || slices.Contains(o.Skip, r.Name)
	}), nil
}
