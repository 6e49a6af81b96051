package score

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path"
	"slices"
	"strconv"

	"github.com/holdfast-sre/holdfast/internal/bench"
	"github.com/holdfast-sre/holdfast/internal/problem"
)

// readScores reads the scores of one series, row by row; rows that are not a
// number count as 0, and so does every row when there is no file.
func readScores(predictions fs.FS, file string, rows int) ([]float64, error) {
	cells, err := bench.Columns(predictions, file, "anomaly_score")
	if errors.Is(err, fs.ErrNotExist) {
		return make([]float64, rows), nil
	}
	if err != nil {
		return nil, fmt.Errorf("predictions: %w", err)
	}
	if len(cells) != rows {
		return nil, &problem.Problem{File: file, What: fmt.Sprintf("%d scores for %d points", len(cells), rows), Hint: "write one line a point, in the order of the series"}
	}
	out := make([]float64, rows)
	for i, c := range cells {
		if c[0] == "" {
			continue
		}
		v, err := strconv.ParseFloat(c[0], 64)
		if err != nil {
			return nil, &problem.Problem{File: file, Line: i + 2, What: fmt.Sprintf("anomaly_score is %q", c[0]), Hint: "write a number from 0 to 1"}
		}
		if !math.IsNaN(v) {
			out[i] = v
		}
	}
	return out, nil
}

// listed are the series of a set's case list.
func listed(data fs.FS) ([]string, error) {
	rows, err := bench.Columns(data, "cases.csv", "file")
	if err != nil {
		return nil, fmt.Errorf("case list: %w", err)
	}
	var out []string
	for _, r := range rows {
		out = append(out, r[0])
	}
	return out, nil
}

// parts are the folders of series, sorted, each with a slash behind it: a part
// of the set and no headline.
func parts(files []string) []string {
	var out []string
	for _, f := range files {
		out = append(out, partOf(f))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func partOf(file string) string { return path.Dir(file) + "/" }
