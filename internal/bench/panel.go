package bench

// Panel is one case as methods see it that rank components by metrics alone.
// An adapter hands over the numbers of its files as they are.
type Panel struct {
	Candidates []string // every component that may be ranked, in the set's order
	Calls      []Call   // empty = no call graph comes with the set
	Target     string   // the component that alarmed; empty = the set names none
	Tracks     []Track  // in the order of the file
}

// Call is a caller and what it calls.
type Call struct{ Caller, Callee string }

// Track is one metric of one component. NaN stands where there is no sample.
type Track struct {
	Component string
	Metric    string
	Target    bool      // the metric that alarmed; true for the same metric of other components, too
	Falls     bool      // a fall is what is bad, as with availability
	Normal    []float64 // fault-free operation; empty = none recorded ("cold start")
	Window    []float64 // from the alarm on; the rows of all tracks of a panel with Calls are the same moments
}
