package document

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/decide"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/outside"
	"github.com/holdfast-sre/holdfast/internal/quantity"
)

// Mark begins every question that the record can't answer.
const Mark = "TODO(human):"

// ask is a question for a person.
func ask(question string) string { return Mark + " " + question }

// say escapes text for Markdown; nothing said stays empty.
func say(s string) string { return outside.Markdown(s, 500) }

// code is an identifier, path or query.
func code(s string) string { return outside.Code(s, 300) }

// sentence ends s with one full stop.
func sentence(s string) string {
	s = strings.TrimRight(strings.TrimSpace(s), ".")
	if s == "" {
		return ""
	}
	return s + "."
}

func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

func clock(t time.Time) string { return t.UTC().Format("15:04:05") }

func likely(p float64) string {
	return fmt.Sprintf("%s (%s)", decide.Likelihood(p), decide.Probability(p))
}

// mechanism is the cause in words.
func mechanism(h diagnose.Hypothesis) string {
	if m := say(strings.TrimRight(h.Mechanism, ". ")); m != "" {
		return m
	}
	return say(class(h.CauseClass) + " in " + cmp.Or(h.Component, "an unknown component"))
}

// class is a cause class for people: "resource exhaustion, connection pool".
func class(c diagnose.CauseClass) string {
	return strings.NewReplacer("_", " ", ".", ", ").Replace(string(c))
}

func actor(name string) string {
	switch name {
	case incident.ActorAgent:
		return "Holdfast (agent)"
	case incident.ActorRule:
		return "Holdfast (rule)"
	case incident.ActorSystem:
		return "Holdfast"
	case "":
		return "not recorded"
	}
	return say(name)
}

func describe(a action.Action) string {
	verb := a.Name
	if a.Name == action.ProcessRestart {
		verb = "restart"
	}
	return say(verb + " of " + cmp.Or(a.Service, a.Target.Name))
}

func between(from, to time.Time) string { return quantity.Duration(to.Sub(from)) }

// table collects rows of a Markdown table.
type table struct{ b strings.Builder }

func newTable(head ...string) *table {
	t := &table{}
	t.row(head...)
	rule := make([]string, len(head))
	for i := range rule {
		rule[i] = "---"
	}
	t.row(rule...)
	return t
}

// row adds a row. The cells are Markdown already; only what would end a cell is
// escaped here, code spans included, where a table shows \| as |.
func (t *table) row(cells ...string) {
	t.b.WriteByte('|')
	for _, c := range cells {
		t.b.WriteByte(' ')
		for i := range len(c) {
			if c[i] == '|' && (i == 0 || c[i-1] != '\\') {
				t.b.WriteByte('\\')
			}
			t.b.WriteByte(c[i])
		}
		t.b.WriteString(" |")
	}
	t.b.WriteByte('\n')
}

func (t *table) String() string { return t.b.String() }
