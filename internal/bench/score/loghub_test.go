package score_test

import (
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/holdfast-sre/holdfast/internal/bench"
	"github.com/holdfast-sre/holdfast/internal/bench/benchtest"
	"github.com/holdfast-sre/holdfast/internal/bench/score"
)

// logSet is a set of one log whose lines have these groups and templates.
func logSet(t *testing.T, truth ...[2]string) fs.FS {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	rows := [][]string{{"line", "event_id", "template", "template_corrected"}}
	for i, r := range truth {
		rows = append(rows, []string{strconv.Itoa(i + 1), r[0], "", r[1]})
	}
	if err := csv.NewWriter(z).WriteAll(rows); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return fstest.MapFS{
		"cases.csv":         {Data: []byte("system,category\nmill,works\n")},
		"truth/mill.csv.gz": {Data: b.Bytes()},
	}
}

func logPrediction(rows ...[2]string) fs.FS {
	var b strings.Builder
	b.WriteString("line,event_id,template\n")
	for i, r := range rows {
		fmt.Fprintf(&b, "%d,%s,%s\n", i+1, r[0], r[1])
	}
	return fstest.MapFS{"mill.csv": {Data: []byte(b.String())}}
}

func TestGroupsAndTemplatesOfALog(t *testing.T) {
	t.Parallel()
	truth := [][2]string{{"E1", "wheel <*> turns"}, {"E1", "wheel <*> turns"}, {"E2", "sack of <*> kg"}, {"E3", "stop"}}
	tests := map[string]struct {
		predicted [][2]string
		want      []score.Measure
	}{
		"all right":              {[][2]string{{"a", "wheel <*> turns"}, {"a", "wheel <*> turns"}, {"b", "sack of <*> kg"}, {"c", "stop"}}, measured(1, 1, 1, 1)},
		"values that touch":      {[][2]string{{"a", "wheel no<*> turns"}, {"a", "wheel no<*> turns"}, {"b", "sack of <*> <*> kg"}, {"c", "stop"}}, measured(1, 1, 1, 1)},
		"text wrong":             {[][2]string{{"a", "wheel turns"}, {"a", "wheel turns"}, {"b", "sack of <*> kg"}, {"c", "stop"}}, measured(1, 1, 2./3, 2./3)},
		"one split":              {[][2]string{{"a", "wheel 1 turns"}, {"x", "wheel 2 turns"}, {"b", "sack of <*> kg"}, {"c", "stop"}}, measured(.5, 4./7, .5, 2./3)},
		"two are one":            {[][2]string{{"a", "wheel <*> turns"}, {"a", "wheel <*> turns"}, {"b", "<*>"}, {"b", "<*>"}}, measured(.5, .4, .5, 1./3)},
		"groups of one text":     {[][2]string{{"a", "wheel <*> turns"}, {"a", "wheel <*> turns"}, {"b", "stop"}, {"c", "stop"}}, measured(1, 1, .5, 1./3)},
		"a line is in the wrong": {[][2]string{{"a", "wheel <*> turns"}, {"b", "sack of <*> kg"}, {"b", "sack of <*> kg"}, {"c", "stop"}}, measured(.25, 2./6, 1./3, 1./3)},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rep, err := score.Files("loghub2k", logSet(t, truth...), logPrediction(tt.predicted...))
			if err != nil {
				t.Fatal(err)
			}
			want := score.FileReport{Set: "loghub2k", Cases: 1, Groups: []score.Group{
				{Name: "all", Cases: 1, Measures: tt.want}, {Name: "works/mill", Cases: 1, Measures: tt.want},
			}}
			if diff := cmp.Diff(want, rep, cmpopts.EquateApprox(0, 1e-12)); diff != "" {
				t.Errorf("report (-want, +got):\n%s", diff)
			}
		})
	}
}

func measured(ga, fga, pta, rta float64) []score.Measure {
	return []score.Measure{{Name: "GA", Value: ga}, {Name: "FGA", Value: fga}, {Name: "PTA", Value: pta}, {Name: "RTA", Value: rta}}
}

