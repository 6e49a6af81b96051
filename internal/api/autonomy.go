package api

import (
	"context"
	"fmt"

	"github.com/danielgtaylor/huma/v2"

	"github.com/holdfast-sre/holdfast/internal/autonomy"
	"github.com/holdfast-sre/holdfast/internal/incident"
)

// Standings answers what every runbook has earned where.
type Standings func(ctx context.Context) ([]autonomy.Standing, error)

// earned registers stages and grading.
func (a *API) earned(api huma.API) {
	get(a, api, "list-autonomy", "/api/v1/autonomy", "What every runbook has earned on every service, and what is missing to the next stage", a.standings)
	post(a, api, users, "grade-incident", "/api/v1/incidents/{id}/grade", "Grade what a runbook did or would have done; right needs an approver and an incident that is over; taking back a grade against the runbook needs an approver", a.grade)
}

type standingsInput struct {
	Cases bool `query:"cases" doc:"With every case of the last 180 days."`
}

type standingsOutput struct {
	Body struct {
		Standings []Standing `json:"standings" doc:"By runbook, service and environment."`
	}
}

func (a *API) standings(ctx context.Context, in *standingsInput) (*standingsOutput, error) {
	if a.o.Standings == nil {
		return nil, fmt.Errorf("autonomy: %w", ErrUnavailable)
	}
	all, err := a.o.Standings(ctx)
	if err != nil {
		return nil, fmt.Errorf("autonomy: %w", err)
	}
	out := &standingsOutput{}
	out.Body.Standings = make([]Standing, 0, len(all))
	for _, s := range all {
		if !in.Cases {
			s.Cases = nil
		}
		out.Body.Standings = append(out.Body.Standings, newStanding(s))
	}
	return out, nil
}

// Standing is where a runbook stands on a service.
type Standing struct {
	Runbook     string             `json:"runbook"`
	Service     string             `json:"service"`
	Environment string             `json:"environment"`
	Stage       string             `json:"stage" enum:"shadow,approve,auto" doc:"In force."`
	Earned      string             `json:"earned" enum:"shadow,approve,auto" doc:"By graded cases alone."`
	Override    *autonomy.Override `json:"override,omitempty" doc:"Who set the stage by hand, and why; absent when it is earned."`
	RunbookSHA  string             `json:"runbook_sha256" doc:"Of the present text; empty = the runbook is not loaded."`
	Next        string             `json:"next" doc:"The stage that grades open next; empty = none."`
	Have        int                `json:"have" doc:"Days with a right case that count for it."`
	Need        int                `json:"need" doc:"How many open it."`
	Right       int                `json:"right"`
	Wrong       int                `json:"wrong"`
	Ungraded    int                `json:"ungraded"`
	OtherText   int                `json:"other_text" doc:"Right cases of another text of the runbook."`
	SameDay     int                `json:"same_day" doc:"Right cases of a day that counts already."`
	LastWrong   *GradeView         `json:"last_wrong,omitempty"`
	Missing     string             `json:"missing" doc:"To the next stage, in words."`
	Cases       []CaseView         `json:"cases,omitempty" doc:"Of the last 180 days, oldest first."`
}

// GradeView is one grade.
type GradeView struct {
	Incident string        `json:"incident"`
	Grade    string        `json:"grade"`
	By       string        `json:"by"`
	At       incident.Time `json:"at"`
	Comment  string        `json:"comment"`
}

// CaseView is what a runbook did in one incident.
type CaseView struct {
	Incident   string        `json:"incident"`
	Kind       string        `json:"kind" enum:"offered,would_act,approved,acted"`
	At         incident.Time `json:"at"`
	RunbookSHA string        `json:"runbook_sha256"`
	Grade      *GradeView    `json:"grade,omitempty" doc:"The one that stands; absent when nobody graded it."`
}

func newStanding(s autonomy.Standing) Standing {
	v := Standing{
		Runbook: s.Runbook, Service: s.Service, Environment: s.Environment, Stage: string(s.Stage), Earned: string(s.Earned),
		Override: s.Override, RunbookSHA: s.RunbookSHA, Next: string(s.Next), Have: s.Have, Need: s.Need, Right: s.Right, Wrong: s.Wrong,
		Ungraded: s.Ungraded, OtherText: s.OtherText, SameDay: s.SameDay, LastWrong: newGrade(s.LastWrong), Missing: s.Missing,
	}
	for _, c := range s.Cases {
		v.Cases = append(v.Cases, CaseView{
			Incident: c.Incident, Kind: string(c.Kind), At: incident.Time(c.At), RunbookSHA: c.RunbookSHA, Grade: newGrade(c.Graded),
		})
	}
	return v
}

func newGrade(g *autonomy.Graded) *GradeView {
	if g == nil {
		return nil
	}
	return &GradeView{Incident: g.Incident, Grade: string(g.Grade), By: g.By, At: incident.Time(g.At), Comment: g.Comment}
}

// Judgement is a person's grade of an incident.
type Judgement struct {
	Grade   autonomy.Grade
	Runbook string // empty = the only one that was in play, or the diagnosis
	Comment string
	// Approver: whoever grades signed in as someone who may approve.
	Approver bool
}

type gradeInput struct {
	OneIncident
	Body struct {
		Grade   string `json:"grade" enum:"right,one_hop_off,wrong,not_an_incident,noise" doc:"What people found."`
		Runbook string `json:"runbook,omitempty" maxLength:"200" doc:"Which runbook; may be left out when one was in play."`
		Comment string `json:"comment,omitempty" maxLength:"4000" doc:"What was so; needed to take back what an earlier grade said against the runbook."`
	}
}

func (a *API) grade(ctx context.Context, in *gradeInput) (*done, error) {
	who, j := caller(ctx), Judgement{Grade: autonomy.Grade(in.Body.Grade), Runbook: in.Body.Runbook, Comment: in.Body.Comment, Approver: caller(ctx).Approver}
	if j.Grade == autonomy.Right && !who.Approver {
		return nil, fmt.Errorf("right opens stages, so only an approver says it; user %s is none: %w", who.Name, ErrForbidden)
	}
	return reply(in.ID, "grade "+in.ID, a.o.Commands.Grade(ctx, who.Name, in.ID, j))
}
