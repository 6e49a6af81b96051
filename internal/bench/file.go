package bench

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/holdfast-sre/holdfast/internal/problem"
)

// maxLine bounds one line of a prediction file; reports are text of a page.
const maxLine = 4 << 20

// WritePredictions writes one JSON object a line.
func WritePredictions(w io.Writer, ps []Prediction) error {
	b := bufio.NewWriter(w)
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	for _, p := range ps {
		if err := enc.Encode(p); err != nil {
			return fmt.Errorf("prediction of %s: %w", p.CaseID, err)
		}
	}
	if err := b.Flush(); err != nil {
		return fmt.Errorf("write predictions: %w", err)
	}
	return nil
}

// ReadPredictions reads a prediction file of any system: keys that it does not
// know are left alone. name is what errors call the file, known the case IDs of
// the set. All mistakes are reported at once, with their lines.
func ReadPredictions(r io.Reader, name string, known []string) (map[string]Prediction, error) {
	out := map[string]Prediction{}
	lines := map[string]int{}
	var wrong []error
	at := 0
	fail := func(what, hint string) {
		wrong = append(wrong, &problem.Problem{File: name, Line: at, What: what, Hint: hint})
	}
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 0, 64<<10), maxLine)
	for s.Scan() {
		at++
		if len(bytes.TrimSpace(s.Bytes())) == 0 {
			continue
		}
		p, err := readPrediction(s.Bytes())
		switch {
		case err != nil:
			fail(err.Error(), "write one JSON object a line, as holdfast bench predict does")
		case p.CaseID == "":
			fail(`no "case_id"`, "every prediction names its case")
		case lines[p.CaseID] > 0:
			fail(fmt.Sprintf("case %q is predicted twice", p.CaseID), fmt.Sprintf("the first time in line %d", lines[p.CaseID]))
		case !slices.Contains(known, p.CaseID):
			fail(fmt.Sprintf("unknown case %q", p.CaseID), unknownCase(p.CaseID, known))
		case math.IsNaN(p.Probability) || p.Probability < 0 || p.Probability > 1:
			fail(fmt.Sprintf("probability is %v", p.Probability), "write a number from 0 to 1")
		default:
			out[p.CaseID], lines[p.CaseID] = p, at
		}
	}
	if err := s.Err(); err != nil {
		at++
		fail(err.Error(), fmt.Sprintf("a line has at most %d MiB", maxLine>>20))
	}
	return out, errors.Join(wrong...)
}

func readPrediction(b []byte) (Prediction, error) {
	var p Prediction
	dec := json.NewDecoder(bytes.NewReader(b))
	err := dec.Decode(&p)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return p, errors.New("the JSON object ends early")
	}
	if err != nil {
		return p, fmt.Errorf("not a prediction: %w", err)
	}
	if rest := bytes.TrimSpace(b[dec.InputOffset():]); len(rest) > 0 {
		return p, errors.New("text after the JSON object")
	}
	return p, nil
}

func unknownCase(id string, known []string) string {
	if near := problem.Nearest(id, known); near != "" {
		return fmt.Sprintf("did you mean %q? Is --data the set that was predicted?", near)
	}
	return "is --data the set that was predicted?"
}
