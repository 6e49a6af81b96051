package diagnose

// Weights are the log-odds that features add to a hypothesis.
type Weights struct {
	Version int                `json:"version"`
	Comment string             `json:"comment"`
	LogOdds map[string]float64 `json:"log_odds"`
}
