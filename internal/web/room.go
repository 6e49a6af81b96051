package web

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/decide"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/knowledge/browse"
	"github.com/holdfast-sre/holdfast/internal/quantity"
)

// roomPage is what the page of one incident shows, in the order in which it
// shows it.
type roomPage struct {
	Paused    string
	Note      *note  // how what was just asked for ended
	News      string // all of it in a sentence or three, for who hears the page
	ID, Title string
	Severity  string
	State     string
	Active    bool
	Acked     bool
	Commander string
	Env       string
	Started   moment
	Ended     moment
	Lasted    string
	Impact    string
	Values    []string
	Reasons   []string // of the severity
	Services  []string
	Merged    string
	Earlier   []string
	Causes    []causeRow
	Observed  []evidenceRef // what the checks saw
	RuledOut  []evidenceRef // what they looked for and did not find
	Verdict   *verdictRow
	Options   []optionRow // that wait for people
	Past      []optionRow // that were decided or withdrawn
	Actions   []actionRow
	Trace     []traceRow
	Missing   []missingRow
	Similar   []similarRow
	Charts    []chartBox
	Timeline  []timelineRow
	Older     []timelineRow
	Evidence  evidenceList
	Rules     []ruleRow
	Documents []incident.DocumentView
	Drafts    []draftRow
	Context   string
	Signals   []signalRow
	Grade     gradePanel
	Tasks     []taskRow

	MayDelegate bool
}

type verdictRow struct {
	Text    string
	Reasons []string
	Next    moment
}

type optionRow struct {
	N                         int
	ID, Title, Target, Lasts  string
	Risk                      string
	Why, Cost, Check          string
	Pros, Cons                string
	State                     string
	Waiting, Executable, Best bool
	Ended                     string // why it can't be approved any more
	EndedAt                   moment
	Until                     moment // when a half-given approval ends
	Params                    []pair
	Commands                  []string
	Plan                      string
	Approvers                 int
	ApprovedBy                string
	Needed                    int    // how many more must approve
	Who                       string // whose approval counts
	Changes                   []incident.Change
	Runbook                   string
	Stops                     string // the page that says what stops when this is done
}

type pair struct{ Key, Value string }

type actionRow struct {
	ID, Title, Target, State, By, ApprovedBy, Outcome string
	At                                                moment
	Undo                                              bool
}

// traceRow is one step of the chain. Href is the artefact's page, empty for code, for
// commits, and for what the repository does not hold.
type traceRow struct {
	Label, Href, Title string
	Inferred           bool
	Score              float64 // 0 = not known
	Why                string
	Others             []pair // IDs of what else may be meant, and their pages
}

type missingRow struct {
	ID, Href string
	Parts    string
}

type timelineRow struct {
	ID                int
	At                moment
	Kind, Actor, Text string
	Cause             string
	Before            []timelineRow // looks before it that came to the like
}

type ruleRow struct {
	ID, Text, Values string
	Held             bool
}

type signalRow struct {
	ID, Name, Source, Service, Status, Severity string
	At                                          moment
	Links                                       []pair
	Labels                                      []pair
}

// newRoom puts what is known into the page's order; linked says that artefacts have
// pages.
func newRoom(v incident.View, items []evidence.Item, now time.Time, paused string, linked bool) roomPage {
	p := roomPage{
		Paused: paused, ID: v.ID, Title: v.Title, Severity: v.Severity.String(), State: string(v.State), Active: v.State.Active(),
		Acked: !time.Time(v.AcknowledgedAt).IsZero(), Commander: v.Commander, Env: v.Environment,
		Started: newMoment(time.Time(v.StartedAt), now), Ended: newMoment(time.Time(v.ResolvedAt), now),
		Impact: v.Impact.Summary, Reasons: v.SeverityReasons, Services: v.Services, Merged: v.MergedInto, Earlier: v.Earlier,
		Documents: v.Documents, Drafts: draftRows(v, now), Context: v.Context,
	}
	if !p.Ended.IsZero() {
		p.Lasted = quantity.Duration(p.Ended.At.Sub(p.Started.At))
	}
	for _, i := range v.Impact.Values {
		p.Values = append(p.Values, i.Name+" "+quantity.Compared(i.Value, i.Usual, i.Unit))
	}
	p.Evidence = newEvidence(v, items, now)
	p.Causes = causeRows(v, items)
	p.Observed, p.RuledOut = checked(v.Observed, items), checked(v.RuledOut, items)
	p.Verdict, p.Rules = verdictRows(v, now)
	p.Options, p.Past = optionRows(v, now)
	p.Actions = actionRows(v, now)
	p.News = p.news()
	p.Trace, p.Missing = traceRows(v, linked)
	p.Similar = similarRows(v, linked)
	p.Charts = charts(v, items)
	p.Timeline, p.Older = timelineRows(v, now)
	p.Signals = signalRows(v, now)
	p.Grade = newGradePanel(v, now)
	p.Tasks = taskRows(v)
	return p
}

