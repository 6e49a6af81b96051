package nezha_test

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/bench"
	"github.com/holdfast-sre/holdfast/internal/bench/nezha"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// calmToy is toy with a fault-free stretch of some minutes, one row a minute,
// in an order that is not that of time.
func calmToy(minutes int) fstest.MapFS {
	data := toy()
	var rows string
	for i := minutes - 1; i >= 0; i-- {
		rows += fmt.Sprintf("%d,front,1,%d,5,50,.1,.2,7\n", 6000+60*i, 10+i%3)
	}
	data["normal/d1/metrics.csv.gz"] = zipped(metricHead + rows)
	data["normal/d1/frontend.csv.gz"] = zipped("ts,success_pct,p50_s,p90_s,p95_s,p99_s\n")
	return data
}

func TestCalmWindowsHaveTimeBeforeThemAndEndWithTheStretch(t *testing.T) {
	t.Parallel()
	twice := calmToy(30)
	twice["cases.csv"] = file(caseList + "c3,toy,d1,3000,3120,0,0\n")
	tests := map[string]struct {
		data fs.FS
		want []string
	}{
		"each three minutes":         {calmToy(30), []string{"d1/10", "d1/13", "d1/16", "d1/19", "d1/22"}},
		"the last one fits exactly":  {calmToy(16), []string{"d1/10"}},
		"a minute less and it is no": {calmToy(15), nil},
		"no samples":                 {calmToy(0), nil},
		"a stretch of two cases":     {twice, []string{"d1/10", "d1/13", "d1/16", "d1/19", "d1/22"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			set := nezha.Calm()
			got, err := set.Cases(bench.Blind(tt.data))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("windows (-want +got):\n%s", diff)
			}
		})
	}
}

// The parts of a window: what is now, what was right before, and the rest of the
// stretch, no sample in two of them.
func TestACalmWindowIsComparedWithTheRestOfItsStretch(t *testing.T) {
	t.Parallel()
	set := nezha.Calm()
	in, err := set.Load(bench.Blind(calmToy(60)), "d1/40")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"front"}, in.Affected); diff != "" {
		t.Errorf("affected (-want +got):\n%s", diff)
	}
	if got, want := []int64{in.FirstSignal.Unix(), in.Now.Unix()}, []int64{6000 + 40*60, 6000 + 45*60}; !cmp.Equal(want, got) {
		t.Errorf("the window is %v, want %v", got, want)
	}
	if len(in.Items) != 5 { // cpu, memory, p95, p99, traffic
		t.Fatalf("%d items, want metrics alone", len(in.Items))
	}
	for _, it := range in.Items {
		m, err := evidence.Decode[evidence.Metric](it)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := []int{len(m.Now.Points), len(m.Before.Points), len(m.Day.Points)}, []int{5, 30, 25}; !cmp.Equal(want, got) {
			t.Errorf("%s has %v points now, before and of the rest, want %v", it.Query, got, want)
		}
		if m.Now.Points[0].At.Unix() != 6000+40*60 || m.Before.Points[0].At.Unix() != 6000+10*60 || m.Day.Points[0].At.Unix() != 6000 {
			t.Errorf("%s begins at %v, before it at %v, the rest at %v", it.Query, m.Now.Points[0].At, m.Before.Points[0].At, m.Day.Points[0].At)
		}
	}
	if d := diagnose.New(diagnose.DefaultWeights()).Diagnose(in); d.Blames() >= .5 {
		t.Errorf("normal operation is blamed with %.2f on %+v", d.Blames(), d.Components)
	}
}

func TestACalmWindowThatIsNotThere(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"", "d1", "d1/", "d1/soon", "d1/-5", "d1/9", "d1/56", "d1/9223372036854775807", "d9/10"} {
		set := nezha.Calm()
		if _, err := set.Load(bench.Blind(calmToy(60)), id); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("window %q", id)) {
			t.Errorf("window %q: error %v, want that it is not there", id, err)
		}
	}
}

func TestACalmWindowOfABadFile(t *testing.T) {
	t.Parallel()
	data := calmToy(30)
	data["normal/d1/metrics.csv.gz"] = zipped(metricHead + "soon,front,1,1,1,1,1,1,1\n")
	set := nezha.Calm()
	if _, err := set.Cases(data); err == nil || !strings.Contains(err.Error(), "normal/d1/metrics.csv.gz:2") {
		t.Errorf("error is %v, want file and line", err)
	}
	if _, err := set.Load(data, "d1/10"); err == nil || !strings.Contains(err.Error(), "normal/d1/metrics.csv.gz:2") {
		t.Errorf("error is %v, want file and line", err)
	}
}
