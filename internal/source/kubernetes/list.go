package kubernetes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/holdfast-sre/holdfast/internal/cluster"
)

const (
	// pageSize of one list request, kubectl's own.
	pageSize = 500
	// maxObjects of one kind, maxAllPods of the whole cluster: what is beyond is
	// not read, and the kind does not count as read.
	maxObjects = 1000
	maxAllPods = 5000
	maxEvents  = 500 // kept, the newest
	// parallel requests of one look.
	parallel = 6
)

// question is one list request.
type question struct {
	group, version, resource string
	read                     string // in State.Read; empty = absence says nothing
	clusterWide              bool
	namespace                string // another than the incident's
	field                    string // field selector
	label                    string // label selector
	names                    bool   // only the metadata
	limit                    int    // 0 = maxObjects
	optional                 bool   // that it is not served or not allowed leaves no hole: nothing is concluded from absence
	as                       string // key in lists; empty = resource
}

func questions() []question {
	core := func(resource string) question { return question{version: "v1", resource: resource, read: resource} }
	apps := func(group, resource string) question {
		return question{group: group, version: "v1", resource: resource, read: resource}
	}
	wide := func(q question) question { q.clusterWide = true; return q }
	endpoints := apps("discovery.k8s.io", "endpointslices")
	endpoints.read = "endpoints"
	secrets := core("secrets")
	secrets.names = true
	events := question{version: "v1", resource: "events", read: eventsRead, limit: 2 * maxObjects}
	route := func(group, version, resource string) question {
		return question{group: group, version: version, resource: resource, read: resource, optional: true}
	}
	ofNodes := question{version: "v1", resource: "events", namespace: metav1.NamespaceDefault, field: "involvedObject.kind=Node"}
	return []question{
		core("pods"), apps("apps", "deployments"), apps("apps", "replicasets"), apps("apps", "statefulsets"), apps("apps", "daemonsets"),
		apps("batch", "jobs"), apps("batch", "cronjobs"), core("services"), endpoints,
		wide(core("nodes")), core("persistentvolumeclaims"), wide(core("persistentvolumes")), wide(apps("storage.k8s.io", "storageclasses")),
		core("resourcequotas"), core("limitranges"), core("serviceaccounts"), core("configmaps"), secrets,
		apps("networking.k8s.io", "networkpolicies"), events, ofNodes,
		route("networking.k8s.io", "v1", "ingresses"), route("gateway.networking.k8s.io", "v1", "httproutes"),
		route("networking.istio.io", "v1beta1", "virtualservices"),
		{group: "coordination.k8s.io", version: "v1", resource: "leases", namespace: "kube-node-lease"},
		{version: "v1", resource: "pods", namespace: metav1.NamespaceSystem, as: platformPods},
	}
}

const eventsRead = "events"

// gathered are the answers of one look, for several requests at once.
type gathered struct {
	mu     sync.Mutex
	lists  lists
	read   []string
	unread []string
	errs   []error
	ok     int
}

// State reads one namespace and the nodes and volumes below it. It fails when
// nothing at all could be read.
func (s *Source) State(ctx context.Context, namespace string, at time.Time) (cluster.State, error) {
	got := &gathered{lists: lists{}}
	s.ask(ctx, got, namespace, questions())
	if got.ok == 0 {
		return cluster.State{}, fmt.Errorf("namespace %s: %w", namespace, errors.Join(first(got.errs)...))
	}
	// What the whole cluster asks of its nodes matters only to a pod that finds
	// no node, and costs a list of every pod.
	if slices.ContainsFunc(got.lists["pods"], unscheduled) {
		s.ask(ctx, got, namespace, []question{{
			version: "v1", resource: "pods", as: allPods, clusterWide: true, limit: maxAllPods,
			field: "status.phase!=Succeeded,status.phase!=Failed",
		}})
	}
	state := read(namespace, at, got.lists, s.o.Redact)
	if n := len(state.Events); n > maxEvents {
		state.Events = state.Events[n-maxEvents:]
		got.read = slices.DeleteFunc(got.read, func(kind string) bool { return kind == eventsRead })
	}
	slices.Sort(got.read)
	slices.Sort(got.unread)
	state.Read = slices.Compact(got.read)
	state.Unread = append(state.Unread, slices.Compact(got.unread)...)
	return state, nil
}

// first is the first of equal problems: twenty requests to a server that is
// down fail alike.
func first(errs []error) []error { return errs[:min(len(errs), 1)] }