// verdictRows shows the latest decision; the first one is on the timeline.
func verdictRows(v incident.View, now time.Time) (*verdictRow, []ruleRow) {
	if len(v.Verdicts) == 0 {
		return nil, nil
	}
	last := v.Verdicts[len(v.Verdicts)-1]
	text := string(last.Kind)
	if last.Kind == decide.Escalate && last.Urgency != decide.NoUrgency {
		text += " (" + string(last.Urgency) + ")"
	}
	if last.Hold {
		text = "still investigating"
	}
	rules := make([]ruleRow, 0, len(last.Rules))
	for _, r := range last.Rules {
		rules = append(rules, ruleRow{ID: r.ID, Held: r.Held, Text: r.Text, Values: values(r.Values)})
	}
	return &verdictRow{Text: text, Reasons: last.Reasons, Next: newMoment(time.Time(last.NextLook), now)}, rules
}

// values writes what a rule saw, in a fixed order.
func values(m map[string]any) string {
	parts := make([]string, 0, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		b, err := json.Marshal(m[k])
		if err != nil {
			b = []byte(`"?"`)
		}
		parts = append(parts, k+"="+strings.Trim(string(b), `"`))
	}
	return strings.Join(parts, " ")
}

// optionRows are the proposals that wait for people, and those that do not any more.
func optionRows(v incident.View, now time.Time) (waiting, past []optionRow) {
	props := slices.Clone(v.Proposals)
	slices.SortStableFunc(props, func(a, b incident.ProposalView) int {
		return cmp.Or(
			-compareBool(a.State == incident.Waiting, b.State == incident.Waiting),
			-compareBool(a.Recommended, b.Recommended),
			-compareBool(a.Executable, b.Executable),
		)
	})
	for _, o := range props {
		row := optionRow{
			ID: o.ID, Title: strings.ReplaceAll(cmp.Or(o.Title, o.Option, o.Action), "_", " "), Target: o.Target.String(), Lasts: string(o.Lasting), Risk: string(o.Risk),
			Why: o.Why, Cost: o.Cost, Check: o.Check, Pros: o.Pros, Cons: o.Cons, State: string(o.State),
			Waiting: o.State == incident.Waiting && v.State.Active(), Executable: o.Executable, Best: o.Recommended,
			Commands: o.Commands, Plan: o.PlanSHA256, Approvers: o.Approvers, ApprovedBy: strings.Join(o.ApprovedBy, ", "), Runbook: o.Runbook,
			Stops: impactLink(o), Changes: o.Changes, Needed: o.StillNeeded, Who: whoMay(o), Until: newMoment(time.Time(o.ExpiresAt), now),
		}
		row.Params = append(row.Params, pair{"action", o.Action}, pair{"target", o.Target.String()})
		for _, k := range slices.Sorted(maps.Keys(o.Params)) {
			row.Params = append(row.Params, pair{k, o.Params[k]})
		}
		if len(o.Facts) > 0 {
			row.Params = append(row.Params, pair{"rests on", values(o.Facts)})
		}
		if !row.Waiting {
			row.Ended, row.EndedAt = whyEnded(v, o.ID, now)
			past = append(past, row)
			continue
		}
		row.N = len(waiting) + 1
		waiting = append(waiting, row)
	}
	return waiting, past
}

// news answers what is wrong, how sure that is, what was done and what waits.
func (p *roomPage) news() string {
	out := p.Severity + ", " + p.State
	if p.Active && !p.Acked {
		out += ", acknowledged by nobody"
	}
	out += ". "
	if len(p.Causes) > 0 && !p.Causes[0].Unknown {
		out += fmt.Sprintf("%s: %s. ", word(p.Causes[0].Probability), p.Causes[0].Text)
	} else {
		out += "The cause is not known. "
	}
	if n := len(p.Actions); n > 0 {
		out += fmt.Sprintf("Last action: %s, %s. ", p.Actions[n-1].Title, p.Actions[n-1].State)
	}
	waiting := 0
	for _, o := range p.Options {
		if o.Executable {
			waiting++
		}
	}
	switch {
	case !p.Active:
	case waiting > 0:
		out += fmt.Sprintf("%d waiting for approval.", waiting)
	default:
		out += "Nothing waits for approval."
	}
	return strings.TrimSpace(out)
}

// whyEnded finds on the timeline why and when a proposal was withdrawn or rejected.
func whyEnded(v incident.View, id string, now time.Time) (why string, at moment) {
	for _, e := range slices.Backward(v.Timeline) {
		if e.Kind != incident.EventExpired && e.Kind != incident.EventRejected {
			continue
		}
		if of, _ := e.Data["proposal"].(string); of == id {
			why, _ = e.Data["cause"].(string)
			return why, newMoment(time.Time(e.At), now)
		}
	}
	return "", moment{}
}

