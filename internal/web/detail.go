package web

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/change"
	"github.com/holdfast-sre/holdfast/internal/cluster"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/outside"
	"github.com/holdfast-sre/holdfast/internal/quantity"
)

// The bounds of what the page tells of one item; all of it is in the JSON.
const (
	maxDetails = 6
	maxDetail  = 240
)

// details are the few lines of an item that a person would look for in its
// data, the worst first. Metrics have charts, and failures nothing to tell.
func details(it evidence.Item) []string {
	var all []string
	switch it.Kind {
	case evidence.KindLogs:
		all = told(it, logLines)
	case evidence.KindTraces:
		all = told(it, traceLines)
	case evidence.KindCluster:
		all = told(it, clusterLines)
	case evidence.KindDatabase:
		all = told(it, databaseLines)
	case evidence.KindChanges:
		all = told(it, changeLines)
	case evidence.KindRuntime:
		all = told(it, runtimeLines)
	case evidence.KindAlerts:
		all = told(it, alertLines)
	}
	out := make([]string, 0, maxDetails+1)
	for _, s := range all[:min(len(all), maxDetails)] {
		out = append(out, outside.Line(s, maxDetail))
	}
	if n := len(all) - maxDetails; n > 0 {
		out = append(out, fmt.Sprintf("and %d more", n))
	}
	return out
}

// told reads the data of an item; data of another shape tell nothing.
func told[T any](it evidence.Item, lines func(T) []string) []string {
	v, err := evidence.Decode[T](it)
	if err != nil {
		return nil
	}
	return lines(v)
}

func logLines(l evidence.Logs) (out []string) {
	ts := slices.Clone(l.Templates)
	slices.SortStableFunc(ts, func(a, b evidence.Template) int {
		return cmp.Or(-compareBool(a.New, b.New), cmp.Compare(b.Count-b.Before, a.Count-a.Before))
	})
	for _, t := range ts {
		text := cmp.Or(t.Sample, t.Text)
		if t.New {
			out = append(out, fmt.Sprintf("new, %d times: %s", t.Count, text))
			continue
		}
		out = append(out, fmt.Sprintf("%d times, %d before: %s", t.Count, t.Before, text))
	}
	return slices.Insert(out, min(len(out), maxDetails-min(len(l.Fallen), maxQuiet)), quiet(l.Fallen)...)
}

// maxQuiet is how many of the lines that come less often keep their place.
const maxQuiet = 2

// quiet are the lines that come no more or less often than before.
func quiet(ts []evidence.Template) (out []string) {
	for _, t := range ts {
		text := cmp.Or(t.Sample, t.Text)
		if t.Count == 0 {
			out = append(out, fmt.Sprintf("no more, %d times before: %s", t.Before, text))
			continue
		}
		out = append(out, fmt.Sprintf("only %d times, %d before: %s", t.Count, t.Before, text))
	}
	return out
}

// traceLines are the operations that fail or take longer than before, and the
// calls whose time between the two services grew.
func traceLines(t evidence.Traces) (out []string) {
	ops := slices.DeleteFunc(slices.Clone(t.Operations), func(o evidence.Operation) bool {
		return o.Now.Count == 0 || o.Now.Errors <= o.Before.Errors && (o.Before.Count == 0 || o.Now.P95 <= 1.5*o.Before.P95)
	})
	slices.SortStableFunc(ops, func(a, b evidence.Operation) int {
		return cmp.Or(cmp.Compare(b.Now.Errors-b.Before.Errors, a.Now.Errors-a.Before.Errors), cmp.Compare(b.Now.P95-b.Before.P95, a.Now.P95-a.Before.P95))
	})
	for _, o := range ops {
		out = append(out, fmt.Sprintf("%s %s: p95 %s%s", o.Service, o.Name, beside(o.Now.P95, o.Before.P95, "s", o.Before.Count), failing(o)))
	}
	for _, c := range t.Calls {
		if c.Before.Gaps > 0 && c.Now.GapP95 > 2*c.Before.GapP95 {
			out = append(out, fmt.Sprintf("between %s and %s: p95 %s", c.Caller, c.Callee, beside(c.Now.GapP95, c.Before.GapP95, "s", c.Before.Gaps)))
		}
	}
	return out
}

func failing(o evidence.Operation) string {
	if o.Now.Errors == 0 {
		return ""
	}
	return ", errors " + beside(o.Now.Errors, o.Before.Errors, "ratio", o.Before.Count)
}

// beside compares with before when there was anything before.
func beside(now, before float64, unit string, count int) string {
	if count == 0 {
		return quantity.Format(now, unit) + " (not seen before)"
	}
	return quantity.Compared(now, before, unit)
}

