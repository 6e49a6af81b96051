package diagnose_test

import (
	"slices"
	"testing"
	"time"

	"github.com/holdfast-sre/holdfast/internal/cluster"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/evidence"
)

func stateItem(t *testing.T, s cluster.State) evidence.Item {
	t.Helper()
	return encode(t, evidence.Item{Kind: evidence.KindCluster, Collector: "kubernetes", Source: "k8s", Query: "kubectl get all"}, s)
}

// chatter is what a component logs when nothing is wrong.
func chatter(t *testing.T) evidence.Item {
	t.Helper()
	return encode(t, evidence.Item{Kind: evidence.KindLogs, Collector: "loki", Source: "loki", Service: "orders", Query: "q", Outside: true},
		evidence.Logs{Templates: []evidence.Template{{ID: "t", Text: "request served", Sample: "request served", Level: "info", Count: 40, New: true, First: onset}}})
}

// notReady is calmCluster with its one pod not ready.
func notReady() cluster.State {
	s := calmCluster()
	s.Workloads[0].Ready, s.Workloads[0].Available = 0, 0
	s.Pods[0].Containers[0].Ready = false
	return s
}

// What a token may not read is not seen: nothing counts as calibrated then, and
// the report says what is missing.
func TestUnreadKindsAreMissing(t *testing.T) {
	t.Parallel()
	probed := notReady()
	for _, spec := range []*cluster.PodSpec{&probed.Pods[0].Spec, &probed.Workloads[0].Template} {
		spec.Containers[0].Readiness = &cluster.Probe{Kind: "http", Port: "8081", Path: "/x"}
	}
	probed.Unread = []string{"events: not allowed: no right to list", "services: not allowed", "secrets: not allowed"}
	tight := calmCluster()
	tight.Pods, tight.Read, tight.Unread = nil, []string{"deployments", "resourcequotas"}, []string{"pods: not allowed"}
	tight.Workloads[0].Template.Containers[0].Requests["cpu"] = 1
	tight.Quotas = []cluster.Quota{{
		Meta: cluster.Meta{Name: "q", Namespace: "shop"},
		Hard: map[string]cluster.Quantity{"requests.cpu": 10}, Used: map[string]cluster.Quantity{"requests.cpu": 9.5},
	}}
	for name, tt := range map[string]struct {
		state cluster.State
		want  []string
	}{
		"a probe, and no events":    {probed, []string{"k8s (events)", "k8s (secrets)", "k8s (services)"}},
		"a tight quota, no pods":    {tight, []string{"k8s (pods)"}},
		"nothing wrong but unread":  {func() cluster.State { s := calmCluster(); s.Unread = []string{"nodes: no answer"}; return s }(), []string{"k8s (nodes)"}},
		"everything was read, calm": {calmCluster(), nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := input(t, []string{"orders"}, []evidence.Item{stateItem(t, tt.state), chatter(t)})
			d := diagnose.Default().Diagnose(in)
			if !slices.Equal(d.Missing, tt.want) {
				t.Errorf("missing: got %q, want %q", d.Missing, tt.want)
			}
			if got := diagnose.ProfileOf(in).Missing; got != len(tt.want) {
				t.Errorf("profile has %d missing, want %d", got, len(tt.want))
			}
			if h, ok := d.Top(); ok && len(tt.want) > 0 && (h.Probability >= 0.9 || h.Basis == diagnose.BasisCalibrated || h.CauseClass == diagnose.Healthy) {
				t.Errorf("too sure:%s", show(d))
			}
		})
	}
}

// The state of a cluster an hour or a day ago says nothing of now.
func TestOldStateIsMissing(t *testing.T) {
	t.Parallel()
	contradiction := func(age time.Duration) cluster.State {
		s := notReady()
		s.At = now.Add(-age)
		s.Services[0].Selector = map[string]string{"app": "x"}
		return s
	}
	stale := stateItem(t, contradiction(0))
	stale.Stale = true
	for name, tt := range map[string]struct {
		item    evidence.Item
		missing []string
	}{
		"now":                 {stateItem(t, contradiction(0)), nil},
		"five minutes ago":    {stateItem(t, contradiction(5*time.Minute)), nil},
		"a day ago":           {stateItem(t, contradiction(24*time.Hour)), []string{"k8s (the cluster in the last 24 h)"}},
		"its source is stale": {stale, []string{"k8s (the cluster as it is now)"}},
		"calm, a day ago": {func() evidence.Item {
			s := calmCluster()
			s.At = now.Add(-24 * time.Hour)
			return stateItem(t, s)
		}(), []string{"k8s (the cluster in the last 24 h)"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := diagnose.Default().Diagnose(input(t, []string{"orders"}, []evidence.Item{tt.item, chatter(t)}))
			if !slices.Equal(d.Missing, tt.missing) {
				t.Errorf("missing: got %q, want %q", d.Missing, tt.missing)
			}
			h, ok := d.Top()
			if sure := ok && h.Probability >= 0.5; sure == (len(tt.missing) > 0) {
				t.Errorf("a state %s counts wrongly:%s", name, show(d))
			}
		})
	}
}