// unscheduled reports whether a pod has no node yet.
func unscheduled(raw json.RawMessage) bool {
	var p struct {
		Spec struct {
			NodeName string `json:"nodeName"`
		} `json:"spec"`
		Status struct {
			Phase string `json:"phase"`
		} `json:"status"`
	}
	return json.Unmarshal(raw, &p) == nil && p.Spec.NodeName == "" && (p.Status.Phase == "Pending" || p.Status.Phase == "")
}

func (s *Source) ask(ctx context.Context, got *gathered, namespace string, qs []question) {
	var g errgroup.Group
	g.SetLimit(parallel)
	for _, q := range qs {
		g.Go(func() error {
			objects, more, err := s.list(ctx, namespace, q)
			got.add(s, q, objects, more, err)
			return nil
		})
	}
	_ = g.Wait() // the errors are in got
}

func (got *gathered) add(s *Source, q question, objects []json.RawMessage, more bool, err error) {
	got.mu.Lock()
	defer got.mu.Unlock()
	key := q.as
	if key == "" {
		key = q.resource
	}
	what := key
	if q.namespace != "" && q.as == "" {
		what += " in " + q.namespace
	}
	switch {
	case err != nil && q.optional && (apierrors.IsNotFound(err) || apierrors.IsForbidden(err)):
		return
	case err != nil:
		err = s.explain(err)
		got.errs = append(got.errs, err)
		got.unread = append(got.unread, what+": "+reason(err))
		return
	case more:
		got.unread = append(got.unread, fmt.Sprintf("%s: only the first %d were read", what, len(objects)))
		if q.as == allPods {
			return // a sum over some of the pods is no sum
		}
	case q.read != "":
		got.read = append(got.read, q.read)
	}
	got.ok++
	got.lists[key] = append(got.lists[key], objects...)
	if got.lists[key] == nil {
		got.lists[key] = []json.RawMessage{}
	}
}

// reason names the right that is missing, or what went wrong.
func reason(err error) string {
	switch {
	case apierrors.IsForbidden(err):
		return "not allowed: " + clip(cause(err), maxText)
	case apierrors.IsNotFound(err):
		return "this API server does not serve them"
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer in time"
	}
	return clip(err.Error(), maxText)
}

// cause is the API server's own sentence: who may not do which verb to what.
func cause(err error) string {
	if status, ok := errors.AsType[*apierrors.StatusError](err); ok {
		return status.ErrStatus.Message
	}
	return err.Error()
}

// list reads the objects page by page, and says whether there are more than
// are read.
func (s *Source) list(ctx context.Context, namespace string, q question) (out []json.RawMessage, more bool, err error) {
	limit := q.limit
	if limit == 0 {
		limit = maxObjects
	}
	switch {
	case q.clusterWide:
		namespace = metav1.NamespaceAll
	case q.namespace != "":
		namespace = q.namespace
	}
	opts := metav1.ListOptions{Limit: int64(min(limit, pageSize)), FieldSelector: q.field, LabelSelector: q.label}
	for {
		page, next, err := s.page(ctx, namespace, q, opts)
		if err != nil {
			return nil, false, err
		}
		out = append(out, page...)
		if next == "" {
			return out, false, nil
		}
		if len(out) >= limit {
			return out, true, nil
		}
		opts.Continue = next
	}
}

// page asks for whole objects, or for their metadata only.
func (s *Source) page(ctx context.Context, namespace string, q question, opts metav1.ListOptions) (out []json.RawMessage, next string, err error) {
	gvr := schema.GroupVersionResource{Group: q.group, Version: q.version, Resource: q.resource}
	if q.names {
		answer, err := s.names.Resource(gvr).Namespace(namespace).List(ctx, opts)
		if err != nil {
			return nil, "", err //nolint:wrapcheck // explained by the caller
		}
		for i := range answer.Items {
			if out, err = appendJSON(out, &answer.Items[i]); err != nil {
				return nil, "", err
			}
		}
		return out, answer.Continue, nil
	}
	answer, err := s.objects.Resource(gvr).Namespace(namespace).List(ctx, opts)
	if err != nil {
		return nil, "", err //nolint:wrapcheck // explained by the caller
	}
	for i := range answer.Items {
		if out, err = appendJSON(out, answer.Items[i].Object); err != nil {
			return nil, "", err
		}
	}
	return out, answer.GetContinue(), nil
}

func appendJSON(to []json.RawMessage, v any) ([]json.RawMessage, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("read an object: %w", err)
	}
	return append(to, b), nil
}
