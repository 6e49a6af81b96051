package prove

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/boundary"
	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/severity"
)

// maxQuestions bounds how many questions are put to a boundary file.
const maxQuestions = 50_000

// answer is what a boundary file says to one question, as a verdict sees it.
type answer struct {
	facts    string // the question, in words
	values   []is   // the answer, as values of the dimensions
	decision boundary.Decision
	hits     []boundary.Hit
	grant    boundary.Grant
	limits   boundary.Limits
}

// fixed are the dimensions that the answer decides.
func (a *answer) fixed() []string {
	var out []string
	for _, v := range a.values {
		out = append(out, v.dimension)
	}
	return out
}

// question is one set of facts.
type question struct {
	boundary.Facts
}

// file asks the boundary file everything that it can tell apart, compares its
// rulings with a plain reading of its lists, and puts each distinct answer
// through the verdict with every other value, and with every pair where the
// agent may act alone.
func (p *prover) file(ctx context.Context) error {
	set := p.Boundaries
	f := &File{SHA256: set.SHA256(), Rules: len(set.File().Rules)}
	p.report.File = f
	seen := map[string]bool{}
	var answers []*answer
	for _, q := range p.questions() {
		d := set.Rule(q.Facts)
		f.Asked++
		switch d.Ruling {
		case boundary.Allow:
			f.Allow++
		case boundary.Ask:
			f.Ask++
		case boundary.Deny:
			f.Deny++
		}
		if want := plainly(set.File(), q.Facts); !slices.Contains(want, d.Ruling) {
			p.misread(q, d.Ruling, want)
		}
		a := p.answerOf(set, q, d)
		if key := fmt.Sprint(a.values, a.limits); !seen[key] {
			seen[key] = true
			answers = append(answers, a)
		}
	}
	f.Distinct = len(answers)
	free := p.places(ofStart(), false)
	for _, a := range answers {
		b := base{values: a.values, fixed: a.fixed(), depth: 1, answer: a}
		if p.o.expect(p.combination(b)).demand == alone {
			b.depth = min(p.Depth, 2)
		}
		if err := p.deviate(ctx, b, free, p.verdict); err != nil {
			return err
		}
	}
	return nil
}

// plainly reads the rules by their lists alone: a condition can only take a
// rule away, so that the ruling lies between that of the rules without one and
// that of all.
func plainly(f boundary.File, q boundary.Facts) []boundary.Ruling {
	sure, all := boundary.Allow, boundary.Ruling(-1)
	perhaps, certain := false, false
	careful := func(rs []boundary.Ruling) []boundary.Ruling { return withMaintenance(f, q, withBudget(f, q, rs)) }
	for _, r := range f.Rules {
		in := func(list []string, v string) bool {
			return len(list) == 0 || slices.Contains(list, "*") || slices.Contains(list, v)
		}
		if !slices.Contains(r.Actions, q.Action.Name) || !in(r.Environments, q.Action.Target.Environment) || !in(r.Services, q.Action.Service) ||
			!in(r.Runbooks, q.Runbook) || len(r.Severities) > 0 && !slices.Contains(r.Severities, q.Severity) {
			continue
		}
		says := map[boundary.Autonomy]boundary.Ruling{boundary.Never: boundary.Deny, boundary.NeedsOK: boundary.Ask, boundary.WithoutOK: boundary.Allow}[r.Autonomy]
		if conditional(r) {
			perhaps, all = true, max(all, says)
			continue
		}
		certain, sure = true, min(sure, says)
	}
	switch {
	case !certain && !perhaps:
		return careful([]boundary.Ruling{boundary.Ask})
	case !perhaps:
		return careful([]boundary.Ruling{sure})
	case certain:
		return careful(upTo(sure))
	}
	return careful(upTo(max(all, boundary.Ask)))
}

// withBudget is what is left of rulings where the error budget may be spent.
func withBudget(f boundary.File, q boundary.Facts, rs []boundary.Ruling) []boundary.Ruling {
	most := boundary.Allow
	if q.Neutral && q.BudgetSpent != catalog.False {
		switch f.ErrorBudget.WhenSpent {
		case boundary.Never:
			most = boundary.Deny
		case boundary.NeedsOK:
			most = boundary.Ask
		case boundary.WithoutOK:
		}
	}
	out := slices.Clone(rs)
	for i := range out {
		out[i] = min(out[i], most)
	}
	return out
}

