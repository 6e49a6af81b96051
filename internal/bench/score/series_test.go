package score_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
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

	"github.com/holdfast-sre/holdfast/internal/bench"
	"github.com/holdfast-sre/holdfast/internal/bench/benchtest"
	"github.com/holdfast-sre/holdfast/internal/bench/score"
)

// The scorer that comes with the data must say the same of scores that are
// alarms, no alarms, equal, missing, and of a series without predictions.
func TestScorerOfTheSeriesAgrees(t *testing.T) {
	t.Parallel()
	root := benchtest.Root(t)
	python := interpreter(t, "numpy", "pandas", "sklearn")
	tests := map[string]func(t *testing.T, rep score.FileReport, out string){
		"nab": func(t *testing.T, rep score.FileReport, out string) {
			all, _ := rep.Group("all")
			for name, profile := range map[string]string{"standard": "standard", "low-FP": "reward_low_FP_rate", "low-FN": "reward_low_FN_rate"} {
				figure(t, all, name, out, profile+` .*score=(-?[0-9.]+)`, 0.005)
			}
		},
		"cloudmon": func(t *testing.T, rep score.FileReport, out string) {
			all, _ := rep.Group("all")
			for name, pattern := range map[string]string{"AUC-PR": `AUC-PR=([0-9.]+)`, "F1": `event F1=([0-9.]+)`, "P": ` P=([0-9.]+)`, "R": ` R=([0-9.]+)`} {
				figure(t, all, name, out, pattern, 0.0005)
			}
			figure(t, all, "false/1000", out, `points=([0-9.]+)`, 0.005)
		},
	}
	for set, compare := range tests {
		t.Run(set, func(t *testing.T) {
			t.Parallel()
			dir, predictions := filepath.Join(root, set), t.TempDir()
			inventScores(t, dir, predictions)
			rep, err := score.Files(set, os.DirFS(dir), os.DirFS(predictions))
			if err != nil {
				t.Fatal(err)
			}
			compare(t, rep, otherScorer(t, python, root, set, dir, predictions, "--threshold", "0.5"))
			swept := otherScorer(t, python, root, set, dir, predictions)
			all, _ := rep.Group("all")
			if set == "nab" {
				figure(t, all, "best", swept, `standard .*score=(-?[0-9.]+)`, 0.005)
			} else {
				figure(t, all, "best-F1", swept, `event F1=([0-9.]+)`, 0.0005)
			}
		})
	}
}

func otherScorer(t *testing.T, python, root string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), python, append([]string{"score.py"}, args...)...)
	cmd.Dir = filepath.Join(root, "tools")
	cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(cmd.Args, " "), err, out)
	}
	return string(out)
}

// figure compares a measure with what the other scorer printed.
func figure(t *testing.T, g score.Group, name, out, pattern string, rounding float64) {
	t.Helper()
	m := regexp.MustCompile(`(?m)` + pattern).FindStringSubmatch(out)
	if m == nil {
		t.Fatalf("%s is not in %q", pattern, out)
	}
	want, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := g.Get(name); !ok || math.Abs(got-want) > rounding+1e-9 {
		t.Errorf("%s is %.4f here and %s there", name, got, m[1])
	}
}

// inventScores writes scores that know nothing, and now and then nothing.
func inventScores(t *testing.T, dir, to string) {
	t.Helper()
	r := rand.New(rand.NewPCG(11, 12))
	for n, c := range records(t, os.DirFS(dir), "cases.csv") {
		rows, err := bench.Columns(os.DirFS(dir), "data/"+c["file"]+".gz", "timestamp")
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		b.WriteString("timestamp,anomaly_score\n")
		for _, row := range rows {
			s := fmt.Sprint(math.Round(100*r.Float64()*r.Float64()) / 200)
			switch r.IntN(150) {
			case 0:
				s = fmt.Sprint(0.5 + r.Float64()/2)
			case 1:
				s = "0.5"
			case 2:
				s = ""
			}
			if n%7 == 0 {
				s = "0"
			}
			fmt.Fprintf(&b, "%s,%s\n", row[0], s)
		}
		path := filepath.Join(to, c["file"])
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestMistakesInScoresAreTold(t *testing.T) {
	t.Parallel()
	data := fstest.MapFS{
		"cases.csv":       {Data: []byte("file,rows\nx/a.csv,2\n")},
		"windows.json":    {Data: []byte(`{"x/a.csv": []}`)},
		"data/x/a.csv.gz": {Data: zipped(t, "timestamp,value\n2026-01-01 00:00:00,1\n2026-01-01 00:05:00,2\n")},
	}
	tests := map[string]struct{ file, want string }{
		"a row is missing": {"timestamp,anomaly_score\n2026-01-01 00:00:00,0.1\n", "1 scores for 2 points"},
		"no number":        {"timestamp,anomaly_score\na,0.1\nb,high\n", `x/a.csv:3: anomaly_score is "high"`},
		"no such column":   {"timestamp,score\na,0.1\nb,0.2\n", `no column "anomaly_score"`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := score.Files("nab", data, fstest.MapFS{"x/a.csv": {Data: []byte(tt.file)}})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q in it", err, tt.want)
			}
		})
	}
	if rep, err := score.Files("nab", data, fstest.MapFS{}); err != nil || rep.Cases != 1 {
		t.Errorf("without a prediction: %+v, %v", rep, err)
	}
}

func zipped(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
