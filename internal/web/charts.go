package web

import (
	"cmp"
	"fmt"
	"html/template"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/chart"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/quantity"
)

// chartBox is one drawing with its words and the table behind it.
type chartBox struct {
	Title, Text string
	// Wide and Narrow are the same drawing for a desk and for a phone, made by
	// package chart, which escapes every text; the style shows one of them.
	Wide, Narrow template.HTML
	Rows         []chartRow
	Usual        string
}

type chartRow struct{ At, Value string }

// measured is one golden signal of one service, from every time it was asked.
type measured struct {
	title        string
	unit         string
	newest       evidence.Item
	metric       evidence.Metric // of the newest
	now, before  []window
	usual        []float64 // values of the reference windows
	rank, affect int
	cited        int // 0 = the leading cause rests on it, 1 = it does not
}

// maxCharts is how many charts a person takes in.
const maxCharts = 6

// Sizes of a drawing in pixels: of a column on a desk, and of a phone.
const (
	wideWidth   = 620
	narrowWidth = 340
	chartHeight = 130
)

// tableRows is how many points the table behind a chart has at most.
const tableRows = 40

// charts draws the golden signals on one time axis: those of affected services
// and of the leading component first.
func charts(v incident.View, items []evidence.Item) []chartBox {
	all := measure(v, items)
	if len(all) > maxCharts {
		all = all[:maxCharts]
	}
	var from, to time.Time
	for _, m := range all {
		for _, p := range m.points() {
			if from.IsZero() || p.At.Before(from) {
				from = p.At
			}
			if p.At.After(to) {
				to = p.At
			}
		}
	}
	marks := moments(v, items)
	out := make([]chartBox, 0, len(all))
	for _, m := range all {
		out = append(out, m.box(from, to, marks))
	}
	return out
}

// measure collects metrics by what they measure, the most telling first.
func measure(v incident.View, items []evidence.Item) []*measured {
	by := map[string]*measured{}
	var order []string
	for _, it := range items {
		if it.Kind != evidence.KindMetric {
			continue
		}
		m, err := evidence.Decode[evidence.Metric](it)
		if err != nil || len(m.Now.Points) == 0 {
			continue // the list of evidence shows it all the same
		}
		key := strings.Join([]string{it.Service, string(m.Signal), m.Resource, m.Consumer}, "\x00")
		e := by[key]
		if e == nil {
			e = &measured{title: metricTitle(it, m), unit: it.Unit, cited: 1}
			e.rank, e.affect = signalRank(m.Signal), affected(v, it.Service)
			by[key], order = e, append(order, key)
		}
		if cited(v, it.ID) {
			e.affect, e.cited = 0, 0 // what speaks for the cause stands beside what users notice
		}
		e.add(it, m)
	}
	out := make([]*measured, 0, len(order))
	for _, key := range order {
		out = append(out, by[key])
	}
	slices.SortStableFunc(out, func(a, b *measured) int {
		return cmp.Or(cmp.Compare(a.affect, b.affect), cmp.Compare(a.rank, b.rank), cmp.Compare(a.cited, b.cited), cmp.Compare(b.metric.Deviation, a.metric.Deviation))
	})
	return out
}

// cited reports whether the leading hypothesis rests on this evidence.
func cited(v incident.View, id string) bool {
	return len(v.Hypotheses) > 0 && slices.Contains(v.Hypotheses[0].EvidenceFor, id)
}

func (e *measured) add(it evidence.Item, m evidence.Metric) {
	if e.newest.ID == "" || it.To.After(e.newest.To) {
		e.newest, e.metric = it, m
	}
	e.now, e.before = append(e.now, newWindow(m.Now)), append(e.before, newWindow(m.Before))
	for _, s := range []evidence.Series{m.Before, m.Day, m.Week} {
		for _, p := range s.Points {
			e.usual = append(e.usual, p.Value)
		}
	}
}

// window is one answer of a source, oldest first.
type window []chart.Point

func newWindow(s evidence.Series) window {
	out := make(window, 0, len(s.Points))
	for _, p := range s.Points {
		out = append(out, chart.Point{At: p.At, Value: p.Value})
	}
	slices.SortFunc(out, func(a, b chart.Point) int { return a.At.Compare(b.At) })
	return out
}

// joined are windows that overlap as one line: the newest whole, and of each older one
// what lies before it, so that one moment is not drawn from two answers.
func joined(all []window) window {
	all = slices.DeleteFunc(slices.Clone(all), func(w window) bool { return len(w) == 0 })
	slices.SortStableFunc(all, func(a, b window) int { return b[len(b)-1].At.Compare(a[len(a)-1].At) })
	var out window
	for _, w := range all {
		if len(out) > 0 {
			i, _ := slices.BinarySearchFunc(w, out[0].At, func(p chart.Point, t time.Time) int { return p.At.Compare(t) })
			w = w[:i]
		}
		out = append(slices.Clone(w), out...)
	}
	return out
}

