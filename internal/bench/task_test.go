package bench_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/bench"
	"github.com/holdfast-sre/holdfast/internal/evidence"
)

func packed(t *testing.T, text string) *fstest.MapFile {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &fstest.MapFile{Data: b.Bytes()}
}

func TestColumns(t *testing.T) {
	t.Parallel()
	data := fstest.MapFS{"data/a.csv.gz": packed(t, "label,value,timestamp\n1,2.5,x\n0,,y\n"), "plain.gz": {Data: []byte("a")}, "empty.csv": {}}
	got, err := bench.Columns(bench.Blind(data), "data/a.csv.gz", "timestamp", "value")
	if diff := cmp.Diff([][]string{{"x", "2.5"}, {"y", ""}}, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	if _, err := bench.Columns(bench.Blind(data), "data/a.csv.gz", "label"); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("the label was read blind: %v", err)
	}
	if got, err := bench.Columns(data, "data/a.csv.gz", "label"); err != nil || len(got) != 2 {
		t.Errorf("the scorer reads %v, %v", got, err)
	}
	for name, want := range map[string]string{"data/a.csv.gz": `no column "colour"`, "plain.gz": "not a gzip file", "empty.csv": "no header", "none.csv": "none.csv"} {
		if _, err := bench.Columns(data, name, "colour"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q in it", name, err, want)
		}
	}
}

// folder keeps what is written.
type folder struct {
	mu sync.Mutex
	of map[string]string
}

type file struct {
	bytes.Buffer
	name string
	to   *folder
}

func (f *folder) create(name string) (io.WriteCloser, error) { return &file{name: name, to: f}, nil }

func (f *file) Close() error {
	f.to.mu.Lock()
	defer f.to.mu.Unlock()
	f.to.of[f.name] = f.String()
	return nil
}

func TestPredictFiles(t *testing.T) {
	t.Parallel()
	data := fstest.MapFS{
		"cases.csv":           {Data: []byte("file,windows\nx/good.csv,1\nx/odd.csv,0\nx/panic.csv,0\n../out.csv,0\n")},
		"data/x/good.csv.gz":  packed(t, "timestamp,value\n2026-01-01 00:00:00,1\n2026-01-01 00:05:00,\n"),
		"data/x/odd.csv.gz":   packed(t, "timestamp,value\nyesterday,1\n"),
		"data/x/panic.csv.gz": packed(t, "timestamp,value\n2026-01-01 00:00:00,13\n"),
	}
	half := bench.Detector{Name: "half", Score: func(points []evidence.Point) ([]float64, int) {
		if points[0].Value == 13 {
			panic("no luck")
		}
		return make([]float64, len(points)), 8
	}}
	task := bench.SeriesTask("made-up", time.DateTime, half)
	out := folder{of: map[string]string{}}
	steps := 0
	efforts, err := bench.PredictFiles(t.Context(), task, task.Methods[0], data, bench.FileOptions{Jobs: 2, Done: func(_, _ int) { steps++ }, Create: out.create})
	want := map[string]string{"x/good.csv": "timestamp,anomaly_score\n2026-01-01 00:00:00,0\n2026-01-01 00:05:00,0\n"}
	if diff := cmp.Diff(want, out.of); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if len(efforts) != 4 || efforts[0].Rows != 2 || efforts[0].Kept != 8 || steps != 4 {
		t.Errorf("efforts %+v after %d steps", efforts, steps)
	}
	for _, part := range []string{"data/x/odd.csv.gz:2", "panic: no luck", `"../out.csv" does not name a file`} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("error %v, want %q in it", err, part)
		}
	}
}
