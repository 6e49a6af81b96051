package spans_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/evidence/spans"
)

var start = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)

// sp makes a span from a line: trace id parent service operation from to, the
// times in milliseconds.
func sp(t *testing.T, line string) spans.Span {
	t.Helper()
	var s spans.Span
	var from, to int
	if _, err := fmt.Sscan(line, &s.Trace, &s.ID, &s.Parent, &s.Service, &s.Operation, &from, &to); err != nil {
		t.Fatalf("span %q: %v", line, err)
	}
	if s.Parent == "-" {
		s.Parent = ""
	}
	s.Start = start.Add(time.Duration(from) * time.Millisecond)
	s.Duration = time.Duration(to-from) * time.Millisecond
	return s
}

func parse(t *testing.T, text string) []spans.Span {
	t.Helper()
	var out []spans.Span
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			out = append(out, sp(t, line))
		}
	}
	return out
}

func operation(t *testing.T, sum evidence.Traces, service, name string) evidence.Operation {
	t.Helper()
	for _, o := range sum.Operations {
		if o.Service == service && o.Name == name {
			return o
		}
	}
	t.Fatalf("no operation %s of %s", name, service)
	return evidence.Operation{}
}

var nearly = cmpopts.EquateApprox(0, 1e-9)

func TestExclusiveTimeCountsOverlappingChildrenOnce(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		text string
		want float64 // seconds
	}{
		"children one after the other": {"1 a - web get 0 100\n1 b a web x 10 30\n1 c a web y 40 60", 0.060},
		"children that overlap":        {"1 a - web get 0 100\n1 b a web x 10 50\n1 c a web y 30 60", 0.050},
		"a child in another":           {"1 a - web get 0 100\n1 b a web x 10 90\n1 c a web y 30 60", 0.020},
		"a child that outlives it":     {"1 a - web get 0 100\n1 b a web x 50 300", 0.050},
		"a child that starts after it": {"1 a - web get 0 100\n1 b a web x 150 300", 0.100},
		"a child before it":            {"1 a - web get 0 100\n1 b a web x -50 -10", 0.100},
		"an orphan is nobody's child":  {"1 a - web get 0 100\n1 b z web x 10 90", 0.100},
		"another trace":                {"1 a - web get 0 100\n2 b a web x 10 90", 0.100},
		"its own parent":               {"1 a a web get 0 100", 0.100},
		"a span seen twice":            {"1 a - web get 0 100\n1 b a web x 10 30\n1 b a web x 10 30", 0.080},
		"a cycle":                      {"1 a b web get 0 100\n1 b a web x 0 100", 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sum := spans.Summarise(parse(t, tt.text), nil, spans.Options{})
			got := operation(t, sum, "web", "get").Now.SelfP50
			if diff := cmp.Diff(tt.want, got, nearly); diff != "" {
				t.Errorf("exclusive time (-want +got):\n%s", diff)
			}
		})
	}
}

func TestGapIsWhatTheCalleeDoesNotCover(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		text string
		want evidence.CallStats
	}{
		"client and server span": {
			"1 a - web get 0 100\n1 b a web call 10 90\n1 c b shop serve 20 60",
			evidence.CallStats{Count: 1, PerTrace: 1, P50: 0.08, P95: 0.08, Gaps: 1, GapP50: 0.04, GapP95: 0.04},
		},
		"the callee's clock is behind": {
			"1 a - web get 0 100\n1 b a web call 10 90\n1 c b shop serve -500 -460",
			evidence.CallStats{Count: 1, PerTrace: 1, P50: 0.08, P95: 0.08, Gaps: 1, GapP50: 0.04, GapP95: 0.04},
		},
		"no client span: no gap": {
			"1 a - web get 0 100\n1 b a web work 10 20\n1 c a shop serve 20 60",
			evidence.CallStats{Count: 1, PerTrace: 1, P50: 0.04, P95: 0.04},
		},
		"both sides share an identifier": {
			"1 a - web get 0 100\n1 b a web call 10 90\n1 b a shop serve 20 60",
			evidence.CallStats{Count: 1, PerTrace: 1, P50: 0.08, P95: 0.08, Gaps: 1, GapP50: 0.04, GapP95: 0.04},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sum := spans.Summarise(parse(t, tt.text), nil, spans.Options{})
			if len(sum.Calls) != 1 {
				t.Fatalf("calls: %+v, want one", sum.Calls)
			}
			if diff := cmp.Diff(tt.want, sum.Calls[0].Now, nearly); diff != "" {
				t.Errorf("call (-want +got):\n%s", diff)
			}
		})
	}
}

