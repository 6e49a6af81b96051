package comparator

import (
	"github.com/holdfast-sre/holdfast/internal/bench"
)

// Methods returns what is compared on a set; nothing where no method that ranks
// by metrics applies. The variants are those that the figures are known for.
func Methods(set string) []Method {
	switch set {
	case "petshop":
		return []Method{
			{"MAD traversal", traversal{}.Rank},
			{"MAD, deepest first", traversal{deepest: true}.Rank},
			{"N-sigma, metric of the alarm", robust{sigma: true, target: true}.Rank},
			{"BARO scorer, metric of the alarm", robust{target: true}.Rank},
			{"BARO scorer, all metrics", robust{}.Rank},
		}
	case "nezha":
		return []Method{
			{"N-sigma, all metrics", robust{sigma: true, dropConstant: true, all: true}.Rank},
			{"BARO scorer, all metrics", robust{dropConstant: true, all: true}.Rank},
		}
	}
	return nil
}

// Applies reports whether a panel has what a method needs: normal operation to
// compare with.
func Applies(p bench.Panel) bool {
	for _, t := range p.Tracks {
		if len(present(t.Normal)) > 0 {
			return true
		}
	}
	return false
}
