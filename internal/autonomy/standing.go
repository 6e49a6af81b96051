package autonomy

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/holdfast-sre/holdfast/internal/boundary"
)

// Standing is where a runbook stands on a service, and what led there.
type Standing struct {
	Key

	Stage      boundary.Stage `json:"stage"`           // in force
	Earned     boundary.Stage `json:"earned"`          // by graded cases alone
	Override   *Override      `json:"override"`        // set by hand; null = the stage is earned
	RunbookSHA string         `json:"runbook_sha256"`  // of the present text; empty = the runbook is not loaded
	Next       boundary.Stage `json:"next,omitempty"`  // what grades open next; empty = nothing
	Have       int            `json:"have"`            // right cases in a row that count for Next
	Need       int            `json:"need"`            // how many open it; 0 = nothing is left to earn
	Right      int            `json:"right"`           // cases of the window graded right
	Wrong      int            `json:"wrong"`           // graded against it
	Ungraded   int            `json:"ungraded"`        // cases of the window that nobody graded
	OtherText  int            `json:"other_text"`      // right cases of another text of the runbook
	SameDay    int            `json:"same_day"`        // right cases of a day that counts once already
	LastWrong  *Graded        `json:"last_wrong"`      // null = none in the window
	Cases      []Case         `json:"cases,omitempty"` // of the window, oldest first
	Missing    string         `json:"missing"`         // to Next, in words
}

// Override is a stage that the boundary file sets by hand.
type Override struct {
	By     string `json:"by"`
	Reason string `json:"reason"`
}

// Assess works out the stage from the entries and grades of one key. sha is
// that of the runbook's present text.
func Assess(k Key, sha string, entries []Entry, grades []Graded, now time.Time) Standing {
	s := Standing{Key: k, RunbookSHA: sha}
	l := ladder{stage: boundary.Shadow}
	for _, st := range steps(Cases(entries, grades), now, &s) {
		l.climb(st, sha, &s)
	}
	s.Earned, s.Stage = l.stage, l.stage
	switch l.stage {
	case boundary.Shadow:
		s.Next, s.Have, s.Need = boundary.Approve, len(l.days), ForApprove
	case boundary.Approve:
		s.Next, s.Have, s.Need = boundary.Auto, len(l.present), ForAuto
	case boundary.Auto:
	}
	s.Missing = s.missing()
	return s
}

// Under puts a stage that was set by hand in force.
func (s Standing) Under(g boundary.Grant) Standing {
	if !g.Override {
		return s
	}
	s.Stage, s.Override = g.Stage, &Override{By: g.By, Reason: g.Reason}
	s.Missing = s.missing()
	return s
}

// Grant is the standing as the rules of a verdict take it.
func (s Standing) Grant() boundary.Grant {
	if s.Override != nil {
		return boundary.Grant{Stage: s.Stage, Override: true, By: s.Override.By, Reason: s.Override.Reason}
	}
	return boundary.Grant{Stage: s.Stage}
}

func (s Standing) missing() string {
	if s.Override != nil {
		return fmt.Sprintf("set by hand; graded cases alone have earned %s", s.Earned)
	}
	if s.Need == 0 {
		return "one case graded against it closes auto"
	}
	n := s.Need - s.Have
	what := map[bool]string{true: "case", false: "cases"}[n == 1]
	if s.Next == boundary.Auto {
		return fmt.Sprintf("%d more %s of the present text graded right, on as many days, none against it", n, what)
	}
	return fmt.Sprintf("%d more %s graded right, on as many days, none against it", n, what)
}

// step is one graded case at the moment from which it counts.
type step struct {
	at    time.Time
	right bool
	sha   string
}

// steps are the graded cases that still count. One that is right counts from
// when the agent decided; one against it from when a person said so: what was
// decided before that was decided by what proved wrong.
func steps(cases []Case, now time.Time, s *Standing) []step {
	var out []step
	from := now.Add(-Window)
	for _, c := range cases {
		w, at := nothing, c.At
		if c.Graded != nil {
			w = weigh(c.Kind, c.Graded.Grade)
		}
		if w == against {
			at = c.Graded.At
		}
		if !at.After(from) {
			continue
		}
		s.Cases = append(s.Cases, c)
		switch {
		case w == towards:
			s.Right++
			out = append(out, step{at: at, right: true, sha: c.RunbookSHA})
		case w == against:
			s.Wrong++
			if s.LastWrong == nil || c.Graded.At.After(s.LastWrong.At) {
				s.LastWrong = c.Graded
			}
			out = append(out, step{at: at})
		case c.Graded == nil && c.Kind.IsCase():
			s.Ungraded++
		}
	}
	// At the same moment what speaks against it comes last and so wins.
	slices.SortStableFunc(out, func(a, b step) int { return cmp.Or(a.at.Compare(b.at), -compareBool(a.right, b.right)) })
	return out
}

// ladder is climbed by right cases, one a day at most, and left a rung at a
// time. Dropping the oldest steps never leaves it higher: time alone earns
// nothing.
type ladder struct {
	stage   boundary.Stage
	days    map[string]bool // since the last step against it, of any text
	present map[string]bool // of the present text
}

func (l *ladder) climb(st step, sha string, s *Standing) {
	if !st.right {
		l.days, l.present = nil, nil
		l.stage = down(l.stage)
		return
	}
	if l.days == nil {
		l.days, l.present = map[string]bool{}, map[string]bool{}
	}
	day := st.at.UTC().Format(time.DateOnly)
	mine := sha != "" && st.sha == sha
	switch {
	case !mine:
		s.OtherText++
	case l.present[day]:
		s.SameDay++
	}
	l.days[day] = true
	if mine {
		l.present[day] = true
	}
	if l.stage == boundary.Shadow && len(l.days) >= ForApprove {
		l.stage = boundary.Approve
	}
	if l.stage == boundary.Approve && len(l.present) >= ForAuto {
		l.stage = boundary.Auto
	}
}

func down(s boundary.Stage) boundary.Stage {
	if s == boundary.Auto {
		return boundary.Approve
	}
	return boundary.Shadow
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}
