package diagnose

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// Feature names one kind of observation that speaks for or against a cause.
type Feature string

type feature = Feature

// The features; weights.json gives each its log-odds.
const (
	fExhausted      feature = "saturation_exhausted"    // a resource is used up
	fRisen          feature = "saturation_risen"        // its use is out of the usual band
	fHolder         feature = "holder_majority"         // the component holds most of it
	fHolderFirst    feature = "holder_rose_first"       // and rose before the others failed
	fVictims        feature = "victims_fail"            // others that share it fail
	fNoProgress     feature = "no_progress"             // every worker busy, nothing completes
	fBacklog        feature = "backlog_grows"           // work waits and grows
	fProgress       feature = "progress_goes_on"        // every worker busy, work completes
	fLeak           feature = "leak_steady"             // steady climb without a jump
	fErrorClass     feature = "error_class"             // new log lines name the mechanism
	fCodeFault      feature = "code_fault"              // new panics, null dereferences, type errors
	fRestarts       feature = "restarts"                // the process restarts again and again
	fOOM            feature = "killed_for_memory"       // the runtime says so
	fChangeNear     feature = "change_near"             // a change shortly before the onset
	fChangeRecorded feature = "change_recorded"         // the runtime itself recorded it
	fChangeAfter    feature = "change_after_onset"      // the change came after the onset
	fTrafficUp      feature = "traffic_up"              // more requests than usual, first
	fAbnormal       feature = "component_abnormal"      // its own signals are out of band
	fInBand         feature = "component_healthy"       // its own signals are in band
	fDown           feature = "component_down"          // no instance runs
	fDepAbnormal    feature = "dependency_abnormal"     // abnormal where others depend on it
	fAlert          feature = "alert_on_component"      // another alert names it
	fFirst          feature = "abnormal_first"          // abnormal before what it should explain
	fLater          feature = "abnormal_later"          // abnormal after what it should explain
	fExplains       feature = "explains_affected"       // what it would break is broken
	fExplainsNone   feature = "explains_nothing"        // nothing affected depends on it
	fExplained      feature = "explained_by_dependency" // it is a symptom of what it depends on
	fMechanism      feature = "mechanism_known"         // a more specific cause on the same component
	fAllInBand      feature = "all_in_band"             // everything measured is usual
	fStillAlerting  feature = "still_alerting"          // other alerts fire
	fProof          feature = "proof_confirmed"         // a runbook's condition holds
	fMissed         feature = "proof_missed"            // a runbook's condition does not hold
	fExcluded       feature = "excluded"                // a runbook's fact rules it out
	fUnknown        feature = "unknown"                 // what nothing explains
	fUnknownMissing feature = "unknown_source_missing"  // per source that did not answer
	fUnknownStale   feature = "unknown_stale"           // per source with stale samples
)

// corePriors are the hand-set log-odds of the features above.
var corePriors = priors{
	fExhausted: 2.6, fRisen: 0.6, fHolder: 1.2, fHolderFirst: 0.6, fVictims: 0.8, fNoProgress: 2.2,
	fBacklog: 0.8, fProgress: -1.8, fLeak: 2.4, fErrorClass: 1.4, fCodeFault: 0.9, fRestarts: 0.8, fOOM: 2.6,
	fChangeNear: 1.9, fChangeRecorded: 1.1, fChangeAfter: -3.0, fTrafficUp: 2.4, fAbnormal: 0.6, fInBand: -2.0,
	fDown: 2.6, fDepAbnormal: 1.2, fAlert: 0.4, fFirst: 0.7, fLater: -1.2, fExplains: 1.0, fExplainsNone: -2.5,
	fExplained: -1.6, fMechanism: -1.3, fAllInBand: 3.2, fStillAlerting: -1.5,
	fProof: 1.9, fMissed: -1.9, fExcluded: -4.0,
	fUnknown: 0.0, fUnknownMissing: 0.8, fUnknownStale: 0.4,
}

// Where learning starts; hand-set like the log-odds.
const (
	handPrior       = -1.5
	handTemperature = 1.3
)

// priors are hand-set log-odds of features, from which learning starts: a file
// of rules declares its own, and allPriors lists them. Their sign is what the
// mechanism says, and learning does not turn it.
type priors map[feature]float64

func allPriors() []priors {
	return []priors{corePriors, noEffectPriors, clusterPriors, tracesPriors, usagePriors, noveltyPriors, seriesPriors, databasePriors, healthyPriors, containersPriors, delayPriors, nodePriors}
}

// Weights are the log-odds that each feature adds to a cause, before a softmax
// over all causes and "unknown". They are data: versioned, in the repository.
type Weights struct {
	Version int    `json:"version"`
	Comment string `json:"comment"`
	// Temperature divides every score, because features that come from the same
	// fault are not independent; at least 1.
	Temperature float64 `json:"temperature"`
	// Prior is where every cause starts, in log-odds against "unknown".
	Prior   float64             `json:"prior"`
	LogOdds map[Feature]float64 `json:"log_odds"`
}

// HandWeights returns the weights that people set from the mechanisms, before
// any data was seen.
func HandWeights() Weights {
	w := Weights{
		Version: 1, Comment: "Set by hand from the mechanisms; not learnt.",
		Temperature: handTemperature, Prior: handPrior, LogOdds: map[Feature]float64{},
	}
	for _, ps := range allPriors() {
		maps.Copy(w.LogOdds, ps)
	}
	return w
}

//go:embed weights.json
var weightsJSON []byte

// DefaultWeights returns the weights that come with the program.
func DefaultWeights() Weights {
	w, err := ParseWeights(weightsJSON)
	if err != nil {
		panic(err) // the embedded file is part of the program; a test reads it
	}
	return w
}

// ParseWeights reads a weights file. A feature that it leaves out keeps its
// hand-set number; one that the engine does not know is an error.
func ParseWeights(b []byte) (Weights, error) {
	w := HandWeights()
	known := len(w.LogOdds)
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&w); err != nil {
		return Weights{}, fmt.Errorf("weights: %w", err)
	}
	if w.Temperature < 1 {
		return Weights{}, fmt.Errorf("weights: temperature is %v: use 1 or more", w.Temperature)
	}
	if len(w.LogOdds) != known {
		strange := slices.Sorted(maps.Keys(w.LogOdds))
		hand := HandWeights()
		strange = slices.DeleteFunc(strange, func(f Feature) bool { _, ok := hand.LogOdds[f]; return ok })
		return Weights{}, fmt.Errorf("weights: no rule knows the features %v: fit again, or take them out", strange)
	}
	return w, nil
}
