package diagnose_test

import (
	"testing"
	"time"

	"github.com/holdfast-sre/holdfast/internal/cause"
	"github.com/holdfast-sre/holdfast/internal/cluster"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// A setting that is odd and harms nobody is no reason to wake anybody, and no
// more the cause of trouble that began long after it.
func TestIdleSettingsBlameNobody(t *testing.T) {
	t.Parallel()
	odd := func() cluster.State {
		s := calmCluster()
		for _, spec := range []*cluster.PodSpec{&s.Workloads[0].Template, &s.Pods[0].Spec} {
			spec.DNSPolicy = "Default"
			spec.Containers[0].Env = []cluster.Env{{Name: "ORDERS_ADDR", Value: "orders:80"}}
		}
		return s
	}
	fresh := odd()
	fresh.Pods[0].Containers[0].State.Started = onset.Add(-time.Minute)
	for name, tt := range map[string]struct {
		state cluster.State
		items []evidence.Item
		over  float64
		most  float64
	}{
		"nothing else is wrong":               {odd(), nil, 0, 0.2},
		"trouble that began long after it":    {odd(), failing(t, "orders", onset), 0, 0.8},
		"trouble that began when pods did":    {fresh, failing(t, "orders", onset), 0.8, 1},
		"trouble elsewhere, of what calls it": {fresh, failing(t, "web", onset), 0.3, 1},
		"trouble of what does not call it":    {fresh, failing(t, "mailer", onset), 0, 0.8},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := diagnose.Default().Diagnose(input(t, []string{"orders"}, []evidence.Item{stateItem(t, tt.state), chatter(t)}, tt.items))
			p := 0.0
			for _, h := range d.Hypotheses {
				if h.Fault == cause.FaultDNS {
					p = h.Probability
				}
			}
			if p < tt.over || p > tt.most {
				t.Errorf("DNS has %.2f, want %.2f to %.2f:%s", p, tt.over, tt.most, show(d))
			}
		})
	}
}

// Where nodes can't be read, the pod's own condition says what the scheduler
// decided.
func TestConditionNamesTheConstraint(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]struct {
		class diagnose.CauseClass
		fault cause.Fault
	}{
		"0/3 nodes are available: 3 Insufficient cpu.":                                                     {diagnose.Scheduling, cause.FaultCPUCapacity},
		"0/3 nodes are available: 3 node(s) didn't match pod topology spread constraints.":                 {diagnose.Scheduling, ""},
		"0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims, persistentvolumeclaim": {diagnose.Storage, ""},
	} {
		t.Run(said, func(t *testing.T) {
			t.Parallel()
			s := calmCluster()
			s.Nodes, s.Unread = nil, []string{"nodes: not allowed", "events: not allowed"}
			s.Read = []string{"pods", "deployments", "services"}
			s.Workloads[0].Ready, s.Workloads[0].Available = 0, 0
			p := &s.Pods[0]
			p.Phase, p.Node, p.Containers = "Pending", "", nil
			p.Conditions = []cluster.Condition{{Type: "PodScheduled", Status: "False", Reason: "Unschedulable", Message: said}}
			d := diagnose.Default().Diagnose(input(t, []string{"orders"}, clusterWith(t, s)))
			h, ok := d.Top()
			if !ok || h.CauseClass != want.class || h.Fault != want.fault || h.Probability < 0.5 || h.Probability > 0.9 {
				t.Errorf("want %s %s, with what is missing in mind:%s", want.class, want.fault, show(d))
			}
		})
	}
}

// A dependency that is slow while nobody is seen to suffer wakes nobody.
func TestASlowDependencyNeedsASymptom(t *testing.T) {
	t.Parallel()
	slow := metric{service: "db", signal: evidence.LatencyP99, usual: 0.05, value: 60, at: onset}
	for name, tt := range map[string]struct {
		items []evidence.Item
		most  float64
	}{
		"alone":                               {nil, 0.8},
		"in a cluster that is well":           {clusterWith(t, calmCluster(), "served"), 0.8},
		"and what calls it is as usual":       {usual(t, "orders", "web"), 0.5},
		"and what calls it fails right after": {failing(t, "orders", onset.Add(10*time.Second)), 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := diagnose.Default().Diagnose(input(t, []string{"orders"}, one(slow.item(t)), tt.items))
			h, ok := d.Top()
			if sure := ok && h.Component == "db" && h.Probability > 0.8; sure != (tt.most == 1) || ok && h.Component == "db" && h.Probability > tt.most {
				t.Errorf("want db at %.2f at most:%s", tt.most, show(d))
			}
		})
	}
}
