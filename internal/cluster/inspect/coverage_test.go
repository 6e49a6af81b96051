package inspect

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/cause"
	"github.com/holdfast-sre/holdfast/internal/cluster"
)

func TestDeadRoutes(t *testing.T) {
	t.Parallel()
	to := func(service, port string) func(*cluster.State) {
		return func(s *cluster.State) {
			s.Routes = append(s.Routes, cluster.Route{Meta: named("edge"), Kind: "Ingress", Backends: []cluster.Backend{{For: "shop.example/x", Service: service, Port: port}}})
		}
	}
	tests := map[string]struct {
		edit     func(*cluster.State)
		troubled []string
		alerted  []string
		want     []Weight
		text     string
	}{
		"to a service and its port":                 {edit: to("stock", "7100")},
		"to a service and its port by name":         {edit: to("stock", "grpc")},
		"to a service, whatever its port":           {edit: to("stock", "")},
		"to a service that is gone":                 {edit: to("attic", "80"), want: []Weight{Hint}, text: "which does not exist"},
		"to a name that is nearly one, in vain":     {edit: to("stocks", "7100"), troubled: []string{"stock"}, want: []Weight{Contradiction}, text: "nothing leads to stock"},
		"to a name that is nearly one, which pages": {edit: to("stocks", "7100"), alerted: []string{"stock"}, want: []Weight{Contradiction}, text: "nothing leads to stock"},
		"to a name that is nearly one, others page": {edit: to("stocks", "7100"), alerted: []string{"mail"}, want: []Weight{Hint}, text: "nothing leads to stock"},
		"to a port that the service lacks":          {edit: to("stock", "80"), want: []Weight{Hint}, text: "at port 80, which it does not have"},
		"to a port that it lacks, and it is hit":    {edit: to("stock", "80"), troubled: []string{"stock"}, want: []Weight{Contradiction}, text: "at port 80"},
		"to another namespace": {edit: func(s *cluster.State) {
			s.Routes = []cluster.Route{{Meta: named("edge"), Kind: "HTTPRoute", Backends: []cluster.Backend{{Service: "far", Namespace: "other"}}}}
		}},
		"services that were not read": {edit: func(s *cluster.State) {
			to("attic", "80")(s)
			s.Unread = append(s.Unread, "services: only the first 1000 were read")
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiredShop()
			tt.edit(s)
			fs := All(s, nil, Trouble{Measured: tt.troubled, Alerted: tt.alerted})
			if d := cmp.Diff(tt.want, of(fs, cause.FaultGatewayRoute)); d != "" {
				t.Errorf("weights (-want +got):\n%s\n%+v", d, fs)
			}
			for _, f := range fs {
				if !strings.Contains(f.Text, tt.text) || f.Kind != "Ingress" || f.Name != "edge" {
					t.Errorf("finding %+v: want it at the ingress, and the words %q", f, tt.text)
				}
			}
		})
	}
}

