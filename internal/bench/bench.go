// Package bench measures the engine on prepared public data: it reads cases,
// runs the production engine on them, writes predictions, and scores them.
// A set lives in a package of its own below this one and only parses: what a
// benchmark calls a cause is a mapping there and nowhere else.
package bench

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/diagnose"
)

// Set is one benchmark. Its functions are safe for concurrent use.
type Set struct {
	Name string
	// Cases lists the IDs of the cases in the order of the set's case list.
	Cases func(data fs.FS) ([]string, error)
	// Load reads one case as the engine's input. data is blind to the truth.
	Load func(data fs.FS, id string) (diagnose.Input, error)
	// Answer turns a diagnosis into the prediction that the set asks for;
	// CaseID is filled in by the caller.
	Answer func(in diagnose.Input, d diagnose.Diagnosis) Prediction
	// Truths reads the labels, for scoring and fitting only.
	Truths func(data fs.FS) (map[string]Truth, error)
	// Right reports whether a hypothesis names what the truth names, in the
	// measure of the set (the component; for cloudops object and cause).
	Right func(h diagnose.Hypothesis, t Truth) bool
	// Panel reads the metrics of one case for methods that know nothing else; nil
	// for a set without metrics that such methods could rank by.
	Panel func(data fs.FS, id string) (Panel, error)
}

// Truth is the label of one case. Fields hold the columns of the set's labels
// by name; Group is what results are also shown by (system, suite).
type Truth struct {
	ID     string
	Group  string
	Fields map[string]string
}

// Prediction is one line of a prediction file; each set uses its fields.
type Prediction struct {
	CaseID      string        `json:"case_id"`
	Ranking     []string      `json:"ranking,omitempty"`
	Predictions []ObjectCause `json:"predictions,omitempty"` // up to 3
	Category    string        `json:"root_cause_category,omitempty"`
	Report      string        `json:"report,omitempty"`
	// Probability is the calibrated probability that the first answer is right;
	// 0 when the answer is "unknown".
	Probability float64 `json:"probability"`
}

// ObjectCause names a faulty object and what is wrong with it.
type ObjectCause struct {
	FaultObject string `json:"fault_object"`
	RootCause   string `json:"root_cause"`
}

// Blind shows prediction the cases and what they came with, and nothing else: no
// labels, no truth, no published figures, no file of a set that nobody has
// thought of. Opening another is an error, not an empty file.
func Blind(data fs.FS) fs.FS { return blindFS{data} }

type blindFS struct{ fs.FS }

// shown is what prediction may read of a folder of data. Below it, what is
// called like the truth stays hidden.
var (
	shown  = []string{"cases.csv", "cases", "normal", "topology", "data", "logs"}
	hidden = []string{"labels.csv", "truth", "windows.json", "anomalies.json", "published.csv", "readme.md"}
)

func (b blindFS) Open(name string) (fs.File, error) {
	clean := path.Clean(name)
	first, _, _ := strings.Cut(clean, "/")
	parts := strings.Split(strings.ToLower(clean), "/")
	if !slices.Contains(shown, first) || slices.ContainsFunc(parts, func(p string) bool { return slices.Contains(hidden, p) }) {
		return nil, fmt.Errorf("open %s: prediction must not read the truth: %w", name, fs.ErrPermission)
	}
	return b.FS.Open(name) //nolint:wrapcheck // the name is in the error already
}
