package lines_test

import (
	"testing"

	"github.com/holdfast-sre/holdfast/internal/evidence/lines"
)

func TestStatement(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ message, want string }{
		"a class and a line":            {"INFO  s.o.OrderService#41 [pay][amount: 12]", "s.o.OrderService#41"},
		"a file and a line":             {"order.go:41: paid 12", "order.go:41"},
		"a path":                        {"[internal/pay/order.py:7] paid 12", "internal/pay/order.py:7"},
		"no place: the template":        {"paid 12 in 3 ms", "paid <*> in <*> ms"},
		"a number sign is no place":     {"order #41 paid", "order #<*> paid"},
		"an address is no place":        {"dial db:5432", "dial db:<*>"},
		"empty":                         {"", ""},
		"a place deep in the line only": {"x" + string(make([]byte, 200)) + " a.B#1", lines.Statement("x" + string(make([]byte, 200)) + " a.B#1")},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := lines.Statement(tt.message); got != tt.want {
				t.Errorf("Statement(%q) = %q, want %q", tt.message, got, tt.want)
			}
		})
	}
}
