package diagnose

import (
	"cmp"
	"maps"
	"math"
	"slices"

	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// The features that spans of requests give.
const (
	fGapIn      feature = "call_gap_in"      // calls into it wait between caller and callee
	fGapOut     feature = "call_gap_out"     // and so do those that it makes, to several others
	fGapCover   feature = "call_gap_cover"   // and those are most of all calls that wait
	fOwnTime    feature = "own_time_grown"   // its operations take longer by themselves
	fOwnErrors  feature = "own_errors_risen" // its operations fail where nothing below them fails
	fCauseBelow feature = "cause_below"      // what it calls shows as much: it passes on
	fBusyInside feature = "busy_inside"      // it is short of CPU, which delays its calls, too
	fSpansUsual feature = "spans_usual"      // its operations take and do what they always did
	fBusyUnhurt feature = "busy_unhurt"      // it is short of CPU and no slower for it
	fSpansOdd   feature = "spans_odd"        // spans show trouble somewhere, so not all is well
)

// tracesPriors are the hand-set log-odds of the features of this file.
var tracesPriors = priors{
	fGapIn: 3.0, fGapOut: 2.5, fGapCover: 3.0, fOwnTime: 0.8, fOwnErrors: 2.5, fCauseBelow: -3.0, fBusyInside: -2.5, fSpansUsual: -2.0, fBusyUnhurt: -1.0, fSpansOdd: -3.0,
}

type tracesView struct {
	item   evidence.Item
	traces evidence.Traces
	flow   *flow // what they say; nil when they can't be compared
}

func (v *view) readTraces(it evidence.Item) error {
	d, err := evidence.Decode[evidence.Traces](it)
	if err != nil {
		return err
	}
	v.traces = append(v.traces, tracesView{item: it, traces: d})
	return nil
}

// spans turns spans of requests into votes.
func spans(v *view, cs *candidates) {
	for i, t := range v.traces {
		if t.item.Stale || t.traces.Now == 0 || t.traces.Before == 0 {
			continue
		}
		f := newFlow(v, cs, t)
		for _, name := range f.names() {
			f.voteGap(name)
			f.voteBusy(name)
			f.voteInside(name)
		}
		v.traces[i].flow = f
	}
}

// usualSpans speaks against failures and shortages that other signals suggest
// of components whose spans are as ever, and against health where spans are not.
// Run after those signals.
func usualSpans(v *view, cs *candidates) {
	for _, t := range v.traces {
		if t.flow == nil {
			continue
		}
		for _, c := range cs.all() {
			t.flow.voteUsual(c)
		}
	}
}

// flow is what one summary of spans says about each component. All strengths
// are 0…1.
type flow struct {
	v      *view
	cs     *candidates
	id     string
	query  string
	in     map[string][]gap // by callee
	out    map[string][]gap // by caller
	grown  float64          // of all gaps
	own    map[string]slower
	errors map[string]float64
	ops    map[string]int // spans now and before, whichever are fewer
	turns  map[string]*turns
	more   map[string]float64
	after  map[string]turn // by callee: what its callers do after calling it
	needs  map[string][]string
}

// gap is the waiting between caller and callee that came with the trouble.
type gap struct {
	evidence.SpanCall
	strength float64
}

// slower is the operation whose exclusive time grew most.
type slower struct {
	evidence.Operation
	strength float64
}

func newFlow(v *view, cs *candidates, t tracesView) *flow {
	f := &flow{
		v: v, cs: cs, id: t.item.ID, query: t.item.Query, in: map[string][]gap{}, out: map[string][]gap{},
		own: map[string]slower{}, errors: map[string]float64{}, ops: map[string]int{}, turns: turnsOf(t.traces), more: doesMore(t.traces), after: map[string]turn{}, needs: map[string][]string{},
	}
	for _, c := range t.traces.Calls {
		if !slices.Contains(f.needs[c.Caller], c.Callee) {
			f.needs[c.Caller] = append(f.needs[c.Caller], c.Callee)
		}
		if c.Now.Gaps == 0 || c.Before.Gaps == 0 {
			continue
		}
		g := gap{c, grownBy(c.Now.GapP50, c.Before.GapP50, c.Before.GapP95) * sure(min(c.Now.Gaps, c.Before.Gaps))}
		f.in[c.Callee] = append(f.in[c.Callee], g)
		f.out[c.Caller] = append(f.out[c.Caller], g)
		f.grown += g.strength
	}
	for _, o := range t.traces.Operations {
		f.addOperation(o)
	}
	f.blame()
	return f
}

// blame decides who is behind operations that go another way right after a
// call: the callee when several callers do so, or when it changed itself; else
// the caller.
func (f *flow) blame() {
	var callers []turn
	for _, caller := range slices.Sorted(maps.Keys(f.turns)) {
		after := f.turns[caller].after
		for _, callee := range slices.Sorted(maps.Keys(after)) {
			x := after[callee]
			others, changed := f.alsoAfter(callee, caller), f.changed(callee)
			y := x
			y.strength *= max(doubtful, min(others/x.strength, 1), changed)
			if y.strength > f.after[callee].strength {
				f.after[callee] = y
			}
			if max(others, changed) < slight {
				x.Callee = "" // what the caller does by itself
				x.strength *= 1 - doubtful
				callers = append(callers, x)
			}
		}
	}
	for _, x := range callers {
		f.turns[x.Service].note(x)
	}
}

// alsoAfter is how clearly other callers go another way after the callee.
func (f *flow) alsoAfter(callee, caller string) float64 {
	best := 0.0
	for other, o := range f.turns {
		if other != caller {
			best = max(best, o.after[callee].strength)
		}
	}
	return best
}

// changed is how clearly a component fails or goes another way by itself.
func (f *flow) changed(name string) float64 {
	stops, branches := f.turned(name)
	return max(f.errors[name], stops.strength, branches.strength)
}

// doubtful is how much a single caller says about whom it called last.
const doubtful = 0.3

func (f *flow) addOperation(o evidence.Operation) {
	if o.Now.Count == 0 {
		return
	}
	known := sure(min(o.Now.Count, o.Before.Count))
	f.ops[o.Service] += min(o.Now.Count, o.Before.Count)
	rise := clamp((o.Now.OwnErrors-o.Before.OwnErrors)/failing) * sure(o.Now.Count)
	f.errors[o.Service] = max(f.errors[o.Service], rise)
	if o.Client || o.Before.Count == 0 {
		return
	}
	s := slower{o, grownBy(o.Now.SelfP50, o.Before.SelfP50, o.Before.SelfP95) * known}
	if s.strength > f.own[o.Service].strength {
		f.own[o.Service] = s
	}
}

// failing is the share of failing spans that nobody overlooks.
const failing = 0.3

// slack is the time, in seconds, that nobody calls slow.
const slack = 0.01

// grownBy compares a median with the usual median and with the usual tail, in
// equal parts: 1 from ten times both on, with slack added to all of them.
func grownBy(now, p50, p95 float64) float64 {
	times := func(x float64) float64 { return clamp(math.Log((now+slack)/(x+slack)) / math.Ln10) }
	return (times(p50) + times(p95)) / 2
}

// sure shrinks what rests on few spans.
func sure(n int) float64 { return float64(n) / float64(n+2) }

func clamp(x float64) float64 {
	if !(x > 0) { // NaN as well
		return 0
	}
	return min(x, 1)
}

func (f *flow) names() []string {
	var out []string
	add := func(n string) {
		if n != "" && !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	for n := range f.in {
		add(n)
	}
	for n := range f.out {
		add(n)
	}
	for n := range f.own {
		add(n)
	}
	for n := range f.turns {
		add(n)
	}
	for n := range f.after {
		add(n)
	}
	for n := range f.errors {
		add(n)
	}
	slices.Sort(out)
	return out
}

func meanGap(gs []gap) float64 {
	if len(gs) == 0 {
		return 0
	}
	sum := 0.0
	for _, g := range gs {
		sum += g.strength
	}
	return sum / float64(len(gs))
}

// gapAt is how much the calls at a component wait: those into it, or those out
// of it when it calls several others; one that calls a single other can't be
// told from it.
func (f *flow) gapAt(name string) (in, out float64) {
	in = meanGap(f.in[name])
	if len(f.out[name]) > 1 {
		out = meanGap(f.out[name])
	}
	return in, out
}

// slight is a strength not worth a hypothesis.
const slight = 0.1

func (f *flow) voteGap(name string) {
	in, out := f.gapAt(name)
	if max(in, out) < slight {
		return
	}
	c := f.cs.at(NetworkDelay, name)
	c.vote(fGapIn, in, false, f.id)
	c.vote(fGapOut, out, false, f.id)
	sum := 0.0
	for _, g := range slices.Concat(f.in[name], f.out[name]) {
		sum += g.strength
	}
	c.vote(fGapCover, sum/(f.grown+0.5)*max(in, out), false, f.id)
	c.vote(fBusyInside, f.busy(name), false, f.id)
	worst := slices.MaxFunc(slices.Concat(f.in[name], f.out[name]), func(a, b gap) int { return cmp.Compare(a.strength, b.strength) })
	c.say(2, "Calls from "+worst.Caller+" to "+worst.Callee+" spend "+quantity(worst.Now.GapP50, "s")+
		" between the two, usually "+quantity(worst.Before.GapP50, "s"))
	c.check(f.query)
}

// busy is how clearly the component ran short of CPU; see jumps.
func (f *flow) busy(name string) float64 {
	c, ok := f.cs.find(ExhaustCPU, name)
	if !ok {
		return 0
	}
	return clamp(c.votes[voteKey{fJump, false}].scale)
}

// voteBusy adds to a shortage of CPU that its requests are slow.
func (f *flow) voteBusy(name string) {
	c, ok := f.cs.find(ExhaustCPU, name)
	if !ok {
		return
	}
	in, out := f.gapAt(name)
	c.vote(fJumpSlow, max(in, out, f.own[name].strength), false, f.id)
}

// inside is how much the spans say that the trouble is within a component.
func (f *flow) inside(name string) float64 {
	stops, branches := f.turned(name)
	return max(f.own[name].strength, stops.strength, branches.strength, f.errors[name], f.after[name].strength)
}

func (f *flow) turned(name string) (stops, branches turn) {
	if ts := f.turns[name]; ts != nil {
		return ts.stops, ts.branches
	}
	return turn{}, turn{}
}

func (f *flow) voteInside(name string) {
	if f.inside(name) < slight {
		return
	}
	own, failed, after := f.own[name], f.errors[name], f.after[name]
	stops, branches := f.turned(name)
	c := f.cs.at(f.v.failureOf(f.v.part(name)), name)
	c.vote(fOwnTime, own.strength, false, f.id)
	c.vote(fStops, stops.strength, false, f.id)
	c.vote(fBranches, branches.strength, branches.Log, f.id)
	c.vote(fStopsAfter, after.strength, after.Log, f.id)
	loudest := slices.MaxFunc([]turn{stops, branches, after}, func(a, b turn) int { return cmp.Compare(a.strength, b.strength) })
	c.vote(fAlready, loudest.already*loudest.strength, false, f.id)
	c.vote(fDoesMore, f.more[name]*max(stops.strength, branches.strength), false, f.id)
	c.vote(fOwnErrors, failed, false, f.id)
	c.vote(fCauseBelow, f.below(name), false, f.id)
	switch max(own.strength, stops.strength, branches.strength, after.strength, failed) {
	case stops.strength:
		c.say(3, stops.sentence())
	case branches.strength:
		c.say(3, branches.sentence())
	case after.strength:
		c.say(3, after.sentence())
	case own.strength:
		c.say(2, own.Name+" of "+name+" takes "+quantity(own.Now.SelfP50, "s")+" by itself, usually "+quantity(own.Before.SelfP50, "s"))
	default:
		c.say(2, "Operations of "+name+" fail where nothing that they call fails")
	}
	c.check(f.query)
}

func (f *flow) voteUsual(c *candidate) {
	n := f.ops[c.component]
	if n == 0 {
		return
	}
	in, out := f.gapAt(c.component)
	usual := (1 - clamp(2*max(f.inside(c.component), in, out))) * sure(n)
	switch c.class {
	case DependencyFailure, ExternalProvider:
		c.vote(fSpansUsual, usual, false, f.id)
	case ExhaustCPU:
		c.vote(fBusyUnhurt, usual, false, f.id)
	case Healthy:
		c.vote(fSpansOdd, f.worst(), false, f.id)
	}
}

// worst is how much the spans of any component show.
func (f *flow) worst() float64 {
	worst := 0.0
	for _, n := range f.names() {
		in, out := f.gapAt(n)
		worst = max(worst, f.inside(n), in, out)
	}
	return worst
}

// below is how much what a component calls, directly or not, shows: 1 when
// something below shows clearly and at least as much as the component itself.
func (f *flow) below(name string) float64 {
	mine, worst := f.inside(name), 0.0
	for _, n := range f.reach(name) {
		if n == name || slices.Contains(f.reach(n), name) {
			continue
		}
		in, _ := f.gapAt(n)
		worst = max(worst, f.inside(n), in, f.busy(n))
	}
	if worst == 0 {
		return 0
	}
	return worst * min(worst/mine, 1)
}

// reach lists what a component calls, directly or not, itself first.
func (f *flow) reach(name string) []string {
	out := []string{name}
	for i := 0; i < len(out); i++ {
		for _, n := range f.needs[out[i]] {
			if !slices.Contains(out, n) {
				out = append(out, n)
			}
		}
	}
	return out
}
