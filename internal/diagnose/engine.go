package diagnose

// Engine ranks causes. It is immutable and safe for concurrent use.
type Engine struct {
	w Weights
}

// New returns an engine with the given weights; see DefaultWeights.
func New(w Weights) *Engine { return &Engine{w: w} }
