package nezha

import (
	"fmt"
	"io/fs"
	"math"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/bench"
)

// Panel reads the numbers of one case as they stand in its metrics files, for
// methods that rank by metrics alone: every metric of a service, those of its
// node left out.
func Panel(data fs.FS, id string) (bench.Panel, error) {
	specs, err := readSpecs(data)
	if err != nil {
		return bench.Panel{}, err
	}
	i := slices.IndexFunc(specs, func(s spec) bool { return s.id == id })
	if i < 0 {
		return bench.Panel{}, fmt.Errorf("%s: no case %q: see cases.csv", Name, id)
	}
	s := specs[i]
	var p bench.Panel
	if p.Candidates, err = readServices(data, s.system); err != nil {
		return bench.Panel{}, err
	}
	window, normal := table{}, table{}
	if err := window.read(data, "cases/"+s.id+"/metrics.csv.gz", s.alarm.Unix()); err != nil {
		return bench.Panel{}, err
	}
	if err := normal.read(data, "normal/"+s.normal+"/metrics.csv.gz", math.MinInt64); err != nil {
		return bench.Panel{}, err
	}
	for _, k := range window.order {
		p.Tracks = append(p.Tracks, bench.Track{Component: k.service, Metric: k.metric, Normal: normal.of[k], Window: window.of[k]})
	}
	return p, nil
}

type trackKey struct{ service, metric string }

// table holds the columns of a metrics file by service, in the order of the
// file; NaN stands where a cell is empty.
type table struct {
	order []trackKey
	of    map[trackKey][]float64
}

// read adds the rows from a moment on.
func (t *table) read(data fs.FS, name string, from int64) error {
	t.of = map[trackKey][]float64{}
	names := interner{}
	var metrics []string
	return eachRow(data, name, func(r row) error {
		if metrics == nil {
			metrics = serviceMetrics(r.columns)
		}
		at, err := r.seconds("ts")
		if err != nil || at.Unix() < from {
			return err
		}
		service := names.of(r.text("service"))
		for _, m := range metrics {
			k := trackKey{service, m}
			if t.of[k] == nil {
				t.order = append(t.order, k)
			}
			x, ok := finite(r.text(m))
			if !ok {
				x = math.NaN()
			}
			t.of[k] = append(t.of[k], x)
		}
		return nil
	})
}

// serviceMetrics are the columns of numbers about the service itself, in the
// order of the file.
func serviceMetrics(columns map[string]int) []string {
	var out []string
	for c := range columns {
		if c != "ts" && c != "service" && !strings.HasPrefix(c, "node_") {
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b string) int { return columns[a] - columns[b] })
	return out
}
