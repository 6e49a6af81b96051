package score

import (
	"strings"

	"github.com/holdfast-sre/holdfast/internal/bench"
)

// maxPredictions of a case count; further ones are not looked at.
const maxPredictions = 3

// objectAndCause scores pairs of faulty object and cause: CA the object is
// right, FA the cause, JRA both, each of the first prediction; JRA@3 both in
// any of three.
func objectAndCause() measure {
	return measure{
		cases:  []string{"system"},
		labels: []string{"fault_object", "root_cause"},
		truth:  []string{"fault_object", "root_cause"},
		always: alwaysPairs,
		order:  []string{allGroup},
		groups: func(r row) []string { return []string{allGroup, r.of["system"]} },
		sum: func(rows []row) []Measure {
			var object, cause, both, any float64
			for _, r := range rows {
				object += one(firstPair(r).object)
				cause += one(firstPair(r).cause)
				both += one(firstPair(r).both())
				any += one(anyPair(r))
			}
			n := float64(max(len(rows), 1))
			return []Measure{{Name: "CA", Value: object / n}, {Name: "FA", Value: cause / n}, {Name: "JRA", Value: both / n}, {Name: "JRA@3", Value: any / n}}
		},
		right: func(r row) bool { return firstPair(r).both() },
		first: func(p bench.Prediction) string {
			if len(p.Predictions) == 0 {
				return ""
			}
			return p.Predictions[0].FaultObject + " " + p.Predictions[0].RootCause
		},
	}
}

// pair says which half of a prediction is right.
type pair struct{ object, cause bool }

func (p pair) both() bool { return p.object && p.cause }

func judge(p bench.ObjectCause, r row) pair {
	return pair{same(p.FaultObject, r.of["fault_object"]), same(p.RootCause, r.of["root_cause"])}
}

func firstPair(r row) pair {
	if len(r.prediction.Predictions) == 0 {
		return pair{}
	}
	return judge(r.prediction.Predictions[0], r)
}

func anyPair(r row) bool {
	for i, p := range r.prediction.Predictions {
		if i < maxPredictions && judge(p, r).both() {
			return true
		}
	}
	return false
}

func same(a, b string) bool {
	return strings.EqualFold(strings.TrimSpace(a), strings.TrimSpace(b))
}

func one(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// alwaysPairs names the most frequent pairs.
func alwaysPairs(order []string) bench.Prediction {
	var p bench.Prediction
	for _, truth := range order[:min(maxPredictions, len(order))] {
		object, cause, _ := strings.Cut(truth, " ")
		p.Predictions = append(p.Predictions, bench.ObjectCause{FaultObject: object, RootCause: cause})
	}
	return p
}
