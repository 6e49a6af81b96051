package document

import (
	"fmt"
	"html"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/chart"
	"github.com/holdfast-sre/holdfast/internal/outside"
	"github.com/holdfast-sre/holdfast/internal/quantity"
)

// Sizes of the drawing in pixels: of the whole, of one panel, and of the line
// above a panel that names it.
const (
	drawingWidth = 720
	panelHeight  = 140
	nameHeight   = 22
)

// style carries both themes, because an image follows the reader's, not the page's.
const style = `<style>
text{font:10px system-ui,sans-serif;fill:#555;font-variant-numeric:tabular-nums}.name{font-size:12px;font-weight:600;fill:#222}
.bg{fill:#fff}.grid{stroke:#ddd}.band{fill:#7a8aa0;fill-opacity:.25}.label{fill:#222}.dot{fill:#1f5fbf}
.line{fill:none;stroke:#1f5fbf;stroke-width:1.6;stroke-linejoin:round}.limit{stroke:#777;stroke-dasharray:5 3}
.mark{stroke:#8a5a00;stroke-width:1.2}.onset{stroke-dasharray:3 2}.alert{stroke:#b3261e}.action,.recovery{stroke:#1d7a3e}
@media (prefers-color-scheme:dark){text{fill:#aaa}.name,.label{fill:#eee}.bg{fill:#16181c}.grid{stroke:#3a3d44}
.line{stroke:#7db0ff}.dot{fill:#7db0ff}.mark{stroke:#e0b050}.alert{stroke:#ff8a80}.action,.recovery{stroke:#6fd08c}}
</style>
`

// draw puts the series one above the other over one time axis, with the marks
// of the record in each, and names everything for screen readers.
func draw(title string, all []series, marks []chart.Mark) []byte {
	if len(all) == 0 {
		return nil
	}
	from, to := span(all)
	height := len(all)*(nameHeight+panelHeight) + 8
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-labelledby="t d">`+"\n", drawingWidth, height, drawingWidth, height)
	fmt.Fprintf(&b, "<title id=\"t\">%s</title>\n<desc id=\"d\">%s Times in UTC.</desc>\n%s", text(title), describeAll(all), style)
	fmt.Fprintf(&b, "<rect class=\"bg\" width=\"%d\" height=\"%d\"/>\n", drawingWidth, height)
	for i := range all {
		s := &all[i]
		top := i * (nameHeight + panelHeight)
		fmt.Fprintf(&b, "<text class=\"name\" x=\"8\" y=\"%d\">%s</text>\n", top+nameHeight-6, text(s.named()))
		fmt.Fprintf(&b, "<svg y=\"%d\" width=\"%d\" height=\"%d\">", top+nameHeight, drawingWidth, panelHeight)
		b.Write(s.panel(from, to, marks))
		b.WriteString("</svg>\n")
	}
	b.WriteString("</svg>\n")
	return []byte(b.String())
}

func span(all []series) (from, to time.Time) {
	for i, s := range all {
		first, last := s.points[0].At, s.points[len(s.points)-1].At
		if i == 0 || first.Before(from) {
			from = first
		}
		if i == 0 || last.After(to) {
			to = last
		}
	}
	return from, to
}

func (s *series) panel(from, to time.Time, marks []chart.Mark) []byte {
	c := chart.Chart{
		Title: s.named(), From: from, To: to, Limit: s.limit, Marks: marks, Width: drawingWidth, Height: panelHeight,
		Format: func(v float64) string { return quantity.Format(v, s.axisUnit()) },
	}
	if s.low <= s.high {
		c.Low, c.High = s.low, s.high
	}
	line := make([]chart.Point, 0, len(s.points))
	for _, p := range s.points {
		line = append(line, chart.Point{At: p.At, Value: p.Value})
	}
	c.Lines = [][]chart.Point{line}
	return c.SVG()
}

// axisUnit is the unit if it fits beside the axis; a long one stands in the name.
func (s *series) axisUnit() string {
	if slices.Contains([]string{"s", "seconds", "bytes", "B", "ratio", "%"}, s.unit) {
		return s.unit
	}
	return ""
}

// named is the name with the unit that the axis has no room for.
func (s *series) named() string {
	if s.axisUnit() != "" || s.unit == "" {
		return s.name
	}
	return s.name + " (" + s.unit + ")"
}

func describeAll(all []series) string {
	var b strings.Builder
	for i := range all {
		s := &all[i]
		peak, last := s.peak(), s.points[len(s.points)-1]
		fmt.Fprintf(&b, "%s: usually %s, farthest from it %s at %s, last %s. ", text(s.name), text(s.format(s.usual)), text(s.format(peak.Value)), clock(peak.At), text(s.format(last.Value)))
	}
	return strings.TrimSpace(b.String())
}

// marks are the moments of the record: changes, onset, first alert, actions and
// recovery.
func (r Record) marks() []chart.Mark {
	var out []chart.Mark
	for _, c := range r.changes() {
		out = append(out, chart.Mark{At: c.At, Label: strings.TrimSpace(string(c.Kind) + " " + c.Version), Kind: "change"})
	}
	if at := r.Incident.OnsetAt; at != nil {
		out = append(out, chart.Mark{At: *at, Label: "onset", Kind: "onset"})
	}
	if sig, ok := r.firstSignal(); ok {
		out = append(out, chart.Mark{At: sig.ReceivedAt, Label: "alert", Kind: "alert"})
	}
	for _, in := range r.Intents {
		if in.State == action.Done || in.State == action.Started || in.State == action.Unknown {
			_, verb, _ := strings.Cut(in.Action.Name, ".")
			out = append(out, chart.Mark{At: in.StartedAt, Label: verb, Kind: "action"})
		}
	}
	if at := r.Incident.ResolvedAt; at != nil {
		out = append(out, chart.Mark{At: *at, Label: "resolved", Kind: "recovery"})
	}
	return out
}

// text makes outside text safe inside an element or a quoted attribute.
func text(s string) string { return html.EscapeString(outside.Line(s, 80)) }
