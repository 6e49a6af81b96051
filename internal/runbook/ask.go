package runbook

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/change"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/outside"
)

// strength of a fact that a runbook's owner asked for by name.
const factStrength = 0.8

// parallel is how many diagnostics of one runbook ask at the same time.
const parallel = 8

// Ask runs every diagnostic and precondition. It changes nothing and never
// fails: what could not be answered becomes evidence of its own, and its facts
// are missing. It returns when all have answered or run into their timeouts.
func (r *Runbook) Ask(ctx context.Context, ports Ports, v Vars) Run {
	return r.AskAloud(ctx, ports, v, func(Step) {})
}

// Step is one diagnostic that was answered, or was not.
type Step struct {
	Diagnostic string
	Title      string
	Summary    string
	Answered   bool
	Place      int // among the questions, from 0
	Done, Of   int // how many have ended, this one included, of how many
}

// AskAloud is Ask that tells of each diagnostic as it ends. tell is called by one
// goroutine at a time and must not block.
func (r *Runbook) AskAloud(ctx context.Context, ports Ports, v Vars, tell func(Step)) Run {
	run := Run{
		Runbook: r.Name, SHA256: r.sha256, Service: v.Service,
		Facts: map[string]any{}, Diagnostics: map[string]string{},
	}
	questions := r.questions()
	answers := make([]answer, len(questions))
	var wg sync.WaitGroup
	gate := make(chan struct{}, parallel)
	var mu sync.Mutex
	done := 0
	for i, d := range questions {
		wg.Go(func() {
			gate <- struct{}{}
			defer func() { <-gate }()
			answers[i] = ask(ctx, ports, v, d)
			it := r.item(v, d, answers[i])
			mu.Lock()
			defer mu.Unlock()
			done++
			tell(Step{Diagnostic: d.Name, Title: d.title(), Summary: it.Summary, Answered: answers[i].err == nil, Place: i, Done: done, Of: len(questions)})
		})
	}
	wg.Wait()
	for i, d := range questions {
		it := r.item(v, d, answers[i])
		run.Items = append(run.Items, it)
		run.Diagnostics[d.Name] = it.ID
		maps.Copy(run.Facts, answers[i].facts)
	}
	run.Preconditions = r.preconditions(ctx, ports, v, run)
	return run
}

// answer is what one diagnostic brought.
type answer struct {
	source   string
	service  string
	query    string
	from, to time.Time
	link     string
	stale    bool
	outside  bool
	facts    map[string]any
	summary  string
	err      error
}

// errNoPort reports that no source of the kind is configured.
var errNoPort = errors.New("no such source is configured")

func ask(ctx context.Context, ports Ports, v Vars, d Diagnostic) answer {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(d.Timeout, defaultTimeout))
	defer cancel()
	a := answer{to: v.Now, from: v.Now, source: d.Source}
	switch {
	case d.PromQL != "":
		a.askMetrics(ctx, ports.Metrics, v, d)
	case d.Logs != nil:
		a.askLogs(ctx, ports.Logs, v, d)
	case d.LogQL != nil:
		a.askLogQuery(ctx, ports.Logs, v, d, LogQL, d.LogQL)
	case d.LogsQL != nil:
		a.askLogQuery(ctx, ports.Logs, v, d, LogsQL, d.LogsQL)
	case d.SQL != "":
		a.askSQL(ctx, ports.SQL, v, d)
	case d.Runbook != "":
		a.query = "runbook " + d.Runbook
		a.err = fmt.Errorf("runbook %q is not loaded", d.Runbook)
	case d.Changes != nil:
		a.askChanges(ctx, ports.Changes, v, d)
	case d.HTTPGet != nil:
		a.askHTTP(ctx, ports.HTTP, v, d)
	case d.Runtime != nil:
		a.askRuntime(ctx, ports.Runtime, v, d)
	}
	if a.err != nil && ctx.Err() != nil {
		a.err = fmt.Errorf("no answer in %s: %w", cmp.Or(d.Timeout, defaultTimeout), a.err)
	}
	if a.err != nil {
		a.facts = nil
	}
	return a
}

func (a *answer) askMetrics(ctx context.Context, port Metrics, v Vars, d Diagnostic) {
	a.query = v.fill(d.PromQL)
	if port == nil {
		a.err = errNoPort
		return
	}
	got, err := port.Instant(ctx, MetricQuestion{Source: d.Source, Environment: v.Environment, Query: a.query, At: v.Now})
	a.source, a.link, a.stale = cmp.Or(got.Source, d.Source), got.Link, got.Stale
	if err != nil {
		a.err = err
		return
	}
	value, err := one(got, d.Empty)
	switch {
	case err != nil:
		a.err = err
	case got.Stale:
		a.err = errors.New("the source's samples are stale")
	default:
		a.set(d, map[Part]any{PartValue: value})
		a.summary = fmt.Sprintf("%s: %s", d.title(), number(value, d.Unit))
	}
}

