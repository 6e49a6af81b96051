//go:build integration

package integration

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/cause"
	"github.com/holdfast-sre/holdfast/internal/cluster"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/source/kubernetes"
	"github.com/holdfast-sre/holdfast/test/servers"
)

type object = map[string]any

// machine makes a node that is ready, with four cores, without running anything.
func machine(t *testing.T, c *servers.Cluster, name string, labels map[string]string, taints ...object) {
	t.Helper()
	c.Create(t, "/api/v1/nodes", object{"metadata": object{"name": name, "labels": labels}})
	c.Patch(t, "/api/v1/nodes/"+name, object{"spec": object{"taints": taints}}) // admission adds not-ready
	room := object{"cpu": "4", "memory": "8Gi", "pods": "110"}
	c.Patch(t, "/api/v1/nodes/"+name+"/status", object{"status": object{
		"capacity": room, "allocatable": room, "conditions": []object{{"type": "Ready", "status": "True", "reason": "KubeletReady", "lastTransitionTime": time.Now().UTC().Format(time.RFC3339)}},
		"addresses": []object{{"type": "InternalIP", "address": "10.1.0.1"}},
	}})
}

// deployment is one of web, with pods changed by change.
func deployment(replicas int, change func(pod object)) object {
	labels := object{"app": "web"}
	pod := object{
		"nodeSelector": object{"pool": "general"},
		"containers": []object{{
			"name": "web", "image": "registry.example/web:1", "ports": []object{{"containerPort": 8080}},
			"resources": object{"requests": object{"cpu": "100m", "memory": "64Mi"}},
			"env":       []object{{"name": "DB_PASSWORD", "value": "hunter2hunter2"}, {"name": "DB_HOST", "value": "db"}},
		}},
	}
	if change != nil {
		change(pod)
	}
	return object{
		"metadata": object{"name": "web"},
		"spec":     object{"replicas": replicas, "selector": object{"matchLabels": labels}, "template": object{"metadata": object{"labels": labels}, "spec": pod}},
	}
}

func namespace(t *testing.T, c *servers.Cluster, name string) {
	t.Helper()
	c.Create(t, "/api/v1/namespaces", object{"metadata": object{"name": name}})
}

// running says that a pod that was scheduled runs, as its kubelet would.
func running(t *testing.T, c *servers.Cluster, ns, pod, ip string) {
	t.Helper()
	at := time.Now().UTC().Format(time.RFC3339)
	conditions := []object{}
	for _, kind := range []string{"PodScheduled", "Initialized", "ContainersReady", "Ready"} {
		conditions = append(conditions, object{"type": kind, "status": "True", "lastTransitionTime": at})
	}
	c.Patch(t, "/api/v1/namespaces/"+ns+"/pods/"+pod+"/status", object{"status": object{
		"phase": "Running", "podIP": ip, "podIPs": []object{{"ip": ip}}, "startTime": at, "conditions": conditions,
		"containerStatuses": []object{{
			"name": "web", "image": "registry.example/web:1", "imageID": "x", "ready": true, "restartCount": 0,
			"state": object{"running": object{"startedAt": at}},
		}},
	}})
}

// webIn is a service that runs in one namespace.
func webIn(ns string) catalog.Service {
	return catalog.Service{Name: "web", Owner: "shop", Tier: 1, Targets: []catalog.Target{
		{Environment: "production", Kind: "deployment", Namespace: ns, Name: "web"},
	}}
}

func lookAt(t *testing.T, src *kubernetes.Source, ns string) (cluster.State, evidence.Item) {
	t.Helper()
	now := time.Now()
	items := evidence.Gather(t.Context(), []evidence.Collector{src}, evidence.Request{
		IncidentID: "INC-1", Environment: "production", Services: []catalog.Service{webIn(ns)}, Affected: []string{"web"}, Now: now, Window: 30 * time.Minute,
	}, 30*time.Second, nil)
	if len(items) != 1 {
		t.Fatalf("%d items of evidence, want one: %+v", len(items), items)
	}
	state, err := evidence.Decode[cluster.State](items[0])
	if err != nil {
		t.Fatalf("%v: %s %s", err, items[0].Summary, items[0].Error)
	}
	return state, items[0]
}

// situation is a namespace in which something is wrong.
type situation struct {
	prepare func(t *testing.T, c *servers.Cluster, ns string)
	// shows is the reason of an event or a text in the state that tells that the
	// control plane has seen it.
	shows string
	want  cause.Fault
}

