package score_test

import (
	"bytes"
	"encoding/csv"
	"io/fs"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/holdfast-sre/holdfast/internal/bench"
	"github.com/holdfast-sre/holdfast/internal/bench/benchtest"
	"github.com/holdfast-sre/holdfast/internal/bench/score"
)

// The scorer that comes with the prepared data must say the same, figure by
// figure, on predictions that are right, wrong, incomplete and odd.
func TestScorerOfTheDataAgrees(t *testing.T) {
	t.Parallel()
	root := benchtest.Root(t)
	python := interpreter(t, "numpy", "pandas")
	for _, set := range score.Sets() {
		t.Run(set, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(root, set)
			predictions := invent(t, set, os.DirFS(dir))
			path := filepath.Join(t.TempDir(), "predictions.jsonl")
			var b bytes.Buffer
			if err := bench.WritePredictions(&b, predictions); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
			rep, err := score.Score(set, os.DirFS(dir), predicted(predictions...))
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), python, "score.py", set, dir, path)
			cmd.Dir = filepath.Join(root, "tools")
			cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("%s: %v", strings.Join(cmd.Args, " "), err)
			}
			agree(t, rep, string(out))
		})
	}
}

// agree compares every figure of every line of the other scorer.
func agree(t *testing.T, rep score.Report, out string) {
	t.Helper()
	figure := regexp.MustCompile(`([A-Za-z@0-9 ]+?)= *([0-9.]+)(?:/([0-9]+))?`)
	compared := 0
	for line := range strings.Lines(out) {
		first := regexp.MustCompile(`n= *\d+`).FindStringIndex(line)
		if first == nil {
			t.Fatalf("no count in %q", line)
		}
		name := strings.Fields(line[:first[0]] + " all")[0]
		g, ok := rep.Group(name)
		if !ok {
			t.Fatalf("no group %q in %+v", name, rep.Groups)
		}
		for _, m := range figure.FindAllStringSubmatch(line[first[0]:], -1) {
			want, err := strconv.ParseFloat(m[2], 64)
			if err != nil {
				t.Fatal(err)
			}
			key := strings.TrimSuffix(strings.TrimSpace(m[1]), " on healthy")
			got, ok := g.Get(key)
			if key == "n" {
				got, ok = float64(g.Cases), true
			}
			if !ok || math.Abs(got-want) > 0.0005+1e-9 {
				t.Errorf("%s of %s is %.4f here and %s there", key, name, got, m[2])
			}
			compared++
		}
	}
	if compared < 4 {
		t.Errorf("%d figures compared in %q, want more", compared, out)
	}
}

// invent makes predictions from the labels: a fifth right, others with the
// truth further down, twice, in other letters, or not at all.
func invent(t *testing.T, set string, data fs.FS) []bench.Prediction {
	t.Helper()
	labels := records(t, data, "labels.csv")
	r := rand.New(rand.NewPCG(7, uint64(len(labels))))
	column := func(name string) []string {
		seen := map[string]bool{}
		for _, l := range labels {
			seen[l[name]] = true
		}
		return slices.Sorted(maps.Keys(seen))
	}
	any := func(xs []string) string { return xs[r.IntN(len(xs))] }
	var out []bench.Prediction
	for _, l := range labels {
		p := bench.Prediction{CaseID: l["case_id"], Probability: r.Float64()}
		switch set {
		case "petshop", "nezha":
			truth := map[string]string{"petshop": "root_node", "nezha": "root_service"}[set]
			for range r.IntN(8) {
				p.Ranking = append(p.Ranking, any(column(truth)))
			}
			if r.IntN(2) == 0 {
				p.Ranking = slices.Insert(p.Ranking, r.IntN(len(p.Ranking)+1), l[truth])
			}
		case "cloudops":
			for range r.IntN(5) {
				pair := bench.ObjectCause{FaultObject: any(column("fault_object")), RootCause: any(column("root_cause"))}
				if r.IntN(2) == 0 {
					pair.FaultObject = " " + strings.ToUpper(l["fault_object"])
				}
				if r.IntN(2) == 0 {
					pair.RootCause = l["root_cause"] + "  "
				}
				p.Predictions = append(p.Predictions, pair)
			}
		default:
			p.Category = any(column("root_cause_category"))
			if r.IntN(4) > 0 {
				p.Category = strings.ToUpper(l["root_cause_category"])
			}
			p.Report = strings.ReplaceAll(l["required_keywords"]+" "+l["ruling_out_keywords"], "|", ", ")
			if r.IntN(3) == 0 {
				p.Report += strings.ReplaceAll(l["forbidden_keywords"], "|", " ")
			}
		}
		if r.IntN(10) > 0 {
			out = append(out, p)
		}
	}
	return out
}

func records(t *testing.T, data fs.FS, name string) []map[string]string {
	t.Helper()
	f, err := data.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var out []map[string]string
	for _, cells := range rows[1:] {
		of := map[string]string{}
		for i, h := range rows[0] {
			of[h] = cells[i]
		}
		out = append(out, of)
	}
	return out
}

// interpreter is a Python with what the scorer of the data imports. Debian's
// packages belong to Debian's interpreter, whatever else is in PATH.
func interpreter(t *testing.T, modules ...string) string {
	t.Helper()
	for _, python := range []string{"/usr/bin/python3", "python3"} {
		if exec.CommandContext(t.Context(), python, "-c", "import "+strings.Join(modules, ", ")).Run() == nil {
			return python
		}
	}
	why := "no Python with " + strings.Join(modules, ", ") + ": scripts/deps.sh installs them"
	if os.Getenv("CI") == "true" {
		t.Fatal(why)
	}
	t.Skip(why)
	return ""
}