// askLogQuery counts the lines of a query in the log system's own language.
func (a *answer) askLogQuery(ctx context.Context, port Logs, v Vars, d Diagnostic, lang LogLanguage, q *LogQuery) {
	a.from, a.outside = v.Now.Add(-q.Since), true
	a.query = v.fill(q.Query)
	if port == nil {
		a.err = errNoPort
		return
	}
	got, err := port.CountQuery(ctx, RawLogQuestion{Source: d.Source, Environment: v.Environment, Language: lang, Query: a.query, From: a.from, To: a.to})
	a.source, a.query, a.link = cmp.Or(got.Source, d.Source), cmp.Or(got.Query, a.query), got.Link
	if err != nil {
		a.err = err
		return
	}
	a.set(d, map[Part]any{PartCount: float64(got.Count)})
	a.summary = fmt.Sprintf("%s: %d log lines match in %s", d.title(), got.Count, ago(q.Since))
}

func (a *answer) askSQL(ctx context.Context, port SQL, v Vars, d Diagnostic) {
	a.query = d.SQL
	if port == nil {
		a.err = errNoPort
		return
	}
	got, err := port.Select(ctx, SQLQuestion{Source: d.Source, Environment: v.Environment, Statement: d.SQL, Timeout: cmp.Or(d.Timeout, defaultTimeout)})
	a.source = cmp.Or(got.Source, d.Source)
	if err != nil {
		a.err = err
		return
	}
	parts := map[Part]any{PartRows: float64(got.Rows)}
	a.summary = fmt.Sprintf("%s: %d rows", d.title(), got.Rows)
	if value, ok := sqlValue(got, d.Empty); ok {
		parts[PartValue] = value
		switch value := value.(type) {
		case float64:
			a.summary = fmt.Sprintf("%s: %s", d.title(), number(value, d.Unit))
		default: // what a table holds, outsiders may have written
			a.outside = true
			a.summary = fmt.Sprintf("%s: %v", d.title(), value)
		}
	}
	a.set(d, parts)
	if slices.ContainsFunc(slices.Collect(maps.Values(d.Capture)), func(c Captured) bool { return c.Part == PartValue }) && parts[PartValue] == nil {
		a.err = evidence.ErrNoData
		if got.Rows > 1 {
			a.err = fmt.Errorf("%d rows: aggregate so that one remains", got.Rows)
		}
	}
}

// sqlValue is the first column of the only row.
func sqlValue(got SQLAnswer, empty *float64) (any, bool) {
	switch {
	case got.Rows == 1 && got.Value != nil:
		if s, ok := got.Value.(string); ok {
			return outside.Cut(s, longestText), true
		}
		return got.Value, true
	case got.Rows <= 1 && empty != nil:
		return *empty, true
	}
	return nil, false
}

// one returns the single number of an answer.
func one(got MetricAnswer, empty *float64) (float64, error) {
	samples := got.Samples
	switch {
	case got.More:
		return 0, fmt.Errorf("more than %d series match: add sum() or max() so that one number remains", MostSeries)
	case len(samples) == 1:
		return samples[0].Value, nil
	case len(samples) > 1:
		return 0, fmt.Errorf("%d series match: add sum() or max() so that one number remains", len(samples))
	case empty != nil:
		return *empty, nil
	}
	return 0, evidence.ErrNoData
}

func (a *answer) askLogs(ctx context.Context, port Logs, v Vars, d Diagnostic) {
	a.service, a.from, a.outside = resolve(d.Logs.Service, v.Service), v.Now.Add(-d.Logs.Since), true
	a.query = d.Logs.Match
	s, ok := v.Catalog.Service(a.service)
	if !ok {
		a.err = fmt.Errorf("service %q is not in the catalog", a.service)
		return
	}
	if port == nil {
		a.err = errNoPort
		return
	}
	got, err := port.Count(ctx, LogQuestion{Source: d.Source, Environment: v.Environment, Service: s, Match: d.Logs.Match, From: a.from, To: a.to})
	a.source, a.query, a.link = cmp.Or(got.Source, d.Source), cmp.Or(got.Query, a.query), got.Link
	if err != nil {
		a.err = err
		return
	}
	a.set(d, map[Part]any{PartCount: float64(got.Count)})
	a.summary = fmt.Sprintf("%s: %d log lines of %s match in %s", d.title(), got.Count, a.service, ago(d.Logs.Since))
}

