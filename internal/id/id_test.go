package id

import (
	"strings"
	"testing"
	"time"
)

func TestNewSortsByTimeAndNeverRepeats(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	seen := map[string]bool{}
	last := ""
	for i := range 1000 {
		got := New("act", at.Add(time.Duration(i)*time.Millisecond))
		if !strings.HasPrefix(got, "act_") || seen[got] || got <= last {
			t.Fatalf("identifier %q after %q", got, last)
		}
		seen[got], last = true, got
	}
}

func TestOfDependsOnEveryPartAndTheirBorders(t *testing.T) {
	t.Parallel()
	if got, again := Of("ev", "a", "b"), Of("ev", strings.Split("a b", " ")...); got != again {
		t.Errorf("the same parts give %s and %s", got, again)
	}
	seen := map[string]string{}
	for name, got := range map[string]string{"a,b": Of("ev", "a", "b"), "ab": Of("ev", "ab"), "b,a": Of("ev", "b", "a"), "a,b,": Of("ev", "a", "b", "")} {
		if other, twice := seen[got]; twice {
			t.Errorf("%s and %s share %s", name, other, got)
		}
		seen[got] = name
	}
}
