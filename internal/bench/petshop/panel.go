package petshop

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/bench"
)

// Panel reads the numbers of one case as they stand in its files, for methods
// that rank by metrics alone. A cold start has no normal operation in it.
func Panel(data fs.FS, id string) (bench.Panel, error) {
	cs, err := Cases(data)
	if err != nil {
		return bench.Panel{}, err
	}
	i := slices.IndexFunc(cs, func(c Case) bool { return c.ID == id })
	if i < 0 {
		return bench.Panel{}, fmt.Errorf("case %q is not in cases.csv", id)
	}
	c := cs[i]
	window, err := ReadTable(data, "cases/"+c.ID+".csv.gz")
	if err != nil {
		return bench.Panel{}, err
	}
	normal := Table{}
	if c.HasNormal {
		if normal, err = ReadTable(data, "normal/"+c.Scenario+".csv.gz"); err != nil {
			return bench.Panel{}, err
		}
	}
	nodes, err := readRows(data, "topology/"+c.Scenario+".nodes.csv", "node")
	if err != nil {
		return bench.Panel{}, err
	}
	calls, err := readRows(data, "topology/"+c.Scenario+".csv", "caller", "callee")
	if err != nil {
		return bench.Panel{}, err
	}
	p := bench.Panel{Target: c.Target, Tracks: tracks(c, window, normal)}
	for _, r := range nodes {
		p.Candidates = append(p.Candidates, r.field["node"])
	}
	for _, r := range calls {
		p.Calls = append(p.Calls, bench.Call{Caller: r.field["caller"], Callee: r.field["callee"]})
	}
	return p, nil
}

// alarmStatistic is the one that alarms are set on.
const alarmStatistic = "Average"

func tracks(c Case, window, normal Table) []bench.Track {
	var out []bench.Track
	for _, col := range window.Columns {
		parts := strings.Split(col, "|")
		if len(parts) != 3 || !slices.Contains(normal.Columns, col) && c.HasNormal {
			continue
		}
		out = append(out, bench.Track{
			Component: parts[0], Metric: parts[1] + " " + parts[2],
			Target: parts[1] == c.Metric && parts[2] == alarmStatistic,
			Falls:  parts[1] == "availability",
			Normal: normal.Values(col), Window: window.Values(col),
		})
	}
	return out
}