// whoMay says whose approval counts.
func whoMay(o incident.ProposalView) string {
	who := "every approver"
	if !o.Everyone {
		who = cmp.Or(strings.Join(o.MayApprove, ", "), "nobody")
	}
	if o.FourEyes {
		who += ", but not those who asked for it"
		if len(o.Requesters) > 0 {
			who += " (" + strings.Join(o.Requesters, ", ") + ")"
		}
	}
	return who
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

func actionRows(v incident.View, now time.Time) []actionRow {
	out := make([]actionRow, 0, len(v.Actions))
	for _, a := range v.Actions {
		row := actionRow{
			ID: a.ID, Title: a.Action, Target: a.Target.String(), State: string(a.State), By: a.By, Outcome: a.Outcome,
			At: newMoment(time.Time(a.StartedAt), now), Undo: a.IsUndo,
		}
		if a.ApprovedBy != nil {
			row.ApprovedBy = *a.ApprovedBy
		}
		out = append(out, row)
	}
	return out
}

// amends reports whether a path is not that of an artefact of the chain, but of an
// amendment of it.
func amends(chain []incident.TraceStep, id, path string) bool {
	return slices.ContainsFunc(chain, func(s incident.TraceStep) bool { return s.ID == id && s.Path != path })
}

// traceRows are the steps of the chain, and what its decisions leave open; linked says
// that there are pages of artefacts.
func traceRows(v incident.View, linked bool) (steps []traceRow, missing []missingRow) {
	for _, s := range v.Trace {
		row := traceRow{Label: s.ID, Title: s.Title, Inferred: s.Inferred, Score: s.Score, Why: s.Why}
		switch {
		case s.Kind == "code" && s.Path != "":
			row.Label = s.Path
			if s.Line > 0 {
				row.Label = fmt.Sprintf("%s:%d", s.Path, s.Line)
			}
		case linked && s.Kind != "code" && s.Kind != "commit" && s.Path != "":
			id, _, _ := strings.Cut(s.ID, " story ")
			row.Href = browse.LineAddress(id, s.Line)
			if amends(v.Trace, id, s.Path) { // its lines are none of the page's first file
				row.Href = browse.Address(id, "")
			}
		}
		for _, o := range s.Others {
			other := pair{Key: o.ID}
			if linked {
				other.Value = browse.Address(o.ID, "")
			}
			row.Others = append(row.Others, other)
		}
		steps = append(steps, row)
		if len(s.Missing) > 0 {
			missing = append(missing, missingRow{ID: s.ID, Href: row.Href, Parts: strings.Join(s.Missing, ", ")})
		}
	}
	return steps, missing
}

// atOnce is how many rows of the timeline are shown before the rest is folded.
const atOnce = 60

// timelineRows are the newest first. Looks that follow each other and found nothing
// but a diagnosis stand behind the newest of them.
func timelineRows(v incident.View, now time.Time) (newest, older []timelineRow) {
	var out []timelineRow
	for i, e := range slices.Backward(v.Timeline) {
		cause, _ := e.Data["cause"].(string)
		if cause == e.Text {
			cause = ""
		}
		row := timelineRow{
			ID: i, At: newMoment(time.Time(e.At), now), Kind: strings.ReplaceAll(e.Kind, "_", " "), Actor: e.Actor, Text: e.Text, Cause: cause,
		}
		if last := len(out) - 1; last >= 0 && e.Kind == incident.EventDiagnosis && out[last].Kind == row.Kind && out[last].Actor == row.Actor && out[last].Cause == row.Cause {
			out[last].Before = append(out[last].Before, row)
			continue
		}
		out = append(out, row)
	}
	n := min(len(out), atOnce)
	return out[:n], out[n:]
}

func signalRows(v incident.View, now time.Time) []signalRow {
	out := make([]signalRow, 0, len(v.Signals))
	for _, s := range v.Signals {
		row := signalRow{
			ID: s.ID, Name: s.Name, Source: s.Source, Service: s.Service, Status: string(s.Status), Severity: s.Severity.String(),
			At: newMoment(time.Time(s.StartsAt), now),
		}
		for _, l := range s.Links {
			if u := httpOnly(l.URL); u != "" {
				row.Links = append(row.Links, pair{l.Kind, u})
			}
		}
		for _, k := range slices.Sorted(maps.Keys(s.Labels)) {
			row.Labels = append(row.Labels, pair{k, s.Labels[k]})
		}
		out = append(out, row)
	}
	return out
}

// httpOnly is the link, or nothing when following it could do anything but
// open a page.
func httpOnly(link string) string {
	if strings.HasPrefix(link, "https://") || strings.HasPrefix(link, "http://") {
		return link
	}
	return ""
}