// withMaintenance is what is left of rulings where people are at work.
func withMaintenance(f boundary.File, q boundary.Facts, rs []boundary.Ruling) []boundary.Ruling {
	named := func(list []string, v string) bool { return len(list) == 0 || slices.Contains(list, v) }
	out := slices.Clone(rs)
	for _, m := range f.Maintenance {
		any := slices.Contains(m.Environments, "*")
		if !q.Now.Before(m.From) && q.Now.Before(m.To) && (any || named(m.Environments, q.Action.Target.Environment)) && named(m.Services, q.Action.Service) {
			for i := range out {
				out[i] = min(out[i], boundary.Ask)
			}
		}
	}
	return out
}

// conditional reports whether more than its lists decides whether a rule holds.
func conditional(r boundary.RuleSpec) bool {
	return r.When != "" || len(r.During) > 0 || len(r.Outside) > 0
}

// upTo are a ruling and those that are more careful.
func upTo(r boundary.Ruling) []boundary.Ruling {
	var out []boundary.Ruling
	for x := boundary.Deny; x <= r; x++ {
		out = append(out, x)
	}
	return out
}

func (p *prover) misread(q question, got boundary.Ruling, want []boundary.Ruling) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.report.Disagreed++
	v := Violation{Kind: "file", Combination: []string{q.words()}, Want: fmt.Sprint(want), Got: got.String()}
	if key := v.String(); !p.seen[key] && len(p.report.Violations) < maxShrunk {
		p.seen[key] = true
		p.report.Violations = append(p.report.Violations, v)
	}
}

func (q question) words() string {
	return fmt.Sprintf("%s of %s in %s at %s by runbook %s, %s", q.Action.Name, q.Action.Service, q.Action.Target.Environment, q.Severity, q.Runbook, q.Now.Format("Mon 2006-01-02 15:04Z"))
}

// answerOf turns the file's answer into values of the dimensions.
func (p *prover) answerOf(set *boundary.Set, q question, d boundary.Decision) *answer {
	a := &answer{facts: q.words(), decision: d, hits: set.MustEscalate(q.Facts), grant: set.Stage(q.Runbook, q.Action.Service, q.Action.Target.Environment), limits: set.Limits()}
	_, frozen := set.Freeze(q.Now, q.Action.Target.Environment)
	_, covered := set.Maintenance(q.Action.Target.Environment, q.Services, q.Now)
	put := func(dimension, label string) { a.values = append(a.values, is{dimension, []string{label}}) }
	put("action", q.Action.Name)
	put("severity", q.Severity.String())
	put("claimed lastingness", string(q.Action.Lasting))
	put("boundary answers", d.Ruling.String())
	put("boundary wants approvals", map[int]string{0: "as the floor", 1: "one", 2: "two"}[min(d.Approvers, 2)])
	put("boundary's conditions", map[bool]string{true: "one holds", false: "none holds"}[len(a.hits) > 0])
	put("stage", map[boundary.Stage]string{boundary.Auto: "auto", boundary.Approve: "approve"}[a.grant.Stage])
	if last := &a.values[len(a.values)-1]; last.values[0] == "" {
		last.values[0] = "shadow"
	}
	put("freeze", map[bool]catalog.Flag{true: catalog.True, false: catalog.False}[frozen].String())
	put("error budget spent", q.BudgetSpent.String())
	put("direction", map[bool]string{true: "neutral", false: "unset"}[q.Neutral])
	put("silence or maintenance", map[bool]catalog.Flag{true: catalog.True, false: catalog.False}[covered].String())
	return a
}

