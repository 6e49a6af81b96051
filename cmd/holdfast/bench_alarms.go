package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/holdfast-sre/holdfast/internal/bench"
	"github.com/holdfast-sre/holdfast/internal/bench/faultfree"
	"github.com/holdfast-sre/holdfast/internal/bench/nezha"
	"github.com/holdfast-sre/holdfast/internal/bench/petshop"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
)

type benchAlarmsCmd struct {
	output
	Data  string `placeholder:"ROOT" help:"Folder with a folder for each set, for their windows of normal operation."`
	Seed  uint64 `default:"1" help:"What the made-up systems follow from. Learning uses 20261122, with which the figure would flatter."`
	Cases int    `default:"1000" help:"How many systems are made up."`
}

// Help is shown by holdfast bench alarms --help.
func (benchAlarmsCmd) Help() string {
	return `Diagnoses systems in which nothing is wrong and counts how often a cause or a
component is blamed with a probability of .5 or more: each is somebody woken for
nothing. The systems are made up, the same for the same seed; weights and
calibration were learnt from systems of another one. With --data also the windows
of normal operation that come with the PetShop and Nezha sets: these were learnt
from.

Examples:
  holdfast bench alarms
  holdfast bench alarms --seed 7 --cases 200
  holdfast bench alarms --data bench -o markdown`
}

// alarms is what happened on the cases of one source.
type alarms struct {
	Source  string  `json:"source"`
	Cases   int     `json:"cases"`
	Alarmed int     `json:"alarmed"`
	Share   float64 `json:"share"`
	Highest float64 `json:"highest"`        // of the probabilities of what is blamed
	Seed    uint64  `json:"seed,omitempty"` // of made-up systems
}

// Run counts the alarms.
func (c *benchAlarmsCmd) Run(e *env) error {
	if c.Cases < 1 {
		return usage(fmt.Errorf("--cases is %d: use 1 or more", c.Cases))
	}
	// The made-up systems read no data.
	row, err := countAlarms(e, "made-up systems", faultfree.Set(c.Seed, c.Cases), os.DirFS(os.DevNull))
	if err != nil {
		return err
	}
	row.Seed = c.Seed
	rows := []alarms{row}
	for _, w := range []struct {
		folder string
		set    bench.Set
	}{{"petshop", petshop.Calm()}, {nezha.Name, nezha.Calm()}} {
		if c.Data == "" {
			break
		}
		data, err := openData(w.folder, filepath.Join(c.Data, w.folder))
		if err != nil {
			return err
		}
		row, err := countAlarms(e, w.set.Name, w.set, data)
		if err != nil {
			return err
		}
		rows = append(rows, row)
	}
	return c.report(e, rows, func(p *page) { p.alarms(rows) })
}

// countAlarms runs the engine on cases in which nothing is wrong.
func countAlarms(e *env, name string, set bench.Set, data fs.FS) (alarms, error) {
	set.Answer = func(_ diagnose.Input, d diagnose.Diagnosis) bench.Prediction {
		p := bench.Prediction{Probability: d.Blames()}
		if faultfree.Alarmed(d) {
			p.Category = "alarm"
		}
		return p
	}
	bar := newProgress(e, name)
	run, err := bench.Predict(e.ctx, set, data, bench.Options{Engine: benchEngine(), Done: bar.step})
	bar.end()
	if err != nil {
		return alarms{}, err
	}
	out := alarms{Source: name, Cases: len(run.Predictions)}
	for _, p := range run.Predictions {
		out.Highest = max(out.Highest, p.Probability)
		if p.Category != "" {
			out.Alarmed++
		}
	}
	out.Share = float64(out.Alarmed) / float64(max(out.Cases, 1))
	return out, nil
}

func (p *page) alarms(all []alarms) {
	rows := [][]string{{"NOTHING IS WRONG IN", "CASES", "ALARMED", "SHARE", "HIGHEST PROBABILITY"}}
	for _, a := range all {
		rows = append(rows, []string{a.Source, strconv.Itoa(a.Cases), strconv.Itoa(a.Alarmed), decimals(a.Share), decimals(a.Highest)})
	}
	p.table(rows)
}
