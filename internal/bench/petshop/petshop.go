// Package petshop reads the PetShop benchmark: metrics and the call graph of a
// small shop on AWS, with injected faults (Hardt et al., CLeaR 2024). It parses
// and maps names; it reasons about nothing.
package petshop

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/bench"
	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// step is the distance between two rows of every table.
const step = 5 * time.Minute

// Set returns the benchmark.
func Set() bench.Set {
	return bench.Set{Name: "petshop", Cases: caseIDs, Load: load, Answer: answer, Truths: truths, Right: right}
}

// Case is one line of cases.csv.
type Case struct {
	ID        string
	Scenario  string
	Target    string // the node whose alarm fired
	Metric    string // latency or availability
	Alarm     time.Time
	HasNormal bool // normal data of the scenario is there
}

// Cases reads cases.csv, in its order.
func Cases(data fs.FS) ([]Case, error) {
	rows, err := readRows(data, "cases.csv", "case_id", "scenario", "target_node", "target_metric", "alarm_ts", "has_normal")
	if err != nil {
		return nil, err
	}
	out := make([]Case, 0, len(rows))
	for _, r := range rows {
		at, err := seconds(r.field["alarm_ts"])
		if err != nil {
			return nil, fmt.Errorf("cases.csv:%d: alarm_ts: %w", r.line, err)
		}
		out = append(out, Case{
			ID: r.field["case_id"], Scenario: r.field["scenario"], Target: r.field["target_node"],
			Metric: r.field["target_metric"], Alarm: at, HasNormal: r.field["has_normal"] == "1",
		})
	}
	return out, nil
}

func caseIDs(data fs.FS) ([]string, error) {
	cs, err := Cases(data)
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(cs))
	for i, c := range cs {
		ids[i] = c.ID
	}
	return ids, nil
}

func load(data fs.FS, id string) (diagnose.Input, error) {
	cs, err := Cases(data)
	if err != nil {
		return diagnose.Input{}, err
	}
	i := slices.IndexFunc(cs, func(c Case) bool { return c.ID == id })
	if i < 0 {
		return diagnose.Input{}, fmt.Errorf("case %q is not in cases.csv", id)
	}
	return Load(data, cs[i])
}

// Load reads one case: its window as "now" and, where there is any, the normal
// data of its scenario as "before".
func Load(data fs.FS, c Case) (diagnose.Input, error) {
	window, err := ReadTable(data, "cases/"+c.ID+".csv.gz")
	if err != nil {
		return diagnose.Input{}, err
	}
	normal := Table{}
	if c.HasNormal {
		if normal, err = ReadTable(data, "normal/"+c.Scenario+".csv.gz"); err != nil {
			return diagnose.Input{}, err
		}
	}
	return Window(data, c, window, normal)
}

// Window makes the input of a case from any window of its scenario, also from
// one in which nothing is wrong.
func Window(data fs.FS, c Case, window, normal Table) (diagnose.Input, error) {
	cat, err := topology(data, c.Scenario)
	if err != nil {
		return diagnose.Input{}, err
	}
	in := diagnose.Input{
		Catalog: cat, Environment: "benchmark", Affected: []string{clean(c.Target)}, FirstSignal: c.Alarm, Now: c.Alarm,
	}
	if n := len(window.At); n > 0 {
		in.Now = window.At[n-1].Add(step)
	}
	if in.Items, err = items(c.ID, window, normal); err != nil {
		return diagnose.Input{}, fmt.Errorf("case %s: %w", c.ID, err)
	}
	return in, nil
}

// topology reads the nodes and calls of a scenario as a catalog. Title keeps a
// node's own name.
func topology(data fs.FS, scenario string) (*catalog.Catalog, error) {
	nodes, err := readRows(data, "topology/"+scenario+".nodes.csv", "node")
	if err != nil {
		return nil, err
	}
	calls, err := readRows(data, "topology/"+scenario+".csv", "caller", "callee")
	if err != nil {
		return nil, err
	}
	byName := map[string]*catalog.Service{}
	var names []string
	add := func(node string) *catalog.Service {
		name := clean(node)
		s, ok := byName[name]
		if !ok {
			s = service(node)
			byName[name] = s
			names = append(names, name)
		}
		return s
	}
	for _, r := range nodes {
		add(r.field["node"])
	}
	for _, r := range calls {
		from, to := add(r.field["caller"]), add(r.field["callee"])
		if from != to && !slices.Contains(from.DependsOn, to.Name) {
			from.DependsOn = append(from.DependsOn, to.Name)
		}
	}
	services := make([]catalog.Service, 0, len(names))
	for _, n := range names {
		services = append(services, *byName[n])
	}
	cat, err := catalog.New(services, nil)
	if err != nil {
		return nil, fmt.Errorf("topology of %s: %w", scenario, err)
	}
	return cat, nil
}