func TestStepsSayWhatFollows(t *testing.T) {
	t.Parallel()
	before := parse(t, "1 a - shop order 0 100\n1 b a shop check 10 20\n1 c a shop charge 30 90\n1 d c pay serve 40 80")
	now := parse(t, "1 a - shop order 0 100\n1 b a shop check 10 20\n2 a - shop order 0 100\n2 b a shop check 10 20")
	now[0].Events = []spans.Event{{At: start.Add(25 * time.Millisecond), Statement: "refused"}}
	got := spans.Summarise(now, before, spans.Options{}).Steps
	all := evidence.StepStats{Spans: 2, With: 2, Traces: 2, TracesWith: 2}
	was := evidence.StepStats{Spans: 1, With: 1, Traces: 1, TracesWith: 1}
	half := evidence.StepStats{Spans: 2, With: 1, Traces: 2, TracesWith: 1}
	want := []evidence.SpanStep{
		{Service: "shop", After: "order", Begin: true, Next: "check", Now: all, Before: was},
		{Service: "shop", After: "check", Now: half, Before: evidence.StepStats{Spans: 1, Traces: 1}},
		{Service: "shop", After: "check", Next: "refused", Log: true, Now: half, Before: evidence.StepStats{Spans: 1, Traces: 1}},
		{Service: "shop", After: "check", Next: "serve", Now: evidence.StepStats{Spans: 2, Traces: 2}, Before: was},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
}

func TestErrorsBelongToTheDeepest(t *testing.T) {
	t.Parallel()
	now := parse(t, "1 a - web get 0 100\n1 b a web call 10 90\n1 c b shop serve 20 60")
	for i := range now {
		now[i].Error = true
	}
	sum := spans.Summarise(now, nil, spans.Options{})
	for name, want := range map[string][2]float64{"get": {1, 0}, "call": {1, 0}, "serve": {1, 1}} {
		service := "web"
		if name == "serve" {
			service = "shop"
		}
		o := operation(t, sum, service, name)
		if got := [2]float64{o.Now.Errors, o.Now.OwnErrors}; got != want {
			t.Errorf("%s: errors and own errors are %v, want %v", name, got, want)
		}
	}
}

func TestSummaryIsBounded(t *testing.T) {
	t.Parallel()
	var now []spans.Span
	for i := range 100 {
		now = append(now, parse(t, fmt.Sprintf("%d a - s%d o 0 10\n%d b a t%d o 1 9\n%d c a s%d x 2 3", i, i, i, i, i, i))...)
	}
	sum := spans.Summarise(now, nil, spans.Options{MaxOperations: 7, MaxCalls: 5, MaxSteps: 3, MaxExamples: 2})
	got := []int{len(sum.Operations), len(sum.Calls), len(sum.Steps), len(sum.Examples), sum.Now}
	if diff := cmp.Diff([]int{7, 5, 3, 2, 100}, got); diff != "" {
		t.Errorf("operations, calls, steps, examples, traces (-want +got):\n%s", diff)
	}
}

// anySpans makes windows as collectors send them: orphans, cycles, duplicates,
// negative durations and clocks that disagree.
func anySpans(r *rapid.T, label string) []spans.Span {
	one := rapid.Custom(func(r *rapid.T) spans.Span {
		s := spans.Span{
			Trace: rapid.SampledFrom([]string{"", "1", "2"}).Draw(r, "trace"),
			ID:    rapid.SampledFrom([]string{"", "a", "b", "c", "d"}).Draw(r, "id"), Parent: rapid.SampledFrom([]string{"", "a", "b", "c", "z"}).Draw(r, "parent"),
			Service: rapid.SampledFrom([]string{"", "s", "t", "u"}).Draw(r, "service"), Operation: rapid.SampledFrom([]string{"", "x", "y"}).Draw(r, "operation"),
			Start:    start.Add(time.Duration(rapid.Int64Range(-1e9, 1e9).Draw(r, "start"))),
			Duration: time.Duration(rapid.Int64Range(-1e6, 1e9).Draw(r, "duration")),
			Error:    rapid.Bool().Draw(r, "error"), Kind: spans.Kind(rapid.IntRange(0, 5).Draw(r, "kind")),
		}
		if rapid.Bool().Draw(r, "logs") {
			s.Events = []spans.Event{{At: s.Start, Statement: rapid.SampledFrom([]string{"", "e", "f"}).Draw(r, "event")}}
		}
		return s
	})
	return rapid.SliceOfN(one, 0, 12).Draw(r, label)
}

func TestSummaryHoldsForAnySpans(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		now, before := anySpans(r, "now"), anySpans(r, "before")
		got := spans.Summarise(now, before, spans.Options{})
		for _, o := range got.Operations {
			for _, s := range []evidence.SpanStats{o.Now, o.Before} {
				if s.SelfP95 > s.P95 || s.SelfP50 < 0 || s.OwnErrors > s.Errors || s.Errors > 1 || math.IsNaN(s.PerTrace) {
					r.Fatalf("operation %+v", o)
				}
			}
		}
		for _, s := range got.Steps {
			for _, n := range []evidence.StepStats{s.Now, s.Before} {
				if n.With > n.Spans || n.TracesWith > n.Traces || n.Traces > n.Spans {
					r.Fatalf("step %+v", s)
				}
			}
		}
		slices.Reverse(now)
		if diff := cmp.Diff(got, spans.Summarise(now, before, spans.Options{})); diff != "" {
			r.Fatalf("the order of arrival matters:\n%s", diff)
		}
	})
}

