package comparator

import (
	_ "embed"
	"encoding/csv"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Tolerance is how far a measured figure may be from the one that is known.
const Tolerance = 0.02

// Kind says where a row of figures comes from.
type Kind string

// The kinds of references.
const (
	// Measured by the authors of the prepared set on the part of the named size,
	// with implementations of their own.
	Measured Kind = "measured"
	// Published for a whole set, of which the part here is a sample.
	Published Kind = "published"
)

// Reference is what is known about a method on one group of cases.
type Reference struct {
	Method string `json:"method"`
	Kind   Kind   `json:"kind"`
	Group  string `json:"group"`
	Cases  int    `json:"cases"` // that it was measured on; 0 = not stated
	// Figures by measure: a share from 0 to 1, or points of a hundred.
	Figures []Figure `json:"figures"`
	Source  string   `json:"source"`
}

// Figure is one measure.
type Figure struct {
	Measure string  `json:"measure"`
	Value   float64 `json:"value"`
}

// references.csv: a case count only where the source states it.
//
//go:embed references.csv
var referencesCSV string

// OfHundred tells points of a hundred from shares.
func (f Figure) OfHundred() bool { return f.Value > 1 }

// tolerance is how far a measured figure may be off.
func (f Figure) tolerance() float64 {
	if f.OfHundred() {
		return 100 * Tolerance
	}
	return Tolerance
}

// References returns what is known about methods on a set, as references.csv
// tells it: figures with their sources, no part of any prediction.
func References(set string) []Reference {
	rows, err := readReferences(referencesCSV)
	if err != nil {
		panic(err) // the embedded file is part of the program; a test reads it
	}
	return rows[set]
}

func readReferences(text string) (map[string][]Reference, error) {
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("references.csv: %w", err)
	}
	out := map[string][]Reference{}
	for i, c := range rows[1:] {
		r := Reference{Method: c[1], Kind: Kind(c[2]), Group: c[3], Source: c[7]}
		if c[4] != "" {
			if r.Cases, err = strconv.Atoi(c[4]); err != nil {
				return nil, fmt.Errorf("references.csv:%d: cases: %w", i+2, err)
			}
		}
		if r.Figures, err = figures(strings.Fields(c[5]), strings.Fields(c[6])); err != nil {
			return nil, fmt.Errorf("references.csv:%d: %w", i+2, err)
		}
		out[c[0]] = append(out[c[0]], r)
	}
	return out, nil
}

func figures(names, values []string) ([]Figure, error) {
	if len(names) != len(values) {
		return nil, fmt.Errorf("%d measures, %d values", len(names), len(values))
	}
	out := make([]Figure, len(names))
	for i, n := range names {
		v, err := strconv.ParseFloat(values[i], 64)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", n, err)
		}
		out[i] = Figure{n, v}
	}
	return out, nil
}

// Verdict is the outcome of comparing a comparator with what is known.
type Verdict string

// The verdicts.
const (
	Matches     Verdict = "matches"
	Void        Verdict = "void"
	NoReference Verdict = "no reference" // none is known for these cases
)

// Check compares the figures of a comparator on one group with the reference
// that was measured on as many cases of that group. get returns the measured
// figure; why says where a void one differs.
func Check(set, method, group string, cases int, get func(measure string) (float64, bool)) (v Verdict, why string) {
	v = NoReference
	for _, r := range References(set) {
		if r.Kind != Measured || r.Method != method || r.Group != group || r.Cases != cases {
			continue
		}
		v = Matches
		for _, f := range r.Figures {
			got, ok := get(f.Measure)
			if !ok || math.Abs(got-f.Value) > f.tolerance() {
				return Void, fmt.Sprintf("%s of %s is %.3f, %s says %.3f", f.Measure, group, got, r.Source, f.Value)
			}
		}
	}
	return v, ""
}