// clusterLines are the workloads without all their pods, the containers that
// wait, and the latest warnings.
func clusterLines(s cluster.State) (out []string) {
	for _, w := range s.Workloads {
		if w.Kind != "ReplicaSet" && w.Ready < w.Desired {
			out = append(out, fmt.Sprintf("%s %s: %d of %d pods ready", w.Kind, w.Name, w.Ready, w.Desired))
		}
	}
	for _, p := range s.Pods {
		for _, c := range p.Containers {
			if c.State.Kind == "waiting" && c.State.Reason != "" && !c.Ready {
				out = append(out, strings.TrimSuffix(fmt.Sprintf("%s, container %s waits: %s: %s", p.Name, c.Name, c.State.Reason, c.State.Message), ": "))
			}
		}
	}
	warnings := slices.DeleteFunc(slices.Clone(s.Events), func(e cluster.Event) bool { return e.Type != "Warning" })
	slices.SortStableFunc(warnings, func(a, b cluster.Event) int { return b.Last.Compare(a.Last) })
	for _, e := range warnings {
		out = append(out, fmt.Sprintf("%s %s%s %s%s: %s", e.Kind, e.Name, clockOf(e.Last), e.Reason, times(e.Count), e.Message))
	}
	for _, u := range s.Unread {
		out = append(out, "not read: "+u)
	}
	return out
}

// databaseLines are who holds sessions, who waits for whom, and the statements
// with the most load.
func databaseLines(d evidence.Database) (out []string) {
	for _, l := range d.Locks {
		out = append(out, strings.TrimSuffix(fmt.Sprintf("%s waits %s for %s, which is %s on %s", l.Blocked, quantity.Duration(l.Waiting), l.Blocking,
			cmp.Or(l.HolderState, "at work"), l.Relation), " on "))
	}
	for _, c := range d.Connections {
		line := fmt.Sprintf("%d sessions of %s, %s", c.Count, cmp.Or(c.Application, c.User, "an unknown client"), cmp.Or(c.State, "state hidden"))
		if c.Oldest > 0 {
			line += " for up to " + quantity.Duration(c.Oldest)
		}
		out = append(out, line)
	}
	for _, q := range d.Queries {
		out = append(out, statement(q))
	}
	for _, r := range d.Replica {
		out = append(out, r.Name+" is "+quantity.Duration(r.Lag)+" behind")
	}
	for _, u := range d.Unread {
		out = append(out, "not read: "+u)
	}
	return out
}

func statement(q evidence.DBQuery) string {
	var parts []string
	if q.Running > 0 {
		parts = append(parts, "runs for "+quantity.Duration(q.Running))
	}
	if q.Load > 0 {
		parts = append(parts, quantity.Format(q.Load, "sessions at work"))
	}
	if q.Mean > 0 {
		parts = append(parts, quantity.Format(q.Mean.Seconds(), "s")+" each")
	}
	return strings.Join(append(parts, q.Text), " · ")
}

func changeLines(c evidence.Changes) (out []string) {
	if len(c.Changes) == 1 {
		return nil // the claim tells it
	}
	for _, x := range c.Changes {
		out = append(out, changeLine(x))
	}
	return out
}

func changeLine(x change.Change) string {
	version := x.Version
	if x.Previous != "" && version != "" {
		version = x.Previous + " → " + version
	}
	head := strings.Join(strings.Fields(string(x.Kind)+" "+x.Service+" "+version), " ") + clockOf(x.At)
	if x.Summary == "" {
		return head
	}
	return head + ": " + x.Summary
}

func runtimeLines(r evidence.Runtime) (out []string) {
	if len(r.Instances) == 1 {
		return nil // the claim tells it
	}
	for _, i := range r.Instances {
		line := strings.Join(strings.Fields(i.Name+" "+i.Version+" "+i.State), " ")
		if !i.StartedAt.IsZero() {
			line += " since" + strings.TrimPrefix(clockOf(i.StartedAt), " at")
		}
		out = append(out, fmt.Sprintf("%s, restarts %d", line, i.Restarts))
	}
	return out
}

func alertLines(a evidence.Alerts) (out []string) {
	for _, s := range a.Alerts {
		labels := make([]string, 0, len(s.Labels))
		for _, k := range slices.Sorted(maps.Keys(s.Labels)) {
			labels = append(labels, k+"="+s.Labels[k])
		}
		out = append(out, strings.TrimSpace(s.Name+clockOf(s.StartsAt)+" "+strings.Join(labels, " ")))
	}
	return out
}

// clockOf is " at 14:02:05", with the date, since evidence may be days old.
func clockOf(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return " at " + t.UTC().Format("2 Jan 15:04:05")
}

func times(n int) string {
	if n < 2 {
		return ""
	}
	return fmt.Sprintf(" ×%d", n)
}
