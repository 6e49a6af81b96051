package diagnose_test

import (
	"slices"
	"testing"

	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/cause"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// times is by how much the signals of a component change.
type times struct{ slow, median, packets, traffic, cpu, throttled float64 }

// steady is a component of which nothing changes.
var steady = times{slow: 1, median: 1, packets: 1, traffic: 1, cpu: 1}

// hall is door → lobby, desk, lift, and desk → safe.
func hall(t *testing.T, changed map[string]times) diagnose.Input {
	t.Helper()
	needs := map[string][]string{"door": {"lobby", "desk", "lift"}, "lobby": nil, "desk": {"safe"}, "lift": nil, "safe": nil}
	var services []catalog.Service
	var items []evidence.Item
	for _, n := range []string{"door", "lobby", "desk", "lift", "safe"} {
		services = append(services, catalog.Service{
			Name: n, Owner: "team", Tier: 2, DependsOn: needs[n],
			Targets: []catalog.Target{{Environment: "prod", Kind: "process", Name: n}},
		})
		c, ok := changed[n]
		if !ok {
			c = steady
		}
		add := func(m metric) {
			m.service, m.at = n, onset
			items = append(items, m.item(t))
		}
		add(metric{signal: evidence.LatencyP99, usual: 0.02, value: 0.02 * c.slow})
		add(metric{signal: evidence.LatencyP50, usual: 0.005, value: 0.005 * c.median})
		add(metric{signal: evidence.Traffic, usual: 20, value: 20 * c.traffic})
		add(metric{signal: evidence.Saturation, resource: "packets_in", usual: 80, value: 80 * c.packets})
		add(metric{signal: evidence.Saturation, resource: "packets_out", usual: 80, value: 80 * c.packets})
		add(metric{signal: evidence.Saturation, resource: "cpu", usual: 0.05, value: 0.05 * c.cpu})
		add(metric{signal: evidence.Saturation, resource: "throttling", value: c.throttled})
	}
	cat, err := catalog.New(services, nil)
	if err != nil {
		t.Fatal(err)
	}
	in := input(t, []string{"door"}, items)
	in.Catalog = cat
	return in
}

func TestLateAnswersAndWhy(t *testing.T) {
	t.Parallel()
	waits := times{slow: 60, median: 20, packets: 1, traffic: 1, cpu: 1}
	late := times{slow: 60, median: 60, packets: 1.2, traffic: 0.5, cpu: 0.5}
	tests := map[string]struct {
		changed   map[string]times
		fault     cause.Fault
		component string
	}{
		"late packets, and callers that wait": {
			map[string]times{"safe": late, "desk": waits, "door": waits}, cause.FaultPodDelay, "safe",
		},
		"no CPU left": {
			map[string]times{
				"safe": {slow: 20, median: 2, packets: 1, traffic: 1, cpu: 6, throttled: 0.8},
				"desk": {slow: 20, median: 2, packets: 1, traffic: 1, cpu: 1},
				"door": {slow: 20, median: 2, packets: 1, traffic: 1, cpu: 1},
			}, cause.FaultCPUOverload, "safe",
		},
		"a caller that takes no answer holds up all its callees": {
			map[string]times{
				"door":  {slow: 300, median: 200, packets: 0.6, traffic: 0.3, cpu: 0.3},
				"lobby": {slow: 30, median: 1, packets: 0.3, traffic: 0.3, cpu: 0.3},
				"desk":  {slow: 30, median: 1, packets: 0.3, traffic: 0.3, cpu: 0.3},
				"lift":  {slow: 30, median: 1, packets: 0.3, traffic: 0.3, cpu: 0.3},
			}, cause.FaultPodDelay, "door",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := diagnose.New(diagnose.HandWeights()).Diagnose(hall(t, tt.changed))
			if h := d.Hypotheses[0]; h.Fault != tt.fault || h.Component != tt.component {
				t.Errorf("first is %s of %s, want %s of %s\n%s", h.Fault, h.Component, tt.fault, tt.component, show(d))
			}
		})
	}
}

func TestNothingIsLate(t *testing.T) {
	t.Parallel()
	tests := map[string]map[string]times{
		"nothing changes":            nil,
		"more requests, all in time": {"door": {slow: 1, median: 1, packets: 3, traffic: 3, cpu: 3}},
	}
	for name, changed := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := diagnose.New(diagnose.HandWeights()).Diagnose(hall(t, changed))
			i := slices.IndexFunc(d.Hypotheses, func(h diagnose.Hypothesis) bool {
				return h.Fault == cause.FaultPodDelay || h.Fault == cause.FaultCPUOverload
			})
			if i >= 0 {
				t.Errorf("want no delay and no shortage of CPU\n%s", show(d))
			}
		})
	}
}
