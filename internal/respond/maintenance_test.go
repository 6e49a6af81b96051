package respond_test

import (
	"strings"
	"testing"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/severity"
)

// Announced work is watched: nobody is paged and nothing is done, except that
// SEV-1 goes to people all the same.
func TestAMaintenanceWindowKeepsPeopleAsleep(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		severity severity.Severity
		paged    bool
	}{
		"SEV-3 is watched":                  {severity.SEV3, false},
		"SEV-2 is watched":                  {severity.SEV2, false},
		"SEV-1 goes to people all the same": {severity.SEV1, true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.bounds = boundariesYAML + "maintenance: [{name: move, from: 2020-01-01T00:00:00Z, to: 2100-01-01T00:00:00Z, services: [worker]}]\n"
			st := w.openStore("")
			w.run(st, w.responder(st, nil))
			id := w.open(st, tc.severity)
			w.eventually(st, id, "decided", func(ev incident.Event) bool { return ev.Kind == incident.EventVerdict })
			inc, ins, _ := w.until(st, id, "settled", func(incident.Incident, []action.Intent, []incident.Proposal) bool { return true })
			if len(ins) != 0 || w.restarts != 0 {
				t.Errorf("acted under a maintenance window: %+v", ins)
			}
			if got := len(inc.Paged) > 0; got != tc.paged {
				t.Errorf("paged %v, want %v", got, tc.paged)
			}
			w.eventually(st, id, "explained", func(ev incident.Event) bool {
				return ev.Kind == incident.EventVerdict && (tc.paged || strings.Contains(ev.Text, "maintenance window move"))
			})
		})
	}
}
