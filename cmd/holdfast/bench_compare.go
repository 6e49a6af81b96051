package main

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/bench"
	"github.com/holdfast-sre/holdfast/internal/bench/comparator"
	"github.com/holdfast-sre/holdfast/internal/bench/score"
)

type benchCompareCmd struct {
	output
	Set  string `arg:"" help:"Name of the set."`
	Data string `required:"" placeholder:"DIR" help:"The set's own folder, with labels.csv in it."`
}

// Help is shown by holdfast bench compare --help.
func (benchCompareCmd) Help() string {
	return `Runs the engine, the methods that rank by metrics alone (BARO's scorer, N-sigma,
MAD traversal of the call graph) and the most frequent label in one run, one
case at a time, and prints them beside what others have published, with the time
of a case. A method whose figures differ from those that are known for it by more
than .02 is void, and so is the comparison: exit code 1.

Examples:
  holdfast bench compare petshop --data bench/petshop
  holdfast bench compare nezha --data bench/nezha -o markdown`
}

// comparison is what bench compare prints.
type comparison struct {
	Set   string        `json:"set"`
	Cases int           `json:"cases"`
	Rows  []comparedRow `json:"rows"`
}

// comparedRow is one method.
type comparedRow struct {
	Method string        `json:"method"`
	Kind   string        `json:"kind"` // holdfast | comparator | baseline | measured | published
	Groups []score.Group `json:"groups"`
	Time   *timing       `json:"time,omitempty"`
	Effort *effort       `json:"effort,omitempty"` // of a method that predicts files
	// Check says whether a comparator reproduces what is known about it.
	Check  comparator.Verdict `json:"check,omitempty"`
	Why    string             `json:"why,omitempty"`
	Source string             `json:"source,omitempty"`
}

// Run prints the comparison.
func (c *benchCompareCmd) Run(e *env) error {
	if t, ok := findTask(c.Set); ok {
		return c.task(e, t)
	}
	set, data, err := benchSet(c.Set, c.Data)
	if err != nil {
		return err
	}
	ours, err := compareOurs(e, set, data)
	if err != nil {
		return err
	}
	rows := []comparedRow{ours}
	others, err := compareMethods(e, set, data)
	if err != nil {
		return err
	}
	rows = append(rows, others...)
	base, err := compareMajority(set, data)
	if err != nil {
		return err
	}
	rows = append(rows, base)
	rows = append(rows, known(set.Name, rows)...)
	all := comparison{Set: set.Name, Cases: ours.Groups[0].Cases, Rows: rows}
	if g, ok := groupOf(ours, "all"); ok {
		all.Cases = g.Cases
	}
	return errors.Join(c.report(e, all, func(p *page) { p.comparison(all) }), void(rows))
}

func compareOurs(e *env, set bench.Set, data fs.FS) (comparedRow, error) {
	bar := newProgress(e, "Holdfast")
	defer bar.end()
	collectRarely(e)
	run, err := bench.Predict(e.ctx, set, data, bench.Options{Engine: benchEngine(), Jobs: 1, Done: bar.step})
	if err != nil {
		return comparedRow{}, err
	}
	byCase := map[string]bench.Prediction{}
	for _, p := range run.Predictions {
		byCase[p.CaseID] = p
	}
	row, err := scored(set.Name, data, "Holdfast", "holdfast", byCase)
	row.Time = new(timingOf(run.Times))
	return row, err
}

// scored is a row of the groups that make up the headline.
func scored(set string, data fs.FS, method, kind string, predictions map[string]bench.Prediction) (comparedRow, error) {
	rep, err := score.Score(set, data, predictions)
	if err != nil {
		return comparedRow{}, usage(err)
	}
	row := comparedRow{Method: method, Kind: kind}
	for _, g := range rep.Groups {
		if !strings.Contains(g.Name, "/") {
			row.Groups = append(row.Groups, g)
		}
	}
	if len(row.Groups) == 0 {
		return comparedRow{}, usage(fmt.Errorf("%s has no cases", set))
	}
	return row, nil
}

func compareMethods(e *env, set bench.Set, data fs.FS) ([]comparedRow, error) {
	methods := comparator.Methods(set.Name)
	if set.Panel == nil || len(methods) == 0 {
		return nil, nil
	}
	blind := bench.Blind(data)
	ids, err := set.Cases(blind)
	if err != nil {
		return nil, err
	}
	bar := newProgress(e, "comparators")
	defer bar.end()
	load := func(id string) (bench.Panel, error) { return set.Panel(blind, id) }
	outcomes, err := comparator.Run(e.ctx, methods, ids, load, bar.step)
	if err != nil {
		return nil, err
	}
	var rows []comparedRow
	for _, o := range outcomes {
		row, err := scored(set.Name, data, o.Method, "comparator", o.Predictions)
		if err != nil {
			return nil, err
		}
		row.Time = new(timingOf(o.Times))
		row.check(set.Name)
		rows = append(rows, row)
	}
	return rows, nil
}