// bounds a namespace to one pod, when the quota's controller has counted.
func onePod(t *testing.T, c *servers.Cluster, ns string) {
	t.Helper()
	c.Create(t, "/api/v1/namespaces/"+ns+"/resourcequotas", object{"metadata": object{"name": "small"}, "spec": object{"hard": object{"pods": "1"}}})
}

func deploy(replicas int, change func(pod object)) func(*testing.T, *servers.Cluster, string) {
	return func(t *testing.T, c *servers.Cluster, ns string) {
		t.Helper()
		c.Create(t, "/apis/apps/v1/namespaces/"+ns+"/deployments", deployment(replicas, change))
	}
}

func situations() map[string]situation {
	return map[string]situation{
		"node-selector": {
			deploy(1, func(pod object) { pod["nodeSelector"] = object{"disk": "nvme"} }), "FailedScheduling", cause.FaultNodeSelector,
		},
		"taint": {
			deploy(1, func(pod object) { pod["nodeSelector"] = object{"pool": "batch"} }), "FailedScheduling", cause.FaultTaint,
		},
		"cpu": {
			deploy(1, func(pod object) {
				pod["containers"].([]object)[0]["resources"] = object{"requests": object{"cpu": "6", "memory": "64Mi"}}
			}), "FailedScheduling", cause.FaultCPUCapacity,
		},
		"quota": {
			func(t *testing.T, c *servers.Cluster, ns string) {
				onePod(t, c, ns)
				deploy(3, nil)(t, c, ns)
			}, "FailedCreate", cause.FaultQuotaPods,
		},
		"service-account": {
			deploy(1, func(pod object) { pod["serviceAccountName"] = "web-reader" }), "FailedCreate", cause.FaultServiceAccount,
		},
		"storage-class": {
			func(t *testing.T, c *servers.Cluster, ns string) {
				c.Create(t, "/api/v1/namespaces/"+ns+"/persistentvolumeclaims", object{"metadata": object{"name": "data"}, "spec": object{
					"accessModes": []string{"ReadWriteOnce"}, "storageClassName": "fast", "resources": object{"requests": object{"storage": "1Gi"}},
				}})
				deploy(1, func(pod object) {
					pod["volumes"] = []object{{"name": "data", "persistentVolumeClaim": object{"claimName": "data"}}}
				})(t, c, ns)
			}, "FailedScheduling", cause.FaultStorageClass,
		},
		"service-selector": {
			func(t *testing.T, c *servers.Cluster, ns string) {
				deploy(2, nil)(t, c, ns)
				c.Create(t, "/api/v1/namespaces/"+ns+"/services", object{"metadata": object{"name": "web"}, "spec": object{
					"selector": object{"app": "wbe"}, "ports": []object{{"port": 80, "targetPort": 8080}},
				}})
				allRun(t, c, ns, 2)
			}, "", cause.FaultSelector,
		},
	}
}

// allRun waits for pods and says that they run.
func allRun(t *testing.T, c *servers.Cluster, ns string, want int) {
	t.Helper()
	eventually(t, 20*time.Second, "pods on a node", func() error {
		var pods struct {
			Items []struct {
				Metadata struct{ Name string }
				Spec     struct{ NodeName string }
			}
		}
		c.Get(t, "/api/v1/namespaces/"+ns+"/pods", &pods)
		n := 0
		for i, p := range pods.Items {
			if p.Spec.NodeName != "" {
				running(t, c, ns, p.Metadata.Name, fmt.Sprintf("10.2.0.%d", i+10))
				n++
			}
		}
		if n < want {
			return fmt.Errorf("%d of %d", n, want)
		}
		return nil
	})
}

