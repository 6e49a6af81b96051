package cluster

import (
	"maps"
	"slices"
)

// Compare numbers the values of secrets, so that it can be told which are
// equal without keeping one of them. values has the values of each secret by
// key, in the order of secrets. Numbers start at 1 and mean nothing else.
func Compare(secrets []Keyed, values []map[string]string) {
	groups := map[string]int{}
	for i := range min(len(secrets), len(values)) {
		secrets[i].Equal = nil
		for _, k := range slices.Sorted(maps.Keys(values[i])) {
			v := values[i][k]
			if groups[v] == 0 {
				groups[v] = len(groups) + 1
			}
			secrets[i].Equal = append(secrets[i].Equal, Equal{Name: k, Group: groups[v]})
		}
	}
}
