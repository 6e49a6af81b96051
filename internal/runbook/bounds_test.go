package runbook_test

import (
	"strings"
	"testing"
	"time"

	"github.com/holdfast-sre/holdfast/internal/runbook"
)

// TestHostileRunbooksEndAtOnce: what would take long to read or to judge is
// refused with its place, within a moment, or takes none.
func TestHostileRunbooksEndAtOnce(t *testing.T) {
	t.Parallel()
	ask := func(promql string) string {
		return "diagnostics: [{name: a, promql: '" + promql + "', capture: a}]"
	}
	when := func(cel string) string { return "escalate_when: ['" + cel + "']" }
	for name, tc := range map[string]struct{ text, want string }{
		"brackets of PromQL":    {ask(strings.Repeat("(", 200_000) + "1"), "x.yaml:4:33: query has 200001 bytes; at most 4000 are sent"},
		"a long sum":            {ask("sum(" + strings.Repeat("a+", 20_000) + "a)"), "x.yaml:4:33: query has 40006 bytes"},
		"signs":                 {ask(strings.Repeat("-", 3_900) + "1"), ""},
		"brackets below limit":  {ask(strings.Repeat("(", 1_900) + "1" + strings.Repeat(")", 1_900)), ""},
		"a subquery":            {ask("max_over_time(up[10y:1ms])"), ""}, // the server's own limits refuse it
		"out of time":           {ask("up @ 1e300"), "x.yaml:4:34: not PromQL: timestamp out of bounds"},
		"brackets of CEL":       {when(strings.Repeat("(", 3_000) + "true" + strings.Repeat(")", 3_000)), "x.yaml:4:18: not a CEL condition: expression code point size exceeds limit"},
		"negations":             {when(strings.Repeat("!", 1_900) + "true"), ""},
		"loops in loops":        {when("incident.services.all(a, incident.services.all(b, incident.services.all(c, a == b && b == c)))"), "x.yaml:4:18: condition may cost"},
		"text that grows":       {when("incident.services.map(a, a + a + a + a + a + a + a).map(b, b + b + b + b + b + b).exists(c, c.contains(c + c))"), "x.yaml:4:18: condition may cost"},
		"an expression of RE2":  {"diagnostics: [{name: a, logs: {service: x, match: '((a{100}){100}){10}', since: 5m}, capture: a}]", "not a usable regular expression"},
		"regions":               {"diagnostics: [{name: a, promql: up, capture: a}]\n" + when(strings.TrimSuffix(strings.Repeat("(facts.a > 1 || facts.a < 2) && ", 60), " && ")), ""},
		"brackets of LogQL":     {"diagnostics: [{name: a, logql: {query: '" + strings.Repeat("(", 1_900) + "{a=\"b\"}', since: 5m}, capture: a}]", "x.yaml:4:141: not a usable query: nested deeper than 100"},
		"brackets of LogsQL":    {"diagnostics: [{name: a, logsql: {query: '" + strings.Repeat("(", 1_900) + "', since: 5m}, capture: a}]", "is not closed"},
		"comments of SQL":       {"diagnostics: [{name: a, sql: '" + strings.Repeat("/*", 1_900) + "', capture: a}]", "x.yaml:4:31: not a read-only question: a comment does not end"},
		"a terminal's commands": {"title: \"a\\e[2Jb\"", "x.yaml:4:8: text has the control character"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			_, err := runbook.Parse("x.yaml", []byte("name: x\napproved: false\ntrigger: {alerts: [A]}\n"+tc.text+"\n"))
			if took := time.Since(began); took > 5*time.Second { // a machine under load; alone it is milliseconds
				t.Errorf("took %s", took)
			}
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("got %.300v, want %q", err, tc.want)
			}
		})
	}
}