// The collector reads a real API server, whose scheduler and controllers found
// out by themselves what is wrong, and the engine names the fault.
func TestKubernetes(t *testing.T) {
	t.Parallel()
	c := servers.Kubernetes(t, servers.ClusterOptions{Tokens: map[string]string{"narrow-narrow-narrow": "holdfast", "documented-documented": "documented", "runtime-runtime-runtime": "runtime"}})
	machine(t, c, "general-1", map[string]string{"pool": "general"})
	machine(t, c, "general-2", map[string]string{"pool": "general"})
	machine(t, c, "batch-1", map[string]string{"pool": "batch"}, object{"key": "dedicated", "value": "batch", "effect": "NoSchedule"})
	src, err := kubernetes.New(kubernetes.Options{Name: "prod", Kubeconfig: c.Kubeconfig(t, c.Token)})
	if err != nil {
		t.Fatal(err)
	}
	if err := src.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, s := range situations() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			namespace(t, c, name)
			s.prepare(t, c, name)
			_, it := whenSeen(t, src, name, s.shows)
			if strings.Contains(string(it.Data), "hunter2") {
				t.Error("the value of a variable that is secret by its name is in the evidence")
			}
			d := diagnoseIn(t, name, it)
			if got := d.Hypotheses[0]; got.Fault != s.want {
				t.Errorf("%s: the engine says %s %s of %s at %.2f, want %s\n%s", it.Summary, got.CauseClass, got.Fault, got.Component, got.Probability, s.want, got.Mechanism)
			}
		})
	}
	t.Run("well", func(t *testing.T) {
		t.Parallel()
		namespace(t, c, "well")
		deploy(2, nil)(t, c, "well")
		c.Create(t, "/api/v1/namespaces/well/services", object{"metadata": object{"name": "web"}, "spec": object{
			"selector": object{"app": "web"}, "ports": []object{{"port": 80, "targetPort": 8080}},
		}})
		allRun(t, c, "well", 2)
		eventually(t, 20*time.Second, "endpoints", func() error {
			state, it := lookAt(t, src, "well")
			if len(state.Services) != 1 || len(state.Services[0].Addresses) != 2 {
				return fmt.Errorf("%s: %+v", it.Summary, state.Services)
			}
			return nil
		})
		_, it := lookAt(t, src, "well")
		for _, h := range diagnoseIn(t, "well", it).Hypotheses {
			if h.Fault != "" && h.Probability > 0.3 {
				t.Errorf("%s: the engine says %s at %.2f of a namespace that is well: %s", it.Summary, h.Fault, h.Probability, h.Mechanism)
			}
		}
	})
	t.Run("what runs", func(t *testing.T) {
		t.Parallel()
		whatRuns(t, c)
	})
	t.Run("the documented role", func(t *testing.T) { documentedRole(t, c) })
	t.Run("a narrow role", func(t *testing.T) { narrow(t, c, src) })
}

