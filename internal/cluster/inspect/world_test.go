package inspect

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/holdfast-sre/holdfast/internal/cause"
	"github.com/holdfast-sre/holdfast/internal/cluster"
)

var noon = time.Date(2030, 5, 1, 12, 0, 0, 0, time.UTC)

// shop is a small cluster in which all is well: a web front, an API that keeps
// its data on a volume, and a queue.
func shop() *cluster.State {
	s := &cluster.State{
		At: noon, Namespace: "shop",
		Read: []string{
			"pods", "services", "deployments", "secrets", "configmaps", "serviceaccounts", "persistentvolumeclaims", "persistentvolumes",
			"storageclasses", "resourcequotas", "nodes",
		},
		Calls:    []cluster.Call{{Caller: "web", Callee: "api"}, {Caller: "api", Callee: "queue"}},
		Accounts: []cluster.Account{{Meta: cluster.Meta{Name: "default"}}, {Meta: cluster.Meta{Name: "api"}}},
		Secrets:  []cluster.Keyed{{Meta: cluster.Meta{Name: "api-keys"}, Keys: []string{"PAY"}}},
		Classes:  []cluster.Class{{Meta: cluster.Meta{Name: "fast"}, Provisioner: "kubernetes.io/no-provisioner"}},
		Claims: []cluster.Claim{{
			Meta: cluster.Meta{Name: "api-data", Namespace: "shop"}, Phase: "Bound", Volume: "disk-1", Class: "fast", AccessModes: []string{"ReadWriteOnce"}, Request: 1 << 30,
		}},
		Volumes: []cluster.Volume{{
			Meta: cluster.Meta{Name: "disk-1", Labels: map[string]string{"tier": "a"}}, Phase: "Bound", Claim: "shop/api-data", Class: "fast",
			AccessModes: []string{"ReadWriteOnce"}, Capacity: 2 << 30,
		}},
		Units: []cluster.Unit{
			{Node: "n1", Name: "kubelet", Active: true, State: "active (running)"}, {Node: "n2", Name: "kubelet", Active: true, State: "active (running)"},
		},
	}
	for _, n := range []string{"n1", "n2"} {
		s.Nodes = append(s.Nodes, cluster.Node{
			Meta: cluster.Meta{Name: n, Labels: map[string]string{"kubernetes.io/hostname": n, "disk": "ssd"}}, Lease: noon,
			Conditions:  []cluster.Condition{{Type: "Ready", Status: "True"}},
			Allocatable: map[string]cluster.Quantity{"cpu": 4, "memory": 8 << 30}, Requested: map[string]cluster.Quantity{"cpu": 1, "memory": 1 << 30},
		})
	}
	for i, name := range []string{"api", "queue", "web"} {
		spec := cluster.PodSpec{
			ServiceAccount: "default",
			Containers: []cluster.ContainerSpec{{
				Name: "main", Image: "registry.example/shop/" + name + ":1", Ports: []cluster.ContainerPort{{Port: 8080, Protocol: "TCP"}},
				Requests: map[string]cluster.Quantity{"cpu": 0.5, "memory": 256 << 20}, Limits: map[string]cluster.Quantity{"memory": 512 << 20},
			}},
		}
		if name == "api" {
			spec.ServiceAccount = "api"
			spec.Volumes = []cluster.VolumeUse{{Name: "data", Kind: "PersistentVolumeClaim", Ref: "api-data"}}
			spec.Containers[0].EnvFrom = []cluster.Ref{{Kind: "Secret", Name: "api-keys"}}
		}
		labels := map[string]string{"app": name}
		s.Workloads = append(s.Workloads,
			cluster.Workload{Meta: cluster.Meta{Name: name, Namespace: "shop"}, Kind: "Deployment", Selector: labels, PodLabels: labels, Desired: 1, Current: 1, Ready: 1, Available: 1, Template: spec},
			cluster.Workload{Meta: cluster.Meta{Name: name + "-5d", Namespace: "shop", OwnerKind: "Deployment", OwnerName: name}, Kind: "ReplicaSet", Desired: 1, Ready: 1, Template: spec})
		s.Pods = append(s.Pods, cluster.Pod{
			Meta: cluster.Meta{Name: name + "-5d-x", Namespace: "shop", Labels: labels, OwnerKind: "ReplicaSet", OwnerName: name + "-5d", Created: noon.Add(-time.Hour)},
			Spec: spec, Phase: "Running", Node: []string{"n1", "n2"}[i%2], IP: "10.0.0." + string(rune('1'+i)),
			Conditions: []cluster.Condition{{Type: "Ready", Status: "True"}},
			Containers: []cluster.Container{{Name: "main", Image: spec.Containers[0].Image, Ready: true, State: cluster.Phase{Kind: "running", Started: noon.Add(-time.Hour)}}},
		})
		s.Services = append(s.Services, cluster.Service{
			Meta: cluster.Meta{Name: name, Namespace: "shop"}, Type: "ClusterIP", Selector: labels, Addresses: []string{"10.0.0." + string(rune('1'+i)) + ":8080"},
			Ports: []cluster.ServicePort{{Port: 80, Target: "8080", Protocol: "TCP"}},
		})
	}
	return s
}

