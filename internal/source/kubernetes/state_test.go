package kubernetes

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/cluster"
	"github.com/holdfast-sre/holdfast/internal/evidence"
)

var at = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func raw(objects ...string) []json.RawMessage {
	var out []json.RawMessage
	for _, o := range objects {
		out = append(out, json.RawMessage(o))
	}
	return out
}

const pod = `{
 "metadata":{"name":"web-1","namespace":"shop","creationTimestamp":"2026-01-02T03:00:00Z","labels":{"app":"web"},
  "annotations":{"kubectl.kubernetes.io/last-applied-configuration":"{\"password\":\"hunter2\"}","note":"x"},
  "ownerReferences":[{"kind":"Other","name":"o"},{"kind":"ReplicaSet","name":"web-5d","controller":true}]},
 "spec":{"nodeName":"n1","serviceAccountName":"web","imagePullSecrets":[{"name":"registry"}],"terminationGracePeriodSeconds":30,
  "containers":[{"name":"web","image":"r/web:1","ports":[{"containerPort":8080,"name":"http"}],
   "resources":{"requests":{"cpu":"250m","memory":"64Mi"},"limits":{"memory":67108864,"cpu":"NaN"}},
   "env":[{"name":"DB_PASSWORD","value":"hunter2"},{"name":"DB_URL","value":"postgres://u:hunter2@db:5432/x"},
    {"name":"KEY","valueFrom":{"secretKeyRef":{"name":"web","key":"k","optional":true}}},{"name":"IP","valueFrom":{"fieldRef":{"fieldPath":"status.podIP"}}}],
   "envFrom":[{"configMapRef":{"name":"settings"}}],
   "livenessProbe":{"httpGet":{"path":"/live","port":"http","scheme":"HTTP"},"periodSeconds":10,"failureThreshold":3},
   "readinessProbe":{"tcpSocket":{"port":8081},"timeoutSeconds":9223372036854775807},
   "volumeMounts":[{"name":"data","mountPath":"/data"}]}],
  "affinity":{"nodeAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":{"nodeSelectorTerms":[{"matchExpressions":[{"key":"disk","operator":"In","values":["ssd"]}]}]}}},
  "volumes":[{"name":"data","persistentVolumeClaim":{"claimName":"data"}},{"name":"new-kind","image":{}}]},
 "status":{"phase":"Running","podIP":"10.0.0.7","conditions":[{"type":"Ready","status":"False","lastTransitionTime":null}],
  "containerStatuses":[{"name":"web","ready":false,"restartCount":4,"state":{"waiting":{"reason":"CrashLoopBackOff","message":"back-off"}},
   "lastState":{"terminated":{"exitCode":137,"reason":"OOMKilled","finishedAt":"2026-01-02T03:03:00Z"}}}]}}`

func TestAPod(t *testing.T) {
	t.Parallel()
	s := read("shop", at, lists{"pods": raw(pod)}, nil)
	want := cluster.Pod{
		Meta: cluster.Meta{
			Name: "web-1", Namespace: "shop", Created: at.Add(-245 * time.Second), Labels: map[string]string{"app": "web"},
			Annotations: map[string]string{"note": "x"}, OwnerKind: "ReplicaSet", OwnerName: "web-5d",
		},
		Spec: cluster.PodSpec{
			ServiceAccount: "web", NodeName: "n1", PullSecrets: []string{"registry"}, Grace: 30 * time.Second,
			NodeAffinity: [][]cluster.Requirement{{{Key: "disk", Operator: "In", Values: []string{"ssd"}}}},
			Volumes:      []cluster.VolumeUse{{Name: "data", Kind: "PersistentVolumeClaim", Ref: "data"}, {Name: "new-kind", Kind: "Other"}},
			Containers: []cluster.ContainerSpec{{
				Name: "web", Image: "r/web:1", Ports: []cluster.ContainerPort{{Name: "http", Port: 8080}},
				Requests: map[string]cluster.Quantity{"cpu": 0.25, "memory": 64 << 20}, Limits: map[string]cluster.Quantity{"memory": 64 << 20},
				Env: []cluster.Env{
					{Name: "DB_PASSWORD", Secret: true},
					{Name: "DB_URL", Value: "postgres://[credentials]@db:5432/x"},
					{Name: "KEY", Secret: true, From: &cluster.Ref{Kind: "Secret", Name: "web", Key: "k", Optional: true}},
					{Name: "IP", From: &cluster.Ref{Kind: "Field", Name: "status.podIP"}},
				},
				EnvFrom:   []cluster.Ref{{Kind: "ConfigMap", Name: "settings"}},
				Liveness:  &cluster.Probe{Kind: "http", Port: "http", Path: "/live", Scheme: "HTTP", Period: 10 * time.Second, Failures: 3},
				Readiness: &cluster.Probe{Kind: "tcp", Port: "8081", Timeout: 366 * 24 * time.Hour},
				Mounts:    map[string]string{"/data": "data"},
			}},
		},
		Phase: "Running", Node: "n1", IP: "10.0.0.7", Conditions: []cluster.Condition{{Type: "Ready", Status: "False"}},
		Containers: []cluster.Container{{
			Name: "web", Restarts: 4, State: cluster.Phase{Kind: "waiting", Reason: "CrashLoopBackOff", Message: "back-off"},
			Last: cluster.Phase{Kind: "terminated", Reason: "OOMKilled", ExitCode: 137, Finished: at.Add(-65 * time.Second)},
		}},
	}
	if diff := cmp.Diff([]cluster.Pod{want}, s.Pods); diff != "" {
		t.Errorf("pod (-want +got):\n%s", diff)
	}
}

