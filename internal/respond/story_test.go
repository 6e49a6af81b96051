//go:build !race

package respond_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/audit"
	"github.com/holdfast-sre/holdfast/internal/autonomy"
	"github.com/holdfast-sre/holdfast/internal/boundary"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/store"
)

// The whole story goes through the responder, two dozen incidents long. The race
// detector would make that ten times as long and see nothing: the other tests of
// this package go through the same code.

// Weeks of one runbook on one service: it watches, proposes, acts by itself, is
// wrong once, and starts over.
func TestARunbookEarnsAutoCaseByCaseAndLosesItByOneWrongOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStory(t)
		var watched, proposed string
		for s.n < autonomy.ForApprove {
			s.wantStage(boundary.Shadow)
			watched = s.right("a person's hands")
		}
		if s.restarts != 0 {
			t.Fatalf("%d restarts in shadow", s.restarts)
		}
		for s.n < autonomy.ForAuto {
			s.wantStage(boundary.Approve)
			if s.n == autonomy.ForAuto/2 {
				s.restart()
			}
			proposed = s.right("ana")
		}
		s.wantStage(boundary.Auto)
		s.restart()
		s.wantStage(boundary.Auto)
		alone, by := s.passes()
		s.wantBy(by, "agent")
		s.graded(alone, autonomy.OneHopOff, "the queue behind it was full")
		s.wantStage(boundary.Approve)
		after := s.right("ana")
		if st := s.standing(); st.Have != 1 || st.Wrong != 1 || st.LastWrong.Incident != alone {
			t.Errorf("after the wrong one %+v; want one right case that counts", st)
		}
		for id, want := range map[string][]string{
			watched: {
				"rule note: would restart worker now without asking; runbook worker-stuck is in stage shadow on worker",
				"agent resolved", "ana graded: right",
			},
			proposed: {
				"rule note: would restart worker now without asking; runbook worker-stuck is in stage approve on worker",
				"ana approved", "agent action: intended", "agent action: started", "agent action: done", "agent resolved", "ana graded: right",
			},
			alone: {"agent action: intended", "agent action: started", "agent action: done", "agent resolved", "ana graded: one_hop_off"},
			after: {
				"rule note: would restart worker now without asking; runbook worker-stuck is in stage approve on worker",
				"ana approved", "agent action: intended", "agent action: started", "agent action: done", "agent resolved", "ana graded: right",
			},
		} {
			if diff := cmp.Diff(want, s.timeline(id)); diff != "" {
				t.Errorf("timeline of %s (-want +got):\n%s", id, diff)
			}
		}
		for id, want := range map[string][]string{
			watched:  {"ana incident.grade: graded"},
			proposed: {"ana approve process.restart: approved", "agent process.restart by ana: intended", "agent process.restart by ana: done", "ana incident.grade: graded"},
			alone:    {"agent process.restart: intended", "agent process.restart: done", "ana incident.grade: graded"},
			after:    {"ana approve process.restart: approved", "agent process.restart by ana: intended", "agent process.restart by ana: done", "ana incident.grade: graded"},
		} {
			if diff := cmp.Diff(want, s.audited(id)); diff != "" {
				t.Errorf("audit of %s (-want +got):\n%s", id, diff)
			}
		}
		s.graded(after, autonomy.Wrong, "")
		s.wantStage(boundary.Shadow)
		s.mindsChange(alone, after)
		s.textChanges()
		s.setByHand()
	})
}

// right is an incident that passes and is graded right.
func (s *story) right(want string) (id string) {
	s.t.Helper()
	id, by := s.passes()
	s.wantBy(by, want)
	s.graded(id, autonomy.Right, "")
	return id
}

// People change their minds aloud.
func (s *story) mindsChange(alone, after string) {
	if err := s.grade(after, autonomy.Right, ""); err == nil {
		s.t.Error("a wrong one became right without a word")
	}
	s.graded(after, autonomy.Right, "that was another incident")
	s.wantStage(boundary.Approve)
	s.graded(alone, autonomy.Right, "the queue was full because the worker hung")
	s.wantStage(boundary.Auto)
}

