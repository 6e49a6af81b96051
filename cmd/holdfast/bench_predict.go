package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"github.com/holdfast-sre/holdfast/internal/bench"
	"github.com/holdfast-sre/holdfast/internal/problem"
)

type benchPredictCmd struct {
	output
	Set  string `arg:"" help:"Name of the set."`
	Data string `required:"" placeholder:"DIR" help:"The set's own folder."`
	Out  string `required:"" placeholder:"PATH" help:"File to write, one JSON object a case; for series and logs a folder, one file a case."`
	Jobs int    `placeholder:"N" help:"Cases at once; as many as there are cores when left out."`
}

// Help is shown by holdfast bench predict --help.
func (benchPredictCmd) Help() string {
	return `Runs the engine on every case and writes one line of JSON a case, with the
probability that the first answer is right. Labels, truth, published figures and
READMEs are out of its reach. A case that can't be read is predicted as unknown,
told at the end, and makes the exit code 1.

Examples:
  holdfast bench predict petshop --data bench/petshop --out petshop.jsonl
  holdfast bench predict nezha --data bench/nezha --out nezha.jsonl --jobs 1 -o json`
}

// predictReport is what bench predict prints.
type predictReport struct {
	Set      string `json:"set"`
	Cases    int    `json:"cases"`
	Answered int    `json:"answered"` // with a probability above 0
	Jobs     int    `json:"jobs"`
	Out      string `json:"out"`
	Time     timing `json:"time"`
}

// Run writes the predictions and prints how long they took.
func (c *benchPredictCmd) Run(e *env) error {
	if c.Jobs < 0 {
		return usage(problem.Hinted(fmt.Errorf("--jobs %d is not a number of cases", c.Jobs), "leave it out for as many as there are cores"))
	}
	if t, ok := findTask(c.Set); ok {
		return c.task(e, t)
	}
	set, data, err := benchSet(c.Set, c.Data)
	if err != nil {
		return err
	}
	out, err := os.Create(c.Out)
	if err != nil {
		return usage(fmt.Errorf("--out: %w", err))
	}
	bar := newProgress(e, set.Name)
	collectRarely(e)
	run, failed := bench.Predict(e.ctx, set, data, bench.Options{Engine: benchEngine(), Jobs: c.Jobs, Done: bar.step})
	bar.end()
	if err := errors.Join(bench.WritePredictions(out, run.Predictions), out.Close()); err != nil {
		return errors.Join(err, failed)
	}
	if len(run.Predictions) == 0 {
		return failed
	}
	rep := predictReport{
		Set: set.Name, Cases: len(run.Predictions), Jobs: c.Jobs, Out: c.Out, Time: timingOf(run.Times),
	}
	if rep.Jobs == 0 {
		rep.Jobs = runtime.GOMAXPROCS(0)
	}
	for _, p := range run.Predictions {
		if p.Probability > 0 {
			rep.Answered++
		}
	}
	return errors.Join(c.report(e, rep, func(p *page) {
		p.line("%s of %s predicted, %d with an answer, into %s", plural(rep.Cases, "case"), rep.Set, rep.Answered, rep.Out)
		p.line("")
		p.table(rep.Time.rows(rep.Jobs))
	}), failed)
}
