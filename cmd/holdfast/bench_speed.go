package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"time"

	"github.com/holdfast-sre/holdfast/internal/bench/speed"
	"github.com/holdfast-sre/holdfast/internal/problem"
)

type benchSpeedCmd struct {
	output
	Data      string `required:"" placeholder:"ROOT" help:"Folder with a folder for each set, and with the reference methods in tools."`
	Rounds    int    `default:"7" help:"How often each is measured."`
	Different int    `default:"1000000" help:"How many lines without anything in common the miner's memory is measured with."`
	Python    string `default:"/usr/bin/python3" placeholder:"PATH" help:"Interpreter for the reference methods (${default})."`
}

// Help is shown by holdfast bench speed --help.
func (benchSpeedCmd) Help() string {
	return `Measures points and lines a second and bytes a series and a template, on one core,
beside the reference methods in Python that come with the data: over all series of
nab and cloudmon and all lines of loghub2k, which both sides have in memory before
the clock starts. Before each reference Holdfast runs, and the ratio is of the two
that follow each other; a measurement takes a second or more. Where the references
can't run, Holdfast is measured alone, and the exit code is 1.

Examples:
  holdfast bench speed --data bench
  nice -n -10 holdfast bench speed --data bench --rounds 11 -o markdown`
}

// leastTime is how long one measurement takes at least.
const leastTime = time.Second

// Run measures and prints.
func (c *benchSpeedCmd) Run(e *env) error { return c.run(e, leastTime) }

func (c *benchSpeedCmd) run(e *env, least time.Duration) (err error) {
	if c.Rounds < 1 || c.Different < 1 {
		return usage(fmt.Errorf("--rounds %d and --different %d: use 1 or more", c.Rounds, c.Different))
	}
	data, err := speed.Load(os.DirFS(c.Data))
	if err != nil {
		return usage(problem.Hinted(errors.New("--data: "+err.Error()), "--data is the folder with a folder for each set: nab, cloudmon and loghub2k"))
	}
	// One core, as the references have: else garbage is collected on another.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	ctx, stop := context.WithCancel(e.ctx)
	defer stop()
	refs, missing := speed.Start(ctx, c.Python, c.Data, data)
	if refs != nil {
		defer func() { err = errors.Join(err, refs.Close()) }()
	}
	bar := newProgress(e, "speed")
	rep, failed := speed.Run(ctx, speed.Options{
		Data: data, Rounds: c.Rounds, Least: least, Different: c.Different, References: refs, Done: bar.step,
	})
	bar.end()
	if missing != nil {
		missing = fmt.Errorf("not compared: %w", missing)
	}
	return errors.Join(c.report(e, rep, func(p *page) { p.speed(rep) }), missing, failed)
}

func (p *page) speed(r speed.Report) {
	m := r.Machine
	p.line("%s %s/%s, %s of %d CPUs%s; %s", m.Go, m.OS, m.Arch, plural(m.Cores, "core"), m.CPUs, loadOf(m), orElse(r.Python, "no references"))
	p.line("%s in turn, the median with the range; %s of %d series, %s of %s", plural(r.Rounds, "round"), plural(r.Points, "point"), r.Series, plural(r.Lines, "line"), plural(r.Logs, "log"))
	p.line("")
	p.speeds("DETECTOR", "POINT", "SERIES", r.Detectors)
	if len(r.Detectors) > 1 {
		p.line("")
		p.line("Holdfast is given one point at a time and keeps its state; a reference is given the whole series, and its bytes are the most that judging the longest one takes.")
	}
	p.line("")
	p.speeds("LOG MINER", "LINE", "TEMPLATE", r.Miners)
	p.line("")
	rows := [][]string{{"WHAT HOLDFAST KEEPS", "COUNT", "BYTES EACH", "BYTES IN ALL", "NS A LINE"}}
	for _, s := range r.Sizes {
		nanos := "-"
		if s.Nanos > 0 {
			nanos = strconv.FormatFloat(s.Nanos, 'f', 0, 64)
		}
		rows = append(rows, []string{s.What, strconv.Itoa(s.Count), strconv.Itoa(s.Each), strconv.Itoa(s.Total), nanos})
	}
	p.table(rows)
}

func loadOf(m speed.Machine) string {
	if m.Load == "" {
		return ""
	}
	return ", load " + m.Load + " at the start"
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// speeds is a table of methods, ours first.
func (p *page) speeds(method, row, part string, all []speed.Row) {
	rows := [][]string{{method, "IN", row + "S A SECOND", "NS A " + row, "TIMES OURS", "BYTES A " + part}}
	whole := func(s speed.Spread) string { return fmt.Sprintf("%.0f (%.0f to %.0f)", s.Median, s.Low, s.High) }
	for _, r := range all {
		ratio, bytes := "-", "-"
		if r.Ratio != nil {
			ratio = fmt.Sprintf("%.2f (%.2f to %.2f)", r.Ratio.Median, r.Ratio.Low, r.Ratio.High)
		}
		if r.Bytes > 0 {
			bytes = strconv.Itoa(r.Bytes)
		}
		rows = append(rows, []string{r.Method, r.Language, strconv.FormatFloat(r.PerSecond, 'f', 0, 64), whole(r.Nanos), ratio, bytes})
	}
	p.table(rows)
}