func (a *answer) askChanges(ctx context.Context, port Changes, v Vars, d Diagnostic) {
	a.service, a.from = resolve(d.Changes.Service, v.Service), v.Now.Add(-d.Changes.Since)
	a.query = "changes of " + a.service
	if port == nil {
		a.err = errNoPort
		return
	}
	if d.Changes.Runtime && !port.Recorded(v.Environment, a.service) {
		a.err = fmt.Errorf("no source here records what was deployed of %s", a.service)
		return
	}
	all, err := port.Changes(ctx, v.Environment, a.service, a.from, a.to)
	if err != nil {
		a.err = err
		return
	}
	found := selectChanges(all, d.Changes.Kinds, d.Changes.Runtime)
	parts := map[Part]any{PartCount: float64(len(found))}
	a.summary = fmt.Sprintf("%s: no change of %s in %s", d.title(), a.service, ago(d.Changes.Since))
	if len(found) > 0 {
		latest := found[0]
		parts[PartMinutes] = v.Now.Sub(latest.At).Minutes()
		a.outside = slices.ContainsFunc(found, func(c change.Change) bool { return !c.Runtime })
		many := fmt.Sprintf("%d changes", len(found))
		if len(found) == 1 {
			many = "1 change"
		}
		a.summary = fmt.Sprintf("%s: %s of %s in %s, the latest %s %s", d.title(), many, a.service, ago(d.Changes.Since), latest.Kind, latest.Version)
	}
	a.set(d, parts)
}

// selectChanges keeps the kinds asked for (every kind but commits when none is)
// and sorts by time, newest first.
func selectChanges(all []change.Change, kinds []ChangeKind, runtime bool) []change.Change {
	var out []change.Change
	for _, c := range all {
		switch {
		case runtime && !c.Runtime:
		case len(kinds) == 0 && c.Kind == change.Commit:
		case len(kinds) > 0 && !slices.Contains(kinds, ChangeKind(c.Kind)):
		default:
			out = append(out, c)
		}
	}
	slices.SortStableFunc(out, func(a, b change.Change) int { return b.At.Compare(a.At) })
	return out
}

func (a *answer) askHTTP(ctx context.Context, port HTTP, v Vars, d Diagnostic) {
	a.query = fill(d.HTTPGet.URL, url.PathEscape(v.Service), url.PathEscape(v.Environment), "", "")
	a.source = "http"
	if port == nil {
		a.err = errNoPort
		return
	}
	code, err := port.Status(ctx, a.query)
	if err != nil {
		a.err = err
		return
	}
	a.set(d, map[Part]any{PartCode: float64(code), PartOK: code >= 200 && code < 300})
	a.summary = fmt.Sprintf("%s: %s answers %d", d.title(), a.query, code)
}

// set keeps the parts that the diagnostic captures; a part that the answer does
// not have stays missing.
func (a *answer) set(d Diagnostic, parts map[Part]any) {
	a.facts = map[string]any{}
	for fact, taken := range d.Capture {
		v, ok := parts[taken.Part]
		if !ok {
			continue
		}
		value, ok := taken.typed(d, v)
		if !ok {
			a.err = fmt.Errorf("the answer is %v, which is no %s", v, wanted(taken, d))
			return
		}
		a.facts[fact] = value
	}
}

// wanted is the type that a fact should have.
func wanted(c Captured, d Diagnostic) string {
	u, err := ParseUnit(cmp.Or(c.Unit, d.Unit))
	if err != nil {
		return "number"
	}
	return u.Type()
}

// typed turns a value into the type that the fact has: 0 and 1 are false and
// true where a bool is asked for.
func (c Captured) typed(d Diagnostic, v any) (any, bool) {
	if c.Part != PartValue {
		return v, true
	}
	unit, err := ParseUnit(cmp.Or(c.Unit, d.Unit))
	if err != nil {
		return v, false
	}
	n, isNumber := v.(float64)
	switch unit.kind {
	case kindBool:
		if b, ok := v.(bool); ok {
			return b, true
		}
		return n == 1, isNumber && (n == 0 || n == 1)
	case kindText:
		if s, ok := v.(string); ok {
			return s, true
		}
		return v, false
	}
	return v, isNumber
}

