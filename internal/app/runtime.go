package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/change"
	"github.com/holdfast-sre/holdfast/internal/cluster"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/id"
	"github.com/holdfast-sre/holdfast/internal/runbook"
	"github.com/holdfast-sre/holdfast/internal/source/kubernetes"
	"github.com/holdfast-sre/holdfast/internal/source/supervisor"
)

// workload is a target of a service with the cluster that runs it.
type workload struct {
	src    *kubernetes.Source
	target catalog.Target
}

// workloads are those of a service that a configured cluster runs. A target that
// two clusters may run belongs to neither for certain.
func (s *sources) workloads(svc catalog.Service, environment, source string) ([]workload, error) {
	var out []workload
	for _, k := range s.clusters {
		if source != "" && k.Name() != source {
			continue
		}
		for _, t := range k.Workloads(svc, environment) {
			if slices.ContainsFunc(out, func(w workload) bool { return w.target == t }) {
				return nil, fmt.Errorf("several clusters may run %s %s/%s: name one in its target in the catalog", t.Kind, t.Namespace, t.Name)
			}
			out = append(out, workload{k, t})
		}
	}
	return out, nil
}

// targetsOf reports whether a service has a target in the environment that only
// a cluster can run, and one that is a process.
func targetsOf(svc catalog.Service, environment string) (onCluster, process bool) {
	for _, t := range svc.Targets {
		if t.Environment != "" && t.Environment != environment {
			continue
		}
		process = process || t.Kind == "process"
		onCluster = onCluster || t.Namespace != ""
	}
	return onCluster, process
}

// runtimePort asks what runs a service's targets.
type runtimePort struct{ s *sources }

func (p runtimePort) Running(ctx context.Context, q runbook.RuntimeQuestion) (runbook.RuntimeAnswer, error) {
	answer := runbook.RuntimeAnswer{}
	var asked []string
	workloads, err := p.s.workloads(q.Service, q.Environment, q.Source)
	if err != nil {
		return answer, err
	}
	for _, w := range workloads {
		got, err := w.src.Running(ctx, w.target, q.Since, q.Now)
		if err != nil {
			return runbook.RuntimeAnswer{Source: w.src.Name()}, fmt.Errorf("%s: %w", w.src.Name(), err)
		}
		answer.Workloads = append(answer.Workloads, got)
		answer.Instances = append(answer.Instances, instances(got)...)
		asked = append(asked, w.src.Name())
	}
	onCluster, process := targetsOf(q.Service, q.Environment)
	if onCluster && len(workloads) == 0 && q.Source == "" && !process {
		return answer, errors.New("no source of type kubernetes runs it")
	}
	if process || !onCluster {
		for _, sup := range p.s.supervisors[q.Environment] {
			if q.Source != "" && sup.Name() != q.Source {
				continue
			}
			found, err := processes(ctx, sup, q.Service)
			if err != nil {
				return runbook.RuntimeAnswer{}, err
			}
			answer.Instances = append(answer.Instances, found...)
			asked = append(asked, sup.Name())
		}
	}
	if len(asked) == 0 {
		return answer, errNoSource
	}
	answer.Source = strings.Join(slices.Compact(asked), ", ")
	return answer, nil
}

// processes are those of the service's targets.
func processes(ctx context.Context, sup *supervisor.Source, svc catalog.Service) ([]evidence.Instance, error) {
	all, err := sup.Processes(ctx)
	if err != nil {
		return nil, err
	}
	var out []evidence.Instance
	for _, pr := range all {
		if slices.ContainsFunc(svc.Targets, func(t catalog.Target) bool { return t.Kind == "process" && t.Name == pr.Name }) {
			out = append(out, evidence.Instance{
				Name: pr.Name, Version: pr.Version, Revision: pr.Revision, State: pr.State, StartedAt: pr.StartedAt, Restarts: pr.Restarts,
			})
		}
	}
	return out, nil
}

// instances are the pods of a workload.
func instances(w cluster.Running) []evidence.Instance {
	var out []evidence.Instance
	for _, pod := range w.Pods {
		in := evidence.Instance{Name: pod.Name, State: pod.State(), StartedAt: pod.Started()}
		for _, c := range pod.Containers {
			in.Restarts += c.Restarts
		}
		if len(pod.Spec.Containers) > 0 {
			in.Version = pod.Spec.Containers[0].Image
		}
		out = append(out, in)
	}
	return out
}

// changePort joins what was reported with what the runtime recorded itself.
type changePort struct{ s *sources }

func (p changePort) Changes(ctx context.Context, environment, service string, from, to time.Time) ([]change.Change, error) {
	out, err := p.s.changes(ctx, environment, []string{service}, from, to)
	if err != nil {
		return nil, err
	}
	for _, sup := range p.s.supervisors[environment] {
		recorded, err := sup.Changes(ctx, from, to)
		if err != nil {
			return nil, err
		}
		for _, c := range recorded {
			if c.Service == service {
				out = append(out, c)
			}
		}
	}
	rolledOut, err := p.rollouts(ctx, environment, service, from, to)
	if err != nil {
		return nil, err
	}
	out = append(out, rolledOut...)
	slices.SortStableFunc(out, func(a, b change.Change) int { return b.At.Compare(a.At) })
	return out, nil
}

// rollouts are what clusters recorded of the service's workloads.
func (p changePort) rollouts(ctx context.Context, environment, service string, from, to time.Time) ([]change.Change, error) {
	svc, ok := p.s.catalog.Service(service)
	if !ok {
		return nil, nil
	}
	workloads, err := p.s.workloads(svc, environment, "")
	if err != nil {
		return nil, err
	}
	var out []change.Change
	for _, w := range workloads {
		got, err := w.src.Running(ctx, w.target, from, to)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", w.src.Name(), err)
		}
		if got.RolledOut.IsZero() {
			return nil, fmt.Errorf("%s: nothing records when revision %d of %s was rolled out", w.src.Name(), got.Revision, got.Name)
		}
		for _, r := range got.Rollouts {
			if r.At.Before(from) || r.At.After(to) {
				continue
			}
			out = append(out, rollout(w.src.Name(), environment, service, got, r))
		}
	}
	return out, nil
}

func rollout(source, environment, service string, w cluster.Running, r cluster.Rollout) change.Change {
	c := change.Change{
		ID: id.Of("chg", source, w.Namespace, w.Name, fmt.Sprint(r.Revision)), Kind: change.Rollout, Environment: environment, Service: service,
		Version: strings.Join(r.Images, ", "), Previous: strings.Join(r.Previous, ", "), At: r.At, Runtime: true,
	}
	c.Summary = fmt.Sprintf("revision %d of %s %s/%s", r.Revision, strings.ToLower(w.Kind), w.Namespace, w.Name)
	if r.Back {
		c.Summary += ", which ran before"
	}
	return c
}

// Recorded reports whether what runs the service there keeps a record of its own
// changes: the supervisor of its processes, the cluster of its workloads.
func (p changePort) Recorded(environment, service string) bool {
	svc, _ := p.s.catalog.Service(service)
	onCluster, process := targetsOf(svc, environment)
	supervised := len(p.s.supervisors[environment]) > 0
	if !onCluster {
		return supervised
	}
	workloads, err := p.s.workloads(svc, environment, "")
	return err == nil && len(workloads) > 0 && (supervised || !process)
}
