package score

import (
	"cmp"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/bench"
)

// Majority predicts for every case what the labels of this very part say most
// often: the simple baseline that any method has to beat. It sees the truth,
// which flatters it.
func Majority(set string, data fs.FS) (map[string]bench.Prediction, error) {
	m, ok := measures()[set]
	if !ok {
		return nil, unknownSet(set)
	}
	rows, err := read(data, m, nil)
	if err != nil {
		return nil, err
	}
	count := map[string]int{}
	for _, r := range rows {
		count[r.truth(m.truth)]++
	}
	order := slices.SortedFunc(maps.Keys(count), func(a, b string) int {
		return cmp.Or(cmp.Compare(count[b], count[a]), cmp.Compare(a, b))
	})
	out := map[string]bench.Prediction{}
	for _, r := range rows {
		p := m.always(order)
		p.CaseID = r.id
		out[r.id] = p
	}
	return out, nil
}

// truth is what the columns of the truth say, in one string.
func (r row) truth(columns []string) string {
	var out []string
	for _, c := range columns {
		out = append(out, r.of[c])
	}
	return strings.Join(out, " ")
}

func unknownSet(set string) error {
	return fmt.Errorf("no measure is known for %q: want one of %s", set, strings.Join(Sets(), ", "))
}
