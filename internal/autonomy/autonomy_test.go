package autonomy_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/holdfast-sre/holdfast/internal/autonomy"
	"github.com/holdfast-sre/holdfast/internal/boundary"
)

var (
	noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	key  = autonomy.Key{Runbook: "pool-stuck", Service: "relay", Environment: "prod"}
)

const day = 24 * time.Hour

// past is what happened, told in words.
type past struct {
	entries []autonomy.Entry
	grades  []autonomy.Graded
}

// one adds an incident; its grade comes an hour after it.
func (p *past) one(at time.Time, kind autonomy.Kind, sha string, g autonomy.Grade) {
	id := fmt.Sprintf("INC-2026-%04d", len(p.entries)+1)
	p.entries = append(p.entries, autonomy.Entry{Key: key, Incident: id, RunbookSHA: sha, Kind: kind, At: at})
	if g != "" {
		p.grades = append(p.grades, autonomy.Graded{Incident: id, Runbook: key.Runbook, Grade: g, By: "ana", At: at.Add(time.Hour)})
	}
}

// days adds an incident a day, the last one on the given day.
func (p *past) days(n int, last time.Time, sha string, g autonomy.Grade) {
	for i := range n {
		p.one(last.Add(-time.Duration(n-1-i)*day), autonomy.WouldAct, sha, g)
	}
}

func (p *past) assess(now time.Time) autonomy.Standing {
	return autonomy.Assess(key, "text", p.entries, p.grades, now)
}

func TestStages(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		past  func(*past)
		stage boundary.Stage
		have  int
	}{
		"nothing":                   {func(*past) {}, boundary.Shadow, 0},
		"four right":                {func(p *past) { p.days(4, noon, "text", autonomy.Right) }, boundary.Shadow, 4},
		"five right":                {func(p *past) { p.days(5, noon, "text", autonomy.Right) }, boundary.Approve, 5},
		"nineteen right":            {func(p *past) { p.days(19, noon, "text", autonomy.Right) }, boundary.Approve, 19},
		"twenty right":              {func(p *past) { p.days(20, noon, "text", autonomy.Right) }, boundary.Auto, 0},
		"twenty that nobody graded": {func(p *past) { p.days(20, noon, "text", "") }, boundary.Shadow, 0},
		"twenty of another text":    {func(p *past) { p.days(20, noon, "old", autonomy.Right) }, boundary.Approve, 0},
		"twenty, the first of old text": {func(p *past) {
			p.days(1, noon.Add(-30*day), "old", autonomy.Right)
			p.days(19, noon, "text", autonomy.Right)
		}, boundary.Approve, 19},
		"twenty older than the window": {func(p *past) { p.days(20, noon.Add(-autonomy.Window), "text", autonomy.Right) }, boundary.Shadow, 0},
		"twenty on one day": {func(p *past) {
			for range 20 {
				p.one(noon, autonomy.WouldAct, "text", autonomy.Right)
			}
		}, boundary.Shadow, 1},
		"twenty in an hour over midnight": {func(p *past) {
			for i := range 20 {
				p.one(noon.Add(-12*time.Hour+time.Duration(i-10)*3*time.Minute), autonomy.WouldAct, "text", autonomy.Right)
			}
		}, boundary.Shadow, 2},
		"twenty that were only offered": {func(p *past) {
			for i := range 20 {
				p.one(noon.Add(-time.Duration(i)*day), autonomy.Offered, "text", autonomy.Right)
			}
		}, boundary.Shadow, 0},
		"twenty that ran": {func(p *past) {
			for i := range 20 {
				p.one(noon.Add(-time.Duration(i)*day), autonomy.Approved, "text", autonomy.Right)
			}
		}, boundary.Auto, 0},
		"one wrong closes auto": {func(p *past) {
			p.days(25, noon.Add(-2*day), "text", autonomy.Right)
			p.one(noon.Add(-day), autonomy.Acted, "text", autonomy.Wrong)
		}, boundary.Approve, 0},
		"one hop off does": {func(p *past) {
			p.days(25, noon.Add(-2*day), "text", autonomy.Right)
			p.one(noon.Add(-day), autonomy.Acted, "text", autonomy.OneHopOff)
		}, boundary.Approve, 0},
		"acting on no incident does": {func(p *past) {
			p.days(25, noon.Add(-2*day), "text", autonomy.Right)
			p.one(noon.Add(-day), autonomy.Acted, "text", autonomy.NotAnIncident)
		}, boundary.Approve, 0},
		"having meant to act on noise too": {func(p *past) {
			p.days(25, noon.Add(-2*day), "text", autonomy.Right)
			p.one(noon.Add(-day), autonomy.WouldAct, "text", autonomy.Noise)
		}, boundary.Approve, 0},
		"asking about noise does not": {func(p *past) {
			p.days(25, noon.Add(-2*day), "text", autonomy.Right)
			p.one(noon.Add(-day), autonomy.Offered, "text", autonomy.Noise)
		}, boundary.Auto, 0},
		"offering the wrong thing does": {func(p *past) {
			p.days(25, noon.Add(-2*day), "text", autonomy.Right)
			p.one(noon.Add(-day), autonomy.Offered, "text", autonomy.Wrong)
		}, boundary.Approve, 0},
		"offering a neighbour does": {func(p *past) {
			p.days(25, noon.Add(-2*day), "text", autonomy.Right)
			p.one(noon.Add(-day), autonomy.Offered, "text", autonomy.OneHopOff)
		}, boundary.Approve, 0},
		"a second wrong one takes approve": {func(p *past) {
			p.days(25, noon.Add(-9*day), "text", autonomy.Right)
			p.days(2, noon.Add(-day), "text", autonomy.Wrong)
		}, boundary.Shadow, 0},
		"earned anew after a wrong one": {func(p *past) {
			p.days(20, noon.Add(-30*day), "text", autonomy.Right)
			p.one(noon.Add(-29*day), autonomy.Acted, "text", autonomy.Wrong)
			p.days(20, noon, "text", autonomy.Right)
		}, boundary.Auto, 0},
		"nineteen after a wrong one": {func(p *past) {
			p.days(20, noon.Add(-30*day), "text", autonomy.Right)
			p.one(noon.Add(-29*day), autonomy.Acted, "text", autonomy.Wrong)
			p.days(19, noon, "text", autonomy.Right)
		}, boundary.Approve, 19},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var p past
			tc.past(&p)
			s := p.assess(noon.Add(2 * time.Hour))
			if s.Stage != tc.stage || s.Have != tc.have {
				t.Errorf("got %s with %d of %d, want %s with %d: %s", s.Stage, s.Have, s.Need, tc.stage, tc.have, s.Missing)
			}
		})
	}
}

