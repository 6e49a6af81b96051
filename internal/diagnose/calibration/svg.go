package calibration

import (
	"fmt"
	"html"
	"math"
	"strings"
)

// SVG draws the reliability table: one dot for each bin with its 95 % interval,
// as large as it has predictions, against the diagonal on which a claim means
// what it says. Colours are classes. Same report, same bytes.
func (r Report) SVG(title string) []byte {
	const size, margin = 360, 44
	at := func(v float64) float64 { return margin + v*(size-margin-12) }
	y := func(v float64) float64 { return size - at(v) }
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="chart reliability" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-label="%s">`,
		size, size, html.EscapeString(title))
	b.WriteString(`<style>.grid{stroke:#8884}.ideal{stroke:#888;stroke-dasharray:4 3}.range{stroke:#2563eb}.dot{fill:#2563eb}text{font:11px sans-serif;fill:#777}</style>`)
	for i := range 6 {
		v := float64(i) / 5
		fmt.Fprintf(&b, `<line class="grid" x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f"/>`, at(0), at(1), y(v), y(v))
		fmt.Fprintf(&b, `<text x="%d" y="%.1f" text-anchor="end">%.1f</text>`, margin-6, y(v)+4, v)
		fmt.Fprintf(&b, `<text x="%.1f" y="%.1f" text-anchor="middle">%.1f</text>`, at(v), y(0)+15, v)
	}
	fmt.Fprintf(&b, `<line class="ideal" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>`, at(0), y(0), at(1), y(1))
	for _, bin := range r.Bins {
		if bin.N == 0 {
			continue
		}
		fmt.Fprintf(&b, `<line class="range" x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f"/>`,
			at(bin.Claimed), at(bin.Claimed), y(bin.Range.Low), y(bin.Range.High))
		fmt.Fprintf(&b, `<circle class="dot" cx="%.1f" cy="%.1f" r="%.1f"><title>claimed %.3f, right %.3f of %d</title></circle>`,
			at(bin.Claimed), y(bin.Right), radius(bin.N, r.N), bin.Claimed, bin.Right, bin.N)
	}
	fmt.Fprintf(&b, `<text x="%.1f" y="%d" text-anchor="middle">probability claimed</text>`, at(0.5), size-6)
	fmt.Fprintf(&b, `<text x="12" y="%.1f" text-anchor="middle" transform="rotate(-90 12 %.1f)">share that was right</text>`, y(0.5), y(0.5))
	b.WriteString("</svg>\n")
	return []byte(b.String())
}

func radius(n, all int) float64 { return 2.5 + 9*math.Sqrt(float64(n)/float64(max(all, 1))) }
