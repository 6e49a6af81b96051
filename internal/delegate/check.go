package delegate

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/outside"
	"github.com/holdfast-sre/holdfast/internal/problem"
)

// Parts returns a task that was given in parts instead of words. Every name must
// be whole: nothing is guessed.
func Parts(t Task, n Names) (Task, error) {
	switch {
	case t.Action == "" && t.Runbook == "":
		return Task{}, problem.Hinted(errors.New("the task says nothing to do"), "give an action or a runbook")
	case t.Action != "" && t.Runbook != "":
		return Task{}, problem.Hinted(errors.New("one task does one thing"), "give an action or a runbook, not both")
	case t.Service == "":
		return Task{}, problem.Hinted(errors.New("the service is missing"), "name the service that it is for")
	case len(t.Why) > MaxWhy:
		return Task{}, problem.Hinted(fmt.Errorf("a reason of %d bytes is too long: %d at most", len(t.Why), MaxWhy), "say it in one sentence; the timeline takes the rest")
	case t.Watch < 0 || t.Watch > MaxWatch || t.Watch != 0 && t.Watch < time.Second:
		return Task{}, problem.Hinted(fmt.Errorf("%s is no time to watch for", t.Watch), fmt.Sprintf("from 1 second to %d hours", int(MaxWatch/time.Hour)))
	}
	for _, name := range []struct {
		what, name string
		known      []string
	}{{"action", t.Action, action.Names()}, {"runbook", t.Runbook, n.Runbooks}, {"service", t.Service, n.Services}, {"environment", t.Environment, n.Environments}} {
		if name.name != "" && !slices.Contains(name.known, name.name) {
			return Task{}, unknown(name.what, name.name, name.known)
		}
	}
	t.Why = outside.Line(t.Why, MaxWhy)
	t.Text = outside.Line(t.inWords(), maxText+MaxWhy)
	return t, nil
}

// inWords writes a task as a person could have said it.
func (t Task) inWords() string {
	words := t.Action + " of " + t.Service
	if t.Runbook != "" {
		words = "run " + t.Runbook + " for " + t.Service
	}
	if t.Environment != "" {
		words += " in " + t.Environment
	}
	for i, k := range slices.Sorted(maps.Keys(t.Params)) {
		if i == 0 {
			words += " with"
		}
		words += " " + k + "=" + t.Params[k]
	}
	if t.Watch > 0 {
		words += " and watch for " + t.Watch.String()
	}
	if t.Why != "" {
		words += ", because: " + t.Why
	}
	return words
}

// Check compares the parameters of a task with what its action takes.
func (t Task) Check() error {
	if t.Runbook != "" {
		if len(t.Params) > 0 {
			return problem.Hinted(errors.New("a runbook takes no parameters: it says itself what its actions get"), "leave out: with name=value")
		}
		return nil
	}
	spec, ok := action.Known(t.Action)
	if !ok {
		return unknown("action", t.Action, action.Names())
	}
	for _, k := range slices.Sorted(maps.Keys(t.Params)) {
		i := slices.IndexFunc(spec.Params, func(p action.Param) bool { return p.Name == k })
		if i < 0 {
			takes := make([]string, 0, len(spec.Params))
			for _, p := range spec.Params {
				takes = append(takes, p.Name)
			}
			hint := "it takes none"
			if len(takes) > 0 {
				hint = "it takes " + strings.Join(takes, ", ")
			}
			return problem.Hinted(fmt.Errorf("%s has no parameter %q", t.Action, outside.Line(k, 60)), hint)
		}
		if values := spec.Params[i].Values; len(values) > 0 && !slices.Contains(values, t.Params[k]) {
			return problem.Hinted(fmt.Errorf("parameter %s of %s can't be %q", k, t.Action, outside.Line(t.Params[k], 60)), "use one of "+strings.Join(values, ", "))
		}
		if v := t.Params[k]; len(v) > maxParam || strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return problem.Hinted(fmt.Errorf("parameter %s of %s is too long or has control characters", k, t.Action), fmt.Sprintf("%d bytes of one line at most", maxParam))
		}
	}
	return nil
}

const maxParam = 2000 // bytes of one parameter

func unknown(what, name string, known []string) error {
	hint := "there is none"
	if near := problem.Nearest(name, known); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	} else if len(known) > 0 {
		sorted := slices.Sorted(slices.Values(known))
		hint = "known: " + strings.Join(sorted[:min(len(sorted), 12)], ", ")
	}
	return problem.Hinted(fmt.Errorf("there is no %s %q", what, outside.Line(name, 60)), hint)
}
