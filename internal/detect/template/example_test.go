package template_test

import (
	"fmt"

	"github.com/holdfast-sre/holdfast/internal/detect/template"
)

// The templates of both windows are mined together; then their lines are counted
// by minute, and what changed is asked.
func Example() {
	m := template.New(0)
	var ids []template.ID
	add := func(format string, args ...any) { ids = append(ids, m.Add(fmt.Appendf(nil, format, args...))) }
	for i := range 700 { // 20 lines a minute
		add("order %d taken in %d ms", i, 5+i%20)
	}
	for i := range 100 { // of the last five minutes
		add("stock of 10.0.3.%d:5432 does not answer", i%20)
	}
	m.Settle()
	var before, now template.Window
	for i, id := range ids {
		switch minute := i / 20; {
		case minute < 30:
			before.Add(m.Current(id), minute)
		default:
			now.Add(m.Current(id), (minute-30)%5)
		}
	}
	for _, s := range template.Shifts(before, now) {
		if s.Score >= 0.5 {
			t, _ := m.Template(s.ID)
			fmt.Printf("%s: %s, %.0f a minute\n", s.Change, t.Text, s.Now)
		}
	}
	// Output:
	// new: stock of <*> does not answer, 20 a minute
}

// The lines of a stack trace are one event, and its first line the one to mine.
func ExampleEvents() {
	lines := [][]byte{
		[]byte("ERROR order 7 failed"), []byte("java.lang.IllegalStateException: no stock"), []byte("\tat shop.Cart.take(Cart.java:12)"), []byte("INFO ready"),
	}
	for _, e := range template.Events(lines) {
		fmt.Printf("%s (%d lines, %q)\n", template.Mask(e.Head), e.Lines, e.Cause)
	}
	// Output:
	// ERROR order <*> failed (3 lines, "java.lang.IllegalStateException: no stock")
	// INFO ready (1 lines, "")
}
