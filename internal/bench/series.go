package bench

import (
	"bufio"
	"fmt"
	"io"
	"io/fs"
	"math"
	"strconv"
	"time"

	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// Alarm is the score from which a point of a series is an alarm.
const Alarm = 0.5

// Detector gives every point of a series, in its order, a score from 0 to 1; it
// may look at no later point. A value that is missing is NaN. kept is the size
// of its state at the end, in bytes; 0 = not known.
type Detector struct {
	Name  string
	Score func(points []evidence.Point) (scores []float64, kept int)
}

// SeriesTask is a task whose cases are series: files with the columns timestamp
// and value below data/, listed in the column file of cases.csv. layout is how
// the set writes times.
func SeriesTask(name, layout string, detectors ...Detector) Task {
	t := Task{Name: name, Row: "point", Cases: seriesFiles, File: func(id string) string { return id }}
	for _, d := range detectors {
		t.Methods = append(t.Methods, Method{Name: d.Name, Predict: func(data fs.FS, id string, w io.Writer) (Effort, error) {
			return d.predict(data, id, layout, w)
		}})
	}
	return t
}

func seriesFiles(data fs.FS) ([]string, error) {
	rows, err := Columns(data, "cases.csv", "file")
	out := make([]string, len(rows))
	for i, r := range rows {
		out[i] = r[0]
	}
	return out, err
}

func (d Detector) predict(data fs.FS, id, layout string, w io.Writer) (Effort, error) {
	start := time.Now()
	stamps, points, err := ReadSeries(data, id, layout)
	if err != nil {
		return Effort{}, err
	}
	e := Effort{Rows: len(points), Parts: 1, Time: Time{Read: time.Since(start)}}
	start = time.Now()
	scores, kept := d.Score(points)
	e.Kept, e.Time.Diagnose = kept, time.Since(start)
	return e, writeScores(w, stamps, scores)
}

// ReadSeries reads one series: its times as the file writes them, and its
// points. An empty value is NaN.
func ReadSeries(data fs.FS, id, layout string) (stamps []string, points []evidence.Point, err error) {
	name := "data/" + id + ".gz"
	rows, err := Columns(data, name, "timestamp", "value")
	if err != nil {
		return nil, nil, err
	}
	for i, r := range rows {
		at, err := time.Parse(layout, r[0])
		if err != nil {
			return nil, nil, fmt.Errorf("%s:%d: %w", name, i+2, err)
		}
		v := math.NaN()
		if r[1] != "" {
			if v, err = strconv.ParseFloat(r[1], 64); err != nil {
				return nil, nil, fmt.Errorf("%s:%d: value: %w", name, i+2, err)
			}
		}
		stamps = append(stamps, r[0])
		points = append(points, evidence.Point{At: at, Value: v})
	}
	return stamps, points, nil
}

func writeScores(w io.Writer, stamps []string, scores []float64) error {
	if len(stamps) != len(scores) {
		return fmt.Errorf("%d scores for %d points", len(scores), len(stamps))
	}
	b := bufio.NewWriter(w)
	fmt.Fprintln(b, "timestamp,anomaly_score")
	for i, s := range stamps {
		fmt.Fprintf(b, "%s,%s\n", s, strconv.FormatFloat(scores[i], 'g', -1, 64))
	}
	if err := b.Flush(); err != nil {
		return fmt.Errorf("write scores: %w", err)
	}
	return nil
}