// Another text has to show what it is worth, with a person in between.
func (s *story) textChanges() {
	s.book = strings.Replace(s.book, "title: Worker threads hang", "title: The worker hangs", 1)
	s.restart()
	s.wantStage(boundary.Approve)
	if st := s.standing(); st.OtherText != s.n || st.Have != 0 {
		s.t.Errorf("after a new text %+v; want %d cases of the old one and none of this", st, s.n)
	}
	_, by := s.passes()
	s.wantBy(by, "ana")
}

// What people set by hand is in force where they say so, seen and audited.
func (s *story) setByHand() {
	t := s.t
	s.bounds = strings.Replace(boundariesYAML, "environment: test, stage", "environment: staging, stage", 1)
	s.restart()
	if st := s.standing(); st.Stage != boundary.Approve || st.Override != nil {
		t.Errorf("under an override for another environment %+v; want approve, earned", st)
	}
	s.bounds = boundariesYAML
	s.restart()
	for range 2 { // a second start has nothing new to say
		if err := s.r.AuditOverrides(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if st := s.standing(); st.Stage != boundary.Auto || st.Earned != boundary.Approve || st.Override == nil || st.Override.By != "test" {
		t.Errorf("under an override %+v; want auto by test, approve earned", st)
	}
	id, by := s.passes()
	s.wantBy(by, "agent")
	all := s.audited("")
	n := map[string]int{}
	for _, a := range all {
		switch {
		case strings.HasPrefix(a, "system autonomy.override: let act_"):
			n["ran by an override"]++
		case strings.HasPrefix(a, "system autonomy.override: set to auto"):
			n["set by an override"]++
		case strings.HasSuffix(a, ": done"):
			n["done"]++
		case strings.HasPrefix(a, "ana incident.grade"):
			n["graded"]++
		}
	}
	want := map[string]int{"ran by an override": 1, "set by an override": 1, "done": s.restarts, "graded": s.n + 1} // two have none yet, three were graded again
	if diff := cmp.Diff(want, n); diff != "" {
		t.Errorf("in the audit (-want +got):\n%s", diff)
	}
	got := s.audited(id)
	if i := slices.Index(got, "agent process.restart: done"); i < 1 || !strings.HasSuffix(got[i-1], "run in stage auto; graded cases alone have earned approve") {
		t.Errorf("audit of what an override let run: %q", got)
	}
}

// timeline is what an incident's says about deciding, acting and grading.
func (s *story) timeline(id string) (out []string) {
	s.t.Helper()
	if err := s.st.View(s.t.Context(), func(tx *store.Tx) error {
		evs, err := tx.Events(s.t.Context(), id)
		for _, e := range evs {
			switch {
			case e.Kind == incident.EventAction && e.Data["state"] == nil:
				out = append(out, e.Actor+" action: started")
			case e.Kind == incident.EventAction:
				out = append(out, fmt.Sprintf("%s action: %s", e.Actor, e.Data["state"]))
			case e.Kind == incident.EventGraded:
				out = append(out, fmt.Sprintf("%s graded: %s", e.Actor, e.Data["grade"]))
			case e.Kind == incident.EventNote && strings.HasPrefix(e.Text, "would "):
				out = append(out, e.Actor+" note: "+e.Text)
			case e.Kind == incident.EventApproved:
				out = append(out, e.Actor+" approved")
			case e.Kind == incident.EventTransition && e.Data["to"] == string(incident.Resolved):
				out = append(out, e.Actor+" resolved")
			}
		}
		return err
	}); err != nil {
		s.t.Fatal(err)
	}
	return out
}

// audited is what the audit says of an incident, or of all; its chain holds.
func (s *story) audited(id string) (out []string) {
	s.t.Helper()
	if err := s.st.View(s.t.Context(), func(tx *store.Tx) error {
		recs, err := tx.Audit(s.t.Context(), "", 0, 0)
		if err != nil {
			return err
		}
		for _, r := range recs {
			if id != "" && r.Incident != id {
				continue
			}
			by := ""
			if strings.Contains(string(r.Params), `"approved_by":"ana"`) {
				by = " by ana"
			}
			out = append(out, r.Actor+" "+r.Action+by+": "+r.Outcome)
		}
		v := audit.NewVerifier(audit.VerifyOptions{})
		for _, r := range recs {
			v.Record(r, nil)
		}
		if report := v.End(nil); !report.OK {
			return fmt.Errorf("the audit does not hold: %+v", report.Findings)
		}
		return nil
	}); err != nil {
		s.t.Fatal(err)
	}
	return out
}
