package score

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"github.com/holdfast-sre/holdfast/internal/problem"
)

// table is a CSV file with a column case_id, by case.
type table struct {
	ids  []string
	byID map[string]map[string]string
}

// readTable reads a table that must have the named columns.
func readTable(data fs.FS, name string, columns ...string) (table, error) {
	f, err := data.Open(name)
	if err != nil {
		return table{}, problem.Hinted(fmt.Errorf("%w", err), "--data is the set's own folder, with cases.csv and labels.csv in it")
	}
	defer func() { _ = f.Close() }()
	r := csv.NewReader(f)
	head, err := r.Read()
	if err != nil {
		return table{}, &problem.Problem{File: name, Line: 1, What: "no header: " + err.Error(), Hint: "the first line names the columns"}
	}
	for _, c := range append([]string{"case_id"}, columns...) {
		if !slices.Contains(head, c) {
			return table{}, &problem.Problem{File: name, Line: 1, What: fmt.Sprintf("no column %q", c), Hint: "is --data the folder of this set?"}
		}
	}
	t := table{byID: map[string]map[string]string{}}
	for {
		cells, err := r.Read()
		if errors.Is(err, io.EOF) {
			return t, nil
		}
		line, _ := r.FieldPos(0)
		if err != nil {
			if p, ok := errors.AsType[*csv.ParseError](err); ok {
				return table{}, &problem.Problem{File: name, Line: p.Line, Column: p.Column, What: p.Err.Error(), Hint: "every line has the cells that the header names"}
			}
			return table{}, fmt.Errorf("%s: %w", name, err)
		}
		of := make(map[string]string, len(head))
		for i, h := range head {
			of[h] = cells[i]
		}
		id := of["case_id"]
		if _, twice := t.byID[id]; id == "" || twice {
			return table{}, &problem.Problem{File: name, Line: line, What: fmt.Sprintf("case_id %q is empty or was there before", id), Hint: "every case has one line"}
		}
		t.ids = append(t.ids, id)
		t.byID[id] = of
	}
}
