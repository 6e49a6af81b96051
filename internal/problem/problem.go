// Package problem knows how a mistake in what people wrote is reported: where
// it is, what is wrong, and what to do about it.
package problem

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Problem is one mistake. Its Error is "FILE:LINE:COLUMN: what is wrong";
// parts that are not known are left out.
type Problem struct {
	File   string
	Line   int // from 1
	Column int // from 1
	What   string
	Hint   string // what to do; may be empty
	Rule   string // of the linter that found it; may be empty
}

func (p *Problem) Error() string {
	var b strings.Builder
	if p.File != "" {
		b.WriteString(p.File)
		if p.Line > 0 {
			fmt.Fprintf(&b, ":%d", p.Line)
			if p.Column > 0 {
				fmt.Fprintf(&b, ":%d", p.Column)
			}
		}
		b.WriteString(": ")
	}
	b.WriteString(p.What)
	return b.String()
}

// Hinted is an error with advice.
func Hinted(err error, hint string) error { return &hinted{err: err, hint: hint} }

type hinted struct {
	err  error
	hint string
}

func (h *hinted) Error() string { return h.err.Error() }
func (h *hinted) Unwrap() error { return h.err }
func (h *hinted) Hint() string  { return h.hint }

// All returns the problems inside err in the order they were joined, wrapped
// errors included; an error that holds no Problem is returned as one without a
// position.
func All(err error) []Problem {
	if err == nil {
		return nil
	}
	if p, ok := err.(*Problem); ok { //nolint:errorlint // the tree is walked here
		return []Problem{*p}
	}
	if many, ok := err.(interface{ Unwrap() []error }); ok { //nolint:errorlint // the tree is walked here
		var out []Problem
		for _, e := range many.Unwrap() {
			out = append(out, All(e)...)
		}
		return out
	}
	if one, ok := err.(interface{ Unwrap() error }); ok { //nolint:errorlint // the tree is walked here
		if _, holds := errors.AsType[*Problem](err); holds {
			return All(one.Unwrap())
		}
	}
	out := Problem{What: err.Error()}
	if h, ok := errors.AsType[*hinted](err); ok {
		out.Hint = h.hint
	}
	return []Problem{out}
}

// Nearest returns the candidate closest to name by edit distance, or "" when
// none is closer than half of name's length.
func Nearest(name string, candidates []string) string {
	best, bestDist := "", len(name)/2+1
	sorted := slices.Sorted(slices.Values(candidates))
	for _, c := range sorted {
		if d := distance(strings.ToLower(name), strings.ToLower(c)); d < bestDist {
			best, bestDist = c, d
		}
	}
	return best
}

// distance is Levenshtein's edit distance in bytes, with a swap of two
// neighbours counted once (optimal string alignment).
func distance(a, b string) int {
	prev2 := make([]int, len(b)+1)
	prev := make([]int, len(b)+1)
	cur := make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], prev2[j-2]+1)
			}
		}
		prev2, prev, cur = prev, cur, prev2
	}
	return prev[len(b)]
}
