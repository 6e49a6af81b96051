package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"

	"github.com/holdfast-sre/holdfast/internal/problem"
)

// env is what a command gets from the process: nothing else is read.
type env struct {
	ctx    context.Context
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
	getenv func(string) (string, bool)
	now    func() time.Time
}

// Exit codes: 0 ok, 1 failed, 2 bad input, 3 waiting for a human.
const (
	exitOK = iota
	exitFailed
	exitUsage
	exitWaiting
)

// exitError carries the exit code of a command; with a nil err nothing more is
// printed.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// usage marks err as bad input: exit code 2.
func usage(err error) error { return &exitError{code: exitUsage, err: err} }

// report prints err as "holdfast: FILE:LINE:COLUMN: what" and "hint: …" and
// returns the exit code.
func report(w io.Writer, err error) int {
	if err == nil {
		return exitOK
	}
	code := exitFailed
	if e, ok := errors.AsType[*exitError](err); ok {
		code = e.code
		if e.err == nil {
			return code
		}
		err = e.err
	} else if _, ok := errors.AsType[*problem.Problem](err); ok {
		code = exitUsage
	}
	for _, p := range problem.All(err) {
		fmt.Fprintf(w, "holdfast: %s\n", p.Error())
		if p.Hint != "" {
			fmt.Fprintf(w, "hint: %s\n", p.Hint)
		}
	}
	return code
}

// isTerminal reports whether w is a terminal: colour and progress go only there.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	fi, err := f.Stat()
	return err == nil && fi.Mode()&os.ModeCharDevice != 0
}

// isTerminalReader reports whether somebody can answer on r.
func isTerminalReader(r io.Reader) bool {
	f, ok := r.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
