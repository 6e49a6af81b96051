package impact

import (
	"fmt"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/quantity"
)

// Title is what the report is about.
func (r Report) Title() string {
	if r.Action.Text == "" {
		return "Impact of " + r.Subject.Name
	}
	return "Impact of " + r.Subject.Name + ": " + r.Action.Text
}

// How says in words how a service needs the subject.
func (s Service) How(sub Subject) string {
	switch {
	case s.Distance > 0:
		return strings.Join(s.Path, " → ") + " (" + strings.Join(s.Basis, ", ") + ")"
	case sub.Kind == "service":
		return "itself"
	}
	return "belongs to " + sub.Name
}

// Users says whether users notice the service themselves; "?" = not known.
func (s Service) Users() string {
	switch {
	case s.UserFacing:
		return "yes"
	case s.InCatalog:
		return "no"
	}
	return "?"
}

// Rate is requests per second in words; "?" = not known.
func Rate(v *float64) string {
	if v == nil {
		return "?"
	}
	return quantity.Format(*v, "req/s")
}

// What is the kind of a claim, and whether there is none of it.
func (c Claim) What() string {
	if c.Absent {
		return "no " + c.Kind
	}
	return c.Kind
}

// At is where a claim stands.
func (c Claim) At() string {
	if c.Where.Line == 0 {
		return c.Where.Path
	}
	return c.Where.String()
}

func (d Downtime) String() string {
	switch {
	case d.Length() == 0:
		return "unknown"
	case d.Basis == "stated":
		return quantity.Duration(d.Length()) + ", as an artefact states"
	}
	return "at most " + quantity.Duration(d.Length()) + ", the length of the action"
}

func (b BudgetCost) String() string {
	what := fmt.Sprintf("%s (%s over %s): ", b.SLO, percent(b.Objective), b.Window)
	if b.Share == nil {
		return what + "not known, " + b.Why
	}
	return what + "at most " + quantity.Format(*b.Share, "ratio") + " of the whole error budget, at the traffic of now"
}

func percent(ratio float64) string {
	return strings.TrimRight(strings.TrimRight(fmt.Sprintf("%.4f", 100*ratio), "0"), ".") + " %"
}

func (s Story) String() string {
	text := fmt.Sprintf("story %s: %s", s.Number, s.Title)
	switch {
	case s.Possible:
		return text + " (may be: nothing names a story)"
	case s.Inferred:
		return text + " (" + strings.Join(s.Chain, " → ") + ", inferred)"
	}
	return text + " (" + strings.Join(s.Chain, " → ") + ")"
}

func (k KPI) String() string { return "measure: " + k.Text + " (" + k.Where.String() + ")" }

func (v Revenue) String() string {
	text := "revenue: " + strings.TrimSpace(quantity.Format(v.PerMinute, v.Currency)) + " per minute"
	if v.AtRisk != nil {
		text += ", at most " + quantity.Format(*v.AtRisk, v.Currency) + " in the downtime"
	}
	return text + " (" + v.Where.String() + ")"
}

// More are the stories, measures and revenue of a requirement in words.
func (r Requirement) More() []string {
	var out []string
	for _, s := range r.Stories {
		out = append(out, s.String())
	}
	for _, k := range r.KPIs {
		out = append(out, k.String())
	}
	if r.Revenue != nil {
		out = append(out, r.Revenue.String())
	}
	return out
}

func (r Requirement) String() string {
	what := r.Title + " (" + r.Where.String() + ")"
	if len(r.Stories) == 0 {
		what += ", by " + strings.Join(r.Chain, " → ")
	}
	return what
}

func (p Person) String() string {
	who := strings.TrimSpace(p.Name + " " + p.Channel)
	if p.Name == p.Channel {
		who = p.Name
	}
	return who + ": " + strings.Join(p.Why, ", ")
}

// Text is the window in words, and what it rests on.
func (q Quiet) Text() (what string, more []string) {
	length := quantity.Duration(time.Duration(q.Seconds * float64(time.Second)))
	if q.Assumed {
		length += ", assumed"
	}
	if q.Window == nil {
		return "not known: " + q.Why, nil
	}
	requests := func(v float64) string { return quantity.Format(float64(int64(v+0.5)), "") }
	what = fmt.Sprintf("%s to %s UTC (%s), about %s requests", q.Window.From.Format("Mon 2006-01-02 15:04"), q.Window.To.Format("Mon 15:04"), length, requests(q.Requests))
	if q.FromNow != nil {
		what += ", " + requests(*q.FromNow) + " if it were now"
	}
	more = []string{"by the usual traffic of " + strings.Join(q.Services, ", ")}
	if len(q.Freezes) > 0 {
		more = append(more, "kept free: "+strings.Join(q.Freezes, ", "))
	}
	return what, more
}
