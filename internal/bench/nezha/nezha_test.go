package nezha_test

import (
	"bytes"
	"compress/gzip"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/bench"
	"github.com/holdfast-sre/holdfast/internal/bench/benchtest"
	"github.com/holdfast-sre/holdfast/internal/bench/nezha"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/evidence"
)

const (
	caseList = "case_id,system,normal,alarm_ts,end_ts,trace_minutes,log_minutes\n" +
		"c1,toy,d1,1000,1120,3,3\n" +
		"c2,toy,d2,2000,2120,0,0\n"
	metricHead = "ts,service,cpu_millicores,cpu_pct,mem_mib,mem_pct,server_p95_s,server_p99_s,rps\n"
	traceHead  = "start_us,duration_us,trace,span,parent,service,operation\n"
	logHead    = "ts_us,service,trace,span,level,message\n"
)

// toy is a set of two cases: one with everything, one with metrics only.
func toy() fstest.MapFS {
	return fstest.MapFS{
		"cases.csv":                 file(caseList),
		"labels.csv":                file("case_id,root_service,fault_type,root_detail\nc1,back,network_delay,x\nc2,front,cpu,y\n"),
		"topology/toy.services.csv": file("service\nfront\nback\nidle\n"),
		"cases/c1/metrics.csv.gz":   zipped(metricHead + "940,front,1,10,5,50,.1,.2,7\n1000,front,1,90,5,50,.1,.2,7\n1060,front,1,,5,NaN,.1,.2,7\n"),
		"cases/c1/frontend.csv.gz":  zipped("ts,success_pct,p50_s,p90_s,p95_s,p99_s\n1000,100,.1,.2,.3,.4\n"),
		"cases/c1/traces.csv.gz": zipped(traceHead +
			"990000000,100,1,1,0,front,get\n1030000000,100000,2,2,0,front,get\n1030000010,90000,2,3,2,front,call\n1030000020,1000,2,4,3,back,serve\n"),
		"cases/c1/logs.csv.gz":      zipped(logHead + "1030000050,back,2,4,INFO,\"a.B#7 [order 12]\"\n"),
		"normal/d1/metrics.csv.gz":  zipped(metricHead + "100,front,1,11,5,50,.1,.2,7\n"),
		"normal/d1/frontend.csv.gz": zipped("ts,success_pct,p50_s,p90_s,p95_s,p99_s\n100,100,.1,.2,.3,.4\n"),
		"normal/d1/traces.csv.gz":   zipped(traceHead + "1,1000,1,1,0,front,get\n2,900,1,2,1,front,call\n3,800,1,3,2,back,serve\n"),
		"cases/c2/metrics.csv.gz":   zipped(metricHead + "2000,front,1,90,5,50,.1,.2,7\n"),
		"cases/c2/frontend.csv.gz":  zipped("ts,success_pct,p50_s,p90_s,p95_s,p99_s\n"),
		"normal/d2/metrics.csv.gz":  zipped(metricHead),
		"normal/d2/frontend.csv.gz": zipped("ts,success_pct,p50_s,p90_s,p95_s,p99_s\n"),
		"topology/toy.csv":          file("caller,callee\nfront,back\n"),
	}
}

func file(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }

func zipped(text string) *fstest.MapFile {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(text))
	_ = z.Close()
	return &fstest.MapFile{Data: b.Bytes()}
}

func TestLoadReadsEverySignal(t *testing.T) {
	t.Parallel()
	set := nezha.Set()
	in, err := set.Load(bench.Blind(toy()), "c1")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"front"}, in.Affected); diff != "" {
		t.Errorf("affected (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"back"}, in.Catalog.DependsOn("front")); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	kinds := map[evidence.Kind]int{}
	for _, it := range in.Items {
		kinds[it.Kind]++
		if it.ID == "" {
			t.Errorf("item %s %s has no identifier", it.Kind, it.Query)
		}
	}
	want := map[evidence.Kind]int{evidence.KindMetric: 8, evidence.KindTraces: 1, evidence.KindLogs: 1}
	if diff := cmp.Diff(want, kinds); diff != "" {
		t.Errorf("items by kind (-want +got):\n%s", diff)
	}
}

func TestLoadTakesTheFaultFreeMinuteAsReference(t *testing.T) {
	t.Parallel()
	set := nezha.Set()
	in, err := set.Load(bench.Blind(toy()), "c1")
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(in.Items, func(it evidence.Item) bool { return it.Kind == evidence.KindTraces })
	got, err := evidence.Decode[evidence.Traces](in.Items[i])
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Calls) != 1 || got.Calls[0].Before.Gaps != 1 || got.Calls[0].Now.Gaps != 1 {
		t.Fatalf("calls %+v: want one with a gap now and before", got.Calls)
	}
	if got := []float64{got.Calls[0].Now.GapP50, got.Calls[0].Before.GapP50}; !cmp.Equal([]float64{0.089, 0.0001}, got) {
		t.Errorf("gaps now and before are %v s", got)
	}
}

func TestLoadSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	set := nezha.Set()
	in, err := set.Load(bench.Blind(toy()), "c2")
	if err != nil {
		t.Fatal(err)
	}
	var missing []string
	for _, it := range in.Items {
		if it.Kind == evidence.KindFailure {
			missing = append(missing, it.Source)
		}
	}
	if diff := cmp.Diff([]string{"traces", "logs"}, missing); diff != "" {
		t.Errorf("missing (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"front"}, in.Affected); diff != "" {
		t.Errorf("affected (-want +got):\n%s", diff)
	}
}

