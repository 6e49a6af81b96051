package cloudops

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/bench"
	"github.com/holdfast-sre/holdfast/internal/bench/benchtest"
	"github.com/holdfast-sre/holdfast/internal/cause"
	"github.com/holdfast-sre/holdfast/internal/cluster"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// pack returns a set with one case.
func pack(t testing.TB, snapshot []byte, metrics string) fstest.MapFS {
	t.Helper()
	data := fstest.MapFS{
		"cases.csv":                    {Data: []byte("case_id,system\nc1,shop\n")},
		"labels.csv":                   {Data: []byte("case_id,fault_object,root_cause\nc1,app/Web,cpu_capacity_mismatch\n")},
		"cases/c1/snapshot.json.gz":    {Data: zip(t, snapshot)},
		"cases/bad/snapshot.json.gz":   {Data: []byte("not gzip")},
		"cases/none/metrics.csv.gz":    {Data: zip(t, []byte("time\n"))},
		"cases/short/snapshot.json.gz": {Data: zip(t, snapshot)[:len(zip(t, snapshot))/2]},
	}
	if metrics != "" {
		data["cases/c1/metrics.csv.gz"] = &fstest.MapFile{Data: zip(t, []byte(metrics))}
	}
	return data
}

func zip(t testing.TB, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func example(t testing.TB) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/snapshot.json")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const metrics = `time,web-cpu,web-success_rate,web-p90latency,n1-tcp_retans,web-odd
2030-05-01 20:00:00,0.5,1.0,12,0,1
2030-05-01 20:00:05,0.6,0.75,NaN,2,1
2030-05-01 20:00:10,,0.5,40,x,1
`

func TestLoad(t *testing.T) {
	t.Parallel()
	set := Set()
	data := bench.Blind(pack(t, example(t), metrics))
	ids, err := set.Cases(data)
	if err != nil || len(ids) != 1 {
		t.Fatalf("cases: got %v, %v", ids, err)
	}
	in, err := set.Load(data, ids[0])
	if err != nil {
		t.Fatal(err)
	}
	s := state(t, in)
	if got, want := s.At, time.Date(2030, 5, 1, 12, 0, 30, 0, time.UTC); !got.Equal(want) {
		t.Errorf("moment: got %v, want that of the last lease %v", got, want)
	}
	if len(s.Unread) > 0 {
		t.Errorf("unread: %q", s.Unread)
	}
	t.Run("pod", func(t *testing.T) { checkPod(t, s) })
	t.Run("around", func(t *testing.T) { checkAround(t, s) })
	t.Run("evidence", func(t *testing.T) { checkEvidence(t, in) })
}

func state(t testing.TB, in diagnose.Input) cluster.State {
	t.Helper()
	for _, it := range in.Items {
		if it.Kind == evidence.KindCluster {
			s, err := evidence.Decode[cluster.State](it)
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
	}
	t.Fatal("no state among the evidence")
	return cluster.State{}
}

func checkPod(t *testing.T, s cluster.State) {
	t.Helper()
	if len(s.Pods) != 1 {
		t.Fatalf("pods: got %d, want 1", len(s.Pods))
	}
	p := s.Pods[0]
	user := int64(1000)
	want := cluster.PodSpec{
		Containers: []cluster.ContainerSpec{{
			Name: "main", Image: "registry.example/web:1", Ports: []cluster.ContainerPort{{Name: "http", Port: 8080, Protocol: "TCP"}},
			Requests: map[string]cluster.Quantity{"cpu": 8, "memory": 64 << 20}, Limits: map[string]cluster.Quantity{"memory": 128 << 20},
			Env: []cluster.Env{
				{Name: "API", Value: "api:80"},
				{Name: "NODE", From: &cluster.Ref{Kind: "Field", Key: "status.hostIP"}},
				{Name: "DB_USER", From: &cluster.Ref{Kind: "Secret", Name: "db", Key: "user"}, Secret: true},
				{Name: "API_TOKEN", Secret: true},
			},
			EnvFrom:   []cluster.Ref{{Kind: "ConfigMap", Name: "web"}},
			Liveness:  &cluster.Probe{Kind: "http", Port: "8080", Path: "/healthz", Scheme: "HTTP", Delay: 5 * time.Second, Timeout: time.Second, Period: 10 * time.Second, Successes: 1, Failures: 3},
			Readiness: &cluster.Probe{Kind: "grpc", Port: "9090", Timeout: time.Second, Period: 10 * time.Second, Successes: 1, Failures: 3},
			Startup:   &cluster.Probe{Kind: "exec", Command: []string{"sh", "-c", "true"}, Timeout: time.Second, Period: 10 * time.Second, Successes: 1, Failures: 3},
			Mounts:    map[string]string{"/data": "data"}, ReadOnly: true,
		}},
		ServiceAccount: "web", NodeSelector: map[string]string{"disk": "ssd"},
		NodeAffinity: [][]cluster.Requirement{{{Key: "zone", Operator: "In", Values: []string{"a"}}}},
		Tolerations: []cluster.Toleration{
			{Key: "team", Value: "web", Operator: "Equal", Effect: "NoSchedule"},
			{Key: "node.kubernetes.io/not-ready", Operator: "Exists", Effect: "NoExecute"},
		},
		Volumes:     []cluster.VolumeUse{{Name: "data", Kind: "PersistentVolumeClaim", Ref: "web-data"}},
		PullSecrets: []string{"registry"}, RunAsUser: &user,
	}
	if d := cmp.Diff(want, p.Spec); d != "" {
		t.Errorf("what the pod asks for (-want +got):\n%s", d)
	}
	if p.Node != "" || p.Phase != "Pending" || p.OwnerName != "web-5d" {
		t.Errorf("pod: got node %q, phase %q, owner %q", p.Node, p.Phase, p.OwnerName)
	}
}

func checkAround(t *testing.T, s cluster.State) {
	t.Helper()
	if d := cmp.Diff(map[string]cluster.Quantity{"cpu": 1.5, "memory": 512 << 20, "pods": 3}, s.Nodes[0].Requested); d != "" {
		t.Errorf("requested of the node (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]cluster.Claim{{
		Meta: cluster.Meta{Name: "web-data", Namespace: "shop"}, Phase: "Pending", Class: "fast", AccessModes: []string{"ReadWriteMany"},
		Request: 3 << 30, Selector: map[string]string{"tier": "a"}, UsedBy: []string{"web-5d-x"},
	}}, s.Claims); d != "" {
		t.Errorf("claims (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]cluster.Reach{
		{Service: "web", Port: 80, Node: "n1", Open: true, Text: "web (10.0.0.1:80) open; Connection Succeeded"},
		{Service: "web", Port: 80, Node: "n2", Text: "punt!; Terminated; Connection Failed"},
	}, s.Reaches); d != "" {
		t.Errorf("probes (-want +got):\n%s", d)
	}
	if len(s.Units) != 1 || s.Units[0].Active || s.Units[0].State != "inactive (dead)" || !s.Units[0].Since.Equal(time.Date(2030, 5, 1, 11, 58, 0, 0, time.UTC)) {
		t.Errorf("units: got %+v", s.Units)
	}
	if d := cmp.Diff([]cluster.Event{{
		Kind: "Pod", Name: "web-5d-x", Type: "Warning", Reason: "FailedScheduling", Message: "0/1 nodes are available: 1 Insufficient cpu.", Count: 3,
		First: s.At.Add(-2 * time.Minute), Last: s.At.Add(-10 * time.Second), From: "default-scheduler",
	}}, s.Events); d != "" {
		t.Errorf("events (-want +got):\n%s", d)
	}
	if d := cmp.Diff(map[string]cluster.Quantity{"pods": 10, "requests.cpu": 4}, s.Quotas[0].Hard); d != "" {
		t.Errorf("quota (-want +got):\n%s", d)
	}
	if got := s.Secrets[0]; got.Name != "db" || !cmp.Equal(got.Keys, []string{"DB_PORT", "DB_PASSWORD"}) || !cmp.Equal(got.Data, map[string]string{"DB_PORT": "3306"}) {
		t.Errorf("secret: got %+v, want its keys, its port and no password", got)
	}
}

func checkEvidence(t *testing.T, in diagnose.Input) {
	t.Helper()
	if d := cmp.Diff([]string{"web"}, in.Affected); d != "" {
		t.Errorf("affected (-want +got):\n%s", d)
	}
	if got := in.Catalog.DependsOn("web"); !cmp.Equal(got, []string{"api"}) {
		t.Errorf("web depends on %v, want api", got)
	}
	values := map[string][]float64{}
	lines := 0
	for _, it := range in.Items {
		switch it.Kind {
		case evidence.KindMetric:
			m, err := evidence.Decode[evidence.Metric](it)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range m.Now.Points {
				k := it.Service + " " + string(m.Signal) + m.Resource
				values[k] = append(values[k], p.Value)
			}
		case evidence.KindLogs:
			if !it.Outside {
				t.Errorf("%s: log lines are not marked as from outside", it.ID)
			}
			l, err := evidence.Decode[evidence.Logs](it)
			if err != nil {
				t.Fatal(err)
			}
			lines += len(l.Templates)
		}
	}
	want := map[string][]float64{
		"web saturationcpu": {0.5, 0.6}, "web errors": {0, 0.25, 0.5}, "web latency_p95": {12, 40}, "node/n1 saturationretransmits": {0, 2},
	}
	if d := cmp.Diff(want, values); d != "" {
		t.Errorf("series (-want +got):\n%s", d)
	}
	if lines != 2 {
		t.Errorf("log templates: got %d, want 2: one line of each shape", lines)
	}
}

func TestPrediction(t *testing.T) {
	t.Parallel()
	set := Set()
	data := pack(t, example(t), "")
	in, err := set.Load(bench.Blind(data), "c1")
	if err != nil {
		t.Fatal(err)
	}
	d := diagnose.New(diagnose.DefaultWeights()).Diagnose(in)
	p := set.Answer(in, d)
	if len(p.Predictions) == 0 || p.Probability <= 0 {
		t.Fatalf("prediction: got %+v", p)
	}
	truths, err := set.Truths(data)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		h    diagnose.Hypothesis
		want bool
	}{
		{diagnose.Hypothesis{Fault: cause.FaultCPUCapacity, Component: "web"}, true},
		{diagnose.Hypothesis{Fault: cause.FaultMemoryCapacity, Component: "web"}, false},
		{diagnose.Hypothesis{Fault: cause.FaultCPUCapacity, Component: "node/web"}, false},
		{diagnose.Hypothesis{Component: "web"}, false},
	} {
		if got := set.Right(tc.h, truths["c1"]); got != tc.want {
			t.Errorf("%s at %s: right is %v, want %v", tc.h.Fault, tc.h.Component, got, tc.want)
		}
	}
}

func TestBadFiles(t *testing.T) {
	t.Parallel()
	set := Set()
	data := pack(t, example(t), "time,web-cpu\nyesterday,1\n2030-05-01 20:00:00,1\n")
	if _, err := set.Load(data, "bad"); err == nil || !strings.Contains(err.Error(), "gzip") {
		t.Errorf("no gzip: got %v", err)
	}
	if _, err := set.Load(data, "none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no snapshot: got %v", err)
	}
	in, err := set.Load(data, "short")
	if err != nil {
		t.Fatalf("cut short: %v", err)
	}
	if s := state(t, in); len(s.Unread) == 0 || !strings.Contains(strings.Join(s.Unread, "\n"), "ends early") {
		t.Errorf("cut short: unread is %q", s.Unread)
	}
	in, err = set.Load(data, "c1")
	if err != nil {
		t.Fatal(err)
	}
	if s := state(t, in); !strings.Contains(strings.Join(s.Unread, "\n"), "line 2, column 1") {
		t.Errorf("a time that is none: unread is %q, want the line and column", s.Unread)
	}
}

func TestCasesAreRead(t *testing.T) {
	t.Parallel()
	data := bench.Blind(benchtest.Set(t, "cloudops"))
	ids, err := Set().Cases(data)
	if err != nil {
		t.Fatal(err)
	}
	for i, id := range ids {
		if i%20 != 0 {
			continue // the commands that measure read them all
		}
		in, err := Set().Load(data, id)
		if err != nil {
			t.Errorf("%s: %v", id, err)
			continue
		}
		s := state(t, in)
		if len(s.Unread) > 0 || len(s.Nodes) == 0 || s.At.IsZero() {
			t.Errorf("%s: %d nodes at %v, unread %q", id, len(s.Nodes), s.At, s.Unread)
		}
	}
}

// FuzzSnapshot: whatever a snapshot holds, reading and diagnosing it ends
// without a panic, and what could not be read is named.
func FuzzSnapshot(f *testing.F) {
	whole := example(f)
	f.Add(whole)
	f.Add(whole[:len(whole)/3])
	f.Add([]byte(`{"describe":{"pods/a":"Name: a\nContainers:\n  x:\n    Port: 1/TCP, /\n"},"tables":[1],"alerts":{"alerts":[1,{"name":2}]}}`))
	f.Add([]byte(`{"describe":"x","yaml":{"app/a":"kind: [Deployment"},"error_logs":{"a":[]},"collected_at":7}`))
	engine := diagnose.New(diagnose.DefaultWeights())
	f.Fuzz(func(t *testing.T, b []byte) {
		s := parseSnapshot(b)
		if !json.Valid(b) && len(s.unread) == 0 {
			t.Errorf("broken JSON, and nothing is named as unread")
		}
		in, err := s.input("c", nil, s.logs, s.manifests)
		if err != nil {
			return
		}
		total := 0.0
		for _, h := range engine.Diagnose(in).Hypotheses {
			total += h.Probability
		}
		if total > 1.0001 {
			t.Errorf("probabilities sum to %v", total)
		}
	})
}

// FuzzSeries: whatever the file holds, values that come out are finite and in
// order of time.
func FuzzSeries(f *testing.F) {
	f.Add(metrics)
	f.Add("time,a-cpu\n2030-05-01 20:00:05,1e999\n2030-05-01 20:00:00,-1\n2030-05-01 20:00:00,2\n")
	f.Add("a\n\"b")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := parseSeries(strings.NewReader(text), time.UTC)
		if err != nil {
			return
		}
		for _, it := range got {
			m, err := evidence.Decode[evidence.Metric](it)
			if err != nil {
				t.Fatal(err)
			}
			for i := 1; i < len(m.Now.Points); i++ {
				if m.Now.Points[i].At.Before(m.Now.Points[i-1].At) {
					t.Errorf("%s: points out of order", it.Query)
				}
			}
		}
	})
}
