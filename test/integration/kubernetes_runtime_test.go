//go:build integration

package integration

import (
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/app"
	"github.com/holdfast-sre/holdfast/internal/config"
	"github.com/holdfast-sre/holdfast/internal/runbook"
	"github.com/holdfast-sre/holdfast/test/servers"
)

// runtimeFolder is a configuration with one cluster, and runbooks that ask it
// what runs.
func runtimeFolder(t *testing.T, kubeconfig, ns string) config.Folder {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"holdfast.yaml": "environment: production\nstore: {dsn: 'sqlite:holdfast.db'}\ncatalog: catalog\nrunbooks: runbooks\nsources:\n  - {name: prod, type: kubernetes, kubeconfig: " + kubeconfig + ", timeout: 10s}\n",
		"catalog/services.yaml": fmt.Sprintf(`services:
  - {name: web, owner: shop, tier: 1, targets: [{environment: production, cluster: prod, kind: deployment, namespace: %[1]s, name: web}]}
  - {name: db, owner: shop, tier: 1, targets: [{environment: production, cluster: prod, kind: statefulset, namespace: %[1]s, name: db}]}
  - {name: gone, owner: shop, tier: 1, targets: [{environment: production, cluster: prod, kind: deployment, namespace: %[1]s, name: gone}]}
  - {name: elsewhere, owner: shop, tier: 1, targets: [{environment: production, cluster: other, kind: deployment, namespace: %[1]s, name: web}]}
`, ns),
		"runbooks/pods.yaml": `name: pods
approved: false
trigger: {alerts: [PodsNotReady]}
diagnostics:
  - name: pods
    title: pods
    runtime: {service: "${service}", since: 30m}
    timeout: 20s
    capture: {running: running, wanted: wanted, ready: ready, not_ready: not_ready, restarts: restarts, oom: oom_kills, warnings: warnings, revision: revision, rollout_minutes: rollout_minutes, up: up_minutes}
  - name: rollouts
    changes: {service: "${service}", since: 1h, runtime: true}
    timeout: 20s
    capture: {rollouts: count, since: minutes_since}
`,
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f, err := config.Open(filepath.Join(dir, "holdfast.yaml"), func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// looked is what the runbook found.
type looked struct {
	facts map[string]any
	said  map[string]string // by diagnostic
}

func askRuntime(t *testing.T, f config.Folder, service string) looked {
	t.Helper()
	out := looked{facts: map[string]any{}, said: map[string]string{}}
	d, err := app.DryRunRunbook(t.Context(), f, app.DryRunQuestion{Runbook: "pods", Service: service}, time.Now(), func(s runbook.Step) { out.said[s.Diagnostic] = s.Summary }, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range d.Explanation.Facts {
		if v.Value != nil {
			out.facts[v.Name] = v.Value
		}
	}
	return out
}

// rolledOut asks until the facts are what they should be. Minutes are only
// looked at for being there and small.
func rolledOut(t *testing.T, f config.Folder, service string, want map[string]any) looked {
	t.Helper()
	var got looked
	eventually(t, 30*time.Second, "facts of "+service, func() error {
		got = askRuntime(t, f, service)
		counts := maps.Clone(got.facts)
		for _, minutes := range []string{"rollout_minutes", "up", "since"} {
			if n, ok := counts[minutes].(float64); ok && n > -0.1 && n < 5 {
				counts[minutes] = 0.0
			}
		}
		if diff := cmp.Diff(want, counts); diff != "" {
			return fmt.Errorf("%v\n%s", got.said, diff)
		}
		return nil
	})
	return got
}

// podOfWeb is a pod of web, and not of web-2.
func podOfWeb(t *testing.T, c *servers.Cluster, ns string) string {
	t.Helper()
	var pods struct {
		Items []struct {
			Metadata struct {
				Name   string
				Labels map[string]string
			}
		}
	}
	c.Get(t, "/api/v1/namespaces/"+ns+"/pods", &pods)
	for _, p := range pods.Items {
		if p.Metadata.Labels["app"] == "web" {
			return p.Metadata.Name
		}
	}
	t.Fatal("no pod of web")
	return ""
}

func imageOf(image string) object {
	return object{"spec": object{"template": object{"spec": object{"containers": []object{{"name": "web", "image": image}}}}}}
}

// whatRuns: a runbook asks a real API server what runs, and hears of pods that
// are not ready, restarts, ends for want of memory, rollouts and warnings.
func whatRuns(t *testing.T, c *servers.Cluster) {
	const ns = "runtime"
	namespace(t, c, ns)
	f := runtimeFolder(t, c.Kubeconfig(t, c.Token), ns)
	deploy(2, nil)(t, c, ns)
	// Another deployment of the namespace with pods of its own is none of it.
	other := deployment(1, nil)
	other["metadata"] = object{"name": "web-2"}
	other["spec"].(object)["selector"] = object{"matchLabels": object{"app": "web-2"}}
	other["spec"].(object)["template"].(object)["metadata"] = object{"labels": object{"app": "web-2"}}
	c.Create(t, "/apis/apps/v1/namespaces/"+ns+"/deployments", other)
	rolledOut(t, f, "web", map[string]any{
		"running": 0.0, "wanted": 2.0, "ready": 0.0, "not_ready": 2.0, "restarts": 0.0, "oom": 0.0, "warnings": 0.0,
		"revision": 1.0, "rollout_minutes": 0.0, "rollouts": 1.0, "since": 0.0,
	})
	allRun(t, c, ns, 3)
	rolledOut(t, f, "web", map[string]any{
		"running": 2.0, "wanted": 2.0, "ready": 2.0, "not_ready": 0.0, "restarts": 0.0, "oom": 0.0, "warnings": 0.0,
		"revision": 1.0, "rollout_minutes": 0.0, "rollouts": 1.0, "since": 0.0, "up": 0.0,
	})
	killed(t, c, ns, podOfWeb(t, c, ns))
	got := rolledOut(t, f, "web", map[string]any{
		"running": 2.0, "wanted": 2.0, "ready": 1.0, "not_ready": 1.0, "restarts": 4.0, "oom": 1.0, "warnings": 1.0,
		"revision": 1.0, "rollout_minutes": 0.0, "rollouts": 1.0, "since": 0.0, "up": 0.0,
	})
	if want := "pods: 1 of 2 pods of web ready, 2 running, 4 restarts at most, 1 containers ended for want of memory, latest rollout 0 min ago, revision 1, 1 warnings in the last 30 min (BackOff)"; got.said["pods"] != want {
		t.Errorf("got  %s\nwant %s", got.said["pods"], want)
	}

	// Rolled out, and rolled back: the number goes up, the replica set is the old one.
	c.Patch(t, "/apis/apps/v1/namespaces/"+ns+"/deployments/web", imageOf("registry.example/web:2"))
	eventually(t, 30*time.Second, "a second revision", func() error {
		if got := askRuntime(t, f, "web"); got.facts["revision"] != 2.0 || got.facts["rollouts"] != 2.0 {
			return fmt.Errorf("%v", got.facts)
		}
		return nil
	})
	c.Patch(t, "/apis/apps/v1/namespaces/"+ns+"/deployments/web", imageOf("registry.example/web:1"))
	eventually(t, 30*time.Second, "the way back", func() error {
		got := askRuntime(t, f, "web")
		if minutes, ok := got.facts["rollout_minutes"].(float64); !ok || minutes > 1 || got.facts["revision"] != 3.0 || got.facts["rollouts"] != 3.0 {
			return fmt.Errorf("%v %v", got.facts, got.said)
		}
		return nil
	})

	set := deployment(1, nil)
	set["metadata"] = object{"name": "db"}
	set["spec"].(object)["selector"] = object{"matchLabels": object{"app": "db"}}
	set["spec"].(object)["template"].(object)["metadata"] = object{"labels": object{"app": "db"}}
	set["spec"].(object)["serviceName"] = "db"
	c.Create(t, "/apis/apps/v1/namespaces/"+ns+"/statefulsets", set)
	rolledOut(t, f, "db", map[string]any{
		"running": 0.0, "wanted": 1.0, "ready": 0.0, "not_ready": 1.0, "restarts": 0.0, "oom": 0.0, "warnings": 0.0,
		"revision": 1.0, "rollout_minutes": 0.0, "rollouts": 1.0, "since": 0.0,
	})
	for service, want := range map[string]string{
		"gone":      "pods: prod: deployment runtime/gone is not there",
		"elsewhere": "pods: no source of type kubernetes runs it",
	} {
		if got := askRuntime(t, f, service); got.said["pods"] != want || len(got.facts) > 0 {
			t.Errorf("%s: got %q, %v", service, got.said["pods"], got.facts)
		}
	}
	if got := askRuntime(t, f, "elsewhere"); got.said["rollouts"] != "rollouts: no source here records what was deployed of elsewhere" {
		t.Errorf("got %q", got.said["rollouts"])
	}
	narrowRuntime(t, c, ns)
}

// killed says that the kernel ended a container of a pod, and that its kubelet
// waits before it starts it a fifth time.
func killed(t *testing.T, c *servers.Cluster, ns, pod string) {
	t.Helper()
	at := time.Now().UTC().Format(time.RFC3339)
	c.Patch(t, "/api/v1/namespaces/"+ns+"/pods/"+pod+"/status", object{"status": object{
		"conditions": []object{{"type": "Ready", "status": "False", "reason": "ContainersNotReady", "lastTransitionTime": at}},
		"containerStatuses": []object{{
			"name": "web", "image": "registry.example/web:1", "imageID": "x", "ready": false, "restartCount": 4,
			"state":     object{"waiting": object{"reason": "CrashLoopBackOff"}},
			"lastState": object{"terminated": object{"reason": "OOMKilled", "exitCode": 137, "startedAt": at, "finishedAt": at}},
		}},
	}})
	for i, about := range []object{
		{"kind": "Pod", "namespace": ns, "name": pod},
		{"kind": "Pod", "namespace": ns, "name": "web-2-5d8c7f9f4-abcde"}, // of another deployment
	} {
		c.Create(t, "/api/v1/namespaces/"+ns+"/events", object{
			"metadata": object{"name": fmt.Sprintf("back-off-%d", i)}, "involvedObject": about, "type": "Warning", "reason": "BackOff",
			"message": "Back-off restarting failed container", "count": 7, "firstTimestamp": at, "lastTimestamp": at, "source": object{"component": "kubelet"},
		})
	}
}

// narrowRuntime: without the right to list events everything else is told; without
// that to list pods nothing is.
func narrowRuntime(t *testing.T, c *servers.Cluster, ns string) {
	t.Helper()
	role := func(resources ...string) {
		c.Create(t, "/apis/rbac.authorization.k8s.io/v1/namespaces/"+ns+"/roles", object{"metadata": object{"name": resources[0]}, "rules": []object{
			{"apiGroups": []string{"", "apps"}, "resources": resources, "verbs": []string{"list"}},
		}})
		c.Create(t, "/apis/rbac.authorization.k8s.io/v1/namespaces/"+ns+"/rolebindings", object{
			"metadata": object{"name": resources[0]}, "roleRef": object{"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": resources[0]},
			"subjects": []object{{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "runtime"}},
		})
	}
	f := runtimeFolder(t, c.Kubeconfig(t, "runtime-runtime-runtime"), ns)
	role("deployments", "replicasets")
	eventually(t, 20*time.Second, "the role", func() error {
		got := askRuntime(t, f, "web")
		if !strings.Contains(got.said["pods"], `cannot list resource "pods"`) || len(got.facts) > 0 {
			return fmt.Errorf("%v %v", got.said, got.facts)
		}
		return nil
	})
	role("pods")
	eventually(t, 20*time.Second, "the role", func() error {
		got := askRuntime(t, f, "web")
		if _, told := got.facts["warnings"]; told || got.facts["wanted"] != 2.0 || !strings.HasSuffix(got.said["pods"], "; its events could not be read") {
			return fmt.Errorf("%v %v", got.said, got.facts)
		}
		return nil
	})
}