// questions are all that the file can tell apart: names that it gives and one
// that it does not, and the values that its conditions ask about.
func (p *prover) questions() []question {
	f := p.Boundaries.File()
	var envs, services, runbooks []string
	for _, r := range f.Rules {
		envs, services, runbooks = append(envs, r.Environments...), append(services, r.Services...), append(runbooks, r.Runbooks...)
	}
	for _, w := range f.Freezes {
		envs = append(envs, w.Environments...)
	}
	for _, w := range f.Maintenance {
		envs, services = append(envs, w.Environments...), append(services, w.Services...)
	}
	for _, o := range f.Earned {
		runbooks, services, envs = append(runbooks, o.Runbook), append(services, o.Service), append(envs, o.Environment)
	}
	conditions := p.conditions()
	asks := func(name string) bool { return strings.Contains(conditions, name) }
	axes := []axis{
		over(action.Names(), func(q *question, v string) {
			q.Action.Name = v
			spec, _ := action.Known(v)
			q.Action.Lasting, q.Action.Risk = spec.Lasting, action.Low
		}),
		over(names(envs), func(q *question, v string) { q.Action.Target.Environment = v }),
		over(names(services), func(q *question, v string) {
			q.Action.Service, q.Action.Target.Name, q.Services = v, v, []string{v}
		}),
		over([]severity.Severity{severity.SEV1, severity.SEV2, severity.SEV3, severity.SEV4}, func(q *question, v severity.Severity) { q.Severity = v }),
		over(names(runbooks), func(q *question, v string) { q.Runbook = v }),
		over(moments(f, asks("hour"), asks("weekday")), func(q *question, v time.Time) { q.Now = v }),
	}
	if f.ErrorBudget.WhenSpent != "" {
		axes = append(axes, over([]catalog.Flag{catalog.False, catalog.True, catalog.Unset}, func(q *question, v catalog.Flag) { q.BudgetSpent = v }))
	}
	if asks("tier") {
		axes = append(axes, over([]int{0, 1, 2, 3, 4}, func(q *question, v int) { q.Tier = v }))
	}
	if asks("replicas") {
		axes = append(axes, over([]int{0, 1, 2, 3, 11}, func(q *question, v int) { q.Replicas = v }))
	}
	if asks("risk") {
		axes = append(axes, over([]action.Risk{"", action.Low, action.Medium, action.High}, func(q *question, v action.Risk) { q.Action.Risk = v }))
	}
	all := 1
	for _, a := range axes {
		if all *= a.n; all > maxQuestions {
			p.report.Not = append(p.report.Not, fmt.Sprintf("boundary file: all but %d of its questions, which were drawn with equal chances (it tells apart too many names and times)", maxQuestions))
			return draw(axes)
		}
	}
	return product(axes, all)
}

// axis is one thing that questions differ in.
type axis struct {
	n   int
	put func(*question, int)
}

func over[T any](values []T, put func(*question, T)) axis {
	return axis{len(values), func(q *question, i int) { put(q, values[i]) }}
}

func plainQuestion() question {
	return question{Facts: boundary.Facts{Neutral: true, BudgetSpent: catalog.False}}
}

// product are all questions.
func product(axes []axis, all int) []question {
	qs := make([]question, all)
	for n := range qs {
		qs[n] = plainQuestion()
		below := all
		for _, a := range axes { // in order: an action sets a risk that an axis of its own changes
			below /= a.n
			a.put(&qs[n], n/below%a.n)
		}
	}
	return qs
}

// draw are maxQuestions of too many, the same ones each time. Every axis is
// drawn for itself: a fixed step through all would keep to some values of an
// axis whose length divides it.
func draw(axes []axis) []question {
	chance := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a sample that is the same each time
	qs := make([]question, maxQuestions)
	for n := range qs {
		qs[n] = plainQuestion()
		for _, a := range axes {
			a.put(&qs[n], chance.IntN(a.n))
		}
	}
	return qs
}

// names are those of the file, each once, and one that it does not give.
func names(list []string) []string {
	list = slices.DeleteFunc(slices.Clone(list), func(s string) bool { return s == "*" || s == "" })
	slices.Sort(list)
	return append(slices.Compact(list), "any-other")
}

// conditions are all expressions of the file.
func (p *prover) conditions() string {
	var b strings.Builder
	for _, r := range p.Boundaries.File().Rules {
		b.WriteString(r.When + "\n")
	}
	for _, c := range p.Boundaries.File().MustEscalate {
		b.WriteString(c.When + "\n")
	}
	return b.String()
}

// moments are one outside every window, one in each, its first and the one
// after its last; and the hours and days that a condition asks for.
func moments(f boundary.File, hours, days bool) []time.Time {
	out := []time.Time{clock}
	add := func(from, to time.Time) { out = append(out, from.Add(-time.Second), from, to.Add(-time.Second), to) }
	for _, w := range f.Freezes {
		add(w.From, w.To)
	}
	for _, w := range f.Maintenance {
		add(w.From, w.To)
	}
	for _, h := range f.BusinessHours {
		zone, _ := time.LoadLocation(h.TimeZone) // the file was read whole
		from, _ := time.ParseInLocation("15:04", h.From, zone)
		to, _ := time.ParseInLocation("15:04", h.To, zone)
		for day := range 7 {
			at := func(t time.Time) time.Time {
				return time.Date(clock.Year(), clock.Month(), clock.Day()+day, t.Hour(), t.Minute(), 0, 0, zone)
			}
			add(at(from), at(to))
		}
	}
	count := map[bool]int{false: 1, true: 24}[hours]
	for d := range map[bool]int{false: 1, true: 7}[days] {
		for h := range count {
			out = append(out, clock.Truncate(24*time.Hour).AddDate(0, 0, d).Add(time.Duration(h)*time.Hour))
		}
	}
	return out
}
