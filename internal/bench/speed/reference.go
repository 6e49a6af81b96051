package speed

import (
	"bufio"
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/problem"
)

// driver is the program that times the methods of the data's own tools.
//
//go:embed driver.py
var driver string

// References are the methods in Python, in a process of their own that has read
// the data and waits for questions. It has one user at a time; whoever started
// it closes it.
type References struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	stderr bytes.Buffer
	hello  hello
}

// hello is the first answer of the driver.
type hello struct {
	Python    string   `json:"python"`
	Numpy     string   `json:"numpy"`
	Pandas    string   `json:"pandas"`
	Detectors []string `json:"detectors"`
	Miners    []string `json:"miners"`
	Points    int      `json:"points"`
	Lines     int      `json:"lines"`
}

// question and reply go over the pipes, one a line.
type question struct {
	Method string `json:"method"`
	Repeat int    `json:"repeat,omitempty"`
	Size   bool   `json:"size,omitempty"`
}

type reply struct {
	Seconds float64 `json:"seconds"`
	Bytes   int     `json:"bytes"`
	Parts   int     `json:"parts"`
}

// Start runs the interpreter on the methods in the folder tools of root and the
// data beside it, and returns when it has read them. Both sides must have read
// the same: want tells how much that is. It ends with ctx.
func Start(ctx context.Context, python, root string, want Data) (*References, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", root, err)
	}
	r := &References{cmd: exec.CommandContext(ctx, python, "-B", "-c", driver, root)} //nolint:gosec // an interpreter that the operator chose
	r.cmd.Stderr = &r.stderr
	r.cmd.WaitDelay = time.Second
	out, err := r.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", python, err)
	}
	if r.in, err = r.cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("%s: %w", python, err)
	}
	r.out = bufio.NewReader(out)
	if err := r.cmd.Start(); err != nil {
		return nil, absent(err)
	}
	if err := r.read(&r.hello); err != nil {
		return nil, absent(errors.Join(fmt.Errorf("%s: %w", python, err), r.Close()))
	}
	if r.hello.Points != want.points || r.hello.Lines != want.lines {
		return nil, errors.Join(fmt.Errorf("the references read %d points and %d lines, and Holdfast %d and %d", r.hello.Points, r.hello.Lines, want.points, want.lines), r.Close())
	}
	return r, nil
}

// absent says what the references need.
func absent(err error) error {
	return problem.Hinted(err, "the references need python3 with numpy, pandas, scipy and scikit-learn, and the folder tools of the data")
}

// Close ends the process and waits for it.
func (r *References) Close() error {
	_ = r.in.Close() // the driver ends with its questions
	if err := r.cmd.Wait(); err != nil && r.stderr.Len() == 0 {
		return fmt.Errorf("references: %w", err)
	}
	return nil
}

// ask sends a question and waits for the answer.
func (r *References) ask(q question) (reply, error) {
	b, err := json.Marshal(q)
	if err != nil {
		return reply{}, fmt.Errorf("question: %w", err)
	}
	var a reply
	if _, err := r.in.Write(append(b, '\n')); err != nil {
		return a, r.why(err)
	}
	return a, r.read(&a)
}

func (r *References) read(into any) error {
	line, err := r.out.ReadBytes('\n')
	if err != nil {
		return r.why(err)
	}
	if err := json.Unmarshal(line, into); err != nil {
		return fmt.Errorf("answer of the references: %w", err)
	}
	return nil
}

// why is the last line that the process complained with, if it did.
func (r *References) why(err error) error {
	_ = r.in.Close()
	_ = r.cmd.Wait() // all of stderr is there then
	lines := strings.Split(strings.TrimSpace(r.stderr.String()), "\n")
	if last := lines[len(lines)-1]; last != "" {
		return errors.New(last)
	}
	return fmt.Errorf("references: %w", err)
}

func (r *References) version() string {
	return fmt.Sprintf("Python %s, numpy %s, pandas %s", r.hello.Python, r.hello.Numpy, r.hello.Pandas)
}

// timed are the methods; of nil references there are none.
func (r *References) timed(d Data) (detectors, miners []timed) {
	if r == nil {
		return nil, nil
	}
	for _, name := range r.hello.Detectors {
		detectors = append(detectors, r.method(name, d.points))
	}
	for _, name := range r.hello.Miners {
		miners = append(miners, r.method(name, d.lines))
	}
	return detectors, miners
}

func (r *References) method(name string, rows int) timed {
	return timed{
		name: name, rows: rows,
		run: func(ctx context.Context, repeat int) (time.Duration, error) {
			a, err := r.ask(question{Method: name, Repeat: repeat})
			if err == nil {
				err = ctx.Err()
			}
			return time.Duration(a.Seconds * float64(time.Second)), err
		},
		size: func(context.Context) (int, error) {
			a, err := r.ask(question{Method: name, Size: true})
			return a.Bytes / max(a.Parts, 1), err
		},
	}
}