// What was decided before a person said that it was wrong was decided by what
// proved wrong, and does not earn the stage back.
func TestCasesBeforeTheWrongGradeDoNotCountAfterIt(t *testing.T) {
	t.Parallel()
	var p past
	p.one(noon.Add(-50*day), autonomy.WouldAct, "text", "")
	p.days(30, noon.Add(-10*day), "text", autonomy.Right)
	p.grades = append(p.grades, autonomy.Graded{Incident: "INC-2026-0001", Runbook: key.Runbook, Grade: autonomy.Wrong, By: "ana", At: noon})
	if s := p.assess(noon.Add(time.Hour)); s.Stage != boundary.Approve || s.Have != 0 {
		t.Errorf("a late wrong grade leaves %s with %d, want approve with none", s.Stage, s.Have)
	}
	p.grades = append(p.grades, autonomy.Graded{Incident: "INC-2026-0001", Runbook: key.Runbook, Grade: autonomy.Right, By: "bo", At: noon.Add(time.Hour)})
	if s := p.assess(noon.Add(2 * time.Hour)); s.Stage != boundary.Auto || s.Right != 31 || s.Wrong != 0 {
		t.Errorf("taken back it leaves %s, %d right, %d wrong; want auto, 31 and none", s.Stage, s.Right, s.Wrong)
	}
}

// A clock that is put back between two grades does not revive the earlier one.
func TestTheGradeThatWasRecordedLastStands(t *testing.T) {
	t.Parallel()
	var p past
	p.days(21, noon, "text", autonomy.Right)
	p.grades = append(p.grades, autonomy.Graded{Incident: "INC-2026-0021", Runbook: key.Runbook, Grade: autonomy.Wrong, By: "bo", At: noon.Add(time.Minute)})
	if s := p.assess(noon.Add(2 * time.Hour)); s.Stage != boundary.Approve || s.Wrong != 1 {
		t.Errorf("a wrong grade from before the one that it replaces leaves %s, %d wrong; want approve and one", s.Stage, s.Wrong)
	}
}

func TestTheFurthestStepStandsForAnIncident(t *testing.T) {
	t.Parallel()
	at := func(m int, k autonomy.Kind, sha string) autonomy.Entry {
		return autonomy.Entry{Key: key, Incident: "INC-2026-0001", Kind: k, RunbookSHA: sha, At: noon.Add(time.Duration(m) * time.Minute)}
	}
	got := autonomy.Cases([]autonomy.Entry{
		at(0, autonomy.Offered, "a"), at(1, autonomy.WouldAct, "a"), at(2, autonomy.WouldAct, "b"), at(3, autonomy.Offered, "c"),
	}, []autonomy.Graded{{Incident: "INC-2026-0002", Runbook: key.Runbook, Grade: autonomy.Wrong}, {Incident: "INC-2026-0001", Runbook: "other", Grade: autonomy.Wrong}})
	if diff := cmp.Diff([]autonomy.Case{{Entry: at(2, autonomy.WouldAct, "b")}}, got); diff != "" {
		t.Errorf("cases (-want +got):\n%s", diff)
	}
}

