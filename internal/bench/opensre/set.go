// Package opensre reads the opensre-synth set as evidence: pages about
// PostgreSQL servers at a cloud provider and about Kubernetes workloads, with
// what the tools of an on-call engineer would answer. It only parses; what the
// set calls a category is the mapping in category.go.
package opensre

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"github.com/holdfast-sre/holdfast/internal/bench"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/document"
)

// Name is what the set is called.
const Name = "opensre-synth"

// Set returns the set.
func Set() bench.Set {
	return bench.Set{Name: Name, Cases: cases, Load: load, Answer: answer, Truths: truths, Right: right}
}

func cases(data fs.FS) ([]string, error) {
	rows, err := readTable(data, "cases.csv")
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(rows))
	for i, r := range rows {
		ids[i] = r["case_id"]
	}
	return ids, nil
}

func truths(data fs.FS) (map[string]bench.Truth, error) {
	rows, err := readTable(data, "labels.csv")
	if err != nil {
		return nil, err
	}
	out := make(map[string]bench.Truth, len(rows))
	for _, r := range rows {
		out[r["case_id"]] = bench.Truth{ID: r["case_id"], Group: r["suite"], Fields: r}
	}
	return out, nil
}

// right compares the category, the measure of the set.
func right(h diagnose.Hypothesis, t bench.Truth) bool {
	return category(h) == t.Fields["root_cause_category"]
}

// answer names the category that the hypotheses of most probability belong to.
// "Unknown" is answered only when there is no hypothesis.
func answer(in diagnose.Input, d diagnose.Diagnosis) bench.Prediction {
	sums := map[string]float64{}
	var order []string
	for _, h := range d.Hypotheses {
		if h.CauseClass == diagnose.Unknown {
			continue
		}
		c := category(h)
		if !slices.Contains(order, c) {
			order = append(order, c)
		}
		sums[c] += h.Probability
	}
	p := bench.Prediction{Category: unknown, Report: document.Diagnosis(in, d)}
	for _, c := range order {
		if sums[c] > p.Probability {
			p.Category, p.Probability = c, sums[c]
		}
	}
	return p
}

// readTable reads a CSV file with a header as one map per line.
func readTable(data fs.FS, name string) ([]map[string]string, error) {
	f, err := data.Open(name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", Name, err)
	}
	defer func() { _ = f.Close() }()
	r := csv.NewReader(f)
	header, err := r.Read()
	if errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: the file is empty: want a header line", name)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if !slices.Contains(header, "case_id") {
		return nil, fmt.Errorf("%s:1: no column case_id: use the set's own file", name)
	}
	var out []map[string]string
	for {
		fields, err := r.Read()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		row := make(map[string]string, len(header))
		for i, h := range header {
			row[h] = fields[i]
		}
		out = append(out, row)
	}
}
