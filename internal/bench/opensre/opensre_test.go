package opensre

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/bench"
	"github.com/holdfast-sre/holdfast/internal/bench/benchtest"
	"github.com/holdfast-sre/holdfast/internal/cause"
	"github.com/holdfast-sre/holdfast/internal/cluster"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/signal"
)

func files(kv map[string]string) fstest.MapFS {
	out := fstest.MapFS{"cases.csv": {Data: []byte("case_id,suite\nc1,s\n")}}
	for name, text := range kv {
		out[path.Join("cases/c1", name)] = &fstest.MapFile{Data: []byte(text)}
	}
	return out
}

const serverPage = `{"title":"Lag","state":"alerting","commonLabels":{"alertname":"Lag","engine":"postgres"},
 "commonAnnotations":{"summary":"behind","db_instance_identifier":"books"}}`

const podPage = `{"title":"Down","state":"alerting","commonLabels":{"alertname":"Down","namespace":"shop","workload_name":"web"},
 "commonAnnotations":{"kube_pod":"web-7c9-a"}}`

func TestLoadServer(t *testing.T) {
	t.Parallel()
	data := files(map[string]string{
		"alert.json":                           serverPage,
		"aws_cloudwatch_metrics_envelope.json": `{"start_time":"2026-01-01T10:00:00Z","end_time":"2026-01-01T10:03:00Z"}`,
		"aws_cloudwatch_metrics_DatabaseConnections.json": `{"metric_name":"DatabaseConnections","dimensions":[{"Name":"DBInstanceIdentifier","Value":"books"}],
		 "unit":"Count","status_code":"Complete","timestamps":["2026-01-01T10:00:00Z","2026-01-01T10:01:00Z","2026-01-01T10:02:00Z"],"values":[1,null,3]}`,
		"aws_cloudwatch_metrics_ReplicaLag.json": `{"metric_name":"ReplicaLag","dimensions":[{"Name":"DBInstanceIdentifier","Value":"books-copy"}],
		 "unit":"Seconds","timestamps":["2026-01-01T10:00:00Z"],"values":[1]}`,
		"aws_cloudwatch_metrics_FreeStorageSpace.json": `{"metric_name":"FreeStorageSpace","status_code":"InternalError","timestamps":[],"values":[]}`,
		"aws_rds_events.json":                          `{"events":[{"date":"2026-01-01T10:02:30Z","message":"approaching max_connections limit. Current connections: 469 of 500."}]}`,
	})
	in, err := load(data, "c1")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, it := range in.Items {
		got[it.Query] = string(it.Kind) + " " + it.Service
		if it.Query == "DatabaseConnections of books" {
			m, err := evidence.Decode[evidence.Metric](it)
			if err != nil || m.Signal != evidence.Gauge || m.Resource != evidence.GaugeConnections || m.Limit != 500 || len(m.Now.Points) != 2 {
				t.Errorf("connections = %+v, %v: want two points of a gauge with limit 500", m, err)
			}
		}
	}
	want := map[string]string{
		"DatabaseConnections of books": "metric books", "ReplicaLag of books-copy": "metric books-copy",
		"FreeStorageSpace of books": "failure ", "statements, waits and events of books": "database books",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("items (-want +got):\n%s", diff)
	}
	if deps := in.Catalog.Dependencies("books-copy", false); !cmp.Equal(deps, []string{"books"}) {
		t.Errorf("the replica depends on %v, want [books]", deps)
	}
	if want := "2026-01-01T10:03:00Z"; in.Now.Format("2006-01-02T15:04:05Z07:00") != want {
		t.Errorf("now = %v, want %s", in.Now, want)
	}
}

