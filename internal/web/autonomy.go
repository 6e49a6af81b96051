package web

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/holdfast-sre/holdfast/internal/autonomy"
	"github.com/holdfast-sre/holdfast/internal/boundary"
	"github.com/holdfast-sre/holdfast/internal/incident"
)

// Standings answers what every runbook has earned where.
type Standings func(ctx context.Context) ([]autonomy.Standing, error)

// autonomyPage is the table of what runbooks have earned.
type autonomyPage struct {
	Paused string
	Rows   []standingRow
}

type standingRow struct {
	autonomy.Standing

	Steps []stepMark // one for each case that is needed, filled up to Have
	Wrong *gradeRow
	Old   []gradeRow // cases of the window, newest first
}

// stepMark is one box of the small chart.
type stepMark struct{ Done bool }

type gradeRow struct {
	Incident, Kind, Grade, By, Comment string
	At                                 moment
}

func (w *Web) autonomy(rw http.ResponseWriter, r *http.Request) {
	all, err := w.o.Standings(r.Context())
	if err != nil {
		w.broken(rw, r, err)
		return
	}
	w.render(rw, r, http.StatusOK, "autonomy", newAutonomy(all, w.o.Now(), w.paused(r.Context())))
}

func newAutonomy(all []autonomy.Standing, now time.Time, paused string) autonomyPage {
	p := autonomyPage{Paused: paused}
	for _, s := range all {
		row := standingRow{Standing: s}
		for i := range s.Need {
			row.Steps = append(row.Steps, stepMark{Done: i < s.Have})
		}
		if g := s.LastWrong; g != nil {
			row.Wrong = &gradeRow{Incident: g.Incident, Grade: gradeWords(g.Grade), By: g.By, Comment: g.Comment, At: newMoment(g.At, now)}
		}
		for _, c := range slices.Backward(s.Cases) {
			one := gradeRow{Incident: c.Incident, Kind: kindWords(c.Kind), At: newMoment(c.At, now)}
			if c.Graded != nil {
				one.Grade, one.By, one.Comment = gradeWords(c.Graded.Grade), c.Graded.By, c.Graded.Comment
			}
			row.Old = append(row.Old, one)
		}
		p.Rows = append(p.Rows, row)
	}
	return p
}

// OpensAuto reports whether the next stage is auto, where the text must be the
// present one.
func (r standingRow) OpensAuto() bool { return r.Next == boundary.Auto }

func kindWords(k autonomy.Kind) string {
	switch k {
	case autonomy.Acted:
		return "acted alone"
	case autonomy.Approved:
		return "acted, approved"
	case autonomy.WouldAct:
		return "would have acted"
	case autonomy.Offered:
	}
	return "only offered"
}

// gradeWords is a grade as people say it.
func gradeWords(g autonomy.Grade) string {
	switch g {
	case autonomy.OneHopOff:
		return "one hop off"
	case autonomy.NotAnIncident:
		return "not an incident"
	}
	return string(g)
}

// gradePanel is the form under an incident.
type gradePanel struct {
	Runbooks []string // that were in play
	Grades   []pair   // value and words; without right while the incident goes on
	Given    []timelineRow
}

func newGradePanel(v incident.View, now time.Time) gradePanel {
	var p gradePanel
	for _, o := range v.Proposals {
		if o.Recommended {
			p.Runbooks = append(p.Runbooks, o.Runbook)
		}
	}
	for _, a := range v.Actions {
		if !a.IsUndo {
			p.Runbooks = append(p.Runbooks, a.Runbook)
		}
	}
	slices.Sort(p.Runbooks)
	p.Runbooks = slices.DeleteFunc(slices.Compact(p.Runbooks), func(s string) bool { return s == "" })
	for _, g := range autonomy.Grades() {
		if v.State.Active() && g == string(autonomy.Right) {
			continue
		}
		p.Grades = append(p.Grades, pair{g, gradeWords(autonomy.Grade(g))})
	}
	for _, e := range v.Timeline {
		if e.Kind == incident.EventGraded {
			p.Given = append(p.Given, timelineRow{At: newMoment(time.Time(e.At), now), Actor: e.Actor, Text: e.Text})
		}
	}
	return p
}
