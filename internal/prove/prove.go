// Package prove enumerates what a verdict can depend on and compares the code
// that decides with a table of the floor that was written apart from it. It
// uses none of decide's predicates: it knows the floor from its table alone.
package prove

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holdfast-sre/holdfast/internal/boundary"
	"github.com/holdfast-sre/holdfast/internal/decide"
)

// Subject is the code under test.
type Subject struct {
	Decide  func(decide.Input) decide.Verdict
	Floor   func(decide.Input) int
	Recheck func(decide.RecheckInput) (ok bool, reason string)
}

// Code is the code that runs in production.
func Code() Subject {
	return Subject{Decide: decide.Decide, Floor: decide.Floor, Recheck: decide.Recheck}
}

// Options of a proof.
type Options struct {
	Subject Subject
	// Depth is how many dimensions leave their starting value at once: 1 to 3.
	Depth int
	// Product also puts the floor through the full product of its own dimensions.
	Product bool
	// Boundaries is a boundary file whose answers are enumerated as well.
	Boundaries *boundary.Set
	// FirstOnly ends at the first disagreement.
	FirstOnly bool
	// Progress is told now and then how much is done, by one goroutine at a
	// time; nil = nobody asks. The total grows with a boundary file's answers.
	Progress func(done, total int64)
}

// prover is one run.
type prover struct {
	Options
	o      *oracle
	dims   []dimension
	done   atomic.Int64
	total  atomic.Int64
	mu     sync.Mutex
	report Report
	seen   map[string]bool
}

// Run enumerates, and reports what disagreed. The error says that it could not
// be done at all.
func Run(ctx context.Context, opts Options) (Report, error) {
	dims := space()
	o, err := newOracle(dims)
	if err != nil {
		return Report{}, err
	}
	p := &prover{Options: opts, o: o, dims: dims, seen: map[string]bool{}}
	p.report = Report{Verdicts: map[string]int64{}, Approvers: map[string]int64{}, Started: map[string]int64{}, Rows: len(o.floor) + len(o.wanted) + len(o.starts)}
	for _, d := range dims {
		p.report.Dimensions = append(p.report.Dimensions, Dimension{Name: d.name, Values: labels(d)})
	}
	start := time.Now()
	parts := []func(context.Context) error{p.verdicts, p.starts}
	if opts.Product {
		parts = append(parts, p.product)
	}
	if opts.Boundaries != nil {
		parts = append(parts, p.file)
	}
	for _, part := range parts {
		if err := part(ctx); err != nil {
			return Report{}, err
		}
		if p.enough() {
			break
		}
	}
	p.report.Took = time.Since(start)
	p.report.finish(opts)
	return p.report, nil
}

func labels(d dimension) []string {
	var out []string
	for _, v := range d.values {
		out = append(out, v.label)
	}
	return out
}

// base is a starting point: the dimensions that do not have their first value.
type base struct {
	name   string
	values []is
	fixed  []string // dimensions that stay as they are
	depth  int
	answer *answer // of a boundary file
}

// to is the same starting point with so many deviations at once.
func (b base) to(depth int) base {
	b.depth = depth
	return b
}

var (
	restart = base{name: "a restart by itself"}
	call    = base{name: "a call by itself", values: []is{
		{"action", []string{"http.call"}}, {"claimed lastingness", []string{"undoable"}}, {"target's generation", []string{"never readable"}},
	}}
	approvedOnce = base{name: "a restart at SEV-2, approved by one", values: []is{
		{"severity", []string{"SEV-2"}}, {"approval", []string{"of one"}},
	}}
	approvedTwice = base{name: "a lasting call, approved by two", values: []is{
		{"action", []string{"http.call"}},
		{"claimed lastingness", []string{"lasting"}},
		{"approval", []string{"of two"}},
		{"target's generation", []string{"never readable"}},
	}}
)

func (p *prover) combination(b base) combination {
	c := make(combination, len(p.dims))
	for _, k := range b.values {
		i := p.o.place[k.dimension]
		c[i] = uint8(slices.IndexFunc(p.dims[i].values, func(v value) bool { return v.label == k.values[0] })) //nolint:gosec // a handful of values
	}
	return c
}

