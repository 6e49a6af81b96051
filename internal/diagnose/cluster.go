package diagnose

import (
	"github.com/holdfast-sre/holdfast/internal/cluster"
	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// clusterPriors are the hand-set log-odds of the features of this file.
var clusterPriors = priors{}

type clusterView struct {
	item  evidence.Item
	state cluster.State
}

func (v *view) readCluster(it evidence.Item) error {
	d, err := evidence.Decode[cluster.State](it)
	if err != nil {
		return err
	}
	v.clusters = append(v.clusters, clusterView{it, d})
	return nil
}

// clusterFaults turns the state of a cluster into votes.
func clusterFaults(v *view, cs *candidates) {}
