// Package diagnose turns evidence and catalog into ranked hypotheses whose
// probabilities leave room for "unknown". Pure: same input, same output, no I/O.
package diagnose

import (
	"time"

	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/signal"
)

// Basis says what a probability rests on.
type Basis string

// The bases. BasisEvidence never exceeds .90: nobody measured how often such an
// answer is right. BasisRunbook may: at least two independent diagnostic facts
// confirm and one excludes the strongest rival. BasisCalibrated may: answers
// from evidence of the same kinds were compared with the truth in labelled
// cases, and are right as often as the probability says.
const (
	BasisEvidence   Basis = "evidence"
	BasisRunbook    Basis = "runbook"
	BasisCalibrated Basis = "calibrated"
)

// Hypothesis is a possible cause.
type Hypothesis struct {
	ID              string     `json:"id"` // h1, h2, … by rank; "unknown" last
	CauseClass      CauseClass `json:"cause_class"`
	Fault           Fault      `json:"fault,omitempty"` // finer than the class, from a closed list; see Faults
	Mechanism       string     `json:"mechanism"`       // one sentence with the numbers
	Component       string     `json:"component"`       // service
	Probability     float64    `json:"probability"`
	Basis           Basis      `json:"basis"`
	EvidenceFor     []string   `json:"evidence_for"`
	EvidenceAgainst []string   `json:"evidence_against"`
	CheckNext       []string   `json:"check_next"`
}

// Input is what a diagnosis rests on.
type Input struct {
	Catalog     *catalog.Catalog
	Environment string
	Affected    []string // services named by the incident's signals
	FirstSignal time.Time
	Now         time.Time
	Items       []evidence.Item
	Findings    []Finding // from runbook diagnostics
	// Signals are the incident's own, as they were sent. Their text is from
	// outside; which objects their labels name counts, to see whether these exist.
	Signals []signal.Signal
}

// Finding is what a runbook's facts prove or exclude about a cause.
type Finding struct {
	Runbook    string
	CauseClass CauseClass
	Component  string
	Confirmed  []Proof // conditions that hold
	Missed     []Proof // conditions that were evaluated and do not hold
	// Excludes are rivals that a fact rules out.
	Excludes []Exclusion
}

// Proof is one condition over facts, the diagnostics that it rests on, and the
// evidence that they left.
type Proof struct {
	Expr        string
	Diagnostics []string
	Evidence    []string
}

// Exclusion rules a rival out.
type Exclusion struct {
	CauseClass CauseClass
	Component  string // empty = any
	Proof      Proof
}

// Diagnosis is the outcome. Hypotheses descend by probability, "unknown" is
// last, and the probabilities sum to 1.
type Diagnosis struct {
	Hypotheses []Hypothesis `json:"hypotheses"`
	Onset      time.Time    `json:"onset"`    // zero when no change point was found
	Abnormal   []Abnormal   `json:"abnormal"` // services out of their usual band, earliest first
	Missing    []string     `json:"missing"`  // sources that did not answer
	// Observed is what the checks saw, RuledOut what they looked for and did not
	// find: both in words with the numbers.
	Observed []Observation `json:"observed,omitempty"`
	RuledOut []Observation `json:"ruled_out,omitempty"`
	// Components ranks every suspected component, also those whose hypotheses
	// are too unlikely to be listed. Descending.
	Components []Suspect `json:"-"`
}

// Observation is one thing that was checked, in a sentence, with the evidence
// that it rests on.
type Observation struct {
	Text     string   `json:"text"`
	Evidence []string `json:"evidence,omitempty"`
}

// Suspect is a component with the sum of the probabilities of the causes in it.
type Suspect struct {
	Component   string  `json:"component"`
	Probability float64 `json:"probability"`
}

// Abnormal is a service with a signal out of its usual band.
type Abnormal struct {
	Service    string    `json:"service"`
	Onset      time.Time `json:"onset"`
	Signal     string    `json:"signal"`
	Score      float64   `json:"score"` // robust deviations
	UserFacing bool      `json:"user_facing"`
}

// Top returns the leading hypothesis that is not "unknown"; ok is false when
// there is none.
func (d Diagnosis) Top() (h Hypothesis, ok bool) {
	if len(d.Hypotheses) == 0 || d.Hypotheses[0].CauseClass == Unknown {
		return Hypothesis{}, false
	}
	return d.Hypotheses[0], true
}

// Blames is how sure the diagnosis is that something is broken: the larger of
// its first cause and its first component, 0 when nothing is at fault.
func (d Diagnosis) Blames() float64 {
	p := 0.0
	if h, ok := d.Top(); ok && h.CauseClass != Healthy {
		p = h.Probability
	}
	if len(d.Components) > 0 {
		p = max(p, d.Components[0].Probability)
	}
	return p
}
