package diagnose

import (
	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// tracesPriors are the hand-set log-odds of the features of this file.
var tracesPriors = priors{}

type tracesView struct {
	item   evidence.Item
	traces evidence.Traces
}

func (v *view) readTraces(it evidence.Item) error {
	d, err := evidence.Decode[evidence.Traces](it)
	if err != nil {
		return err
	}
	v.traces = append(v.traces, tracesView{it, d})
	return nil
}

// spans turns spans of requests into votes.
func spans(v *view, cs *candidates) {}