func TestWorkloads(t *testing.T) {
	t.Parallel()
	s := read("shop", at, lists{
		"deployments": raw(`{"metadata":{"name":"web","annotations":{"deployment.kubernetes.io/revision":"7"}},
			"spec":{"selector":{"matchLabels":{"app":"web"}},"template":{"metadata":{"labels":{"app":"web"}}}},"status":{"replicas":1,"readyReplicas":1}}`,
			`{"metadata":{"name":"off"},"spec":{"replicas":0,"selector":{}}}`),
		"replicasets": raw(`{"metadata":{"name":"web-old","ownerReferences":[{"kind":"Deployment","name":"web"}]},"spec":{"replicas":0}}`,
			`{"metadata":{"name":"web-new","ownerReferences":[{"kind":"Deployment","name":"web"}]},"spec":{"replicas":1}}`),
		"daemonsets": raw(`{"metadata":{"name":"agent"},"status":{"desiredNumberScheduled":3,"numberReady":2}}`),
		"jobs":       raw(`{"metadata":{"name":"once"},"status":{"active":1}}`),
		"cronjobs":   raw(`{"metadata":{"name":"nightly"},"spec":{"suspend":true,"jobTemplate":{"spec":{"template":{"spec":{"serviceAccountName":"n"}}}}},"status":{"active":[{"name":"x"}]}}`, `{"spec":{"selector":3}}`),
	}, nil)
	got := []string{}
	for _, w := range s.Workloads {
		b, err := json.Marshal([]any{w.Kind, w.Name, w.Desired, w.Ready, w.Current, w.Paused, w.Revision})
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(b))
	}
	want := []string{
		`["Deployment","web",1,1,1,false,"7"]`, `["Deployment","off",0,0,0,false,""]`, `["ReplicaSet","web-new",1,0,0,false,""]`,
		`["DaemonSet","agent",3,2,0,false,""]`, `["Job","once",1,0,1,false,""]`, `["CronJob","nightly",0,0,0,true,""]`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("workloads (-want +got):\n%s", diff)
	}
	if want := []string{"cronjobs: 1 objects are not in the form that the Kubernetes API documents"}; !slices.Equal(s.Unread, want) {
		t.Errorf("unread is %q, want %q", s.Unread, want)
	}
}

