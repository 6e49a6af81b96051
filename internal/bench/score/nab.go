package score

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/holdfast-sre/holdfast/internal/bench"
)

// profile says what detections are worth (Lavin & Ahmad, "Evaluating Real-time
// Anomaly Detection Algorithms", ICMLA 2015, table 1). A window that is found is
// worth 1, the sooner the more.
type profile struct {
	name   string
	wrong  float64 // cost of a detection outside windows
	missed float64 // cost of a window that is not found
}

func profiles() []profile {
	return []profile{{"standard", 0.11, 1}, {"low-FP", 0.22, 1}, {"low-FN", 0.11, 2}}
}

const (
	probation    = 0.15 // share of a series that is not scored
	maxProbation = 750  // rows
)

// nabFile is one series with its windows.
type nabFile struct {
	file   string
	scores []float64
	window []int     // by row; -1 = outside
	place  []float64 // by row: what a detection there is worth, before costs
	live   int       // first row that is scored
	count  int       // windows
}

// nab scores detections by how early in a window they come. All rows with a
// score of at least bench.Alarm are detections; of a window only the best-placed
// one counts. A score of 100 finds every window at its first row and nothing
// else, 0 is what silence gets.
func nab(data, predictions fs.FS) ([]Group, error) {
	files, err := nabFiles(data, predictions)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(files))
	for i, f := range files {
		names[i] = f.file
	}
	groups := []Group{nabGroup(allGroup, files)}
	for _, part := range parts(names) {
		of := slices.DeleteFunc(slices.Clone(files), func(f nabFile) bool { return partOf(f.file) != part })
		groups = append(groups, nabGroup(part, of))
	}
	return groups, nil
}

func nabGroup(name string, files []nabFile) Group {
	g := Group{Name: name, Cases: len(files)}
	windows, found, outside, falsely := 0, 0, 0, 0
	for _, f := range files {
		windows += f.count
		hit := map[int]bool{}
		for i := f.live; i < len(f.scores); i++ {
			alarm := f.scores[i] >= bench.Alarm
			switch {
			case f.window[i] < 0:
				outside++
				if alarm {
					falsely++
				}
			case alarm:
				hit[f.window[i]] = true
			}
		}
		found += len(hit)
	}
	if windows > 0 {
		for _, p := range profiles() {
			g.Measures = append(g.Measures, Measure{Name: p.name, Value: p.score(files, bench.Alarm), OfHundred: true})
		}
		best := profiles()[0]
		g.Measures = append(g.Measures,
			Measure{Name: "best", Value: best.score(files, best.bestThreshold(files)), OfHundred: true},
			Measure{Name: "found", Value: float64(found), Of: windows})
	}
	g.Measures = append(g.Measures, Measure{Name: "false/1000", Value: 1000 * float64(falsely) / float64(max(outside, 1))})
	return g
}

// score is the normalised score at a threshold.
func (p profile) score(files []nabFile, threshold float64) float64 {
	raw, silent, windows := 0.0, 0.0, 0
	for _, f := range files {
		raw += p.raw(f, threshold)
		silent += p.raw(f, math.Inf(1))
		windows += f.count
	}
	return 100 * (raw - silent) / (float64(windows) - silent)
}

// raw is the score of one series before it is normalised.
func (p profile) raw(f nabFile, threshold float64) float64 {
	total := 0.0
	best := p.silent(f)
	for i := f.live; i < len(f.scores); i++ {
		if f.scores[i] < threshold {
			continue
		}
		if k := f.window[i]; k >= 0 {
			best[k] = max(best[k], f.place[i])
		} else {
			total += p.wrong * f.place[i]
		}
	}
	for _, k := range slices.Sorted(maps.Keys(best)) {
		total += best[k]
	}
	return total
}

// silent is what the windows that can be found cost when they are not.
func (p profile) silent(f nabFile) map[int]float64 {
	out := map[int]float64{}
	for i := f.live; i < len(f.scores); i++ {
		if k := f.window[i]; k >= 0 {
			out[k] = -p.missed
		}
	}
	return out
}

