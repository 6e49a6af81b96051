package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/holdfast-sre/holdfast/internal/bench"
	"github.com/holdfast-sre/holdfast/internal/bench/score"
	"github.com/holdfast-sre/holdfast/internal/diagnose/calibration"
)

type benchCalibrateCmd struct {
	output
	Sets     []string `arg:"" optional:"" help:"Names of the sets; all that are in the folder when left out."`
	Data     string   `required:"" placeholder:"ROOT" help:"Folder with a folder for each set."`
	HeldBack bool     `help:"Learn again by folds and show the answers of weights and curves that never saw the case; takes every set."`
	SVG      string   `name:"svg" placeholder:"FILE" help:"Also write the reliability chart of all sets together."`
}

// Help is shown by holdfast bench calibrate --help.
func (benchCalibrateCmd) Help() string {
	return `Compares the probabilities of the verdicts with how often they are right: by bin
with Wilson intervals, Brier score and its skill over the base rate,
Spiegelhalter's test of calibration, and for thresholds the coverage and the
precision above them with its one-sided 95 % lower bound. The sets are shown one
by one and pooled. On data that the engine was fitted on this flatters: go by
data that were kept apart or, on the same data, by --held-back.

Examples:
  holdfast bench calibrate --data bench
  holdfast bench calibrate --data bench --held-back
  holdfast bench calibrate petshop nezha --data bench --svg reliability.svg -o markdown`
}

// calibrated is what bench calibrate prints.
type calibrated struct {
	HeldBack bool                          `json:"held_back"`
	Pooled   calibration.Report            `json:"pooled"`
	Sets     map[string]calibration.Report `json:"sets"`
	order    []string
}

// Run prints the reliability of the sets and of all together.
func (c *benchCalibrateCmd) Run(e *env) error {
	names, err := c.names()
	if err != nil {
		return err
	}
	claims, err := c.claims(e, names)
	if err != nil {
		return err
	}
	out := calibrated{HeldBack: c.HeldBack, Sets: map[string]calibration.Report{}, order: names}
	var all []calibration.Prediction
	for _, name := range names {
		out.Sets[name] = calibration.Measure(claims[name])
		all = append(all, claims[name]...)
	}
	out.Pooled = calibration.Measure(all)
	if c.SVG != "" {
		if err := os.WriteFile(c.SVG, out.Pooled.SVG("Claimed and observed"), 0o644); err != nil { //nolint:gosec // a chart for everybody
			return usage(fmt.Errorf("--svg: %w", err))
		}
	}
	return c.report(e, out, func(p *page) { p.calibrated(out) })
}

// names are the sets that were asked for, or those that are there.
func (c *benchCalibrateCmd) names() ([]string, error) {
	for _, n := range c.Sets {
		if _, err := findSet(n); err != nil {
			return nil, err
		}
	}
	if len(c.Sets) > 0 {
		return c.Sets, nil
	}
	var out []string
	for _, n := range setNames() {
		if _, err := os.Stat(filepath.Join(c.Data, n, caseList)); err == nil {
			out = append(out, n)
		}
	}
	if len(out) == 0 {
		return nil, usage(fmt.Errorf("%s: no set in it", c.Data))
	}
	return out, nil
}

// claims are the probabilities with what came true, by set.
func (c *benchCalibrateCmd) claims(e *env, names []string) (map[string][]calibration.Prediction, error) {
	out := map[string][]calibration.Prediction{}
	if !c.HeldBack {
		for _, name := range names {
			claims, err := claimsOf(e, name, filepath.Join(c.Data, name))
			if err != nil {
				return nil, err
			}
			out[name] = claims
		}
		return out, nil
	}
	learnt, err := learn(e, c.Data)
	if err != nil {
		return nil, err
	}
	for _, l := range learnt.Claims {
		out[l.Set] = append(out[l.Set], calibration.Prediction{Probability: l.Probability, Right: l.Right})
	}
	return out, nil
}

