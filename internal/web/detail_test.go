package web

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/change"
	"github.com/holdfast-sre/holdfast/internal/cluster"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/signal"
)

var two = time.Date(2026, 11, 21, 14, 2, 5, 0, time.UTC)

func item(t *testing.T, kind evidence.Kind, v any) evidence.Item {
	t.Helper()
	it, err := evidence.Item{ID: "ev_" + string(kind), Kind: kind, Source: "s"}.Encode(v)
	if err != nil {
		t.Fatal(err)
	}
	return it
}

func waitingPod(name, reason, message string) cluster.Pod {
	return cluster.Pod{
		Meta:       cluster.Meta{Name: name},
		Containers: []cluster.Container{{Name: "app", State: cluster.Phase{Kind: "waiting", Reason: reason, Message: message}}},
	}
}

func TestDetailsAreTheWorstFirst(t *testing.T) {
	t.Parallel()
	slow := evidence.SpanStats{Count: 10, P95: 2.1, Errors: .05}
	usual := evidence.SpanStats{Count: 10, P95: .18, Errors: .001}
	tests := map[string]struct {
		kind evidence.Kind
		data any
		want []string
	}{
		"logs: what is new before what is risen": {evidence.KindLogs, evidence.Logs{Templates: []evidence.Template{
			{Text: "retry <n>", Count: 31, Before: 5}, {Text: "x", Sample: "too many\nclients", Count: 148, New: true},
		}}, []string{"new, 148 times: too many clients", "31 times, 5 before: retry <n>"}},
		"logs: what has ended": {evidence.KindLogs, evidence.Logs{
			Templates: []evidence.Template{{Text: "a", Count: 6, New: true}, {Text: "b", Count: 5, New: true}, {Text: "c", Count: 4, New: true}, {Text: "d", Count: 3, New: true}, {Text: "e", Count: 2, New: true}},
			Fallen:    []evidence.Template{{Text: "alive", Before: 30}, {Text: "order <*> taken", Count: 3, Before: 410}},
		}, []string{
			"new, 6 times: a", "new, 5 times: b", "new, 4 times: c", "new, 3 times: d", "no more, 30 times before: alive", "only 3 times, 410 before: order <*> taken", "and 1 more",
		}},
		"traces: what fails or slowed, not the rest": {evidence.KindTraces, evidence.Traces{
			Operations: []evidence.Operation{
				{Service: "cart", Name: "GET /cart", Now: usual, Before: usual},
				{Service: "api", Name: "POST /cancel", Now: slow, Before: usual},
				{Service: "api", Name: "POST /new", Now: evidence.SpanStats{Count: 1, P95: .5, Errors: .01}},
			},
			Calls: []evidence.SpanCall{{Caller: "api", Callee: "db", Now: evidence.CallStats{Gaps: 4, GapP95: .4}, Before: evidence.CallStats{Gaps: 4, GapP95: .01}}},
		}, []string{
			"api POST /cancel: p95 2.1 s (usually 180 ms), errors 5 % (usually 0.1 %)",
			"api POST /new: p95 500 ms (not seen before), errors 1 % (not seen before)",
			"between api and db: p95 400 ms (usually 10 ms)",
		}},
		"cluster: workloads, waiting containers, warnings": {evidence.KindCluster, cluster.State{
			Workloads: []cluster.Workload{{Meta: cluster.Meta{Name: "api"}, Kind: "Deployment", Desired: 3, Ready: 1}, {Meta: cluster.Meta{Name: "db"}, Kind: "StatefulSet", Desired: 1, Ready: 1}},
			Pods:      []cluster.Pod{waitingPod("api-1", "ImagePullBackOff", "no such tag"), waitingPod("api-2", "ContainerCreating", "")},
			Events: []cluster.Event{
				{Kind: "Pod", Name: "api-1", Type: "Normal", Reason: "Pulling"},
				{Kind: "Pod", Name: "api-1", Type: "Warning", Reason: "Failed", Message: "no such tag", Count: 4, Last: two},
			},
			Unread: []string{"nodes: forbidden"},
		}, []string{
			"Deployment api: 1 of 3 pods ready", "api-1, container app waits: ImagePullBackOff: no such tag", "api-2, container app waits: ContainerCreating",
			"Pod api-1 at 21 Nov 14:02:05 Failed ×4: no such tag", "not read: nodes: forbidden",
		}},
		"database: locks, sessions, statements": {evidence.KindDatabase, evidence.Database{
			Locks:       []evidence.DBLock{{Blocked: "api", Blocking: "report", Relation: "bookings", Waiting: 40 * time.Second, HolderState: "idle in transaction"}, {Blocked: "a", Blocking: "b"}},
			Connections: []evidence.DBConnections{{Application: "relay", State: "idle in transaction", Count: 88, Oldest: 2 * time.Minute}},
			Queries:     []evidence.DBQuery{{Text: "UPDATE bookings SET state = ?", Load: 3.2, Mean: 40 * time.Millisecond, Running: 90 * time.Second}},
			Replica:     []evidence.DBReplica{{Name: "standby", Lag: 45 * time.Second}},
		}, []string{
			"api waits 40 s for report, which is idle in transaction on bookings", "a waits 0 s for b, which is at work",
			"88 sessions of relay, idle in transaction for up to 2 min", "runs for 1 min 30 s · 3.2 sessions at work · 40 ms each · UPDATE bookings SET state = ?",
			"standby is 45 s behind",
		}},
		"changes: each with its time": {evidence.KindChanges, evidence.Changes{Changes: []change.Change{
			{Kind: change.Deploy, Service: "relay", Previous: "1.4.1", Version: "1.4.2", At: two}, {Kind: change.Flag, Service: "api", Summary: "fast path on", At: two},
		}}, []string{"deploy relay 1.4.1 → 1.4.2 at 21 Nov 14:02:05", "flag api at 21 Nov 14:02:05: fast path on"}},
		"runtime: each instance": {evidence.KindRuntime, evidence.Runtime{Instances: []evidence.Instance{
			{Name: "api-1", Version: "1.4.2", State: "running", StartedAt: two, Restarts: 3}, {Name: "api-2", State: "exited"},
		}}, []string{"api-1 1.4.2 running since 21 Nov 14:02:05, restarts 3", "api-2 exited, restarts 0"}},
		"alerts: name and labels": {evidence.KindAlerts, evidence.Alerts{Alerts: []signal.Signal{
			{Name: "HighErrors", StartsAt: two, Labels: map[string]string{"service": "api", "job": "x"}},
		}}, []string{"HighErrors at 21 Nov 14:02:05 job=x service=api"}},
		"a metric has a chart": {evidence.KindMetric, evidence.Metric{Value: 1}, []string{}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, details(item(t, tt.kind, tt.data))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestDetailsAreBoundedAndNeverRawData(t *testing.T) {
	t.Parallel()
	var many evidence.Logs
	for i := range 40 {
		many.Templates = append(many.Templates, evidence.Template{Text: fmt.Sprintf("line %d", i), Count: 1})
	}
	got := details(item(t, evidence.KindLogs, many))
	if len(got) != maxDetails+1 || got[maxDetails] != "and 34 more" {
		t.Errorf("got %q", got)
	}
	for _, k := range evidence.Kinds() {
		for _, data := range []string{``, `null`, `[]`, `{"templates":"x","pods":7}`, `"text"`} {
			if got := details(evidence.Item{Kind: k, Data: json.RawMessage(data)}); len(got) != 0 {
				t.Errorf("%s of %s: %q", k, data, got)
			}
		}
	}
}