// pod, deployment and others find an object of the shop to change it.
func pod(s *cluster.State, name string) *cluster.Pod {
	return &s.Pods[slices.IndexFunc(s.Pods, func(p cluster.Pod) bool { return p.Name == name+"-5d-x" })]
}

func deployment(s *cluster.State, name string) *cluster.Workload {
	return &s.Workloads[slices.IndexFunc(s.Workloads, func(w cluster.Workload) bool { return w.Name == name })]
}

// pending takes a pod's node away, and with it all that ran.
func pending(s *cluster.State, name string) *cluster.Pod {
	p := pod(s, name)
	p.Phase, p.Node, p.Containers, p.Conditions = "Pending", "", nil, []cluster.Condition{{Type: "PodScheduled", Status: "False"}}
	deployment(s, name).Ready = 0
	return p
}

// stopped makes a pod's container wait for a reason.
func stopped(s *cluster.State, name, reason string) *cluster.Pod {
	p := pod(s, name)
	p.Phase = "Pending"
	p.Containers[0].Ready, p.Containers[0].State = false, cluster.Phase{Kind: "waiting", Reason: reason}
	deployment(s, name).Ready = 0
	return p
}

func gone(s *cluster.State, name string) {
	s.Pods = slices.DeleteFunc(s.Pods, func(p cluster.Pod) bool { return p.Name == name+"-5d-x" })
	deployment(s, name).Ready = 0
}

func warn(s *cluster.State, name, reason, message string, age time.Duration) {
	s.Events = append(s.Events, cluster.Event{Kind: "Pod", Name: name + "-5d-x", Type: "Warning", Reason: reason, Message: message, Count: 1, Last: noon.Add(-age)})
}

// brief is what tests compare of a finding.
type brief struct {
	Fault  cause.Fault
	Object string
	Weight Weight
}

func briefs(fs []Finding) []brief {
	var out []brief
	for _, f := range fs {
		out = append(out, brief{f.Fault, f.Kind + "/" + f.Name, f.Weight})
	}
	return out
}

func TestAllIsWell(t *testing.T) {
	t.Parallel()
	if got := All(shop(), []Lines{{Workload: "api", Lines: []string{"started", "GET /orders 200"}}}, Trouble{}); len(got) != 0 {
		t.Errorf("findings in a healthy cluster: %+v", got)
	}
	if got := All(&cluster.State{}, nil, Trouble{}); len(got) != 0 {
		t.Errorf("findings in nothing: %+v", got)
	}
	if got := Down(shop()); len(got) != 0 {
		t.Errorf("down in a healthy cluster: %v", got)
	}
}