// service is a node as the catalog knows it. What runs in the account has a
// target; addresses and the provider's own endpoints have none.
func service(node string) *catalog.Service {
	s := &catalog.Service{Name: clean(node), Title: node, Owner: "benchmark", Tier: 3}
	if ours(node) {
		s.Targets = []catalog.Target{{Environment: "benchmark", Kind: "process", Name: s.Name}}
	}
	return s
}

// ours tells a node of the account from others by the type that AWS X-Ray
// writes behind its name: "remote" is an address that sends no segments, "client"
// the outside of a service, AWS::Service an endpoint of the provider, and
// AWS::Service::Resource something in the account.
func ours(node string) bool {
	i := strings.LastIndex(node, "_")
	kind := node[i+1:]
	switch {
	case kind == "remote", kind == "client":
		return false
	case strings.HasPrefix(kind, "AWS::"):
		return strings.Count(kind, "::") > 1
	}
	return true
}

// clean turns a node's name into one that a catalog accepts.
func clean(node string) string {
	var b strings.Builder
	for _, r := range node {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '_', r == '-':
			b.WriteRune(r)
		default:
			b.WriteByte('-')
		}
	}
	return strings.TrimLeft(b.String(), "-._")
}

// signals maps metric and statistic to what the engine calls them. Statistics
// that are not here are not read.
var signals = map[string]signal{
	"latency|Average":      {evidence.LatencyMean, "s", func(x float64) float64 { return x }},
	"latency|p50":          {evidence.LatencyP50, "s", func(x float64) float64 { return x }},
	"latency|p99":          {evidence.LatencyP99, "s", func(x float64) float64 { return x }},
	"availability|Average": {evidence.Errors, "ratio", func(x float64) float64 { return min(max(1-x/100, 0), 1) }},
	"requests|Sum":         {evidence.Traffic, "req/s", func(x float64) float64 { return x / step.Seconds() }},
}

type signal struct {
	golden evidence.Golden
	unit   string
	scale  func(float64) float64
}

// items makes one item of each column of the window.
func items(id string, window, normal Table) ([]evidence.Item, error) {
	var out []evidence.Item
	for _, col := range window.Columns {
		node, stat, ok := strings.Cut(col, "|")
		sig, known := signals[stat]
		if !ok || !known {
			continue
		}
		now, before := window.series(col, sig.scale), normal.series(col, sig.scale)
		if len(now.Points) == 0 && len(before.Points) == 0 {
			continue
		}
		it := evidence.Item{
			Kind: evidence.KindMetric, Collector: "petshop", Source: "petshop", Service: clean(node), Unit: sig.unit,
			Query: col, Strength: 1,
		}
		if n := len(window.At); n > 0 {
			it.From, it.To = window.At[0], window.At[n-1].Add(step)
		}
		it, err := it.WithID(id).Encode(evidence.Metric{Signal: sig.golden, Now: now, Before: before})
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", col, err)
		}
		out = append(out, it)
	}
	return out, nil
}

// answer ranks the nodes by their own names.
func answer(in diagnose.Input, d diagnose.Diagnosis) bench.Prediction {
	p := bench.Prediction{Ranking: []string{}}
	for i, s := range d.Components {
		if i == 0 {
			p.Probability = s.Probability
		}
		name := s.Component
		if e, ok := in.Catalog.Service(name); ok {
			name = e.Title
		}
		p.Ranking = append(p.Ranking, name)
	}
	return p
}

func truths(data fs.FS) (map[string]bench.Truth, error) {
	rows, err := readRows(data, "labels.csv", "case_id", "root_node", "fault_type")
	if err != nil {
		return nil, err
	}
	cs, err := Cases(data)
	if err != nil {
		return nil, err
	}
	group := map[string]string{}
	for _, c := range cs {
		group[c.ID] = "core"
		if !c.HasNormal {
			group[c.ID] = "cold start"
		}
	}
	out := map[string]bench.Truth{}
	for _, r := range rows {
		id := r.field["case_id"]
		if group[id] == "" {
			return nil, errors.New("labels.csv: case " + id + " is not in cases.csv")
		}
		out[id] = bench.Truth{ID: id, Group: group[id], Fields: r.field}
	}
	return out, nil
}

func right(h diagnose.Hypothesis, t bench.Truth) bool {
	return h.CauseClass != diagnose.Healthy && h.Component != "" && h.Component == clean(t.Fields["root_node"])
}
