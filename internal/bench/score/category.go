package score

import (
	"strings"

	"github.com/holdfast-sre/holdfast/internal/bench"
)

// healthyLabel marks the cases in which nothing is wrong.
const healthyLabel = "healthy"

// categories scores one category and a report a case. A full pass has the
// category right, every required and ruling-out keyword in the report, and
// nothing forbidden. A false alarm is a healthy case that was called anything
// else.
func categories() measure {
	return measure{
		cases:  []string{"suite"},
		labels: []string{"root_cause_category", "required_keywords", "ruling_out_keywords", "forbidden_keywords", "forbidden_categories"},
		truth:  []string{"root_cause_category"},
		always: func(order []string) bench.Prediction { return bench.Prediction{Category: order[0]} },
		order:  []string{allGroup},
		groups: func(r row) []string { return []string{allGroup, r.of["suite"]} },
		sum:    sumCategories,
		right:  rightCategory,
		first:  func(p bench.Prediction) string { return p.Category },
	}
}

func sumCategories(rows []row) []Measure {
	var right, full, alarms float64
	healthy := 0
	for _, r := range rows {
		right += one(rightCategory(r))
		full += one(fullPass(r))
		if r.of["root_cause_category"] == healthyLabel {
			healthy++
			alarms += one(!rightCategory(r))
		}
	}
	n := float64(max(len(rows), 1))
	return []Measure{
		{Name: "category accuracy", Value: right / n},
		{Name: "full pass", Value: full / n},
		{Name: "false alarms", Value: alarms, Of: max(healthy, 1)},
	}
}

func category(r row) string { return strings.ToLower(strings.TrimSpace(r.prediction.Category)) }

func rightCategory(r row) bool { return category(r) == r.of["root_cause_category"] }

func fullPass(r row) bool {
	report := strings.ToLower(r.prediction.Report)
	if !rightCategory(r) {
		return false
	}
	for _, k := range append(words(r.of["required_keywords"]), words(r.of["ruling_out_keywords"])...) {
		if !strings.Contains(report, k) {
			return false
		}
	}
	for _, k := range words(r.of["forbidden_keywords"]) {
		if strings.Contains(report, k) {
			return false
		}
	}
	for _, c := range words(r.of["forbidden_categories"]) {
		if category(r) == c {
			return false
		}
	}
	return true
}

// words reads a cell of words between bars.
func words(cell string) []string {
	var out []string
	for w := range strings.SplitSeq(strings.ToLower(cell), "|") {
		if w != "" {
			out = append(out, w)
		}
	}
	return out
}
