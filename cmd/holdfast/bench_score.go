package main

import (
	"fmt"
	"io/fs"
	"os"
	"strconv"

	"github.com/holdfast-sre/holdfast/internal/bench"
	"github.com/holdfast-sre/holdfast/internal/bench/score"
)

type benchScoreCmd struct {
	output
	Set    string `arg:"" help:"Name of the set."`
	Data   string `required:"" placeholder:"DIR" help:"The set's own folder, with labels.csv in it."`
	Pred   string `required:"" placeholder:"PATH" help:"Prediction file or folder of any system."`
	Misses bool   `help:"Also list the cases whose first answer is wrong."`
}

// Help is shown by holdfast bench score --help.
func (benchScoreCmd) Help() string {
	return `Scores predictions, those of Holdfast or of any system that writes the same
format. A case without a prediction is a miss. The same file and labels always
print the same.

Examples:
  holdfast bench score petshop --data bench/petshop --pred petshop.jsonl
  holdfast bench score cloudops --data bench/cloudops --pred agent.jsonl -o markdown`
}

// Run prints the measures by group and what the probabilities were worth.
func (c *benchScoreCmd) Run(e *env) error {
	if t, ok := findTask(c.Set); ok {
		return c.task(e, t)
	}
	_, data, err := benchSet(c.Set, c.Data)
	if err != nil {
		return err
	}
	predictions, err := readPredictions(data, c.Pred)
	if err != nil {
		return usage(err)
	}
	rep, err := score.Score(c.Set, data, predictions)
	if err != nil {
		return usage(err)
	}
	return c.report(e, rep, func(p *page) {
		p.score(rep)
		if c.Misses {
			p.misses(rep)
		}
	})
}

func readPredictions(data fs.FS, path string) (map[string]bench.Prediction, error) {
	known, err := score.Cases(data)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("--pred: %w", err)
	}
	defer func() { _ = f.Close() }()
	return bench.ReadPredictions(f, path, known)
}

func (p *page) score(rep score.Report) {
	if len(rep.Groups) == 0 {
		p.line("%s has no cases", rep.Set)
		return
	}
	p.line("%s: %s, %d with an answer", rep.Set, plural(rep.Cases, "case"), rep.Answered)
	p.line("")
	head := []string{"GROUP", "CASES"}
	for _, m := range rep.Groups[0].Measures {
		head = append(head, m.Name)
	}
	rows := [][]string{head}
	for _, g := range rep.Groups {
		row := []string{g.Name, strconv.Itoa(g.Cases)}
		for _, m := range g.Measures {
			row = append(row, written(m))
		}
		rows = append(rows, row)
	}
	p.table(rows)
	p.line("")
	p.verdicts(rep.Calibration)
}

func (p *page) misses(rep score.Report) {
	if len(rep.Misses) == 0 {
		return
	}
	rows := [][]string{{"CASE", "PROBABILITY", "TRUTH", "SAID"}}
	for _, m := range rep.Misses {
		rows = append(rows, []string{m.Case, decimals(m.Probability), m.Truth, m.Said})
	}
	p.heading("First answers that are wrong")
	p.table(rows)
}
