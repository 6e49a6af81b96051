package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/bench"
	"github.com/holdfast-sre/holdfast/internal/bench/cloudmon"
	"github.com/holdfast-sre/holdfast/internal/bench/comparator"
	"github.com/holdfast-sre/holdfast/internal/bench/loghub2k"
	"github.com/holdfast-sre/holdfast/internal/bench/nab"
	"github.com/holdfast-sre/holdfast/internal/bench/score"
)

// benchTasks are the benchmarks of the senses: predictions are a folder with a
// file a case.
func benchTasks() []bench.Task {
	detectors := func(set string) []bench.Detector {
		return append([]bench.Detector{bench.Holdfast()}, comparator.Detectors(set)...)
	}
	miners := append([]bench.LogMiner{bench.HoldfastMiner()}, comparator.Miners()...)
	return []bench.Task{nab.Task(detectors(nab.Name)...), cloudmon.Task(detectors(cloudmon.Name)...), loghub2k.Task(miners...)}
}

func taskNames() []string {
	var names []string
	for _, t := range benchTasks() {
		names = append(names, t.Name)
	}
	return names
}

// findTask returns a task by name; ok is false when it is none.
func findTask(name string) (t bench.Task, ok bool) {
	for _, t := range benchTasks() {
		if t.Name == name {
			return t, true
		}
	}
	return bench.Task{}, false
}

// folder makes the files of predictions below a folder, which it creates.
func folder(dir string) func(file string) (io.WriteCloser, error) {
	return func(file string) (io.WriteCloser, error) {
		path := filepath.Join(dir, filepath.FromSlash(file))
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			return nil, fmt.Errorf("folder of predictions: %w", err)
		}
		f, err := os.Create(path)
		if err != nil {
			return nil, fmt.Errorf("prediction: %w", err)
		}
		return f, nil
	}
}

// effort is what a method took for all cases together.
type effort struct {
	Cases     int     `json:"cases"`
	Rows      int     `json:"rows"`
	PerSecond float64 `json:"rows_per_second"` // of the method itself, on one core
	Nanos     float64 `json:"ns_per_row"`
	// Kept is the largest state of a case, divided by what it is kept for: a
	// series, a template; 0 = not known.
	Kept int    `json:"bytes_kept"`
	Time timing `json:"time"`
}

func effortOf(es []bench.Effort) effort {
	sum := effort{}
	var times []bench.Time
	seconds := 0.0
	for _, e := range es {
		if e.Rows == 0 {
			continue
		}
		sum.Cases++
		sum.Rows += e.Rows
		sum.Kept = max(sum.Kept, e.Kept/max(e.Parts, 1))
		seconds += e.Time.Diagnose.Seconds()
		times = append(times, e.Time)
	}
	if seconds > 0 {
		sum.PerSecond = math.Round(float64(sum.Rows) / seconds)
		sum.Nanos = math.Round(seconds * 1e9 / float64(sum.Rows))
	}
	sum.Time = timingOf(times)
	return sum
}

// taskReport is what bench predict prints for a task.
type taskReport struct {
	Set string `json:"set"`
	Out string `json:"out"`
	effort
}

// task predicts into a folder.
func (c *benchPredictCmd) task(e *env, t bench.Task) error {
	data, err := openData(t.Name, c.Data)
	if err != nil {
		return err
	}
	bar := newProgress(e, t.Name)
	efforts, failed := bench.PredictFiles(e.ctx, t, t.Methods[0], data, bench.FileOptions{Jobs: c.Jobs, Done: bar.step, Create: folder(c.Out)})
	bar.end()
	if len(efforts) == 0 {
		return failed
	}
	rep := taskReport{Set: t.Name, Out: c.Out, effort: effortOf(efforts)}
	jobs := c.Jobs
	if jobs == 0 {
		jobs = runtime.GOMAXPROCS(0)
	}
	return errors.Join(c.report(e, rep, func(p *page) {
		p.line("%s of %s predicted, %s, into %s", plural(rep.Cases, "case"), rep.Set, plural(rep.Rows, t.Row), rep.Out)
		p.line("%.0f %ss a second, %.0f ns each; %s", rep.PerSecond, t.Row, rep.Nanos, rep.kept())
		p.line("")
		p.table(rep.Time.rows(jobs))
	}), failed)
}

func (e effort) kept() string {
	if e.Kept == 0 {
		return "the size of the state is not known"
	}
	return fmt.Sprintf("at most %d bytes of state", e.Kept)
}