func TestBadFilesNameFileAndLine(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		name string
		file *fstest.MapFile
		want []string
	}{
		"a time that is none":     {"cases/c1/metrics.csv.gz", zipped(metricHead + "soon,front,1,1,1,1,1,1,1\n"), []string{"metrics.csv.gz:2", `column ts is "soon"`}},
		"too few columns":         {"cases/c1/metrics.csv.gz", zipped(metricHead + "940,front\n"), []string{"metrics.csv.gz", "line 2"}},
		"a duration that is none": {"cases/c1/traces.csv.gz", zipped(traceHead + "1,long,1,1,0,a,b\n"), []string{"traces.csv.gz:2", "duration_us"}},
		"not gzip":                {"cases/c1/logs.csv.gz", file(logHead), []string{"logs.csv.gz", "not a gzip file"}},
		"cut short":               {"cases/c1/traces.csv.gz", &fstest.MapFile{Data: zipped(traceHead + strings.Repeat("1,1,1,1,0,a,b\n", 99)).Data[:40]}, []string{"traces.csv.gz", "unexpected EOF"}},
		"empty":                   {"cases.csv", file(""), []string{"cases.csv", "header"}},
		"no such case":            {"cases.csv", file("case_id\n"), []string{`no case "c1"`}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data := toy()
			data[tt.name] = tt.file
			set := nezha.Set()
			_, err := set.Load(data, "c1")
			for _, w := range tt.want {
				if err == nil || !strings.Contains(err.Error(), w) {
					t.Errorf("error is %v, want it to say %q", err, w)
				}
			}
		})
	}
}

func TestAnswerRanksKnownServicesOnly(t *testing.T) {
	t.Parallel()
	set := nezha.Set()
	in, err := set.Load(toy(), "c1")
	if err != nil {
		t.Fatal(err)
	}
	d := diagnose.Diagnosis{Components: []diagnose.Suspect{{Component: "back", Probability: 0.6}, {Component: "a node", Probability: 0.2}, {Component: "front", Probability: 0.1}}}
	if diff := cmp.Diff([]string{"back", "front"}, set.Answer(in, d).Ranking); diff != "" {
		t.Errorf("ranking (-want +got):\n%s", diff)
	}
}

func TestTruths(t *testing.T) {
	t.Parallel()
	set := nezha.Set()
	got, err := set.Truths(toy())
	if err != nil {
		t.Fatal(err)
	}
	want := bench.Truth{ID: "c1", Group: "toy", Fields: map[string]string{"root_service": "back", "fault_type": "network_delay", "root_detail": "x"}}
	if diff := cmp.Diff(want, got["c1"]); diff != "" {
		t.Errorf("truth (-want +got):\n%s", diff)
	}
	if !set.Right(diagnose.Hypothesis{CauseClass: diagnose.NetworkDelay, Component: "back"}, got["c1"]) {
		t.Error("the service of the label is not right")
	}
	if set.Right(diagnose.Hypothesis{CauseClass: diagnose.Unknown, Component: "back"}, got["c1"]) {
		t.Error("unknown is right")
	}
}

func FuzzLoad(f *testing.F) {
	f.Add([]byte(traceHead+"1,1,1,1,0,front,get\n"), []byte(logHead+"1,front,1,1,INFO,hello\n"), []byte(metricHead+"1000,front,1,1,1,1,1,1,1\n"))
	f.Add([]byte("start_us\n\"\n"), []byte("\xff"), []byte("ts\nNaN\n"))
	set := nezha.Set()
	engine := diagnose.New(diagnose.DefaultWeights())
	f.Fuzz(func(_ *testing.T, traces, logs, metrics []byte) {
		data := toy()
		data["cases/c1/traces.csv.gz"] = zipped(string(traces))
		data["cases/c1/logs.csv.gz"] = zipped(string(logs))
		data["cases/c1/metrics.csv.gz"] = zipped(string(metrics))
		if in, err := set.Load(data, "c1"); err == nil {
			engine.Diagnose(in)
		}
	})
}

// TestRealCases looks at every sixth development case when they are there; the
// commands that measure take them all.
func TestRealCases(t *testing.T) {
	t.Parallel()
	data := benchtest.Set(t, nezha.Name)
	set := nezha.Set()
	all := set.Cases
	set.Cases = func(data fs.FS) ([]string, error) {
		ids, err := all(data)
		some := ids[:0]
		for i := 0; i < len(ids); i += 6 {
			some = append(some, ids[i])
		}
		return some, err
	}
	run, err := bench.Predict(t.Context(), set, data, bench.Options{Engine: diagnose.New(diagnose.DefaultWeights())})
	if err != nil {
		t.Fatal(err)
	}
	truths, err := set.Truths(data)
	if err != nil {
		t.Fatal(err)
	}
	first, third := 0, 0
	for _, p := range run.Predictions {
		at := slices.Index(p.Ranking, truths[p.CaseID].Fields["root_service"])
		if at == 0 {
			first++
		}
		if at >= 0 && at < 3 {
			third++
		}
	}
	n := float64(len(run.Predictions))
	t.Logf("AC@1 %.3f, AC@3 %.3f of %d cases", float64(first)/n, float64(third)/n, len(run.Predictions))
	if float64(first)/n < 0.7 || float64(third)/n < 0.8 {
		t.Errorf("AC@1 %.3f, AC@3 %.3f: want at least .7 and .8", float64(first)/n, float64(third)/n)
	}
}
