package main

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/bench"
	"github.com/holdfast-sre/holdfast/internal/bench/score"
)

// report prints v as was asked for; table draws the others.
func (o *output) report(e *env, v any, table func(*page)) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return o.print(e, raw, table)
}

// timing is how long cases took, in milliseconds.
type timing struct {
	Read     spread `json:"read_ms"`     // files into evidence
	Diagnose spread `json:"diagnose_ms"` // the diagnosis or the ranking, with the answer
	Total    spread `json:"total_ms"`
}

// spread is the median, the 95th percentile and the largest of some times.
type spread struct {
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
	Max float64 `json:"max"`
}

func timingOf(ts []bench.Time) timing {
	of := func(part func(bench.Time) time.Duration) spread {
		if len(ts) == 0 {
			return spread{}
		}
		ms := make([]float64, len(ts))
		for i, t := range ts {
			ms[i] = float64(part(t).Microseconds()) / 1000
		}
		slices.Sort(ms)
		at := func(q float64) float64 { return ms[int(math.Ceil(q*float64(len(ms))))-1] }
		return spread{at(0.50), at(0.95), at(1)}
	}
	return timing{
		Read:     of(func(t bench.Time) time.Duration { return t.Read }),
		Diagnose: of(func(t bench.Time) time.Duration { return t.Diagnose }),
		Total:    of(bench.Time.Total),
	}
}

// rows is the timing as a table; jobs cases ran at once.
func (t timing) rows(jobs int) [][]string {
	rows := [][]string{{"TIME PER CASE, " + strconv.Itoa(jobs) + " AT ONCE", "P50", "P95", "MAX"}}
	for _, r := range []struct {
		name string
		s    spread
	}{{"read files", t.Read}, {"diagnose", t.Diagnose}, {"both", t.Total}} {
		rows = append(rows, []string{r.name, millis(r.s.P50), millis(r.s.P95), millis(r.s.Max)})
	}
	return rows
}

// millis writes milliseconds with what digits they deserve.
func millis(ms float64) string {
	switch {
	case ms < 1:
		return strconv.FormatFloat(ms, 'f', 2, 64) + " ms"
	case ms < 10:
		return strconv.FormatFloat(ms, 'f', 1, 64) + " ms"
	case ms < 10_000:
		return strconv.FormatFloat(ms, 'f', 0, 64) + " ms"
	}
	return strconv.FormatFloat(ms/1000, 'f', 1, 64) + " s"
}

// decimals writes a share with three digits: .739.
func decimals(x float64) string {
	return strings.Replace(strconv.FormatFloat(x, 'f', 3, 64), "0.", ".", 1)
}

// written is a measure as tables show it.
func written(m score.Measure) string {
	switch {
	case m.Of > 0:
		return fmt.Sprintf("%.0f of %d", m.Value, m.Of)
	case m.OfHundred:
		return strconv.FormatFloat(m.Value, 'f', 1, 64)
	}
	return decimals(m.Value)
}
