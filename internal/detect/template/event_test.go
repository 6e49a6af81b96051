package template_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/detect/template"
)

// event is an Event as text.
type event struct {
	Head, Cause string
	Lines       int
}

func events(text string) []event {
	var j template.Joiner
	var out []event
	keep := func(e template.Event, ok bool) {
		if ok {
			out = append(out, event{string(e.Head), string(e.Cause), e.Lines})
		}
	}
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
		keep(j.Add([]byte(line)))
	}
	keep(j.Flush())
	return out
}

func TestStackTracesAreOneEvent(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		text string
		want []event
	}{
		"lines": {"a\nb\n", []event{{"a", "", 1}, {"b", "", 1}}},
		"Java": {
			"ERROR order 7 failed\njava.lang.IllegalStateException: no stock\n\tat shop.Cart.take(Cart.java:12)\nCaused by: java.net.ConnectException: refused\n\tat shop.Db.open(Db.java:7)\n\t... 3 more\nINFO next\n",
			[]event{{"ERROR order 7 failed", "java.net.ConnectException: refused", 6}, {"INFO next", "", 1}},
		},
		"Python": {
			"ERROR job failed\nTraceback (most recent call last):\n  File \"a.py\", line 3, in run\n    go()\nValueError: no number\nINFO next\n",
			[]event{{"ERROR job failed", "ValueError: no number", 5}, {"INFO next", "", 1}},
		},
		"Go": {
			"panic: index out of range [3]\n\ngoroutine 7 [running]:\nmain.(*server).run(0xc0000)\n\t/src/main.go:12 +0x1d\ncreated by main.main\n\t/src/main.go:3\nexit status 2\nlistening\n",
			[]event{{"panic: index out of range [3]", "", 8}, {"listening", "", 1}},
		},
		"errors one after another": {
			"TimeoutError: a\nTimeoutError: b\nTimeoutError: c\n",
			[]event{{"TimeoutError: a", "", 1}, {"TimeoutError: b", "", 1}, {"TimeoutError: c", "", 1}},
		},
		"printed over several lines": {"config: {\n  \"a\": 1\n}\nready\r\n", []event{{"config: {", "", 3}, {"ready", "", 1}}},
		"levels to the right":        {"ERROR a\n INFO b\n  detail\n WARN c\n", []event{{"ERROR a", "", 1}, {" INFO b", "", 2}, {" WARN c", "", 1}}},
		"all lines are indented":     {"  a\n  b\n  2026-03-01 c\n", []event{{"  a", "", 1}, {"  b", "", 1}, {"  2026-03-01 c", "", 1}}},
		"begins in the middle":       {"\tat shop.Cart.take(Cart.java:12)\nready\n", []event{{"\tat shop.Cart.take(Cart.java:12)", "", 1}, {"ready", "", 1}}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, events(tt.text)); diff != "" {
				t.Errorf("events (-want, +got):\n%s", diff)
			}
		})
	}
}

func TestAnEventHasAnEnd(t *testing.T) {
	t.Parallel()
	got := events("head\n" + strings.Repeat("  more\n", 2500))
	lines := 0
	for _, e := range got {
		lines += e.Lines
	}
	if len(got) != 3 || lines != 2501 {
		t.Errorf("%d events of %d lines, want 3 of 2501", len(got), lines)
	}
}

func FuzzJoiner(f *testing.F) {
	f.Add("a\n\tb\nCaused by: c\nTraceback (most recent call last):\n d\nE: f\ngoroutine 1 [running]:\nx.y(z)\n")
	f.Fuzz(func(t *testing.T, text string) {
		lines := 0
		for _, e := range events(text) {
			lines += e.Lines
		}
		if want := 1 + strings.Count(strings.TrimSuffix(text, "\n"), "\n"); lines != want {
			t.Errorf("events of %d lines, want %d", lines, want)
		}
	})
}