// lines are the windows before and now; each has a step of its own, and they are
// joined where no more than one step lies between.
func (e *measured) lines() [][]chart.Point {
	now, before := joined(e.now), joined(e.before)
	if len(now) == 0 || len(before) == 0 {
		return [][]chart.Point{append(before, now...)}
	}
	i, _ := slices.BinarySearchFunc(before, now[0].At, func(p chart.Point, t time.Time) int { return p.At.Compare(t) })
	if before = before[:i]; i > 1 && now[0].At.Sub(before[i-1].At) <= 2*before[i-1].At.Sub(before[i-2].At) {
		before = append(before, now[0])
	}
	return [][]chart.Point{before, now}
}

// points are all of the lines, oldest first.
func (e *measured) points() []chart.Point {
	var out []chart.Point
	for _, l := range e.lines() {
		for _, p := range l {
			if len(out) == 0 || p.At.After(out[len(out)-1].At) {
				out = append(out, p)
			}
		}
	}
	return out
}

func (e *measured) box(from, to time.Time, marks []chart.Mark) chartBox {
	points := e.points()
	c := chart.Chart{
		Title: e.title + ": " + claim(e.newest), From: from, To: to, Lines: e.lines(), Limit: e.metric.Limit, Marks: marks,
		Format: func(v float64) string { return quantity.Format(v, axisUnit(e.unit)) },
	}
	b := chartBox{Title: e.title, Text: quantity.Compared(e.metric.Value, e.metric.Usual, e.unit)}
	if low, high, ok := chart.Range(e.usual); ok {
		c.Low, c.High = low, high
		b.Usual = fmt.Sprintf("%s to %s", quantity.Format(low, e.unit), quantity.Format(high, e.unit))
	}
	c.Width, c.Height = wideWidth, chartHeight
	b.Wide = template.HTML(c.SVG()) //nolint:gosec // package chart escapes every text; its property test says so
	c.Width = narrowWidth
	b.Narrow = template.HTML(c.SVG()) //nolint:gosec // as above
	every := len(points)/tableRows + 1
	for i := len(points) - 1; i >= 0; i -= every {
		b.Rows = append(b.Rows, chartRow{At: points[i].At.UTC().Format("15:04:05"), Value: quantity.Format(points[i].Value, e.unit)})
	}
	return b
}

// axisUnit is the unit as an axis has room for it: words stand in the caption.
func axisUnit(unit string) string {
	switch unit {
	case "s", "seconds", "bytes", "B", "ratio", "%":
		return unit
	}
	return ""
}

// metricTitle names what is measured: "booking-api errors".
func metricTitle(it evidence.Item, m evidence.Metric) string {
	what := strings.ReplaceAll(string(m.Signal), "_", " ")
	if m.Signal == evidence.Saturation && m.Resource != "" {
		what = strings.ReplaceAll(m.Resource, "_", " ")
		if m.Consumer != "" {
			what += " used by " + m.Consumer
		}
	}
	return strings.TrimSpace(it.Service + " " + what)
}

// signalRank orders what a person looks at first.
func signalRank(s evidence.Golden) int {
	order := []evidence.Golden{evidence.Errors, evidence.LatencyP99, evidence.Saturation, evidence.Traffic, evidence.LatencyP95, evidence.LatencyP50}
	if i := slices.Index(order, s); i >= 0 {
		return i
	}
	return len(order)
}

// affected orders services: affected ones, the leading component, the rest.
func affected(v incident.View, service string) int {
	switch {
	case slices.Contains(v.Services, service):
		return 0
	case len(v.Hypotheses) > 0 && v.Hypotheses[0].Component == service:
		return 0
	}
	return 1
}

// moments are what charts mark: onset, alert, changes that the runtime
// recorded, actions, and the end.
func moments(v incident.View, items []evidence.Item) []chart.Mark {
	var out []chart.Mark
	add := func(at incident.Time, label, kind string) {
		if t := time.Time(at); !t.IsZero() {
			out = append(out, chart.Mark{At: t, Label: label, Kind: kind})
		}
	}
	add(v.OnsetAt, "onset", "onset")
	add(v.StartedAt, "alert", "alert")
	seen := map[string]bool{}
	for _, it := range items {
		if it.Kind != evidence.KindChanges {
			continue
		}
		changes, err := evidence.Decode[evidence.Changes](it)
		if err != nil {
			continue
		}
		for _, c := range changes.Changes {
			if !c.Runtime || seen[c.ID] {
				continue
			}
			seen[c.ID] = true
			add(incident.Time(c.At), strings.TrimSpace(string(c.Kind)+" "+c.Version), "change")
		}
	}
	for _, a := range v.Actions {
		add(a.StartedAt, a.Action, "action")
	}
	add(v.ResolvedAt, "recovered", "recovery")
	return out
}