func TestServicesPoliciesAndEvents(t *testing.T) {
	t.Parallel()
	s := read("shop", at, lists{
		"services": raw(`{"metadata":{"name":"web","namespace":"shop"},"spec":{"selector":{"app":"web"},"ports":[{"port":80},{"port":81,"targetPort":"http"}]}}`),
		"endpointslices": raw(`{"metadata":{"name":"web-x","namespace":"shop","labels":{"kubernetes.io/service-name":"web"}},"ports":[{"port":8080}],
			"endpoints":[{"addresses":["10.0.0.2"]},{"addresses":["10.0.0.1"],"conditions":{"ready":true}},{"addresses":["10.0.0.3"],"conditions":{"ready":false}}]}`),
		"networkpolicies": raw(`{"metadata":{"name":"closed"},"spec":{"podSelector":{},"policyTypes":["Ingress","Egress"],"egress":[{"to":[{"podSelector":{}}]}]}}`),
		"events": raw(
			`{"involvedObject":{"kind":"Pod","name":"b"},"type":"Warning","reason":"FailedScheduling","eventTime":"2026-01-02T03:04:00.000000Z","reportingComponent":"default-scheduler"}`,
			`{"involvedObject":{"kind":"Pod","name":"a"},"type":"Warning","reason":"BackOff","count":5,"firstTimestamp":"2026-01-02T02:00:00Z","lastTimestamp":"2026-01-02T03:00:00Z","source":{"component":"kubelet"}}`,
			`{"involvedObject":{"kind":"Pod","name":"c"},"series":{"count":9,"lastObservedTime":"2026-01-02T03:04:04Z"},"eventTime":"2026-01-02T03:00:00Z"}`),
	}, nil)
	wantService := cluster.Service{
		Meta: cluster.Meta{Name: "web", Namespace: "shop"}, Selector: map[string]string{"app": "web"},
		Ports:     []cluster.ServicePort{{Port: 80, Target: "80"}, {Port: 81, Target: "http"}},
		Addresses: []string{"10.0.0.1:8080", "10.0.0.2:8080"}, NotReady: []string{"10.0.0.3:8080"},
	}
	if diff := cmp.Diff([]cluster.Service{wantService}, s.Services); diff != "" {
		t.Errorf("services (-want +got):\n%s", diff)
	}
	p := s.Policies[0]
	if !p.DenyIn || p.DenyOut || !p.NoNames || p.Text != `ingress: nothing; egress: {"to":[{"podSelector":{}}]}` {
		t.Errorf("policy is %+v", p)
	}
	var got []string
	for _, e := range s.Events {
		got = append(got, e.Name+" "+e.From+" "+e.Last.Format(time.TimeOnly))
	}
	if want := []string{"a kubelet 03:00:00", "b default-scheduler 03:04:00", "c unknown 03:04:04"}; !slices.Equal(got, want) {
		t.Errorf("events are %q, want %q", got, want)
	}
	if s.Events[2].Count != 9 || s.Events[1].Count != 1 {
		t.Errorf("counts are %d and %d, want 9 and 1", s.Events[2].Count, s.Events[1].Count)
	}
}