// cases are clusters with one fault each.
func cases() []struct {
	name  string
	state func(*cluster.State)
	logs  []Lines
	want  []brief
} {
	contradiction := func(f cause.Fault, object string) []brief { return []brief{{f, object, Contradiction}} }
	return []struct {
		name  string
		state func(*cluster.State)
		logs  []Lines
		want  []brief
	}{
		{"more CPU than any node has free", func(s *cluster.State) {
			pending(s, "web").Spec.Containers = []cluster.ContainerSpec{{Name: "main", Requests: map[string]cluster.Quantity{"cpu": 3.5}}}
		}, nil, contradiction(cause.FaultCPUCapacity, "Deployment/web")},
		{"more memory than any node has free", func(s *cluster.State) {
			pending(s, "web").Spec.InitContainers = []cluster.ContainerSpec{{Name: "prepare", Requests: map[string]cluster.Quantity{"memory": 16 << 30}}}
		}, nil, contradiction(cause.FaultMemoryCapacity, "Deployment/web")},
		{"a selector that no node fulfils", func(s *cluster.State) {
			pending(s, "web").Spec.NodeSelector = map[string]string{"disk": "tape"}
		}, nil, contradiction(cause.FaultNodeSelector, "Deployment/web")},
		{"a required affinity that no node fulfils", func(s *cluster.State) {
			pending(s, "web").Spec.NodeAffinity = [][]cluster.Requirement{{{Key: "disk", Operator: "NotIn", Values: []string{"ssd"}}}}
		}, nil, contradiction(cause.FaultNodeAffinity, "Deployment/web")},
		{"the only node that the selector allows is cordoned", func(s *cluster.State) {
			pending(s, "web").Spec.NodeSelector = map[string]string{"kubernetes.io/hostname": "n1"}
			s.Nodes[0].Unschedulable = true
			s.Nodes[0].Taints = []cluster.Taint{{Key: "node.kubernetes.io/unschedulable", Effect: "NoSchedule"}}
		}, nil, contradiction(cause.FaultCordoned, "Deployment/web")},
		{"a taint without a toleration", func(s *cluster.State) {
			pending(s, "web")
			for i := range s.Nodes {
				s.Nodes[i].Taints = []cluster.Taint{{Key: "team", Value: "data", Effect: "NoSchedule"}}
			}
		}, nil, contradiction(cause.FaultTaint, "Deployment/web")},
		{"only the control plane fulfils the affinity", func(s *cluster.State) {
			s.Nodes = append(s.Nodes, cluster.Node{Meta: cluster.Meta{Name: "cp", Labels: map[string]string{"node-role.kubernetes.io/control-plane": "", "disk": "nvme"}}, Unschedulable: true})
			pending(s, "web").Spec.NodeAffinity = [][]cluster.Requirement{{{Key: "disk", Operator: "In", Values: []string{"nvme"}}}}
		}, nil, contradiction(cause.FaultNodeAffinity, "Deployment/web")},
		{"pods that it must not meet run on every node", func(s *cluster.State) {
			pending(s, "web").Spec.AntiAffinity = []cluster.PodTerm{{
				Expressions: []cluster.Requirement{{Key: "app", Operator: "In", Values: []string{"api", "queue"}}}, TopologyKey: "kubernetes.io/hostname",
			}}
		}, nil, contradiction(cause.FaultAntiAffinity, "Deployment/web")},
		{"only the scheduler's words", func(s *cluster.State) {
			s.Nodes, s.Units = nil, nil
			pending(s, "web")
			warn(s, "web", "FailedScheduling", "0/3 nodes are available: 3 Insufficient memory.", time.Minute)
		}, nil, []brief{{cause.FaultMemoryCapacity, "Deployment/web", Stated}}},
		{"a claim larger than its volume", func(s *cluster.State) { unbind(s).Request = 3 << 30 }, nil, contradiction(cause.FaultClaimCapacity, "Deployment/api")},
		{"an access mode that the volume lacks", func(s *cluster.State) { unbind(s).AccessModes = []string{"ReadWriteMany"} }, nil, contradiction(cause.FaultAccessMode, "Deployment/api")},
		{"labels that no volume has", func(s *cluster.State) { unbind(s).Selector = map[string]string{"tier": "b"} }, nil, contradiction(cause.FaultClaimSelector, "Deployment/api")},
		{"a class that does not exist", func(s *cluster.State) { unbind(s).Class = "slow" }, nil, contradiction(cause.FaultStorageClass, "Deployment/api")},
		{"a volume that belongs to another claim", func(s *cluster.State) {
			unbind(s)
			s.Volumes[0].Phase, s.Volumes[0].Claim = "Bound", "other/data"
		}, nil, contradiction(cause.FaultVolumeOccupied, "Deployment/api")},
		{"a quota of CPU that is used up", func(s *cluster.State) {
			gone(s, "web")
			s.Quotas = []cluster.Quota{{Meta: cluster.Meta{Name: "q", Namespace: "shop"}, Hard: map[string]cluster.Quantity{"requests.cpu": 1.2}, Used: map[string]cluster.Quantity{"requests.cpu": 1}}}
		}, nil, contradiction(cause.FaultQuotaCPU, "Namespace/shop")},
		{"a quota that is read only in words", func(s *cluster.State) {
			gone(s, "web")
			s.Events = []cluster.Event{{
				Kind: "ReplicaSet", Name: "web-5d", Type: "Warning", Reason: "FailedCreate", Last: noon.Add(-time.Minute),
				Message: `Error creating: pods "web-5d-y" is forbidden: exceeded quota: q, requested: pods=1, used: pods=2, limited: pods=2`,
			}}
		}, nil, []brief{{cause.FaultQuotaPods, "Namespace/shop", Stated}}},
		{"a quota of services without room for one that others name", func(s *cluster.State) {
			s.Services = slices.DeleteFunc(s.Services, func(x cluster.Service) bool { return x.Name == "queue" })
			deployment(s, "api").Template.Containers[0].Env = []cluster.Env{{Name: "QUEUE", Value: "queue:80"}}
			s.Quotas = []cluster.Quota{{Meta: cluster.Meta{Name: "q"}, Hard: map[string]cluster.Quantity{"services": 2}, Used: map[string]cluster.Quantity{"services": 2}}}
		}, nil, contradiction(cause.FaultQuotaServices, "Namespace/shop")},
		{"an image that does not exist", func(s *cluster.State) {
			stopped(s, "web", "ImagePullBackOff")
			warn(s, "web", "Failed", `Failed to pull image "registry.example/shop/web:9": rpc error: code = NotFound desc = not found`, time.Minute)
		}, nil, []brief{{cause.FaultImageReference, "Deployment/web", Stated}}},
		{"a registry that refuses, and a pull secret that does not exist", func(s *cluster.State) {
			stopped(s, "web", "ErrImagePull").Spec.PullSecrets = []string{"registry"}
			warn(s, "web", "Failed", "Failed to pull image: failed to authorize: 401 Unauthorized", time.Minute)
		}, nil, []brief{{cause.FaultPullSecret, "Deployment/web", Stated}}},
		{"a registry whose name does not resolve", func(s *cluster.State) {
			stopped(s, "web", "ErrImagePull")
			warn(s, "web", "Failed", "Failed to pull image: dial tcp: lookup registry.exmple: no such host", time.Minute)
		}, nil, []brief{{cause.FaultRegistryDNS, "Deployment/web", Stated}}},
		{"a service account that does not exist", func(s *cluster.State) {
			gone(s, "web")
			deployment(s, "web").Template.ServiceAccount = "webs"
		}, nil, contradiction(cause.FaultServiceAccount, "Deployment/web")},
		{"a secret that does not exist", func(s *cluster.State) {
			stopped(s, "api", "CreateContainerConfigError")
			s.Secrets = nil
		}, nil, contradiction(cause.FaultSecretMissing, "Deployment/api")},
		{"scaled to zero", func(s *cluster.State) {
			gone(s, "api")
			deployment(s, "api").Desired = 0
			for i := range s.Services {
				if s.Services[i].Name == "api" {
					s.Services[i].Addresses = nil
				}
			}
		}, nil, contradiction(cause.FaultNoReplicas, "Deployment/api")},
		{"killed at its memory limit", func(s *cluster.State) {
			p := stopped(s, "web", "CrashLoopBackOff")
			p.Containers[0].Last = cluster.Phase{Kind: "terminated", Reason: "OOMKilled", ExitCode: 137, Finished: noon.Add(-time.Minute)}
		}, nil, []brief{{cause.FaultOutOfMemory, "Deployment/web", Stated}}},
		{"the scheduler does not run", func(s *cluster.State) {
			pending(s, "web")
			s.Units = append(s.Units, cluster.Unit{Node: "n1", Name: "kube-scheduler", State: "inactive (dead)"})
		}, nil, contradiction(cause.FaultScheduler, "Node/n1")},
		{"the kubelet does not run", func(s *cluster.State) {
			s.Units[1] = cluster.Unit{Node: "n2", Name: "kubelet", State: "inactive (dead)"}
			s.Nodes[1].Conditions = []cluster.Condition{{Type: "Ready", Status: "Unknown", Message: "Kubelet stopped posting node status."}}
			s.Nodes[1].Lease = noon.Add(-3 * time.Minute)
		}, nil, contradiction(cause.FaultKubelet, "Node/n2")},
		{"nothing answers from one node", func(s *cluster.State) {
			for _, x := range []string{"api", "queue", "web"} {
				s.Reaches = append(s.Reaches, cluster.Reach{Service: x, Port: 80, Node: "n1", Open: true}, cluster.Reach{Service: x, Port: 80, Node: "n2"})
			}
		}, nil, []brief{{cause.FaultKubeProxy, "Node/n2", Observed}}},
		{"a volume that the process may not write", func(s *cluster.State) {
			user := int64(1000)
			deployment(s, "api").Template.RunAsUser = &user
			stopped(s, "api", "CrashLoopBackOff").Phase = "Running"
		}, []Lines{{Workload: "api", Lines: []string{"open /data/lock: Permission denied"}}}, []brief{{cause.FaultMountPermission, "Deployment/api", Stated}}},
	}
}

