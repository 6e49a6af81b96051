package fit

import (
	"cmp"
	"slices"
)

// Folds is in how many parts the cases are held back, one after the other.
const Folds = 5

// assign gives every case its fold: all cases of one culprit the same, and of
// each set about as many to each. Large groups first, each to the fold that
// has the fewest of its set so far.
func assign(cases []Case) {
	type group struct {
		name, set string
		cases     []int
	}
	byName := map[string]int{}
	var groups []group
	for i, c := range cases {
		name := c.culprit()
		j, ok := byName[name]
		if !ok {
			j = len(groups)
			byName[name] = j
			groups = append(groups, group{name: name, set: c.Set})
		}
		groups[j].cases = append(groups[j].cases, i)
	}
	slices.SortFunc(groups, func(a, b group) int {
		return cmp.Or(cmp.Compare(a.set, b.set), cmp.Compare(len(b.cases), len(a.cases)), cmp.Compare(a.name, b.name))
	})
	filled := map[string]*[Folds]int{}
	for _, g := range groups {
		n := filled[g.set]
		if n == nil {
			n = &[Folds]int{}
			filled[g.set] = n
		}
		least := 0
		for f := range n {
			if n[f] < n[least] {
				least = f
			}
		}
		n[least] += len(g.cases)
		for _, i := range g.cases {
			cases[i].fold = least
		}
	}
}
