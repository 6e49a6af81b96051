package diagnose

// Reading is one measured number beside what is usual.
type Reading struct {
	Value float64
	Usual float64
	Known bool // false = no fresh measurement; Value and Usual are 0
}

// Measured is what users of one service notice, measured: the input of
// measured severity (see incident). Shares are 0…1.
type Measured struct {
	Service      string
	Tier         int // from the catalog; 0 = not in it
	UserFacing   bool
	FailingShare Reading // share of requests
	P99          Reading // seconds
	Traffic      Reading // requests per second
	BurnRate     float64 // of the tightest SLO on errors or availability; 0 = none known
	Down         bool    // no instance runs, or its usual traffic is gone
	OutOfBand    bool    // latency, errors or traffic out of the usual band
	Evidence     []string
}