// task scores a folder of predictions.
func (c *benchScoreCmd) task(e *env, t bench.Task) error {
	data, err := openData(t.Name, c.Data)
	if err != nil {
		return err
	}
	if info, err := os.Stat(c.Pred); err != nil || !info.IsDir() {
		return usage(fmt.Errorf("--pred: %s is not a folder with the predictions of %s", c.Pred, t.Name))
	}
	rep, err := score.Files(t.Name, data, os.DirFS(c.Pred))
	if err != nil {
		return usage(err)
	}
	return c.report(e, rep, func(p *page) {
		p.line("%s: %s", rep.Set, plural(rep.Cases, "case"))
		p.line("")
		p.groups(rep.Groups)
	})
}

// groups is a table of groups by the measures of the first one, which has all.
func (p *page) groups(groups []score.Group) {
	head := []string{"GROUP", "CASES"}
	for _, m := range groups[0].Measures {
		head = append(head, m.Name)
	}
	rows := [][]string{head}
	for _, g := range groups {
		row := []string{g.Name, strconv.Itoa(g.Cases)}
		for _, m := range groups[0].Measures {
			row = append(row, writtenOf(g, m.Name))
		}
		rows = append(rows, row)
	}
	p.table(rows)
}

// writtenOf is a measure of a group, a dash when it has none of it.
func writtenOf(g score.Group, name string) string {
	i := slices.IndexFunc(g.Measures, func(m score.Measure) bool { return m.Name == name })
	if i < 0 {
		return "-"
	}
	return written(g.Measures[i])
}

// task runs all methods of a task, one case at a time.
func (c *benchCompareCmd) task(e *env, t bench.Task) error {
	data, err := openData(t.Name, c.Data)
	if err != nil {
		return err
	}
	var rows []comparedRow
	for i, m := range t.Methods {
		row, err := compareFiles(e, t, m, data)
		if err != nil {
			return err
		}
		row.Kind = "holdfast"
		if i > 0 {
			row.Kind = "comparator"
			row.check(t.Name)
		}
		rows = append(rows, row)
	}
	rows = append(rows, known(t.Name, rows)...)
	all := comparison{Set: t.Name, Cases: rows[0].Groups[0].Cases, Rows: rows}
	return errors.Join(c.report(e, all, func(p *page) { p.taskComparison(all, t.Row) }), void(rows))
}

func compareFiles(e *env, t bench.Task, m bench.Method, data fs.FS) (comparedRow, error) {
	dir, err := os.MkdirTemp("", "holdfast-bench-")
	if err != nil {
		return comparedRow{}, fmt.Errorf("folder of predictions: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	bar := newProgress(e, m.Name)
	efforts, err := bench.PredictFiles(e.ctx, t, m, data, bench.FileOptions{Jobs: 1, Done: bar.step, Create: folder(dir)})
	bar.end()
	if err != nil {
		return comparedRow{}, err
	}
	rep, err := score.Files(t.Name, data, os.DirFS(dir))
	if err != nil {
		return comparedRow{}, usage(err)
	}
	row := comparedRow{Method: m.Name, Groups: headline(rep.Groups), Effort: new(effortOf(efforts))}
	row.Time = &row.Effort.Time
	return row, nil
}

// headline leaves out the parts of a set.
func headline(groups []score.Group) []score.Group {
	return slices.DeleteFunc(slices.Clone(groups), func(g score.Group) bool { return strings.Contains(g.Name, "/") })
}

// taskComparison prints one line a method, with what it costs.
func (p *page) taskComparison(c comparison, row string) {
	ours := c.Rows[0].Groups[0]
	p.line("%s, %s", c.Set, plural(c.Cases, "case"))
	p.line("")
	head := []string{"METHOD", "KIND"}
	for _, m := range ours.Measures {
		head = append(head, m.Name)
	}
	rows := [][]string{append(head, "NS A "+strings.ToUpper(row), "BYTES KEPT", "NOTE")}
	for _, r := range c.Rows {
		cells := []string{r.Method, r.Kind}
		for _, m := range ours.Measures {
			cells = append(cells, writtenOf(r.Groups[0], m.Name))
		}
		ns, kept := "-", "-"
		if r.Effort != nil {
			ns = strconv.FormatFloat(r.Effort.Nanos, 'f', 0, 64)
			if r.Effort.Kept > 0 {
				kept = strconv.Itoa(r.Effort.Kept)
			}
		}
		rows = append(rows, append(cells, ns, kept, r.note()))
	}
	p.table(rows)
}