// item is the evidence that a diagnostic leaves.
func (r *Runbook) item(v Vars, d Diagnostic, a answer) evidence.Item {
	it := evidence.Item{
		Kind: evidence.KindFacts, Collector: "runbook", Source: a.source, Service: a.service,
		Query: a.query, From: a.from, To: a.to, Unit: d.Unit, Summary: a.summary,
		Link: a.link, Strength: factStrength, Stale: a.stale, Outside: a.outside,
	}
	if a.err != nil {
		it.Kind, it.Strength, it.Error = evidence.KindFailure, 0, a.err.Error()
		it.Summary = fmt.Sprintf("%s: %s", d.title(), a.err)
		if errors.Is(a.err, evidence.ErrNoData) {
			it.Summary = d.title() + ": the query matches nothing"
		}
		return it.WithID(v.IncidentID)
	}
	it, err := it.Encode(evidence.Facts{Runbook: r.Name, Diagnostic: d.Name, Values: a.facts})
	if err != nil {
		it.Kind, it.Error = evidence.KindFailure, err.Error()
	}
	return it.WithID(v.IncidentID)
}

func (d Diagnostic) title() string { return cmp.Or(d.Title, d.Name) }

// number writes a value with at most three digits after the point.
func number(v float64, unit string) string {
	s := strings.TrimRight(strings.TrimRight(fmt.Sprintf("%.3f", v), "0"), ".")
	return strings.TrimSpace(s + " " + unit)
}

// ago writes a span as people say it.
func ago(d time.Duration) string {
	switch {
	case d%(24*time.Hour) == 0:
		return fmt.Sprintf("the last %d d", d/(24*time.Hour))
	case d%time.Hour == 0:
		return fmt.Sprintf("the last %d h", d/time.Hour)
	case d%time.Minute == 0:
		return fmt.Sprintf("the last %d min", d/time.Minute)
	}
	return "the last " + d.String()
}

// fill replaces the variables of a query.
func (v Vars) fill(text string) string {
	s, _ := v.Catalog.Service(v.Service)
	window := cmp.Or(v.Window, 5*time.Minute)
	return fill(text, v.Service, v.Environment, s.Metrics.Selector, promDuration(window))
}

// promDuration writes whole seconds, which PromQL and LogQL both read.
func promDuration(d time.Duration) string { return fmt.Sprintf("%ds", max(int64(d/time.Second), 1)) }

// preconditions evaluates each; one that can't be decided does not hold.
func (r *Runbook) preconditions(ctx context.Context, ports Ports, v Vars, run Run) []Check {
	var out []Check
	for i, p := range r.Preconditions {
		switch {
		case p.Word == NoMaintenanceWindow:
			c := Check{Name: string(p.Word), Held: v.Maintenance == catalog.False}
			if v.Maintenance == catalog.Unset {
				c.Error = "not known whether a maintenance window covers the service"
			}
			out = append(out, c)
		case p.Changes != nil:
			out = append(out, p.Changes.check(ctx, ports.Changes, v))
		default:
			out = append(out, r.compiled.precond[i].check(run.values(v)))
		}
	}
	return out
}

func (cc ChangesCondition) check(ctx context.Context, port Changes, v Vars) Check {
	service := resolve(cc.Service, v.Service)
	c := Check{Name: fmt.Sprintf("a change of %s in %s", service, ago(cc.Since))}
	if cc.None {
		c.Name = fmt.Sprintf("no change of %s in %s", service, ago(cc.Since))
	}
	if port == nil {
		c.Error = errNoPort.Error()
		return c
	}
	ctx, cancel := context.WithTimeout(ctx, defaultTimeout)
	defer cancel()
	all, err := port.Changes(ctx, v.Environment, service, v.Now.Add(-cc.Since), v.Now)
	if err != nil {
		c.Error = err.Error()
		return c
	}
	found := selectChanges(all, cc.Kinds, false)
	c.Held = (len(found) == 0) == cc.None
	return c
}

// Verify asks the verify query of a remediation once. The check does not hold
// when there is no verify, no answer or a stale one. Asking again until
// Verify.Within has passed is the caller's.
func (r *Runbook) Verify(ctx context.Context, ports Ports, v Vars, run Run, option string) (Check, evidence.Item) {
	i := slices.IndexFunc(r.Remediations, func(m Remediation) bool { return m.Name == option })
	if i < 0 || r.Remediations[i].Verify == nil {
		return Check{Name: option, Error: "the remediation says nothing about how we will know"}, evidence.Item{}
	}
	m := r.Remediations[i]
	d := Diagnostic{
		Name: "verify-" + m.Name, Title: "check of " + m.Name, PromQL: m.Verify.PromQL,
		Source: m.Verify.Source, Capture: Capture{"value": {Part: PartValue}},
	}
	a := ask(ctx, ports, v, d)
	it := r.item(v, d, a)
	c := Check{Name: m.Verify.Condition}
	if a.err != nil {
		c.Error = a.err.Error()
		return c, it
	}
	vals := run.values(v)
	vals["value"] = a.facts["value"]
	return r.compiled.verify[i].check(vals), it
}
