package respond

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/incident"
)

// TraceQuery says where a trace starts.
type TraceQuery struct {
	Service  catalog.Service
	Frames   []evidence.Frame // innermost first
	Revision string           // that runs; empty = not known
	Cause    diagnose.CauseClass
	Bolts    []string // work items that changes name
}

// TraceStep is one step of the chain.
type TraceStep = incident.TraceStep

// traceBack follows the failing code to the requirement behind it: from the
// stacks of the component at fault, else from those of the affected services,
// else from the work items that the component's changes name. from is the
// service whose code it starts from. What the component at fault said once is
// not given up for what others say later: it may have fallen silent.
func (r *Responder) traceBack(ctx context.Context, s snapshot, f findings) (steps []TraceStep, from string) {
	top, ok := f.diagnose.Top()
	if r.Tracer == nil || !ok {
		return nil, ""
	}
	steps, from = r.traceFresh(ctx, s, f, top)
	if closeness(s.inc.Trace, s.progress.TracedFrom, top.Component) > closeness(steps, from, top.Component) {
		return s.inc.Trace, s.progress.TracedFrom
	}
	return steps, from
}

// closeness orders chains by where they start: at code of the component at
// fault, at code of another service, at a work item, nowhere.
func closeness(steps []TraceStep, from, component string) int {
	code := len(steps) > 0 && steps[0].Kind == "code"
	switch {
	case len(steps) == 0 || from == "":
		return 0
	case code && from == component:
		return 3
	case code:
		return 2
	}
	return 1
}

func (r *Responder) traceFresh(ctx context.Context, s snapshot, f findings, top diagnose.Hypothesis) ([]TraceStep, string) {
	for _, q := range r.traceQueries(top, s.inc.Services, f.items) {
		steps, err := r.Tracer.Trace(ctx, q)
		if err != nil {
			r.Log.WarnContext(ctx, "trace chain is incomplete", "service", q.Service.Name, "error", err)
		}
		if len(steps) > 0 {
			return r.redacted(steps), q.Service.Name
		}
	}
	return nil, ""
}

// redacted hides what a commit's subject, an artefact's title or a file name may
// give away.
func (r *Responder) redacted(steps []TraceStep) []TraceStep {
	hide := r.Redactor.Text
	for i, s := range steps {
		s.ID, s.Title, s.Path, s.Why = hide(s.ID), hide(s.Title), hide(s.Path), hide(s.Why)
		s.Others = slices.Clone(s.Others)
		for j, o := range s.Others {
			s.Others[j].ID, s.Others[j].Why = hide(o.ID), hide(o.Why)
		}
		steps[i] = s
	}
	return steps
}

// traceQueries are the places to start from, best first.
func (r *Responder) traceQueries(top diagnose.Hypothesis, affected []string, items []evidence.Item) []TraceQuery {
	var out []TraceQuery
	from := func(name string, frames []evidence.Frame) {
		if svc, ok := r.Catalog.Service(name); ok && svc.Repository.Path != "" {
			out = append(out, TraceQuery{
				Service: svc, Frames: frames, Revision: runningRevision(items, name), Cause: top.CauseClass, Bolts: bolts(items, name),
			})
		}
	}
	names := []string{top.Component}
	for _, name := range affected {
		if name != top.Component {
			names = append(names, name)
		}
	}
	for _, name := range names {
		for _, stack := range stacks(items, name) {
			from(name, stack)
		}
	}
	if len(bolts(items, top.Component)) > 0 {
		from(top.Component, nil)
	}
	return out
}

// stacks are the stack traces that a service logged.
func stacks(items []evidence.Item, service string) [][]evidence.Frame {
	var out [][]evidence.Frame
	for _, it := range items {
		if it.Kind != evidence.KindLogs || it.Service != service {
			continue
		}
		if logs, err := evidence.Decode[evidence.Logs](it); err == nil {
			out = append(out, logs.Stacks...)
		}
	}
	return out
}

// runningRevision is the revision that the runtime says it runs.
func runningRevision(items []evidence.Item, service string) string {
	for _, it := range items {
		if it.Kind != evidence.KindRuntime || it.Service != service {
			continue
		}
		rt, err := evidence.Decode[evidence.Runtime](it)
		if err != nil {
			continue
		}
		for _, i := range rt.Instances {
			if i.Revision != "" {
				return i.Revision
			}
		}
	}
	return ""
}

func bolts(items []evidence.Item, service string) []string {
	var out []string
	for _, it := range items {
		if it.Kind != evidence.KindChanges {
			continue
		}
		cs, err := evidence.Decode[evidence.Changes](it)
		if err != nil {
			continue
		}
		for _, c := range cs.Changes {
			if c.Service == service && c.Bolt != "" && !slices.Contains(out, c.Bolt) {
				out = append(out, c.Bolt)
			}
		}
	}
	return out
}

// traceText is the chain in one line: outbox_worker.go:78 → BOLT-045 → ADR-023.
func traceText(steps []TraceStep) string {
	var parts, missing []string
	for _, st := range steps {
		switch st.Kind {
		case "code":
			parts = append(parts, fmt.Sprintf("%s:%d", st.Path[strings.LastIndex(st.Path, "/")+1:], st.Line))
		case "commit":
		default:
			id := st.ID
			if st.Inferred {
				id += " (inferred)"
			}
			parts = append(parts, id)
		}
		for _, m := range st.Missing {
			missing = append(missing, st.ID+" says nothing about "+m)
		}
	}
	text := strings.Join(parts, " → ")
	if len(missing) > 0 {
		text += "; " + strings.Join(missing, ", ")
	}
	return text
}