// unbind takes the volume of the API's claim away.
func unbind(s *cluster.State) *cluster.Claim {
	pending(s, "api")
	c := &s.Claims[0]
	c.Phase, c.Volume = "Pending", ""
	s.Volumes[0].Phase, s.Volumes[0].Claim = "Available", ""
	warn(s, "api", "FailedScheduling", "0/2 nodes are available: pod has unbound immediate PersistentVolumeClaims.", time.Minute)
	return c
}

func TestFaults(t *testing.T) {
	t.Parallel()
	for _, tc := range cases() {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := shop()
			tc.state(s)
			if d := cmp.Diff(tc.want, briefs(All(s, tc.logs, Trouble{}))); d != "" {
				t.Errorf("findings (-want +got):\n%s", d)
			}
		})
	}
}

// TestOldEvents: what an earlier trouble left behind says nothing about now.
func TestOldEvents(t *testing.T) {
	t.Parallel()
	s := shop()
	warn(s, "web", "Failed", "Failed to pull image: not found", time.Hour)
	warn(s, "api", "FailedScheduling", "0/2 nodes are available: 2 Insufficient cpu.", 50*time.Minute)
	s.Events = append(s.Events, cluster.Event{
		Kind: "ReplicaSet", Name: "web-5d", Type: "Warning", Reason: "FailedCreate", Last: noon.Add(-2 * time.Minute),
		Message: `Error creating: pods "web-5d-" is forbidden: error looking up service account shop/web: serviceaccount "web" not found`,
	})
	if got := All(s, nil, Trouble{}); len(got) != 0 {
		t.Errorf("findings from what is over: %+v", got)
	}
}

