package loghub2k_test

import (
	"bytes"
	"encoding/csv"
	"io"
	"math"
	"strconv"
	"testing"
	"testing/fstest"

	"github.com/holdfast-sre/holdfast/internal/bench"
	"github.com/holdfast-sre/holdfast/internal/bench/benchtest"
	"github.com/holdfast-sre/holdfast/internal/bench/comparator"
	"github.com/holdfast-sre/holdfast/internal/bench/loghub2k"
	"github.com/holdfast-sre/holdfast/internal/bench/score"
	"github.com/holdfast-sre/holdfast/internal/detect/template"
)

// What Holdfast reaches with one setting, and what Drain does: less than this
// is a regression, or a comparison that is void.
func TestFigures(t *testing.T) {
	t.Parallel()
	data := benchtest.Set(t, loghub2k.Name)
	tests := map[string]struct {
		miner bench.LogMiner
		least map[string]float64
		exact bool
	}{
		"Holdfast": {bench.HoldfastMiner(), map[string]float64{"GA": 0.98, "FGA": 0.92, "PTA": 0.84, "RTA": 0.89}, false},
		"Drain":    {comparator.Miners()[0], map[string]float64{"GA": 0.747, "FGA": 0.762, "PTA": 0.691, "RTA": 0.708}, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			task := loghub2k.Task(tt.miner)
			files := fstest.MapFS{}
			_, err := bench.PredictFiles(t.Context(), task, task.Methods[0], data, bench.FileOptions{Jobs: 1, Create: func(file string) (io.WriteCloser, error) {
				files[file] = &fstest.MapFile{}
				return &into{files[file], bytes.Buffer{}}, nil
			}})
			if err != nil {
				t.Fatal(err)
			}
			rep, err := score.Files(loghub2k.Name, data, files)
			if err != nil {
				t.Fatal(err)
			}
			for m, least := range tt.least {
				got, _ := rep.Groups[0].Get(m)
				t.Logf("%s %s %.4f", name, m, got)
				if got < least && !tt.exact || tt.exact && math.Abs(got-least) > 0.005 {
					t.Errorf("%s of %s is %.4f, want %.3f", m, name, got, least)
				}
			}
		})
	}
}

// into fills a file once it is closed.
type into struct {
	file *fstest.MapFile
	bytes.Buffer
}

func (w *into) Close() error {
	w.file.Data = w.Bytes()
	return nil
}

func TestOneRowALineInTheOrderOfTheLog(t *testing.T) {
	t.Parallel()
	files := benchtest.Set(t, loghub2k.Name)
	task := loghub2k.Task(bench.HoldfastMiner())
	ids, err := task.Cases(bench.Blind(files))
	if err != nil || len(ids) == 0 {
		t.Fatalf("%d cases: %v", len(ids), err)
	}
	var b bytes.Buffer
	e, err := task.Methods[0].Predict(bench.Blind(files), ids[0], &b)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&b).ReadAll()
	if err != nil || len(rows) != e.Rows+1 || e.Parts == 0 || e.Kept == 0 {
		t.Fatalf("%d rows, effort %+v: %v", len(rows), e, err)
	}
	for i, r := range rows[1:] {
		if _, err := strconv.ParseUint(r[1], 16, 64); err != nil || len(r[1]) != 16 || r[0] != strconv.Itoa(i+1) {
			t.Fatalf("row %d is %q: %v", i+1, r, err)
		}
	}
}

// The lines of all logs of the set, one log after the other, again and again.
func BenchmarkMiner(b *testing.B) {
	data := benchtest.Set(b, loghub2k.Name)
	ids, err := loghub2k.Task().Cases(data)
	if err != nil {
		b.Fatal(err)
	}
	for _, id := range ids {
		rows, err := bench.Columns(data, "logs/"+id+".csv.gz", "raw")
		if err != nil {
			b.Fatal(err)
		}
		b.Run("log="+id, func(b *testing.B) {
			m := template.New(0)
			n := 0
			for b.Loop() {
				m.Add([]byte(rows[n%len(rows)][0]))
				n++
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "lines/s")
		})
	}
}