func TestPredictionsOfALogThatDoNotFit(t *testing.T) {
	t.Parallel()
	data := logSet(t, [2]string{"E1", "a"}, [2]string{"E1", "a"})
	tests := map[string]struct {
		predicted fs.FS
		want      string
	}{
		"too few lines": {logPrediction([2]string{"a", "a"}), "1 predictions for 2 lines"},
		"another order": {fstest.MapFS{"mill.csv": {Data: []byte("line,event_id,template\n2,a,a\n1,a,a\n")}}, `line "2" where the log has line "1"`},
		"no templates":  {fstest.MapFS{"mill.csv": {Data: []byte("line,event_id\n1,a\n2,a\n")}}, `no column "template"`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := score.Files("loghub2k", data, tt.predicted); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got error %v, want %q in it", err, tt.want)
			}
		})
	}
	rep, err := score.Files("loghub2k", data, fstest.MapFS{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(measured(0, 0, 0, 0), rep.Groups[0].Measures); diff != "" {
		t.Errorf("without a file (-want, +got):\n%s", diff)
	}
}

// The scorer that comes with the prepared data must say the same of groups and
// templates that are right, split, joined, worded otherwise and odd.
func TestScorerOfTheDataAgreesOnLogs(t *testing.T) {
	t.Parallel()
	root := benchtest.Root(t)
	python := interpreter(t, "numpy", "pandas")
	dir := filepath.Join(root, "loghub2k")
	folder := t.TempDir()
	for i, system := range column(t, os.DirFS(dir), "cases.csv", "system") {
		spoil(t, os.DirFS(dir), folder, system, rand.New(rand.NewPCG(3, uint64(i)))) //nolint:gosec // an index
	}
	rep, err := score.Files("loghub2k", os.DirFS(dir), os.DirFS(folder))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), python, "score.py", "loghub2k", dir, folder)
	cmd.Dir = filepath.Join(root, "tools")
	cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", strings.Join(cmd.Args, " "), err)
	}
	agreeOnLogs(t, rep, string(out))
}

func agreeOnLogs(t *testing.T, rep score.FileReport, out string) {
	t.Helper()
	figure := regexp.MustCompile(`([A-Z]+)=([0-9.]+)`)
	compared := 0
	for line := range strings.Lines(out) {
		name := strings.Fields(line)[0]
		for _, g := range rep.Groups {
			if name != "mean" && !strings.HasSuffix(g.Name, "/"+name) || name == "mean" && g.Name != "all" {
				continue
			}
			for _, m := range figure.FindAllStringSubmatch(line, -1) {
				want, err := strconv.ParseFloat(m[2], 64)
				if err != nil {
					t.Fatal(err)
				}
				if got, ok := g.Get(m[1]); !ok || math.Abs(got-want) > 0.00005+1e-9 {
					t.Errorf("%s of %s is %.5f here and %s there", m[1], g.Name, got, m[2])
				}
				compared++
			}
		}
	}
	if compared != 4*len(rep.Groups) {
		t.Errorf("%d figures compared, want %d", compared, 4*len(rep.Groups))
	}
}

func column(t *testing.T, data fs.FS, file, name string) []string {
	t.Helper()
	rows, err := bench.Columns(data, file, name)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, r := range rows {
		out = append(out, r[0])
	}
	return out
}

// spoil writes predictions made of the truth.
func spoil(t *testing.T, data fs.FS, folder, system string, r *rand.Rand) {
	t.Helper()
	truth, err := bench.Columns(data, "truth/"+system+".csv.gz", "line", "event_id", "template_corrected")
	if err != nil {
		t.Fatal(err)
	}
	how := map[string]int{}
	rows := [][]string{{"line", "event_id", "template"}}
	for _, c := range truth {
		id, text := c[1], c[2]
		kind, ok := how[id]
		if !ok {
			kind = r.IntN(9)
			how[id] = kind
		}
		switch kind {
		case 0:
			id, text = "one", "<*>"
		case 1:
			id += strconv.Itoa(r.IntN(2))
		case 2:
			text = strings.ReplaceAll(text, "<*>", "no-<*>: <*>  <*>,")
		case 3:
			text = strings.ReplaceAll(text, " ", " ")
		case 4:
			text = "  " + text + "\t"
		case 5:
			text = strings.ReplaceAll(text, "<*>", "5")
		}
		rows = append(rows, []string{c[0], id, text})
	}
	f, err := os.Create(filepath.Join(folder, system+".csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := csv.NewWriter(f).WriteAll(rows); err != nil {
		t.Fatal(err)
	}
}