// TestOrderOfLists: the same cluster read in another order gives the same
// findings.
func TestOrderOfLists(t *testing.T) {
	t.Parallel()
	all := cases()
	rapid.Check(t, func(rt *rapid.T) {
		tc := all[rapid.IntRange(0, len(all)-1).Draw(rt, "case")]
		a, b := shop(), shop()
		tc.state(a)
		tc.state(b)
		shuffle(b, rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 1)))
		if d := cmp.Diff(All(a, tc.logs, Trouble{}), All(b, tc.logs, Trouble{}), cmpopts.IgnoreUnexported(Finding{})); d != "" {
			rt.Errorf("%s: findings depend on the order:\n%s", tc.name, d)
		}
	})
}

func shuffle(s *cluster.State, r *rand.Rand) {
	mix(r, s.Pods)
	mix(r, s.Workloads)
	mix(r, s.Services)
	mix(r, s.Nodes)
	mix(r, s.Events)
	mix(r, s.Units)
	mix(r, s.Reaches)
	mix(r, s.Secrets)
	mix(r, s.Accounts)
	mix(r, s.Calls)
}

func mix[T any](r *rand.Rand, xs []T) {
	r.Shuffle(len(xs), func(i, j int) { xs[i], xs[j] = xs[j], xs[i] })
}
