package main

import (
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
	Data string `placeholder:"ROOT" help:"Folder with a folder for each set, for their windows of normal operation."`
}

// Help is shown by holdfast bench alarms --help.
func (benchAlarmsCmd) Help() string {
	return `Diagnoses systems in which nothing is wrong and counts how often a cause is
named with a probability of .5 or more: each is somebody woken for nothing. The
systems are made up, the same on every run; with --data also the windows of
normal operation that come with the PetShop and Nezha sets.

Examples:
  holdfast bench alarms
  holdfast bench alarms --data bench -o markdown`
}

// alarms is what happened on the cases of one source.
type alarms struct {
	Source  string  `json:"source"`
	Cases   int     `json:"cases"`
	Alarmed int     `json:"alarmed"`
	Share   float64 `json:"share"`
	Highest float64 `json:"highest"` // probability of a cause that was named
}

// Run counts the alarms.
func (c *benchAlarmsCmd) Run(e *env) error {
	// The made-up systems read no data.
	row, err := countAlarms(e, "made-up systems", faultfree.Set(), os.DirFS(os.DevNull))
	if err != nil {
		return err
	}
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
		var p bench.Prediction
		if h, ok := d.Top(); ok && h.CauseClass != diagnose.Healthy {
			p.Probability = h.Probability
		}
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
