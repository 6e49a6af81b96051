package runbook

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/cluster"
)

// defaultRuntimeSince is how far back warnings and ends for want of memory count.
const defaultRuntimeSince = time.Hour

func (a *answer) askRuntime(ctx context.Context, port Runtime, v Vars, d Diagnostic) {
	since := cmp.Or(d.Runtime.Since, defaultRuntimeSince)
	a.service, a.from = resolve(d.Runtime.Service, v.Service), v.Now.Add(-since)
	a.query = "what runs for " + a.service
	s, ok := v.Catalog.Service(a.service)
	if !ok {
		a.err = fmt.Errorf("service %q is not in the catalog", a.service)
		return
	}
	if port == nil {
		a.err = errNoPort
		return
	}
	got, err := port.Running(ctx, RuntimeQuestion{Source: d.Source, Environment: v.Environment, Service: s, Since: a.from, Now: v.Now})
	a.source = cmp.Or(got.Source, d.Source)
	if err != nil {
		a.err = err
		return
	}
	t := a.tally(got)
	parts := map[Part]any{PartRunning: float64(t.Running), PartRestarts: float64(t.Restarts)}
	if !t.Youngest.IsZero() {
		parts[PartUpMinutes] = v.Now.Sub(t.Youngest).Minutes()
	}
	said := fmt.Sprintf("%s: %d of %d instances of %s running", d.title(), t.Running, len(got.Instances), a.service)
	if len(got.Workloads) > 0 {
		said = fmt.Sprintf("%s: %s", d.title(), a.workloads(parts, t, got.Workloads, v.Now))
	}
	a.set(d, parts)
	a.summary = said
}

// tally counts over everything that runs for the service.
func (a *answer) tally(got RuntimeAnswer) cluster.Tally {
	var t cluster.Tally
	for _, in := range got.Instances {
		t.Restarts = max(t.Restarts, in.Restarts)
		if in.State != "running" {
			continue
		}
		t.Running++
		if in.StartedAt.After(t.Youngest) {
			t.Youngest = in.StartedAt
		}
	}
	for _, w := range got.Workloads {
		of := w.Tally(a.from)
		t.Ready += of.Ready
		t.NotReady += of.NotReady
		t.OOMKills += of.OOMKills
	}
	return t
}

// workloads adds the parts that only a cluster knows, and says them. Of several
// workloads counts are summed, and the latest rollout is told.
func (a *answer) workloads(parts map[Part]any, t cluster.Tally, all []cluster.Running, now time.Time) string {
	wanted, warnings, eventsRead := 0, 0, true
	latest, known := cluster.Running{}, true
	var names, reasons []string
	for _, w := range all {
		wanted += w.Wanted
		warnings += len(w.Warnings)
		eventsRead = eventsRead && w.EventsRead
		known = known && !w.RolledOut.IsZero()
		if w.RolledOut.After(latest.RolledOut) {
			latest = w
		}
		names = append(names, w.Namespace+"/"+w.Name)
		reasons = append(reasons, w.Reasons(3)...)
	}
	a.query = "kubectl get deployments,statefulsets,daemonsets,pods,events of " + strings.Join(names, ", ")
	parts[PartWanted], parts[PartReady], parts[PartNotReady], parts[PartOOMKills] = float64(wanted), float64(t.Ready), float64(t.NotReady), float64(t.OOMKills)
	said := fmt.Sprintf("%d of %d pods of %s ready, %d running, %d restarts at most", t.Ready, wanted, a.service, t.Running, t.Restarts)
	if t.OOMKills > 0 {
		said += fmt.Sprintf(", %d containers ended for want of memory", t.OOMKills)
	}
	if known {
		parts[PartRolloutMinutes] = now.Sub(latest.RolledOut).Minutes()
		said += fmt.Sprintf(", latest rollout %s min ago", number(now.Sub(latest.RolledOut).Round(time.Minute).Minutes(), ""))
	}
	if len(all) == 1 && all[0].Revision > 0 {
		parts[PartRevision] = float64(all[0].Revision)
		said += ", revision " + strconv.Itoa(all[0].Revision)
	}
	if !eventsRead {
		return said + "; its events could not be read"
	}
	parts[PartWarnings] = float64(warnings)
	if warnings > 0 {
		said += fmt.Sprintf(", %d warnings in %s (%s)", warnings, ago(now.Sub(a.from)), strings.Join(reasons, ", "))
	}
	return said
}