func TestNodesAndStorage(t *testing.T) {
	t.Parallel()
	busy := `{"spec":{"nodeName":"n1","containers":[{"resources":{"requests":{"cpu":"1"}}},{"resources":{"requests":{"cpu":"500m"}}}],
		"initContainers":[{"resources":{"requests":{"cpu":"2"}}}]},"status":{"phase":"Running"}}`
	over := `{"spec":{"nodeName":"n1","containers":[{"resources":{"requests":{"cpu":"8"}}}]},"status":{"phase":"Succeeded"}}`
	in := lists{
		"nodes": raw(`{"metadata":{"name":"n1"},"spec":{"unschedulable":true,"taints":[{"key":"k","effect":"NoSchedule"}]},
			"status":{"allocatable":{"cpu":"4","memory":"8Gi"},"addresses":[{"type":"Hostname","address":"h"},{"type":"InternalIP","address":"10.1.0.1"}]}}`),
		"leases":                 raw(`{"metadata":{"name":"n1"},"spec":{"renewTime":"2026-01-02T03:04:01.123456Z"}}`),
		allPods:                  raw(busy, over),
		"pods":                   raw(pod),
		"persistentvolumeclaims": raw(`{"metadata":{"name":"data"},"spec":{"storageClassName":"fast","resources":{"requests":{"storage":"1Gi"}}},"status":{"phase":"Pending"}}`),
		"persistentvolumes":      raw(`{"metadata":{"name":"v"},"spec":{"capacity":{"storage":"2Gi"},"claimRef":{"namespace":"shop","name":"other"}},"status":{"phase":"Bound"}}`),
		"secrets":                raw(`{"metadata":{"name":"web"}}`),
		"configmaps":             raw(`{"metadata":{"name":"c"},"data":{"b":"1","app.json":"{\"secret\":{\"value\":\"hunter2\"}}","api_key":"hunter2","ca.crt":"-----BEGIN CERTIFICATE-----"},"binaryData":{"z":"AA=="}}`),
	}
	s := read("shop", at, in, nil)
	n := s.Nodes[0]
	if n.Requested["cpu"] != 2 || n.Requested["pods"] != 1 || n.InternalIP != "10.1.0.1" || !n.Unschedulable || n.Lease.IsZero() {
		t.Errorf("node is %+v", n)
	}
	if c := s.Claims[0]; c.Request != 1<<30 || !slices.Equal(c.UsedBy, []string{"web-1"}) {
		t.Errorf("claim is %+v", c)
	}
	if v := s.Volumes[0]; v.Claim != "shop/other" || v.Capacity != 2<<30 {
		t.Errorf("volume is %+v", v)
	}
	if k := s.Secrets[0]; k.Name != "web" || !k.KeysUnknown {
		t.Errorf("secret is %+v", k)
	}
	k := s.ConfigMaps[0]
	if diff := cmp.Diff(map[string]string{"b": "1", "app.json": `{"secret":{"value":"[secret]"}}`}, k.Data); diff != "" || !slices.Equal(k.Keys, []string{"api_key", "app.json", "b", "ca.crt", "z"}) {
		t.Errorf("keys %v, data (-want +got):\n%s", k.Keys, diff)
	}
	in[platformPods] = raw(`{"metadata":{"name":"kube-proxy-x","labels":{"k8s-app":"kube-proxy"}},"spec":{"nodeName":"n1"},"status":{"phase":"Running",
		"containerStatuses":[{"state":{"waiting":{"reason":"CrashLoopBackOff"}}}]}}`,
		`{"metadata":{"name":"kube-scheduler-n1","labels":{"component":"kube-scheduler"}},"spec":{"nodeName":"n1"},"status":{"phase":"Running","conditions":[{"type":"Ready","status":"True"}]}}`)
	want := []cluster.Unit{
		{Node: "n1", Name: "kube-proxy", State: "CrashLoopBackOff"}, {Node: "n1", Name: "kube-scheduler", Active: true, State: "running"},
	}
	if diff := cmp.Diff(want, read("shop", at, in, nil).Units); diff != "" {
		t.Errorf("units (-want +got):\n%s", diff)
	}
	delete(in, allPods)
	if n := read("shop", at, in, nil).Nodes[0]; n.Requested != nil {
		t.Errorf("requests that were not read are %v", n.Requested)
	}
}

// Evidence is redacted by the names of its members: what the engine compares
// must come through unchanged.
func TestRedactionLeavesNamesAlone(t *testing.T) {
	t.Parallel()
	s := read("shop", at, lists{"pods": raw(pod), "secrets": raw(`{"metadata":{"name":"registry"}}`, `{"metadata":{"name":"web"}}`)}, nil)
	it, err := evidence.Item{Kind: evidence.KindCluster}.Encode(s)
	if err != nil {
		t.Fatal(err)
	}
	it = it.Redacted(nil)
	got, err := evidence.Decode[cluster.State](it)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(s, got); diff != "" {
		t.Errorf("redaction changed the state (-before +after):\n%s", diff)
	}
	if strings.Contains(string(it.Data), "hunter2") {
		t.Error("a secret value is in the evidence")
	}
}

// Whatever a server sends: no panic, it encodes, and it is the same each time.
func FuzzRead(f *testing.F) {
	f.Add("pods", []byte(pod))
	f.Add("events", []byte(`{"series":null,"eventTime":""}`))
	f.Add("nodes", []byte(`{"status":{"allocatable":{"cpu":"1e400","memory":-5,"x":"Inf"}}}`))
	f.Add("deployments", []byte(`{"spec":{"replicas":-1,"selector":null}}`))
	f.Add("endpointslices", []byte(`{"endpoints":[{"addresses":[""]}],"ports":[{"port":null}]}`))
	f.Fuzz(func(t *testing.T, resource string, object []byte) {
		if !json.Valid(object) {
			return
		}
		in := lists{resource: raw(string(object)), allPods: raw(string(object)), "services": raw(`{"metadata":{"name":"web"}}`)}
		s := read("shop", at, in, nil)
		first, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		second, err := json.Marshal(read("shop", at, in, nil))
		if err != nil || string(first) != string(second) {
			t.Errorf("the same object gave another state, error %v:\n%s\n%s", err, first, second)
		}
		_ = summary(s)
	})
}
