package petshop

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/bench"
	"github.com/holdfast-sre/holdfast/internal/bench/benchtest"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/evidence"
)

func packed(t testing.TB, text string) *fstest.MapFile {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return &fstest.MapFile{Data: b.Bytes()}
}

// small is a set of one case: the shop is slow because its table is.
func small(t testing.TB) fstest.MapFS {
	t.Helper()
	head := "ts,Shop|latency|Average,Shop|requests|Sum,shelf_AWS::DynamoDB::Table|latency|Average," +
		"shelf_AWS::DynamoDB::Table|requests|Sum,shelf_AWS::DynamoDB::Table|availability|Average,Shop|availability|Average\n"
	window, normal := head, head
	for i := range 5 {
		extra := 0.0
		if i > 1 {
			extra = 1
		}
		window += fmt.Sprintf("%d,%g,300,%g,300,100,100\n", 1_700_000_000+300*i, 0.2+extra, 0.1+extra)
	}
	for i := range 40 {
		normal += fmt.Sprintf("%d,%g,300,%g,300,100,\n", 1_600_000_000+300*i, 0.2+float64(i%3)/100, 0.1+float64(i%3)/100)
	}
	return fstest.MapFS{
		"cases.csv": {Data: []byte("case_id,scenario,target_node,target_metric,target_stat,alarm_ts,has_normal\n" +
			"one,calm,Shop,latency,Average,1700000610,1\n")},
		"labels.csv":              {Data: []byte("case_id,official_split,root_node,fault_type,source_id\none,test,shelf_AWS::DynamoDB::Table,overload,x\n")},
		"topology/calm.csv":       {Data: []byte("caller,callee\nShop,shelf_AWS::DynamoDB::Table\nShop,example.com_remote\n")},
		"topology/calm.nodes.csv": {Data: []byte("node\nShop\nshelf_AWS::DynamoDB::Table\n")},
		"cases/one.csv.gz":        packed(t, window),
		"normal/calm.csv.gz":      packed(t, normal),
	}
}

func TestACaseBecomesEvidence(t *testing.T) {
	t.Parallel()
	set := Set()
	ids, err := set.Cases(small(t))
	if err != nil || !cmp.Equal(ids, []string{"one"}) {
		t.Fatalf("got cases %v, %v", ids, err)
	}
	in, err := set.Load(bench.Blind(small(t)), "one")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := in.Catalog.DependsOn("Shop"), []string{"example.com_remote", "shelf_AWS--DynamoDB--Table"}; !cmp.Equal(got, want) {
		t.Errorf("Shop depends on %v, want %v", got, want)
	}
	if got, want := in.Now, time.Unix(1_700_001_500, 0).UTC(); !got.Equal(want) {
		t.Errorf("now is %v, want the end of the last row, %v", got, want)
	}
	units := map[evidence.Golden]float64{}
	for _, it := range in.Items {
		m, err := evidence.Decode[evidence.Metric](it)
		if err != nil {
			t.Fatal(err)
		}
		if it.Service == "shelf_AWS--DynamoDB--Table" {
			units[m.Signal] = m.Now.Points[0].Value
		}
	}
	want := map[evidence.Golden]float64{evidence.LatencyMean: 0.1, evidence.Errors: 0, evidence.Traffic: 1}
	if diff := cmp.Diff(want, units); diff != "" {
		t.Errorf("first values of the table (-want +got):\n%s", diff)
	}
}

func TestAnAnswerHasTheNamesOfTheSet(t *testing.T) {
	t.Parallel()
	set := Set()
	in, err := set.Load(bench.Blind(small(t)), "one")
	if err != nil {
		t.Fatal(err)
	}
	d := diagnose.New(diagnose.DefaultWeights()).Diagnose(in)
	p := set.Answer(in, d)
	if len(p.Ranking) == 0 || p.Ranking[0] != "shelf_AWS::DynamoDB::Table" || p.Probability <= 0 {
		t.Errorf("got %+v, want the table first", p)
	}
	truth, err := set.Truths(small(t))
	if err != nil {
		t.Fatal(err)
	}
	if top, ok := d.Top(); !ok || !set.Right(top, truth["one"]) || set.Right(diagnose.Hypothesis{Component: "Shop"}, truth["one"]) {
		t.Errorf("right is not what the label says: %+v", top)
	}
	if empty := set.Answer(in, diagnose.Diagnosis{}); empty.Probability != 0 || empty.Ranking == nil {
		t.Errorf("got %+v for no answer", empty)
	}
}

