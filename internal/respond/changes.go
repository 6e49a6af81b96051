package respond

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/decide"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/redact"
	"github.com/holdfast-sre/holdfast/internal/signal"
)

const (
	notKnown = "not known"
	maxShown = 500 // bytes of a parameter that people are shown
)

// changes says what an action changes: how it is now, and how it will be.
func changes(p plan, running decide.Count, hide *redact.Redactor) []incident.Change {
	var out []incident.Change
	add := func(what, before, after string) {
		if before == "" {
			before = notKnown
		}
		out = append(out, incident.Change{What: what, Before: hide.String(before), After: hide.String(after)})
	}
	switch p.Action.Name {
	case "":
		return nil
	case action.ProcessRestart:
		now := ""
		if p.Generation != "" {
			now = "runs, generation " + p.Generation
		}
		add("process "+p.Action.Target.Name, now, "ended and started again: another process ID; what it keeps in memory is gone")
		if running.Known {
			add("running instances", fmt.Sprint(running.N), fmt.Sprint(max(running.N, 1)))
		}
	case action.HTTPCall:
		method := p.Action.Params["method"]
		if method == "" {
			method = "POST"
		}
		add("request", "not sent", method+" "+p.Action.Params["url"])
		for _, k := range slices.Sorted(maps.Keys(p.Action.Params)) {
			if k != "url" && k != "method" {
				add("request "+strings.ReplaceAll(k, "_", " "), "not sent", clipped(p.Action.Params[k]))
			}
		}
	default:
		for _, k := range slices.Sorted(maps.Keys(p.Action.Params)) {
			add(strings.ReplaceAll(k, "_", " "), "", clipped(p.Action.Params[k]))
		}
	}
	if p.Undo != nil {
		add("can be taken back", "nothing to take back", "by "+describe(*p.Undo))
	}
	return out
}

// clipped says what it leaves out.
func clipped(text string) string {
	if len(text) <= maxShown {
		return text
	}
	return fmt.Sprintf("%s … (%d bytes)", strings.ToValidUTF8(text[:maxShown], ""), len(text))
}

// declaredBy are the people who declared the incident, each once.
func (s snapshot) declaredBy() []string {
	var out []string
	for _, sig := range s.signals {
		if by := sig.Labels["declared_by"]; sig.Kind == signal.Declared && by != "" && !slices.Contains(out, by) {
			out = append(out, by)
		}
	}
	return out
}

// requesters are those who asked for what a proposal offers: the people whom it
// names, and whoever declared the incident since.
func (s snapshot) requesters(p incident.Proposal) []string {
	out := slices.Clone(p.Requesters)
	for _, by := range s.declaredBy() {
		if !slices.Contains(out, by) {
			out = append(out, by)
		}
	}
	return out
}
