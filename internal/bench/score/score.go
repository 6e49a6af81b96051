// Package score tells how good predictions are: its own implementation of the
// measures that the benchmark sets define. It reads the case list and the
// labels, which prediction never sees.
package score

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/bench"
	"github.com/holdfast-sre/holdfast/internal/diagnose/calibration"
)

// Report is the outcome of one prediction file.
type Report struct {
	Set      string  `json:"set"`
	Cases    int     `json:"cases"`    // of the set; one without a prediction is a miss
	Answered int     `json:"answered"` // cases with a prediction that names anything
	Groups   []Group `json:"groups"`   // the headline first
	// Misses are the cases whose first answer is wrong or missing, in the order of
	// the case list.
	Misses []Miss `json:"misses"`
	// Calibration says what the probabilities of all cases were worth; that of a
	// case without a prediction is 0.
	Calibration calibration.Report `json:"calibration"`
	// Claims are the probabilities with what came true, in the order of the cases.
	Claims []calibration.Prediction `json:"-"`
}

// Miss is one case with what was said and what is true; Said is empty where
// nothing was.
type Miss struct {
	Case        string  `json:"case_id"`
	Said        string  `json:"said"`
	Truth       string  `json:"truth"`
	Probability float64 `json:"probability"`
}

// Group is a part of the cases, or all.
type Group struct {
	Name     string    `json:"name"`
	Cases    int       `json:"cases"`
	Measures []Measure `json:"measures"`
}

// Measure is one figure of a group: a share from 0 to 1, points of a hundred, or
// a count out of Of.
type Measure struct {
	Name      string  `json:"name"`
	Value     float64 `json:"value"`
	Of        int     `json:"of,omitempty"`
	OfHundred bool    `json:"of_hundred,omitempty"`
}

// Get returns a measure by name; ok is false when the group has none of it.
func (g Group) Get(name string) (value float64, ok bool) {
	for _, m := range g.Measures {
		if m.Name == name {
			return m.Value, true
		}
	}
	return 0, false
}

// Group returns a group by name.
func (r Report) Group(name string) (g Group, ok bool) {
	for _, g := range r.Groups {
		if g.Name == name {
			return g, true
		}
	}
	return Group{}, false
}

// row is one case: its line of the case list, its labels and what was predicted.
type row struct {
	id         string
	of         map[string]string // the case list and the labels, by column
	prediction bench.Prediction
}

// measure is how a set is scored.
type measure struct {
	cases  []string                              // columns of the case list that it needs
	labels []string                              // columns of the labels
	truth  []string                              // of them those with the right answer
	always func(order []string) bench.Prediction // an answer by how frequent truths are
	groups func(row) []string                    // that a case belongs to
	order  []string                              // groups that come first
	sum    func([]row) []Measure                 // of one group
	right  func(row) bool                        // whether the first answer is
	first  func(bench.Prediction) string         // the first answer; empty when there is none
}

// measures by set. Columns are those of the sets' own files.
func measures() map[string]measure {
	return map[string]measure{
		"petshop":       petshop(),
		"nezha":         nezha(),
		"cloudops":      objectAndCause(),
		"opensre-synth": categories(),
	}
}

func petshop() measure {
	m := ranked("root_node")
	m.cases = []string{"scenario", "target_metric", "has_normal"}
	m.order = []string{coreGroup, allGroup}
	m.groups = func(r row) []string {
		scenario, _, _ := strings.Cut(r.of["scenario"], "_")
		of := []string{allGroup, scenario + "/" + r.of["target_metric"]}
		if r.of["has_normal"] == "1" {
			of = append(of, coreGroup)
		}
		return of
	}
	return m
}

func nezha() measure {
	m := ranked("root_service")
	m.cases = []string{"system"}
	m.labels = append(m.labels, "fault_type")
	m.order = []string{allGroup}
	m.groups = func(r row) []string {
		return []string{allGroup, r.of["system"], r.of["system"] + "/" + r.of["fault_type"]}
	}
	return m
}

// The groups that stand for a whole set.
const (
	coreGroup = "core"
	allGroup  = "all"
)

// Sets returns the names of the sets that can be scored, sorted.
func Sets() []string { return slices.Sorted(maps.Keys(measures())) }

// Cases returns the case IDs of a set's case list.
func Cases(data fs.FS) ([]string, error) {
	t, err := readTable(data, "cases.csv")
	if err != nil {
		return nil, err
	}
	return t.ids, nil
}

// Score scores predictions by case ID.
func Score(set string, data fs.FS, predictions map[string]bench.Prediction) (Report, error) {
	m, ok := measures()[set]
	if !ok {
		return Report{}, unknownSet(set)
	}
	rows, err := read(data, m, predictions)
	if err != nil {
		return Report{}, err
	}
	rep := Report{Set: set, Cases: len(rows), Misses: []Miss{}}
	parts := map[string][]row{}
	for _, r := range rows {
		said := m.first(r.prediction)
		if said != "" {
			rep.Answered++
		}
		if !m.right(r) {
			rep.Misses = append(rep.Misses, Miss{r.id, said, r.truth(m.truth), r.prediction.Probability})
		}
		rep.Claims = append(rep.Claims, calibration.Prediction{Probability: r.prediction.Probability, Right: m.right(r)})
		for _, g := range m.groups(r) {
			parts[g] = append(parts[g], r)
		}
	}
	for _, g := range inOrder(m.order, parts) {
		rep.Groups = append(rep.Groups, Group{Name: g, Cases: len(parts[g]), Measures: m.sum(parts[g])})
	}
	rep.Calibration = calibration.Measure(rep.Claims)
	return rep, nil
}

func inOrder(first []string, parts map[string][]row) []string {
	out := slices.DeleteFunc(slices.Clone(first), func(g string) bool { return len(parts[g]) == 0 })
	for _, g := range slices.Sorted(maps.Keys(parts)) {
		if !slices.Contains(out, g) {
			out = append(out, g)
		}
	}
	return out
}

// read joins case list, labels and predictions, in the order of the case list.
func read(data fs.FS, m measure, predictions map[string]bench.Prediction) ([]row, error) {
	cases, err := readTable(data, "cases.csv", m.cases...)
	if err != nil {
		return nil, err
	}
	labels, err := readTable(data, "labels.csv", m.labels...)
	if err != nil {
		return nil, err
	}
	rows := make([]row, 0, len(cases.ids))
	for i, id := range cases.ids {
		label, ok := labels.byID[id]
		if !ok {
			return nil, fmt.Errorf("cases.csv:%d: case %q has no label in labels.csv", i+2, id)
		}
		of := maps.Clone(cases.byID[id])
		maps.Copy(of, label)
		rows = append(rows, row{id: id, of: of, prediction: predictions[id]})
	}
	return rows, nil
}
