//go:build bench

// Package bench measures the whole server from outside, as `make bench` prints
// it: the real command, on loopback, with real Prometheus, Alertmanager and Loki
// beside it. Nothing here is part of `make test`; a missed aim is printed and
// fails nothing, a figure that can't be trusted does.
package bench

import "testing"

// TestFigures prints every figure side by side. The parts run one after the
// other: they share the machine.
func TestFigures(t *testing.T) {
	binary := build(t)
	r := &report{}
	for _, part := range []struct {
		name string
		run  func(*testing.T, string, *report)
	}{
		{"startup", startup},
		{"intake", intake},
		{"storm", ride},
		{"verdict", verdict},
	} {
		t.Run(part.name, func(t *testing.T) { part.run(t, binary, r) })
	}
	r.print(t)
}
