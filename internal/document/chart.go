package document

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/outside"
)

// Sizes of the chart in pixels.
const (
	chartWidth  = 860
	panelHeight = 120
	panelGap    = 34
	marginLeft  = 84
	marginRight = 20
	marginTop   = 44
	axisHeight  = 40
)

// mark is a labelled moment on the shared time axis.
type mark struct {
	at    time.Time
	label string
	class string // onset | change | alert | action
}

// chart draws the series one above the other over one time axis: the line, the
// usual range as a band, and the marks. It is self-contained, follows the
// reader's light or dark theme, and names everything for screen readers.
func chart(title string, all []series, marks []mark) []byte {
	if len(all) == 0 {
		return nil
	}
	c := canvas{from: all[0].points[0].At, to: all[0].points[0].At}
	for _, s := range all {
		c.cover(s.points[0].At, s.points[len(s.points)-1].At)
	}
	if c.to.Sub(c.from) < time.Second {
		c.to = c.from.Add(time.Second)
	}
	c.height = marginTop + len(all)*(panelHeight+panelGap) + axisHeight
	c.open(title, all)
	for i := range all {
		c.panel(&all[i], marginTop+i*(panelHeight+panelGap))
	}
	c.marks(marks)
	c.timeAxis()
	c.b.WriteString("</svg>\n")
	return []byte(c.b.String())
}

type canvas struct {
	b        strings.Builder
	from, to time.Time
	height   int
}

func (c *canvas) cover(from, to time.Time) {
	if from.Before(c.from) {
		c.from = from
	}
	if to.After(c.to) {
		c.to = to
	}
}

func (c *canvas) printf(format string, args ...any) { fmt.Fprintf(&c.b, format, args...) }

func (c *canvas) x(t time.Time) float64 {
	share := float64(t.Sub(c.from)) / float64(c.to.Sub(c.from))
	return marginLeft + share*(chartWidth-marginLeft-marginRight)
}

const style = `<style>
text{font:12px system-ui,sans-serif;fill:#333;font-variant-numeric:tabular-nums}
.name{font-weight:600}.bg{fill:#fff}.grid{stroke:#ddd}.band{fill:#7a8aa0;fill-opacity:.22}
.line{fill:none;stroke:#1f5fbf;stroke-width:1.8;stroke-linejoin:round}
.onset{stroke:#b3261e}.change{stroke:#8a5a00;stroke-dasharray:5 3}.alert{stroke:#b3261e;stroke-dasharray:2 3}.action{stroke:#1d7a3e}
@media (prefers-color-scheme:dark){text{fill:#ddd}.bg{fill:#16181c}.grid{stroke:#3a3d44}.line{stroke:#7db0ff}
.onset{stroke:#ff8a80}.change{stroke:#e0b050}.alert{stroke:#ff8a80}.action{stroke:#6fd08c}}
</style>
`

func (c *canvas) open(title string, all []series) {
	c.printf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-labelledby="t d">`+"\n", chartWidth, c.height, chartWidth, c.height)
	c.printf("<title id=\"t\">%s</title>\n<desc id=\"d\">", xml(title))
	for i := range all {
		s := &all[i]
		peak := s.peak()
		c.printf("%s: usually %s, farthest from it %s at %s, last %s. ", xml(s.name), xml(s.format(s.usual)), xml(s.format(peak.Value)), clock(peak.At), xml(s.format(s.points[len(s.points)-1].Value)))
	}
	c.b.WriteString("Times in UTC.</desc>\n")
	c.b.WriteString(style)
	c.printf("<rect class=\"bg\" width=\"%d\" height=\"%d\"/>\n", chartWidth, c.height)
}

// panel draws one series with its upper edge at top.
func (c *canvas) panel(s *series, top int) {
	low, high := s.bounds()
	y := func(v float64) float64 {
		return float64(top) + panelHeight*(1-(v-low)/(high-low))
	}
	left, right := float64(marginLeft), float64(chartWidth-marginRight)
	c.printf("<g><text class=\"name\" x=\"%d\" y=\"%d\">%s</text>\n", marginLeft, top-6, xml(s.name))
	for _, v := range []float64{low, (low + high) / 2, high} {
		c.printf("<line class=\"grid\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>", left, y(v), right, y(v))
		c.printf("<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">%s</text>\n", left-8, y(v)+4, xml(s.format(v)))
	}
	if s.low <= s.high {
		height := max(y(s.low)-y(s.high), 2)
		c.printf("<rect class=\"band\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"><title>usual range %s to %s</title></rect>\n",
			left, y(s.high), right-left, height, xml(s.format(s.low)), xml(s.format(s.high)))
	}
	for _, run := range s.runs() {
		c.b.WriteString(`<polyline class="line" points="`)
		for i, p := range run {
			if i > 0 {
				c.b.WriteByte(' ')
			}
			c.printf("%.1f,%.1f", c.x(p.At), y(p.Value))
		}
		c.b.WriteString("\"/>\n")
	}
	c.b.WriteString("</g>\n")
}

