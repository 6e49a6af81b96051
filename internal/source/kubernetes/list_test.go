package kubernetes

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/cluster"
	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// kinds are what the API calls the objects of a resource.
func kind(resource string) string {
	return strings.ToUpper(resource[:1]) + strings.TrimSuffix(resource[1:], "s")
}

// server answers lists: pods without end, secrets to nobody, nothing else.
func server(t *testing.T, pods func(page int) (items []any, next string)) *httptest.Server {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.Method != http.MethodGet {
			t.Errorf("%s %s: a source only reads", r.Method, r.URL.Path)
		}
		resource := path.Base(r.URL.Path)
		if resource == "secrets" && !strings.Contains(r.Header.Get("Accept"), "as=PartialObjectMetadata") {
			t.Errorf("secrets are asked for whole: %s", r.Header.Get("Accept"))
		}
		list := map[string]any{"kind": kind(resource) + "List", "apiVersion": "v1", "metadata": map[string]any{}, "items": []any{}}
		switch resource {
		case "secrets":
			w.WriteHeader(http.StatusForbidden)
			list = map[string]any{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Forbidden", "code": 403, "message": "secrets is forbidden: no list"}
		case "ingresses", "httproutes": // not allowed, and not there
			code, reason := http.StatusForbidden, "Forbidden"
			if resource == "httproutes" {
				code, reason = http.StatusNotFound, "NotFound"
			}
			w.WriteHeader(code)
			list = map[string]any{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "code": code, "message": resource}
		case "pods":
			page := 0
			_, _ = fmt.Sscan(r.URL.Query().Get("continue"), &page)
			items, next := pods(page)
			list["items"], list["metadata"] = items, map[string]any{"continue": next}
		}
		_ = json.NewEncoder(w).Encode(list)
	}))
	t.Cleanup(srv.Close)
	return srv
}

func source(t *testing.T, url string, o Options) *Source {
	t.Helper()
	o.Name, o.URL = "prod", url
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestWhatIsCutIsNotReadAsWhole(t *testing.T) {
	t.Parallel()
	srv := server(t, func(page int) ([]any, string) {
		var items []any
		for i := range pageSize {
			items = append(items, map[string]any{"kind": "Pod", "apiVersion": "v1", "metadata": map[string]any{"name": fmt.Sprintf("p-%d-%d", page, i)}, "spec": map[string]any{"nodeName": "n"}})
		}
		return items, fmt.Sprint(page + 1)
	})
	state, err := source(t, srv.URL, Options{}).State(t.Context(), "shop", at)
	if err != nil {
		t.Fatal(err)
	}
	if len(state.Pods) != maxObjects || state.Asked("pods") || state.Asked("secrets") || !state.Asked("services") {
		t.Errorf("%d pods, read %v", len(state.Pods), state.Read)
	}
	for _, want := range []string{"pods: only the first 1000 were read", "secrets: not allowed: secrets is forbidden: no list"} {
		if !slices.Contains(state.Unread, want) {
			t.Errorf("unread %q does not hold %q", state.Unread, want)
		}
	}
}

func TestOneItemForEachNamespace(t *testing.T) {
	t.Parallel()
	srv := server(t, func(int) ([]any, string) { return []any{}, "" })
	target := func(env, cluster, ns string) catalog.Target {
		return catalog.Target{Environment: env, Cluster: cluster, Kind: "deployment", Namespace: ns, Name: "web"}
	}
	req := evidence.Request{
		Environment: "production", Now: at, Window: time.Hour,
		Services: []catalog.Service{
			{Name: "web", Targets: []catalog.Target{target("production", "", "shop"), target("staging", "", "stage"), target("production", "other", "far"), {Environment: "production", Kind: "process", Name: "x"}}},
			{Name: "pay", Targets: []catalog.Target{target("production", "prod", "pay"), target("production", "", "shop")}},
		},
	}
	items, err := source(t, srv.URL, Options{Environment: "production", Namespaces: []string{"fallback"}}).Collect(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, it := range items {
		s, err := evidence.Decode[cluster.State](it)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, s.Namespace)
	}
	if want := []string{"shop", "pay"}; !slices.Equal(got, want) {
		t.Errorf("namespaces %v, want %v", got, want)
	}
	req.Services = []catalog.Service{{Name: "web"}}
	items, err = source(t, srv.URL, Options{Namespaces: []string{"fallback"}}).Collect(t.Context(), req)
	if err != nil || len(items) != 1 || !strings.Contains(items[0].Query, "--namespace fallback") {
		t.Errorf("without targets: %d items, error %v", len(items), err)
	}
	items, err = source(t, srv.URL, Options{Environment: "staging", Namespaces: []string{"fallback"}}).Collect(t.Context(), req)
	if err != nil || len(items) != 0 {
		t.Errorf("another environment: %d items, error %v", len(items), err)
	}
}

func TestAServerThatIsDown(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.NotFoundHandler())
	srv.Close()
	s := source(t, srv.URL, Options{Namespaces: []string{"shop"}, Timeout: time.Second})
	_, err := s.Collect(t.Context(), evidence.Request{Now: at, Window: time.Hour})
	if err == nil || !strings.Contains(err.Error(), "connection refused") || strings.Count(err.Error(), "refused") != 1 {
		t.Errorf("error is %v", err)
	}
	if err := s.Ready(t.Context()); err == nil {
		t.Error("a server that is down is ready")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Collect(ctx, evidence.Request{Now: at, Window: time.Hour}); err == nil {
		t.Error("a cancelled look found something")
	}
}

func TestWrongOptions(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]Options{
		"no kubeconfig there": {Kubeconfig: "/nope/kubeconfig"},
		"no URL":              {URL: "prod.example.com:6443"},
		"not in a cluster":    {},
	} {
		if _, err := New(o); err == nil {
			t.Errorf("%s: accepted", name)
		} else {
			t.Log(err)
		}
	}
}
