// Package chart draws one measurement over time as SVG: the line, the band in
// which it usually is, a limit where one exists, and labelled marks for what
// happened. Colours are classes, so that the page decides about light and dark.
// Pure: same chart, same bytes; every text is escaped.
package chart

import (
	"fmt"
	"html"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Point is one sample.
type Point struct {
	At    time.Time
	Value float64
}

// Mark is one moment: onset, alert, deploy, restart.
type Mark struct {
	At    time.Time
	Label string
	Kind  string // class of the line: onset | alert | change | action | recovery
}

// Chart is what is drawn. Charts with the same From and To share a time axis.
type Chart struct {
	Title    string
	From, To time.Time
	Lines    [][]Point // each oldest first; a gap of more than three steps breaks a line
	// Low and High are the usual range; equal = no band is drawn.
	Low, High float64
	Limit     float64              // 0 = none
	Format    func(float64) string // of the labels on the value axis
	Marks     []Mark
	Width     int // in pixels of the viewBox; 0 = 560
	Height    int // 0 = 120
}

// Space around the plot for labels; a row of labels of marks is rowHeight high.
const (
	left      = 58
	right     = 8
	bottom    = 18
	rowHeight = 12
	maxRows   = 3
)

// frame maps time and value to pixels.
type frame struct {
	c          *Chart
	w, h, top  float64
	labels     []label
	from, span float64 // seconds
	max        float64
}

// SVG returns the drawing. Its axis starts at zero: what is drawn are rates,
// shares, durations and amounts.
func (c Chart) SVG() []byte {
	if c.Width == 0 {
		c.Width = 560
	}
	if c.Height == 0 {
		c.Height = 120
	}
	if c.Format == nil {
		c.Format = func(v float64) string { return strconv.FormatFloat(v, 'g', 3, 64) }
	}
	f := newFrame(&c)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="chart" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-label="%s">`,
		c.Width, c.Height, text(c.Title))
	f.band(&b)
	f.axes(&b)
	f.limit(&b)
	f.marks(&b)
	for _, l := range c.Lines {
		f.line(&b, l)
	}
	b.WriteString("</svg>")
	return []byte(b.String())
}

func newFrame(c *Chart) *frame {
	f := &frame{c: c, w: float64(c.Width - left - right)}
	f.from = float64(c.From.UnixMilli()) / 1000
	f.span = max(c.To.Sub(c.From).Seconds(), 1)
	f.place()
	f.h = float64(c.Height) - f.top - bottom
	highest := max(c.High, 0)
	for _, l := range c.Lines {
		for _, p := range l {
			if finite(p.Value) {
				highest = max(highest, p.Value)
			}
		}
	}
	if c.Limit > 0 && c.Limit < 4*highest { // a far limit would flatten the line
		highest = max(highest, c.Limit)
	}
	f.max = ceiling(highest)
	return f
}

// ceiling is the next round number at or above v.
func ceiling(v float64) float64 {
	if v <= 0 || !finite(v) {
		return 1
	}
	unit := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 1.5, 2, 3, 4, 5, 6, 8, 10} {
		if v <= m*unit*(1+1e-9) {
			return m * unit
		}
	}
	return 10 * unit
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

func (f *frame) x(t time.Time) float64 {
	share := (float64(t.UnixMilli())/1000 - f.from) / f.span
	return left + f.w*min(max(share, 0), 1)
}

func (f *frame) y(v float64) float64 { return f.top + f.h*(1-min(max(v/f.max, 0), 1)) }

func (f *frame) band(b *strings.Builder) {
	if f.c.High <= f.c.Low {
		return
	}
	y := f.y(f.c.High)
	fmt.Fprintf(b, `<rect class="band" x="%d" y="%s" width="%s" height="%s"/>`, left, px(y), px(f.w), px(max(f.y(f.c.Low)-y, 1)))
}

func (f *frame) axes(b *strings.Builder) {
	for _, v := range []float64{0, f.max / 2, f.max} {
		y := f.y(v)
		fmt.Fprintf(b, `<line class="grid" x1="%d" x2="%s" y1="%s" y2="%s"/>`, left, px(left+f.w), px(y), px(y))
		fmt.Fprintf(b, `<text class="tick" x="%d" y="%s" text-anchor="end">%s</text>`, left-6, px(y+3.5), text(f.c.Format(v)))
	}
	const ticks = 4
	for i := range ticks + 1 {
		at := f.c.From.Add(time.Duration(f.span * float64(time.Second) * float64(i) / ticks))
		anchor := "middle"
		switch i {
		case 0:
			anchor = "start"
		case ticks:
			anchor = "end"
		}
		fmt.Fprintf(b, `<text class="tick" x="%s" y="%d" text-anchor="%s">%s</text>`, px(f.x(at)), f.c.Height-5, anchor, f.clock(at))
	}
}

// clock is a time of the axis, with seconds only where the span is short.
func (f *frame) clock(t time.Time) string {
	if f.span < 10*60 {
		return t.UTC().Format("15:04:05")
	}
	return t.UTC().Format("15:04")
}

func (f *frame) limit(b *strings.Builder) {
	if f.c.Limit <= 0 || f.c.Limit > f.max {
		return
	}
	y := f.y(f.c.Limit)
	fmt.Fprintf(b, `<line class="limit" x1="%d" x2="%s" y1="%s" y2="%s"/>`, left, px(left+f.w), px(y), px(y))
}

// maxLabel is the longest label of a mark, in characters; labelRoom how many
// pixels one character needs.
const (
	maxLabel  = 22
	labelRoom = 5.6
)

// label is a mark with the place of its words; row -1 = there is no room, and
// the words show when the line is pointed at.
type label struct {
	mark  Mark
	text  string
	start float64
	row   int
}

// place gives each label the lowest row where it runs into no other label and
// into no later mark's line, and leaves that much space above the plot. It goes
// from the latest mark to the earliest, so that an earlier label stands above.
func (f *frame) place() {
	marks := slices.DeleteFunc(slices.Clone(f.c.Marks), func(m Mark) bool { return m.At.Before(f.c.From) || m.At.After(f.c.To) })
	slices.SortStableFunc(marks, func(a, b Mark) int { return b.At.Compare(a.At) })
	var end [maxRows]float64 // where a label of the row must end
	for r := range end {
		end[r] = left + f.w + 4
	}
	rows := 0
	for _, m := range marks {
		l := label{mark: m, text: short(m.Label), row: -1}
		width := float64(len([]rune(l.text))) * labelRoom
		x := f.x(m.At)
		l.start = min(x+3, left+f.w-width)
		for r := range end {
			if l.start+width+4 > end[r] {
				continue
			}
			l.row, rows = r, max(rows, r+1)
			for below := range end[:r+1] {
				end[below] = min(end[below], x-2, l.start)
			}
			break
		}
		f.labels = append(f.labels, l)
	}
	f.top = 6 + rowHeight*float64(rows)
}

// marks draws the lines and their labels; the first row is next to the plot.
func (f *frame) marks(b *strings.Builder) {
	for _, l := range f.labels {
		x, y := f.x(l.mark.At), f.top-4-rowHeight*float64(max(l.row, 0))
		fmt.Fprintf(b, `<line class="mark %s" x1="%s" x2="%s" y1="%s" y2="%s"><title>%s %s</title></line>`,
			kind(l.mark.Kind), px(x), px(x), px(y), px(f.top+f.h), l.mark.At.UTC().Format("15:04:05"), text(l.mark.Label))
		if l.row >= 0 {
			fmt.Fprintf(b, `<text class="label" x="%s" y="%s">%s</text>`, px(l.start), px(y), text(l.text))
		}
	}
}

func short(s string) string {
	r := []rune(s)
	if len(r) <= maxLabel {
		return s
	}
	return string(r[:maxLabel-1]) + "…"
}

// kind is a class from a closed list.
func kind(k string) string {
	switch k {
	case "onset", "alert", "change", "action", "recovery":
		return k
	}
	return "other"
}

func (f *frame) line(b *strings.Builder, points []Point) {
	gap := 3 * step(points)
	var run []string
	var last time.Time
	flush := func() {
		switch len(run) {
		case 0:
		case 1:
			x, y, _ := strings.Cut(run[0], ",")
			fmt.Fprintf(b, `<circle class="dot" cx="%s" cy="%s" r="1.5"/>`, x, y)
		default:
			fmt.Fprintf(b, `<polyline class="line" points="%s"/>`, strings.Join(run, " "))
		}
		run = run[:0]
	}
	for _, p := range points {
		if !finite(p.Value) || p.At.Before(f.c.From) || p.At.After(f.c.To) {
			continue
		}
		if gap > 0 && !last.IsZero() && p.At.Sub(last) > gap {
			flush()
		}
		run = append(run, px(f.x(p.At))+","+px(f.y(p.Value)))
		last = p.At
	}
	flush()
}

// step is the usual distance between points: the median.
func step(points []Point) time.Duration {
	var d []time.Duration
	for i := 1; i < len(points); i++ {
		d = append(d, points[i].At.Sub(points[i-1].At))
	}
	if len(d) == 0 {
		return 0
	}
	slices.Sort(d)
	return d[len(d)/2]
}

// px writes pixels with one decimal.
func px(v float64) string {
	return strings.TrimSuffix(strconv.FormatFloat(v, 'f', 1, 64), ".0")
}

// Range returns the 5th and the 95th percentile of values: the range in which a
// measurement usually is. ok is false below eight values.
func Range(values []float64) (low, high float64, ok bool) {
	v := slices.DeleteFunc(slices.Clone(values), func(x float64) bool { return !finite(x) })
	if len(v) < 8 {
		return 0, 0, false
	}
	slices.Sort(v)
	at := func(q float64) float64 { return v[int(math.Round(q*float64(len(v)-1)))] }
	return at(.05), at(.95), true
}

// text escapes s, with a mark in place of what no drawing may hold: control
// characters and those that turn the direction of text.
func text(s string) string {
	return html.EscapeString(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == 0xfffe || r == 0xffff {
			return unicode.ReplacementChar
		}
		return r
	}, s))
}