// bounds of the value axis; rates and shares start at zero.
func (s *series) bounds() (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, p := range s.points {
		low, high = min(low, p.Value), max(high, p.Value)
	}
	if s.low <= s.high {
		low, high = min(low, s.low), max(high, s.high)
	}
	if s.fromZero {
		low = min(low, 0)
	}
	if high-low < 1e-12 {
		high = low + 1
	}
	return low, high + (high-low)*0.05
}

// runs splits the points where the gap is much longer than usual, so that no
// line is drawn over time that nobody measured.
func (s *series) runs() [][]evidence.Point {
	step := time.Duration(math.MaxInt64)
	for i := 1; i < len(s.points); i++ {
		step = min(step, s.points[i].At.Sub(s.points[i-1].At))
	}
	var out [][]evidence.Point
	begin := 0
	for i := 1; i <= len(s.points); i++ {
		if i == len(s.points) || s.points[i].At.Sub(s.points[i-1].At)/5 > step {
			out = append(out, s.points[begin:i])
			begin = i
		}
	}
	return out
}

// marks draws the moments over all panels, with their labels in two rows so
// that neighbours stay readable.
func (c *canvas) marks(marks []mark) {
	bottom := c.height - axisHeight
	row := 0
	for _, m := range marks {
		if m.at.Before(c.from) || m.at.After(c.to) {
			continue
		}
		x := c.x(m.at)
		anchor, dx := "start", 3.0
		if x > chartWidth-220 {
			anchor, dx = "end", -3.0
		}
		c.printf("<g><line class=\"%s\" x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\"/>", m.class, x, 6+14*row, x, bottom)
		c.printf("<text x=\"%.1f\" y=\"%d\" text-anchor=\"%s\">%s</text></g>\n", x+dx, 14+14*row, anchor, xml(m.label))
		row = (row + 1) % 2
	}
}

func (c *canvas) timeAxis() {
	const ticks = 6
	y := c.height - axisHeight + 20
	for i := range ticks + 1 {
		t := c.from.Add(c.to.Sub(c.from) / ticks * time.Duration(i))
		c.printf("<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%s</text>\n", c.x(t), y, clock(t))
	}
	c.printf("<text x=\"%d\" y=\"%d\" text-anchor=\"end\">UTC</text>\n", chartWidth-marginRight, y+16)
}

// moments are the marks of the record: onset, changes, first alert, actions.
func (r Record) moments() []mark {
	var out []mark
	for _, c := range r.changes() {
		out = append(out, mark{c.At, strings.TrimSpace(string(c.Kind) + " " + c.Service + " " + c.Version), "change"})
	}
	if at := r.Incident.OnsetAt; at != nil {
		out = append(out, mark{*at, "onset", "onset"})
	}
	if sig, ok := r.firstSignal(); ok {
		out = append(out, mark{sig.ReceivedAt, "alert " + sig.Name, "alert"})
	}
	for _, in := range r.Intents {
		if in.State == action.Done || in.State == action.Started || in.State == action.Unknown {
			out = append(out, mark{in.StartedAt, in.Action.Name + " " + in.Action.Service, "action"})
		}
	}
	return out
}

var xmlEscaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&apos;")

// xml makes outside text safe inside an element or a quoted attribute.
func xml(s string) string { return xmlEscaper.Replace(outside.Line(s, 80)) }
