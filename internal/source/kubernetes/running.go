package kubernetes

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/cluster"
)

// Annotations by which a deployment's controller numbers its replica sets. The
// second is there when a replica set was rolled out again: the numbers before.
const (
	revisionOf      = "deployment.kubernetes.io/revision"
	revisionsBefore = "deployment.kubernetes.io/revision-history"
)

// resourceOf is how the API calls the workloads that run without an end.
func resourceOf(kind string) (resource, name string, ok bool) {
	switch strings.ToLower(kind) {
	case "deployment":
		return "deployments", "Deployment", true
	case "statefulset":
		return "statefulsets", "StatefulSet", true
	case "daemonset":
		return "daemonsets", "DaemonSet", true
	}
	return "", "", false
}

// Workloads are the targets of a service in an environment that this cluster
// runs and Running can look at.
func (s *Source) Workloads(svc catalog.Service, environment string) []catalog.Target {
	if s.o.Environment != "" && environment != "" && s.o.Environment != environment {
		return nil
	}
	var out []catalog.Target
	for _, t := range svc.Targets {
		if _, _, ok := resourceOf(t.Kind); ok && s.runs(t, environment) {
			out = append(out, t)
		}
	}
	return out
}

// Running reads one workload with its pods, revisions and the warnings about
// them since a moment: five requests at most. It fails when the workload is not
// there or one of them but the events can't be read.
func (s *Source) Running(ctx context.Context, t catalog.Target, since, now time.Time) (cluster.Running, error) {
	resource, kind, ok := resourceOf(t.Kind)
	if !ok {
		return cluster.Running{}, fmt.Errorf("%s %s: what runs of a %s is not asked for", t.Kind, t.Name, t.Kind)
	}
	m := &mapper{red: s.o.Redact, bad: map[string]int{}}
	out := cluster.Running{At: now.UTC(), Kind: kind, Namespace: t.Namespace, Name: t.Name}
	w, err := s.workload(ctx, t, resource)
	if err != nil {
		return out, err
	}
	workload := cluster.Workload{Kind: kind}
	replicas(&workload, w)
	out.Wanted = workload.Desired

	selector, err := labelSelector(w.Spec.Selector)
	if err != nil {
		return out, fmt.Errorf("%s %s/%s: %w", resource, t.Namespace, t.Name, err)
	}
	owners, err := s.revisions(ctx, m, &out, w, selector)
	if err != nil {
		return out, err
	}
	pods, err := all[wirePod](ctx, s, t.Namespace, question{version: "v1", resource: "pods", label: selector})
	if err != nil {
		return out, err
	}
	for _, p := range pods {
		if pod := m.pod(p); slices.Contains(owners, pod.OwnerKind+"/"+pod.OwnerName) {
			out.Pods = append(out.Pods, pod)
		}
	}
	slices.SortFunc(out.Pods, func(a, b cluster.Pod) int { return cmp.Compare(a.Name, b.Name) })
	s.warnings(ctx, m, &out, owners, since)
	return out, nil
}

// workload is the object itself.
func (s *Source) workload(ctx context.Context, t catalog.Target, resource string) (wireWorkload, error) {
	found, err := all[wireWorkload](ctx, s, t.Namespace, question{group: "apps", version: "v1", resource: resource, field: "metadata.name=" + t.Name})
	if err != nil {
		return wireWorkload{}, err
	}
	if len(found) != 1 || found[0].Metadata.Name != t.Name {
		return wireWorkload{}, fmt.Errorf("%s %s/%s is not there", strings.TrimSuffix(resource, "s"), t.Namespace, t.Name)
	}
	return found[0], nil
}

// labelSelector is the selector as requests write it.
func labelSelector(raw json.RawMessage) (string, error) {
	var selector metav1.LabelSelector
	if err := json.Unmarshal(raw, &selector); err != nil {
		return "", fmt.Errorf("its selector is not in the form that the Kubernetes API documents: %w", err)
	}
	parsed, err := metav1.LabelSelectorAsSelector(&selector)
	if err != nil {
		return "", fmt.Errorf("its selector: %w", err)
	}
	if parsed.Empty() {
		return "", errors.New("its selector selects every pod")
	}
	return parsed.String(), nil
}

// revisions reads what was rolled out, and returns who owns the pods.
func (s *Source) revisions(ctx context.Context, m *mapper, out *cluster.Running, w wireWorkload, selector string) (owners []string, err error) {
	if out.Kind != "Deployment" {
		found, err := all[wireRevision](ctx, s, out.Namespace, question{group: "apps", version: "v1", resource: "controllerrevisions", label: selector})
		if err != nil {
			return nil, err
		}
		controllerRevisions(m, out, found)
		return []string{out.Kind + "/" + out.Name}, nil
	}
	sets, err := all[wireWorkload](ctx, s, out.Namespace, question{group: "apps", version: "v1", resource: "replicasets", label: selector})
	if err != nil {
		return nil, err
	}
	sets = slices.DeleteFunc(sets, func(r wireWorkload) bool {
		meta := m.meta(r.Metadata)
		return meta.OwnerKind != "Deployment" || meta.OwnerName != out.Name
	})
	for _, r := range sets {
		owners = append(owners, "ReplicaSet/"+r.Metadata.Name)
	}
	out.Revision = number(w.Metadata.Annotations[revisionOf])
	out.Rollouts = rollouts(sets, done(w))
	for _, r := range out.Rollouts {
		if r.Revision == out.Revision {
			out.RolledOut = r.At
		}
	}
	return owners, nil
}