func TestAnOverrideIsInForceAndWhatIsEarnedStaysSeen(t *testing.T) {
	t.Parallel()
	var p past
	p.days(6, noon, "text", autonomy.Right)
	s := p.assess(noon.Add(day)).Under(boundary.Grant{Stage: boundary.Auto, Override: true, By: "ana", Reason: "rehearsed"})
	want := boundary.Grant{Stage: boundary.Auto, Override: true, By: "ana", Reason: "rehearsed"}
	if diff := cmp.Diff(want, s.Grant()); diff != "" || s.Earned != boundary.Approve {
		t.Errorf("earned %s, grant (-want +got):\n%s", s.Earned, diff)
	}
	if g := p.assess(noon.Add(day)).Under(boundary.Grant{Stage: boundary.Shadow}).Grant(); g.Stage != boundary.Approve || g.Override {
		t.Errorf("without an override %+v, want approve, earned", g)
	}
}

var level = map[boundary.Stage]int{boundary.Shadow: 0, boundary.Approve: 1, boundary.Auto: 2}

func anyPast(t *rapid.T) *past {
	var p past
	kinds := []autonomy.Kind{autonomy.Offered, autonomy.WouldAct, autonomy.WouldAct, autonomy.Approved, autonomy.Acted}
	grades := []autonomy.Grade{"", autonomy.Right, autonomy.Right, autonomy.Right, autonomy.Right, autonomy.Right, autonomy.Right, autonomy.Right, autonomy.Wrong, autonomy.Noise}
	at := noon
	for range rapid.IntRange(0, 60).Draw(t, "incidents") {
		at = at.Add(time.Duration(rapid.IntRange(1, 120).Draw(t, "hours")) * time.Hour)
		p.one(at, rapid.SampledFrom(kinds).Draw(t, "kind"), rapid.SampledFrom([]string{"text", "text", "text", "old"}).Draw(t, "text"), rapid.SampledFrom(grades).Draw(t, "grade"))
		if n := len(p.grades); n > 0 {
			p.grades[n-1].At = p.grades[n-1].At.Add(time.Duration(rapid.IntRange(0, 900).Draw(t, "later")) * time.Hour)
		}
	}
	return &p
}

// Nobody earns anything by waiting.
func TestTimeAloneNeverRaisesAStage(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := anyPast(t)
		now := noon.Add(300 * day) // everything is graded by then
		before := p.assess(now)
		after := p.assess(now.Add(time.Duration(rapid.IntRange(0, 200*24).Draw(t, "wait")) * time.Hour))
		if level[after.Stage] > level[before.Stage] || after.Stage == before.Stage && after.Have > before.Have {
			t.Fatalf("waiting led from %s (%d) to %s (%d)", before.Stage, before.Have, after.Stage, after.Have)
		}
	})
}

// One more grade against it never raises a stage, and auto always stands on
// twenty right days of the present text without one against it after the first.
func TestAutoStandsOnTwentyRightDaysInARow(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := anyPast(t)
		now := noon.Add(300 * day)
		s := p.assess(now)
		worse := past{entries: slices.Clone(p.entries), grades: slices.Clone(p.grades)}
		if len(p.entries) > 0 {
			i := rapid.IntRange(0, len(p.entries)-1).Draw(t, "which")
			worse.grades = append(worse.grades, autonomy.Graded{Incident: p.entries[i].Incident, Runbook: key.Runbook, Grade: autonomy.Wrong, At: now})
			if w := worse.assess(now); level[w.Stage] > level[s.Stage] || w.Stage == boundary.Auto {
				t.Fatalf("a wrong grade led from %s to %s", s.Stage, w.Stage)
			}
		}
		if s.Stage != boundary.Auto {
			return
		}
		days := map[string]bool{}
		for _, c := range slices.Backward(s.Cases) {
			if c.Graded == nil || !c.Kind.IsCase() || c.Graded.Grade != autonomy.Right || c.RunbookSHA != "text" {
				continue
			}
			if s.LastWrong != nil && !c.At.After(s.LastWrong.At) {
				break
			}
			days[c.At.Format(time.DateOnly)] = true
		}
		if len(days) < autonomy.ForAuto {
			t.Fatalf("auto on %d days after the last wrong grade", len(days))
		}
	})
}
