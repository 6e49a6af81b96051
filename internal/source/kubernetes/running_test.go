package kubernetes

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/cluster"
)

type obj = map[string]any

func set(name, owner, revision, history, image, made string) obj {
	annotations := obj{revisionOf: revision}
	if history != "" {
		annotations[revisionsBefore] = history
	}
	return obj{
		"metadata": obj{"name": name, "namespace": "shop", "creationTimestamp": made, "annotations": annotations, "ownerReferences": []obj{{"kind": "Deployment", "name": owner, "controller": true}}},
		"spec":     obj{"template": obj{"spec": obj{"containers": []obj{{"name": "web", "image": image}}}}},
	}
}

// TestRollouts: the numbers and times of a deployment's revisions, one of which
// was rolled out twice.
func TestRollouts(t *testing.T) {
	t.Parallel()
	at := func(text string) time.Time {
		out, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	src := serving(t, map[string][]obj{
		"deployments": {{
			"metadata": obj{"name": "web", "annotations": obj{revisionOf: "4"}},
			"spec":     obj{"selector": obj{"matchLabels": obj{"app": "web"}}},
			"status":   obj{"conditions": []obj{{"type": "Progressing", "status": "True", "lastUpdateTime": "2026-03-01T11:50:00Z"}}},
		}},
		"replicasets": {
			set("web-b", "web", "4", "2", "web:2", "2026-03-01T09:00:00Z"), set("web-a", "web", "1", "", "web:1", "2026-03-01T08:00:00Z"),
			set("web-c", "web", "3", "", "web:3", "2026-03-01T11:00:00Z"), set("other", "web-2", "9", "", "x", "2026-03-01T11:55:00Z"),
		},
	})
	now := at("2026-03-01T12:00:00Z")
	got, err := src.Running(t.Context(), catalog.Target{Kind: "Deployment", Namespace: "shop", Name: "web"}, now.Add(-time.Hour), now)
	if err != nil {
		t.Fatal(err)
	}
	want := cluster.Running{
		At: now, Kind: "Deployment", Namespace: "shop", Name: "web", Wanted: 1, Revision: 4, RolledOut: at("2026-03-01T11:50:00Z"), EventsRead: true,
		Rollouts: []cluster.Rollout{
			{Revision: 4, At: at("2026-03-01T11:50:00Z"), Images: []string{"web:2"}, Previous: []string{"web:3"}, Back: true},
			{Revision: 3, At: at("2026-03-01T11:00:00Z"), Images: []string{"web:3"}, Previous: []string{"web:1"}},
			{Revision: 2, At: at("2026-03-01T09:00:00Z"), Images: []string{"web:2"}},
			{Revision: 1, At: at("2026-03-01T08:00:00Z"), Images: []string{"web:1"}},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestRunningRefusesWhatItCannotKnow: a selector that takes every pod, objects
// that are none, a list without end.
func TestRunningRefusesWhatItCannotKnow(t *testing.T) {
	t.Parallel()
	web := func(spec any) []obj { return []obj{{"metadata": obj{"name": "web"}, "spec": spec}} }
	for name, tc := range map[string]struct {
		lists map[string][]obj
		kind  string
		want  string
	}{
		"nothing":        {nil, "deployment", "deployment shop/web is not there"},
		"another":        {map[string][]obj{"deployments": {{"metadata": obj{"name": "web-2"}}}}, "deployment", "is not there"},
		"every pod":      {map[string][]obj{"deployments": web(obj{"selector": obj{}})}, "deployment", "its selector selects every pod"},
		"no selector":    {map[string][]obj{"statefulsets": web(obj{"selector": 7})}, "statefulset", "its selector is not in the form"},
		"bad operator":   {map[string][]obj{"daemonsets": web(obj{"selector": obj{"matchExpressions": []obj{{"key": "a", "operator": "Like"}}}})}, "daemonset", "its selector:"},
		"not an object":  {map[string][]obj{"deployments": web("x")}, "deployment", "not in the form that the Kubernetes API documents"},
		"another kind":   {nil, "process", "is not asked for"},
		"pods of a kind": {map[string][]obj{"deployments": web(obj{"selector": obj{"matchLabels": obj{"a": "b"}}}), "pods": {{"metadata": 1}}}, "deployment", "pods in shop: an object is not in the form"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := serving(t, tc.lists).Running(t.Context(), catalog.Target{Kind: tc.kind, Namespace: "shop", Name: "web"}, time.Time{}, time.Time{})
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, %+v, want %q", err, got, tc.want)
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := serving(t, nil).Running(ctx, catalog.Target{Kind: "deployment", Namespace: "shop", Name: "web"}, time.Time{}, time.Time{}); err == nil {
		t.Error("an answer after the end")
	}
}

// serving is a source whose API server lists the given objects, by resource.
func serving(t *testing.T, lists map[string][]obj) *Source {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			t.Errorf("%s %s: a source only reads", r.Method, r.URL.Path)
		}
		w.Header().Set("Content-Type", "application/json")
		resource := path.Base(r.URL.Path)
		items := lists[resource]
		if items == nil {
			items = []obj{}
		}
		for _, it := range items {
			it["apiVersion"], it["kind"] = "v1", kind(resource)
		}
		_ = json.NewEncoder(w).Encode(obj{"kind": kind(resource) + "List", "apiVersion": "v1", "metadata": obj{}, "items": items})
	}))
	t.Cleanup(srv.Close)
	src, err := New(Options{Name: "prod", URL: srv.URL})
	if err != nil {
		t.Fatal(err)
	}
	return src
}