// verdicts compares Decide over up to Depth deviations from each starting point.
func (p *prover) verdicts(ctx context.Context) error {
	free := p.places(ofStart(), false)
	return errors.Join(
		p.deviate(ctx, restart.to(p.Depth), free, p.verdict),
		p.deviate(ctx, call.to(min(p.Depth, 2)), free, p.verdict))
}

// starts compares Recheck: with an approval to the full depth, without one to
// at most two deviations, where it asks Decide once more.
func (p *prover) starts(ctx context.Context) error {
	all := p.places(nil, false)
	for _, b := range []base{approvedOnce.to(p.Depth), approvedTwice.to(p.Depth), restart.to(min(p.Depth, 2)), call.to(min(p.Depth, 2))} {
		if err := p.deviate(ctx, b, all, p.start); err != nil {
			return err
		}
	}
	return nil
}

// places are the dimensions that are in the list, or those that are not.
func (p *prover) places(of []dimension, in bool) []int {
	var out []int
	for i, d := range p.dims {
		if slices.ContainsFunc(of, func(o dimension) bool { return o.name == d.name }) == in {
			out = append(out, i)
		}
	}
	return out
}

// tally counts for one goroutine.
type tally struct {
	verdicts, approvers, started map[string]int64
	decided, starts, acts        int64
}

func newTally() *tally {
	return &tally{verdicts: map[string]int64{}, approvers: map[string]int64{}, started: map[string]int64{}}
}

// checker compares one combination; nil = code and table agree.
type checker func(*world, combination, *tally) *fault

// deviate tries every choice of at most b.depth places and values there.
func (p *prover) deviate(ctx context.Context, b base, places []int, check checker) error {
	if p.enough() {
		return nil
	}
	places = slices.DeleteFunc(slices.Clone(places), func(i int) bool { return slices.Contains(b.fixed, p.dims[i].name) })
	from := p.combination(b)
	p.total.Add(p.choices(places, b.depth))
	work := make(chan int)
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			e := &walker{p: p, check: check, places: places, answer: b.answer, t: newTally()}
			e.w.answer = b.answer
			for n := range work {
				e.c = slices.Clone(from)
				for i, d := range p.dims {
					d.values[e.c[i]].put(&e.w)
				}
				if n < 0 {
					e.visit() // the starting point itself
					continue
				}
				e.walk(n, n+1, b.depth)
			}
			p.add(e.t)
		})
	}
	err := feed(ctx, work, len(places), b.depth, p.enough)
	wg.Wait()
	return err
}

