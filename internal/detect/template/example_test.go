package template_test

import (
	"fmt"

	"github.com/holdfast-sre/holdfast/internal/detect/template"
)

// Lines are mined as they come and counted by minute; what changed is asked at
// the end of a window.
func Example() {
	m := template.New(0)
	var before, now template.Window
	for minute := range 30 {
		for i := range 20 {
			before.Add(m.Add(fmt.Appendf(nil, "order %d taken in %d ms", 100*minute+i, 5+i)), minute)
		}
	}
	for minute := range 5 {
		for i := range 20 {
			now.Add(m.Add(fmt.Appendf(nil, "order %d taken in %d ms", 100*minute+i, 5+i)), minute)
			now.Add(m.Add(fmt.Appendf(nil, "stock of 10.0.3.%d:5432 does not answer", i)), minute)
		}
	}
	m.Settle()
	for _, s := range template.Shifts(m.Resolve(before), m.Resolve(now)) {
		if s.Score >= 0.5 {
			t, _ := m.Template(s.ID)
			fmt.Printf("%s: %s, %.0f a minute\n", s.Change, t.Text, s.Now)
		}
	}
	// Output:
	// new: stock of <*> does not answer, 20 a minute
}

// The lines of a stack trace are one event, and its first line the one to mine.
func ExampleJoiner() {
	var j template.Joiner
	for _, line := range []string{
		"ERROR order 7 failed", "java.lang.IllegalStateException: no stock", "\tat shop.Cart.take(Cart.java:12)", "INFO ready",
	} {
		if e, ok := j.Add([]byte(line)); ok {
			fmt.Printf("%s (%d lines, %s)\n", template.Mask(e.Head), e.Lines, e.Cause)
		}
	}
	// Output:
	// ERROR order <*> failed (3 lines, java.lang.IllegalStateException: no stock)
}