// bestThreshold tries every score that occurs.
func (p profile) bestThreshold(files []nabFile) float64 {
	type detection struct {
		score, worth float64
		file, window int
	}
	var all []detection
	best := make([]map[int]float64, len(files))
	total := 0.0
	for n, f := range files {
		best[n] = p.silent(f)
		total -= p.missed * float64(len(best[n]))
		for i := f.live; i < len(f.scores); i++ {
			worth := f.place[i]
			if f.window[i] < 0 {
				worth *= p.wrong
			}
			all = append(all, detection{f.scores[i], worth, n, f.window[i]})
		}
	}
	slices.SortStableFunc(all, func(a, b detection) int {
		switch {
		case a.score > b.score:
			return -1
		case a.score < b.score:
			return 1
		}
		return 0
	})
	threshold, most := math.Inf(1), total
	for i, d := range all {
		if d.window < 0 {
			total += d.worth
		} else if was := best[d.file][d.window]; d.worth > was {
			total += d.worth - was
			best[d.file][d.window] = d.worth
		}
		last := i+1 == len(all) || all[i+1].score != d.score
		if last && total > most {
			threshold, most = d.score, total
		}
	}
	return threshold
}

// nabFiles joins series, windows and predictions.
func nabFiles(data, predictions fs.FS) ([]nabFile, error) {
	names, err := listed(data)
	if err != nil {
		return nil, err
	}
	windows, err := readWindows(data)
	if err != nil {
		return nil, err
	}
	var out []nabFile
	for _, name := range names {
		rows, err := bench.Columns(data, "data/"+name+".gz", "timestamp")
		if err != nil {
			return nil, fmt.Errorf("series: %w", err)
		}
		f := nabFile{file: name, live: min(int(probation*float64(len(rows))), maxProbation), count: len(windows[name])}
		if f.scores, err = readScores(predictions, name, len(rows)); err != nil {
			return nil, err
		}
		if err := f.mark(rows, windows[name]); err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	return out, nil
}

func readWindows(data fs.FS) (map[string][][2]string, error) {
	b, err := fs.ReadFile(data, "windows.json")
	if err != nil {
		return nil, fmt.Errorf("windows: %w", err)
	}
	var out map[string][][2]string
	if err := json.Unmarshal(b, &out); err != nil {
		return nil, fmt.Errorf("windows.json: %w", err)
	}
	return out, nil
}

// mark says for every row in which window it lies and what a detection there is
// worth: from 1 at the left end of a window to 0 at its right end, and below 0
// outside, the less the nearer behind a window.
func (f *nabFile) mark(rows [][]string, windows [][2]string) error {
	first := map[string]int{}
	for i := len(rows) - 1; i >= 0; i-- {
		at, err := time.Parse(time.DateTime, rows[i][0])
		if err != nil {
			return fmt.Errorf("data/%s.gz:%d: %w", f.file, i+2, err)
		}
		first[at.Format(time.DateTime)] = i
	}
	var spans [][2]int
	for _, w := range windows {
		from, known := first[w[0]]
		to, also := first[w[1]]
		if !known || !also {
			return fmt.Errorf("windows.json: %s has no row at %s or %s", f.file, w[0], w[1])
		}
		spans = append(spans, [2]int{from, to})
	}
	slices.SortFunc(spans, func(a, b [2]int) int { return a[0] - b[0] })
	f.window, f.place = make([]int, len(rows)), make([]float64, len(rows))
	next, inside, last := 0, false, -1
	for i := range rows {
		f.window[i] = -1
		if !inside && next < len(spans) && i == spans[next][0] {
			inside = true
			next++
		}
		if !inside {
			f.place[i] = outsideWorth(i, last, spans)
			continue
		}
		k := next - 1
		width := float64(spans[k][1] - spans[k][0] + 1)
		f.window[i], f.place[i] = k, sigmoid(-float64(spans[k][1]-i+1)/width)/sigmoid(-1)
		if i == spans[k][1] {
			inside, last = false, k
		}
	}
	return nil
}

// outsideWorth is what a detection behind the window last costs; last < 0 =
// before any.
func outsideWorth(i, last int, spans [][2]int) float64 {
	if last < 0 {
		return -1
	}
	from, to := spans[last][0], spans[last][1]
	y := float64(i-to) / max(1e-9, float64(to-from))
	if y > 3 {
		return -1
	}
	return sigmoid(y)
}

func sigmoid(y float64) float64 { return 2/(1+math.Exp(5*y)) - 1 }
