package inspect

import (
	"slices"
	"testing"
	"time"

	"github.com/holdfast-sre/holdfast/internal/cluster"
)

// hook adds a job that has run to its end.
func hook(s *cluster.State, spec cluster.PodSpec) {
	s.Workloads = append(s.Workloads, cluster.Workload{Meta: named("hook"), Kind: "Job", Desired: 1, Available: 1, Template: spec})
}

// What is ordinary in clusters that are well, and what could not be read, is no
// finding.
func TestOrdinaryIsNoFinding(t *testing.T) {
	t.Parallel()
	env := func(s *cluster.State, name, value string) {
		change(s, "web", func(p *cluster.PodSpec) {
			p.Containers = slices.Clone(p.Containers)
			p.Containers[0].Env = append(slices.Clone(p.Containers[0].Env), cluster.Env{Name: name, Value: value})
		})
	}
	tight := func(s *cluster.State) {
		change(s, "web", func(p *cluster.PodSpec) {
			p.Containers = slices.Clone(p.Containers)
			p.Containers[0].Requests = map[string]cluster.Quantity{"cpu": 1}
		})
		s.Quotas = []cluster.Quota{{Meta: named("q"), Hard: map[string]cluster.Quantity{"requests.cpu": 10}, Used: map[string]cluster.Quantity{"requests.cpu": 9.5}}}
	}
	tests := map[string]func(*cluster.State){
		"a variable that names an image": func(s *cluster.State) { env(s, "CACHE_IMAGE", "stock:7") },
		"a pod's port behind a headless service": func(s *cluster.State) {
			service(s, "stock").ClusterIP = "None"
			env(s, "GOSSIP_ADDR", "stock:7000")
		},
		"a name for something outside": func(s *cluster.State) {
			x := service(s, "bills")
			x.Type, x.External, x.Selector, x.Addresses = "ExternalName", "db.example.com", nil, nil
			env(s, "BILLS_ADDR", "bills:5432")
		},
		"a name that the pod itself resolves": func(s *cluster.State) {
			change(s, "web", func(p *cluster.PodSpec) { p.HostAliases = []string{"stock-legacy"} })
			env(s, "LEGACY_ADDR", "stock-legacy:7100")
		},
		"a finished job without its account and its secret": func(s *cluster.State) {
			s.Read = append(s.Read, "serviceaccounts")
			hook(s, cluster.PodSpec{ServiceAccount: "hook", Containers: []cluster.ContainerSpec{{Name: "app", EnvFrom: []cluster.Ref{{Kind: "Secret", Name: "hook"}}}}})
		},
		"a finished job without its pods under a tight quota": func(s *cluster.State) {
			tight(s)
			hook(s, s.Workloads[0].Template)
		},
		"a pod of a job that was killed days ago": func(s *cluster.State) {
			hook(s, cluster.PodSpec{})
			s.Workloads[len(s.Workloads)-1].Available = 0
			s.Pods = append(s.Pods, cluster.Pod{
				Meta: cluster.Meta{Name: "hook-x", Namespace: "shop", OwnerKind: "Job", OwnerName: "hook"}, Phase: "Failed",
				Containers: []cluster.Container{{Name: "app", State: cluster.Phase{Kind: "terminated", Reason: "OOMKilled", ExitCode: 137, Finished: wiredAt.Add(-72 * time.Hour)}}},
			})
		},
		"pods that can't be read under a tight quota": func(s *cluster.State) {
			tight(s)
			s.Pods, s.Read, s.Unread = nil, []string{"deployments", "resourcequotas"}, []string{"pods: not allowed"}
		},
		"a service whose workload can't be read": func(s *cluster.State) {
			s.Unread = []string{"statefulsets: not allowed"}
			s.Services = append(s.Services, cluster.Service{
				Meta: named("queue"), Selector: map[string]string{"app": "queue", "of": "mail"}, Ports: []cluster.ServicePort{{Port: 7100, Target: "7100"}},
			})
		},
		"one more service of a workload that waits for its pods": func(s *cluster.State) {
			s.Services = append(s.Services, cluster.Service{
				Meta: named("web-preview"), Selector: map[string]string{"app": "web", "track": "preview"}, Ports: []cluster.ServicePort{{Port: 7100, Target: "7100"}},
			})
		},
		"storage classes that can't be read": func(s *cluster.State) {
			change(s, "web", func(p *cluster.PodSpec) {
				p.Volumes = []cluster.VolumeUse{{Name: "d", Kind: "PersistentVolumeClaim", Ref: "d"}}
			})
			s.Claims = []cluster.Claim{{Meta: named("d"), Phase: "Pending", Class: "gp", AccessModes: []string{"ReadWriteOnce"}, Request: 1}}
			s.Volumes = []cluster.Volume{{Meta: cluster.Meta{Name: "v"}, Phase: "Bound", Claim: "other/x", Class: "gp", AccessModes: []string{"ReadWriteOnce"}, Capacity: 10}}
			s.Read = append(s.Read, "persistentvolumes", "persistentvolumeclaims")
		},
		"events that can't be read while a pod waits": func(s *cluster.State) {
			s.Pods[0].Phase, s.Pods[0].Node, s.Pods[0].Containers = "Pending", "", nil
			s.Nodes = []cluster.Node{{Meta: cluster.Meta{Name: "cp", Labels: map[string]string{"node-role.kubernetes.io/control-plane": ""}}}}
			s.Unread = []string{"events: not allowed"}
		},
		"a second transport beside the declared one": func(s *cluster.State) {
			x := service(s, "stock")
			x.Ports = append(slices.Clone(x.Ports), cluster.ServicePort{Name: "h3", Port: 7100, Target: "7100", Protocol: "UDP"})
		},
		"a port of a sidecar among the init containers": func(s *cluster.State) {
			change(s, "stock", func(p *cluster.PodSpec) {
				p.InitContainers = []cluster.ContainerSpec{{Name: "proxy", Ports: []cluster.ContainerPort{{Name: "metrics", Port: 15090}}}}
			})
			x := service(s, "stock")
			x.Ports, x.Addresses = append(slices.Clone(x.Ports), cluster.ServicePort{Port: 15090, Target: "metrics"}), nil
		},
		"a workload that scales to zero on its own": func(s *cluster.State) {
			x := &s.Workloads[slices.IndexFunc(s.Workloads, func(w cluster.Workload) bool { return w.Name == "bills" })]
			x.Desired, x.Ready, x.Annotations = 0, 0, map[string]string{"scaledobject.keda.sh/name": "bills"}
			s.Pods = slices.DeleteFunc(s.Pods, func(p cluster.Pod) bool { return p.Labels["app"] == "bills" })
		},
		"an undeclared port that answers the probe with an error": func(s *cluster.State) {
			change(s, "stock", func(p *cluster.PodSpec) {
				p.Containers = slices.Clone(p.Containers)
				p.Containers[0].Readiness = &cluster.Probe{Kind: "http", Port: "8081", Path: "/ready"}
			})
			unready(s, "stock")
			probed(s, "stock", "Readiness probe failed: HTTP probe failed with statuscode: 503")
		},
	}
	for name, edit := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiredShop()
			edit(s)
			for _, f := range All(s, nil, Trouble{}) {
				t.Errorf("finding %s %s/%s %s: %s", f.Weight, f.Kind, f.Name, f.Fault, f.Text)
			}
			if d := Down(s); len(d) > 0 {
				t.Errorf("down: %v", d)
			}
		})
	}
}
