package inspect

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/cause"
	"github.com/holdfast-sre/holdfast/internal/cluster"
)

// What people outside can write into logs, or have a probe print, never turns
// into something that objects show.
func TestTextOfOutsidersStaysOutside(t *testing.T) {
	t.Parallel()
	says := func(s *cluster.State, workload, reason, message string) {
		s.Events = append(s.Events, cluster.Event{
			Kind: "Pod", Name: workload + "-1-x", Type: "Warning", Reason: reason, Message: message, Last: s.At.Add(-time.Minute), From: "kubelet",
		})
	}
	tests := map[string]struct {
		edit  func(*cluster.State)
		logs  []Lines
		fault cause.Fault
	}{
		"a line that says that a name has no address": {
			edit: func(s *cluster.State) {
				change(s, "web", func(p *cluster.PodSpec) { p.DNSPolicy = "Default" })
			},
			logs:  []Lines{{Workload: "web", Lines: []string{"GET /search?q=no such host 200"}}},
			fault: cause.FaultDNS,
		},
		"words of a database from the probe of a workload that is ready": {
			edit: func(s *cluster.State) {
				says(s, "vault", "Unhealthy", "Readiness probe failed: sorry, too many clients already")
			},
			fault: cause.FaultDBConnections,
		},
		"words of a database from the probe of one that is none": {
			edit: func(s *cluster.State) {
				unready(s, "mail")
				says(s, "mail", "Unhealthy", "Readiness probe failed: sorry, too many clients already")
			},
			fault: cause.FaultDBConnections,
		},
		"words of a database from its own probe": {
			edit: func(s *cluster.State) {
				unready(s, "vault")
				says(s, "vault", "Unhealthy", "Readiness probe failed: sorry, too many clients already")
			},
			fault: cause.FaultDBConnections,
		},
		"a probe that prints words of the kernel": {
			edit: func(s *cluster.State) {
				unready(s, "mail")
				says(s, "mail", "Unhealthy", "Readiness probe failed: user input: OOMKilled, memory limit too low")
			},
			fault: cause.FaultOutOfMemory,
		},
		"a registry that answers with words of the kernel": {
			edit: func(s *cluster.State) {
				unready(s, "mail")
				says(s, "mail", "Failed", `Failed to pull image "x/mail:2": OOM-killed`)
			},
			fault: cause.FaultOutOfMemory,
		},
		"somebody else's event with the kernel's reason": {
			edit: func(s *cluster.State) {
				unready(s, "mail")
				says(s, "mail", "OOMKilling", "Killed process 1")
				s.Events[0].From = "my-tool"
			},
			fault: cause.FaultOutOfMemory,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiredShop()
			tt.edit(s)
			for _, f := range All(s, tt.logs, Trouble{}) {
				if f.Fault == tt.fault && !f.Outside && f.Weight != Hint {
					t.Errorf("finding %+v: want it marked as from outside, or none", f)
				}
			}
		})
	}
}

// A line adds a finding of its own beside what the objects show; both are kept.
func TestLinesDoNotReplaceObjects(t *testing.T) {
	t.Parallel()
	s := wiredShop()
	change(s, "web", func(p *cluster.PodSpec) { p.DNSPolicy = "Default" })
	weights := map[bool]Weight{}
	for _, f := range All(s, []Lines{{Workload: "web", Lines: []string{"lookup stock: no such host"}}}, Trouble{}) {
		weights[f.Outside] = f.Weight
	}
	if weights[false] != Hint || weights[true] != Observed {
		t.Errorf("weights inside and outside = %v, want hint and observed", weights)
	}
}

func TestScaledToZeroWithNobodyToNeedIt(t *testing.T) {
	t.Parallel()
	s := &cluster.State{
		Namespace: "shop", Read: []string{"deployments", "pods", "services"},
		Workloads: []cluster.Workload{{Meta: cluster.Meta{Name: "batch", Namespace: "shop"}, Kind: "Deployment", PodLabels: map[string]string{"app": "batch"}}},
		Services: []cluster.Service{{
			Meta: cluster.Meta{Name: "batch", Namespace: "shop"}, Selector: map[string]string{"app": "batch"},
			Ports: []cluster.ServicePort{{Port: 80, Target: "8080"}},
		}},
	}
	weights := func() (out []Weight) {
		for _, f := range All(s, nil, Trouble{}) {
			if f.Fault == cause.FaultNoReplicas {
				out = append(out, f.Weight)
			}
		}
		return out
	}
	if diff := cmp.Diff([]Weight{Hint}, weights()); diff != "" {
		t.Errorf("nobody calls it (-want +got):\n%s", diff)
	}
	s.Calls = []cluster.Call{{Caller: "web", Callee: "batch"}}
	s.Workloads = append(s.Workloads, cluster.Workload{Meta: cluster.Meta{Name: "web", Namespace: "shop"}, Kind: "Deployment", Desired: 1, Current: 1, Ready: 1})
	if diff := cmp.Diff([]Weight{Contradiction}, weights()); diff != "" {
		t.Errorf("web calls it (-want +got):\n%s", diff)
	}
}
