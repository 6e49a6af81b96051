// Package cloudops reads the cases of Cloud-OpsBench: recorded states of a
// Kubernetes cluster, as kubectl, journals and probes printed them. It only
// parses; what is wrong is for the engine to say.
package cloudops

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/bench"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
)

const maxAnswers = 3

// Set returns the benchmark.
func Set() bench.Set {
	return bench.Set{
		Name: "cloudops", Cases: cases, Load: load,
		Answer: answer, Truths: truths, Right: right,
	}
}

// cases lists the case IDs in the order of cases.csv.
func cases(data fs.FS) ([]string, error) {
	rows, err := readTable(data, "cases.csv")
	if err != nil {
		return nil, err
	}
	ids := make([]string, 0, len(rows))
	for _, r := range rows {
		ids = append(ids, r["case_id"])
	}
	return ids, nil
}

// load reads one case. Files that are not there are evidence that is missing;
// a case without a snapshot is an error.
func load(data fs.FS, id string) (diagnose.Input, error) {
	dir := path.Join("cases", id)
	snap, err := readSnapshot(data, path.Join(dir, "snapshot.json.gz"))
	if err != nil {
		return diagnose.Input{}, err
	}
	// Logs, manifests and metrics need nothing of what the objects say, and take
	// as long.
	logs, manifests := inParallel(snap.logs), inParallel(snap.manifests)
	series, err := readSeries(data, path.Join(dir, "metrics.csv.gz"), snap.zone())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		snap.unread = append(snap.unread, err.Error())
	}
	return snap.input(id, series, logs, manifests)
}

// inParallel starts f and returns a function that waits for its result. A panic
// of f is raised again where it is waited for, so that it ends one case and not
// the run.
func inParallel[T any](f func() T) func() T {
	type outcome struct {
		value    T
		panicked any
	}
	done := make(chan outcome, 1)
	go func() {
		var o outcome
		defer func() {
			o.panicked = recover()
			done <- o
		}()
		o.value = f()
	}()
	return func() T {
		o := <-done
		if o.panicked != nil {
			panic(o.panicked)
		}
		return o.value
	}
}

// answer names the objects and causes of the leading hypotheses.
func answer(in diagnose.Input, d diagnose.Diagnosis) bench.Prediction {
	p := bench.Prediction{Predictions: []bench.ObjectCause{}}
	for _, h := range d.Hypotheses {
		oc, ok := name(h)
		if !ok {
			continue
		}
		if len(p.Predictions) == 0 {
			p.Probability = h.Probability
		}
		p.Predictions = append(p.Predictions, oc)
		if len(p.Predictions) == maxAnswers {
			break
		}
	}
	return p
}

// truths reads labels.csv.
func truths(data fs.FS) (map[string]bench.Truth, error) {
	rows, err := readTable(data, "labels.csv")
	if err != nil {
		return nil, err
	}
	systems, err := readTable(data, "cases.csv")
	if err != nil {
		return nil, err
	}
	group := map[string]string{}
	for _, r := range systems {
		group[r["case_id"]] = r["system"]
	}
	out := make(map[string]bench.Truth, len(rows))
	for _, r := range rows {
		id := r["case_id"]
		out[id] = bench.Truth{ID: id, Group: group[id], Fields: r}
	}
	return out, nil
}

// right reports whether object and cause are those of the truth.
func right(h diagnose.Hypothesis, t bench.Truth) bool {
	oc, ok := name(h)
	return ok && strings.EqualFold(oc.FaultObject, t.Fields["fault_object"]) && strings.EqualFold(oc.RootCause, t.Fields["root_cause"])
}

// readTable reads a CSV with a header; rows are maps by column.
func readTable(data fs.FS, name string) ([]map[string]string, error) {
	f, err := data.Open(name)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	defer f.Close() //nolint:errcheck // only read
	r := csv.NewReader(f)
	head, err := r.Read()
	if err != nil {
		return nil, fmt.Errorf("read %s: header: %w", name, err)
	}
	var rows []map[string]string
	for {
		rec, err := r.Read()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err) // names line and column
		}
		row := make(map[string]string, len(head))
		for i, h := range head {
			row[h] = rec[i]
		}
		rows = append(rows, row)
	}
}
