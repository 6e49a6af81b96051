package comparator

import (
	"context"
	"fmt"
	"time"

	"github.com/holdfast-sre/holdfast/internal/bench"
)

// Outcome is what one method said about the cases of a set.
type Outcome struct {
	Method      string
	Predictions map[string]bench.Prediction
	Times       []bench.Time // of the cases that it applies to
}

// Run ranks every case with every method, one at a time. load reads the panel
// of a case, once for all methods; step is called after each case. A case
// without normal operation is left without a prediction.
func Run(ctx context.Context, methods []Method, ids []string, load func(id string) (bench.Panel, error), step func(done, total int)) ([]Outcome, error) {
	out := make([]Outcome, len(methods))
	for i, m := range methods {
		out[i] = Outcome{Method: m.Name, Predictions: map[string]bench.Prediction{}}
	}
	for n, id := range ids {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("compare: %w", err)
		}
		start := time.Now()
		p, err := load(id)
		read := time.Since(start)
		if err != nil {
			return nil, fmt.Errorf("case %s: %w", id, err)
		}
		for i, m := range methods {
			if !applies(p) {
				continue
			}
			start = time.Now()
			ranking := m.Rank(p)
			out[i].Times = append(out[i].Times, bench.Time{Read: read, Diagnose: time.Since(start)})
			out[i].Predictions[id] = bench.Prediction{CaseID: id, Ranking: ranking}
		}
		step(n+1, len(ids))
	}
	return out, nil
}
