package diagnose_test

import (
	"testing"
	"time"

	"github.com/holdfast-sre/holdfast/internal/cluster"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/signal"
)

// monitors is what the source of alerts says about "orders" now.
func monitors(t *testing.T, s signal.Signal) evidence.Item {
	t.Helper()
	s.ID, s.Service = "sig_1", "orders"
	return encode(t, evidence.Item{Kind: evidence.KindAlerts, Collector: "alertmanager", Source: "am", Query: "alerts", Outside: true},
		evidence.Alerts{Alerts: []signal.Signal{s}})
}

// Nobody may say that nothing is wrong where it was not looked at, or while what
// paged is in force. Each case is calmCluster with one change.
func TestHealthIsSeenNotAssumed(t *testing.T) {
	t.Parallel()
	resolved, firing := signal.Signal{Status: signal.Resolved}, signal.Signal{Status: signal.Firing}
	recovered := cluster.Event{
		Kind: "Pod", Name: "orders-1", Type: "Warning", Reason: "Unhealthy", Message: "Readiness probe failed",
		First: now.Add(-50 * time.Minute), Last: now.Add(-40 * time.Minute),
	}
	for name, tt := range map[string]struct {
		change   func(s *cluster.State)
		signals  []signal.Signal
		monitors []signal.Signal
		want     bool
	}{
		"all runs":                          {want: true},
		"all runs, and a warning is over":   {change: func(s *cluster.State) { s.Events = []cluster.Event{recovered} }, want: true},
		"the page is resolved":              {signals: []signal.Signal{resolved}, want: true},
		"the page fires, its monitor is OK": {signals: []signal.Signal{firing}, monitors: []signal.Signal{resolved}, want: true},
		"the page fires":                    {signals: []signal.Signal{firing}},
		"the page fires, a warning is over": {signals: []signal.Signal{firing}, change: func(s *cluster.State) { s.Events = []cluster.Event{recovered} }},
		"the alert is silenced": {
			monitors: []signal.Signal{{Status: signal.Firing, Silenced: true}},
		},
		"the page fires and is silenced, another monitor is OK": {
			signals: []signal.Signal{firing}, monitors: []signal.Signal{resolved, {Status: signal.Firing, Silenced: true}},
		},
		"nothing is there": {change: func(s *cluster.State) { *s = cluster.State{At: now, Namespace: "shop", Read: []string{"pods"}} }},
		"nothing is there, the page is resolved": {
			signals: []signal.Signal{resolved},
			change:  func(s *cluster.State) { *s = cluster.State{At: now, Namespace: "shop", Read: []string{"pods"}} },
		},
		"pods were not asked for":  {change: func(s *cluster.State) { s.Read, s.Pods = []string{"deployments"}, nil }},
		"another component runs":   {change: func(s *cluster.State) { s.Workloads[0].Name, s.Pods[0].OwnerName = "other", "other" }},
		"nodes could not be read":  {change: func(s *cluster.State) { s.Nodes, s.Unread = nil, []string{"nodes: not allowed"} }},
		"the state is a day old":   {change: func(s *cluster.State) { s.At = now.Add(-24 * time.Hour) }},
		"no address is ready":      {change: func(s *cluster.State) { s.Services[0].Addresses, s.Services[0].NotReady = nil, s.Services[0].Addresses }},
		"no address at all":        {change: func(s *cluster.State) { s.Services[0].Addresses = nil }},
		"a pod without containers": {change: func(s *cluster.State) { s.Pods[0].Containers = nil }},
		"scaled to nothing": {change: func(s *cluster.State) {
			s.Workloads[0].Desired, s.Workloads[0].Ready, s.Pods, s.Services = 0, 0, nil, nil
		}},
		"a pod that does not go away": {change: func(s *cluster.State) { s.Pods[0].Deleted = now.Add(-24 * time.Hour) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := calmCluster()
			if tt.change != nil {
				tt.change(&s)
			}
			in := input(t, []string{"orders"}, []evidence.Item{stateItem(t, s), chatter(t)})
			in.Signals = tt.signals
			for _, m := range tt.monitors {
				in.Items = append(in.Items, monitors(t, m))
			}
			d := diagnose.Default().Diagnose(in)
			h, ok := d.Top()
			if got := ok && h.CauseClass == diagnose.Healthy && h.Probability >= 0.5; got != tt.want {
				t.Errorf("healthy is %v, want %v:%s", got, tt.want, show(d))
			}
		})
	}
}

// A series of the affected component in its usual band does not silence a page
// either: it may be about something else.
func TestUsualSeriesDoNotSilenceThePage(t *testing.T) {
	t.Parallel()
	in := input(t, []string{"web"}, usual(t, "web", "orders", "db"))
	in.Signals = []signal.Signal{{ID: "s", Service: "web", Status: signal.Firing}}
	if h, ok := diagnosis(in).Top(); ok && h.CauseClass == diagnose.Healthy {
		t.Errorf("healthy while the page fires:%s", show(diagnosis(in)))
	}
}
