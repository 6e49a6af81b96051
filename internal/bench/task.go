package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// Task is a benchmark that asks for a file a case instead of a diagnosis: the
// scores of a series, the templates of a log. Its functions are safe for
// concurrent use.
type Task struct {
	Name string
	Row  string // what a case has many of: "point", "line"
	// Cases lists the cases in the order of the set's case list. data is blind.
	Cases func(data fs.FS) ([]string, error)
	// File is the path of a case's prediction, slash-separated, below the folder
	// of predictions.
	File func(id string) string
	// Methods predict: Holdfast first, then what it is compared with.
	Methods []Method
}

// Method is one way to predict the cases of a task.
type Method struct {
	Name string
	// Predict reads one case from data, which is blind, and writes its prediction.
	Predict func(data fs.FS, id string, w io.Writer) (Effort, error)
}

// Effort is what one prediction took.
type Effort struct {
	Rows  int  // points or lines
	Kept  int  // bytes of state at the end; 0 = not known
	Parts int  // what the state is divided by: 1 for a series, the templates of a log
	Time  Time // Diagnose is the method's own share
}

// FileOptions say how the cases of a task are run.
type FileOptions struct {
	Jobs   int                                       // cases at once; 0 = as many as there are cores
	Done   func(done, total int)                     // called after each case, one call at a time; may be nil
	Create func(file string) (io.WriteCloser, error) // makes the file of a case
}

// PredictFiles lets a method predict every case of a task; what would tell the
// truth is hidden from it. It returns what each took, in the order of the case
// list. A case that can't be read leaves no file and is told in the error; the
// others hold. It stops early only when ctx ends.
func PredictFiles(ctx context.Context, t Task, m Method, data fs.FS, o FileOptions) ([]Effort, error) {
	blind := Blind(data)
	ids, err := t.Cases(blind)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t.Name, err)
	}
	efforts, failed := make([]Effort, len(ids)), make([]error, len(ids))
	err = pool{o.Jobs, o.Done}.each(ctx, len(ids), func(i int) {
		efforts[i], failed[i] = predictFile(t, m, blind, ids[i], o.Create)
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t.Name, err)
	}
	return efforts, errors.Join(failed...)
}

// predictFile runs one case. A panic of the method is that case's error.
func predictFile(t Task, m Method, data fs.FS, id string, create func(string) (io.WriteCloser, error)) (e Effort, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%s: case %s: panic: %v", t.Name, id, r)
		}
	}()
	name := t.File(id)
	if !fs.ValidPath(name) {
		return Effort{}, fmt.Errorf("%s: case %q does not name a file", t.Name, id)
	}
	var b bytes.Buffer
	if e, err = m.Predict(data, id, &b); err != nil {
		return Effort{}, fmt.Errorf("%s: case %s: %w", t.Name, id, err)
	}
	out, err := create(name)
	if err != nil {
		return Effort{}, fmt.Errorf("%s: case %s: %w", t.Name, id, err)
	}
	_, err = b.WriteTo(out)
	if err = errors.Join(err, out.Close()); err != nil {
		return Effort{}, fmt.Errorf("%s: case %s: %w", t.Name, id, err)
	}
	return e, nil
}
