//go:build !race

package main

import (
	"bytes"
	"path/filepath"
	"testing"

	"github.com/holdfast-sre/holdfast/internal/bench/benchtest"
	"github.com/holdfast-sre/holdfast/internal/bench/comparator"
)

// Whole sets are computed here. The race detector would make that five times as
// long and see nothing: the samples of the other tests go through the same code.

// A comparator that does not reproduce what is known about it compares nothing.
func TestComparatorsReproduceTheirFigures(t *testing.T) {
	t.Parallel()
	root := benchtest.Root(t)
	for _, set := range []string{"petshop", "nezha"} {
		t.Run(set, func(t *testing.T) {
			t.Parallel()
			s, data, err := benchSet(set, filepath.Join(root, set))
			if err != nil {
				t.Fatal(err)
			}
			var stderr bytes.Buffer
			rows, err := compareMethods(&env{ctx: t.Context(), stderr: &stderr}, s, data)
			if err != nil {
				t.Fatal(err)
			}
			if len(rows) != len(comparator.Methods(set)) || len(rows) == 0 {
				t.Fatalf("%d rows, want one for each of the methods", len(rows))
			}
			for _, r := range rows {
				if r.Check != comparator.Matches {
					t.Errorf("%s: %s %s", r.Method, r.Check, r.Why)
				}
			}
			if err := void(rows); err != nil {
				t.Errorf("the comparison is void: %v", err)
			}
		})
	}
}

// A simple detector that does not reproduce what is known about it compares
// nothing.
func TestSimpleDetectorsReproduceTheirFigures(t *testing.T) {
	t.Parallel()
	root := benchtest.Root(t)
	for _, set := range []string{"nab", "cloudmon"} {
		t.Run(set, func(t *testing.T) {
			t.Parallel()
			task, ok := findTask(set)
			if !ok || len(task.Methods) < 3 {
				t.Fatalf("%d methods of %q, want ours and two or more", len(task.Methods), set)
			}
			data, err := openData(set, filepath.Join(root, set))
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range task.Methods[1:] {
				var stderr bytes.Buffer
				row, err := compareFiles(&env{ctx: t.Context(), stderr: &stderr}, task, m, data)
				if err != nil {
					t.Fatal(err)
				}
				if row.check(set); row.Check != comparator.Matches {
					t.Errorf("%s: %s %s", m.Name, row.Check, row.Why)
				}
			}
		})
	}
}
