// Package delegate reads what a person asks the agent to do: a task of one
// action on one service, or of one runbook, perhaps with a time to watch. It
// understands a small, closed way of speaking and refuses the rest: nothing is
// done on half an understanding. It does no I/O.
package delegate

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/outside"
	"github.com/holdfast-sre/holdfast/internal/problem"
)

// The bounds of a task.
const (
	maxText  = 500            // bytes
	MaxWhy   = 300            // bytes of a reason
	MaxWatch = 24 * time.Hour // longer is the work of an alert rule
)

// Task is what a person delegates: either Action or Runbook is set.
type Task struct {
	Text        string            `json:"text"`              // as it was said, one line
	Action      string            `json:"action,omitempty"`  // process.restart, …
	Runbook     string            `json:"runbook,omitempty"` // name
	Service     string            `json:"service"`           // catalog name
	Environment string            `json:"environment,omitempty"`
	Params      map[string]string `json:"params,omitempty"`
	Watch       time.Duration     `json:"watch,omitempty"` // 0 = not asked for
	Why         string            `json:"why,omitempty"`   // of parts: the person's reason; words say it themselves
}

// Names are what a task may name: all else is not understood.
type Names struct {
	Services     []string
	Environments []string
	Runbooks     []string
}

// verbs are the words for each action; each takes a service behind it.
var verbs = map[string]string{
	"restart": action.ProcessRestart, "bounce": action.ProcessRestart, "reboot": action.ProcessRestart,
}

var howTo = "say it as: restart SERVICE [on ENVIRONMENT] [and watch for 10 min], or: run RUNBOOK for SERVICE [and watch for 10 min]"

// Parse reads a task. The error says what was not understood, and its hint how
// it can be said.
func Parse(text string, n Names) (Task, error) {
	t := Task{Text: outside.Line(text, maxText)}
	if len(text) > maxText {
		return Task{}, problem.Hinted(fmt.Errorf("a task of %d bytes is too long: %d at most", len(text), maxText), howTo)
	}
	words := split(text)
	if len(words) == 0 {
		return Task{}, problem.Hinted(errors.New("the task is empty"), howTo)
	}
	p := parser{words: words, names: n, task: &t}
	if err := p.all(); err != nil {
		return Task{}, err
	}
	return t, nil
}

// split makes words of a text: punctuation between clauses stands alone, that at
// the end goes away.
func split(text string) []string {
	var out []string
	for _, w := range strings.Fields(text) {
		end := strings.TrimRight(w, ",;")
		if end = strings.TrimRight(end, "."); end != "" {
			out = append(out, end)
		}
		if strings.ContainsAny(w[len(end):], ",;") {
			out = append(out, "and")
		}
	}
	return out
}
