package speed

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"runtime"
	"time"

	"github.com/holdfast-sre/holdfast/internal/detect"
	"github.com/holdfast-sre/holdfast/internal/detect/template"
)

// Size is what is kept.
type Size struct {
	What  string `json:"what"`
	Count int    `json:"count"` // series or templates
	Each  int    `json:"bytes_each"`
	Total int    `json:"bytes"`
	// Nanos is the time of a line, where lines were mined for it.
	Nanos float64 `json:"ns_per_line,omitempty"`
}

func sizeOf(what string, total, count int) Size {
	return Size{What: what, Count: count, Total: total, Each: total / max(count, 1)}
}

// sizes are all that were measured, and the two that rows show.
type sizes struct {
	all              []Size
	series, template int
}

func measureSizes(d Data, different int) sizes {
	saved, live := savedSeries(d), liveSeries(d)
	savedLogs, liveLogs := templates(d)
	return sizes{
		all: []Size{
			saved, live, savedLogs, liveLogs,
			differentLines(different, 7, 6), differentLines(min(different, longLines), 128, 31),
		},
		series: live.Each, template: liveLogs.Each,
	}
}

// savedSeries is the largest saved state of a series.
func savedSeries(d Data) Size {
	most := 0
	for _, points := range d.series {
		var s detect.Stream
		for _, p := range points {
			s.Next(p.At, p.Value)
		}
		if b, err := s.MarshalBinary(); err == nil {
			most = max(most, len(b))
		}
	}
	return sizeOf("a series, saved", most, 1)
}

// liveSeries is how much the heap grows by many series, which does not depend on
// how many points they have.
func liveSeries(d Data) Size {
	const many, fed = 10_000, 100
	all := make([]*detect.Stream, many)
	before := heap()
	for i := range all {
		all[i] = new(detect.Stream)
		points := d.series[i%len(d.series)]
		for _, p := range points[:min(fed, len(points))] {
			all[i].Next(p.At, p.Value)
		}
	}
	grown := heap() - before
	runtime.KeepAlive(all)
	return sizeOf("a series, in memory", grown, many)
}

// templates are the miners of all logs, saved and in memory.
func templates(d Data) (saved, live Size) {
	before := heap()
	var miners []*template.Miner
	for _, lines := range d.logs {
		miners = append(miners, minerOf(lines))
	}
	grown := heap() - before
	count, bytes := 0, 0
	for _, m := range miners {
		count += len(m.Templates())
		if b, err := json.Marshal(m.Save()); err == nil {
			bytes += len(b)
		}
	}
	return sizeOf("a template of the logs, saved", bytes, count), sizeOf("a template of the logs, in memory", grown, count)
}

// longLines are enough to fill a miner.
const longLines = template.DefaultLimit * 5 / 4

// differentLines is the worst that can come to a miner: n lines that have nothing
// in common. What it keeps is bounded by the miner's default limit.
func differentLines(n, words, letters int) Size {
	lines := unlike(n, words, letters)
	before := heap()
	start := time.Now()
	m := template.New(0)
	for _, l := range lines {
		m.Add(l)
	}
	took := time.Since(start)
	grown := heap() - before
	kept, _ := m.Size()
	runtime.KeepAlive(lines)
	s := sizeOf(fmt.Sprintf("a template, after %d different lines of %d bytes", n, words*(letters+1)), grown, kept)
	s.Nanos = float64(took.Nanoseconds()) / float64(max(n, 1))
	return s
}

// unlike are lines of random words, always the same.
func unlike(n, words, letters int) [][]byte {
	r := rand.New(rand.NewPCG(3, 4)) //nolint:gosec // lines to measure with
	out := make([][]byte, n)
	for i := range out {
		line := make([]byte, 0, words*(letters+1))
		for range words {
			for range letters {
				line = append(line, 'a'+byte(r.IntN(26)))
			}
			line = append(line, ' ')
		}
		out[i] = line
	}
	return out
}

// heap is how much memory is reachable.
func heap() int {
	var s runtime.MemStats
	runtime.GC()
	runtime.GC() // what the first one only took out of pools
	runtime.ReadMemStats(&s)
	return int(s.HeapAlloc) //nolint:gosec // less than 2^63
}