func feed(ctx context.Context, work chan<- int, n, depth int, enough func() bool) error {
	defer close(work)
	for i := -1; i < n; i++ {
		if enough() || i >= 0 && depth < 1 {
			return nil
		}
		select {
		case work <- i:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// walker walks the combinations of one goroutine.
type walker struct {
	p      *prover
	check  checker
	places []int
	answer *answer
	w      world
	c      combination
	t      *tally
}

// walk sets the places from first (exclusive end last) to each other value and
// goes deeper.
func (e *walker) walk(first, last, depth int) {
	for k := first; k < last; k++ {
		place := e.places[k]
		d, kept := e.p.dims[place], e.c[place]
		for v := range d.values {
			if uint8(v) == kept { //nolint:gosec // a handful of values
				continue
			}
			e.c[place] = uint8(v) //nolint:gosec // a handful of values
			d.values[v].put(&e.w)
			e.visit()
			if depth > 1 && !e.p.enough() {
				e.walk(k+1, len(e.places), depth-1)
			}
		}
		e.c[place] = kept
		d.values[kept].put(&e.w)
	}
}

func (e *walker) visit() {
	if f := e.check(&e.w, e.c, e.t); f != nil {
		e.p.found(f, e.c, e.check, e.answer)
	}
	if n := e.p.done.Add(1); n%5_000 == 0 {
		e.p.tell(n)
	}
}

func (p *prover) tell(done int64) {
	if p.Progress == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.Progress(done, p.total.Load())
}

// choices counts the combinations of at most depth deviations.
func (p *prover) choices(places []int, depth int) int64 {
	n := make([]int64, depth+1) // by how many deviate
	n[0] = 1
	for _, i := range places {
		for k := depth; k > 0; k-- {
			n[k] += n[k-1] * int64(len(p.dims[i].values)-1)
		}
	}
	sum := int64(0)
	for _, k := range n {
		sum += k
	}
	return sum
}

func (p *prover) add(t *tally) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := &p.report
	r.Decided, r.StartsTried, r.Acts = r.Decided+t.decided, r.StartsTried+t.starts, r.Acts+t.acts
	for k, n := range t.verdicts {
		r.Verdicts[k] += n
	}
	for k, n := range t.approvers {
		r.Approvers[k] += n
	}
	for k, n := range t.started {
		r.Started[k] += n
	}
}

// verdict compares one verdict with the table.
func (p *prover) verdict(w *world, c combination, t *tally) (f *fault) {
	defer func() { f = recovered(f, recover()) }()
	v := p.Subject.Decide(w.input())
	e := p.o.expect(c)
	kinds, hold := p.o.verdict(c, e)
	t.decided++
	kind := string(v.Kind)
	if v.Hold {
		kind = "investigate on"
	}
	t.verdicts[kind]++
	t.approvers[people(v.Approvers)]++
	if v.Kind == decide.Remediate {
		t.acts++
	}
	if f := record(v, e); f != nil {
		return f
	}
	if rule := p.o.unrecorded(c, e, v.Rules); rule != "" {
		return &fault{kind: "record", want: "rule " + rule + " does not hold", got: "it holds"}
	}
	want := e.demand.approvers()
	if a := w.answer; a != nil && e.floor != alone && want >= 0 {
		want = max(want, a.decision.Approvers) // a file may want more than two
	}
	if v.Approvers != want {
		return &fault{kind: "approvals", want: people(want), got: people(v.Approvers)}
	}
	ok := slices.Contains(kinds, string(v.Kind)) && (hold || !v.Hold) && (len(kinds) == 1 || v.Kind == decide.Escalate || v.Hold)
	if !ok {
		return &fault{kind: "verdict", want: strings.Join(kinds, " or "), got: kind}
	}
	return nil
}

// record compares what a verdict says of itself: it has a reason, and names a
// condition that a person must see exactly where the table does.
func record(v decide.Verdict, e expectation) *fault {
	must := slices.ContainsFunc(v.Rules, func(r decide.Rule) bool { return r.Part == decide.PartMustEscalate && r.Held })
	says := map[bool]string{true: "a condition that a person must see", false: "no condition that a person must see"}
	switch {
	case must != e.person:
		return &fault{kind: "record", want: says[e.person], got: says[must]}
	case len(v.Reasons) == 0:
		return &fault{kind: "record", want: "a reason", got: "none"}
	}
	return nil
}

// start compares whether an action may start.
func (p *prover) start(w *world, c combination, t *tally) (f *fault) {
	defer func() { f = recovered(f, recover()) }()
	ok, reason := p.Subject.Recheck(w.start())
	want, why := p.o.start(c, p.o.expect(c))
	t.starts++
	if ok {
		t.started[p.dims[p.o.place["approval"]].values[c[p.o.place["approval"]]].label]++
	}
	if ok == want {
		return nil
	}
	return &fault{kind: "start", want: started(want, why), got: started(ok, reason)}
}

func started(ok bool, why string) string {
	if ok {
		return "starts"
	}
	return "does not start: " + why
}

func recovered(f *fault, r any) *fault {
	if r == nil {
		return f
	}
	return &fault{kind: "panic", want: "an answer", got: fmt.Sprint(r)}
}

func people(n int) string {
	switch {
	case n < 0:
		return "never executed"
	case n == 0:
		return "no approval"
	case n == 1:
		return "one approval"
	case n == 2:
		return "two approvals"
	}
	return fmt.Sprintf("%d approvals", n)
}
