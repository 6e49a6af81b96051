package incident

import (
	"github.com/holdfast-sre/holdfast/internal/diagnose"
)

// Like is something that resembles an incident and may have been its answer once:
// an earlier incident, or a post-mortem, playbook entry, runbook or pattern of the
// knowledge repository. Its words are from outside.
type Like struct {
	Kind    string  `json:"kind"` // incident | playbook | runbook | pattern
	ID      string  `json:"id"`
	Title   string  `json:"title"`
	Section string  `json:"section,omitempty"`
	Repo    string  `json:"repo,omitempty"` // empty for an earlier incident, and where there is one folder
	Path    string  `json:"path,omitempty"` // empty for an earlier incident
	Line    int     `json:"line,omitempty"`
	Score   float64 `json:"score"` // in [0,1]
	Why     string  `json:"why"`
}

// Stored reports whether it is an incident on record here.
func (l Like) Stored() bool { return l.Path == "" }

// SameCause is how likely two incidents had the same cause: 0 unless the leading
// hypotheses of both name the same component and the same fault, or the same class
// where one knows no fault; then the probability that both are right. The same
// component alone, or the same fault alone, says nothing.
func SameCause(a, b Incident) float64 {
	x, ok := diagnose.Diagnosis{Hypotheses: a.Hypotheses}.Top()
	y, known := diagnose.Diagnosis{Hypotheses: b.Hypotheses}.Top()
	switch {
	case !ok || !known, x.CauseClass != y.CauseClass, x.CauseClass == diagnose.Healthy, x.Component == "" || x.Component != y.Component:
		return 0
	case x.Fault != "" && y.Fault != "" && x.Fault != y.Fault:
		return 0
	}
	return x.Probability * y.Probability
}
