package petshop

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

func calmFolder(t *testing.T, rows int) fstest.MapFS {
	t.Helper()
	normal := "ts,Shop|latency|Average\n"
	for i := range rows {
		normal += fmt.Sprintf("%d,%g\n", 1_600_000_000+300*i, 0.2+float64(i)/1000)
	}
	return fstest.MapFS{
		"cases.csv": {Data: []byte("case_id,scenario,target_node,target_metric,alarm_ts,has_normal\n" +
			"one,calm,Shop,latency,1600010000,1\ntwo,calm,Shop,latency,1600020000,1\ncold,other,Shop,latency,1600020000,0\n")},
		"topology/calm.csv":       {Data: []byte("caller,callee\n")},
		"topology/calm.nodes.csv": {Data: []byte("node\nShop\n")},
		"normal/calm.csv.gz":      packed(t, normal),
	}
}

func TestWindowsOfNormalOperationAreCases(t *testing.T) {
	t.Parallel()
	data, set := calmFolder(t, 20), Calm()
	ids, err := set.Cases(data)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"calm/0", "calm/6", "calm/12"}, ids); diff != "" {
		t.Fatalf("windows (-want +got):\n%s", diff)
	}
	in, err := set.Load(data, "calm/6")
	if err != nil {
		t.Fatal(err)
	}
	if len(in.Items) != 1 || in.FirstSignal.Unix() != 1_600_000_000+300*8 || in.Affected[0] != "Shop" {
		t.Errorf("%d items, first signal %v, affected %v", len(in.Items), in.FirstSignal, in.Affected)
	}
}

func TestAWindowThatIsNotThere(t *testing.T) {
	t.Parallel()
	data := calmFolder(t, 20)
	for _, id := range []string{"calm", "calm/x", "calm/-6", "calm/18", "other/0", ""} {
		if _, err := Calm().Load(data, id); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("window %q", id)) {
			t.Errorf("window %q: error %v, want that it is not there", id, err)
		}
	}
}
