package diagnose

import (
	"slices"
	"testing"
	"time"

	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/cause"
	"github.com/holdfast-sre/holdfast/internal/cluster"
	"github.com/holdfast-sre/holdfast/internal/evidence"
)

var clusterAt = time.Date(2030, 5, 1, 12, 0, 0, 0, time.UTC)

// twoNodes has a pod of each component on one of two machines.
func twoNodes() *cluster.State {
	s := &cluster.State{At: clusterAt, Namespace: "shop", Read: []string{"pods", "nodes"}}
	for _, n := range []string{"n1", "n2"} {
		s.Nodes = append(s.Nodes, cluster.Node{
			Meta: cluster.Meta{Name: n}, Conditions: []cluster.Condition{{Type: "Ready", Status: "True"}},
			Allocatable: map[string]cluster.Quantity{"cpu": 4},
		})
	}
	for name, node := range map[string]string{"web": "n1", "api": "n2", "cart": "n2", "price": "n2"} {
		s.Workloads = append(s.Workloads, cluster.Workload{Meta: cluster.Meta{Name: name}, Kind: "Deployment", Desired: 1, Ready: 1})
		s.Pods = append(s.Pods, cluster.Pod{
			Meta: cluster.Meta{Name: name + "-0", OwnerKind: "Deployment", OwnerName: name}, Phase: "Running", Node: node,
			Containers: []cluster.Container{{Name: "main", Ready: true, State: cluster.Phase{Kind: "running"}}},
		})
	}
	return s
}

func clusterInput(t *testing.T, s *cluster.State, more ...evidence.Item) Input {
	t.Helper()
	cat, err := catalog.New([]catalog.Service{
		{Name: "web", Owner: "x", Tier: 1, UserFacing: true, DependsOn: []string{"api", "cart", "price"}},
		{Name: "api", Owner: "x", Tier: 2},
		{Name: "cart", Owner: "x", Tier: 2},
		{Name: "price", Owner: "x", Tier: 2},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	it, err := evidence.Item{ID: "ev_cluster", Kind: evidence.KindCluster, Source: "k8s"}.Encode(s)
	if err != nil {
		t.Fatal(err)
	}
	return Input{Catalog: cat, Affected: []string{"web"}, Now: clusterAt, Items: append([]evidence.Item{it}, more...)}
}

func metricItem(t *testing.T, service, unit string, m evidence.Metric, values []float64) evidence.Item {
	t.Helper()
	for i, v := range values {
		m.Now.Points = append(m.Now.Points, evidence.Point{At: clusterAt.Add(time.Duration(i-len(values)) * 5 * time.Second), Value: v})
	}
	it, err := evidence.Item{ID: "ev_" + service + string(m.Signal) + m.Resource, Kind: evidence.KindMetric, Source: "prom", Service: service, Unit: unit}.Encode(m)
	if err != nil {
		t.Fatal(err)
	}
	return it
}

// during is calm for a while, then high, then calm again.
func during(calm, high float64) []float64 {
	return slices.Concat(slices.Repeat([]float64{calm}, 18), slices.Repeat([]float64{high}, 22), slices.Repeat([]float64{calm}, 8))
}

func leading(t *testing.T, in Input) Hypothesis {
	t.Helper()
	d := New(DefaultWeights()).Diagnose(in)
	if len(d.Hypotheses) == 0 {
		t.Fatal("no hypotheses")
	}
	return d.Hypotheses[0]
}

func TestFaultOfAnObject(t *testing.T) {
	t.Parallel()
	s := twoNodes()
	for i := range s.Pods {
		if s.Pods[i].OwnerName == "api" {
			p := &s.Pods[i]
			p.Phase, p.Node, p.Containers = "Pending", "", nil
			p.Spec.Containers = []cluster.ContainerSpec{{Name: "main", Requests: map[string]cluster.Quantity{"cpu": 9}}}
		}
	}
	for i := range s.Workloads {
		if s.Workloads[i].Name == "api" {
			s.Workloads[i].Ready = 0
		}
	}
	h := leading(t, clusterInput(t, s))
	if h.Fault != cause.FaultCPUCapacity || h.Component != "api" || !slices.Contains(h.EvidenceFor, "ev_cluster") || len(h.CheckNext) == 0 {
		t.Errorf("leading: got %+v, want %s at api with its evidence and what to check", h, cause.FaultCPUCapacity)
	}
}

func TestNetworkOfAMachine(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		late    float64 // milliseconds
		resends float64
		want    Fault
	}{
		{"packets that are late", 2500, 1, cause.FaultNodeDelay},
		{"packets that are lost", 300, 9, cause.FaultNodeLoss},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			resent := evidence.Metric{Signal: evidence.Saturation, Resource: "retransmits"}
			items := []evidence.Item{
				metricItem(t, "node/n1", "segments/s", resent, during(0, 0.05)),
				metricItem(t, "node/n2", "segments/s", resent, during(0, tc.resends)),
			}
			for _, n := range []string{"web", "api", "cart", "price"} {
				items = append(items, metricItem(t, n, "ms", evidence.Metric{Signal: evidence.LatencyP95}, during(5, tc.late)))
			}
			h := leading(t, clusterInput(t, twoNodes(), items...))
			if h.Fault != tc.want || h.Component != "node/n2" {
				t.Errorf("leading: got %s at %s (%.2f), want %s at node/n2", h.Fault, h.Component, h.Probability, tc.want)
			}
		})
	}
}

func TestHealthyClusterBlamesNothing(t *testing.T) {
	t.Parallel()
	d := New(DefaultWeights()).Diagnose(clusterInput(t, twoNodes()))
	for _, h := range d.Hypotheses {
		if h.Fault != "" {
			t.Errorf("a healthy cluster is blamed: %+v", h)
		}
	}
}
