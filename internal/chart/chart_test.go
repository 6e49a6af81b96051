package chart_test

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/holdfast-sre/holdfast/internal/chart"
)

var start = time.Date(2026, 11, 21, 14, 0, 0, 0, time.UTC)

func TestWhatIsDrawn(t *testing.T) {
	t.Parallel()
	line := func(from, n int) (out []chart.Point) {
		for i := range n {
			out = append(out, chart.Point{At: start.Add(time.Duration(from+i) * time.Minute), Value: float64(i)})
		}
		return out
	}
	base := chart.Chart{Title: "errors", From: start, To: start.Add(time.Hour)}
	tests := map[string]struct {
		change func(*chart.Chart)
		has    string
		times  int
	}{
		"one line":                {func(c *chart.Chart) { c.Lines = [][]chart.Point{line(0, 10)} }, "<polyline", 1},
		"a gap breaks the line":   {func(c *chart.Chart) { c.Lines = [][]chart.Point{append(line(0, 5), line(30, 5)...)} }, "<polyline", 2},
		"a lone point is a dot":   {func(c *chart.Chart) { c.Lines = [][]chart.Point{line(0, 1)} }, "<circle", 1},
		"no value is no point":    {func(c *chart.Chart) { c.Lines = [][]chart.Point{{{At: start, Value: math.NaN()}}} }, "<circle", 0},
		"a usual range":           {func(c *chart.Chart) { c.Low, c.High = 1, 2 }, `class="band"`, 1},
		"no usual range":          {func(*chart.Chart) {}, `class="band"`, 0},
		"a near limit":            {func(c *chart.Chart) { c.Lines, c.Limit = [][]chart.Point{line(0, 10)}, 20 }, `class="limit"`, 1},
		"a far limit is left out": {func(c *chart.Chart) { c.Lines, c.Limit = [][]chart.Point{line(0, 10)}, 2000 }, `class="limit"`, 0},
		"a mark":                  {func(c *chart.Chart) { c.Marks = []chart.Mark{{At: start, Label: "deploy", Kind: "change"}} }, `class="mark change"`, 1},
		"a mark outside":          {func(c *chart.Chart) { c.Marks = []chart.Mark{{At: start.Add(-time.Hour), Label: "deploy"}} }, `class="mark`, 0},
		"labels that run into others": {func(c *chart.Chart) {
			for i, l := range []string{"deploy 1.4.2", "onset", "alert", "restart"} {
				c.Marks = append(c.Marks, chart.Mark{At: start.Add(time.Duration(i) * time.Second), Label: l})
			}
		}, `class="label"`, 3},
		"a kind is a closed list": {func(c *chart.Chart) { c.Marks = []chart.Mark{{At: start, Kind: `x" onload="y`}} }, `class="mark other"`, 1},
	}
	for name, tt := range tests {
		c := base
		tt.change(&c)
		if got := strings.Count(string(c.SVG()), tt.has); got != tt.times {
			t.Errorf("%s: %q %d times, want %d: %s", name, tt.has, got, tt.times, c.SVG())
		}
	}
}

// TestAlwaysWellFormed: whatever the values and labels, the drawing is XML with
// nothing in it that was not drawn.
func TestAlwaysWellFormed(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := chart.Chart{
			Title: rapid.String().Draw(t, "title"),
			From:  start, To: start.Add(time.Duration(rapid.IntRange(-10, 5000).Draw(t, "span")) * time.Second),
			Low: rapid.Float64().Draw(t, "low"), High: rapid.Float64().Draw(t, "high"), Limit: rapid.Float64().Draw(t, "limit"),
			Format: func(float64) string { return `<b>&"` },
		}
		for range rapid.IntRange(0, 20).Draw(t, "points") {
			p := chart.Point{At: start.Add(time.Duration(rapid.IntRange(-100, 5000).Draw(t, "at")) * time.Second), Value: rapid.Float64().Draw(t, "value")}
			c.Lines = append(c.Lines, []chart.Point{p, p})
			c.Marks = append(c.Marks, chart.Mark{At: p.At, Label: rapid.String().Draw(t, "label"), Kind: "x"})
		}
		dec := xml.NewDecoder(strings.NewReader(string(c.SVG())))
		for {
			tok, err := dec.Token()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				t.Fatalf("%v: %s", err, c.SVG())
			}
			if el, ok := tok.(xml.StartElement); ok && !strings.Contains(" svg rect line text polyline circle title ", " "+el.Name.Local+" ") {
				t.Fatalf("an element %s: %s", el.Name.Local, c.SVG())
			}
		}
	})
}

func TestRange(t *testing.T) {
	t.Parallel()
	var v []float64
	for i := range 101 {
		v = append(v, float64(100-i))
	}
	if low, high, ok := chart.Range(append(v, math.NaN())); !ok || low != 5 || high != 95 {
		t.Errorf("range %v to %v, %t", low, high, ok)
	}
	if _, _, ok := chart.Range(v[:7]); ok {
		t.Error("seven values made a range")
	}
}