func TestLoadCluster(t *testing.T) {
	t.Parallel()
	data := files(map[string]string{
		"alert.json": podPage,
		"eks_pods.json": `{"pods":[
		 {"name":"web-7c9-a","phase":"Running","node_name":"n1","start_time":"2026-01-01T10:00:00Z","containers":[
		  {"name":"web","restart_count":3,"state":{"waiting":true,"reason":"CrashLoopBackOff"},"last_state":{"terminated":{"reason":"OOMKilled","exit_code":137}}}]},
		 {"name":"web-5d1-b","phase":"Running","deletion_timestamp":"2026-01-01T10:05:00Z","containers":[{"name":"web","ready":true,"state":{"running":true}}]}]}`,
		"eks_deployments.json": `{"deployments":[{"name":"web","namespace":"shop","desired":1,"ready":0}]}`,
		"eks_node_health.json": `{"nodes":[{"name":"n1","ready":"True","disk_pressure":"True","allocatable_cpu":"3500m","allocatable_memory":"14Gi"}]}`,
		"eks_events.json":      `{"warning_events":[{"reason":"BackOff","type":"Warning","involved_object":"Pod/web-7c9-a","last_time":"2026-01-01T10:06:00Z"}]}`,
		"datadog_logs.json":    `{"logs":[{"timestamp":"2026-01-01T10:09:00Z","message":"out of memory","status":"error","service":"kubelet","tags":["kube_pod:web-7c9-a"]}]}`,
		"eks_pod_logs.json":    `{"pod_name":"web-7c9-a","logs":"2026-01-01T10:01:00Z FATAL no room\n"}`,
		"datadog_monitors.json": `{"monitors":[{"name":"errors","overall_state":"Alert","tags":["service:web"]},{"name":"latency","overall_state":"OK"},
		 {"name":"silent","overall_state":"No Data"}]}`,
	})
	in, err := load(data, "c1")
	if err != nil {
		t.Fatal(err)
	}
	var s cluster.State
	var as evidence.Alerts
	kinds := map[evidence.Kind]int{}
	for _, it := range in.Items {
		kinds[it.Kind]++
		switch it.Kind {
		case evidence.KindCluster:
			s, err = evidence.Decode[cluster.State](it)
		case evidence.KindAlerts:
			as, err = evidence.Decode[evidence.Alerts](it)
		case evidence.KindLogs:
			if !it.Outside || it.Service != "web" {
				t.Errorf("logs of %q, outside %v: want those of web, from outside", it.Service, it.Outside)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if want := map[evidence.Kind]int{evidence.KindCluster: 1, evidence.KindLogs: 1, evidence.KindAlerts: 1, evidence.KindFailure: 1}; !cmp.Equal(want, kinds) {
		t.Errorf("kinds = %v, want %v", kinds, want)
	}
	if got := s.Pods[0].Containers[0]; got.State.Reason != "CrashLoopBackOff" || got.Last.Kind != "terminated" || got.Last.Reason != "OOMKilled" || got.Last.ExitCode != 137 {
		t.Errorf("container = %+v: want a crash loop after an OOM kill", got)
	}
	if got := s.Pods[0].OwnerName; got != "web-7c9" {
		t.Errorf("owner = %q, want web-7c9", got)
	}
	if got := s.At.Format("15:04:05"); got != "10:09:00" {
		t.Errorf("state of %s, want that of the latest evidence, 10:09:00", got)
	}
	if as.Alerts[0].Status != signal.Firing || as.Alerts[1].Status != signal.Resolved {
		t.Errorf("monitors = %+v: want one firing, one resolved", as.Alerts)
	}
	if got := in.Signals[0].Labels["kube_pod"]; got != "web-7c9-a" {
		t.Errorf("the page is about pod %q, want web-7c9-a", got)
	}
}

func TestLoadErrors(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		data fstest.MapFS
		want string
	}{
		{"no page", files(nil), "alert.json"},
		{"cut", files(map[string]string{"alert.json": podPage, "eks_pods.json": "{\"pods\":[\n {\"name\":"}), "cases/c1/eks_pods.json:2:"},
		{"wrong kind", files(map[string]string{"alert.json": podPage, "eks_events.json": `{"warning_events":[{"count":"many"}]}`}), "eks_events.json:1:"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if _, err := load(tt.data, "c1"); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error = %v, want one about %s", err, tt.want)
			}
		})
	}
}

func TestCategoryKnowsEveryCause(t *testing.T) {
	t.Parallel()
	for _, c := range diagnose.Classes() {
		got := category(diagnose.Hypothesis{CauseClass: c})
		if (got == unknown) != (c == diagnose.Unknown) {
			t.Errorf("category of %s = %s", c, got)
		}
	}
	for _, f := range cause.Faults() {
		if got := category(diagnose.Hypothesis{CauseClass: cause.ClassOf(f), Fault: f}); got == unknown {
			t.Errorf("category of fault %s is unknown", f)
		}
	}
}

