package comparator

import (
	"github.com/holdfast-sre/holdfast/internal/bench"
)

// The names of the methods.
const (
	madTraversal = "MAD traversal"
	madDeepest   = "MAD, deepest first"
	sigmaTarget  = "N-sigma, metric of the alarm"
	sigmaAll     = "N-sigma, all metrics"
	baroTarget   = "BARO scorer, metric of the alarm"
	baroAll      = "BARO scorer, all metrics"
)

// Methods returns what is compared on a set; nothing where no method that ranks
// by metrics applies. The variants are those that the figures are known for.
func Methods(set string) []Method {
	switch set {
	case "petshop":
		return []Method{
			{madTraversal, traversal{}.Rank},
			{madDeepest, traversal{deepest: true}.Rank},
			{sigmaTarget, robust{sigma: true, target: true}.Rank},
			{baroTarget, robust{target: true}.Rank},
			{baroAll, robust{}.Rank},
		}
	case "nezha":
		return []Method{
			{sigmaAll, robust{sigma: true, dropConstant: true, all: true}.Rank},
			{baroAll, robust{dropConstant: true, all: true}.Rank},
		}
	}
	return nil
}

// applies reports whether a panel has what methods need: normal operation to
// compare with.
func applies(p bench.Panel) bool {
	for _, t := range p.Tracks {
		if len(present(t.Normal)) > 0 {
			return true
		}
	}
	return false
}