// documentedRole binds the role of docs/configuration.md: it is enough for
// everything that is asked.
func documentedRole(t *testing.T, c *servers.Cluster) {
	t.Helper()
	doc, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	_, role, found := strings.Cut(string(doc), "```yaml\nkind: ClusterRole")
	role, _, ended := strings.Cut(role, "```")
	var manifest object
	if err := yaml.Unmarshal([]byte("kind: ClusterRole"+role), &manifest); err != nil || !found || !ended {
		t.Fatalf("docs/configuration.md shows no role: %v", err)
	}
	c.Create(t, "/apis/rbac.authorization.k8s.io/v1/clusterroles", manifest)
	c.Create(t, "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", object{
		"metadata": object{"name": "holdfast"}, "roleRef": object{"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "holdfast"},
		"subjects": []object{{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "documented"}},
	})
	src, err := kubernetes.New(kubernetes.Options{Name: "prod", Kubeconfig: c.Kubeconfig(t, "documented-documented")})
	if err != nil {
		t.Fatal(err)
	}
	namespace(t, c, "documented")
	deploy(1, func(pod object) { pod["nodeSelector"] = object{"disk": "nvme"} })(t, c, "documented")
	state, _ := whenSeen(t, src, "documented", "FailedScheduling")
	if len(state.Unread) > 0 || len(state.Read) < 19 || len(state.Nodes) != 3 {
		t.Errorf("unread %q, read %v", state.Unread, state.Read)
	}
}

// narrow compares what a token sees that may read little with what all rights
// show: what it may not read is named, and the verdict is less sure.
func narrow(t *testing.T, c *servers.Cluster, all *kubernetes.Source) {
	t.Helper()
	const ns = "narrow"
	namespace(t, c, ns)
	deploy(1, func(pod object) { pod["nodeSelector"] = object{"disk": "nvme"} })(t, c, ns)
	c.Create(t, "/apis/rbac.authorization.k8s.io/v1/namespaces/"+ns+"/roles", object{"metadata": object{"name": "look"}, "rules": []object{
		{"apiGroups": []string{"", "apps"}, "resources": []string{"pods", "deployments", "replicasets", "services"}, "verbs": []string{"list"}},
	}})
	c.Create(t, "/apis/rbac.authorization.k8s.io/v1/namespaces/"+ns+"/rolebindings", object{
		"metadata": object{"name": "look"}, "roleRef": object{"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "look"},
		"subjects": []object{{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "holdfast"}},
	})
	full, fullItem := whenSeen(t, all, ns, "FailedScheduling")
	src, err := kubernetes.New(kubernetes.Options{Name: "prod", Kubeconfig: c.Kubeconfig(t, "narrow-narrow-narrow")})
	if err != nil {
		t.Fatal(err)
	}
	if err := src.Ready(t.Context()); err != nil {
		t.Errorf("a role in one namespace is enough to be ready: %v", err)
	}
	few, fewItem := lookAt(t, src, ns)
	if !few.Asked("pods") || few.Asked("secrets") || few.Asked("nodes") || len(few.Pods) != len(full.Pods) {
		t.Errorf("read %v", few.Read)
	}
	unread := strings.Join(few.Unread, "\n")
	for _, want := range []string{
		`secrets: not allowed: secrets is forbidden: User "holdfast" cannot list resource "secrets" in API group "" in the namespace "narrow"`,
		`nodes: not allowed: nodes is forbidden: User "holdfast" cannot list resource "nodes" in API group "" at the cluster scope`,
	} {
		if !strings.Contains(unread, want) {
			t.Errorf("unread does not say %q:\n%s", want, unread)
		}
	}
	sure, less := diagnoseIn(t, ns, fullItem), diagnoseIn(t, ns, fewItem)
	if p, q := probability(sure, cause.FaultNodeSelector), probability(less, cause.FaultNodeSelector); q >= p {
		t.Errorf("with all rights %.3f, with few %.3f: less was read, and the verdict is as sure", p, q)
	}
	if h := less.Hypotheses[0]; h.CauseClass == cause.Healthy {
		t.Errorf("what could not be read is taken for health: %s at %.2f", h.Mechanism, h.Probability)
	} else {
		t.Logf("%s %s %.2f: %s", h.CauseClass, h.Fault, h.Probability, h.Mechanism)
	}
	if _, err := all.State(t.Context(), "nowhere", time.Now()); err != nil {
		t.Errorf("a namespace without objects: %v", err)
	}
	stranger, err := kubernetes.New(kubernetes.Options{Name: "prod", URL: c.URL, CAFile: c.CAFile, Token: "nobody-nobody-nobody"})
	if err != nil {
		t.Fatal(err)
	}
	if err := stranger.Ready(t.Context()); err == nil || !strings.Contains(err.Error(), "not accepted") {
		t.Errorf("a token that nobody has: %v", err)
	}
	if _, err := stranger.State(t.Context(), ns, time.Now()); err == nil {
		t.Error("a token that nobody has read something")
	}
}

// probability is that of the best hypothesis with the fault.
func probability(d diagnose.Diagnosis, f cause.Fault) float64 {
	for _, h := range d.Hypotheses {
		if h.Fault == f {
			return h.Probability
		}
	}
	return 0
}

func whenSeen(t *testing.T, src *kubernetes.Source, ns, reason string) (state cluster.State, it evidence.Item) {
	t.Helper()
	eventually(t, 30*time.Second, "what is wrong to be seen", func() error {
		state, it = lookAt(t, src, ns)
		if len(state.Pods) == 0 && reason != "FailedCreate" { // lists are read one beside the other
			return fmt.Errorf("no pods: %s", it.Summary)
		}
		if reason != "" && !slices.ContainsFunc(state.Events, func(e cluster.Event) bool { return e.Reason == reason }) {
			return fmt.Errorf("%s; not read: %v", it.Summary, state.Unread)
		}
		return nil
	})
	return state, it
}

// diagnoseIn asks the engine, as an incident of web does.
func diagnoseIn(t *testing.T, ns string, items ...evidence.Item) diagnose.Diagnosis {
	t.Helper()
	cat, err := catalog.New([]catalog.Service{webIn(ns)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	return diagnose.New(diagnose.DefaultWeights()).Diagnose(diagnose.Input{
		Catalog: cat, Environment: "production", Affected: []string{"web"}, FirstSignal: now.Add(-time.Minute), Now: now, Items: items,
	})
}
