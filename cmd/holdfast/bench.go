package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/bench"
	"github.com/holdfast-sre/holdfast/internal/bench/cloudops"
	"github.com/holdfast-sre/holdfast/internal/bench/nezha"
	"github.com/holdfast-sre/holdfast/internal/bench/opensre"
	"github.com/holdfast-sre/holdfast/internal/bench/petshop"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/problem"
)

// benchCmd measures the diagnosis on public data.
type benchCmd struct {
	Predict   benchPredictCmd   `cmd:"" help:"Diagnose every case of a set and write the predictions."`
	Score     benchScoreCmd     `cmd:"" help:"Score a prediction file against the labels."`
	Compare   benchCompareCmd   `cmd:"" help:"Run the engine and published methods side by side."`
	Calibrate benchCalibrateCmd `cmd:"" help:"Show what the probabilities are worth."`
	Alarms    benchAlarmsCmd    `cmd:"" help:"Count false alarms on systems in which nothing is wrong."`
	Speed     benchSpeedCmd     `cmd:"" help:"Measure what the detector and the log miner cost."`
	Fit       benchFitCmd       `cmd:"" help:"Learn weights and calibration from the labels."`
}

// Help is shown by holdfast bench --help.
func (benchCmd) Help() string {
	return `Measures the diagnosis on prepared public data (docs/accuracy.md): the engine is
the one that investigates in production, and no language model takes part.
Prediction never opens labels. Sets: ` + strings.Join(allNames(), ", ") + `.

Examples:
  holdfast bench predict petshop --data bench/petshop --out petshop.jsonl
  holdfast bench score petshop --data bench/petshop --pred petshop.jsonl
  holdfast bench compare petshop --data bench/petshop -o markdown
  holdfast bench calibrate --data bench --svg reliability.svg`
}

// benchSets are the benchmarks, each with its adapter.
func benchSets() []bench.Set {
	shop, nz := petshop.Set(), nezha.Set()
	shop.Panel, nz.Panel = petshop.Panel, nezha.Panel
	return []bench.Set{shop, nz, cloudops.Set(), opensre.Set()}
}

func setNames() []string {
	var names []string
	for _, s := range benchSets() {
		names = append(names, s.Name)
	}
	return names
}

// allNames are the names of all benchmarks.
func allNames() []string { return append(setNames(), taskNames()...) }

// findSet returns a set by name.
func findSet(name string) (bench.Set, error) {
	for _, s := range benchSets() {
		if s.Name == name {
			return s, nil
		}
	}
	hint := "known sets: " + strings.Join(allNames(), ", ")
	if near := problem.Nearest(name, allNames()); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	return bench.Set{}, usage(problem.Hinted(fmt.Errorf("unknown set %q", name), hint))
}

// caseList is the file that every set has.
const caseList = "cases.csv"

// openData returns the folder of a set.
func openData(set, dir string) (fs.FS, error) {
	if _, err := os.Stat(filepath.Join(dir, caseList)); err == nil {
		return os.DirFS(dir), nil
	}
	hint := "--data is the set's own folder, with " + caseList + " in it"
	if _, err := os.Stat(filepath.Join(dir, set, caseList)); err == nil {
		hint = "did you mean --data " + filepath.Join(dir, set) + "?"
	}
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil, usage(problem.Hinted(fmt.Errorf("%s: no such folder", dir), hint))
	}
	return nil, usage(problem.Hinted(fmt.Errorf("%s: no %s in it", dir, caseList), hint))
}

// benchSet opens a set and its folder.
func benchSet(name, dir string) (bench.Set, fs.FS, error) {
	set, err := findSet(name)
	if err != nil {
		return bench.Set{}, nil, err
	}
	data, err := openData(name, dir)
	return set, data, err
}

// benchEngine is the engine as production runs it.
func benchEngine() *diagnose.Engine { return diagnose.Default() }

// collectRarely lets garbage grow to four times what is kept, unless GOGC says
// otherwise. A case leaves 20 MB behind and keeps 4 MB: by default memory would
// be collected five times in each. A server keeps more and collects as rarely.
func collectRarely(e *env) {
	if _, set := e.getenv("GOGC"); !set {
		debug.SetGCPercent(400)
	}
}