func FuzzSummarise(f *testing.F) {
	f.Add("1", "a", "", "web", "get", int64(0), int64(5), "b")
	f.Add("", "", "a", "", "", int64(math.MinInt64), int64(math.MaxInt64), "")
	f.Fuzz(func(t *testing.T, trace, id, parent, service, op string, from, took int64, other string) {
		one := spans.Span{Trace: trace, ID: id, Parent: parent, Service: service, Operation: op, Start: time.Unix(0, from), Duration: time.Duration(took)}
		two := spans.Span{Trace: trace, ID: other, Parent: id, Service: other, Operation: op, Start: time.Unix(0, took), Duration: time.Duration(from)}
		sum := spans.Summarise([]spans.Span{one, two}, []spans.Span{two}, spans.Options{})
		for _, o := range sum.Operations {
			if o.Now.SelfP50 < 0 || o.Now.SelfP50 > o.Now.P50 {
				t.Errorf("operation %+v", o)
			}
		}
	})
}

func BenchmarkSummarise(b *testing.B) {
	for _, n := range []int{1_000, 50_000} {
		b.Run(fmt.Sprintf("spans=%d", n), func(b *testing.B) {
			all := make([]spans.Span, 0, n)
			for i := range n {
				all = append(all, spans.Span{
					Trace: fmt.Sprint(i / 10), ID: fmt.Sprint(i), Parent: fmt.Sprint(i - 1), Service: fmt.Sprint("s", i%10), Operation: "o",
					Start: start.Add(time.Duration(i%10) * time.Millisecond), Duration: time.Duration(20-2*(i%10)) * time.Millisecond,
				})
			}
			b.ReportAllocs()
			for b.Loop() {
				spans.Summarise(all, nil, spans.Options{})
			}
		})
	}
}