// claimsOf runs the engine on a set.
func claimsOf(e *env, name, dir string) ([]calibration.Prediction, error) {
	set, data, err := benchSet(name, dir)
	if err != nil {
		return nil, err
	}
	bar := newProgress(e, name)
	run, err := bench.Predict(e.ctx, set, data, bench.Options{Engine: benchEngine(), Done: bar.step})
	bar.end()
	if err != nil {
		return nil, err
	}
	byCase := map[string]bench.Prediction{}
	for _, p := range run.Predictions {
		byCase[p.CaseID] = p
	}
	rep, err := score.Score(name, data, byCase)
	if err != nil {
		return nil, usage(err)
	}
	return rep.Claims, nil
}

func (p *page) calibrated(c calibrated) {
	if c.HeldBack {
		p.line("Answers to held-back cases: weights and curve never saw the case.\n")
	}
	rows := [][]string{{"SET", "CASES", "RIGHT", "MEAN CLAIM", "BRIER", "SKILL", "TEST P", "ECE", "P >= .95", "OF THEM RIGHT"}}
	add := func(name string, r calibration.Report) {
		sure := atLeast(r, sureFrom)
		rows = append(rows, []string{
			name, strconv.Itoa(r.N), decimals(r.Base), decimals(r.Mean), decimals(r.Brier), decimals(r.Skill),
			decimals(r.P), decimals(r.ECE), strconv.Itoa(sure.N), strconv.Itoa(sure.Right),
		})
	}
	for _, n := range c.order {
		add(n, c.Sets[n])
	}
	add("all", c.Pooled)
	p.table(rows)
	p.heading("Reliability, all sets")
	p.reliability(c.Pooled)
	p.heading("Verdicts above a threshold, all sets")
	p.thresholds(c.Pooled)
}

// sureFrom is the probability of a verdict that calls itself sure.
const sureFrom = 0.95

func atLeast(r calibration.Report, threshold float64) calibration.Above {
	for _, a := range r.Above {
		if a.Threshold == threshold {
			return a
		}
	}
	return calibration.Above{}
}

// verdicts says in a few lines what probabilities were worth.
func (p *page) verdicts(r calibration.Report) {
	p.line("Probabilities: Brier %s, skill %s over the base rate %s; test of calibration p = %s",
		decimals(r.Brier), decimals(r.Skill), decimals(r.Base), decimals(r.P))
	sure := atLeast(r, sureFrom)
	if sure.N == 0 {
		p.line("No verdict has a probability of .95 or more.")
		return
	}
	p.line("With .95 or more: %d of %d right, coverage %s, precision at least %s (one-sided 95 %%)",
		sure.Right, sure.N, decimals(sure.Coverage), decimals(sure.Bound))
}

func (p *page) reliability(r calibration.Report) {
	rows := [][]string{{"CLAIMED", "VERDICTS", "MEAN CLAIM", "RIGHT", "95 % INTERVAL"}}
	for _, b := range r.Bins {
		row := []string{decimals(b.From) + " to " + decimals(min(b.To, 1)), strconv.Itoa(b.N), "-", "-", "-"}
		if b.N > 0 {
			row[2], row[3] = decimals(b.Claimed), decimals(b.Right)
			row[4] = decimals(b.Range.Low) + " to " + decimals(b.Range.High)
		}
		rows = append(rows, row)
	}
	p.table(rows)
}

func (p *page) thresholds(r calibration.Report) {
	rows := [][]string{{"THRESHOLD", "VERDICTS", "COVERAGE", "RIGHT", "PRECISION", "AT LEAST (95 %)"}}
	for _, a := range r.Above {
		row := []string{decimals(a.Threshold), strconv.Itoa(a.N), decimals(a.Coverage), strconv.Itoa(a.Right), "-", "-"}
		if a.N > 0 {
			row[4], row[5] = decimals(a.Precision), decimals(a.Bound)
		}
		rows = append(rows, row)
	}
	p.table(rows)
}
