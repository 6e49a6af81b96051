package traces_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/evidence/spans"
	"github.com/holdfast-sre/holdfast/internal/source/internal/traces"
)

var at = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func span(id, parent string, from, to int) spans.Span {
	return spans.Span{
		Trace: "t", ID: id, Parent: parent, Service: "s", Operation: id,
		Start: at.Add(time.Duration(from) * time.Millisecond), Duration: time.Duration(to-from) * time.Millisecond,
	}
}

func TestCriticalPath(t *testing.T) {
	t.Parallel()
	step := func(id string, own int) traces.Step {
		return traces.Step{Service: "s", Operation: id, Own: time.Duration(own) * time.Millisecond}
	}
	tests := map[string]struct {
		spans []spans.Span
		want  []traces.Step
	}{
		"one after the other": {
			[]spans.Span{span("root", "", 0, 100), span("a", "root", 10, 40), span("b", "root", 50, 90)},
			[]traces.Step{step("root", 30), step("a", 30), step("b", 40)},
		},
		"of two at once the one that ends last": {
			[]spans.Span{span("root", "", 0, 100), span("fast", "root", 10, 40), span("slow", "root", 10, 90)},
			[]traces.Step{step("root", 20), step("slow", 80)},
		},
		"deeper": {
			[]spans.Span{span("root", "", 0, 100), span("a", "root", 0, 100), span("b", "a", 20, 80)},
			[]traces.Step{step("root", 0), step("a", 40), step("b", 60)},
		},
		"a child that outlives its parent is not waited for": {
			[]spans.Span{span("root", "", 0, 100), span("late", "root", 50, 300)},
			[]traces.Step{step("root", 100)},
		},
		"a circle, a double and an orphan": {
			[]spans.Span{span("root", "", 0, 100), span("root", "", 0, 100), span("x", "y", 0, 10), span("y", "x", 0, 10), span("self", "self", 0, 5), span("o", "gone", 0, 9)},
			[]traces.Step{step("root", 100)},
		},
		"nothing": {nil, nil},
	}
	for name, tt := range tests {
		if diff := cmp.Diff(tt.want, traces.CriticalPath(tt.spans, "t")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