// done is when the deployment last made progress with a rollout. Scaling does
// not move it.
func done(w wireWorkload) time.Time {
	for _, c := range w.Status.Conditions {
		if c.Type == "Progressing" {
			return c.LastUpdateTime.Time
		}
	}
	return time.Time{}
}

// rollouts are the revisions of a deployment, newest first. A replica set that
// was rolled out again was made earlier; of those only the latest has a time,
// that of the last progress.
func rollouts(sets []wireWorkload, progressed time.Time) []cluster.Rollout {
	slices.SortStableFunc(sets, func(a, b wireWorkload) int {
		return number(b.Metadata.Annotations[revisionOf]) - number(a.Metadata.Annotations[revisionOf])
	})
	var out []cluster.Rollout
	for i, r := range sets {
		c := cluster.Rollout{Revision: number(r.Metadata.Annotations[revisionOf]), At: r.Metadata.CreationTimestamp.Time, Images: images(r)}
		if i+1 < len(sets) {
			c.Previous = images(sets[i+1])
		}
		history := r.Metadata.Annotations[revisionsBefore]
		if history != "" {
			first, _, _ := strings.Cut(history, ",")
			made := c
			made.Revision, made.Previous = number(first), nil
			out = append(out, made)
			c.Back = true
			c.At = time.Time{}
			if i == 0 {
				c.At = progressed
			}
		}
		if !c.At.IsZero() {
			out = append(out, c)
		}
	}
	slices.SortStableFunc(out, func(a, b cluster.Rollout) int { return b.At.Compare(a.At) })
	return out
}

// images are those of the containers of a template.
func images(r wireWorkload) []string {
	var out []string
	for _, c := range r.Spec.Template.Spec.Containers {
		out = append(out, clip(c.Image, maxText))
	}
	return out
}

// controllerRevisions: the highest number is what is wanted. When an older one
// was rolled out again nobody wrote down when.
func controllerRevisions(m *mapper, out *cluster.Running, found []wireRevision) {
	var top, latest wireRevision
	for _, r := range found {
		if meta := m.meta(r.Metadata); meta.OwnerKind != out.Kind || meta.OwnerName != out.Name {
			continue
		}
		if r.Revision > top.Revision {
			top = r
		}
		if r.Metadata.CreationTimestamp.After(latest.Metadata.CreationTimestamp.Time) {
			latest = r
		}
		out.Rollouts = append(out.Rollouts, cluster.Rollout{Revision: r.Revision, At: r.Metadata.CreationTimestamp.Time})
	}
	slices.SortStableFunc(out.Rollouts, func(a, b cluster.Rollout) int { return b.At.Compare(a.At) })
	out.Revision = top.Revision
	if top.Metadata.Name == latest.Metadata.Name {
		out.RolledOut = top.Metadata.CreationTimestamp.Time
	}
}

// warnings about the workload, its revisions and its pods, those that are gone
// included: a pod's name begins with that of its owner.
func (s *Source) warnings(ctx context.Context, m *mapper, out *cluster.Running, owners []string, since time.Time) {
	events, err := all[wireEvent](ctx, s, out.Namespace, question{version: "v1", resource: "events", field: "type=Warning", limit: 2 * maxObjects})
	if err != nil {
		return
	}
	out.EventsRead = true
	for _, e := range events {
		m.event(e)
	}
	for _, e := range m.state.Events {
		if !e.Last.Before(since) && about(e, out, owners) {
			out.Warnings = append(out.Warnings, e)
		}
	}
	slices.SortStableFunc(out.Warnings, func(a, b cluster.Event) int { return a.Last.Compare(b.Last) })
}

func about(e cluster.Event, out *cluster.Running, owners []string) bool {
	if e.Kind == out.Kind && e.Name == out.Name || slices.Contains(owners, e.Kind+"/"+e.Name) {
		return true
	}
	if e.Kind != "Pod" {
		return false
	}
	if slices.ContainsFunc(out.Pods, func(p cluster.Pod) bool { return p.Name == e.Name }) {
		return true
	}
	return slices.ContainsFunc(owners, func(o string) bool {
		_, name, _ := strings.Cut(o, "/")
		rest, ok := strings.CutPrefix(e.Name, name+"-")
		return ok && rest != "" && !strings.Contains(rest, "-")
	})
}

// all reads a list whole: a count over a part of it is no count.
func all[T any](ctx context.Context, s *Source, namespace string, q question) ([]T, error) {
	objects, more, err := s.list(ctx, namespace, q)
	if err != nil {
		return nil, fmt.Errorf("%s in %s: %w", q.resource, namespace, s.explain(err))
	}
	if more {
		return nil, fmt.Errorf("%s in %s: more than %d", q.resource, namespace, len(objects))
	}
	out := make([]T, 0, len(objects))
	for _, raw := range objects {
		var v T
		if err := json.Unmarshal(raw, &v); err != nil {
			return nil, fmt.Errorf("%s in %s: an object is not in the form that the Kubernetes API documents: %w", q.resource, namespace, err)
		}
		out = append(out, v)
	}
	return out, nil
}

func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0
	}
	return n
}