func TestTypesTellWhatRunsInTheAccount(t *testing.T) {
	t.Parallel()
	for node, want := range map[string]bool{
		"a_AWS::ECS::Fargate": true, "a_AWS::Lambda": false, "a.com_remote": false, "a_client": false, "a": true, "a_b": true,
		"u@h_Database::SQL": true, "AWS::StepFunctions::StateMachine": true,
	} {
		if got := ours(node); got != want {
			t.Errorf("%s: got %v, want %v", node, got, want)
		}
	}
}

func TestBrokenFilesSayWhere(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		name, text, want string
	}{
		"no times":        {"cases/one.csv.gz", "a,b\n1,2\n", "cases/one.csv.gz:1:1: the first column must be ts"},
		"a word":          {"cases/one.csv.gz", "ts,a\n1700000000,much\n", `cases/one.csv.gz:2:2: "much" is not a number`},
		"a wrong time":    {"cases/one.csv.gz", "ts,a\nnoon,1\n", `cases/one.csv.gz:2:1: ts: "noon" is no time`},
		"a short row":     {"cases/one.csv.gz", "ts,a\n1700000000\n", "wrong number of fields"},
		"a column twice":  {"cases/one.csv.gz", "ts,a,a\n", `1:3: column "a" is there twice`},
		"nothing":         {"cases/one.csv.gz", "", "no header"},
		"a column less":   {"topology/calm.csv", "from,to\na,b\n", `topology/calm.csv:1:1: no column "caller"`},
		"no such case":    {"cases.csv", "case_id,scenario,target_node,target_metric,alarm_ts,has_normal\n", `case "one" is not in cases.csv`},
		"an alarm unread": {"cases.csv", "case_id,scenario,target_node,target_metric,alarm_ts,has_normal\none,calm,Shop,latency,soon,1\n", "cases.csv:2: alarm_ts"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data := small(t)
			data[tt.name] = &fstest.MapFile{Data: []byte(tt.text)}
			if strings.HasSuffix(tt.name, ".gz") {
				data[tt.name] = packed(t, tt.text)
			}
			if _, err := load(data, "one"); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestTablesAreOrderedAndUnique(t *testing.T) {
	t.Parallel()
	tab, err := ParseTable(strings.NewReader("ts,a\n900,3\n300,1\n600,\n300,7\n1200,Inf\n"))
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprint(tab.Values("a"))
	if want := fmt.Sprint([]float64{1, math.NaN(), 3, math.NaN()}); got != want || len(tab.At) != 4 {
		t.Errorf("got %s at %v, want %s", got, tab.At, want)
	}
	if got := tab.Without(1, 3).Values("a"); len(got) != 2 || got[0] != 1 {
		t.Errorf("without the middle: got %v", got)
	}
}

func FuzzSeries(f *testing.F) {
	f.Add("ts,a|latency|Average\n1700000000,0.5\n1700000300,\n")
	f.Add("ts,a,b\n1,NaN,1e309\n1,-0,x\n")
	f.Add("ts\n\"1\n")
	f.Fuzz(func(t *testing.T, text string) {
		tab, err := ParseTable(strings.NewReader(text))
		if err != nil {
			return
		}
		for i, at := range tab.At {
			if i > 0 && !at.After(tab.At[i-1]) {
				t.Fatalf("row %d is not after the one before", i)
			}
		}
		for _, c := range tab.Columns {
			if v := tab.Values(c); len(v) != len(tab.At) {
				t.Fatalf("column %q has %d samples for %d rows", c, len(v), len(tab.At))
			}
		}
		if _, err := items("id", tab, Table{}); err != nil {
			t.Fatal(err)
		}
	})
}

// The weights set by hand are enough to be ahead of the published methods, also
// without any history.
func TestRankingOnTheRealCases(t *testing.T) {
	t.Parallel()
	data, set := benchtest.Set(t, "petshop"), Set()
	cases, err := Cases(data)
	if err != nil {
		t.Fatal(err)
	}
	truth, err := set.Truths(data)
	if err != nil {
		t.Fatal(err)
	}
	e := diagnose.New(diagnose.DefaultWeights())
	type tally struct{ n, first, third int }
	var got tally
	for i, c := range cases {
		if i%4 != 0 {
			continue // the commands that measure take them all
		}
		in, err := Load(bench.Blind(data), c)
		if err != nil {
			t.Fatal(err)
		}
		rank := 0
		for i, n := range set.Answer(in, e.Diagnose(in)).Ranking {
			if n == truth[c.ID].Fields["root_node"] {
				rank = i + 1
			}
		}
		got.n++
		if rank == 1 {
			got.first++
		}
		if rank >= 1 && rank <= 3 {
			got.third++
		}
	}
	if a1, a3 := float64(got.first)/float64(got.n), float64(got.third)/float64(got.n); a1 < 0.7 || a3 < 0.9 {
		t.Errorf("AC@1 %.3f, AC@3 %.3f of %d cases: want .7 and .9", a1, a3, got.n)
	}
}