func TestPoliciesThatCloseNames(t *testing.T) {
	t.Parallel()
	closed := func(s *cluster.State, age time.Duration) {
		s.Read = append(s.Read, "networkpolicies")
		s.Policies = append(s.Policies, cluster.Policy{
			Meta: cluster.Meta{Name: "tight", Namespace: "shop", Created: wiredAt.Add(-age)}, Types: []string{"Egress"}, NoNames: true,
			Expressions: []cluster.Requirement{{Key: "app", Operator: "In", Values: []string{"mail"}}},
		})
	}
	tests := map[string]struct {
		edit func(*cluster.State)
		want []Weight
	}{
		"nothing fails":                   {func(s *cluster.State) { closed(s, time.Minute) }, []Weight{Hint}},
		"it fails since":                  {func(s *cluster.State) { closed(s, time.Minute); unready(s, "mail") }, []Weight{Contradiction}},
		"it fails, and the policy is old": {func(s *cluster.State) { closed(s, 48*time.Hour); unready(s, "mail") }, []Weight{Mismatch}},
		"another policy allows it": {func(s *cluster.State) {
			closed(s, time.Minute)
			unready(s, "mail")
			s.Policies = append(s.Policies, cluster.Policy{Meta: named("dns"), Types: []string{"Egress"}})
		}, nil},
		"a policy about what comes in is other": {func(s *cluster.State) {
			closed(s, time.Minute)
			unready(s, "mail")
			s.Policies[0].Types = []string{"Ingress"}
		}, nil},
		"another workload fails": {func(s *cluster.State) { closed(s, time.Minute); unready(s, "bills") }, []Weight{Hint}},
		"policies that were not read": {func(s *cluster.State) {
			closed(s, time.Minute)
			unready(s, "mail")
			s.Unread = []string{"networkpolicies: not allowed"}
		}, nil},
		"one on the network of its node": {func(s *cluster.State) {
			closed(s, time.Minute)
			unready(s, "mail")
			change(s, "mail", func(p *cluster.PodSpec) { p.HostNetwork = true })
		}, nil},
		"one that was ready under it before it was edited": {func(s *cluster.State) {
			closed(s, 48*time.Hour)
			s.Policies[0].Edited = true
			unready(s, "mail")
			i := slices.IndexFunc(s.Pods, func(p cluster.Pod) bool { return p.Labels["app"] == "mail" })
			s.Pods[i].Created = wiredAt.Add(-time.Hour)
			s.Pods[i].Conditions = []cluster.Condition{
				{Type: "PodScheduled", Status: "True", Since: wiredAt.Add(-time.Hour)}, {Type: "Ready", Status: "False", Since: wiredAt.Add(-time.Minute)},
			}
		}, []Weight{Mismatch}},
		"one that was ready under it": {func(s *cluster.State) {
			closed(s, 48*time.Hour)
			unready(s, "mail")
			i := slices.IndexFunc(s.Pods, func(p cluster.Pod) bool { return p.Labels["app"] == "mail" })
			s.Pods[i].Created = wiredAt.Add(-time.Hour)
			s.Pods[i].Conditions = []cluster.Condition{
				{Type: "PodScheduled", Status: "True", Since: wiredAt.Add(-time.Hour)}, {Type: "Ready", Status: "False", Since: wiredAt.Add(-time.Minute)},
			}
		}, []Weight{Hint}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiredShop()
			tt.edit(s)
			fs := All(s, nil, Trouble{})
			if d := cmp.Diff(tt.want, of(fs, cause.FaultDNS)); d != "" {
				t.Errorf("weights (-want +got):\n%s\n%+v", d, fs)
			}
		})
	}
}

func TestProbePaths(t *testing.T) {
	t.Parallel()
	asks := func(s *cluster.State, kind string, said string) {
		change(s, "mail", func(p *cluster.PodSpec) {
			p.Containers = slices.Clone(p.Containers)
			c := &p.Containers[0]
			c.Ports = []cluster.ContainerPort{{Port: 7100}}
			c.Readiness, c.Liveness = &cluster.Probe{Kind: kind, Port: "7100", Path: "/healthy"}, nil
		})
		service(s, "mail").Ports[0].Name = ""
		unready(s, "mail")
		probed(s, "mail", said)
	}
	before := func(s *cluster.State, image string) { // a second pod that is ready
		p := s.Pods[slices.IndexFunc(s.Pods, func(p cluster.Pod) bool { return p.Labels["app"] == "mail" })]
		p.Name, p.Spec.Containers, p.Containers = "mail-0-y", slices.Clone(p.Spec.Containers), slices.Clone(p.Containers)
		p.Spec.Containers[0].Image, p.Containers[0].Ready = image, true
		p.Conditions = []cluster.Condition{{Type: "Ready", Status: "True", Since: wiredAt.Add(-time.Hour)}}
		s.Pods = append(s.Pods, p)
	}
	const notFound = "Readiness probe failed: HTTP probe failed with statuscode: 404"
	tests := map[string]struct {
		edit func(*cluster.State)
		want []Weight
	}{
		"404": {func(s *cluster.State) { asks(s, "http", notFound) }, []Weight{Stated}},
		"503": {func(s *cluster.State) {
			asks(s, "http", "Readiness probe failed: HTTP probe failed with statuscode: 503")
		}, nil},
		"a command that prints as much": {func(s *cluster.State) { asks(s, "exec", notFound) }, nil},
		"a body that says as much": {func(s *cluster.State) {
			asks(s, "http", "Readiness probe failed: HTTP probe failed with statuscode: 500 statuscode: 404")
		}, nil},
		"404 while it starts": {func(s *cluster.State) {
			asks(s, "http", notFound)
			box(s, "mail").State.Started = wiredAt.Add(-20 * time.Second)
		}, nil},
		"another status since": {func(s *cluster.State) {
			asks(s, "http", notFound)
			probed(s, "mail", "Readiness probe failed: HTTP probe failed with statuscode: 503")
			s.Events[1].Last = wiredAt
		}, nil},
		"it was ready with that path": {func(s *cluster.State) {
			asks(s, "http", notFound)
			i := slices.IndexFunc(s.Pods, func(p cluster.Pod) bool { return p.Labels["app"] == "mail" })
			s.Pods[i].Conditions = []cluster.Condition{
				{Type: "PodScheduled", Status: "True", Since: wiredAt.Add(-time.Hour)}, {Type: "Ready", Status: "False", Since: wiredAt.Add(-time.Minute)},
			}
		}, []Weight{Hint}},
		"the image before was ready with that path": {func(s *cluster.State) { asks(s, "http", notFound); before(s, "mail:1") }, []Weight{Stated}},
		"another pod of its image is ready with it": {func(s *cluster.State) { asks(s, "http", notFound); before(s, "") }, []Weight{Hint}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiredShop()
			tt.edit(s)
			fs := All(s, nil, Trouble{})
			if d := cmp.Diff(tt.want, of(fs, cause.FaultReadinessPath)); d != "" {
				t.Errorf("weights (-want +got):\n%s\n%+v", d, fs)
			}
		})
	}
}