// check compares the groups of a comparator with what is known.
func (r *comparedRow) check(set string) {
	r.Check = comparator.NoReference
	for _, g := range r.Groups {
		v, why := comparator.Check(set, r.Method, g.Name, g.Cases, g.Get)
		if v == comparator.Void {
			r.Check, r.Why = v, why
			return
		}
		if v == comparator.Matches {
			r.Check = v
		}
	}
}

func compareMajority(set bench.Set, data fs.FS) (comparedRow, error) {
	always, err := score.Majority(set.Name, data)
	if err != nil {
		return comparedRow{}, usage(err)
	}
	row, err := scored(set.Name, data, "most frequent label", "baseline", always)
	row.Source = "labels of this part, which flatters it"
	return row, err
}

// known lists the references that are not measured here, one row a method; a
// figure of a part only where the part here has as many cases.
func known(set string, rows []comparedRow) []comparedRow {
	var out []comparedRow
	for _, r := range comparator.References(set) {
		here, ok := groupOf(rows[0], r.Group)
		if !ok || has(rows, r.Method) || r.Kind == comparator.Measured && here.Cases != r.Cases {
			continue
		}
		g := score.Group{Name: r.Group, Cases: r.Cases}
		for _, f := range r.Figures {
			g.Measures = append(g.Measures, score.Measure{Name: f.Measure, Value: f.Value, OfHundred: f.OfHundred()})
		}
		if n := len(out); n > 0 && out[n-1].Method == r.Method && out[n-1].Source == r.Source {
			out[n-1].Groups = append(out[n-1].Groups, g)
			continue
		}
		out = append(out, comparedRow{Method: r.Method, Kind: string(r.Kind), Groups: []score.Group{g}, Source: r.Source})
	}
	return out
}

func has(rows []comparedRow, method string) bool {
	for _, r := range rows {
		if r.Method == method {
			return true
		}
	}
	return false
}

func groupOf(r comparedRow, name string) (score.Group, bool) {
	for _, g := range r.Groups {
		if g.Name == name {
			return g, true
		}
	}
	return score.Group{}, false
}

// void is the error of a comparison with a method that does not reproduce its
// figures.
func void(rows []comparedRow) error {
	var errs []error
	for _, r := range rows {
		if r.Check == comparator.Void {
			errs = append(errs, fmt.Errorf("the comparison is void: %s: %s", r.Method, r.Why))
		}
	}
	return errors.Join(errs...)
}

// comparison prints one line a method; a cell holds the measures of a group.
func (p *page) comparison(c comparison) {
	ours := c.Rows[0]
	var names []string
	for _, m := range ours.Groups[0].Measures {
		names = append(names, m.Name)
	}
	p.line("%s, %s; a cell is %s", c.Set, plural(c.Cases, "case"), strings.Join(names, " / "))
	p.line("")
	head := []string{"METHOD", "KIND"}
	for _, g := range ours.Groups {
		head = append(head, fmt.Sprintf("%s (%d)", strings.ToUpper(g.Name), g.Cases))
	}
	rows := [][]string{append(head, "MS A CASE P50/P95", "NOTE")}
	for _, r := range c.Rows {
		row := []string{r.Method, r.Kind}
		for _, g := range ours.Groups {
			row = append(row, r.cell(g.Name, names))
		}
		rows = append(rows, append(row, r.times(), r.note()))
	}
	p.table(rows)
}

// cell joins the measures of a group; a dash for what is not known.
func (r comparedRow) cell(group string, names []string) string {
	g, ok := groupOf(r, group)
	if !ok {
		return "-"
	}
	var cells []string
	for _, n := range names {
		text := "-"
		for _, m := range g.Measures {
			if m.Name == n {
				text = written(m)
			}
		}
		cells = append(cells, text)
	}
	return strings.Join(cells, " / ")
}

// times is the median and the 95th percentile of a case, files included.
func (r comparedRow) times() string {
	if r.Time == nil {
		return "-"
	}
	return fmt.Sprintf("%.1f / %.1f", r.Time.Total.P50, r.Time.Total.P95)
}

func (r comparedRow) note() string {
	switch r.Check {
	case comparator.Void:
		return "void: " + r.Why
	case comparator.Matches:
		return fmt.Sprintf("reproduces the known figures within %.2f", comparator.Tolerance)
	case comparator.NoReference:
		return "no figure is known for these cases"
	}
	return r.Source
}
