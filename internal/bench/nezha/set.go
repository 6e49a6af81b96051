// Package nezha reads the prepared Nezha benchmark: two microservice systems
// under injected faults with metrics, traces and logs. It only parses: files to
// evidence, and a diagnosis to a ranking of services.
package nezha

import (
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"time"

	"github.com/holdfast-sre/holdfast/internal/bench"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
)

// Name is what the set is called.
const Name = "nezha"

// Set returns the benchmark.
func Set() bench.Set {
	return bench.Set{Name: Name, Cases: cases, Load: load, Answer: answer, Truths: truths, Right: right}
}

// spec is one row of the case list.
type spec struct {
	id, system, normal string
	alarm, end         time.Time
	traces, logs       bool // whether any of the files exist
}

func cases(data fs.FS) ([]string, error) {
	specs, err := readSpecs(data)
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(specs))
	for i, s := range specs {
		ids[i] = s.id
	}
	return ids, nil
}

func readSpecs(data fs.FS) ([]spec, error) {
	var out []spec
	err := eachRow(data, "cases.csv", func(r row) error {
		alarm, err := r.seconds("alarm_ts")
		if err != nil {
			return err
		}
		end, err := r.seconds("end_ts")
		if err != nil {
			return err
		}
		out = append(out, spec{
			id: r.text("case_id"), system: r.text("system"), normal: r.text("normal"), alarm: alarm, end: end,
			traces: r.text("trace_minutes") != "0", logs: r.text("log_minutes") != "0",
		})
		return nil
	})
	return out, err
}

// answer ranks the services that the engine suspects.
func answer(in diagnose.Input, d diagnose.Diagnosis) bench.Prediction {
	var p bench.Prediction
	for _, s := range d.Components {
		if _, ok := in.Catalog.Service(s.Component); ok {
			p.Ranking = append(p.Ranking, s.Component)
		}
	}
	if len(p.Ranking) > 0 && d.Components[0].Component == p.Ranking[0] {
		p.Probability = d.Components[0].Probability
	}
	return p
}

func truths(data fs.FS) (map[string]bench.Truth, error) {
	specs, err := readSpecs(data)
	if err != nil {
		return nil, err
	}
	out := map[string]bench.Truth{}
	err = eachRow(data, "labels.csv", func(r row) error {
		id := r.text("case_id")
		i := slices.IndexFunc(specs, func(s spec) bool { return s.id == id })
		if i < 0 {
			return fmt.Errorf("case %q is not in cases.csv", id)
		}
		fields := map[string]string{}
		for _, f := range []string{"root_service", "fault_type", "root_detail"} {
			fields[f] = r.text(f)
		}
		out[id] = bench.Truth{ID: id, Group: specs[i].system, Fields: fields}
		return nil
	})
	return out, err
}

func right(h diagnose.Hypothesis, t bench.Truth) bool {
	return h.CauseClass != diagnose.Unknown && h.Component == t.Fields["root_service"]
}

// seconds reads Unix seconds.
func (r row) seconds(column string) (time.Time, error) {
	n, err := strconv.ParseInt(r.text(column), 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("column %s is %q: want seconds since 1970", column, r.text(column))
	}
	return time.Unix(n, 0).UTC(), nil
}