// What the scheduler decided stands in the pod's own condition, too.
func TestConditionSpeaksForTheScheduler(t *testing.T) {
	t.Parallel()
	s := wiredShop()
	p := &s.Pods[0]
	p.Phase, p.Node, p.Containers = "Pending", "", nil
	p.Conditions = []cluster.Condition{{Type: "PodScheduled", Status: "False", Reason: "Unschedulable", Message: "0/3 nodes are available: 3 Insufficient memory."}}
	s.Unread = []string{"nodes: not allowed", "events: not allowed"}
	if d := cmp.Diff([]Weight{Stated}, of(All(s, nil, Trouble{}), cause.FaultMemoryCapacity)); d != "" {
		t.Errorf("weights (-want +got):\n%s", d)
	}
	// Nodes that were read in part only say nothing of the others.
	s.Nodes = []cluster.Node{{Meta: cluster.Meta{Name: "n1"}, Unschedulable: true}}
	if got := of(All(s, nil, Trouble{}), cause.FaultCordoned); got != nil {
		t.Errorf("cordoned: %v, want nothing of nodes that were not read", got)
	}
}

// A kind that neither Read nor Unread names was not read: nothing follows from
// what is not there.
func TestWhatNobodyReadIsNotAbsent(t *testing.T) {
	t.Parallel()
	s := wiredShop()
	s.Read = nil
	service(s, "stock").Selector = map[string]string{"app": "stok"}
	change(s, "web", func(p *cluster.PodSpec) {
		p.ServiceAccount, p.PullSecrets = "gone", []string{"gone"}
		p.Containers = slices.Clone(p.Containers)
		p.Containers[0].EnvFrom = []cluster.Ref{{Kind: "Secret", Name: "gone"}, {Kind: "ConfigMap", Name: "gone"}}
		p.Containers[0].Env = append(slices.Clone(p.Containers[0].Env), cluster.Env{Name: "STOCK_URL", Value: "http://stocks:7100"})
		p.Volumes = []cluster.VolumeUse{{Name: "d", Kind: "PersistentVolumeClaim", Ref: "d"}}
	})
	unready(s, "web")
	s.Claims = []cluster.Claim{{Meta: named("d"), Phase: "Pending", Class: "gp"}}
	s.Routes = []cluster.Route{{Meta: named("edge"), Kind: "Ingress", Backends: []cluster.Backend{{Service: "gone"}}}}
	waits := s.Pods[1]
	waits.Name, waits.Phase, waits.Node, waits.Containers, waits.Created = "web-2-y", "Pending", "", nil, wiredAt.Add(-time.Hour)
	s.Pods = append(s.Pods, waits)
	s.Nodes = []cluster.Node{{Meta: cluster.Meta{Name: "cp", Labels: map[string]string{"node-role.kubernetes.io/control-plane": ""}}}}
	for _, f := range All(s, nil, Trouble{}) {
		t.Errorf("finding %s %s/%s %s: %s", f.Weight, f.Kind, f.Name, f.Fault, f.Text)
	}
}