func TestAnswer(t *testing.T) {
	t.Parallel()
	h := func(c diagnose.CauseClass, p float64) diagnose.Hypothesis {
		return diagnose.Hypothesis{CauseClass: c, Probability: p}
	}
	for _, tt := range []struct {
		name string
		hs   []diagnose.Hypothesis
		want string
		p    float64
	}{
		{"nothing", []diagnose.Hypothesis{h(diagnose.Unknown, 1)}, unknown, 0},
		{"the leading one", []diagnose.Hypothesis{h(diagnose.Node, 0.5), h(diagnose.Image, 0.3), h(diagnose.Unknown, 0.2)}, infrastructure, 0.5},
		{"two of one category", []diagnose.Hypothesis{h(diagnose.Node, 0.4), h(diagnose.ExhaustCPU, 0.25), h(diagnose.SlowQuery, 0.25)}, exhaustion, 0.5},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := answer(diagnose.Input{}, diagnose.Diagnosis{Hypotheses: tt.hs}); got.Category != tt.want || got.Probability != tt.p {
				t.Errorf("answer = %s %v, want %s %v", got.Category, got.Probability, tt.want, tt.p)
			}
		})
	}
}

func TestConnectionLimit(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]float64{
		"approaching max_connections limit. Current connections: 469 of 500.": 500,
		"has 4948 connections, approaching the maximum of 5000.":              5000,
		"Backup finished, 3 of 4 parts":                                       0,
		"connection count at 4988. New connections may be refused.":           0,
		"Connections reached 198/200":                                         200,
		"max_connections: 100 connections":                                    100,
	} {
		ev := serverEvents{}
		if err := decodeJSON([]byte(`{"events":[{"message":"`+text+`"}]}`), "events", &ev); err != nil {
			t.Fatal(err)
		}
		if got := connectionLimit(ev); got != want {
			t.Errorf("limit in %q = %v, want %v", text, got, want)
		}
	}
}

// TestDevelopmentPart holds what the engine reaches on the development part.
func TestDevelopmentPart(t *testing.T) {
	t.Parallel()
	data := benchtest.Set(t, Name)
	want, err := truths(data)
	if err != nil {
		t.Fatal(err)
	}
	run, err := bench.Predict(context.Background(), Set(), data, bench.Options{Engine: diagnose.New(diagnose.DefaultWeights())})
	if err != nil {
		t.Fatal(err)
	}
	ok := 0
	for _, p := range run.Predictions {
		truth := want[p.CaseID].Fields["root_cause_category"]
		if p.Category == truth {
			ok++
		} else if truth == healthy {
			t.Errorf("%s: false alarm: %s (%.2f)", p.CaseID, p.Category, p.Probability)
		}
	}
	if share := float64(ok) / float64(len(run.Predictions)); share < 0.85 {
		t.Errorf("category right in %.3f of the cases, want at least .85", share)
	}
}

// No file, however broken, makes the reader panic or answer without an error
// what is not there.
func FuzzLoad(f *testing.F) {
	f.Add([]byte(serverPage), []byte(`{"metric_data_results":[{"metric_name":"CPUUtilization","timestamps":["2026-01-01T10:00:00Z"],"values":[1e308]}]}`),
		[]byte(`{"pods":[{"name":"web-1","containers":[{"state":{"terminated":{"exit_code":1}}}]}]}`), []byte(`{"events":[{"message":"connections: 1 of 2"}]}`))
	f.Add([]byte(podPage), []byte(`{}`), []byte(`{"pods":null}`), []byte(`[]`))
	f.Fuzz(func(t *testing.T, page, metrics, pods, events []byte) {
		data := files(map[string]string{
			"alert.json": string(page), "aws_cloudwatch_metrics.json": string(metrics), "eks_pods.json": string(pods), "aws_rds_events.json": string(events),
		})
		in, err := load(data, "c1")
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				t.Errorf("a file that is there is told to be missing: %v", err)
			}
			return
		}
		d := diagnose.New(diagnose.DefaultWeights()).Diagnose(in)
		if p := answer(in, d); p.Probability < 0 || p.Probability > 1 {
			t.Errorf("probability %v", p.Probability)
		}
	})
}
