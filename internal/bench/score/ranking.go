package score

import (
	"fmt"
	"slices"

	"github.com/holdfast-sre/holdfast/internal/bench"
)

// ranked scores rankings of components against the column that names the right
// one; its caller says which groups there are.
func ranked(truth string) measure {
	return measure{
		labels: []string{truth},
		truth:  []string{truth},
		always: func(names []string) bench.Prediction { return bench.Prediction{Ranking: names} },
		sum: func(rows []row) []Measure {
			ranks := make([]int, len(rows))
			for i, r := range rows {
				ranks[i] = rank(r.prediction.Ranking, r.of[truth])
			}
			return Ranking(ranks)
		},
		right: func(r row) bool { return rank(r.prediction.Ranking, r.of[truth]) == 1 },
		first: func(p bench.Prediction) string {
			if len(p.Ranking) == 0 {
				return ""
			}
			return p.Ranking[0]
		},
	}
}

// rank is the place of truth among the different names of a ranking, from 1;
// 0 when it is absent.
func rank(ranking []string, truth string) int {
	place := 0
	for i, name := range ranking {
		if slices.Contains(ranking[:i], name) {
			continue
		}
		place++
		if name == truth {
			return place
		}
	}
	return 0
}

// Ranking sums up the places of the true causes (from 1; 0 = not ranked):
// AC@k is the share with place <= k, Avg@5 the mean of AC@1 … AC@5, and MRR the
// mean of 1/place, 0 when absent.
func Ranking(places []int) []Measure {
	var within [6]int
	reciprocal := 0.0
	for _, p := range places {
		if p <= 0 {
			continue
		}
		reciprocal += 1 / float64(p)
		for k := p; k < len(within); k++ {
			within[k]++
		}
	}
	n := float64(max(len(places), 1))
	at := func(k int) float64 { return float64(within[k]) / n }
	var out []Measure
	for _, k := range []int{1, 3, 5} {
		out = append(out, Measure{Name: fmt.Sprintf("AC@%d", k), Value: at(k)})
	}
	return append(out,
		Measure{Name: "Avg@5", Value: (at(1) + at(2) + at(3) + at(4) + at(5)) / 5},
		Measure{Name: "MRR", Value: reciprocal / n})
}
