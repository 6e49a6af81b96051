package bench_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/bench"
	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
)

// tiny is a set of three cases; "broken" can't be read and "fatal" panics.
func tiny(ids ...string) bench.Set {
	return bench.Set{
		Name:  "tiny",
		Cases: func(fs.FS) ([]string, error) { return ids, nil },
		Load: func(data fs.FS, id string) (diagnose.Input, error) {
			if id == "broken" {
				return diagnose.Input{}, errors.New("cases/broken.json:3:1: the object ends early")
			}
			if _, err := fs.ReadFile(data, "cases/"+id); err != nil {
				return diagnose.Input{}, fmt.Errorf("read: %w", err)
			}
			cat, err := catalog.New([]catalog.Service{{Name: id, Owner: "o", Tier: 1}}, nil)
			return diagnose.Input{Catalog: cat, Affected: []string{id}}, err
		},
		Answer: func(in diagnose.Input, _ diagnose.Diagnosis) bench.Prediction {
			if in.Affected[0] == "fatal" {
				panic("no such component")
			}
			return bench.Prediction{Ranking: in.Affected, Probability: 0.5}
		},
	}
}

func files(names ...string) fstest.MapFS {
	out := fstest.MapFS{}
	for _, n := range names {
		out[n] = &fstest.MapFile{Data: []byte("x")}
	}
	return out
}

func engine() *diagnose.Engine { return diagnose.New(diagnose.DefaultWeights()) }

func TestPredictKeepsTheOrderOfTheCases(t *testing.T) {
	t.Parallel()
	ids := []string{"c", "a", "b", "e", "d"}
	data := files("cases/a", "cases/b", "cases/c", "cases/d", "cases/e")
	seen := []int{}
	run, err := bench.Predict(t.Context(), tiny(ids...), data, bench.Options{
		Engine: engine(), Jobs: 3, Done: func(done, total int) { seen = append(seen, done, total) },
	})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range run.Predictions {
		got = append(got, p.CaseID, p.Ranking[0])
	}
	if diff := cmp.Diff([]string{"c", "c", "a", "a", "b", "b", "e", "e", "d", "d"}, got); diff != "" {
		t.Errorf("predictions (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]int{1, 5, 2, 5, 3, 5, 4, 5, 5, 5}, seen); diff != "" {
		t.Errorf("progress (-want +got):\n%s", diff)
	}
}

func TestPredictTellsACaseThatFailsAndKeepsTheOthers(t *testing.T) {
	t.Parallel()
	run, err := bench.Predict(t.Context(), tiny("a", "broken", "fatal"), files("cases/a", "cases/fatal"), bench.Options{Engine: engine()})
	for _, want := range []string{"case broken: cases/broken.json:3:1", "case fatal: panic: no such component"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want it to contain %q", err, want)
		}
	}
	want := []bench.Prediction{{CaseID: "a", Ranking: []string{"a"}, Probability: 0.5}, {CaseID: "broken"}, {CaseID: "fatal"}}
	if diff := cmp.Diff(want, run.Predictions); diff != "" {
		t.Errorf("predictions (-want +got):\n%s", diff)
	}
}

func TestPredictStopsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := bench.Predict(ctx, tiny("a"), files("cases/a"), bench.Options{Engine: engine()}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that of the context", err)
	}
}

func TestBlindHidesTheTruth(t *testing.T) {
	t.Parallel()
	hidden := []string{"labels.csv", "truth/a.json", "published.csv", "README.md", "windows.json", "cases/a/Labels.CSV", "answers.csv", "judge/a.json", "."}
	data := bench.Blind(files(append(hidden, "cases.csv", "cases/truthful.json")...))
	for _, n := range hidden {
		if _, err := fs.ReadFile(data, n); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("%s: error %v, want that it must not be read", n, err)
		}
	}
	for _, n := range []string{"cases.csv", "cases/truthful.json"} {
		if _, err := fs.ReadFile(data, n); err != nil {
			t.Errorf("%s: %v", n, err)
		}
	}
	sub, err := fs.Sub(data, "truth")
	if err == nil {
		_, err = fs.ReadFile(sub, "a.json")
	}
	if !errors.Is(err, fs.ErrPermission) {
		t.Errorf("below truth/: error %v, want that it must not be read", err)
	}
}

func TestPredictionsSurviveTheFile(t *testing.T) {
	t.Parallel()
	want := []bench.Prediction{
		{CaseID: "a", Ranking: []string{"x<y>", "z"}, Probability: 0.87},
		{CaseID: "b", Predictions: []bench.ObjectCause{{FaultObject: "app/x", RootCause: "y"}}},
		{CaseID: "c", Category: "healthy", Report: "line\nline"},
	}
	var b bytes.Buffer
	if err := bench.WritePredictions(&b, want); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), `"x<y>"`) {
		t.Errorf("names are escaped: %s", b.String())
	}
	got, err := bench.ReadPredictions(&b, "p.jsonl", []string{"a", "b", "c"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]bench.Prediction{"a": want[0], "b": want[1], "c": want[2]}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestReadPredictionsSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ in, want string }{
		"truncated":  {`{"case_id":"case-1","rank`, "p.jsonl:1: the JSON object ends early"},
		"no object":  {"\n[1]", "p.jsonl:2: not a prediction"},
		"more":       {`{"case_id":"case-1"} {"case_id":"case-2"}`, "p.jsonl:1: text after the JSON object"},
		"no case":    {`{"ranking":[]}`, `p.jsonl:1: no "case_id"`},
		"twice":      {"{\"case_id\":\"case-1\"}\n{\"case_id\":\"case-1\"}", `p.jsonl:2: case "case-1" is predicted twice`},
		"unknown":    {`{"case_id":"case-3"}`, `p.jsonl:1: unknown case "case-3"`},
		"impossible": {`{"case_id":"case-1","probability":1.2}`, "p.jsonl:1: probability is 1.2"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := bench.ReadPredictions(strings.NewReader(tt.in), "p.jsonl", []string{"case-1", "case-2"})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want it to contain %q", err, tt.want)
			}
		})
	}
}

// Other systems write keys of their own.
func TestReadPredictionsLeavesUnknownKeysAlone(t *testing.T) {
	t.Parallel()
	got, err := bench.ReadPredictions(strings.NewReader(`{"case_id":"a","ranking":["x"],"tokens":812}`+"\n\n"), "p", []string{"a"})
	if err != nil || len(got) != 1 {
		t.Errorf("got %v, %v; want one prediction", got, err)
	}
}

func FuzzReadPredictions(f *testing.F) {
	f.Add(`{"case_id":"a","ranking":["x"],"probability":0.5}`)
	f.Add("{\"case_id\":\"a\"}\n{\"case_id\":\"a\"}")
	f.Add(`{"case_id":"a","probability":1e999}`)
	f.Add(`{"case_id":`)
	f.Fuzz(func(t *testing.T, text string) {
		got, err := bench.ReadPredictions(strings.NewReader(text), "p", []string{"a", "b"})
		for id, p := range got {
			if id != p.CaseID || id != "a" && id != "b" || !(p.Probability >= 0 && p.Probability <= 1) {
				t.Errorf("read %+v as %q (error %v)", p, id, err)
			}
		}
	})
}
